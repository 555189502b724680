//! A UDP uppercase socket: what the kernel said about it, and the [answers](super::answers) under way.
//!
//! While some of a batch can't be sent, nothing more is received, so a reply is never dropped for want of
//! room and memory stays as it is; what the kernel can't hold meanwhile it drops, as UDP allows.

use super::Verdict;
use super::answers::Answers;
use super::slots::Id;
use crate::kernel::{Kernel, Readiness};
use crate::limits;
use crate::now::Now;
use log::{debug, trace};
use std::io::ErrorKind;
use std::time::Instant;

/// A guest of the event loop.
pub struct Udp<K: Kernel> {
    socket: K::Socket,
    answers: Answers,
    readable: bool,
    writable: bool,
    /// The last attempt to receive failed.
    failed: bool,
    /// When to try again, while receiving pauses.
    paused_until: Option<Instant>,
}

impl<K: Kernel> Udp<K> {
    /// A bound socket, which doesn't block, and the answers for it.
    pub fn new(socket: K::Socket, answers: Answers) -> Udp<K> {
        let (readable, writable, failed, paused_until) = (false, false, false, None);
        Udp { socket, answers, readable, writable, failed, paused_until }
    }

    /// The socket, to be watched.
    pub fn socket(&self) -> &K::Socket {
        &self.socket
    }

    /// Remembers what the kernel says.
    pub fn note(&mut self, said: Readiness) {
        self.readable |= said.readable;
        self.writable |= said.writable;
    }

    /// When to look at it, unless something happens before.
    pub fn look_at(&self) -> Option<Instant> {
        self.paused_until
    }

    /// Answers until there is nothing to answer, no room to send, or the budget is spent.
    pub fn drive(&mut self, id: Id, kernel: &mut K, now: &Now) -> Verdict {
        self.paused_until = self.paused_until.filter(|until| now.instant < *until);
        for _ in 0..limits::BATCHES {
            if !self.flush(id, kernel) || !self.readable || self.paused_until.is_some() {
                return Verdict::Wait;
            }
            self.receive(id, kernel, now);
            if !self.flush(id, kernel) || !self.readable {
                return Verdict::Wait;
            }
        }
        Verdict::Again
    }

    fn receive(&mut self, id: Id, kernel: &mut K, now: &Now) {
        match kernel.receive_datagrams(&self.socket, self.answers.batch()) {
            Ok(count) => {
                trace!("{id}: received {count} datagrams");
                // A batch that isn't full emptied the socket; the next datagram is a new edge.
                self.readable = count == limits::DATAGRAMS;
                self.failed = false;
                self.answers.consider(count, id, now);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.readable = false,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => {
                debug!("{id}: receiving: {error}");
                // One may be a datagram's own. An error that stays would have us try again and again.
                if std::mem::replace(&mut self.failed, true) {
                    self.paused_until = Some(now.instant + limits::ACCEPT_PAUSE);
                }
            }
        }
    }

    /// Sends what is to be sent. Returns whether nothing is left.
    fn flush(&mut self, id: Id, kernel: &mut K) -> bool {
        while self.answers.unsent() > 0 {
            if !self.writable {
                return false;
            }
            match self.answers.send_by(|batch| kernel.send_datagrams(&self.socket, batch), id) {
                Ok(count) => trace!("{id}: sent {count} datagrams"),
                Err(_) => self.writable = false,
            }
        }
        true
    }
}
