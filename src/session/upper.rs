//! The TCP uppercase session: read, answer in capitals, and so on until one side has had enough.
//!
//! There is no framing. A message is what one read returned, so how often and how much it reads is
//! what the experiments change: [`UpperOptions`].

use super::ending::Ending;
use super::{Need, Then, after};
use crate::buffer::{Buffer, Desk, OutOfMemory};
use crate::limits;
use crate::now::Now;
use crate::uppercase::uppercase;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How a listener's connections behave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpperOptions {
    /// Bytes of a read, 1 to [`limits::BUFFER`].
    pub read: usize,
    /// How many times each reply is sent, at least 1.
    pub repeat: u64,
    /// The wait before each read.
    pub delay: Duration,
    /// How many replies, before the server closes; for ever if `None`.
    pub messages: Option<u64>,
    /// How long a connection may be silent; for ever if zero.
    pub idle: Duration,
}

impl Default for UpperOptions {
    fn default() -> UpperOptions {
        UpperOptions {
            read: limits::BUFFER,
            repeat: 1,
            delay: Duration::ZERO,
            messages: None,
            idle: Duration::from_secs(600),
        }
    }
}

/// The state of one connection.
#[derive(Debug)]
pub struct Upper {
    options: Arc<UpperOptions>,
    state: State,
    /// The message, uppercased; while it is being sent, as many copies of it as there is room for.
    message: Buffer,
    /// Length of one copy of what `message` holds.
    unit: usize,
    /// Bytes of `message` that are already sent. The rest of the reply goes round and round in it.
    at: usize,
    /// Bytes of the reply that are still to be sent.
    owed: u64,
    /// Replies still to be given.
    replies_left: u64,
    /// A message was answered.
    answered: bool,
    stopping: bool,
}

#[derive(Debug)]
enum State {
    Pausing { until: Instant },
    Reading { until: Option<Instant> },
    Replying { until: Instant },
    Ending(Ending),
}

impl Upper {
    /// A connection that was accepted now.
    pub fn new(options: Arc<UpperOptions>, now: &Now) -> Upper {
        let mut session = Upper {
            replies_left: options.messages.unwrap_or(u64::MAX),
            options,
            state: State::Reading { until: None },
            message: Buffer::default(),
            unit: 0,
            at: 0,
            owed: 0,
            answered: false,
            stopping: false,
        };
        session.pause_or_read(now);
        session
    }

    pub(super) fn sit(&mut self, desk: &mut Desk) {
        self.message.borrow_from(&mut desk.input);
        self.repeat_message();
    }

    pub(super) fn rise(&mut self, desk: &mut Desk) -> Result<(), OutOfMemory> {
        // A reply is described, not copied: one message, and how much of it is owed.
        if self.owed > 0 {
            self.at %= self.unit;
            self.message.truncate(self.unit);
            let rest = self.unit - self.at;
            if self.owed <= rest as u64 {
                self.message.consume(self.at);
                self.message.truncate(self.owed as usize);
                self.unit = self.message.len();
                self.at = 0;
            }
        }
        self.message.give_back(&mut desk.input)
    }

    pub(super) fn held(&self) -> usize {
        self.message.held()
    }

    pub(super) fn waits_since(&self) -> Option<Instant> {
        match self.state {
            State::Replying { until } => Some(until - limits::WRITE_TIME),
            _ => None,
        }
    }

    pub(super) fn would_seem_complete(&self) -> bool {
        matches!(self.state, State::Replying { .. })
    }

    pub(super) fn need(&self) -> Need {
        match &self.state {
            State::Pausing { until } => Need::WaitUntil(*until),
            State::Reading { .. } => Need::Read,
            State::Replying { .. } if self.is_last_reply() => Need::Write(Then::Fin),
            State::Replying { .. } => Need::Write(Then::Nothing),
            State::Ending(ending) => ending.need(),
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Pausing { until } | State::Replying { until } => Some(*until),
            State::Reading { until } => *until,
            State::Ending(ending) => ending.deadline(),
        }
    }

