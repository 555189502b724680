//! A UDP uppercase socket: each datagram comes back in capitals, one for one.
//!
//! A batch is received, changed in place and sent back from the same memory. While some of it can't be
//! sent, nothing more is received, so a reply is never dropped for want of room and memory stays as it
//! is; what the kernel can't hold meanwhile it drops, as UDP allows.
//!
//! Some datagrams are not answered, because answering could do harm (CVE-2024-2169): see `Refusal` below.

use super::Verdict;
use super::slots::Id;
use crate::limits;
use crate::loop_guard::LoopGuard;
use crate::now::Now;
use crate::sys::{Datagrams, is_for_many};
use crate::uppercase::{has_lowercase, uppercase};
use log::{debug, trace};
use mio::event::Event;
use mio::net::UdpSocket;
use std::fmt;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::fd::AsFd;

/// A guest of the event loop.
pub struct Udp {
    socket: UdpSocket,
    batch: Datagrams,
    guard: LoopGuard,
    /// Ports of our own UDP sockets.
    own_ports: Vec<u16>,
    readable: bool,
    writable: bool,
}

/// Why a datagram isn't answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    /// Not an IP address.
    NoSource,
    /// Ports below 1024 belong to services (echo, chargen, DNS…), and those answer.
    ServicePort,
    /// One of our own sockets, or one like it on another host.
    OwnPort,
    /// A forged source would multiply the reply.
    SourceForMany,
    /// Sent to everybody: all of them answering would flood the source.
    SentToMany,
    /// The same again and again: most likely the answer to our own answer.
    Repeated,
}

impl Udp {
    /// A bound socket. `own_ports` are those of all UDP sockets of this server, and `reports_destination`
    /// says whether [`crate::sys::report_destination`] was called on it.
    pub fn new(socket: UdpSocket, own_ports: Vec<u16>, reports_destination: bool, now: &Now) -> Udp {
        Udp {
            socket,
            batch: Datagrams::new(reports_destination),
            guard: LoopGuard::new(now.instant),
            own_ports,
            readable: false,
            writable: false,
        }
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
        let count = match self.batch.receive(self.socket.as_fd()) {
            Ok(count) => count,
            Err(error) => {
                self.readable = error.kind() != ErrorKind::WouldBlock;
                debug!("{id}: receiving: {error}");
                return;
            }
        };
        trace!("{id}: received {count} datagrams");
        // A batch that isn't full emptied the socket; the next datagram is a new edge.
        self.readable = count == limits::DATAGRAMS;
        for place in 0..count {
            match self.consider(place, now) {
                Ok(()) => self.batch.answer(place),
                Err((refusal, source)) => debug!("{id}: no answer to {source:?}: {refusal}"),
            }
        }
    }

    /// Uppercases a datagram, or says why it isn't to be answered.
    fn consider(&mut self, place: usize, now: &Now) -> Result<(), (Refusal, Option<SocketAddr>)> {
        let datagram = self.batch.get(place);
        let Some(source) = datagram.source else { return Err((Refusal::NoSource, None)) };
        let refuse = |refusal| Err((refusal, Some(source)));
        if source.port() < 1024 {
            return refuse(Refusal::ServicePort);
        }
        if self.own_ports.contains(&source.port()) {
            return refuse(Refusal::OwnPort);
        }
        if is_for_many(source.ip().to_canonical()) {
            return refuse(Refusal::SourceForMany);
        }
        if !datagram.to_us_alone {
            return refuse(Refusal::SentToMany);
        }
        if has_lowercase(datagram.payload) {
            uppercase(datagram.payload);
        } else if !self.guard.admits(&source, datagram.payload, now.instant) {
            return refuse(Refusal::Repeated);
        }
        Ok(())
    }

    /// Sends what is to be sent. Returns whether nothing is left.
    fn flush(&mut self, id: Id) -> bool {
        while self.batch.unsent() > 0 {
            if !self.writable {
                return false;
            }
            let before = self.batch.unsent();
            match self.batch.send(self.socket.as_fd()) {
                Ok(()) => trace!("{id}: sent {} datagrams", before - self.batch.unsent()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.writable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    // Of one datagram: no route back to its source, or a firewall's refusal.
                    debug!("{id}: an answer could not be sent: {error}");
                    self.batch.skip();
                }
            }
        }
        true
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Refusal::NoSource => "it has no IP address",
            Refusal::ServicePort => "a port below 1024 is a service, which might answer in turn",
            Refusal::OwnPort => "it comes from a port of our own",
            Refusal::SourceForMany => "its source is no single host",
            Refusal::SentToMany => "it was sent to a broadcast or multicast address",
            Refusal::Repeated => "the same datagram again and again looks like an endless loop",
        })
    }
}
