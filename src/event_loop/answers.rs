//! What a UDP socket answers, and what it doesn't: each datagram comes back in capitals, one for one.
//!
//! A batch is received, changed in place and sent back from the same memory. Whether to wait for datagrams,
//! or for room to send, is the driver's affair: the event loop never does, a thread may.
//!
//! Some datagrams are not answered, because answering could do harm (CVE-2024-2169): see `Refusal` below.

use crate::loop_guard::LoopGuard;
use crate::now::Now;
use crate::sys::{Datagrams, is_for_many};
use crate::uppercase::{has_lowercase, uppercase};
use log::debug;
use std::fmt::{self, Display};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;

/// The datagrams of one socket that are being answered.
pub struct Answers {
    batch: Datagrams,
    guard: LoopGuard,
    /// Ports of our own UDP sockets.
    own_ports: Vec<u16>,
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
    /// Much the same again and again: most likely the answer to our own answer.
    Repeated,
}

impl Answers {
    /// For a socket of a server whose UDP sockets have `own_ports`. `reports_destination` says whether
    /// [`crate::sys::report_destination`] was called on it.
    pub fn new(own_ports: Vec<u16>, reports_destination: bool, now: &Now) -> Answers {
        let batch = Datagrams::new(reports_destination);
        Answers { batch, guard: LoopGuard::new(now.instant), own_ports }
    }

    /// Where a batch is received into; [`consider`](Self::consider) comes next.
    pub fn batch(&mut self) -> &mut Datagrams {
        &mut self.batch
    }

    /// Receives a batch, waiting for its first datagram: see [`Datagrams::receive_waiting`].
    pub fn receive_waiting(&mut self, socket: BorrowedFd) -> io::Result<usize> {
        self.batch.receive_waiting(socket)
    }

    /// Uppercases the `count` datagrams that were received, those that are to be answered. `who` stands in
    /// the log.
    pub fn consider(&mut self, count: usize, who: impl Display, now: &Now) {
        for place in 0..count {
            match self.consider_one(place, now) {
                Ok(()) => self.batch.answer(place),
                Err((refusal, source)) => debug!("{who}: no answer to {source:?}: {refusal}"),
            }
        }
    }

    /// How many are still to be sent back.
    pub fn unsent(&self) -> usize {
        self.batch.unsent()
    }

    /// Sends some back without waiting, and returns how many. WouldBlock if there is no room for the first. There
    /// are no other errors: what can't be sent is given up.
    pub fn send(&mut self, socket: BorrowedFd, who: impl Display) -> io::Result<usize> {
        self.send_by(|batch| batch.send(socket), who)
    }

    /// The same, by a driver's own call.
    pub fn send_by(
        &mut self,
        send: impl FnOnce(&mut Datagrams) -> io::Result<()>,
        who: impl Display,
    ) -> io::Result<usize> {
        let before = self.unsent();
        match send(&mut self.batch) {
            Ok(()) => return Ok(before - self.unsent()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(error),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => {
                // Of one datagram: no route back to its source, or a firewall's refusal.
                debug!("{who}: an answer could not be sent: {error}");
                self.batch.skip();
            }
        }
        Ok(0)
    }

    /// Uppercases a datagram, or says why it isn't to be answered.
    fn consider_one(&mut self, place: usize, now: &Now) -> Result<(), (Refusal, Option<SocketAddr>)> {
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
        let changed = has_lowercase(datagram.payload);
        if changed {
            uppercase(datagram.payload);
        }
        if !self.guard.admits(&source, datagram.payload, changed, now.instant) {
            return refuse(Refusal::Repeated);
        }
        Ok(())
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
            Refusal::Repeated => "much the same again and again looks like an endless loop",
        })
    }
}
