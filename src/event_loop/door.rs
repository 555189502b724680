//! How guests come and go: connections as they are accepted, and how many.
//!
//! Accepting stops at the connection cap, or when descriptors run out, and goes on when somebody leaves
//! or after [`limits::ACCEPT_PAUSE`]. It never spins, and the listener's latch stays set, so the edge
//! that is not reported twice isn't lost: whoever waits is accepted later.

use super::complaint::Complaint;
use super::connection::Connection;
use super::guest::{Guest, What};
use super::listener::Accepted;
use super::places::Places;
use super::queue::Line;
use super::slots::Id;
use super::{EventLoop, Verdict};
use crate::http::content::Content;
use crate::kernel::{Interest, Kernel};
use crate::limits;
use crate::now::Now;
use log::{debug, warn};
use std::collections::VecDeque;
use std::fmt::Display;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Instant;

/// Lets connections in while there are places.
#[derive(Debug)]
pub struct Door {
    /// Who is inside, and where.
    pub places: Places,
    /// Listeners that wait for a place, and their rooms.
    waiting: VecDeque<(Id, u16)>,
    /// How often the log is told of it.
    complaint: Complaint,
}

impl Door {
    /// A door for at most so many connections at once.
    pub fn new(most: usize) -> Door {
        Door { places: Places::new(most), waiting: VecDeque::new(), complaint: Complaint::default() }
    }

    /// A listener has to wait until somebody leaves. The log is told, but not at every turn of an attack.
    pub fn wait(&mut self, listener: Id, room: u16, why: &dyn Display, now: Instant) {
        if self.complaint.may_be_made(now) {
            let inside = self.places.inside();
            let plural = if inside == 1 { "" } else { "s" };
            warn!("accepting pauses with {inside} connection{plural}: {why}");
        }
        if !self.waiting.contains(&(listener, room)) {
            self.waiting.push_back((listener, room));
        }
    }

    /// The listener that has waited the longest of those there is a place for.
    pub fn next_waiting(&mut self) -> Option<Id> {
        let next = self.waiting.iter().position(|&(_, room)| self.places.has_one_for(room))?;
        self.waiting.remove(next).map(|(listener, _)| listener)
    }
}

impl<K: Kernel, C: Content> EventLoop<K, C> {
    /// Lets connections in, as many as the budget and the door allow. Each has its first turn at once: so a
    /// newcomer waits for one lap and not for two.
    pub(super) fn accept(&mut self, id: Id, now: &mut Now) -> Verdict {
        let mut work = 0;
        for _ in 0..self.limits.accepts {
            let has_memory = self.guests.has_room();
            let Some(Guest { what: What::Listener(listener), hint, .. }) = self.guests.get(id) else {
                return Verdict::Wait;
            };
            if !listener.ready || listener.paused_until.is_some() {
                return Verdict::Wait;
            }
            let room = listener.room;
            let accepted = if !self.door.places.has_one_for(room) {
                let why = match self.door.places.are_full() {
                    true => "that is the limit (--max-connections)",
                    false => "the other places are kept free for other listeners (--max-connections)",
                };
                Accepted::Exhausted(io::Error::other(why))
            } else if !has_memory {
                Accepted::Exhausted(ErrorKind::OutOfMemory.into())
            } else {
                listener.accept(&mut self.kernel)
            };
            match accepted {
                Accepted::Nobody => {
                    // If it was woken because a place is free, the place is the next one's.
                    self.resume_waiting();
                    return if self.stopping.is_some() { Verdict::Done } else { Verdict::Wait };
                }
                Accepted::GaveUp(error) => debug!("accept: {error}"),
                Accepted::Exhausted(why) => {
                    let until = now.instant + limits::ACCEPT_PAUSE;
                    listener.paused_until = Some(until);
                    self.timers.look_at(id, hint, Some(until));
                    self.door.wait(id, room, &why, now.instant);
                    return Verdict::Wait;
                }
                Accepted::Stream(socket, peer) => {
                    let session = listener.service.session(peer, now);
                    work += self.admit(Connection::new(socket, session, room), peer, now);
                }
            }
            if work >= limits::FIRST_TURNS {
                break;
            }
        }
        Verdict::Again
    }

    /// Seats a connection and gives it its first turn. Then it is watched, unless that was all: the kernel
    /// tells what has come meanwhile. Returns what was moved.
    fn admit(&mut self, mut connection: Connection<K>, peer: Option<SocketAddr>, now: &mut Now) -> usize {
        if self.stopping.is_some() {
            connection.stop(now);
        }
        self.door.places.enter(connection.room());
        let id = self.guests.seat(Guest::new(What::Connection(connection)));
        self.memory.seated(self.guests.bytes());
        let peer: &dyn Display = peer.as_ref().map_or(&"a Unix socket", |peer| peer);
        debug!("{id}: connection from {peer}");
        let work = self.drive(id, now);
        if let Err(error) = self.watch(id, Interest::Everything) {
            debug!("{id}: it can't be polled: {error}");
            self.abort(id);
        }
        work
    }

    /// A place is free: a listener that waits for one may go on.
    pub(super) fn resume_waiting(&mut self) {
        let Some(id) = self.door.next_waiting() else { return };
        if let Some(Guest { what: What::Listener(listener), .. }) = self.guests.get(id) {
            listener.paused_until = None;
        }
        self.enqueue(id, Line::Heard);
    }

    /// Seats a guest and has the kernel watch it, for all that it will ever want to know.
    pub(super) fn invite(&mut self, what: What<K>, interest: Interest) -> io::Result<Id> {
        let id = self.guests.seat(Guest::new(what));
        self.watch(id, interest).inspect_err(|_| drop(self.guests.leave(id)))?;
        Ok(id)
    }

    /// Nobody is watched twice.
    pub(super) fn watch(&mut self, id: Id, interest: Interest) -> io::Result<()> {
        let Some(guest) = self.guests.get(id) else { return Ok(()) };
        self.kernel.watch(guest.what.socket(), id.into(), interest)
    }

    /// Closes a connection in the middle, with a reset.
    pub(super) fn abort(&mut self, id: Id) {
        if let Some(Guest { what: What::Connection(connection), .. }) = self.guests.get(id) {
            connection.abort(&mut self.kernel, &mut self.desk);
        }
        self.close(id);
    }

    /// The only exit. Dropping the socket closes it, which also takes it out of the poll.
    pub(super) fn close(&mut self, id: Id) {
        let Some(mut guest) = self.guests.leave(id) else { return };
        self.timers.forget(id, &mut guest.hint);
        match &guest.what {
            What::Connection(connection) => {
                debug!("{id}: closed");
                self.memory.changed(connection.held(), 0);
                self.memory.seated(self.guests.bytes());
                self.door.places.leave(connection.room());
                self.resume_waiting();
            }
            What::Listener(listener) => self.door.places.close_room(listener.room),
            What::Udp(_) | What::Bell(..) => {}
        }
    }
}
