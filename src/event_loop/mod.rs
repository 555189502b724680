//! The heart: one thread, one poll, everybody served in turn.
//!
//! [`EventLoop::run`] is all of it. A turn has three parts: ask the kernel who is ready and only take
//! note of it; give everybody in the queue one lap, each with a budget; look after those whose time has
//! come. Listeners and UDP sockets stand in the same queue as connections, so none of them can starve
//! the others. Nothing here knows what the bytes mean.

pub mod answers;
pub mod clock;
pub mod connection;
pub mod door;
pub mod listener;
mod logging;
pub mod slots;
mod stopping;
pub mod timers;
pub mod udp;

use crate::access_log::AccessLog;
use crate::buffer::Desk;
use crate::http::content::Content;
use crate::limits;
use crate::now::Now;
use connection::Connection;
use door::Door;
use listener::Listener;
use log::{debug, trace};
use mio::event::Event;
use mio::net::UnixStream;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry};
use slots::{Id, Slots};
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
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
pub struct EventLoop<C> {
    poll: Poll,
    guests: Slots<Guest>,
    queue: VecDeque<Id>,
    timers: Timers,
    door: Door,
    desk: Desk,
    site: C,
    log: Option<AccessLog>,
    drain: Duration,
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

struct Guest {
    what: What,
    queued: bool,
    hint: Hint,
}

#[allow(
    clippy::large_enum_variant,
    reason = "nearly every guest is a connection; a box would cost each of them"
)]
enum What {
    Connection(Connection),
    Listener(Box<Listener>),
    Udp(Box<Udp>),
    /// Bytes in it mean something.
    Bell(UnixStream, Ring),
}

impl<C: Content> EventLoop<C> {
    /// A loop without guests. At most `max_connections` are let in at once, and after a request to stop
    /// replies under way have `drain` to finish.
    pub fn new(site: C, max_connections: usize, drain: Duration) -> io::Result<EventLoop<C>> {
        Ok(EventLoop {
            poll: Poll::new()?,
            guests: Slots::new(),
            queue: VecDeque::new(),
            timers: Timers::default(),
            door: Door::new(max_connections.min(slots::MOST / 2)),
            desk: Desk::new(),
            site,
            log: None,
            drain,
            stopping: None,
            stopped: false,
        })
    }

    /// Has every response of HTTP logged, by sessions that [`HttpOptions::logged`] says it to.
    ///
    /// [`HttpOptions::logged`]: crate::session::http::HttpOptions::logged
    pub fn log_to(&mut self, log: AccessLog) {
        self.log = Some(log);
    }

