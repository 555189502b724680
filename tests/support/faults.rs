//! System calls that are held up, or fail, because strace(1) says so.
#![allow(dead_code, reason = "each test file uses its own part of it")]

use crate::support::*;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

/// Has calls of a server fail as `fault` says in the words of strace (`getdents64:error=EINTR:when=1`), as long as
/// the handle lives. `None`, and said, where it can't be made.
pub fn fault(server: &Shoutd, fault: &str) -> Option<Killed> {
    let call = fault.split(':').next().unwrap();
    let mut strace = Command::new("strace");
    strace.args(["-p", &server.pid().to_string(), "-o", "/dev/null"]);
    strace.args(["-e", &format!("trace={call}"), "-e", &format!("inject={fault}")]);
    let strace = strace.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut strace = match strace {
        Ok(strace) => Killed(strace),
        Err(error) => {
            skip(&format!("strace: {error}"));
            return None;
        }
    };
    let mut said = String::new();
    let mut stderr = BufReader::new(strace.0.stderr.take().unwrap());
    while !said.contains("attached") {
        if stderr.read_line(&mut said).unwrap() == 0 {
            skip(&format!("strace: {said}"));
            return None;
        }
    }
    Some(strace)
}

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
