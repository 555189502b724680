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

/// A guest of the event loop.
pub struct Udp<K: Kernel> {
    socket: K::Socket,
    answers: Answers,
    readable: bool,
    writable: bool,
}

impl<K: Kernel> Udp<K> {
    /// A bound socket, which doesn't block, and the answers for it.
    pub fn new(socket: K::Socket, answers: Answers) -> Udp<K> {
        Udp { socket, answers, readable: false, writable: false }
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

    /// Answers until there is nothing to answer, no room to send, or the budget is spent.
    pub fn drive(&mut self, id: Id, kernel: &mut K, now: &Now) -> Verdict {
        for _ in 0..limits::BATCHES {
            if !self.flush(id, kernel) || !self.readable {
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
                self.answers.consider(count, id, now);
            }
            Err(error) => {
                self.readable = error.kind() != ErrorKind::WouldBlock;
                debug!("{id}: receiving: {error}");
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
