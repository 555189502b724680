//! `shout lab` on the command line: the list, wrong names, predictions that fail, and every way to keep the
//! results.
#![cfg(feature = "client")]

mod support;
#[path = "support/lab.rs"]
mod support_lab;

use serde_json::Value;
use std::fs;
use std::process::{Command, Stdio};
use support::*;
use support_lab::*;

const NAMES: [&str; 26] = [
    "oneshot",
    "two-messages",
    "until-close",
    "five-bytes",
    "thousandfold",
    "slow-reader",
    "datagram",
    "empty-datagram",
    "tcp-no-server",
    "tcp-wrong-port",
    "udp-no-server",
    "udp-wrong-port",
    "index",
    "image",
    "single-fin",
    "double-fin",
    "redirect",
    "not-found",
    "transfer",
    "half-close",
    "reset",
    "nagle",
    "delayed-ack",
    "window",
    "backlog",
    "udp-truncation",
];

/// Whether packets can be seen here. If not, the caller's test is left out.
fn can_see() -> bool {
    has_seen(&serde_json::from_str(&text(&lab(&["datagram", "--json"]))).unwrap())
}

#[test]
fn the_list_has_every_experiment_with_a_line_about_it() {
    let output = lab(&[]);
    assert_eq!(output.status.code(), Some(0));
    let list = text(&output);
    for name in NAMES {
        let line = list.lines().find(|line| line.trim_start().starts_with(&format!("{name} ")));
        assert!(line.is_some_and(|line| line.len() > name.len() + 20), "{name}: {list}");
    }
    assert_eq!(list.lines().filter(|line| line.starts_with("  ")).count(), NAMES.len(), "{list}");
}

