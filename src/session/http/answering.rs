//! From bytes to replies: what a connection does with all that has come, before it waits again.

use super::{Http, Next, State};
use crate::http::content::Content;
use crate::http::head::{self, Scan};
use crate::http::request::{self, Framing};
use crate::http::response::{self, Connection, Status};
use crate::http::target::printable;
use crate::limits;
use crate::now::Now;
use crate::session::after;
use crate::session::ending::Ending;
use crate::session::endpoint::upper::{Progress, Uppering};
use crate::session::endpoint::{Answer, Endpoint};
use crate::session::exchange::{Exchange, Following};
use crate::session::journal::Asked;
use log::debug;

impl Http {
    /// Answers what can be answered, and then knows what to wait for.
    ///
    /// What arrived together is answered together: while there are complete requests and room, their replies are
    /// written into one output buffer, so those to a pipeline leave in one write. A reply whose body isn't copied
    /// (a file, or bytes too many for the buffer) ends such a batch, and the next request is looked at when that
    /// body is out.
    pub(super) fn advance(&mut self, now: &Now, site: &mut impl Content) {
        let mut next = self.take_next();
        let mut following = Following::Nothing;
        let mut scanned = if let State::Head { scanned, .. } = self.state { scanned } else { 0 };
        let mut answers = 0;
        while answers < limits::REQUESTS && matches!(following, Following::Nothing) {
            next = match next {
                Next::Request if self.input.is_empty() => break,
                Next::Request => {
                    self.input.consume(head::leading_empty_lines(self.input.filled()));
                    let answered = self.answer_next(&mut scanned, &mut following, now, site);
                    let Some(next) = answered else { break };
                    answers += 1;
                    scanned = 0;
                    next
                }
                Next::Skip(left) => {
                    let skipped = self.input.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    self.input.consume(skipped);
                    match left - skipped as u64 {
                        0 => Next::Request,
                        left => {
                            next = Next::Skip(left);
                            break;
                        }
                    }
                }
                Next::Upper(mut body) => match self.advance_body(&mut body, now) {
                    Some(next) => next,
                    None => {
                        next = Next::Upper(body);
                        break;
                    }
                },
                Next::End => break,
            };
        }
        if self.output.is_empty() && matches!(following, Following::Nothing) {
            self.wait_for(next, scanned, now);
        } else {
            self.state = State::Replying { until: now.instant + limits::WRITE_TIME, following, next };
        }
    }

    /// What comes next in the state that it is in, which the caller then changes as far as it has to.
    fn take_next(&mut self) -> Next {
        match &mut self.state {
            State::Unheard { .. } | State::Resting { .. } | State::Leaving { .. } | State::Head { .. } => {
                Next::Request
            }
            State::Skipping { left, .. } => Next::Skip(*left),
            State::Replying { next, .. } => std::mem::replace(next, Next::End),
            State::Ending(_) => Next::End,
            state @ State::Uppering { .. } => match std::mem::replace(state, State::Ending(Ending::Shutdown))
            {
                State::Uppering { body, .. } => Next::Upper(body),
                _ => Next::End,
            },
        }
    }

    /// Everything is sent. Who goes on with what they waited for before has the time that they had.
    fn wait_for(&mut self, next: Next, scanned: usize, now: &Now) {
        let until = |time| now.instant + time;
        let nothing_has_come = self.input.is_empty() || self.input.filled() == b"\r";
        self.state = match (next, &self.state) {
            (Next::Request, State::Unheard { .. } | State::Resting { .. }) if nothing_has_come => return,
            (Next::Request, State::Leaving { until }) if nothing_has_come && *until > now.instant => return,
            (Next::Request, _) if nothing_has_come && !self.keep_alive.is_zero() => {
                State::Resting { until: after(now.instant, self.keep_alive) }
            }
            (Next::Request, _) if nothing_has_come => State::Ending(Ending::Shutdown),
            (Next::Request, State::Head { until, .. }) => State::Head { until: *until, scanned },
            (Next::Request, _) => State::Head { until: until(limits::HEAD_TIME), scanned },
            (Next::Skip(left), State::Skipping { until, .. }) => State::Skipping { until: *until, left },
            (Next::Skip(left), _) => State::Skipping { until: until(limits::HEAD_TIME), left },
            (Next::Upper(body), _) => State::Uppering { until: until(limits::BODY_TIME), body },
            (Next::End, _) => State::Ending(Ending::Shutdown),
        };
    }

