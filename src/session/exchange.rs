//! One request and its reply: from a parsed head to bytes in the output buffer and what follows them.

use crate::buffer::Buffer;
use crate::http::conditional::Outcome;
use crate::http::content::{Body, Bytes, Content, Pieces, Reply};
use crate::http::range::{self, Selection};
use crate::http::request::{Framing, Method, Request, Subject};
use crate::http::response::{self, Connection, Status};
use crate::limits;
use crate::now::Now;
use std::fs::File;
use std::sync::Arc;

/// What can be done with a file.
const ALLOWED: &str = "Allow: GET, HEAD, OPTIONS\r\n";

/// What can be done with the uppercase service, which is no file.
const ALLOWED_UPPER: &str = "Allow: POST, OPTIONS\r\n";

/// The rest of a reply, which isn't copied into the output buffer and is sent after it.
#[derive(Debug)]
pub enum Following {
    /// There is none.
    Nothing,
    /// Part of some bytes in memory.
    Bytes {
        /// All of them.
        bytes: Bytes,
        /// Where to go on.
        at: usize,
        /// Where to stop.
        end: usize,
    },
    /// Part of an open file.
    File {
        /// The file.
        file: Arc<File>,
        /// Where to go on.
        at: u64,
        /// Where to stop.
        end: u64,
    },
    /// What is still to be made.
    Pieces {
        /// What makes it.
        source: Box<dyn Pieces>,
        /// Whether each piece is a chunk; otherwise only the close ends it.
        chunked: bool,
    },
}

/// What was answered.
#[derive(Clone, Copy, Debug)]
pub struct Answered {
    /// Whether the connection is kept after it.
    pub kept: bool,
    /// The status.
    pub status: Status,
    /// The bytes of the head.
    pub head: usize,
}

impl Following {
    /// How many bytes are still to be sent, as far as that is known.
    pub fn left(&self) -> u64 {
        match self {
            Following::Nothing => 0,
            Following::Bytes { at, end, .. } => (end - at) as u64,
            Following::File { at, end, .. } => end - at,
            Following::Pieces { .. } => 0,
        }
    }
}

/// What it takes to answer one request.
pub struct Exchange<'a> {
    /// Where the reply goes.
    pub output: &'a mut Buffer,
    /// Where its body goes if it isn't to be copied.
    pub following: &'a mut Following,
    /// Whether the method wants the body.
    pub with_body: bool,
    /// The client's minor version.
    pub minor: u8,
    /// Whether the connection is to be kept, as far as the request is concerned.
    pub keep_alive: bool,
    /// Whether the target is the uppercase service.
    pub is_upper: bool,
    /// Whether replies of 300 or above close it.
    pub close_on_error: bool,
}

