//! `shout lab`, run as a user runs it.
#![allow(dead_code, reason = "each test file uses its own part of it")]

use crate::support::*;
use serde_json::Value;
use std::process::{Command, Output, Stdio};

/// Runs `shout lab` with these arguments.
pub fn lab(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shout"));
    command.arg("lab").args(arguments).stdin(Stdio::null());
    command.output().expect("shout can be run")
}

/// What a program said on standard output.
pub fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text in UTF-8")
}

/// What a program said on standard error.
pub fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Whether the lab could see packets. If not, the test is left out.
pub fn has_seen(outcome: &Value) -> bool {
    let seen = outcome["captured"] == true;
    if !seen {
        skip("neither a network namespace nor CAP_NET_RAW");
    }
    seen
}

/// The packets of each conversation as the experiments write them, bare acknowledgements left out: those
/// of one conversation with commas, and conversations with semicolons between them.
pub fn written(outcome: &Value) -> String {
    let conversations = outcome["conversations"].as_array().expect("conversations");
    let mut texts = vec![Vec::new(); conversations.len()];
    for packet in outcome["packets"].as_array().expect("packets") {
        let conversation = packet["conversation"].as_u64().unwrap() as usize;
        texts[conversation].extend(word(packet));
    }
    texts.iter().map(|words| words.join(", ")).collect::<Vec<_>>().join("; ")
}

fn word(packet: &Value) -> Option<String> {
    let side = if packet["from"] == "client" { "C" } else { "S" };
    let length = packet["length"].as_u64().unwrap();
    let flags = packet["flags"].as_str().unwrap_or_default();
    let what = match packet["protocol"].as_str().unwrap() {
        "udp" => format!("UDP {length}"),
        "tcp" => {
            let names: Vec<&str> =
                ["SYN", "RST", "PSH", "FIN"].into_iter().filter(|name| flags.contains(name)).collect();
            match (names.join("+"), length) {
                (names, 0) if names.is_empty() => return None,
                (names, 0) => names,
                (names, length) => format!("{names} {length}"),
            }
        }
        other => other.to_owned(),
    };
    Some(format!("{side} {what}"))
}
