//! A simulated kernel's state: virtual time, sockets with bounded buffers, and edges as epoll(7) gives them.
//!
//! What a peer can do to a socket is here; what the server can do to it is in `kernel.rs`.

use crate::random::Random;
use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

/// The world, as the kernel, its sockets and the peers share it.
pub type Shared = Rc<RefCell<World>>;

/// How hostile a world is. Each number is "once in so many calls", 0 is never.
#[derive(Clone, Debug, Default)]
pub struct Hostility {
    /// A call is interrupted.
    pub interrupted: usize,
    /// A send takes less than there is room for.
    pub short_send: usize,
    /// A send, or an accept, fails for want of memory.
    pub shortage: usize,
    /// An accepted connection is gone already, or accepting fails in a way that nobody has heard of.
    pub strange_accept: usize,
    /// A datagram call fails in a way that nobody has heard of.
    pub strange_datagram: usize,
    /// An event is told that says nothing new.
    pub spurious: usize,
    /// Descriptors that there are, sockets and listeners together.
    pub descriptors: usize,
}

pub struct World {
    /// Since the start.
    pub now: Duration,
    pub start: Instant,
    pub wall: SystemTime,
    pub random: Random,
    pub hostility: Hostility,
    /// What each call costs.
    pub cost: Duration,
    pub sockets: Vec<Socket>,
    /// Watched sockets of which there is something new to tell, in the order in which it came.
    pub ready: VecDeque<usize>,
    agenda: BinaryHeap<Reverse<(Duration, usize, Happening)>>,
    order: usize,
    pub peers: Vec<Option<Box<dyn Peer>>>,
    /// The time that the run was to take is over.
    pub is_over: bool,
    /// Memory is so scarce that anybody may be reset.
    pub scarce: bool,
    pub events: u64,
    pub faults: u64,
    /// When waiting last ended, and what has been moved since.
    pub last_wait: Duration,
    pub longest_lap: Duration,
    pub moved: u64,
    pub idle_waits: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    /// A peer wants to act.
    Peer(usize),
    /// A socket that refused to take more has room again.
    Room(usize),
    /// A signal.
    Bell(usize),
    /// The end of the run.
    Over,
}

/// Somebody on the other side of the network.
pub trait Peer {
    /// Does what it wants to do now, and says when to be woken again ([`World::wake`]), if ever.
    fn act(&mut self, me: usize, world: &mut World);

    /// Whether it has had all it wanted.
    fn is_done(&self) -> bool;

    /// What it is and how far it got.
    fn story(&self) -> String;
}

#[derive(Debug)]
pub struct Socket {
    pub what: What,
    pub token: Option<usize>,
    pub open: bool,
    queued: bool,
}

#[derive(Debug)]
pub enum What {
    Listener { backlog: VecDeque<usize>, closed: bool },
    Stream(Box<Stream>),
    Datagrams { incoming: VecDeque<(Vec<u8>, SocketAddr)>, outgoing: Vec<(Vec<u8>, SocketAddr)> },
    Bell(Vec<u8>),
}

/// A connection, both directions.
#[derive(Debug)]
pub struct Stream {
    pub inbox: VecDeque<u8>,
    pub inbox_size: usize,
    pub peer_fin: bool,
    pub peer_reset: bool,
    pub outbox: VecDeque<u8>,
    pub outbox_size: usize,
    /// The server was refused, and is to be told when there is room.
    pub wants_room: bool,
    pub server_fin: bool,
    pub server_reset: bool,
    /// The server's end is closed.
    pub closed: bool,
    pub linger_zero: bool,
    /// A call on it failed in a way that the server has to take for its end.
    pub wounded: bool,
    /// Bytes that the peer has read.
    pub taken: u64,
    /// When it was accepted.
    pub accepted: Option<Duration>,
    /// When the server last sent something.
    pub written: Duration,
}

/// What a peer finds when it reads.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    Bytes(Vec<u8>),
    Nothing,
    Fin,
    Reset,
}

