//! What can go wrong without any reply being wrong, by kind.

use shoutd::trouble::plain;
use std::collections::BTreeMap;
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
    /// The server closed the connection while a reply was due, or in the middle of one.
    Closed,
    /// A whole HTTP reply with a status that doesn't count.
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
    /// How often each status came that doesn't count: of 900 possible ones.
    statuses: BTreeMap<u16, u64>,
    /// How the first reply was cut short that was.
    cut: Option<String>,
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

    /// Counts `count` that had the same cause, and remembers it in the system's words.
    pub fn note(&mut self, kind: Kind, error: &io::Error, count: u64) {
        self.add(kind, count);
        self.last = Some((kind, plain(error)));
    }

    /// Counts a reply with a status that doesn't count.
    pub fn add_status(&mut self, status: u16) {
        self.add(Kind::Status, 1);
        *self.statuses.entry(status).or_default() += 1;
    }

    /// How often each status came that doesn't count.
    pub fn statuses(&self) -> &BTreeMap<u16, u64> {
        &self.statuses
    }

    /// Remembers how a reply was cut short, in words.
    pub fn note_cut(&mut self, what: String) {
        self.cut.get_or_insert(what);
    }

    /// How the first one was, if any was.
    pub fn cut(&self) -> Option<&str> {
        self.cut.as_deref()
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
