//! What can go wrong without any reply being wrong, by kind.

use crate::client::trouble::plain;
use std::io::{self, ErrorKind};

/// A kind of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A connection or datagram was refused.
    Refused,
    /// No connection or no reply in time.
    Timeout,
    /// The server reset the connection.
    Reset,
    /// The server closed the connection while a reply was due, not a byte of which had come.
    Closed,
    /// An HTTP status of 400 or above.
    Status,
    /// Anything else, such as no local port being free.
    Other,
}

/// How often each happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    counts: [u64; 6],
    /// The last one in words.
    last: Option<(Kind, String)>,
}

impl Kind {
    /// All of them, in the order of the result.
    pub const ALL: [Kind; 6] =
        [Kind::Refused, Kind::Timeout, Kind::Reset, Kind::Closed, Kind::Status, Kind::Other];

    /// The kind of an error of a socket.
    pub fn of(error: &io::Error) -> Kind {
        match error.kind() {
            ErrorKind::ConnectionRefused => Kind::Refused,
            ErrorKind::TimedOut => Kind::Timeout,
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted => Kind::Reset,
            _ => Kind::Other,
        }
    }

    /// Its name in the result.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Refused => "refused",
            Kind::Timeout => "timeout",
            Kind::Reset => "reset",
            Kind::Closed => "closed",
            Kind::Status => "status",
            Kind::Other => "other",
        }
    }
}

impl Failures {
    /// Counts `count` of a kind.
    pub fn add(&mut self, kind: Kind, count: u64) {
        self.counts[kind as usize] += count;
    }

    /// Counts one, and remembers it in the system's words.
    pub fn note(&mut self, kind: Kind, error: &io::Error) {
        self.add(kind, 1);
        self.last = Some((kind, plain(error)));
    }

    /// How many of a kind.
    pub fn of(&self, kind: Kind) -> u64 {
        self.counts[kind as usize]
    }

    /// How many in all.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The most frequent kind, if there is any.
    pub fn chief(&self) -> Option<Kind> {
        Kind::ALL.into_iter().filter(|&kind| self.of(kind) > 0).max_by_key(|&kind| self.of(kind))
    }

    /// The last error of a kind in words, if it is the last of all.
    pub fn words(&self, kind: Kind) -> Option<&str> {
        self.last.as_ref().filter(|(last, _)| *last == kind).map(|(_, words)| words.as_str())
    }
}