    pub(super) fn room(&mut self) -> &mut [u8] {
        let read = self.options.read;
        let room = self.message.room();
        let length = room.len().min(read);
        &mut room[..length]
    }

    pub(super) fn received(&mut self, count: usize, now: &Now) {
        if let State::Ending(ending) = &mut self.state {
            return ending.received(count);
        }
        if count == 0 {
            // Everything before the peer's FIN has been answered, or we would not be reading.
            self.state = State::Ending(Ending::Close);
            return;
        }
        self.message.filled_by(count);
        uppercase(self.message.filled_mut());
        self.unit = count;
        self.at = 0;
        self.owed = (count as u64).saturating_mul(self.options.repeat);
        self.repeat_message();
        self.state = State::Replying { until: now.instant + limits::WRITE_TIME };
    }

    pub(super) fn unsent(&self) -> &[u8] {
        let rest = &self.message.filled()[self.at..];
        let length = rest.len().min(usize::try_from(self.owed).unwrap_or(usize::MAX));
        &rest[..length]
    }

    pub(super) fn sent(&mut self, count: usize, now: &Now) {
        self.owed -= count as u64;
        self.at += count;
        if self.owed > 0 {
            if self.at == self.message.len() {
                self.at = 0;
            }
            self.state = State::Replying { until: now.instant + limits::WRITE_TIME };
            return;
        }
        self.message.clear();
        self.at = 0;
        self.unit = 0;
        self.answered = true;
        if self.is_last_reply() {
            self.state = State::Ending(Ending::Shutdown);
        } else {
            self.replies_left -= 1;
            self.pause_or_read(now);
        }
    }

    pub(super) fn taken(&mut self, now: &Now) {
        if let State::Replying { until } = &mut self.state {
            *until = now.instant + limits::WRITE_TIME;
        }
    }

    pub(super) fn expired(&mut self, now: &Now) {
        match &mut self.state {
            State::Pausing { .. } => self.read(now),
            // Nothing lies unread, or it would have been read: there is nothing to be lost by a plain close.
            State::Reading { .. } if self.stopping => self.state = State::Ending(Ending::Close),
            State::Reading { .. } => self.state = State::Ending(Ending::Shutdown),
            State::Replying { .. } => self.state = State::Ending(Ending::Abort),
            State::Ending(ending) => ending.expired(),
        }
    }

    pub(super) fn stop(&mut self, now: &Now) {
        self.stopping = true;
        match &mut self.state {
            State::Pausing { .. } => self.state = State::Ending(Ending::Shutdown),
            State::Reading { until } => {
                let patience = if self.answered { Duration::ZERO } else { limits::LAST_CHANCE };
                let last = now.instant + patience;
                *until = Some(until.map_or(last, |until| until.min(last)));
            }
            State::Replying { .. } | State::Ending(_) => {}
        }
    }

    pub(super) fn is_resting(&self) -> bool {
        matches!(self.state, State::Reading { .. })
    }

    pub(super) fn shut(&mut self, now: &Now) {
        if let State::Ending(ending) = &mut self.state {
            ending.shut(now.instant);
        }
    }

    fn is_last_reply(&self) -> bool {
        self.replies_left == 1 || self.stopping
    }

    fn pause_or_read(&mut self, now: &Now) {
        if self.options.delay.is_zero() {
            self.read(now);
        } else {
            self.state = State::Pausing { until: after(now.instant, self.options.delay) };
        }
    }

    fn read(&mut self, now: &Now) {
        let idle = self.options.idle;
        self.state = State::Reading { until: (!idle.is_zero()).then(|| after(now.instant, idle)) };
    }

    /// Puts further copies of the message beside it, as many as are owed and fit, so that a short one
    /// repeated a thousand times leaves in one piece.
    fn repeat_message(&mut self) {
        while self.owed > (self.message.len() - self.at) as u64 && self.message.room_left() >= self.unit {
            self.message.put_again(self.unit);
        }
    }
}

#[cfg(test)]
mod tests;
