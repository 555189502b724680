//! The heart: one thread, one poll, everybody served in turn.
//!
//! [`EventLoop::turn`] is all of it. A turn of the loop has three parts: ask the kernel who is ready and only
//! take note of it; give those in the queue a lap, each with a budget; look after those whose time has come.
//! Listeners and UDP sockets stand in the same queue as connections, so none of them can starve the others.
//! Nothing here knows what the bytes mean.

pub mod answers;
pub mod connection;
pub mod door;
pub mod listener;
mod logging;
pub mod memory;
pub mod queue;
mod relief;
pub mod slots;
mod stopping;
pub mod timers;
pub mod udp;

use crate::access_log::AccessLog;
use crate::buffer::Desk;
use crate::http::content::Content;
use crate::kernel::{Event, Interest, Kernel};
use crate::limits::{self, Limits};
use crate::now::Now;
use crate::outlet::{Outlet, ServerLog};
use connection::{Connection, Means};
use door::Door;
use listener::Listener;
use log::{debug, trace};
use memory::Memory;
use queue::{Line, Queue};
use slots::{Id, Slots};
use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};
use timers::{Hint, Timers};
use udp::Udp;

/// What came of driving a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Its latch is dry: an event or its timer will come.
    Wait,
    /// Its budget is spent: it goes to the end of the queue.
    Again,
    /// It is over.
    Done,
}

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

/// What the bytes of a bell mean.
#[derive(Clone, Copy, Debug)]
pub enum Ring {
    /// The first one: let replies under way finish, and end. The second: end at once.
    Stop,
    /// Open the access log anew.
    Reopen,
}

struct Guest<K: Kernel> {
    what: What<K>,
    queued: bool,
    hint: Hint,
}

impl<K: Kernel> Guest<K> {
    fn new(what: What<K>) -> Guest<K> {
        Guest { what, queued: false, hint: None }
    }
}

#[expect(
    clippy::large_enum_variant,
    reason = "nearly every guest is a connection; a box would cost each of them"
)]
enum What<K: Kernel> {
    Connection(Connection<K>),
    Listener(Box<Listener<K>>),
    Udp(Box<Udp<K>>),
    /// Bytes in it mean something.
    Bell(K::Socket, Ring),
}

impl<K: Kernel, C: Content> EventLoop<K, C> {
    /// A loop without guests.
    pub fn new(kernel: K, site: C, limits: Limits) -> EventLoop<K, C> {
        EventLoop {
            kernel,
            limits,
            events: Vec::new(),
            guests: Slots::new(),
            queue: Queue::default(),
            timers: Timers::default(),
            door: Door::new(limits.connections.min(slots::MOST / 2)),
            memory: Memory::new(limits.memory),
            desk: Desk::new(limits.buffer),
            site,
            log: None,
            own_log: None,
            stdout: None,
            spent: 0,
            stopping: None,
            stopped: false,
        }
    }

    /// Has every response of HTTP logged, by sessions that [`HttpOptions::logged`] says it to.
    ///
    /// [`HttpOptions::logged`]: crate::session::http::HttpOptions::logged
    pub fn log_to(&mut self, log: AccessLog) {
        self.log = Some(log);
    }

    /// Serves until it is told to stop and everybody has left. Fails only if polling itself does.
    pub fn run(&mut self) -> io::Result<()> {
        while self.turn()? {}
        Ok(())
    }

    /// One turn of the loop. Returns whether there will be another one.
    pub fn turn(&mut self) -> io::Result<bool> {
        self.hear()?;
        let mut now = self.kernel.now();
        for line in [Line::Heard, Line::Busy] {
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
            self.log_the_rest(&now);
        }
        Ok(!over)
    }

    /// How many connections there are.
    pub fn connections(&self) -> usize {
        self.door.inside()
    }

    /// Bytes that they keep between their turns.
    pub fn held(&self) -> usize {
        self.memory.held()
    }

