//! The HTTP/1.1 session: heads in, replies out, until the connection has had enough.
//!
//! A connection is in one state at a time, and each state has what belongs to it and its own deadline:
//!
//! | state | waits for | until | and then |
//! | --- | --- | --- | --- |
//! | `Unheard` | the first request | the keep-alive time is over | our FIN |
//! | `Resting` | the next request | the keep-alive time is over | our FIN |
//! | `Leaving` | a request, while the server stops | now, or [`LAST_CHANCE`](limits::LAST_CHANCE) where none has come | the close |
//! | `Head` | the rest of a head | [`HEAD_TIME`](limits::HEAD_TIME) after its first byte | 408 |
//! | `Skipping` | the rest of a body that nobody reads | [`HEAD_TIME`](limits::HEAD_TIME) after its reply | our FIN |
//! | `Uppering` | more of a body that is answered as it comes | [`BODY_TIME`](limits::BODY_TIME) after the last of it | 408, or our FIN where the reply has begun |
//! | `Replying` | room to send | [`WRITE_TIME`](limits::WRITE_TIME) after the last byte taken | a reset |
//! | `Ending` | the peer's FIN | see [`Ending`] | the close |
//!
//! This file has the states, and what the driver asks and tells. How what was received becomes replies, and the
//! next state, is in `http/answering.rs`.

mod answering;

use super::ending::Ending;
use super::endpoint::upper::Uppering;
use super::exchange::Following;
use super::journal::Journal;
use super::{Need, Then, after};
use crate::buffer::{Buffer, Desk, OutOfMemory};
use crate::http::chunked;
use crate::http::content::Content;
use crate::http::response::Status;
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

/// One connection.
#[derive(Debug)]
pub struct Http {
    options: Arc<HttpOptions>,
    /// How long it may rest from now on; zero if its next reply is its last.
    keep_alive: Duration,
    /// Received and not yet understood.
    input: Buffer,
    /// Rendered and not yet sent.
    output: Buffer,
    state: State,
    /// What the access log is told; `None` without one.
    journal: Option<Box<Journal>>,
}

#[derive(Debug)]
enum State {
    /// Nothing has come yet. Empty lines are nothing, here and below: they don't extend the silence that is
    /// allowed.
    Unheard { until: Instant },
    /// A request was answered, and nothing of another has come.
    Resting { until: Instant },
    /// Nothing has come, and the server is stopping. What comes in time is answered all the same.
    Leaving { until: Instant },
    /// Part of a head has come, and [`scan`](crate::http::head::scan) has looked so far into it.
    Head { until: Instant, scanned: usize },
    /// A request is answered, and so many bytes of its body are still to be thrown away.
    Skipping { until: Instant, left: u64 },
    /// Part of a body has been answered, or none yet.
    Uppering { until: Instant, body: Box<Uppering> },
    /// The output is to be sent, and then what follows it.
    Replying { until: Instant, following: Following, next: Next },
    /// Nothing is answered any more.
    Ending(Ending),
}

/// What a connection does when everything is sent.
#[derive(Debug)]
enum Next {
    /// The next request.
    Request,
    /// It throws away so many bytes of a body, and then comes the next request.
    Skip(u64),
    /// More of the same reply, when more of the body has come.
    Upper(Box<Uppering>),
    /// Nothing: the reply was the last.
    End,
}

impl Http {
    /// A connection that was accepted now.
    pub fn new(options: Arc<HttpOptions>, now: &Now) -> Http {
        let keep_alive = options.keep_alive;
        let patience = if keep_alive.is_zero() { limits::HEAD_TIME } else { keep_alive };
        Http {
            options,
            keep_alive,
            input: Buffer::default(),
            output: Buffer::default(),
            state: State::Unheard { until: after(now.instant, patience) },
            journal: None,
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
            State::Head { until, .. } | State::Skipping { until, .. } => Some(*until - limits::HEAD_TIME),
            State::Uppering { until, .. } => Some(*until - limits::BODY_TIME),
            State::Replying { until, .. } => Some(*until - limits::WRITE_TIME),
            State::Unheard { .. } | State::Resting { .. } | State::Leaving { .. } | State::Ending(_) => None,
        }
    }

    pub(super) fn over(&mut self, desk: &mut Desk) {
        if let Some(journal) = &mut self.journal {
            journal.over();
            journal.move_to(&mut desk.lines);
        }
    }

    pub(super) fn would_seem_complete(&self) -> bool {
        matches!(self.state, State::Replying { following: Following::Pieces { chunked: false, .. }, .. })
    }

    pub(super) fn need(&self) -> Need {
        match &self.state {
            State::Unheard { .. }
            | State::Resting { .. }
            | State::Leaving { .. }
            | State::Head { .. }
            | State::Skipping { .. }
            | State::Uppering { .. } => Need::Read,
            State::Replying { following, next, .. } => {
                let is_last = matches!(next, Next::End);
                let rest = Need::Write(if is_last { Then::Fin } else { Then::Nothing });
                match following {
                    Following::Nothing => rest,
                    // It may take long until more is there. And only sending tells that the peer has left.
                    Following::Pieces { .. } if !self.output.is_empty() => Need::Write(Then::Nothing),
                    _ if !self.output.is_empty() => Need::Write(Then::More),
                    Following::Bytes { .. } => rest,
                    Following::Pieces { .. } => Need::Work,
                    Following::File { .. } => Need::SendFile { last: is_last },
                }
            }
            State::Ending(ending) => ending.need(),
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Unheard { until }
            | State::Resting { until }
            | State::Leaving { until }
            | State::Head { until, .. }
            | State::Skipping { until, .. }
            | State::Uppering { until, .. }
            | State::Replying { until, .. } => Some(*until),
            State::Ending(ending) => ending.deadline(),
        }
    }

