//! A simulated connection: two bounded buffers, how either side ended, and what has to be known to check it.

use crate::peers::Service;
use crate::pipe::Pipe;
use crate::random::Random;
use shoutd::kernel::Readiness;
use std::time::Duration;

#[derive(Debug)]
pub struct Stream {
    pub service: Service,
    pub inbox: Pipe,
    pub inbox_size: usize,
    /// How far into the inbox the urgent mark is: a read ends there (tcp(7)).
    pub mark: Option<usize>,
    pub peer_fin: bool,
    /// The server has read the peer's FIN.
    pub fin_read: bool,
    /// Reads that found nothing since something last came, and when the first byte that is unread came.
    pub refusals: u32,
    pub unread_since: Duration,
    pub peer_reset: bool,
    pub outbox: Pipe,
    pub outbox_size: usize,
    /// The server was refused, and is to be told when there is room.
    pub wants_room: bool,
    /// The last send took less than it was to: there is more to come.
    pub is_blocked: bool,
    /// When the server half-closed.
    pub server_fin: Option<Duration>,
    pub server_reset: bool,
    /// The server's end is closed.
    pub closed: bool,
    pub linger_zero: bool,
    /// A call on it failed in a way that the server has to take for its end.
    pub wounded: bool,
    /// Bytes that the server has received and sent, and that the peer has read.
    pub heard: u64,
    pub said: u64,
    pub taken: u64,
    /// When it was accepted.
    pub accepted: Option<Duration>,
    /// When the server last received or sent something, and when the peer last took something.
    pub read: Duration,
    pub written: Duration,
    pub taken_at: Duration,
    /// The turn since which there is something for the server to do.
    pub ready_since: Option<u64>,
    /// The turn in which it was last served, and how much of it that took.
    pub turn: u64,
    pub calls: u32,
    pub moved: usize,
}

impl Stream {
    /// Both of its buffers have `least` bytes at least.
    pub fn new(service: Service, random: &mut Random, least: usize) -> Stream {
        let (inbox_size, outbox_size) = (random.range(least, 60_000), random.range(least, 60_000));
        Stream {
            service,
            inbox: Pipe::default(),
            inbox_size,
            mark: None,
            peer_fin: false,
            fin_read: false,
            refusals: 0,
            unread_since: Duration::ZERO,
            peer_reset: false,
            outbox: Pipe::default(),
            outbox_size,
            wants_room: false,
            is_blocked: false,
            server_fin: None,
            server_reset: false,
            closed: false,
            linger_zero: false,
            wounded: false,
            heard: 0,
            said: 0,
            taken: 0,
            accepted: None,
            read: Duration::ZERO,
            written: Duration::ZERO,
            taken_at: Duration::ZERO,
            ready_since: None,
            turn: 0,
            calls: 0,
            moved: 0,
        }
    }

    /// Room is told of when there is a third of it again (tcp(7), sk_stream_is_writeable).
    pub fn has_room(&self) -> bool {
        self.peer_reset || self.outbox_size - self.outbox.len() >= self.outbox_size.div_ceil(3)
    }

    pub fn readiness(&self) -> Readiness {
        let broken = self.peer_reset || (self.peer_fin && self.server_fin.is_some());
        let hung_up = self.peer_fin || broken;
        Readiness {
            readable: !self.inbox.is_empty() || hung_up,
            writable: self.has_room() || broken,
            hung_up,
            broken,
            urgent: self.mark.is_some(),
        }
    }

    /// There is something for the server to do.
    pub fn has_news(&mut self, turn: u64) {
        self.refusals = 0;
        self.ready_since.get_or_insert(turn);
    }

    /// Bytes that the server has received and not answered. Only TCP uppercase owes as much as it got.
    pub fn owed(&self) -> u64 {
        if self.service == Service::Upper { self.heard - self.said } else { 0 }
    }

    /// When it last made progress, as the server sees it.
    pub fn progress(&self) -> Duration {
        self.read.max(self.written)
    }
}
