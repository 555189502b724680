//! A stream that comes back, held against what was sent: what to say at the end if it is wrong.

use super::window::{Difference, Window};
use crate::client::awaited::{other_service, spoke_first};
use shoutd::trouble::{Trouble, quoted};
use std::fmt::Display;

/// Bytes of what came that are kept, to be looked at where it is wrong.
const START: usize = 1024;

/// What has come so far.
#[derive(Default)]
pub struct Comparison {
    received: u64,
    start: Vec<u8>,
    wrong: Option<Wrong>,
}

struct Wrong {
    difference: Difference,
    /// Nothing had been sent when it came.
    is_unasked: bool,
    /// What came there.
    came: Vec<u8>,
}

impl Comparison {
    /// Compares what has just been received, until something was wrong.
    pub fn take(&mut self, came: &[u8], owed: &mut Window) {
        keep(&mut self.start, came);
        let before = self.received;
        self.received += came.len() as u64;
        if let Some(wrong) = &mut self.wrong {
            keep(&mut wrong.came, came);
        } else if let Err(difference) = owed.compare(came) {
            let place = usize::try_from(difference.place() - before).unwrap_or(0);
            let mut wrong = Wrong { difference, is_unasked: owed.is_unused(), came: Vec::new() };
            keep(&mut wrong.came, &came[place..]);
            self.wrong = Some(wrong);
        }
    }

    /// Whether something was wrong.
    pub fn is_wrong(&self) -> bool {
        self.wrong.is_some()
    }

    /// What was wrong, after so many bytes were sent.
    pub fn trouble(&self, peer: &dyn Display, sent: u64, owed: &Window) -> Option<Trouble> {
        let Wrong { difference, is_unasked, came } = self.wrong.as_ref()?;
        if *is_unasked {
            return Some(spoke_first(peer, &self.start));
        }
        // Not seen in time, as both sides speak at once: but all that is too much stands before the reply.
        let more = self.received.saturating_sub(sent);
        if let Ok(more @ 1..) = usize::try_from(more)
            && !matches!(difference, Difference::Surplus { .. })
            && difference.place() < more as u64
            && more < self.start.len()
            && owed.may_begin(&self.start[more..])
        {
            return Some(spoke_first(peer, &self.start[..more]));
        }
        let (came, advice) = (quoted(came), other_service(peer, &self.start));
        let not_the_uppercase = format!("the reply from {peer} is not the uppercase of what was sent");
        Some(match difference {
            Difference::Surplus { at } => Trouble::new(
                format!(
                    "more came from {peer} than was expected: its reply goes on at byte {at}, where nothing more \
                     was sent, with {came}"
                ),
                "The server repeats its replies (--repeat N), or says something of its own.",
            ),
            Difference::Wrong { at, got, wanted } => Trouble::new(
                format!(
                    "{not_the_uppercase}: it is wrong at byte {at}, {got:#04x} where {wanted:#04x} was expected, in \
                     {came}"
                ),
                advice,
            ),
            Difference::Lowercase { at } => Trouble::new(
                format!("{not_the_uppercase}: byte {at} is a lowercase letter, in {came}"),
                advice,
            ),
        })
    }
}

fn keep(start: &mut Vec<u8>, came: &[u8]) {
    let room = START - start.len();
    start.extend_from_slice(&came[..came.len().min(room)]);
}
