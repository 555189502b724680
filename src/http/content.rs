//! What a site answers, as the HTTP session sees it.
//!
//! The session knows the protocol and nothing of files; whoever implements [`Content`] knows files and
//! nothing of the protocol. A reply is borrowed from the site: what fits is copied to the wire at once,
//! and only a body too large for that is kept alive by its `Arc`.

use crate::http::accept::Accepts;
use crate::http::conditional::Validators;
use crate::http::response::Status;
use crate::http::target::Target;
use crate::now::Now;
use std::fmt;
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::Instant;

/// Something that can be asked for paths: a directory, the built-in site, a test's invention.
pub trait Content {
    /// The reply for a path, in a form that the client accepts. Never fails: what can't be found or opened
    /// is a reply too.
    fn find(&mut self, target: &Target, accepts: &Accepts, now: &Now) -> Reply<'_>;

    /// Whether there is a file or directory of that path, or a rule that goes before them.
    fn has(&mut self, target: &Target, now: &Now) -> bool;

    /// The reply for a path that is not to be looked for, such as a hidden file: 404.
    fn missing(&mut self, now: &Now) -> Reply<'_>;

    /// When [`tidy`](Content::tidy) should be called next.
    fn due(&self) -> Option<Instant> {
        None
    }

    /// Gives back what nobody has asked for lately, such as open files.
    fn tidy(&mut self, _now: &Now) {}
}

/// A status, the fields that describe its body, and the body.
#[derive(Debug)]
pub struct Reply<'a> {
    /// The status of the response.
    pub status: Status,
    /// The field lines that describe the whole body, each with its CR LF: `Content-Type`, always first,
    /// and `Content-Length` where that is known.
    pub described: &'a [u8],
    /// Further field lines, which hold for a part of it and without it as well: validators, `Location`.
    pub fields: &'a [u8],
    /// What identifies its state; with this, conditions and ranges apply to it.
    pub validators: Option<&'a Validators>,
    /// Its content; a HEAD request leaves it out.
    pub body: Body<'a>,
}

/// The content of a reply, as its `Content-Length` field says it.
#[derive(Debug)]
pub enum Body<'a> {
    /// Made as it is sent; nobody knows its length yet.
    Pieces(Box<dyn Pieces>),
    /// In memory.
    Bytes(&'a Bytes),
    /// The first so many bytes of an open regular file.
    File(&'a Arc<File>, u64),
}

impl Body<'_> {
    /// Its length in bytes; 0 where nobody knows it.
    pub fn length(&self) -> u64 {
        match self {
            Body::Pieces(_) => 0,
            Body::Bytes(bytes) => bytes.as_ref().len() as u64,
            Body::File(_, length) => *length,
        }
    }
}

/// Content that takes long to make, and is made a piece at a time while others have their turns.
pub trait Pieces: Send {
    /// Appends the next piece of at most `most` bytes, of which there are some thousands; or nothing, if all
    /// that could be done in a fraction of a millisecond is not enough for one. Returns whether that was
    /// not the end. After an error the rest is missing.
    fn next(&mut self, most: usize, now: &Now, piece: &mut Vec<u8>) -> io::Result<bool>;
}

impl fmt::Debug for dyn Pieces {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("Pieces")
    }
}

/// Bytes that can be shared without copying.
#[derive(Clone, Debug)]
pub enum Bytes {
    /// Part of the program.
    Static(&'static [u8]),
    /// Read from somewhere.
    Shared(Arc<[u8]>),
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        match self {
            Bytes::Static(bytes) => bytes,
            Bytes::Shared(bytes) => bytes,
        }
    }
}
