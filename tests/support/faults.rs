//! System calls that are held up, or fail, because strace(1) says so.
#![allow(dead_code, reason = "each test file uses its own part of it")]

use crate::support::*;
use std::path::Path;
use std::process::{Command, Stdio};

/// The server with `injection`s into its system calls, as strace's option `-e inject` has them. The calls named by
/// them are written to `trace`. `None` where nothing may be traced.
pub fn with_faults(injections: &[&str], trace: &Path, arguments: &[&str]) -> Option<Command> {
    let probe = Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]).status();
    if !probe.is_ok_and(|status| status.success()) {
        skip("strace is missing, or may not trace");
        return None;
    }
    let plain = command(arguments);
    let mut strace = Command::new("strace");
    // The server is our child and strace is not (-D).
    strace.args(["-D", "-f", "-qq", "-o"]).arg(trace);
    let calls: Vec<&str> = injections.iter().map(|injection| injection.split(':').next().unwrap()).collect();
    strace.args(["-e", &format!("trace={}", calls.join(","))]);
    for injection in injections {
        strace.args(["-e", &format!("inject={injection}")]);
    }
    strace.arg(plain.get_program()).args(plain.get_args()).env_remove("RUST_LOG");
    strace.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Some(strace)
}

/// How many lines of a trace name a call.
pub fn calls(trace: &Path, name: &str) -> usize {
    let text = std::fs::read_to_string(trace).unwrap_or_default();
    text.lines().filter(|line| line.contains(&format!("{name}("))).count()
}
