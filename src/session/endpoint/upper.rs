//! The endpoint of `POST /upper`: the uppercase service over HTTP, a body in and the same body in capitals out.
//!
//! The reply begins as soon as there is content, and goes on piece by piece as the request does, so a
//! body of any length takes no more memory than the desk has. While a piece isn't sent nothing is
//! received. A body with a length is answered with that length, a chunked one in chunks: not in those of
//! the request, but with all that came together in one.

use crate::buffer::Buffer;
use crate::http::chunked::{self, Decoder, Then};
use crate::http::content::Content;
use crate::http::request::{Framing, Method, Request, Subject};
use crate::http::response::{self, Connection, Status};
use crate::limits;
use crate::now::Now;
use crate::uppercase::uppercase;

/// The path of the service.
const PATH: &[u8] = b"/upper";

/// What can be done with it, which is no file.
pub const METHODS: &[Method] = &[Method::Post, Method::Options];

/// Whether a request is about the service, and no file has its name.
pub fn is_asked_for(request: &Request, now: &Now, site: &mut impl Content) -> bool {
    matches!(&request.subject, Subject::Path(target) if *target.path == *PATH && !site.has(target, now))
}

/// A body that is being answered.
#[derive(Debug)]
pub struct Uppering {
    body: Body,
    connection: Connection,
    /// The bytes of the reply's head; 0 until it is written.
    head: usize,
}

#[derive(Debug)]
enum Body {
    Length { all: u64, left: u64 },
    Chunked(Decoder),
}

/// How far it got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// More has to be received, or room to be made in the output.
    Going,
    /// The reply is complete.
    Done,
    /// The body is malformed, and nothing has been answered yet: 400.
    Refused,
    /// The body is malformed, in the middle of the reply: only closing can say so.
    Broken,
}

impl Uppering {
    /// The answer to a body that is framed so, of which nothing has come yet.
    pub fn new(body: Framing, connection: Connection) -> Uppering {
        let body = match body {
            Framing::Length(length) => Body::Length { all: length, left: length },
            Framing::Chunked => Body::Chunked(Decoder::new()),
        };
        Uppering { body, connection, head: 0 }
    }

    /// The bytes of the reply's head; 0 as long as there is no reply.
    pub fn head(&self) -> usize {
        self.head
    }

    /// Whether the connection ends with this reply.
    pub fn is_last(&self) -> bool {
        self.connection == Connection::Close
    }

    /// Turns as much input into output as there is of the one and room in the other.
    pub fn advance(&mut self, input: &mut Buffer, output: &mut Buffer, now: &Now) -> Progress {
        loop {
            if output.room_left() <= limits::PIECE_ROOM {
                return Progress::Going;
            }
            if let Body::Length { left: 0, .. } = self.body {
                self.begin(output, now);
                return Progress::Done;
            }
            if input.is_empty() {
                return Progress::Going;
            }
            let most = input.len().min(output.room_left() - limits::PIECE_ROOM);
            let (consumed, content, then) = match &mut self.body {
                Body::Length { left, .. } => {
                    let count = most.min(usize::try_from(*left).unwrap_or(usize::MAX));
                    *left -= count as u64;
                    (count, count, Then::More)
                }
                Body::Chunked(decoder) => {
                    let decoded = decoder.decode(&mut input.filled_mut()[..most]);
                    (decoded.consumed, decoded.content, decoded.then)
                }
            };
            if content > 0 {
                self.begin(output, now);
                self.put(&mut input.filled_mut()[..content], output);
            }
            input.consume(consumed);
            match then {
                Then::More => {}
                Then::Done => {
                    self.begin(output, now);
                    output.put(chunked::LAST_CHUNK);
                    return Progress::Done;
                }
                Then::Malformed if self.head > 0 => return Progress::Broken,
                Then::Malformed => return Progress::Refused,
            }
        }
    }

    fn put(&self, content: &mut [u8], output: &mut Buffer) {
        uppercase(content);
        match self.body {
            Body::Length { .. } => output.put(content),
            Body::Chunked(_) => chunked::put(content, output),
        }
    }

    fn begin(&mut self, output: &mut Buffer, now: &Now) {
        if self.head > 0 {
            return;
        }
        let framing = match self.body {
            Body::Length { all, .. } => format!("Content-Length: {all}\r\n"),
            Body::Chunked(_) => "Transfer-Encoding: chunked\r\n".to_owned(),
        };
        // Whatever the bytes are, they aren't a page: a browser must not run them.
        let fields = "Content-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n";
        let fields = [fields.as_bytes(), framing.as_bytes()];
        let before = output.len();
        let fits = response::put_head(output, Status::OK, &now.date, fields, self.connection, 0);
        debug_assert!(fits, "the room was looked at");
        self.head = output.len() - before;
    }
}
