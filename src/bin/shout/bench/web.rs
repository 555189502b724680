//! HTTP: the same GET again and again. The first response is learned, and every later one has to have its
//! status and its content; heads may differ, as dates do.

use super::dialogue::{Dialogue, Fin, Progress};
use super::page::{Page, SAME, Understood};
use super::plan::Plan;
use super::wrong::{self, Wrong};
use super::wrong_reply;
use crate::client::http::exchange::fell_silent;
use crate::client::http::head::Framing;
use crate::client::link::Link;
use shoutd::http::chunked::{Decoder, Piece};
use shoutd::trouble::Trouble;
use std::time::{Duration, Instant};

/// Bytes of a response head that are read before it is given up.
const HEAD: usize = 64 * 1024;

/// Time for the first response, however long it is.
const LEARNING: Duration = Duration::from_secs(30);

/// How often a server is asked whose first status doesn't count.
const ATTEMPTS: usize = 5;

/// One connection.
#[derive(Debug)]
pub struct Web {
    /// Bytes of requests: to be sent, and sent so far.
    asked: u64,
    sent: u64,
    /// Responses so far.
    answered: u64,
    /// A head that has come in part.
    head: Vec<u8>,
    /// The body that is being received, behind its head.
    body: Option<Body>,
    is_over: bool,
}

#[derive(Debug)]
struct Body {
    head: Understood,
    end: End,
    /// Bytes so far.
    at: usize,
    /// Whether it is to be compared.
    counts: bool,
}

#[derive(Debug)]
enum End {
    Length(u64),
    Chunked(Decoder),
    Fin,
}

/// Asks once, on a connection of its own, for what every response will be compared with, and settles on
/// the address that answered.
///
/// Where its status doesn't count, it is asked some times more, as the next one may. If none does, there is
/// nothing to compare with.
pub fn learn(plan: &mut Plan) -> Result<Page, Trouble> {
    let mut page = Page::new(&plan.request, plan.status);
    let start = Instant::now();
    let mut refusal = None;
    for _ in 0..ATTEMPTS {
        refusal = learn_once(plan, &mut page, start)?;
        if refusal.is_none() {
            break;
        }
    }
    page.refused_with = refusal;
    Ok(page)
}

/// Asks once. Returns the status of the response if that doesn't count.
fn learn_once(plan: &mut Plan, page: &mut Page, start: Instant) -> Result<Option<u16>, Trouble> {
    let mut link = Link::to_any(&plan.target, &plan.addresses, plan.timeout)?;
    plan.addresses = vec![link.peer];
    link.send(&plan.request)?;
    let mut web = Web::new(page);
    web.asked = page.request;
    web.sent = page.request;
    let mut room = vec![0; HEAD];
    loop {
        let count = link.receive(&mut room).map_err(|trouble| fell_silent(trouble, link.received == 0))?;
        let heard =
            if count == 0 { web.ended(page) } else { web.received(&room[..count], page).map(Fin::Reply) };
        let refusal = match heard.map_err(|wrong| wrong_reply(plan, &wrong))? {
            Fin::Reply(progress) => progress.refusals.first().copied(),
            Fin::Cut(what) => {
                let what = format!("{}: it closed the connection {what}, the first one", plan.target);
                return Err(Trouble::new(what, "The server may have died: look at its own messages."));
            }
            Fin::Announced | Fin::Unannounced => {
                return Err(Trouble::new(
                    format!("{} closed the connection without a response", link.peer),
                    "Either it isn't an HTTP server, or it could not cope with the request.",
                ));
            }
        };
        if refusal.is_some() || page.status.is_some() {
            return Ok(refusal);
        }
        if start.elapsed() > LEARNING {
            return Err(Trouble::new(
                format!("{}: the first response did not end within {} s", plan.target, LEARNING.as_secs()),
                "What is measured has to be a page of known length: choose another.",
            ));
        }
    }
}

impl Dialogue for Web {
    type Shared = Page;

    fn new(_: &mut Page) -> Web {
        Web { asked: 0, sent: 0, answered: 0, head: Vec::new(), body: None, is_over: false }
    }

    fn reply_bytes(page: &Page) -> u64 {
        page.body.len() as u64
    }

    fn ask(&mut self, page: &Page) {
        self.asked += page.request;
    }

