//! Captures: read from any bytes, sorted into conversations, put into words, shown, written and read again.
//!
//! Input: the bytes of a file; their number decides how many a read returns.

use shoutd::wire::conversation::Conversations;
use shoutd::wire::packet::Packet;
use shoutd::wire::reader::{Contents, read_from};
use shoutd::wire::style::Style;
use shoutd::wire::{json, ladder, markdown, pcapng, table, words};
use std::io::{self, Read};
use std::time::Duration;

pub fn check(data: &[u8]) {
    let whole = read_from(data, "it");
    let dripped = read_from(Dripping { rest: data, most: data.len() % 7 + 1 }, "it");
    let contents = match (whole, dripped) {
        (Ok(contents), Ok(dripped)) => {
            assert_eq!(contents.packets, dripped.packets);
            assert_eq!(facts(&contents), facts(&dripped));
            contents
        }
        (Err(whole), Err(dripped)) => return assert_eq!(whole.to_string(), dripped.to_string()),
        (whole, dripped) => panic!("{whole:?} at once, {dripped:?} in pieces"),
    };
    let packets = &contents.packets;
    assert!(packets.len() + contents.not_ip + contents.damaged == contents.total, "{contents:?}");
    assert!(packets.windows(2).all(|two| two[0].number < two[1].number));
    assert!(
        packets
            .iter()
            .all(|packet| packet.frame.len() <= packet.frame_length && packet.frame.len() <= data.len())
    );

    let conversations = Conversations::of(packets);
    let mut places: Vec<usize> = conversations.list.iter().flat_map(|one| one.packets.clone()).collect();
    places.sort_unstable();
    assert!(places.into_iter().eq(0..packets.len()), "a packet is in one conversation");
    let words = words::explain(packets, &conversations);
    assert_eq!(words.len(), packets.len());
    show(packets, &conversations, &words, 60 + data.len() % 100);
    round_trip(&contents, &words);
}

fn facts(contents: &Contents) -> (usize, usize, usize, &Option<String>) {
    (contents.total, contents.not_ip, contents.damaged, &contents.broken)
}

/// Returns a few bytes a read, as a pipe may.
struct Dripping<'a> {
    rest: &'a [u8],
    most: usize,
}

impl Read for Dripping<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = self.most.min(into.len());
        self.rest.read(&mut into[..most])
    }
}

/// Nothing of a packet may move the cursor of a terminal, in whatever form it is shown.
fn show(packets: &[Packet], conversations: &Conversations, words: &[String], width: usize) {
    let style = Style::plain(width);
    let mut lines = Vec::new();
    json::write(&mut lines, packets, conversations, words).expect("memory takes everything");
    let lines = String::from_utf8(lines).expect("JSON is UTF-8");
    let value: serde_json::Value = serde_json::from_str(&lines).expect("it is JSON");
    assert_eq!(value["packets"].as_array().map(Vec::len), Some(packets.len()));
    assert_eq!(value["conversations"].as_array().map(Vec::len), Some(conversations.list.len()));
    let texts = [
        lines,
        words.join("\n"),
        table::render(packets, conversations, words, &style),
        ladder::render(packets, conversations, words, &style),
        markdown::render(packets, conversations, words, true),
        markdown::render(packets, conversations, words, false),
    ];
    for text in texts {
        assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
    }
}

/// What is written has the same packets when it is read, and is understood alike.
fn round_trip(contents: &Contents, words: &[String]) {
    let mut written = Vec::new();
    pcapng::write(&mut written, &contents.packets, words, contents.began()).expect("memory takes everything");
    let again = read_from(&written[..], "it").expect("a file of our own");
    assert_eq!((again.packets.len(), &again.broken), (contents.packets.len(), &None));
    // Later than that can't be said in nanoseconds of 64 bits.
    let latest = contents.began().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let sayable =
        contents.packets.iter().all(|p| latest.saturating_add(p.time) < Duration::from_secs(1 << 34));
    for (one, other) in contents.packets.iter().zip(&again.packets) {
        assert_eq!((&one.kind, &one.frame, one.source), (&other.kind, &other.frame, other.source));
        assert_eq!((one.destination, one.frame_length), (other.destination, other.frame_length));
        assert!(one.time == other.time || !sayable, "{one:?} at {:?}", other.time);
    }
}
