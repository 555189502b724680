//! The HTTP/1.1 session: heads in, replies out, until the connection has had enough.
//!
//! What arrived together is answered together: the session goes on answering into one output buffer
//! while there are complete requests and room, so the replies to a pipeline leave in one write. A reply
//! whose body isn't copied (a file, or bytes too many for the buffer) ends such a batch, and the next
//! request is looked at when that body is out.

mod answering;
mod noting;
mod pieces;
mod post;

use super::ending::Ending;
use super::exchange::Following;
use super::journal::Journal;
use super::uppering::Uppering;
use super::{Need, Then, after};
use crate::buffer::{Buffer, Desk, OutOfMemory};
use crate::http::content::Content;
use crate::limits;
use crate::now::Now;
use log::debug;
use std::fs::File;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How a listener's connections behave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpOptions {
    /// How long a connection may rest between requests, and before its first. Zero: one request each.
    pub keep_alive: Duration,
    /// Whether to close after every reply of 300 or above.
    pub close_on_error: bool,
    /// Whether `POST /upper` is answered, where no file has that name.
    pub upper: bool,
    /// Whether there is an access log.
    pub logged: bool,
}

/// The state of one connection.
#[derive(Debug)]
pub struct Http {
    options: Arc<HttpOptions>,
    /// Received and not yet understood.
    input: Buffer,
    /// Rendered and not yet sent.
    output: Buffer,
    /// What is to be sent after `output`.
    following: Following,
    state: State,
    deadline: Instant,
    /// How far into `input` [`scan`](crate::http::head::scan) has looked.
    scanned: usize,
    /// Bytes of a request body that are still to be thrown away.
    skip: u64,
    /// A body that is answered as it comes.
    uppering: Option<Box<Uppering>>,
    /// What the access log is told; `None` without one.
    journal: Option<Box<Journal>>,
    /// Something of a request has come, and the deadline is that of its head.
    begun: bool,
    /// The replies rendered so far end in one that closes the connection.
    last: bool,
    /// A request was answered.
    answered: bool,
    stopping: bool,
}

#[derive(Debug)]
enum State {
    Reading,
    Replying,
    Ending(Ending),
}

impl Http {
    /// A connection that was accepted now.
    pub fn new(options: Arc<HttpOptions>, now: &Now) -> Http {
        let patience = if options.keep_alive.is_zero() { limits::HEAD_TIME } else { options.keep_alive };
        Http {
            deadline: after(now.instant, patience),
            options,
            input: Buffer::default(),
            output: Buffer::default(),
            following: Following::Nothing,
            state: State::Reading,
            scanned: 0,
            skip: 0,
            uppering: None,
            journal: None,
            begun: false,
            last: false,
            answered: false,
            stopping: false,
        }
    }

    /// With lines for the access log about this client.
    pub fn logged(mut self, peer: Option<IpAddr>) -> Http {
        self.journal = Some(Box::new(Journal::new(peer)));
        self
    }

    pub(super) fn sit(&mut self, desk: &mut Desk) {
        self.input.borrow_from(&mut desk.input);
        self.output.borrow_from(&mut desk.output);
    }

    pub(super) fn rise(&mut self, desk: &mut Desk) -> Result<(), OutOfMemory> {
        let (input, output) =
            (self.input.give_back(&mut desk.input), self.output.give_back(&mut desk.output));
        if let Some(journal) = &mut self.journal {
            journal.move_to(&mut desk.lines);
        }
        input.and(output)
    }

    pub(super) fn held(&self) -> usize {
        self.input.held() + self.output.held() + self.journal.as_ref().map_or(0, |journal| journal.held())
    }

    pub(super) fn waits_since(&self) -> Option<Instant> {
        match &self.state {
            State::Replying => Some(self.deadline - limits::WRITE_TIME),
            State::Reading if self.uppering.is_some() => Some(self.deadline - limits::BODY_TIME),
            State::Reading if self.begun => Some(self.deadline - limits::HEAD_TIME),
            State::Reading | State::Ending(_) => None,
        }
    }

    pub(super) fn over(&mut self, desk: &mut Desk) {
        if let Some(journal) = &mut self.journal {
            journal.over();
            journal.move_to(&mut desk.lines);
        }
    }

    pub(super) fn need(&self) -> Need {
        match (&self.state, &self.following) {
            (State::Reading, _) => Need::Read,
            (State::Ending(ending), _) => ending.need(),
            (State::Replying, Following::Nothing) => self.write_the_rest(),
            // It may take long until more is there. And only sending tells that the peer has left.
            (State::Replying, Following::Pieces { .. }) if !self.output.is_empty() => {
                Need::Write(Then::Nothing)
            }
            (State::Replying, _) if !self.output.is_empty() => Need::Write(Then::More),
            (State::Replying, Following::Bytes { .. }) => self.write_the_rest(),
            (State::Replying, Following::Pieces { .. }) => Need::Work,
            (State::Replying, Following::File { .. }) => Need::SendFile { last: self.last },
        }
    }

