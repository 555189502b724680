//! One request and its reply: from what an endpoint answers to bytes in the output buffer and what follows them.

use crate::buffer::Buffer;
use crate::http::conditional::Outcome;
use crate::http::content::{Body, Bytes, Pieces, Reply};
use crate::http::range::{self, Selection};
use crate::http::request::{Method, Request};
use crate::http::response::{self, Connection, Status};
use crate::now::Now;
use std::fs::File;
use std::sync::Arc;

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

    /// So many of them were sent. Nothing follows behind the last one.
    pub fn advance(&mut self, count: u64) {
        match self {
            Following::Bytes { at, .. } => *at += count as usize,
            Following::File { at, .. } => *at += count,
            Following::Nothing | Following::Pieces { .. } => return,
        }
        if self.left() == 0 {
            *self = Following::Nothing;
        }
    }
}

/// What an endpoint answers all at once.
#[derive(Debug)]
pub enum Response<'a> {
    /// A reply, as whole as it is: the client's conditions and range decide how much of it is sent.
    Reply(Reply<'a>),
    /// A page that says no more than this status.
    Status(Status),
    /// Which methods there are: 204.
    Methods(&'static [Method]),
    /// Which methods there are, and that this one isn't among them: 405.
    NotAllowed(&'static [Method]),
}

/// What it takes to write one reply.
pub struct Exchange<'a> {
    /// Where it goes.
    pub output: &'a mut Buffer,
    /// Where the rest of its body goes, if that isn't copied.
    pub following: &'a mut Following,
    /// What it answers.
    pub request: &'a Request<'a>,
    /// Whether the connection is to be kept, as far as the request is concerned.
    pub keep_alive: bool,
    /// Whether replies of 300 or above close it.
    pub close_on_error: bool,
}

/// What was written.
#[derive(Clone, Copy, Debug)]
pub struct Answered {
    /// Whether the connection is kept after it.
    pub kept: bool,
    /// The status.
    pub status: Status,
    /// The bytes of the head.
    pub head: usize,
}

impl Exchange<'_> {
    /// Writes what an endpoint answers; `None` where there was no room for it.
    pub fn answer(self, response: Response, now: &Now) -> Option<Answered> {
        match response {
            Response::Reply(reply) => self.conditional(reply, now),
            Response::Status(status) => self.plain(status, "", now),
            Response::Methods(methods) => self.bare(Status::NO_CONTENT, allow(methods).as_bytes(), now),
            Response::NotAllowed(methods) => self.plain(Status::METHOD_NOT_ALLOWED, &allow(methods), now),
        }
    }

    /// Sends as much of a reply as the client's conditions and range leave of it.
    fn conditional(self, reply: Reply, now: &Now) -> Option<Answered> {
        let request = self.request;
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
    fn bare(self, status: Status, fields: &[u8], now: &Now) -> Option<Answered> {
        let body = Body::Bytes(&Bytes::Static(b""));
        self.reply(Reply { status, described: b"", fields, validators: None, body }, now)
    }

    fn reply(self, reply: Reply, now: &Now) -> Option<Answered> {
        let end = reply.body.length();
        self.part(reply, 0, end, now)
    }

    /// Sends a reply with the bytes from `start` up to `end` of its body.
    fn part(self, reply: Reply, start: u64, end: u64, now: &Now) -> Option<Answered> {
        let (status, minor) = (reply.status, self.request.minor);
        let is_pieces = matches!(reply.body, Body::Pieces(_));
        let chunked = is_pieces && minor > 0;
        // Of a body of unknown length HTTP/1.0 knows only one end.
        let kept = self.keep_alive && !(self.close_on_error && status.code >= 300) && (chunked || !is_pieces);
        let connection = Connection::after(kept, minor);
        let with_coding: Vec<u8>;
        let fields = if chunked {
            with_coding = [reply.fields, b"Transfer-Encoding: chunked\r\n"].concat();
            [reply.described, &with_coding]
        } else {
            [reply.described, reply.fields]
        };
        let before = self.output.len();
        let put_head = |output: &mut Buffer, body: usize| {
            response::put_head(output, status, &now.date, fields, connection, body)
        };
        let with_body = self.request.method != Method::Head;
        let mut copied = 0;
        match reply.body {
            _ if !with_body => {
                if !put_head(self.output, 0) {
                    return None;
                }
            }
            Body::Bytes(bytes) => {
                let (at, end) = (start as usize, end as usize);
                let content = &bytes.as_ref()[at..end];
                if put_head(self.output, content.len()) {
                    self.output.put(content);
                    copied = content.len();
                } else if before == 0 && put_head(self.output, 0) {
                    *self.following = Following::Bytes { bytes: bytes.clone(), at, end };
                } else {
                    return None;
                }
            }
            Body::File(file, _) => {
                if !put_head(self.output, 0) {
                    return None;
                }
                if start < end {
                    *self.following = Following::File { file: file.clone(), at: start, end };
                }
            }
            Body::Pieces(source) => {
                if !put_head(self.output, 0) {
                    return None;
                }
                *self.following = Following::Pieces { source, chunked };
            }
        }
        Some(Answered { kept, status, head: self.output.len() - copied - before })
    }
}

/// The field that lists methods (RFC 9110 section 10.2.1).
fn allow(methods: &[Method]) -> String {
    let names: Vec<&str> = methods.iter().map(|method| method.name()).collect();
    format!("Allow: {}\r\n", names.join(", "))
}
