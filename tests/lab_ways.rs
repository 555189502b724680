//! `shout lab` on the command line: the list, wrong names, predictions that fail, and every way to keep the
//! results.
#![cfg(feature = "client")]

mod support;
#[path = "support/lab.rs"]
mod support_lab;

use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
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
    assert!(errors(&lab(&["al"])).contains("the nearest is all"));
    assert!(!errors(&lab(&["photosynthesis"])).contains("nearest"), "none is near");
    assert!(errors(&lab(&["ALL"])).contains("the nearest is all"));
    assert!(errors(&lab(&["Oneshot"])).contains("the nearest is oneshot"));
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
fn every_command_that_is_shown_has_the_options_of_the_server() {
    if !can_see() {
        return;
    }
    let folder = Folder::new();
    for (name, options, server) in [
        ("five-bytes", "read=7,messages=9", "shoutd --tcp 12000,read=7,messages=9"),
        ("not-found", "close-on-error=no,keep-alive=300ms", "shoutd --http 8080 --keep-alive 300ms"),
    ] {
        let run = |more: &[&str]| text(&lab(&[&[name, "--server", options], more].concat()));
        assert!(run(&[]).contains(&format!("server      {server}\n")), "{}", run(&[]));
        let again = format!("shout lab {name} --server {options}");
        let markdown = run(&["--markdown"]);
        assert!(markdown.contains(&format!("`{server}`\n")), "{markdown}");
        assert!(markdown.contains(&format!("`{again}`\n")), "{markdown}");
        run(&["--html", folder.as_str()]);
        let page = fs::read_to_string(folder.path().join(format!("lab-{name}.html"))).unwrap();
        assert!(page.contains(&format!("<code>{server}</code>")), "{page}");
        assert!(page.contains(&format!("Do it yourself: <code>{again}</code>")), "{page}");
    }
}

#[test]
fn two_seconds_apart_is_two_seconds_apart_whatever_the_server_does() {
    if !can_see() {
        return;
    }
    for (options, connections) in [("keep-alive=5s", 1), ("keep-alive=100ms", 2)] {
        let outcome = text(&lab(&["double-fin", "--json", "--server", options]));
        let outcome: Value = serde_json::from_str(&outcome).unwrap();
        assert_eq!(outcome["conversations"].as_array().unwrap().len(), connections, "{options}");
        let packets = outcome["packets"].as_array().unwrap().iter();
        let requests: Vec<f64> = packets
            .filter(|packet| packet["from"] == "client" && packet["length"] != 0)
            .map(|packet| packet["time"].as_f64().unwrap())
            .collect();
        assert_eq!(requests.len(), 2, "{options}");
        let apart = requests[1] - requests[0];
        assert!((1.95..4.0).contains(&apart), "{options}: {apart} s");
    }
}

#[test]
fn the_prediction_stands_there_before_the_waiting() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shout"));
    command.args(["lab", "double-fin"]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let start = Instant::now();
    let mut child = Killed(command.spawn().unwrap());
    let mut lines = BufReader::new(child.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line == "It waits on purpose: 2.00 s in all at least."));
    let told = start.elapsed();
    assert!(lines.any(|line| line == "Predicted and measured"));
    // The second request comes two seconds after the first.
    assert!(start.elapsed() - told > Duration::from_millis(1500), "{told:?} of {:?}", start.elapsed());
}

#[test]
fn on_a_terminal_it_shows_that_it_runs() {
    let shout = env!("CARGO_BIN_EXE_shout");
    let mut script = Command::new("script");
    script.args(["-qec", &format!("{shout} lab double-fin >/dev/null"), "/dev/null"]);
    let Ok(output) = script.stdin(Stdio::null()).output() else {
        return skip("script is missing");
    };
    let said = text(&output);
    assert!(said.contains("double-fin runs, and waits 2.00 s at least:"), "{said:?}");
}

#[test]
fn a_site_that_is_there_keeps_its_other_pages() {
    if !can_see() {
        return;
    }
    let folder = Folder::new();
    let run = |arguments: &[&str]| lab(&[arguments, &["--html", folder.as_str()]].concat()).status.code();
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(run(&["oneshot"]), Some(0));
    assert_eq!(run(&["five-bytes", "--server", "read=7"]), Some(1));
    let first = read("lab-oneshot.html");
    // A page of others, and one that says something strange of itself.
    folder.write("lab-mine.html", "mine");
    folder.write("lab-reset.html", "<meta name=\"shout-lab\" content=\"yes <script> 1\">");
    assert_eq!(run(&["datagram"]), Some(0));
    let index = read("index.html");
    for (name, sign) in [("oneshot", "✓"), ("five-bytes", "✗"), ("datagram", "✓"), ("reset", "?")] {
        let line =
            index.lines().find(|line| line.contains(&format!("href=\"lab-{name}.html\""))).expect(name);
        assert!(line.contains(sign), "{line}");
        assert!(name == "reset" || line.contains(" packets, "), "{line}");
    }
    assert!(index.contains("2 of 4 experiments as predicted"), "{index}");
    assert!(!index.contains("lab-mine") && !index.contains("<script"), "{index}");
    assert_eq!(read("lab-oneshot.html"), first, "a page that was there is left alone");
    let page = read("lab-datagram.html");
    assert!(
        page.contains("href=\"lab-five-bytes.html\">← ") && page.contains("href=\"lab-reset.html\">"),
        "{page}"
    );
}