    fn write_the_rest(&self) -> Need {
        Need::Write(if self.last { Then::Fin } else { Then::Nothing })
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Ending(ending) => ending.deadline(),
            _ => Some(self.deadline),
        }
    }

    pub(super) fn room(&mut self) -> &mut [u8] {
        self.input.room()
    }

    pub(super) fn received(&mut self, count: usize, now: &Now, site: &mut impl Content) {
        if let State::Ending(ending) = &mut self.state {
            return ending.received(count);
        }
        if count == 0 {
            // Every complete request has been answered, or we would not be reading.
            if self.begun {
                debug!("the peer closed in the middle of a request");
            }
            self.state = State::Ending(Ending::Close);
            return;
        }
        self.input.filled_by(count);
        self.advance(now, site);
    }

    pub(super) fn unsent(&self) -> &[u8] {
        match &self.following {
            Following::Bytes { bytes, at, end } if self.output.is_empty() => &bytes.as_ref()[*at..*end],
            _ => self.output.filled(),
        }
    }

    pub(super) fn sent(&mut self, count: usize, now: &Now, site: &mut impl Content) {
        match &mut self.following {
            Following::Bytes { at, end, .. } if self.output.is_empty() => {
                *at += count;
                if at == end {
                    self.following = Following::Nothing;
                }
            }
            _ => self.output.consume(count),
        }
        self.progressed(count as u64, now, site);
    }

    pub(super) fn file(&self) -> Option<(&File, u64, u64)> {
        match &self.following {
            Following::File { file, at, end } => Some((file, *at, end - at)),
            _ => None,
        }
    }

    pub(super) fn file_sent(&mut self, count: u64, now: &Now, site: &mut impl Content) {
        let Following::File { at, end, .. } = &mut self.following else { return };
        if count == 0 {
            // The head has promised more bytes than there are, and only the end can say so. Not by a close: with
            // something unread that would be a reset, and destroy the replies before this one.
            debug!("a file became shorter while it was being sent: closing");
            self.following = Following::Nothing;
            self.state = State::Ending(Ending::Shutdown);
            return;
        }
        *at += count;
        if at == end {
            self.following = Following::Nothing;
        }
        self.progressed(count, now, site);
    }

    pub(super) fn taken(&mut self, now: &Now) {
        if let State::Replying = self.state {
            self.deadline = now.instant + limits::WRITE_TIME;
        }
    }

    pub(super) fn expired(&mut self, now: &Now) {
        match &mut self.state {
            State::Reading if self.uppering.as_ref().is_some_and(|upper| upper.head() == 0) => {
                self.expire_body(now)
            }
            State::Reading if self.skip > 0 || self.uppering.is_some() => {
                self.state = State::Ending(Ending::Shutdown);
            }
            State::Reading if self.begun => self.expire_head(now),
            // Nothing lies unread, or it would have been read: there is nothing to be lost by a plain close.
            State::Reading if self.stopping => self.state = State::Ending(Ending::Close),
            State::Reading => self.state = State::Ending(Ending::Shutdown),
            State::Replying => self.state = State::Ending(Ending::Abort),
            State::Ending(ending) => ending.expired(),
        }
    }

    pub(super) fn stop(&mut self, now: &Now) {
        self.stopping = true;
        if self.is_resting() {
            let patience = if self.answered { Duration::ZERO } else { limits::LAST_CHANCE };
            self.deadline = self.deadline.min(now.instant + patience);
        }
    }

    pub(super) fn is_resting(&self) -> bool {
        matches!(self.state, State::Reading) && !self.begun
    }

    pub(super) fn shut(&mut self, now: &Now) {
        // Nobody will read what was received and isn't answered; what still comes needs the room. Receiving into
        // none would look like the peer's FIN.
        self.input.clear();
        if let State::Ending(ending) = &mut self.state {
            ending.shut(now.instant);
        }
    }

    /// Something was sent: goes on if all of it is.
    fn progressed(&mut self, count: u64, now: &Now, site: &mut impl Content) {
        if let Some(journal) = &mut self.journal {
            journal.sent(count);
        }
        self.deadline = now.instant + limits::WRITE_TIME;
        if !self.output.is_empty() || !matches!(self.following, Following::Nothing) {
            return;
        }
        if self.last {
            self.state = State::Ending(Ending::Shutdown);
            return;
        }
        self.begun = false;
        self.answered = true;
        self.deadline = after(now.instant, self.options.keep_alive);
        self.advance(now, site);
    }
}

#[cfg(test)]
mod tests;
