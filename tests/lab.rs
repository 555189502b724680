//! Every experiment, run with a real capture, against what the experiments say: written here once more, as
//! text, so that a prediction in the program that was wrong would be noticed.
#![cfg(feature = "client")]

mod support;
#[path = "support/lab.rs"]
mod support_lab;

use serde_json::Value;
use support_lab::*;

/// The experiments with what crosses in each. `N` stands for a size that is the server's or the browser's
/// choice of words, and `…` for any number of packets with data from the same side.
const EXPERIMENTS: [(&str, &str); 25] = [
    ("oneshot", "C SYN, S SYN, C PSH 11, S PSH+FIN 11, C FIN"),
    ("two-messages", "C SYN, S SYN, C PSH 33, S PSH 33, C PSH 20, S PSH+FIN 20, C FIN"),
    ("until-close", "C SYN, S SYN, C PSH 13, S PSH 13, C FIN, S FIN"),
    ("five-bytes", "C SYN, S SYN, C PSH 20, S PSH 5, S PSH 5, S PSH 5, S PSH 5, C FIN, S FIN"),
    ("thousandfold", "C SYN, S SYN, C PSH 13, S PSH 13000, C FIN, S FIN"),
    ("slow-reader", "C SYN, S SYN, C …, S PSH 520, C FIN, S FIN"),
    ("datagram", "C UDP 11, S UDP 11"),
    ("empty-datagram", "C UDP 0, S UDP 0"),
    ("tcp-no-server", "C SYN, S RST"),
    ("tcp-wrong-port", "C SYN, S RST"),
    ("udp-no-server", "C UDP 11, S icmp, C UDP 16, S UDP 16"),
    ("udp-wrong-port", "C UDP 11, S icmp"),
    ("index", "C SYN, S SYN, C PSH N, S PSH N, C PSH N, S PSH N, S FIN, C FIN"),
    ("image", "C SYN, S SYN, C PSH N, S …, S FIN, C FIN"),
    ("single-fin", "C SYN, S SYN, C PSH N, S PSH N, C PSH N, S PSH N, S FIN, C FIN"),
    (
        "double-fin",
        "C SYN, S SYN, C PSH N, S PSH N, S FIN, C FIN; C SYN, S SYN, C PSH N, S PSH N, S FIN, C FIN",
    ),
    ("redirect", "C SYN, S SYN, C PSH N, S PSH+FIN N, C FIN; C SYN, S SYN, C PSH N, S PSH N, S FIN, C FIN"),
    ("not-found", "C SYN, S SYN, C PSH N, S PSH+FIN N, C FIN; C SYN, S SYN, S FIN, C FIN"),
    ("half-close", "C SYN, S SYN, C PSH 13, C FIN, S PSH 13, S FIN"),
    ("reset", "C SYN, S SYN, C PSH 13, S PSH 13, C RST"),
    ("udp-truncation", "C UDP 26, S UDP 26, C UDP 4, S UDP 4"),
    (
        "nagle",
        "C SYN, S SYN, C PSH 1, C PSH 3, C FIN, S FIN; \
         C SYN, S SYN, C PSH 1, C PSH 1, C PSH 1, C PSH 1, C FIN, S FIN",
    ),
    ("delayed-ack", "C SYN, S SYN, C PSH 5, S PSH 5, C FIN, S FIN; C SYN, S SYN, C PSH 5, C FIN, S FIN"),
    ("window", "C SYN, S SYN, C PSH 100, S …, C FIN, S FIN"),
    ("backlog", "C SYN, S SYN, C FIN, S FIN; C SYN, S SYN, C FIN, S FIN; C SYN, C SYN, S SYN, C FIN, S FIN"),
];

/// Experiments in which the server closes a second after its last reply or the handshake.
const A_SECOND: [&str; 6] = ["index", "image", "single-fin", "double-fin", "redirect", "not-found"];

/// Whether what crossed is what was said, packet by packet.
fn fits(seen: &str, said: &str) -> bool {
    let conversations = |text: &str| text.split("; ").map(str::to_owned).collect::<Vec<_>>();
    let (seen, said) = (conversations(seen), conversations(said));
    seen.len() == said.len() && seen.iter().zip(&said).all(|(seen, said)| one_fits(seen, said))
}

