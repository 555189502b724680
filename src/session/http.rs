//! The HTTP/1.1 session: heads in, replies out, until the connection has had enough.
//!
//! What arrived together is answered together: the session goes on answering into one output buffer
//! while there are complete requests and room, so the replies to a pipeline leave in one write. A reply
//! whose body isn't copied (a file, or bytes too many for the buffer) ends such a batch, and the next
//! request is looked at when that body is out.

mod noting;
mod pieces;
mod post;

use super::ending::Ending;
use super::exchange::{Exchange, Following};
use super::journal::{Asked, Journal};
use super::uppering::Uppering;
use super::{Need, Then, after};
use crate::buffer::{Buffer, Desk};
use crate::http::content::Content;
use crate::http::head::{self, Scan};
use crate::http::request::{self, Framing, Method};
use crate::http::response::{self, Connection, Status};
use crate::http::target::printable;
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
    /// How far into `input` [`head::scan`] has looked.
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

    pub(super) fn rise(&mut self, desk: &mut Desk) {
        self.input.give_back(&mut desk.input);
        self.output.give_back(&mut desk.output);
        if let Some(journal) = &mut self.journal {
            journal.move_to(&mut desk.lines);
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
            // The head has promised more bytes than there are. Only the close can say so.
            debug!("a file became shorter while it was being sent: closing");
            self.following = Following::Nothing;
            self.state = State::Ending(Ending::Close);
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
            State::Reading if self.skip > 0 || self.uppering.is_some() => {
                self.state = State::Ending(Ending::Shutdown);
            }
            State::Reading if self.begun => self.expire_head(now),
            State::Reading => self.state = State::Ending(Ending::Shutdown),
            State::Replying => self.state = State::Ending(Ending::Abort),
            State::Ending(ending) => ending.expired(),
        }
    }

    pub(super) fn stop(&mut self, unread: bool) {
        self.stopping = true;
        if self.is_resting() {
            self.state = State::Ending(if unread { Ending::Shutdown } else { Ending::Close });
        }
    }

    pub(super) fn is_resting(&self) -> bool {
        matches!(self.state, State::Reading) && !self.begun
    }

    pub(super) fn ending(&mut self) -> Option<&mut Ending> {
        match &mut self.state {
            State::Ending(ending) => Some(ending),
            _ => None,
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
        self.deadline = after(now.instant, self.options.keep_alive);
        self.advance(now, site);
    }

    /// Answers what can be answered, and then knows what to wait for.
    fn advance(&mut self, now: &Now, site: &mut impl Content) {
        let mut answers = 0;
        while !self.last && matches!(self.following, Following::Nothing) && answers < limits::REQUESTS {
            if self.uppering.is_some() {
                if !self.advance_uppering(now) {
                    break;
                }
                continue;
            }
            if self.skip > 0 {
                let skipped = self.input.len().min(usize::try_from(self.skip).unwrap_or(usize::MAX));
                self.input.consume(skipped);
                self.skip -= skipped as u64;
                if self.skip > 0 {
                    break;
                }
                self.begun = false;
                self.deadline = after(now.instant, self.options.keep_alive);
            }
            self.input.consume(head::leading_empty_lines(self.input.filled()));
            let answered = match head::scan(self.input.filled(), &mut self.scanned) {
                Scan::Partial => break,
                Scan::Complete(length) => self.answer_head(length, now, site),
                Scan::BareLineFeed => self.refuse(Status::BAD_REQUEST, now),
                Scan::TargetTooLong => self.refuse(Status::URI_TOO_LONG, now),
                Scan::TooLong => self.refuse(Status::REQUEST_HEADER_FIELDS_TOO_LARGE, now),
            };
            if !answered {
                break;
            }
            answers += 1;
        }
        if !self.output.is_empty() || !matches!(self.following, Following::Nothing) {
            self.state = State::Replying;
            self.deadline = now.instant + limits::WRITE_TIME;
            return;
        }
        self.state = State::Reading;
        if self.uppering.is_some() {
            self.begun = true;
            self.deadline = now.instant + limits::BODY_TIME;
        } else if self.skip > 0 || !(self.input.is_empty() || self.input.filled() == b"\r") {
            self.begin(now);
        }
        // Otherwise at most empty lines have come, and those don't extend the silence that is allowed.
        if self.stopping && !self.begun {
            self.state = State::Ending(Ending::Shutdown);
        }
    }

    /// Something of a request is here: it has a fixed time to be complete.
    fn begin(&mut self, now: &Now) {
        if !self.begun {
            self.begun = true;
            self.deadline = now.instant + limits::HEAD_TIME;
        }
    }

    /// Answers the request whose head is the first `length` bytes of the input, unless the output has no
    /// room for it any more; then it is left there for the next batch, and the answer is false.
    fn answer_head(&mut self, length: usize, now: &Now, site: &mut impl Content) -> bool {
        let head = &mut self.input.filled_mut()[..length];
        let asked = self.journal.is_some().then(|| Asked::of(head));
        let before = self.output.len();
        request::settle_version(head);
        let request = match request::parse(head) {
            Ok(request) => request,
            Err(status) => return self.refuse(status, now),
        };
        debug!("{:?} {} HTTP/1.{}", request.method, printable(request.target), request.minor);
        let is_upper = self.options.upper && post::is_upper(request.target, now, site);
        if is_upper && request.method == Method::Post {
            let kept = request.keep_alive && !self.stopping && !self.options.keep_alive.is_zero();
            let (body, minor, expects) = (request.body, request.minor, request.expects_continue);
            let begun = self.begin_uppering(length, body, Connection::after(kept, minor), expects);
            if begun {
                self.note_beginning(asked, now);
            }
            return begun;
        }
        let skip = match request.body {
            // A client that waits for a 100 may send the body or not: nobody could tell what comes next.
            Framing::Length(length) if length == 0 || !request.expects_continue => length,
            _ => u64::MAX,
        };
        let keep_alive = request.keep_alive
            && skip <= limits::SKIPPED_BODY
            && !self.stopping
            && !self.options.keep_alive.is_zero();
        let exchange = Exchange {
            output: &mut self.output,
            following: &mut self.following,
            with_body: request.method != Method::Head,
            minor: request.minor,
            is_upper,
            keep_alive,
            close_on_error: self.options.close_on_error,
        };
        let Some(answered) = exchange.answer(&request, now, site) else {
            // An empty output that has no room for it never will have.
            return self.output.is_empty() && self.refuse(Status::INTERNAL_SERVER_ERROR, now);
        };
        self.note(asked, answered.status, before, answered.head, now);
        self.last = !answered.kept;
        if answered.kept {
            self.skip = skip;
            self.input.consume(length);
        } else {
            self.input.clear(); // nobody will read it
        }
        self.scanned = 0;
        self.begun = false;
        true
    }

    /// Answers something that isn't a request we understand. Where the next one would begin is unknown,
    /// so the connection ends with this reply. False where there is no room for it yet.
    fn refuse(&mut self, status: Status, now: &Now) -> bool {
        let (fields, text) = response::plain_page(status);
        let fields: [&[u8]; 2] = [fields.as_bytes(), b""];
        let before = self.output.len();
        if !response::put_head(&mut self.output, status, &now.date, fields, Connection::Close, text.len()) {
            return false;
        }
        debug!("refused: {} {}", status.code, status.reason);
        let head = self.output.len() - before;
        // Whatever else is wrong with it, a HEAD is never answered with a body.
        if !self.input.filled().starts_with(b"HEAD ") {
            self.output.put(text.as_bytes());
        }
        let asked = self.journal.is_some().then(|| Asked::of(self.input.filled()));
        self.note(asked, status, before, head, now);
        self.last = true;
        self.input.clear();
        true
    }

    /// The time for a head is over.
    fn expire_head(&mut self, now: &Now) {
        let fits = self.refuse(Status::REQUEST_TIMEOUT, now);
        debug_assert!(fits, "nothing else is in the output");
        self.state = State::Replying;
        self.deadline = now.instant + limits::WRITE_TIME;
    }
}

#[cfg(test)]
mod tests;
