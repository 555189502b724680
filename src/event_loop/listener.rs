//! A listening socket, and the service that its connections get.

use super::fate::Fate;
use crate::kernel::Kernel;
use crate::limits;
use crate::now::Now;
use crate::session::Session;
use crate::session::http::{Http, HttpOptions};
use crate::session::upper::{Upper, UpperOptions};
use std::io;
use std::net::SocketAddr;
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
pub struct Listener<K: Kernel> {
    /// The socket, TCP or Unix, to be watched.
    pub socket: K::Socket,
    /// What it is for.
    pub service: Service,
    /// Where its connections count: see [`Places`](super::places::Places).
    pub room: u16,
    /// The latch: connections may be waiting.
    pub ready: bool,
    /// When to try again, while accepting pauses.
    pub paused_until: Option<Instant>,
    /// Connections in a row that were gone when they were accepted.
    gone: usize,
}

/// What came of accepting.
#[derive(Debug)]
pub enum Accepted<S> {
    /// A connection, and whose it is where that has an address.
    Stream(S, Option<SocketAddr>),
    /// Nobody is waiting.
    Nobody,
    /// Somebody was waiting and is no more: the error is one connection's, as accept(2) says of those
    /// pending on the new socket.
    GaveUp(io::Error),
    /// Somebody may be waiting and there is no descriptor or no memory for them, or nobody knows why.
    Exhausted(io::Error),
}

impl<K: Kernel> Listener<K> {
    /// A listener that has said nothing yet. The socket must not block.
    pub fn new(socket: K::Socket, service: Service) -> Listener<K> {
        Listener { socket, service, room: 0, ready: false, paused_until: None, gone: 0 }
    }

    /// Takes one connection.
    pub fn accept(&mut self, kernel: &mut K) -> Accepted<K::Socket> {
        let gone = std::mem::take(&mut self.gone);
        match kernel.accept(&self.socket) {
            Ok((stream, peer)) => Accepted::Stream(stream, peer),
            Err(error) => match Fate::of(&error) {
                Fate::Nothing => {
                    self.ready = false;
                    Accepted::Nobody
                }
                Fate::Again if gone < limits::ERRORS => {
                    self.gone = gone + 1;
                    Accepted::GaveUp(error)
                }
                // So many in a row aren't one connection's any more.
                Fate::Again | Fate::Later | Fate::Over => Accepted::Exhausted(error),
            },
        }
    }
}
