//! A UDP uppercase socket: what the kernel said about it, and the [answers](super::answers) under way.
//!
//! While some of a batch can't be sent, nothing more is received, so a reply is never dropped for want of
//! room and memory stays as it is; what the kernel can't hold meanwhile it drops, as UDP allows.

use super::Verdict;
use super::answers::Answers;
use super::slots::Id;
use crate::limits;
use crate::now::Now;
use log::{debug, trace};
use mio::event::Event;
use mio::net::UdpSocket;
use std::io::ErrorKind;
use std::os::fd::AsFd;

/// A guest of the event loop.
pub struct Udp {
    socket: UdpSocket,
    answers: Answers,
    readable: bool,
    writable: bool,
}

impl Udp {
    /// A bound socket, which doesn't block, and the answers for it.
    pub fn new(socket: UdpSocket, answers: Answers) -> Udp {
        Udp { socket, answers, readable: false, writable: false }
    }

    /// The socket, to be registered.
    pub fn socket(&mut self) -> &mut UdpSocket {
        &mut self.socket
    }

    /// Remembers what the kernel says.
    pub fn note(&mut self, event: &Event) {
        self.readable |= event.is_readable() || event.is_error();
        self.writable |= event.is_writable() || event.is_error();
    }

    /// Answers until there is nothing to answer, no room to send, or the budget is spent.
    pub fn drive(&mut self, id: Id, now: &Now) -> Verdict {
        for _ in 0..limits::BATCHES {
            if !self.flush(id) || !self.readable {
                return Verdict::Wait;
            }
            self.receive(id, now);
            if !self.flush(id) || !self.readable {
                return Verdict::Wait;
            }
        }
        Verdict::Again
    }

    fn receive(&mut self, id: Id, now: &Now) {
        match self.answers.receive(self.socket.as_fd()) {
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
    fn flush(&mut self, id: Id) -> bool {
        while self.answers.unsent() > 0 {
            if !self.writable {
                return false;
            }
            match self.answers.send(self.socket.as_fd(), id) {
                Ok(count) => trace!("{id}: sent {count} datagrams"),
                Err(_) => self.writable = false,
            }
        }
        true
    }
}