    /// Answers the request at the start of the input, if all of its head is there, and says how it goes on behind
    /// the reply. So does each function here; they differ in what they answer.
    fn answer_next(
        &mut self,
        scanned: &mut usize,
        following: &mut Following,
        now: &Now,
        site: &mut impl Content,
    ) -> Option<Next> {
        match head::scan(self.input.filled(), scanned) {
            Scan::Partial => None,
            Scan::Complete(length) => self.answer_head(length, following, now, site),
            Scan::BareLineFeed => self.refuse_head(Status::BAD_REQUEST, now),
            Scan::TargetTooLong => self.refuse_head(Status::URI_TOO_LONG, now),
            Scan::TooLong => self.refuse_head(Status::REQUEST_HEADER_FIELDS_TOO_LARGE, now),
        }
    }

    /// Answers the request whose head is the first `length` bytes of the input, unless the output has no
    /// room for it any more: then it is left there for the next batch.
    fn answer_head(
        &mut self,
        length: usize,
        following: &mut Following,
        now: &Now,
        site: &mut impl Content,
    ) -> Option<Next> {
        let head = &mut self.input.filled_mut()[..length];
        let asked = self.journal.is_some().then(|| Asked::of(head));
        let before = self.output.len();
        request::settle_version(head);
        let request = match request::parse(head) {
            Ok(request) => request,
            Err(status) => return self.refuse_head(status, now),
        };
        debug!("{:?} {} HTTP/1.{}", request.method, printable(request.target), request.minor);
        let may_stay = request.keep_alive && !self.keep_alive.is_zero();
        let endpoint = Endpoint::of(&request, &self.options, now, site);
        let response = match endpoint.answer(&request, now, site) {
            Answer::Now(response) => response,
            Answer::Uppercase => {
                let body = Uppering::new(request.body, Connection::after(may_stay, request.minor));
                let expects_continue = request.expects_continue;
                return self.begin_body(length, body, expects_continue, asked, now);
            }
        };
        let skip = match request.body {
            // A client that waits for a 100 may send the body or not: nobody could tell what comes next.
            Framing::Length(length) if length == 0 || !request.expects_continue => length,
            _ => u64::MAX,
        };
        let exchange = Exchange {
            output: &mut self.output,
            following,
            request: &request,
            keep_alive: may_stay && skip <= limits::SKIPPED_BODY,
            close_on_error: self.options.close_on_error,
        };
        let Some(answered) = exchange.answer(response, now) else {
            // An empty output that has no room for it never will have.
            return if self.output.is_empty() {
                self.refuse_head(Status::INTERNAL_SERVER_ERROR, now)
            } else {
                None
            };
        };
        self.note_beginning(asked, before, now);
        self.note_head(answered.head);
        if !matches!(following, Following::Pieces { .. }) {
            self.note_end(answered.status, following.left());
        }
        let next = match (answered.kept, skip) {
            (false, _) => Next::End,
            (true, 0) => Next::Request,
            (true, skip) => Next::Skip(skip),
        };
        match next {
            Next::End => self.input.clear(), // nobody will read it
            _ => self.input.consume(length),
        }
        Some(next)
    }

