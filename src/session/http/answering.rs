//! The part of the HTTP session that turns what was received into replies.

use super::{Http, State, post};
use crate::http::content::Content;
use crate::http::head::{self, Scan};
use crate::http::request::{self, Framing, Method};
use crate::http::response::{self, Connection, Status};
use crate::http::target::printable;
use crate::limits;
use crate::now::Now;
use crate::session::after;
use crate::session::ending::Ending;
use crate::session::exchange::{Exchange, Following};
use crate::session::journal::Asked;
use log::debug;

impl Http {
    /// Answers what can be answered, and then knows what to wait for.
    pub(super) fn advance(&mut self, now: &Now, site: &mut impl Content) {
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
        if self.last {
            // The reply that broke off is out already.
            self.state = State::Ending(Ending::Shutdown);
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
        if self.stopping && !self.begun && self.answered {
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
        let is_upper = self.options.upper && post::is_upper(&request.subject, now, site);
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

    /// Answers a head that isn't one of a request we understand: all that was received, or the start of it.
    /// False where there is no room for the reply yet.
    fn refuse(&mut self, status: Status, now: &Now) -> bool {
        let head = self.input.filled();
        // Of what is too long no more than a head may have.
        let asked = self.journal.is_some().then(|| Asked::of(&head[..head.len().min(limits::HEAD)]));
        // Whatever else is wrong with it, a HEAD is never answered with a body.
        let with_body = !head.starts_with(b"HEAD ");
        self.put_refusal(status, with_body, asked, now)
    }

    /// Answers a POST with whose body something is wrong, and to which nothing has been said yet. What was
    /// received is somewhere in the body and says nothing of the request.
    pub(super) fn refuse_body(&mut self, status: Status, now: &Now) -> bool {
        self.put_refusal(status, true, None, now)
    }

    /// Writes a refusal. Where the next request would begin is unknown, so the connection ends with it.
    fn put_refusal(&mut self, status: Status, with_body: bool, asked: Option<Asked>, now: &Now) -> bool {
        let (fields, text) = response::plain_page(status);
        let fields: [&[u8]; 2] = [fields.as_bytes(), b""];
        let before = self.output.len();
        if !response::put_head(&mut self.output, status, &now.date, fields, Connection::Close, text.len()) {
            return false;
        }
        debug!("refused: {} {}", status.code, status.reason);
        let head = self.output.len() - before;
        if with_body {
            self.output.put(text.as_bytes());
        }
        self.note(asked, status, before, head, now);
        self.last = true;
        self.input.clear();
        true
    }

    /// The time for a head is over.
    pub(super) fn expire_head(&mut self, now: &Now) {
        let fits = self.refuse(Status::REQUEST_TIMEOUT, now);
        self.reply_to_late(fits, now);
    }

    /// The time for a body is over, and nothing has been said to its request yet.
    pub(super) fn expire_body(&mut self, now: &Now) {
        self.uppering = None;
        let fits = self.refuse_body(Status::REQUEST_TIMEOUT, now);
        self.reply_to_late(fits, now);
    }

    fn reply_to_late(&mut self, fits: bool, now: &Now) {
        debug_assert!(fits, "nothing else is in the output");
        self.state = State::Replying;
        self.deadline = now.instant + limits::WRITE_TIME;
    }
}
