//! Faults of the file system, made by strace(1): system calls of a running server fail as they are told to.
#![allow(dead_code, reason = "each test file uses its own part of it")]

use crate::support::*;
use std::io::{BufRead, BufReader};
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