fn one_fits(seen: &str, said: &str) -> bool {
    let mut seen = seen.split(", ").filter(|word| !word.is_empty()).peekable();
    for word in said.split(", ") {
        if let Some(side) = word.strip_suffix(" …") {
            let mut count = 0;
            while seen.next_if(|seen| seen.starts_with(side) && seen.ends_with(char::is_numeric)).is_some() {
                count += 1;
            }
            if count == 0 {
                return false;
            }
            continue;
        }
        let agrees = |seen: &str| match word.strip_suffix(" N") {
            Some(flags) => seen.rsplit_once(' ').is_some_and(|(start, size)| {
                start == flags && size.parse().is_ok_and(|size: usize| size > 0)
            }),
            None => seen == word,
        };
        if !seen.next().is_some_and(agrees) {
            return false;
        }
    }
    seen.next().is_none()
}

/// Seconds between the server's first FIN of a conversation and the packet that says something before it.
fn before_fin(outcome: &Value, conversation: usize) -> Option<f64> {
    let mut before = 0.0;
    for packet in outcome["packets"].as_array()? {
        let flags = packet["flags"].as_str()?;
        if packet["conversation"] != conversation || packet["from"] != "server" {
            continue;
        }
        if flags.contains("FIN") {
            return Some(packet["time"].as_f64()? - before);
        }
        if flags.contains("SYN") || packet["length"] != 0 {
            before = packet["time"].as_f64()?;
        }
    }
    None
}

#[test]
fn the_words_for_packets_are_compared_packet_by_packet() {
    assert!(fits("C SYN, S PSH 10, S PSH 20", "C SYN, S …"));
    assert!(fits("C PSH 12", "C PSH N"));
    assert!(!fits("C PSH+FIN 12", "C PSH N"));
    assert!(!fits("C SYN, S PSH 10, C FIN", "C SYN, S PSH 10"));
    assert!(!fits("C SYN", "C SYN, S …"));
    assert!(!fits("C SYN", "C SYN; C SYN"));
}

#[test]
fn every_experiment_shows_the_packets_that_the_experiments_say() {
    let output = lab(&["all", "--json"]);
    let lines = text(&output);
    let outcomes: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    assert_eq!(outcomes.len(), EXPERIMENTS.len() + 1, "{}", errors(&output));
    if !has_seen(&outcomes[0]) {
        return;
    }
    for (name, said) in EXPERIMENTS {
        let outcome = outcomes.iter().find(|outcome| outcome["experiment"] == name).expect(name);
        let seen = written(outcome);
        assert!(fits(&seen, said), "{name}: {seen}");
        assert_eq!(outcome["agrees"], true, "{name}: {}", outcome["rows"]);
        assert_eq!(outcome["dropped"], 0, "{name}");
    }
    for name in A_SECOND {
        let outcome = outcomes.iter().find(|outcome| outcome["experiment"] == name).expect(name);
        let last = outcome["conversations"].as_array().unwrap().len() - 1;
        let waited = before_fin(outcome, last).expect("the server's FIN");
        assert!((0.95..4.0).contains(&waited), "{name}: {waited} s");
    }
    let named = |name: &str| outcomes.iter().find(|outcome| outcome["experiment"] == name).unwrap();
    the_slow_reader_waits(named("slow-reader"));
    transfer_is_right(named("transfer"));
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
}

/// The one reply comes five seconds after the four messages, and not in pieces.
fn the_slow_reader_waits(outcome: &Value) {
    let packets = outcome["packets"].as_array().unwrap();
    let mut replies = packets.iter().filter(|packet| packet["from"] == "server" && packet["length"] != 0);
    let reply = replies.next().expect("a reply");
    assert_eq!(reply["length"], 520);
    assert!(replies.next().is_none(), "one reply");
    let at = reply["time"].as_f64().unwrap();
    assert!((4.75..9.0).contains(&at), "{at}");
}

/// The figures of `transfer`, counted again from the packets.
fn transfer_is_right(outcome: &Value) {
    assert_eq!(outcome["agrees"], true, "{}", outcome["rows"]);
    let figures = outcome["transfers"].as_array().unwrap();
    let sizes: Vec<u64> = figures.iter().map(|figure| figure["size"].as_u64().unwrap()).collect();
    assert_eq!(sizes, [13, 2_000, 439_000, 1_000_000, 10_000_000, 100_000_000]);
    let packets = outcome["packets"].as_array().unwrap();
    for (place, figure) in figures.iter().enumerate() {
        let own = || packets.iter().filter(|packet| packet["conversation"] == place);
        let count = |side: &str| own().filter(|packet| packet["from"] == side).count() as u64;
        assert_eq!(figure["packets_sent"], count("client"));
        assert_eq!(figure["packets_received"], count("server"));
        let bytes = outcome["conversations"][place]["server_bytes"].as_u64().unwrap();
        let head = bytes - sizes[place];
        assert!((100..1000).contains(&head), "{} bytes of file {place}: {bytes}", sizes[place]);
    }
    assert_eq!(figures.len(), outcome["conversations"].as_array().unwrap().len());
}
