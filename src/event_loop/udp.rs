//! A UDP uppercase socket: what the kernel said about it, and the [answers](super::answers) under way.
//!
//! While some of a batch can't be sent, nothing more is received, so a reply is never dropped for want of
//! room and memory stays as it is; what the kernel can't hold meanwhile it drops, as UDP allows.
//!
//! An error of receiving has one of the [fates](super::fate) that there are: one that may stay pauses the socket for
//! a while, or it would keep the loop busy with nothing else.

use super::Verdict;
use super::answers::Answers;
use super::complaint::Complaint;
use super::fate::Fate;
use super::slots::Id;
use crate::kernel::{Kernel, Readiness};
use crate::limits;
use crate::now::Now;
use log::{debug, error, trace, warn};
use std::io;
use std::time::Instant;

/// A guest of the event loop.
pub struct Udp<K: Kernel> {
    socket: K::Socket,
    answers: Answers,
    readable: bool,
    writable: bool,
    /// When to receive again, while that pauses.
    paused_until: Option<Instant>,
    /// Errors since something was last received.
    errors: usize,
    /// How often the log is told of it.
    complaint: Complaint,
}

impl<K: Kernel> Udp<K> {
    /// A bound socket, which doesn't block, and the answers for it.
    pub fn new(socket: K::Socket, answers: Answers) -> Udp<K> {
        let (paused_until, complaint) = (None, Complaint::default());
        Udp { socket, answers, readable: false, writable: false, paused_until, errors: 0, complaint }
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

    /// When it wants a turn, even if the kernel says nothing.
    pub fn look_at(&self) -> Option<Instant> {
        self.paused_until
    }

    /// Answers until there is nothing to answer, no room to send, or the budget is spent.
    pub fn drive(&mut self, id: Id, kernel: &mut K, now: &Now) -> Verdict {
        if self.paused_until.is_some_and(|until| until <= now.instant) {
            self.paused_until = None;
        }
        for _ in 0..limits::BATCHES {
            if !self.flush(id, kernel, now) || !self.readable || self.paused_until.is_some() {
                return Verdict::Wait;
            }
            match kernel.receive_datagrams(&self.socket, self.answers.batch()) {
                Ok(count) => {
                    trace!("{id}: received {count} datagrams");
                    // A batch that isn't full emptied the socket; the next datagram is a new edge.
                    self.readable = count == limits::DATAGRAMS;
                    self.errors = 0;
                    self.answers.consider(count, id, now);
                }
                Err(error) => {
                    if let Some(verdict) = self.suffer(id, &error, now) {
                        return verdict;
                    }
                }
            }
        }
        if self.flush(id, kernel, now) && self.readable { Verdict::Again } else { Verdict::Wait }
    }

    /// Receiving has failed: what comes of it, if that is the end of this turn.
    fn suffer(&mut self, id: Id, error: &io::Error, now: &Now) -> Option<Verdict> {
        self.errors += 1;
        match Fate::of(error) {
            Fate::Nothing => {
                self.readable = false;
                Some(Verdict::Wait)
            }
            Fate::Again if self.errors <= limits::ERRORS => {
                debug!("{id}: receiving: {error}");
                None
            }
            Fate::Again | Fate::Later => {
                if self.complaint.may_be_made(now.instant) {
                    warn!("{id}: receiving datagrams pauses: {error}");
                }
                self.paused_until = Some(now.instant + limits::ACCEPT_PAUSE);
                Some(Verdict::Wait)
            }
            Fate::Over => {
                error!("{id}: no more datagrams are answered here: {error}");
                Some(Verdict::Done)
            }
        }
    }

    /// Sends what is to be sent. Returns whether nothing is left.
    fn flush(&mut self, id: Id, kernel: &mut K, now: &Now) -> bool {
        let mut in_vain = 0;
        while self.answers.unsent() > 0 {
            if !self.writable || self.paused_until.is_some() {
                return false;
            }
            if in_vain > limits::INTERRUPTIONS {
                self.paused_until = Some(now.instant + limits::ACCEPT_PAUSE);
                return false;
            }
            let before = self.answers.unsent();
            match self.answers.send_by(|batch| kernel.send_datagrams(&self.socket, batch), id) {
                Ok(count) => trace!("{id}: sent {count} datagrams"),
                Err(_) => self.writable = false,
            }
            in_vain += usize::from(self.answers.unsent() == before);
        }
        true
    }
}