    /// Adds a listener.
    pub fn add_listener(&mut self, mut listener: Listener<K>) -> io::Result<()> {
        listener.room = self.door.add_room();
        self.invite(What::Listener(Box::new(listener)), Interest::Reading).map(drop)
    }

    /// Adds a UDP socket.
    pub fn add_udp(&mut self, udp: Udp<K>) -> io::Result<()> {
        self.invite(What::Udp(Box::new(udp)), Interest::Both).map(drop)
    }

    /// Adds a stream whose bytes ask the loop for something.
    pub fn add_bell(&mut self, bell: K::Socket, ring: Ring) -> io::Result<()> {
        self.invite(What::Bell(bell, ring), Interest::Reading).map(drop)
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
        match (&guest.what, line) {
            (What::Connection(_), _) => self.queue.push(line, id),
            (_, Line::Heard) => self.queue.push_first(id),
            // It has had its turn. At the head it would have the next one too, and so on.
            (_, Line::Busy) => self.queue.push(Line::Heard, id),
        }
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
                let mut means = Means {
                    kernel: &mut self.kernel,
                    desk: &mut self.desk,
                    site: &mut self.site,
                    budget: self.limits.turn,
                    most_read: self.memory.most_read(),
                };
                let held = connection.held();
                let turn = connection.drive(id, &mut means, now);
                // Who is late and still has more to do stands in line. A hint would give them turn after turn.
                let is_next = |at: &Instant| turn.verdict == Verdict::Wait || *at > now.instant;
                if turn.verdict != Verdict::Done {
                    self.timers.look_at(id, &mut guest.hint, connection.look_at().filter(is_next));
                }
                self.memory.changed(held, connection.held());
                if self.desk.lines.len() >= limits::LOG_BATCH {
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
                if connection.is_due(&mut self.kernel, now) {
                    self.drive(id, now);
                } else {
                    self.timers.look_at(id, &mut guest.hint, connection.look_at());
                }
            }
            What::Listener(listener) => match listener.paused_until {
                Some(until) if until > now.instant => self.timers.look_at(id, &mut guest.hint, Some(until)),
                _ => {
                    listener.paused_until = None;
                    self.enqueue(id, Line::Heard);
                }
            },
            What::Udp(_) | What::Bell(..) => self.enqueue(id, Line::Heard),
        }
    }

    /// Seats a guest and has the kernel watch it, for all that it will ever want to know.
    fn invite(&mut self, what: What<K>, interest: Interest) -> io::Result<Id> {
        let id = self.guests.seat(Guest::new(what));
        self.watch(id, interest).inspect_err(|_| drop(self.guests.leave(id)))?;
        Ok(id)
    }

    /// Nobody is watched twice.
    fn watch(&mut self, id: Id, interest: Interest) -> io::Result<()> {
        let Some(guest) = self.guests.get(id) else { return Ok(()) };
        let socket = match &guest.what {
            What::Connection(connection) => connection.socket(),
            What::Listener(listener) => &listener.socket,
            What::Udp(udp) => udp.socket(),
            What::Bell(bell, _) => bell,
        };
        self.kernel.watch(socket, id.into(), interest)
    }

    /// Closes a connection with a reset, and throws away what is unsent.
    fn abort(&mut self, id: Id) {
        if let Some(Guest { what: What::Connection(connection), .. }) = self.guests.get(id) {
            connection.abort(&mut self.kernel, &mut self.desk);
        }
        self.close(id);
    }

    /// The only exit. Dropping the socket closes it, which also takes it out of the poll.
    fn close(&mut self, id: Id) {
        let Some(mut guest) = self.guests.leave(id) else { return };
        self.timers.forget(id, &mut guest.hint);
        match &guest.what {
            What::Connection(connection) => {
                debug!("{id}: closed");
                self.memory.changed(connection.held(), 0);
                self.door.leave(connection.room());
                self.resume_waiting();
            }
            What::Listener(listener) => self.door.close_room(listener.room),
            What::Udp(_) | What::Bell(..) => {}
        }
    }
}
