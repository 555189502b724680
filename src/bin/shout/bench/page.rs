//! The page that every response has to be: the first response of a server, kept whole.

use super::wrong::Wrong;
use crate::client::http::head::{self, Framing, Reuse, Unreadable};

/// Bytes of the longest page, as all of it is kept to be compared with.
pub const LONGEST: usize = 256 * 1024 * 1024;

/// What to try where bodies differ.
pub const SAME: &str = "Each has to be the first one again: measure a page that doesn't change.";

/// Copies of the request that are ready to be sent in one piece.
const COPIES: usize = 64;

/// What all connections share.
#[derive(Debug, Default)]
pub struct Page {
    /// The request, many times over, and the length of one.
    pub requests: Vec<u8>,
    /// Bytes of one request.
    pub request: u64,
    /// The status that counts; without it, every 2xx does.
    wanted: Option<u16>,
    /// The status of the first response that counts, once it is known.
    pub status: Option<u16>,
    /// The status of the first responses, where none of them counted.
    pub refused_with: Option<u16>,
    /// The content.
    pub body: Vec<u8>,
    /// The last head that was understood, so that the same one needn't be read again.
    head: Vec<u8>,
    understood: Option<Understood>,
}

/// What a head says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Understood {
    /// The status code.
    pub status: u16,
    /// How its body ends.
    pub framing: Framing,
    /// Whether the connection can carry another request.
    pub reuse: bool,
}

impl Page {
    /// Nothing known but how to ask.
    pub fn new(request: &[u8], wanted: Option<u16>) -> Page {
        Page { requests: request.repeat(COPIES), request: request.len() as u64, wanted, ..Page::default() }
    }

    /// What the head at the start of `bytes` says and how long it is, if it is the last one again. Most are,
    /// as only the date changes, once a second.
    pub fn known_head(&self, bytes: &[u8]) -> Option<(Understood, usize)> {
        let understood = self.understood?;
        bytes.starts_with(&self.head).then_some((understood, self.head.len()))
    }

    /// The same for any head; `None` while it is incomplete.
    pub fn read_head(&mut self, bytes: &[u8]) -> Result<Option<(Understood, usize)>, Wrong> {
        let head = match head::read(bytes, false) {
            Ok(Some(head)) => head,
            Ok(None) => return Ok(None),
            Err(Unreadable::NotHttp(why)) => {
                let wrong = Wrong::unasked(format!("a head that isn't HTTP/1 ({why})"), bytes);
                let is_uppercase = bytes.starts_with(b"GET ");
                return Err(if is_uppercase {
                    wrong.with("It says what it hears: shout bench tcp.")
                } else {
                    wrong
                });
            }
            Err(Unreadable::Wrong(why)) => return Err(Wrong::unasked(format!("a head: {why}"), bytes)),
        };
        let (response, framing, length) = (head.response, head.framing, head.length);
        let understood = Understood { status: response.status, framing, reuse: response.reuse == Reuse::Yes };
        self.head.clear();
        self.head.extend_from_slice(&bytes[..length]);
        self.understood = Some(understood);
        Ok(Some((understood, length)))
    }

    /// Whether a response of this status counts, and so has to have the content of the first one that did.
    /// Others are an error and not a wrong reply: they are counted by their status.
    pub fn counts(&self, status: u16) -> Result<bool, Wrong> {
        if !self.wanted.map_or((200..300).contains(&status), |wanted| wanted == status) {
            return Ok(false);
        }
        match (self.status, self.refused_with) {
            (Some(first), _) if first != status => {
                Err(Wrong::ended(format!("the status {status}, where the first response had {first}")))
            }
            (None, Some(refused)) => {
                Err(Wrong::ended(format!("the status {status}, where the first responses had {refused}")))
            }
            _ => Ok(true),
        }
    }

    /// Compares, or learns, the part of a body from `at` on.
    pub fn compare(&mut self, at: usize, piece: &[u8]) -> Result<(), Wrong> {
        if self.status.is_none() {
            if self.body.len() + piece.len() > LONGEST {
                return Err(Wrong::ended(format!(
                    "a body of more than {LONGEST} bytes, which can't be compared"
                )));
            }
            self.body.extend_from_slice(piece);
            return Ok(());
        }
        let expected = &self.body[at..self.body.len().min(at + piece.len())];
        if expected == piece {
            return Ok(());
        }
        let first = Wrong::first_difference(expected, piece);
        if first == self.body.len() - at {
            let length = self.body.len();
            let what = format!("a body that goes on after the {length} bytes of the first one");
            return Err(Wrong::unasked(what, &piece[first..]).with(SAME));
        }
        let what = format!("a body that differs from the first one at byte {}", at + first);
        Err(Wrong::differs(what, expected, piece).with(SAME))
    }

    /// The body has ended after so many bytes.
    pub fn complete(&mut self, at: usize, status: u16) -> Result<(), Wrong> {
        if self.status.is_none() {
            self.status = Some(status);
        }
        if at < self.body.len() {
            let what = format!("a body of {at} bytes, where the first had {}", self.body.len());
            return Err(Wrong::ended(what).with(SAME));
        }
        Ok(())
    }
}