    fn unsent<'a>(&self, page: &'a Page) -> &'a [u8] {
        let place = (self.sent % page.request) as usize;
        let most = usize::try_from(self.asked - self.sent).unwrap_or(usize::MAX);
        &page.requests[place..page.requests.len().min(place.saturating_add(most))]
    }

    fn sent(&mut self, count: usize) {
        self.sent += count as u64;
    }

    fn unanswered(&self, page: &Page) -> u64 {
        self.sent.saturating_sub(self.answered * page.request)
    }

    fn received(&mut self, bytes: &[u8], page: &mut Page) -> Result<Progress, Wrong> {
        let mut progress = Progress::default();
        let mut rest = bytes;
        while !rest.is_empty() {
            let consumed = match self.body {
                None => self.receive_head(rest, page)?,
                Some(_) => self.receive_body(rest, page, &mut progress)?,
            };
            rest = &rest[consumed..];
            if let Some(Body { end: End::Length(0), .. }) = self.body {
                self.complete(page, &mut progress)?;
            }
        }
        Ok(progress)
    }

    fn ended(&mut self, page: &mut Page) -> Result<Fin, Wrong> {
        match &self.body {
            // It has neither a length nor chunks, so that only the first one tells how long it is.
            Some(Body { end: End::Fin, at, counts: true, .. })
                if page.status.is_some() && *at < page.body.len() =>
            {
                Ok(Fin::Cut(format!("after {at} of the {} bytes that the first body had", page.body.len())))
            }
            Some(Body { end: End::Fin, .. }) => {
                let mut progress = Progress::default();
                self.complete(page, &mut progress)?;
                Ok(Fin::Reply(progress))
            }
            Some(Body { end: End::Length(left), at, .. }) => {
                Ok(Fin::Cut(format!("after {at} of {} bytes of a body", *at as u64 + left)))
            }
            Some(Body { at, .. }) => Ok(Fin::Cut(format!("after {at} bytes of a chunked body"))),
            None if !self.head.is_empty() => {
                Ok(Fin::Cut(format!("after {} bytes of a head", self.head.len())))
            }
            None if self.is_over => Ok(Fin::Announced),
            None => Ok(Fin::Unannounced),
        }
    }

    fn is_over(&self) -> bool {
        self.is_over
    }
}

impl Web {
    /// Takes a head, or a part of one, off the input; returns how much of it that was.
    fn receive_head(&mut self, bytes: &[u8], page: &mut Page) -> Result<usize, Wrong> {
        if self.is_over || self.answered * page.request >= self.sent {
            let count = wrong::bytes(bytes.len() as u64);
            return Err(Wrong::unasked(format!("{count} that nobody had asked for"), bytes));
        }
        if self.head.is_empty()
            && let Some((head, length)) = page.known_head(bytes)
        {
            self.begin(head, page)?;
            return Ok(length);
        }
        let before = self.head.len();
        let taken = bytes.len().min(HEAD);
        self.head.extend_from_slice(&bytes[..taken]);
        match page.read_head(&self.head)? {
            Some((head, length)) => {
                // Left over from the last read, less than a head: so the rest of it is in this one.
                self.head.clear();
                self.begin(head, page)?;
                Ok(length - before)
            }
            None if self.head.len() > HEAD => Err(Wrong::ended("a head without end".to_owned())),
            None => Ok(taken),
        }
    }

    fn begin(&mut self, head: Understood, page: &Page) -> Result<(), Wrong> {
        if (100..200).contains(&head.status) {
            return Ok(()); // an interim one: the real one follows
        }
        let counts = page.counts(head.status)?;
        let end = match head.framing {
            Framing::Nothing => End::Length(0),
            Framing::Length(length) => {
                let first = page.body.len() as u64;
                if counts && page.status.is_some() && length != first {
                    let what = format!("a body of {length} bytes, where the first had {first}");
                    return Err(Wrong::ended(what).with(SAME));
                }
                End::Length(length)
            }
            Framing::Chunked => End::Chunked(Decoder::new()),
            Framing::ToTheEnd => End::Fin,
        };
        self.body = Some(Body { head, end, at: 0, counts });
        Ok(())
    }

    /// Takes some of a body off the input; returns how much.
    fn receive_body(
        &mut self,
        bytes: &[u8],
        page: &mut Page,
        progress: &mut Progress,
    ) -> Result<usize, Wrong> {
        let Some(body) = &mut self.body else { return Ok(0) };
        let (consumed, content, is_last) = match &mut body.end {
            End::Length(left) => {
                let count = bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= count as u64;
                (count, count, false)
            }
            End::Fin => (bytes.len(), bytes.len(), false),
            End::Chunked(decoder) => match decoder.next(bytes) {
                Ok(Piece::Framing(count)) => (count, 0, false),
                Ok(Piece::Content(count)) => (count, count, false),
                Ok(Piece::Done(count)) => (count, 0, true),
                Err(_) => return Err(Wrong::unasked("a chunked body that isn't one".to_owned(), bytes)),
            },
        };
        if content > 0 {
            if body.counts {
                page.compare(body.at, &bytes[..content])?;
            }
            body.at += content;
        }
        if is_last {
            self.complete(page, progress)?;
        }
        Ok(consumed)
    }

    /// The body is complete.
    fn complete(&mut self, page: &mut Page, progress: &mut Progress) -> Result<(), Wrong> {
        let Some(body) = self.body.take() else { return Ok(()) };
        if body.counts {
            page.complete(body.at, body.head.status)?;
            progress.replies += 1;
        } else {
            progress.refusals.push(body.head.status);
        }
        self.answered += 1;
        self.is_over |= !body.head.reuse;
        Ok(())
    }
}