    /// Serves until it is told to stop and everybody has left. Fails only if polling itself does.
    pub fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(limits::EVENTS);
        loop {
            let everybody = self.wait(&mut events)?;
            let now = clock::read();
            for event in &events {
                self.note(event);
            }
            for _ in 0..self.queue.len() {
                let Some(id) = self.queue.pop_front() else { break };
                match self.drive(id, &now) {
                    Verdict::Wait => {}
                    Verdict::Again => self.enqueue(id),
                    Verdict::Done => self.close(id),
                }
            }
            // Nobody's time is up who may be among those ready and not yet heard.
            while everybody && let Some(id) = self.timers.due(now.instant) {
                self.expire(id, &now);
            }
            self.site.tidy(&now);
            self.write_log(&now);
            if self.is_over(&now) {
                self.log_the_rest(&now);
                return Ok(());
            }
        }
    }

    /// Adds a listener.
    pub fn add_listener(&mut self, listener: Listener) -> io::Result<()> {
        self.seat(What::Listener(Box::new(listener)), Interest::READABLE).map(drop)
    }

    /// Adds a UDP socket.
    pub fn add_udp(&mut self, udp: Udp) -> io::Result<()> {
        self.seat(What::Udp(Box::new(udp)), Interest::READABLE | Interest::WRITABLE).map(drop)
    }

    /// Adds a stream whose bytes ask the loop for something.
    pub fn add_bell(&mut self, bell: UnixStream, ring: Ring) -> io::Result<()> {
        self.seat(What::Bell(bell, ring), Interest::READABLE).map(drop)
    }

    /// Waits for events: not at all while somebody is queued, else until the next timer. Returns whether
    /// these are all that there are.
    fn wait(&mut self, events: &mut Events) -> io::Result<bool> {
        loop {
            let timeout = if self.queue.is_empty() {
                let log = self.log.as_ref().and_then(AccessLog::due);
                let next =
                    [self.timers.next(), self.site.due(), self.stopping, log].into_iter().flatten().min();
                next.map(|next| next.saturating_duration_since(Instant::now()))
            } else {
                Some(Duration::ZERO)
            };
            match self.poll.poll(events, timeout) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => return result.map(|()| events.iter().count() < limits::EVENTS),
            }
        }
    }

    /// Latches what the kernel said of somebody and puts them in the queue. No I/O, and nobody comes or
    /// goes here.
    fn note(&mut self, event: &Event) {
        let id = Id::from(event.token());
        let Some(guest) = self.guests.get(id) else {
            trace!("{id}: an event for somebody who has left");
            return;
        };
        trace!(
            "{id}: ready:{}{}{}",
            if event.is_readable() { " readable" } else { "" },
            if event.is_writable() { " writable" } else { "" },
            if event.is_read_closed() { " hung up" } else { "" }
        );
        match &mut guest.what {
            What::Connection(connection) => connection.note(event),
            What::Listener(listener) => listener.ready = true,
            What::Udp(udp) => udp.note(event),
            What::Bell(..) => {}
        }
        self.enqueue(id);
    }

    /// Puts somebody at the end of the queue, once.
    fn enqueue(&mut self, id: Id) {
        if let Some(guest) = self.guests.get(id)
            && !guest.queued
        {
            guest.queued = true;
            self.queue.push_back(id);
        }
    }

    /// One guest's turn.
    fn drive(&mut self, id: Id, now: &Now) -> Verdict {
        let Some(guest) = self.guests.get(id) else { return Verdict::Wait };
        guest.queued = false;
        match &mut guest.what {
            What::Connection(connection) => {
                let verdict = connection.drive(id, &mut self.desk, now, &mut self.site);
                if verdict != Verdict::Done {
                    self.timers.look_at(id, &mut guest.hint, connection.look_at());
                }
                if self.desk.lines.len() >= limits::LOG_BATCH {
                    self.write_log(now);
                }
                verdict
            }
            What::Udp(udp) => udp.drive(id, now),
            What::Listener(_) => self.accept(id, now),
            What::Bell(..) => self.ring(id, now),
        }
    }

    /// Somebody's hint has come. Their deadline may have moved since; if it has not, they have a turn.
    fn expire(&mut self, id: Id, now: &Now) {
        let Some(guest) = self.guests.get(id) else { return };
        guest.hint = None;
        match &mut guest.what {
            What::Connection(connection) => {
                if connection.is_due(now) {
                    self.enqueue(id);
                } else {
                    self.timers.look_at(id, &mut guest.hint, connection.look_at());
                }
            }
            What::Listener(listener) => {
                listener.paused_until = None;
                self.enqueue(id);
            }
            What::Udp(_) | What::Bell(..) => {}
        }
    }

    /// Seats and registers a guest, for all that it will ever want to know. Nothing is registered twice.
    fn seat(&mut self, what: What, interest: Interest) -> io::Result<Id> {
        let id = self.guests.seat(Guest { what, queued: false, hint: None });
        let registered = match self.guests.get(id) {
            Some(guest) => guest.what.register(self.poll.registry(), id, interest),
            None => Ok(()),
        };
        if let Err(error) = registered {
            self.guests.leave(id);
            return Err(error);
        }
        Ok(id)
    }

    /// The only exit. Dropping the socket closes it, which also takes it out of the poll.
    fn close(&mut self, id: Id) {
        let Some(mut guest) = self.guests.leave(id) else { return };
        self.timers.forget(id, &mut guest.hint);
        if let What::Connection(_) = guest.what {
            debug!("{id}: closed");
            if let Some(waiting) = self.door.leave() {
                self.resume(waiting);
            }
        }
    }
}

impl What {
    fn register(&mut self, registry: &Registry, id: Id, interest: Interest) -> io::Result<()> {
        match self {
            What::Connection(connection) => connection.register(registry, id, interest),
            What::Listener(listener) => {
                registry.register(&mut SourceFd(&listener.socket.as_raw_fd()), id.into(), interest)
            }
            What::Udp(udp) => registry.register(udp.socket(), id.into(), interest),
            What::Bell(bell, _) => registry.register(bell, id.into(), interest),
        }
    }
}