#[test]
fn an_unknown_name_is_wrong_usage_and_the_nearest_is_told() {
    let output = lab(&["onshot"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(text(&output), "");
    let said = errors(&output);
    assert!(said.contains("onshot") && said.contains("the nearest is oneshot"), "{said}");
    let hostile = format!("{}\u{1b}[31m", "x".repeat(100_000));
    let output = lab(&[&hostile]);
    assert_eq!(output.status.code(), Some(2));
    assert!(!errors(&output).contains('\u{1b}'), "the terminal is not for others to control");
}

#[test]
fn with_other_options_of_the_server_the_prediction_fails() {
    if !can_see() {
        return;
    }
    let wrong = [
        ("five-bytes", "read=7", "predicted", "✗ S PSH 5"),
        ("oneshot", "messages=2", "S FIN", "✗ S PSH+FIN 11"),
        ("single-fin", "keep-alive=300ms", "later", "✗ S FIN, 1 s later"),
        ("thousandfold", "repeat=999", "12987", "✗ S PSH 13000"),
        ("not-found", "close-on-error=no", "later", "✗ S PSH+FIN"),
    ];
    for (name, options, measured, row) in wrong {
        let output = lab(&[name, "--server", options]);
        let said = text(&output);
        assert_eq!(output.status.code(), Some(1), "{name}: {said}");
        let rows = said.split("Predicted and measured").nth(1).expect("the comparison");
        assert!(rows.contains(row) && rows.contains(measured), "{name}: {rows}");
        let why = rows.split("\nWhy\n").nth(1).expect("the reasons");
        assert!(why.starts_with("Something went another way than predicted (✗ above)"), "{name}: {why}");
        assert!(said.trim_end().lines().last().unwrap().starts_with("✗ "), "{said}");
    }
    for bad in ["read=0", "speed=3", "keep-alive=5", "close-on-error=perhaps", ""] {
        assert_eq!(lab(&["oneshot", "--server", bad]).status.code(), Some(2), "{bad:?}");
    }
    for (name, options) in [("datagram", "read=5"), ("index", "messages=1"), ("oneshot", "keep-alive=2s")] {
        let output = lab(&[name, "--server", options]);
        assert_eq!(output.status.code(), Some(2), "{name} {options}");
        assert!(errors(&output).contains("no such option"), "{}", errors(&output));
    }
}

#[test]
fn the_report_tells_what_will_happen_what_crossed_and_why() {
    if !can_see() {
        return;
    }
    let output = lab(&["oneshot"]);
    assert_eq!(output.status.code(), Some(0));
    let said = text(&output);
    for part in [
        "What will happen, and why",
        "shoutd --tcp 12000,read=1024,messages=1",
        "FIN PSH ACK",
        "◀",
        "✓ S PSH+FIN 11",
        "\nWhy\nThe reply came ",
        "✓ oneshot: all 7 rows are as predicted",
    ] {
        assert!(said.contains(part), "no {part:?} in {said}");
    }
    assert!(said.lines().all(|line| line.chars().count() <= 100), "{said}");
}

#[test]
fn the_story_of_the_loop_stands_between_the_packets() {
    if !can_see() {
        return;
    }
    let said = text(&lab(&["five-bytes", "--trace"]));
    let story =
        said.split("The server's story").nth(1).unwrap().split("Predicted and measured").next().unwrap();
    let at = |part: &str| story.find(part).unwrap_or_else(|| panic!("no {part:?} in {story}"));
    // The packet of the question, then its being read, then the first reply.
    assert!(at("PSH ACK 20") < at("read 5"), "{story}");
    assert!(at("read 5") < at("PSH ACK 5"), "{story}");
    assert!(at("needs Read") < at("read 5") && at("read 5") < at("wrote 5"), "{story}");
    assert_eq!(story.matches("wrote 5").count(), 4, "{story}");

    let outcome: Value = serde_json::from_str(&text(&lab(&["datagram", "--json", "--trace"]))).unwrap();
    let moments = outcome["story"].as_array().expect("the story").iter();
    let kinds: Vec<bool> = moments.map(|moment| moment["packet"] == true).collect();
    assert!(kinds.iter().filter(|packet| **packet).count() == 2 && kinds.contains(&false), "{outcome}");
}

#[test]
fn the_markdown_has_the_tables_the_ladder_and_the_questions() {
    if !can_see() {
        return;
    }
    let said = text(&lab(&["two-messages", "--markdown"]));
    assert!(said.starts_with("# two-messages\n"), "{said}");
    for part in ["| ✓ | 1 | S PSH+FIN 20 |", "```text\n", "## Questions", "Who sent the first FIN, and why?"]
    {
        assert!(said.contains(part), "no {part:?} in {said}");
    }
}

#[test]
fn the_capture_file_is_read_by_tshark_with_a_comment_on_each_packet() {
    if !can_see() {
        return;
    }
    if Command::new("tshark").arg("--version").output().is_err() {
        return skip("tshark is not installed");
    }
    let folder = Folder::new();
    let file = folder.path().join("two-messages.pcapng");
    let outcome = text(&lab(&["two-messages", "--json", "--pcap", file.to_str().unwrap()]));
    let outcome: Value = serde_json::from_str(&outcome).unwrap();
    let fields = ["frame.number", "tcp.len", "tcp.flags.fin", "frame.comment", "frame.time_relative"];
    let mut tshark = Command::new("tshark");
    // Comments have a comma in them, and -e needs a separator that they don't.
    tshark.args(["-r", file.to_str().unwrap(), "-T", "fields", "-E", "separator=|"]);
    fields.iter().for_each(|field| _ = tshark.args(["-e", field]));
    let output = tshark.stdin(Stdio::null()).output().unwrap();
    let lines = text(&output);
    let packets = outcome["packets"].as_array().unwrap();
    assert_eq!(lines.lines().count(), packets.len(), "{lines}{}", errors(&output));
    for (line, packet) in lines.lines().zip(packets) {
        let values: Vec<&str> = line.split('|').collect();
        assert_eq!(values[0], packet["number"].to_string());
        assert_eq!(values[1], packet["length"].to_string(), "{line}");
        let has_fin = packet["flags"].as_str().unwrap().contains("FIN");
        assert_eq!(["1", "True"].contains(&values[2]), has_fin, "{line}");
        let words = packet["words"].as_str().unwrap();
        assert_eq!(values[3].replace('\\', ""), words.replace('\\', ""), "{line}");
        let apart = values[4].parse::<f64>().unwrap() - packet["time"].as_f64().unwrap();
        assert!(apart.abs() < 1e-5, "{line}");
    }
}

#[test]
fn the_site_stands_by_itself() {
    if !can_see() {
        return;
    }
    let folder = Folder::new();
    let site = folder.path().join("a/site");
    for arguments in [&["redirect"][..], &["redirect", "--to-scale", "--trace"]] {
        let mut arguments = arguments.to_vec();
        arguments.extend(["--html", site.to_str().unwrap()]);
        assert_eq!(lab(&arguments).status.code(), Some(0));
        let index = fs::read_to_string(site.join("index.html")).unwrap();
        assert!(index.contains("href=\"lab-redirect.html\""), "{index}");
        let page = fs::read_to_string(site.join("lab-redirect.html")).unwrap();
        for part in [
            "<svg",
            "<details>",
            "Exchange::answer",
            "Location",
            "prefers-color-scheme: dark",
            "@media print",
        ] {
            assert!(page.contains(part), "no {part:?}");
        }
        for foreign in ["<script", "src=", "url(", "@import", "href=\"http"] {
            assert!(!page.contains(foreign) && !index.contains(foreign), "{foreign}");
        }
        // Two conversations, two pictures; and every element that is opened is closed.
        assert_eq!(page.matches("<svg").count(), 2);
        for element in ["svg", "table", "section", "details", "figure", "small", "g", "text", "div"] {
            let open =
                page.matches(&format!("<{element}>")).count() + page.matches(&format!("<{element} ")).count();
            assert_eq!(open, page.matches(&format!("</{element}>")).count(), "{element}");
        }
    }
}

#[test]
fn what_can_not_be_written_is_told_before_anything_is_run() {
    if !can_see() {
        return;
    }
    for option in ["--html", "--pcap"] {
        let output = lab(&["datagram", option, "/proc/nowhere/file"]);
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(text(&output), "");
        assert!(errors(&output).contains("can't write /proc/nowhere/file"), "{}", errors(&output));
    }
}
