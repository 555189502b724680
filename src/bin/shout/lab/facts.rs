//! What was found in a run, for those who judge and explain it.

use super::events::{self, Event};
use super::stage::Transfer;
use super::verdict::{Mark, Row};
use shoutd::units::seconds;
use shoutd::wire::conversation::{Conversations, Seen};
use shoutd::wire::packet::Packet;
use std::time::Duration;

/// What was found.
pub struct Facts<'a> {
    /// The rows so far: the packets', then the client's.
    pub rows: Vec<Row>,
    /// The packets; none without a capture.
    pub packets: &'a [Packet],
    /// Who talked to whom.
    pub conversations: &'a Conversations,
    /// What the client has told.
    pub told: &'a dyn Fn(&str) -> Option<usize>,
    /// Whether there was a capture.
    pub captured: bool,
    /// What `transfer` has found.
    pub transfers: &'a [Transfer],
}

impl Facts<'_> {
    /// Adds a row about the packets. Without a capture it can't be judged.
    pub fn judge(&mut self, predicted: &str, measured: impl Into<String>, agreed: bool) {
        let row = if self.captured {
            Row::check(predicted, measured, Mark::of(agreed))
        } else {
            Row::check(predicted, "not seen", Mark::Unseen)
        };
        self.rows.push(row);
    }

    /// The events of a connection, from 1 on.
    pub fn events(&self, connection: usize) -> Vec<Event> {
        events::of(connection - 1, self.packets, self.conversations)
    }

    /// The packets of a connection, bare acknowledgements included, with what each is in it.
    pub fn all(&self, connection: usize) -> impl Iterator<Item = (&Packet, &Seen)> {
        let found = self.conversations.list.get(connection - 1);
        let places = found.map_or(&[][..], |conversation| &conversation.packets);
        places.iter().map(|place| (&self.packets[*place], &self.conversations.seen[*place]))
    }

    /// The `n`th event of a connection, both from 1 on, and how long after the one before it came.
    pub fn waited(&self, connection: usize, n: usize) -> Option<Duration> {
        let events = self.events(connection);
        Some(events.get(n.checked_sub(1)?)?.time.saturating_sub(events.get(n.checked_sub(2)?)?.time))
    }

    /// The same in words, or `otherwise` where it wasn't seen, or where another packet than the predicted one came in
    /// its place.
    pub fn after(&self, connection: usize, n: usize, otherwise: &str) -> String {
        let mut rows = self.rows.iter().filter(|row| row.connection == connection);
        let is_another = rows.nth(n.saturating_sub(1)).is_some_and(|row| row.mark == Mark::No);
        let waited = self.waited(connection, n).filter(|_| !is_another);
        waited.map_or(otherwise.to_owned(), seconds)
    }

    /// How many packets crossed, bare acknowledgements included, in words.
    pub fn count(&self) -> String {
        match self.packets.len() {
            0 => "the packets (none was captured)".to_owned(),
            1 => "the one packet".to_owned(),
            count => format!("the {count} packets"),
        }
    }

    /// A number that was told, in words.
    pub fn bytes(&self, name: &str) -> String {
        (self.told)(name).map_or("?".to_owned(), |bytes| bytes.to_string())
    }
}
