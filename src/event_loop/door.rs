//! How connections come in, and how many.
//!
//! Accepting stops at the connection cap, or when descriptors run out, and goes on when somebody leaves
//! or after [`limits::ACCEPT_PAUSE`]. It never spins, and the listener's latch stays set, so the edge
//! that is not reported twice isn't lost: whoever waits is accepted later.
//!
//! Each listener has a room of its own, places that the others can't take: half of all places are shared
//! out among the listeners, the other half is for whoever comes first. So a service whose clients stay
//! can't shut out another.

use super::connection::Connection;
use super::listener::Accepted;
use super::queue::Line;
use super::slots::Id;
use super::{EventLoop, Guest, Verdict, What};
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
    /// How many connections may be inside.
    most: usize,
    inside: usize,
    rooms: Vec<Room>,
    /// Listeners that wait for a place, and their rooms.
    waiting: VecDeque<(Id, u16)>,
    /// When the log was last told of a shortage.
    complained: Option<Instant>,
}

/// The connections of one listener.
#[derive(Debug, Default)]
struct Room {
    inside: usize,
    /// Its listener was closed: nobody will come any more.
    closed: bool,
}

impl Door {
    /// A door for at most so many connections at once.
    pub fn new(most: usize) -> Door {
        Door { most, inside: 0, rooms: Vec::new(), waiting: VecDeque::new(), complained: None }
    }

    /// A room for the connections of another listener.
    pub fn add_room(&mut self) -> u16 {
        self.rooms.push(Room::default());
        u16::try_from(self.rooms.len() - 1).unwrap_or(u16::MAX)
    }

    /// Nobody will come into this room any more, so nothing is kept free for it.
    pub fn close_room(&mut self, room: u16) {
        self.rooms[usize::from(room)].closed = true;
    }

    /// Whether nobody will come any more.
    pub fn is_closed(&self) -> bool {
        self.rooms.iter().all(|room| room.closed)
    }

    /// How many connections are inside.
    pub fn inside(&self) -> usize {
        self.inside
    }

    /// Whether there is a place for a connection in this room: one that isn't kept free for another.
    pub fn has_place(&self, room: u16) -> bool {
        let share = self.most / (2 * self.rooms.len()).max(1);
        let share = if self.most >= self.rooms.len() { share.max(1) } else { 0 };
        let others = self.rooms.iter().enumerate().filter(|&(other, _)| other != usize::from(room));
        let kept_free: usize =
            others.filter(|(_, room)| !room.closed).map(|(_, room)| share.saturating_sub(room.inside)).sum();
        self.inside + kept_free < self.most
    }

    /// A listener has to wait until somebody leaves. The log is told, but not at every turn of an attack.
    pub fn wait(&mut self, listener: Id, room: u16, why: &dyn Display, now: Instant) {
        if self.complained.is_none_or(|last| now.duration_since(last) >= limits::COMPLAINT_PAUSE) {
            warn!("accepting pauses with {} connections: {why}", self.inside);
            self.complained = Some(now);
        }
        if !self.waiting.contains(&(listener, room)) {
            self.waiting.push_back((listener, room));
        }
    }

    /// Somebody came in.
    pub fn enter(&mut self, room: u16) {
        self.inside += 1;
        self.rooms[usize::from(room)].inside += 1;
    }

    /// Somebody left.
    pub fn leave(&mut self, room: u16) {
        self.inside -= 1;
        self.rooms[usize::from(room)].inside -= 1;
    }

    /// The listener that has waited the longest of those there is a place for.
    pub fn next_waiting(&mut self) -> Option<Id> {
        let next = self.waiting.iter().position(|&(_, room)| self.has_place(room))?;
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
            let accepted = if !self.door.has_place(room) {
                Accepted::Exhausted(io::Error::other("that is the limit (--max-connections)"))
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
        self.door.enter(connection.room());
        let id = self.guests.seat(Guest::new(What::Connection(connection)));
        let peer: &dyn Display = peer.as_ref().map_or(&"a Unix socket", |peer| peer);
        debug!("{id}: connection from {peer}");
        let work = self.drive(id, now);
        if let Err(error) = self.watch(id, Interest::Everything) {
            debug!("{id}: it can't be polled: {error}");
            self.abort(id); // a FIN would tell the peer that it has everything
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_room_can_fill_the_places_of_another() {
        let mut door = Door::new(50);
        let (tcp, http) = (door.add_room(), door.add_room());
        while door.has_place(tcp) {
            door.enter(tcp);
        }
        assert_eq!(door.inside(), 38, "half of 50, shared by two, stays free for the other");
        for _ in 0..12 {
            assert!(door.has_place(http));
            door.enter(http);
        }
        assert!(!door.has_place(http) && !door.has_place(tcp));
        door.leave(tcp);
        assert!(door.has_place(http) && door.has_place(tcp), "both have their share: it is for all");
    }

    #[test]
    fn one_room_has_all_places_and_few_places_are_shared() {
        let mut door = Door::new(3);
        let only = door.add_room();
        (0..3).for_each(|_| door.enter(only));
        assert!(!door.has_place(only));

        let mut door = Door::new(1);
        let (a, b) = (door.add_room(), door.add_room());
        assert!(door.has_place(a) && door.has_place(b));

        let mut door = Door::new(2);
        let (a, b) = (door.add_room(), door.add_room());
        door.enter(a);
        assert!(!door.has_place(a) && door.has_place(b));
        door.close_room(b);
        assert!(door.has_place(a), "nothing is kept free for who won't come");
    }
}
