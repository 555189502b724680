//! Predicted against measured, row by row.
//!
//! The packets of each connection are laid beside the prediction, in order. What is predicted and isn't
//! there, what is there and wasn't predicted, a wrong size, a missing PSH, a wrong time: each is a row with
//! a ✗. Without packets nothing can be said of them, and their rows say that.

use super::events::{self, Event};
use super::prediction::{Expect, What};
use shoutd::units::seconds;
use shoutd::wire::conversation::Conversations;
use shoutd::wire::packet::Packet;

/// One line of the comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The connection, from 1 on; 0 where it is about no single one.
    pub connection: usize,
    /// What was predicted.
    pub predicted: String,
    /// What was measured.
    pub measured: String,
    /// Whether they agree.
    pub mark: Mark,
    /// What it means.
    pub note: String,
    /// The packets of it, as places in the list of all.
    pub packets: Vec<usize>,
}

/// Whether prediction and measurement agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// They do.
    Yes,
    /// They don't.
    No,
    /// It need not have come, and didn't.
    Absent,
    /// There was no capture to tell.
    Unseen,
}

impl Mark {
    /// As a sign.
    pub fn sign(self) -> &'static str {
        match self {
            Mark::Yes => "✓",
            Mark::No => "✗",
            Mark::Absent => "–",
            Mark::Unseen => "?",
        }
    }

    /// As a word, for programs.
    pub fn word(self) -> &'static str {
        match self {
            Mark::Yes => "yes",
            Mark::No => "no",
            Mark::Absent => "absent",
            Mark::Unseen => "not seen",
        }
    }

    /// Yes or no.
    pub fn of(agreed: bool) -> Mark {
        if agreed { Mark::Yes } else { Mark::No }
    }
}

type Told<'a> = &'a dyn Fn(&str) -> Option<usize>;

/// The rows of a prediction without a capture.
pub fn unseen(expected: &[Expect], told: Told) -> Vec<Row> {
    let row = |expect: &Expect| Row::of(expect, told, "not seen".to_owned(), Mark::Unseen, Vec::new());
    expected.iter().map(row).collect()
}

/// The rows of a prediction with the packets that were captured.
pub fn compare(
    expected: &[Expect],
    packets: &[Packet],
    conversations: &Conversations,
    told: Told,
) -> Vec<Row> {
    let predicted = expected.iter().map(|expect| expect.connection).max().unwrap_or(0);
    let mut rows = Vec::new();
    for connection in 1..=predicted.max(conversations.list.len()) {
        let events = events::of(connection - 1, packets, conversations);
        let expected = expected.iter().filter(|expect| expect.connection == connection).copied().collect();
        Match { connection, expected, events, at: 0, told }.rows(&mut rows);
    }
    rows
}

/// One connection's prediction beside its events.
struct Match<'a> {
    connection: usize,
    expected: Vec<Expect>,
    events: Vec<Event>,
    /// The event that comes next.
    at: usize,
    told: Told<'a>,
}

impl Match<'_> {
    fn rows(&mut self, rows: &mut Vec<Row>) {
        let mut before = None;
        for place in 0..self.expected.len() {
            let expect = self.expected[place];
            let taken = self.take(place);
            let Some((first, last)) = taken.first().zip(taken.last()) else {
                let (measured, mark) =
                    if expect.maybe { ("did not come", Mark::Absent) } else { ("missing", Mark::No) };
                rows.push(Row::of(&expect, self.told, measured.to_owned(), mark, Vec::new()));
                continue;
            };
            let mut agreed = self.agrees(&expect, &taken);
            let mut measured = text(&taken);
            if let (Some(wait), Some(before)) = (expect.wait, before) {
                let waited = first.time.saturating_sub(before);
                agreed &= wait.is(waited);
                measured = format!("{measured}, {} later", seconds(waited));
            }
            before = Some(last.time);
            let packets = taken.iter().map(|event| event.packet).collect();
            rows.push(Row::of(&expect, self.told, measured, Mark::of(agreed), packets));
        }
        for event in &self.events[self.at.min(self.events.len())..] {
            rows.push(Row {
                connection: self.connection,
                predicted: "nothing more".to_owned(),
                measured: event.text(),
                mark: Mark::No,
                note: "not predicted".to_owned(),
                packets: vec![event.packet],
            });
        }
    }

    /// The events that belong to an expectation: those it describes, or one in its place.
    fn take(&mut self, place: usize) -> Vec<Event> {
        let Some(next) = self.events.get(self.at).copied() else { return Vec::new() };
        let expect = self.expected[place];
        if !expect.is(&next, self.told) {
            // What comes is something later, or this one may be missing: then this one is.
            let later = self.expected[place + 1..].iter().any(|later| later.is(&next, self.told));
            if later || expect.maybe {
                return Vec::new();
            }
        }
        self.at += 1;
        let mut taken = vec![next];
        if let What::Bytes(size) = expect.what {
            let most = size.bytes(self.told).unwrap_or(usize::MAX);
            let mut sum = next.fresh;
            while let Some(event) = self.events.get(self.at)
                && expect.is(event, self.told)
                && sum + event.fresh <= most
            {
                sum += event.fresh;
                taken.push(*event);
                self.at += 1;
            }
        }
        taken
    }

    fn agrees(&self, expect: &Expect, taken: &[Event]) -> bool {
        let sum = taken.iter().map(|event| event.fresh).sum();
        let all = match expect.what {
            What::Bytes(size) => size.bytes(self.told) == Some(sum),
            _ => true,
        };
        all && taken.iter().all(|event| expect.is(event, self.told))
    }
}

fn text(taken: &[Event]) -> String {
    match taken {
        [event] => event.text(),
        [first, ..] => {
            let side = if first.from_client { "C" } else { "S" };
            let sum: usize = taken.iter().map(|event| event.fresh).sum();
            format!("{side} {sum} in {} segments", taken.len())
        }
        [] => String::new(),
    }
}

impl Row {
    fn of(expect: &Expect, told: Told, measured: String, mark: Mark, packets: Vec<usize>) -> Row {
        Row {
            connection: expect.connection,
            predicted: expect.text(told),
            measured,
            mark,
            note: expect.note.to_owned(),
            packets,
        }
    }

    /// A row about something that isn't a packet.
    pub fn check(predicted: impl Into<String>, measured: impl Into<String>, mark: Mark) -> Row {
        Row {
            connection: 0,
            predicted: predicted.into(),
            measured: measured.into(),
            mark,
            note: String::new(),
            packets: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;