    /// Begins to answer a body with itself in capitals, unless the output has no room for that yet.
    fn begin_body(
        &mut self,
        head: usize,
        body: Uppering,
        expects_continue: bool,
        asked: Option<Asked>,
        now: &Now,
    ) -> Option<Next> {
        if self.output.room_left() <= limits::PIECE_ROOM {
            return None;
        }
        self.input.consume(head);
        if expects_continue && self.input.is_empty() {
            self.output.put(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        self.note_beginning(asked, self.output.len(), now);
        Some(Next::Upper(Box::new(body)))
    }

    /// Goes on with that. `None` where it needs more input, or room in the output.
    fn advance_body(&mut self, body: &mut Uppering, now: &Now) -> Option<Next> {
        let progress = body.advance(&mut self.input, &mut self.output, now);
        self.note_head(body.head());
        match progress {
            Progress::Going => None,
            Progress::Done => {
                self.note_end(Status::OK, 0);
                Some(if body.is_last() { Next::End } else { Next::Request })
            }
            Progress::Broken => {
                self.note_end(Status::OK, 0);
                Some(Next::End)
            }
            Progress::Refused => self.refuse_body(Status::BAD_REQUEST, now),
        }
    }

    /// Answers a head that isn't one of a request we understand: the input, or the start of it. `None` where
    /// there is no room for that yet.
    fn refuse_head(&mut self, status: Status, now: &Now) -> Option<Next> {
        let head = self.input.filled();
        // Of what is too long no more than a head may have.
        let asked = self.journal.is_some().then(|| Asked::of(&head[..head.len().min(limits::HEAD)]));
        // Whatever else is wrong with it, a HEAD is never answered with a body.
        let with_body = !head.starts_with(b"HEAD ");
        let before = self.output.len();
        let head = self.put_refusal(status, with_body, now)?;
        self.note_beginning(asked, before, now);
        self.note_head(head);
        self.note_end(status, 0);
        Some(Next::End)
    }

    /// Answers a POST with whose body something is wrong, and to which nothing has been said yet. The input is
    /// somewhere in the body and says nothing of the request, which the journal knows already.
    fn refuse_body(&mut self, status: Status, now: &Now) -> Option<Next> {
        let head = self.put_refusal(status, true, now)?;
        self.note_head(head);
        self.note_end(status, 0);
        Some(Next::End)
    }

    /// Writes a refusal, whose head has so many bytes. Where the next request would begin is unknown, so the
    /// connection ends with it.
    fn put_refusal(&mut self, status: Status, with_body: bool, now: &Now) -> Option<usize> {
        let (fields, text) = response::plain_page(status);
        let fields: [&[u8]; 2] = [fields.as_bytes(), b""];
        let before = self.output.len();
        if !response::put_head(&mut self.output, status, &now.date, fields, Connection::Close, text.len()) {
            return None;
        }
        debug!("refused: {} {}", status.code, status.reason);
        let head = self.output.len() - before;
        if with_body {
            self.output.put(text.as_bytes());
        }
        self.input.clear();
        Some(head)
    }

    /// The time for a head is over.
    pub(super) fn refuse_late_head(&mut self, now: &Now) {
        let refused = self.refuse_head(Status::REQUEST_TIMEOUT, now);
        self.reply_late(refused.is_some(), now);
    }

    /// The time for a body is over, and nothing has been said to its request yet.
    pub(super) fn refuse_late_body(&mut self, now: &Now) {
        let refused = self.refuse_body(Status::REQUEST_TIMEOUT, now);
        self.reply_late(refused.is_some(), now);
    }

    fn reply_late(&mut self, fits: bool, now: &Now) {
        debug_assert!(fits, "nothing else is in the output");
        let until = now.instant + limits::WRITE_TIME;
        self.state = State::Replying { until, following: Following::Nothing, next: Next::End };
    }

    /// Tells the journal that a reply begins behind the first `before` bytes of the output.
    fn note_beginning(&mut self, asked: Option<Asked>, before: usize, now: &Now) {
        if let (Some(journal), Some(asked)) = (&mut self.journal, asked) {
            journal.begin(asked, now.date, before as u64);
        }
    }

    /// Tells the journal how long the head of that reply is.
    fn note_head(&mut self, length: usize) {
        if let Some(journal) = &mut self.journal {
            journal.has_head(length as u64);
        }
    }

    /// Tells the journal that the reply ends so many bytes behind the output.
    fn note_end(&mut self, status: Status, following: u64) {
        let unsent = self.output.len() as u64 + following;
        if let Some(journal) = &mut self.journal {
            journal.end(status.code, unsent);
        }
    }
}