impl Exchange<'_> {
    /// Writes the reply; `None` where there was no room for it.
    pub fn answer(self, request: &Request, now: &Now, site: &mut impl Content) -> Option<Answered> {
        match request.method {
            Method::NotAllowed | Method::Post | Method::Connect => return self.not_allowed(now),
            Method::Unknown => return self.plain(Status::NOT_IMPLEMENTED, "", now),
            Method::Options => return self.options(now),
            Method::Get | Method::Head if self.is_upper => return self.not_allowed(now),
            Method::Get | Method::Head => {}
        }
        if let Framing::Length(length) = request.body
            && length > limits::BODY
        {
            return self.plain(Status::CONTENT_TOO_LARGE, "", now);
        }
        match &request.subject {
            Subject::Path(target) => self.conditional(request, site.find(target, &request.accepts, now), now),
            Subject::Hidden | Subject::Server | Subject::Authority => self.reply(site.missing(now), now),
        }
    }

    /// What may be done, to a path or (`*`) at all. It is the same for all files, so nothing is looked up.
    fn options(self, now: &Now) -> Option<Answered> {
        let allowed = self.allowed();
        self.bare(Status::NO_CONTENT, allowed.as_bytes(), now)
    }

    fn allowed(&self) -> &'static str {
        if self.is_upper { ALLOWED_UPPER } else { ALLOWED }
    }

    fn not_allowed(self, now: &Now) -> Option<Answered> {
        let allowed = self.allowed();
        self.plain(Status::METHOD_NOT_ALLOWED, allowed, now)
    }

    /// Sends as much of a reply as the client's conditions and range leave of it.
    fn conditional(self, request: &Request, reply: Reply, now: &Now) -> Option<Answered> {
        let Some(validators) = reply.validators.filter(|_| reply.status == Status::OK) else {
            return self.reply(reply, now);
        };
        match request.conditions.evaluate(validators) {
            Outcome::NotModified => return self.bare(Status::NOT_MODIFIED, reply.fields, now),
            Outcome::Failed => return self.plain(Status::PRECONDITION_FAILED, "", now),
            Outcome::Proceed => {}
        }
        // GET is the only method that ranges are defined for (RFC 9110 section 14.2).
        let asked = request.range.filter(|_| request.method == Method::Get);
        let Some(range) = asked.filter(|_| request.conditions.allow_range(validators, now.wall)) else {
            return self.reply(reply, now);
        };
        let length = reply.body.length();
        match range::select(range, length) {
            Selection::Whole => self.reply(reply, now),
            Selection::Unsatisfiable => {
                let nothing = format!("Content-Range: bytes */{length}\r\n");
                self.plain(Status::RANGE_NOT_SATISFIABLE, &nothing, now)
            }
            Selection::Part { start, end } => {
                // The type stands first, before the length of the whole.
                let kind = reply.described.split_inclusive(|&byte| byte == b'\n').next().unwrap_or_default();
                let mut described = kind.to_vec();
                let part = format!(
                    "Content-Length: {}\r\nContent-Range: bytes {start}-{}/{length}\r\n",
                    end - start,
                    end - 1
                );
                described.extend_from_slice(part.as_bytes());
                let reply = Reply { status: Status::PARTIAL_CONTENT, described: &described, ..reply };
                self.part(reply, start, end, now)
            }
        }
    }

    fn plain(self, status: Status, further: &str, now: &Now) -> Option<Answered> {
        let (described, text) = response::plain_page(status);
        let body = Bytes::Shared(Arc::from(text.into_bytes()));
        let (described, fields, body) = (described.as_bytes(), further.as_bytes(), Body::Bytes(&body));
        self.reply(Reply { status, described, fields, validators: None, body }, now)
    }

    /// A reply that has no body and no length, whatever the method.
    fn bare(mut self, status: Status, fields: &[u8], now: &Now) -> Option<Answered> {
        self.with_body = false;
        let body = Body::Bytes(&Bytes::Static(b""));
        self.reply(Reply { status, described: b"", fields, validators: None, body }, now)
    }

    fn reply(self, reply: Reply, now: &Now) -> Option<Answered> {
        let end = reply.body.length();
        self.part(reply, 0, end, now)
    }

    /// Sends a reply with the bytes from `start` up to `end` of its body.
    fn part(self, reply: Reply, start: u64, end: u64, now: &Now) -> Option<Answered> {
        let is_pieces = matches!(reply.body, Body::Pieces(_));
        let chunked = is_pieces && self.minor > 0;
        // Of a body of unknown length HTTP/1.0 knows only one end.
        let kept =
            self.keep_alive && !(self.close_on_error && reply.status.code >= 300) && (chunked || !is_pieces);
        let connection = Connection::after(kept, self.minor);
        let with_coding: Vec<u8>;
        let fields = if chunked {
            with_coding = [reply.fields, b"Transfer-Encoding: chunked\r\n"].concat();
            [reply.described, &with_coding]
        } else {
            [reply.described, reply.fields]
        };
        let before = self.output.len();
        let head = |output: &mut Buffer, body: usize| {
            response::put_head(output, reply.status, &now.date, fields, connection, body)
        };
        let answered = |output: &Buffer, body: usize| {
            Some(Answered { kept, status: reply.status, head: output.len() - body - before })
        };
        match reply.body {
            _ if !self.with_body => {
                if head(self.output, 0) {
                    answered(self.output, 0)
                } else {
                    None
                }
            }
            Body::Bytes(bytes) => {
                let (start, end) = (start as usize, end as usize);
                let content = &bytes.as_ref()[start..end];
                if head(self.output, content.len()) {
                    self.output.put(content);
                    answered(self.output, content.len())
                } else if self.output.is_empty() && head(self.output, 0) {
                    *self.following = Following::Bytes { bytes: bytes.clone(), at: start, end };
                    answered(self.output, 0)
                } else {
                    None
                }
            }
            Body::Pieces(source) => {
                if !head(self.output, 0) {
                    return None;
                }
                *self.following = Following::Pieces { source, chunked };
                answered(self.output, 0)
            }
            Body::File(file, _) => {
                if !head(self.output, 0) {
                    return None;
                }
                if start < end {
                    *self.following = Following::File { file: file.clone(), at: start, end };
                }
                answered(self.output, 0)
            }
        }
    }
}
