//! The server's story and the packets on one time line: the links between the code and the wire.

use crate::lab::outcome::Outcome;
use shoutd::wire::row::Row;
use std::time::{Duration, SystemTime};

/// Entries that are shown. A longer line is cut there.
const MOST: usize = 400;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Since the first packet; negative before it.
    pub seconds: String,
    /// Whether a packet crossed; otherwise the server told of something.
    pub is_packet: bool,
    /// What it was.
    pub text: String,
}

/// Everything in the order in which it happened, and how much is left out. Without packets the server's
/// story is alone, and begins at 0.
pub fn of(outcome: &Outcome) -> (Vec<Moment>, usize) {
    let first_line = outcome.story.first().map(|line| line.time);
    let Some(began) = outcome.captured.as_ref().map(|captured| captured.began).or(first_line) else {
        return (Vec::new(), 0);
    };
    let mut moments: Vec<(SystemTime, bool, String)> = Vec::new();
    for (place, packet) in outcome.packets().iter().enumerate() {
        let row = Row::of(packet, &outcome.conversations.seen[place], &outcome.words[place]);
        let length = if row.length > 0 { format!(" {}", row.length) } else { String::new() };
        let text = format!("{}  {}{length}: {}", row.direction(), row.flags, row.words);
        moments.push((began + packet.time, true, text));
    }
    for line in &outcome.story {
        moments.push((line.time, false, line.text.clone()));
    }
    moments.sort_by_key(|(time, ..)| *time);
    let left_out = moments.len().saturating_sub(MOST);
    moments.truncate(MOST);
    let told = moments.into_iter().map(|(time, is_packet, text)| {
        let seconds = match time.duration_since(began) {
            Ok(since) => clock("", since),
            Err(before) => clock("-", before.duration()),
        };
        Moment { seconds, is_packet, text }
    });
    (told.collect(), left_out)
}

fn clock(sign: &str, time: Duration) -> String {
    format!("{sign}{}.{:06}", time.as_secs(), time.subsec_micros())
}
