//! A simulated world: virtual time, sockets, what happens when, and how hostile all that is.
//!
//! What peers do to a socket is in `network.rs`, what the server does in `kernel.rs`, and what must hold
//! whatever they do in `checks.rs`.

use crate::peers::{Peer, Service};
use crate::random::Random;
use crate::stream::Stream;
use rustix::io::Errno;
use shoutd::kernel::{Interest, Readiness};
use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

/// The world, as the kernel, its sockets and the peers share it.
pub type Shared = Rc<RefCell<World>>;

/// How hostile a world is. Numbers are "once in so many calls", 0 is never.
#[derive(Clone, Debug, Default)]
pub struct Hostility {
    /// A call is interrupted.
    pub interrupted: usize,
    /// A send takes less than there is room for.
    pub short_send: usize,
    /// A send, or an accept, fails for want of memory.
    pub shortage: usize,
    /// A connection is found to be broken when it is read from (ECONNRESET, ETIMEDOUT, EHOSTUNREACH).
    pub broken: usize,
    /// An accepted connection is gone already.
    pub strange_accept: usize,
    /// A connection can't be watched.
    pub unwatched: usize,
    /// A datagram call fails.
    pub strange_datagram: usize,
    /// There is no room for an answer to a datagram.
    pub full_datagrams: usize,
    /// A bell can't be read.
    pub bell: usize,
    /// An event is told that says nothing new.
    pub spurious: usize,
    /// An event is told of somebody who has left: a descriptor that a child has inherited.
    pub stale: usize,
    /// A signal that has nothing to say interrupts every wait that lasts until then.
    pub signals: Option<Duration>,
    /// Descriptors that there are, sockets and listeners together.
    pub descriptors: usize,
    /// Something that fails for a while, whatever is tried.
    pub outage: Option<(Outage, Duration, Duration)>,
}

/// What may fail for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outage {
    Accept(Errno),
    Datagrams(Errno),
    Descriptors,
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
    /// Bytes that each buffer of a connection has at least.
    pub least_buffer: usize,
    /// The listener of each service, and the UDP socket.
    pub listeners: [usize; 2],
    pub udp: usize,
    /// Sockets that the server has open, the streams among them.
    pub open: usize,
    pub streams: Vec<usize>,
    /// Watched sockets of which there is something new to tell, in the order in which it came.
    pub ready: VecDeque<usize>,
    /// What sockets were watched under that are closed.
    pub old_tokens: Vec<usize>,
    agenda: BinaryHeap<Reverse<(Duration, usize, Happening)>>,
    order: usize,
    pub peers: Vec<Option<Box<dyn Peer>>>,
    /// The time that the run was to take is over.
    pub is_over: bool,
    /// The server has been told to stop.
    pub is_stopping: bool,
    /// Replies of HTTP that are complete, and lines of the access log, as far as they are counted.
    pub answered: u64,
    pub checks: crate::checks::Checks,
    pub events: u64,
    pub faults: u64,
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

#[derive(Debug)]
pub struct Socket {
    pub what: What,
    pub token: Option<usize>,
    pub interest: Interest,
    pub open: bool,
    queued: bool,
}

#[derive(Debug)]
pub enum What {
    Listener { backlog: VecDeque<usize>, closed: bool },
    Stream(Box<Stream>),
    Datagrams(Post),
    Bell(Vec<u8>),
}

/// The datagrams that are on their way.
#[derive(Debug, Default)]
pub struct Post {
    pub incoming: VecDeque<(Vec<u8>, SocketAddr)>,
    pub outgoing: BTreeMap<u16, Vec<Vec<u8>>>,
    /// Answers that were thrown away.
    pub lost: BTreeMap<u16, Vec<Vec<u8>>>,
    pub is_full: bool,
}

