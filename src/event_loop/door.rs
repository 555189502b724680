//! How connections come in, and how many.
//!
//! Accepting stops at the connection cap, or when descriptors run out, and goes on when somebody leaves
//! or after [`limits::ACCEPT_PAUSE`]. It never spins, and the listener's latch stays set, so the edge
//! that is not reported twice isn't lost: whoever waits is accepted later.

use super::connection::Connection;
use super::listener::Accepted;
use super::slots::Id;
use super::{EventLoop, Guest, Verdict, What};
use crate::http::content::Content;
use crate::limits;
use crate::now::Now;
use log::{debug, warn};
use mio::Interest;
use std::collections::VecDeque;
use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

/// Lets connections in while there are places.
#[derive(Debug)]
pub struct Door {
    /// Connections inside.
    pub inside: usize,
    /// How many may be.
    pub most: usize,
    /// Listeners that wait for a place.
    waiting: VecDeque<Id>,
    /// When the log was last told of a shortage.
    complained: Option<Instant>,
}

impl Door {
    /// A door for at most so many connections at once.
    pub fn new(most: usize) -> Door {
        Door { inside: 0, most, waiting: VecDeque::new(), complained: None }
    }

    /// Whether all places are taken.
    pub fn is_full(&self) -> bool {
        self.inside >= self.most
    }

    /// A listener has to wait until somebody leaves. The log is told, but not at every turn of an attack.
    pub fn wait(&mut self, listener: Id, why: &dyn Display, now: Instant) {
        if self.complained.is_none_or(|last| now.duration_since(last) >= limits::COMPLAINT_PAUSE) {
            warn!("accepting pauses with {} connections: {why}", self.inside);
            self.complained = Some(now);
        }
        if !self.waiting.contains(&listener) {
            self.waiting.push_back(listener);
        }
    }

    /// Somebody came in.
    pub fn enter(&mut self) {
        self.inside += 1;
    }

    /// Somebody left: returns the listener that has waited the longest for that.
    pub fn leave(&mut self) -> Option<Id> {
        self.inside -= 1;
        self.next_waiting()
    }

    /// The listener that has waited the longest, if there is a place for what it has.
    pub fn next_waiting(&mut self) -> Option<Id> {
        if self.is_full() { None } else { self.waiting.pop_front() }
    }
}

impl<C: Content> EventLoop<C> {
    /// Lets connections in, as many as the budget and the door allow.
    pub(super) fn accept(&mut self, id: Id, now: &Now) -> Verdict {
        for _ in 0..limits::ACCEPTS {
            let Some(Guest { what: What::Listener(listener), hint, .. }) = self.guests.get(id) else {
                return Verdict::Wait;
            };
            if !listener.ready || listener.paused_until.is_some() {
                return Verdict::Wait;
            }
            let accepted = if self.door.is_full() {
                Accepted::Exhausted(io::Error::other("that is the limit (--max-connections)"))
            } else {
                listener.accept()
            };
            match accepted {
                Accepted::Nobody => {
                    // If it was woken because a place is free, the place is the next one's.
                    if let Some(next) = self.door.next_waiting() {
                        self.resume(next);
                    }
                    return Verdict::Wait;
                }
                Accepted::GaveUp(error) => debug!("accept: {error}"),
                Accepted::Exhausted(why) => {
                    let until = now.instant + limits::ACCEPT_PAUSE;
                    listener.paused_until = Some(until);
                    self.timers.look_at(id, hint, Some(until));
                    self.door.wait(id, &why, now.instant);
                    return Verdict::Wait;
                }
                Accepted::Stream(stream, peer) => {
                    let connection = Connection::new(stream, listener.service.session(peer, now));
                    self.admit(connection, peer);
                }
            }
        }
        Verdict::Again
    }

    fn admit(&mut self, connection: Connection, peer: Option<SocketAddr>) {
        let peer: &dyn Display = peer.as_ref().map_or(&"a Unix socket", |peer| peer);
        let interest = Interest::READABLE | Interest::WRITABLE | Interest::PRIORITY;
        match self.seat(What::Connection(connection), interest) {
            Ok(id) => {
                debug!("{id}: connection from {peer}");
                self.door.enter();
                // Its first deadline counts from now, even if the kernel never says a word of it.
                self.enqueue(id);
            }
            Err(error) => debug!("the connection from {peer} can't be polled: {error}"),
        }
    }

    /// A place is free: a listener that waits for one may go on.
    pub(super) fn resume(&mut self, listener: Id) {
        if let Some(Guest { what: What::Listener(listener), .. }) = self.guests.get(listener) {
            listener.paused_until = None;
        }
        self.enqueue(listener);
    }
}
