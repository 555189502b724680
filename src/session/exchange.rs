//! One request and its reply: from a parsed head to bytes in the output buffer and what follows them.

use crate::buffer::Buffer;
use crate::http::content::{Body, Bytes, Content, Reply};
use crate::http::request::{Framing, Method, Request};
use crate::http::response::{self, Connection, Status};
use crate::http::target::{Refused, Target};
use crate::limits;
use crate::now::Now;
use std::fs::File;
use std::sync::Arc;

/// The rest of a reply, which isn't copied into the output buffer and is sent after it.
#[derive(Debug)]
pub enum Following {
    /// There is none.
    Nothing,
    /// Bytes in memory, sent so far up to `at`.
    Bytes {
        /// All of them.
        bytes: Bytes,
        /// How many are sent.
        at: usize,
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
    /// Whether replies of 300 or above close it.
    pub close_on_error: bool,
}

impl Exchange<'_> {
    /// Writes the reply, and says whether the connection is kept after it; `None` where there was no
    /// room for it.
    pub fn answer(self, request: &Request, now: &Now, site: &mut impl Content) -> Option<bool> {
        match request.method {
            Method::NotAllowed => return self.plain(Status::METHOD_NOT_ALLOWED, "Allow: GET, HEAD\r\n", now),
            Method::Unknown => return self.plain(Status::NOT_IMPLEMENTED, "", now),
            Method::Get | Method::Head => {}
        }
        if let Framing::Length(length) = request.body
            && length > limits::BODY
        {
            return self.plain(Status::CONTENT_TOO_LARGE, "", now);
        }
        match Target::parse(request.target) {
            Ok(target) => self.reply(site.find(&target, now), now),
            Err(Refused::Hidden) => self.reply(site.missing(now), now),
            Err(Refused::Malformed) => self.plain(Status::BAD_REQUEST, "", now),
        }
    }

    fn plain(self, status: Status, further: &str, now: &Now) -> Option<bool> {
        let (fields, text) = response::plain_page(status);
        let body = Bytes::Shared(Arc::from(text.into_bytes()));
        self.reply(Reply { status, fields: (fields + further).as_bytes(), body: Body::Bytes(&body) }, now)
    }

    fn reply(self, reply: Reply, now: &Now) -> Option<bool> {
        let kept = self.keep_alive && !(self.close_on_error && reply.status.code >= 300);
        let connection = match (kept, self.minor) {
            (false, _) => Connection::Close,
            (true, 0) => Connection::KeepAlive,
            (true, _) => Connection::Persistent,
        };
        let head = |output: &mut Buffer, body: usize| {
            response::put_head(output, reply.status, &now.date, reply.fields, connection, body)
        };
        match reply.body {
            _ if !self.with_body => head(self.output, 0).then_some(kept),
            Body::Bytes(bytes) => {
                let content = bytes.as_ref();
                if head(self.output, content.len()) {
                    self.output.put(content);
                } else if self.output.is_empty() && head(self.output, 0) {
                    *self.following = Following::Bytes { bytes: bytes.clone(), at: 0 };
                } else {
                    return None;
                }
                Some(kept)
            }
            Body::File(file, length) => {
                if !head(self.output, 0) {
                    return None;
                }
                if length > 0 {
                    *self.following = Following::File { file: file.clone(), at: 0, end: length };
                }
                Some(kept)
            }
        }
    }
}
