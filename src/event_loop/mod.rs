//! The heart: one thread, one poll, everybody served in turn.
//!
//! [`EventLoop::turn`] is all of it. A turn of the loop has three parts: ask the kernel who is ready and only
//! take note of it; give those in the queue a lap, each with a budget; look after those whose time has come.
//! Listeners and UDP sockets queue as connections do, so none of them can starve the others.
//! Nothing here knows what the bytes mean.
//!
//! A loop with one listener, a client, and a bell that ends it:
//!
//! ```
//! use shoutd::event_loop::listener::{Listener, Service};
//! use shoutd::event_loop::{EventLoop, Ring};
//! use shoutd::kernel::linux::{Linux, read_clock};
//! use shoutd::{limits::Limits, session::upper::UpperOptions, site::Site};
//! use std::io::{Read, Write};
//! use std::net::{Shutdown, TcpListener, TcpStream};
//! use std::os::unix::net::UnixStream;
//!
//! # fn main() -> std::io::Result<()> {
//! let limits = Limits::default();
//! let mut event_loop = EventLoop::new(Linux::new(limits.events)?, Site::built_in(&read_clock())?, limits);
//! let socket = TcpListener::bind("127.0.0.1:0")?;
//! let address = socket.local_addr()?;
//! socket.set_nonblocking(true)?;
//! event_loop.add_listener(Listener::new(socket.into(), Service::Upper(UpperOptions::default().into())))?;
//! let (bell, mut ringer) = UnixStream::pair()?;
//! bell.set_nonblocking(true)?;
//! event_loop.add_bell(bell.into(), Ring::Stop)?;
//!
//! let client = std::thread::spawn(move || -> std::io::Result<String> {
//!     let (mut stream, mut reply) = (TcpStream::connect(address)?, String::new());
//!     stream.write_all(b"hello")?;
//!     stream.shutdown(Shutdown::Write)?;
//!     stream.read_to_string(&mut reply)?;
//!     ringer.write_all(b".")?;
//!     Ok(reply)
//! });
//! event_loop.run()?;
//! assert_eq!(client.join().unwrap()?, "HELLO");
//! # Ok(())
//! # }
//! ```

pub mod answers;
pub mod complaint;
pub mod connection;
pub mod door;
pub mod fate;
pub mod guest;
pub mod listener;
mod logging;
pub mod memory;
pub mod places;
pub mod progress;
pub mod queue;
mod relief;
mod setup;
pub mod slots;
mod stopping;
pub mod timers;
pub mod udp;

pub use guest::{Ring, Verdict};

use crate::access_log::AccessLog;
use crate::buffer::Desk;
use crate::http::content::Content;
use crate::kernel::{Event, Kernel};
use crate::limits::{self, Limits};
use crate::now::Now;
use crate::outlet::{Outlet, ServerLog};
use connection::Means;
use door::Door;
use guest::{Guest, What};
use log::trace;
use memory::Memory;
use queue::{Line, Queue};
use slots::{Id, Slots};
use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};
use timers::Timers;

/// The loop, its guests, and what it lends to them.
pub struct EventLoop<K: Kernel, C> {
    kernel: K,
    limits: Limits,
    /// What was heard in this turn; kept for its memory.
    events: Vec<Event>,
    guests: Slots<Guest<K>>,
    queue: Queue,
    timers: Timers,
    door: Door,
    memory: Memory,
    desk: Desk,
    /// What is lent while memory is scarce.
    small_desk: Desk,
    site: C,
    log: Option<AccessLog>,
    /// The server's own log, where it isn't written by somebody else.
    own_log: Option<ServerLog>,
    /// Standard output, as long as something for it couldn't be written.
    stdout: Option<Outlet>,
    /// What was moved since the clock was last read, as [`limits::LOOK`] counts it.
    spent: usize,
    /// When to stop waiting for replies under way; set by the first request to stop.
    stopping: Option<Instant>,
    stopped: bool,
}

impl<K: Kernel, C: Content> EventLoop<K, C> {
    /// Serves until it is told to stop and everybody has left. Fails only if polling itself does.
    pub fn run(&mut self) -> io::Result<()> {
        while self.turn()? {}
        Ok(())
    }

    /// One turn of the loop. Returns whether there will be another one.
    pub fn turn(&mut self) -> io::Result<bool> {
        self.hear()?;
        let mut now = self.kernel.now();
        for line in Line::ALL {
            let end = now.instant + self.limits.lap;
            for _ in 0..self.queue.len(line) {
                if now.instant >= end {
                    break; // the rest has its turn in the next lap, behind those heard meanwhile
                }
                let Some(id) = self.next(line) else { break };
                self.drive(id, &mut now);
            }
        }
        for _ in 0..self.limits.due {
            let Some(id) = self.timers.due(now.instant) else { break };
            self.expire(id, &mut now);
        }
        self.site.tidy(&now);
        self.write_log(&now);
        self.give_memory_back(&now);
        let over = self.is_over(&now);
        if over {
            self.cut_off(&now);
        }
        Ok(!over)
    }