impl World {
    pub fn new(random: Random, hostility: Hostility, cost: Duration) -> World {
        World {
            now: Duration::ZERO,
            start: Instant::now(),
            wall: SystemTime::now(),
            random,
            hostility,
            cost,
            sockets: Vec::new(),
            ready: VecDeque::new(),
            agenda: BinaryHeap::new(),
            order: 0,
            peers: Vec::new(),
            is_over: false,
            scarce: false,
            events: 0,
            faults: 0,
            last_wait: Duration::ZERO,
            longest_lap: Duration::ZERO,
            moved: 0,
            idle_waits: 0,
        }
    }

    pub fn add(&mut self, what: What) -> usize {
        self.sockets.push(Socket { what, token: None, open: true, queued: false });
        self.sockets.len() - 1
    }

    pub fn stream(&mut self, socket: usize) -> &mut Stream {
        match &mut self.sockets[socket].what {
            What::Stream(stream) => stream,
            other => panic!("{other:?} is no stream"),
        }
    }

    /// Sockets that the server has open.
    pub fn open_sockets(&self) -> usize {
        self.sockets.iter().filter(|socket| socket.open).count()
    }

    /// Time passes, and what is due by then happens.
    pub fn pass(&mut self, time: Duration) {
        self.now += time;
        while let Some(Reverse((at, _, happening))) = self.agenda.peek().copied() {
            if at > self.now {
                break;
            }
            self.agenda.pop();
            match happening {
                Happening::Peer(peer) => {
                    let mut acting = self.peers[peer].take().expect("nobody acts while acting");
                    let act = AssertUnwindSafe(|| acting.act(peer, self));
                    if let Err(panic) = catch_unwind(act) {
                        eprintln!("at {:?}, {}", self.now, acting.story());
                        resume_unwind(panic);
                    }
                    self.peers[peer] = Some(acting);
                }
                Happening::Room(socket) => self.room(socket),
                Happening::Bell(bell) => self.ring(bell),
                Happening::Over => self.is_over = true,
            }
        }
    }

    /// When something happens next.
    pub fn next(&self) -> Option<Duration> {
        self.agenda.peek().map(|Reverse((at, ..))| *at)
    }

    /// A peer wants to act after so much time.
    pub fn wake(&mut self, peer: usize, after: Duration) {
        self.schedule(after, Happening::Peer(peer));
    }

    /// Somebody new comes after so much time.
    pub fn invite(&mut self, peer: Box<dyn Peer>, after: Duration) {
        self.peers.push(Some(peer));
        self.wake(self.peers.len() - 1, after);
    }

    pub fn ring_later(&mut self, bell: usize, after: Duration) {
        self.schedule(after, Happening::Bell(bell));
    }

    pub fn end_after(&mut self, time: Duration) {
        self.is_over = false;
        self.schedule(time, Happening::Over);
    }

    pub fn room_later(&mut self, socket: usize, after: Duration) {
        self.schedule(after, Happening::Room(socket));
    }

    fn schedule(&mut self, after: Duration, happening: Happening) {
        self.order += 1;
        self.agenda.push(Reverse((self.now + after, self.order, happening)));
    }

    /// Something about a socket is new: it is told of at the next wait, if it is watched.
    pub fn edge(&mut self, socket: usize) {
        let watched = &mut self.sockets[socket];
        if watched.token.is_some() && watched.open && !watched.queued {
            watched.queued = true;
            self.ready.push_back(socket);
        }
    }

    pub fn told(&mut self, socket: usize) {
        self.sockets[socket].queued = false;
    }

    /// The peer has made room, or time has: whoever was refused is told if it is a third at least.
    fn room(&mut self, socket: usize) {
        let stream = self.stream(socket);
        if stream.wants_room && stream.has_room() {
            stream.wants_room = false;
            self.edge(socket);
        }
    }