impl World {
    pub fn new(random: Random, hostility: Hostility, cost: Duration, checks: crate::checks::Checks) -> World {
        World {
            now: Duration::ZERO,
            start: Instant::now(),
            wall: SystemTime::now() + Duration::from_secs(3600), // so that no file is new, however slow the disk
            random,
            hostility,
            cost,
            sockets: Vec::new(),
            least_buffer: 100,
            listeners: [0; 2],
            udp: 0,
            open: 0,
            streams: Vec::new(),
            ready: VecDeque::new(),
            old_tokens: Vec::new(),
            agenda: BinaryHeap::new(),
            order: 0,
            peers: Vec::new(),
            is_over: false,
            is_stopping: false,
            answered: 0,
            checks,
            events: 0,
            faults: 0,
        }
    }

    /// A socket that the server has from the start.
    pub fn add(&mut self, what: What) -> usize {
        self.open += 1;
        self.push(what, true)
    }

    pub fn push(&mut self, what: What, open: bool) -> usize {
        self.sockets.push(Socket { what, token: None, interest: Interest::Reading, open, queued: false });
        self.sockets.len() - 1
    }

    pub fn stream(&mut self, socket: usize) -> &mut Stream {
        match &mut self.sockets[socket].what {
            What::Stream(stream) => stream,
            other => panic!("{other:?} is no stream"),
        }
    }

    pub fn post(&mut self) -> &mut Post {
        match &mut self.sockets[self.udp].what {
            What::Datagrams(post) => post,
            other => panic!("{other:?} is for no datagrams"),
        }
    }

    pub fn listener(&self, service: Service) -> usize {
        self.listeners[usize::from(service == Service::Web)]
    }

    /// Whether something fails just now, whatever is tried.
    pub fn fails_now(&self) -> Option<Outage> {
        let (what, from, until) = self.hostility.outage?;
        (from..until).contains(&self.now).then_some(what)
    }

    /// What a socket has to say, as epoll(7) says it.
    pub fn readiness(&self, socket: usize) -> Readiness {
        let watched = &self.sockets[socket];
        let said = match &watched.what {
            What::Listener { backlog, .. } => {
                Readiness { readable: !backlog.is_empty(), ..Readiness::default() }
            }
            What::Datagrams(post) => Readiness {
                readable: !post.incoming.is_empty(),
                writable: !post.is_full,
                ..Readiness::default()
            },
            What::Bell(bytes) => Readiness { readable: !bytes.is_empty(), ..Readiness::default() },
            What::Stream(stream) => stream.readiness(),
        };
        Readiness {
            writable: said.writable && (watched.interest != Interest::Reading || said.broken),
            urgent: said.urgent && watched.interest == Interest::Everything,
            ..said
        }
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
                Happening::Bell(bell) => {
                    if let What::Bell(bytes) = &mut self.sockets[bell].what {
                        bytes.push(1);
                    }
                    self.edge(bell);
                }
                Happening::Over => self.is_over = true,
            }
        }
    }

    /// When something happens next.
    pub fn next(&self) -> Option<Duration> {
        self.agenda.peek().map(|Reverse((at, ..))| *at)
    }

    /// Somebody new comes after so much time.
    pub fn invite(&mut self, peer: Box<dyn Peer>, after: Duration) {
        self.peers.push(Some(peer));
        self.wake_later(self.peers.len() - 1, after);
    }

    pub fn wake_later(&mut self, peer: usize, after: Duration) {
        self.schedule(after, Happening::Peer(peer));
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

    /// There is room again, made by the peer or by time: the server is told if it was refused.
    pub fn room(&mut self, socket: usize) {
        let turn = self.checks.turn;
        match &mut self.sockets[socket].what {
            What::Stream(stream) if stream.wants_room && stream.has_room() => {
                stream.wants_room = false;
                if stream.is_blocked {
                    stream.ready_since = Some(turn);
                }
            }
            What::Datagrams(post) => post.is_full = false,
            _ => return,
        }
        self.edge(socket);
    }

    /// Who isn't done yet.
    pub fn unfinished(&self) -> Vec<String> {
        self.peers.iter().flatten().filter(|peer| !peer.is_done()).map(|peer| peer.story()).collect()
    }
}
