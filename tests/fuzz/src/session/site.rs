//! A site for a session to answer from: something of each kind that a reply may be.

use shoutd::http::accept::Accepts;
use shoutd::http::conditional::Validators;
use shoutd::http::content::{Body, Bytes, Content, Pieces, Reply};
use shoutd::http::response::Status;
use shoutd::http::target::Target;
use shoutd::now::Now;
use std::fs::File;
use std::io;
use std::sync::{Arc, LazyLock};

/// More than most desks of the target have room for.
pub const LARGE: u64 = 20_000;

/// Bytes of the file, which the driver makes up: nobody reads it.
pub const FILE: u64 = 70_000;

static HELD: LazyLock<Arc<File>> =
    LazyLock::new(|| Arc::new(File::open("/dev/null").expect("a file to hold; nobody reads it")));
static CONTENT: LazyLock<Arc<[u8]>> = LazyLock::new(|| (0..LARGE).map(pattern).collect());

/// The byte at some place of every content.
pub fn pattern(at: u64) -> u8 {
    b'a' + (at % 23) as u8
}

/// `/small`, `/large`, `/file` and `/list`, and `/upper` if it is to be a file.
#[derive(Clone)]
pub struct Invented {
    pub upper_is_file: bool,
    /// How the pieces of `/list` come: the length of each, and 0 for a moment without one.
    pub pieces: Vec<u8>,
    /// It breaks off instead of ending.
    pub breaks: bool,
    small: Bytes,
    large: Bytes,
    validators: Validators,
}

impl Invented {
    pub fn new(upper_is_file: bool, pieces: &[u8], breaks: bool) -> Invented {
        Invented {
            upper_is_file,
            pieces: pieces.to_vec(),
            breaks,
            small: Bytes::Static(b"abcde"),
            large: Bytes::Shared(CONTENT.clone()),
            validators: Validators {
                etag: b"\"tag\"".as_slice().into(),
                modified: Some(784_111_777),
                current_since: 0,
            },
        }
    }

    /// What a list is made of, all together.
    pub fn listed(&self) -> u64 {
        self.pieces.iter().map(|&length| u64::from(length) * 40).sum()
    }
}

impl Content for Invented {
    fn find(&mut self, target: &Target, _: &Accepts, now: &Now) -> Reply<'_> {
        let (described, body): (&[u8], _) = match &*target.path {
            b"/small" => (b"Content-Type: a/b\r\nContent-Length: 5\r\n", Body::Bytes(&self.small)),
            b"/upper" if self.upper_is_file => {
                (b"Content-Type: a/b\r\nContent-Length: 5\r\n", Body::Bytes(&self.small))
            }
            b"/large" => (b"Content-Type: a/b\r\nContent-Length: 20000\r\n", Body::Bytes(&self.large)),
            b"/file" => (b"Content-Type: a/b\r\nContent-Length: 70000\r\n", Body::File(&HELD, FILE)),
            b"/list" => {
                let list = List { lengths: self.pieces.clone(), next: 0, at: 0, breaks: self.breaks };
                let body = Body::Pieces(Box::new(list));
                let described = b"Content-Type: a/b\r\n".as_slice();
                return Reply { status: Status::OK, described, fields: b"", validators: None, body };
            }
            _ => return self.missing(now),
        };
        let fields = b"ETag: \"tag\"\r\n";
        Reply { status: Status::OK, described, fields, validators: Some(&self.validators), body }
    }

    fn has(&mut self, target: &Target, _: &Now) -> bool {
        *target.path == *b"/upper" && self.upper_is_file
    }

    fn missing(&mut self, _: &Now) -> Reply<'_> {
        let (described, body) =
            (b"Content-Type: a/b\r\nContent-Length: 5\r\n".as_slice(), Body::Bytes(&self.small));
        Reply { status: Status::NOT_FOUND, described, fields: b"", validators: None, body }
    }
}

/// A reply that is made as it is sent.
struct List {
    lengths: Vec<u8>,
    next: usize,
    at: u64,
    breaks: bool,
}

impl Pieces for List {
    fn next(&mut self, most: usize, _: &Now, piece: &mut Vec<u8>) -> io::Result<bool> {
        let Some(&length) = self.lengths.get(self.next) else {
            return if self.breaks { Err(io::ErrorKind::Other.into()) } else { Ok(false) };
        };
        self.next += 1;
        let end = self.at + u64::from(length) * 40;
        assert!(end - self.at <= most as u64, "room for a piece of some thousand bytes, not {most}");
        piece.extend((self.at..end).map(pattern));
        self.at = end;
        Ok(self.breaks || self.next < self.lengths.len())
    }
}