    /// Takes note of everybody who has become ready. Waits for the first of them: not at all while somebody
    /// is queued, else until the next timer.
    fn hear(&mut self) -> io::Result<()> {
        let mut events = std::mem::take(&mut self.events);
        let mut timeout = self.patience();
        // All there are, but not for ever: while we listen others become ready.
        for _ in 0..=self.guests.len() / self.limits.events {
            while let Err(error) = self.kernel.wait(&mut events, self.limits.events, timeout) {
                if error.kind() != ErrorKind::Interrupted {
                    return Err(error);
                }
                timeout = self.patience();
            }
            for event in &events {
                self.note(event);
            }
            if events.len() < self.limits.events {
                break;
            }
            timeout = Some(Duration::ZERO);
        }
        self.events = events;
        Ok(())
    }

    /// How long there will be nothing to do, unless the kernel has news.
    fn patience(&mut self) -> Option<Duration> {
        if !self.queue.is_empty() {
            return Some(Duration::ZERO);
        }
        let log = self.log.as_ref().and_then(AccessLog::due);
        let now = self.kernel.now().instant;
        let dues =
            [self.timers.next(), self.site.due(), self.stopping, log, self.memory.due(), self.unwritten(now)];
        let next = dues.into_iter().flatten().min()?;
        Some(next.saturating_duration_since(now))
    }

    /// Latches what the kernel said of somebody and puts them in the queue. No I/O, and nobody comes or
    /// goes here.
    fn note(&mut self, event: &Event) {
        let id = Id::from(event.token);
        let Some(guest) = self.guests.get(id) else {
            trace!("{id}: an event for somebody who has left");
            return;
        };
        trace!(
            "{id}: ready:{}{}{}",
            if event.readiness.readable { " readable" } else { "" },
            if event.readiness.writable { " writable" } else { "" },
            if event.readiness.hung_up { " hung up" } else { "" }
        );
        match &mut guest.what {
            What::Connection(connection) => connection.note(event.readiness),
            What::Listener(listener) => listener.ready = true,
            What::Udp(udp) => udp.note(event.readiness),
            What::Bell(..) => {}
        }
        self.enqueue(id, Line::Heard);
    }

    /// Puts somebody in the queue, once.
    fn enqueue(&mut self, id: Id, line: Line) {
        let Some(guest) = self.guests.get(id) else { return };
        if std::mem::replace(&mut guest.queued, true) {
            return;
        }
        let is_shared = !matches!(guest.what, What::Connection(_));
        self.queue.push(if is_shared { Line::Shared } else { line }, id);
    }

    /// Takes who is next out of a line. Only this forgets that they stand in it: a turn out of line, because a time
    /// has come, leaves them their place.
    fn next(&mut self, line: Line) -> Option<Id> {
        let id = self.queue.pop(line)?;
        if let Some(guest) = self.guests.get(id) {
            guest.queued = false;
        }
        Some(id)
    }

    /// One guest's turn, and what follows from it. Returns what it moved, as [`limits::TURN`] counts it.
    fn drive(&mut self, id: Id, now: &mut Now) -> usize {
        let Some(guest) = self.guests.get(id) else { return 0 };
        let (verdict, work) = match &mut guest.what {
            What::Connection(connection) => {
                let held = connection.held();
                // Who keeps more than a small desk has room for needs the large one.
                let is_small = self.memory.is_scarce() && held <= limits::SMALL_DESK / 2;
                let mut means = Means {
                    kernel: &mut self.kernel,
                    desk: if is_small { &mut self.small_desk } else { &mut self.desk },
                    site: &mut self.site,
                    budget: self.limits.turn,
                };
                let turn = connection.drive(id, &mut means, now);
                // Who is late and still has more to do stands in line. A hint would give them turn after turn.
                let is_next = |at: &Instant| turn.verdict == Verdict::Wait || *at > now.instant;
                if turn.verdict != Verdict::Done {
                    self.timers.look_at(id, &mut guest.hint, connection.look_at().filter(is_next));
                }
                self.memory.changed(held, connection.held());
                if self.desk.lines.len() + self.small_desk.lines.len() >= limits::LOG_BATCH {
                    self.write_log(now);
                }
                (turn.verdict, turn.work)
            }
            What::Udp(udp) => {
                let verdict = udp.drive(id, &mut self.kernel, now);
                self.timers.look_at(id, &mut guest.hint, udp.look_at());
                (verdict, limits::LOOK / 2)
            }
            What::Listener(_) => (self.accept(id, now), limits::STEP),
            What::Bell(..) => (self.ring(id, now), limits::STEP),
        };
        match verdict {
            Verdict::Wait => {}
            Verdict::Again => self.enqueue(id, Line::Busy),
            Verdict::Done => self.close(id),
        }
        if self.memory.is_exceeded() {
            self.free_memory(now);
        }
        self.spend(work, now);
        work
    }

    /// Somebody's hint has come. Their deadline may have moved since; if it has not, they have a turn.
    fn expire(&mut self, id: Id, now: &mut Now) {
        let Some(guest) = self.guests.get(id) else { return };
        guest.hint = None;
        match &mut guest.what {
            What::Connection(connection) => {
                if connection.look(&mut self.kernel, now) {
                    self.drive(id, now);
                } else {
                    self.timers.look_at(id, &mut guest.hint, connection.look_at());
                }
            }
            What::Listener(listener) => match listener.paused_until {
                // The hint was an older pause's.
                Some(until) if until > now.instant => self.timers.look_at(id, &mut guest.hint, Some(until)),
                _ => {
                    listener.paused_until = None;
                    self.enqueue(id, Line::Heard);
                }
            },
            What::Udp(_) | What::Bell(..) => self.enqueue(id, Line::Heard),
        }
    }
}