    /// A peer connects to a listener. `None` if that is refused.
    pub fn connect(&mut self, listener: usize) -> Option<usize> {
        let (inbox_size, outbox_size) = (self.random.range(100, 60_000), self.random.range(100, 60_000));
        let stream = Stream {
            inbox: VecDeque::new(),
            inbox_size,
            peer_fin: false,
            peer_reset: false,
            outbox: VecDeque::new(),
            outbox_size,
            wants_room: false,
            server_fin: false,
            server_reset: false,
            closed: false,
            linger_zero: false,
            wounded: false,
            taken: 0,
            accepted: None,
            written: Duration::ZERO,
        };
        let is_open = self.sockets[listener].open;
        let connected = self.sockets.len();
        match &mut self.sockets[listener].what {
            What::Listener { backlog, closed: false } if is_open => backlog.push_back(connected),
            _ => return None,
        }
        self.add(What::Stream(Box::new(stream)));
        self.sockets[connected].open = false; // nobody has it yet
        self.edge(listener);
        Some(connected)
    }

    /// A peer sends: how many bytes there was room for; `None` after a reset.
    pub fn send(&mut self, socket: usize, bytes: &[u8]) -> Option<usize> {
        let stream = self.stream(socket);
        if stream.server_reset {
            return None;
        }
        if stream.closed {
            // Nobody is there: the kernel answers with a reset, which may destroy what is still to be read.
            stream.server_reset = true;
            stream.outbox.clear();
            return None;
        }
        let count = bytes.len().min(stream.inbox_size - stream.inbox.len());
        stream.inbox.extend(&bytes[..count]);
        if count > 0 {
            self.edge(socket);
        }
        Some(count)
    }

    /// A peer reads at most so many bytes.
    pub fn receive(&mut self, socket: usize, most: usize) -> Found {
        let stream = self.stream(socket);
        if stream.server_reset && stream.outbox.is_empty() {
            return Found::Reset;
        }
        let count = most.min(stream.outbox.len());
        if count == 0 {
            return if stream.server_fin && stream.outbox.is_empty() { Found::Fin } else { Found::Nothing };
        }
        let bytes = stream.outbox.drain(..count).collect();
        stream.taken += count as u64;
        self.room(socket);
        Found::Bytes(bytes)
    }

    /// A peer sends its FIN.
    pub fn finish(&mut self, socket: usize) {
        self.stream(socket).peer_fin = true;
        self.edge(socket);
    }

    /// A peer resets the connection.
    pub fn reset(&mut self, socket: usize) {
        let stream = self.stream(socket);
        stream.peer_reset = true;
        stream.outbox.clear();
        self.edge(socket);
    }

    /// A datagram arrives; where there is no room for it, it is lost.
    pub fn datagram(&mut self, socket: usize, bytes: Vec<u8>, source: SocketAddr) -> bool {
        let arrived = match &mut self.sockets[socket].what {
            What::Datagrams { incoming, .. } if incoming.len() < 500 => {
                incoming.push_back((bytes, source));
                true
            }
            _ => false,
        };
        if arrived {
            self.edge(socket);
        }
        arrived
    }

    /// The answers that were sent to somebody.
    pub fn answers(&mut self, socket: usize, to: SocketAddr) -> Vec<Vec<u8>> {
        let What::Datagrams { outgoing, .. } = &mut self.sockets[socket].what else { return Vec::new() };
        let (for_them, others) = outgoing.drain(..).partition(|(_, address)| *address == to);
        *outgoing = others;
        for_them.into_iter().map(|(bytes, _): (Vec<u8>, SocketAddr)| bytes).collect()
    }

    /// A signal.
    pub fn ring(&mut self, bell: usize) {
        if let What::Bell(bytes) = &mut self.sockets[bell].what {
            bytes.push(1);
        }
        self.edge(bell);
    }
}

impl Stream {
    pub fn has_room(&self) -> bool {
        self.peer_reset || self.outbox_size - self.outbox.len() >= self.outbox_size.div_ceil(3)
    }
}
