//! A listening socket, and the service that its connections get.

use crate::kernel::Kernel;
use crate::now::Now;
use crate::session::Session;
use crate::session::http::{Http, HttpOptions};
use crate::session::upper::{Upper, UpperOptions};
use rustix::io::Errno;
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
    /// Where its connections count: see [`Door`](super::door::Door).
    pub room: u16,
    /// The latch: connections may be waiting.
    pub ready: bool,
    /// When to try again, while accepting pauses.
    pub paused_until: Option<Instant>,
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
    /// Somebody may be waiting and can't be let in now: there is no descriptor or no memory for them, or
    /// accepting fails for a reason that nobody has thought of.
    Exhausted(io::Error),
}

impl<K: Kernel> Listener<K> {
    /// A listener that has said nothing yet. The socket must not block.
    pub fn new(socket: K::Socket, service: Service) -> Listener<K> {
        Listener { socket, service, room: 0, ready: false, paused_until: None }
    }

    /// Takes one connection.
    pub fn accept(&mut self, kernel: &mut K) -> Accepted<K::Socket> {
        match kernel.accept(&self.socket) {
            Ok((stream, peer)) => Accepted::Stream(stream, peer),
            Err(error) => match Errno::from_io_error(&error) {
                Some(Errno::AGAIN) => {
                    self.ready = false;
                    Accepted::Nobody
                }
                Some(errno) if is_of_one_connection(errno) => Accepted::GaveUp(error),
                _ => Accepted::Exhausted(error),
            },
        }
    }
}

/// Whether an error of accept(2) is one connection's, or of the call itself: then the next call is about the next
/// one. Any other error may stay, and trying again at once would go on for ever.
pub fn is_of_one_connection(error: Errno) -> bool {
    [
        Errno::INTR,
        Errno::CONNABORTED,
        // Those that were pending on the new socket, as accept(2) lists them.
        Errno::NETDOWN,
        Errno::PROTO,
        Errno::NOPROTOOPT,
        Errno::HOSTDOWN,
        Errno::NONET,
        Errno::HOSTUNREACH,
        Errno::OPNOTSUPP,
        Errno::NETUNREACH,
    ]
    .contains(&error)
}