#[test]
fn no_arrow_of_a_picture_to_scale_stands_on_the_row_of_another_packet() {
    if !can_see() {
        return;
    }
    let folder = Folder::new();
    // One pause of a second, and everything else within a millisecond.
    lab(&["single-fin", "--to-scale", "--html", folder.as_str()]);
    let page = fs::read_to_string(folder.path().join("lab-single-fin.html")).unwrap();
    let number = |text: &str, before: &str| -> f64 {
        let rest = text.split(before).nth(1).unwrap_or_else(|| panic!("no {before} in {text}"));
        rest.split(|c: char| c != '.' && !c.is_ascii_digit()).next().unwrap().parse().unwrap()
    };
    let mut below = 0.0;
    let mut starts = Vec::new();
    let svg = page.split("<svg").nth(1).unwrap().split("</svg>").next().unwrap();
    for arrow in svg.split("<g>").skip(1) {
        let path = arrow.split(" d=\"M").nth(1).unwrap().split("/>").next().unwrap();
        let (start, end) = (number(path, " "), number(path.split('L').nth(1).unwrap(), " "));
        assert!(start > below, "an arrow from {start} to {end} begins above the end of the last, {below}");
        // Its texts are its own: they stand between the last arrow and this one's end, and a line below it.
        let rows = arrow.split("<text").skip(1).map(|text| number(text, " y=\""));
        rows.for_each(|row| assert!(row > below && row < start + 30.0, "{row} beside {start}"));
        below = start.max(end);
        starts.push(start);
    }
    assert!(starts.len() >= 10, "{starts:?}");
    // The pause of 0.1 s is a tenth of that of 1 s.
    let gaps: Vec<f64> = starts.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let least = gaps.iter().copied().fold(f64::MAX, f64::min);
    let mut long: Vec<f64> = gaps.iter().map(|gap| gap - least).collect();
    long.sort_by(f64::total_cmp);
    let (second, tenth) = (long[long.len() - 1], long[long.len() - 2]);
    assert!((8.0..12.5).contains(&(second / tenth)), "{gaps:?}");
}

#[test]
fn every_word_of_a_packet_is_beside_its_arrow() {
    if !can_see() {
        return;
    }
    let folder = Folder::new();
    for arguments in [&["redirect"][..], &["redirect", "--to-scale"]] {
        lab(&[arguments, &["--html", folder.as_str()]].concat());
        let page = fs::read_to_string(folder.path().join("lab-redirect.html")).unwrap();
        for arrow in page.split("<g><title>").skip(1) {
            let (title, rest) = arrow.split_once("</title>").unwrap();
            let words = rest.split("</g>").next().unwrap().split("<text class=\"words\"").skip(1);
            let words: Vec<&str> =
                words.map(|text| text.split('>').nth(1).unwrap().trim_end_matches("</text")).collect();
            assert_eq!(title.split_once(": ").unwrap().1, words.join(" "));
        }
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
        // On a narrow screen no column is left out: only headings, what is empty, and the words of pictures, which
        // are in the table too.
        let hidden = page.split("@media (max-width").nth(1).unwrap().split("@media").next().unwrap().lines();
        for line in
            hidden.flat_map(|line| line.split_inclusive('}')).filter(|rule| rule.contains("display: none"))
        {
            let selector = line.split('{').next().unwrap().trim();
            assert!(["svg .words", "tr:first-child", ".packets td:empty"].contains(&selector), "{line}");
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

#[test]
fn a_reader_who_has_gone_changes_nothing_of_the_verdict() {
    if !can_see() {
        return;
    }
    for (words, status) in [
        (&["oneshot"][..], 0),
        (&["oneshot", "--json"], 0),
        (&["oneshot", "--markdown"], 0),
        (&["oneshot", "--json", "--server", "messages=2"], 1),
        (&["oneshot", "--server", "messages=2"], 1),
        (&["all"], 0),
        (&[], 0),
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = Command::new(env!("CARGO_BIN_EXE_shout"));
        let output = command.arg("lab").args(words).stdin(Stdio::null()).stdout(writer).output().unwrap();
        assert_eq!((output.status.code(), errors(&output).as_str()), (Some(status), ""), "{words:?}");
    }
}

#[test]
fn with_other_options_no_wait_is_promised() {
    if !can_see() {
        return;
    }
    for (name, options) in
        [("slow-reader", "read=7"), ("half-close", "read=7"), ("double-fin", "keep-alive=3s")]
    {
        let output = lab(&[name, "--server", options]);
        let said = text(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(!said.contains("on purpose"), "{said}");
        // Nor is a packet that came in another's place said to be that one.
        assert!(
            name != "double-fin" || said.replace('\n', " ").contains("connection was closed a second after"),
            "{said}"
        );
    }
}

#[test]
fn an_index_of_somebody_else_is_not_replaced() {
    if !can_see() {
        return;
    }
    let folder = Folder::new();
    let index = folder.path().join("index.html");
    fs::write(&index, "<h1>My own</h1>").unwrap();
    let output = lab(&["datagram", "--html", folder.as_str()]);
    assert_eq!((output.status.code(), text(&output).as_str()), (Some(1), ""));
    assert!(errors(&output).contains("shout lab has not made it"), "{}", errors(&output));
    assert_eq!(fs::read_to_string(&index).unwrap(), "<h1>My own</h1>");
    fs::remove_file(&index).unwrap();
    for name in ["datagram", "oneshot"] {
        let output = lab(&[name, "--html", folder.as_str()]);
        assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    }
    assert!(fs::read_to_string(&index).unwrap().contains("name=\"generator\" content=\"shout lab\""));
}
