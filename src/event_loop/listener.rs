//! A listening socket, and the service that its connections get.

use crate::now::Now;
use crate::session::Session;
use crate::session::http::{Http, HttpOptions};
use crate::session::upper::{Upper, UpperOptions};
use rustix::io::Errno;
use rustix::net::SocketFlags;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Instant;

/// What a listener's connections are for.
#[derive(Clone, Debug)]
pub enum Service {
    /// TCP uppercase.
    Upper(Arc<UpperOptions>),
    /// HTTP.
    Http(Arc<HttpOptions>),
}

impl Service {
    /// The state of a connection that was accepted now, and whose it is if that has an address.
    pub fn session(&self, peer: Option<SocketAddr>, now: &Now) -> Session {
        match self {
            Service::Upper(options) => Session::Upper(Upper::new(options.clone(), now)),
            Service::Http(options) => {
                let http = Http::new(options.clone(), now);
                Session::Http(if options.logged { http.logged(peer.map(|peer| peer.ip())) } else { http })
            }
        }
    }
}

/// A guest of the event loop.
#[derive(Debug)]
pub struct Listener {
    /// The socket, TCP or Unix, to be registered.
    pub socket: OwnedFd,
    /// What it is for.
    pub service: Service,
    /// The latch: connections may be waiting.
    pub ready: bool,
    /// When to try again, while accepting pauses.
    pub paused_until: Option<Instant>,
}

/// What came of accepting.
#[derive(Debug)]
pub enum Accepted {
    /// A connection, and whose it is where that has an address.
    Stream(OwnedFd, Option<SocketAddr>),
    /// Nobody is waiting.
    Nobody,
    /// Somebody was waiting and is no more: the error is one connection's, as accept(2) says of those
    /// pending on the new socket.
    GaveUp(io::Error),
    /// Somebody is waiting and there is no descriptor or no memory for them.
    Exhausted(io::Error),
}

impl Listener {
    /// A listener that has said nothing yet. The socket must not block.
    pub fn new(socket: OwnedFd, service: Service) -> Listener {
        Listener { socket, service, ready: false, paused_until: None }
    }

    /// Takes one connection.
    pub fn accept(&mut self) -> Accepted {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        match rustix::net::acceptfrom_with(&self.socket, flags) {
            Ok((stream, peer)) => Accepted::Stream(stream, peer.and_then(|peer| peer.try_into().ok())),
            Err(Errno::AGAIN) => {
                self.ready = false;
                Accepted::Nobody
            }
            Err(error) if is_shortage(error) => Accepted::Exhausted(error.into()),
            Err(error) => Accepted::GaveUp(error.into()),
        }
    }
}

/// Whether accepting failed for want of descriptors or memory, and not because of one connection.
pub fn is_shortage(error: Errno) -> bool {
    [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM].contains(&error)
}