    pub(super) fn room(&mut self) -> &mut [u8] {
        self.input.room()
    }

    pub(super) fn received(&mut self, count: usize, now: &Now, site: &mut impl Content) {
        match &mut self.state {
            State::Ending(ending) => ending.received(count),
            // Nobody should have asked for it; it waits for its turn.
            State::Replying { .. } => self.input.filled_by(count),
            _ if count == 0 => {
                // Every complete request has been answered, or we would not be reading.
                if !self.is_resting() {
                    debug!("the peer closed in the middle of a request");
                }
                self.state = State::Ending(Ending::Close);
            }
            _ => {
                self.input.filled_by(count);
                self.advance(now, site);
            }
        }
    }

    pub(super) fn unsent(&self) -> &[u8] {
        match &self.state {
            State::Replying { following: Following::Bytes { bytes, at, end }, .. }
                if self.output.is_empty() =>
            {
                &bytes.as_ref()[*at..*end]
            }
            _ => self.output.filled(),
        }
    }

    pub(super) fn sent(&mut self, count: usize, now: &Now, site: &mut impl Content) {
        match &mut self.state {
            State::Replying { following: following @ Following::Bytes { .. }, .. }
                if self.output.is_empty() =>
            {
                following.advance(count as u64);
            }
            _ => self.output.consume(count),
        }
        self.progressed(count as u64, now, site);
    }

    pub(super) fn file(&self) -> Option<(&File, u64, u64)> {
        match &self.state {
            State::Replying { following: Following::File { file, at, end }, .. } => {
                Some((file, *at, end - at))
            }
            _ => None,
        }
    }

    pub(super) fn file_sent(&mut self, count: u64, now: &Now, site: &mut impl Content) {
        let State::Replying { following, .. } = &mut self.state else { return };
        if count == 0 {
            // The head has promised more bytes than there are, and only the end can say so. Not by a close: with
            // something unread that would be a reset, and destroy the replies before this one.
            debug!("a file became shorter while it was being sent: closing");
            self.state = State::Ending(Ending::Shutdown);
            return;
        }
        following.advance(count);
        self.progressed(count, now, site);
    }

    /// Makes the next piece of a reply that is made as it is sent, into an output that is empty.
    pub(super) fn work(&mut self, now: &Now, site: &mut impl Content) {
        let State::Replying { until, following, .. } = &mut self.state else { return };
        let Following::Pieces { source, chunked } = following else { return };
        let in_chunks = *chunked;
        let mut piece = Vec::new();
        let more = match source.next(self.output.room_left() - limits::PIECE_ROOM, now, &mut piece) {
            Ok(more) => more,
            Err(error) => {
                // The status is sent already. Only an end in the middle can say so; and where it is the FIN that ends
                // the body, only a reset.
                debug!("a listing breaks off: {error}");
                self.state = State::Ending(if in_chunks { Ending::Shutdown } else { Ending::Abort });
                return;
            }
        };
        *until = now.instant + limits::WRITE_TIME;
        if !more {
            *following = Following::Nothing;
        }
        match (piece.is_empty(), in_chunks) {
            (true, _) => {}
            (false, true) => chunked::put(&piece, &mut self.output),
            (false, false) => self.output.put(&piece),
        }
        if more {
            return;
        }
        if in_chunks {
            self.output.put(chunked::LAST_CHUNK);
        }
        if let Some(journal) = &mut self.journal {
            journal.end(Status::OK.code, self.output.len() as u64);
        }
        if self.output.is_empty() {
            self.progressed(0, now, site);
        }
    }

    pub(super) fn taken(&mut self, now: &Now) {
        if let State::Replying { until, .. } = &mut self.state {
            *until = now.instant + limits::WRITE_TIME;
        }
    }

    pub(super) fn expired(&mut self, now: &Now) {
        match &mut self.state {
            State::Head { .. } => self.refuse_late_head(now),
            State::Uppering { body, .. } if body.head() == 0 => self.refuse_late_body(now),
            State::Unheard { .. }
            | State::Resting { .. }
            | State::Skipping { .. }
            | State::Uppering { .. } => self.state = State::Ending(Ending::Shutdown),
            // Nothing lies unread, or it would have been read: there is nothing to be lost by a plain close.
            State::Leaving { .. } => self.state = State::Ending(Ending::Close),
            State::Replying { .. } => self.state = State::Ending(Ending::Abort),
            State::Ending(ending) => ending.expired(),
        }
    }

    pub(super) fn stop(&mut self, now: &Now) {
        self.keep_alive = Duration::ZERO;
        match &self.state {
            State::Unheard { until } => {
                self.state = State::Leaving { until: (now.instant + limits::LAST_CHANCE).min(*until) };
            }
            State::Resting { until } => self.state = State::Leaving { until: now.instant.min(*until) },
            _ => {}
        }
    }

    pub(super) fn is_resting(&self) -> bool {
        matches!(self.state, State::Unheard { .. } | State::Resting { .. } | State::Leaving { .. })
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
        let State::Replying { until, following, .. } = &mut self.state else { return };
        *until = now.instant + limits::WRITE_TIME;
        if self.output.is_empty() && matches!(following, Following::Nothing) {
            self.advance(now, site);
        }
    }
}

#[cfg(test)]
mod tests;
