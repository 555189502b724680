//! A listening socket, and the service that its connections get.

use crate::now::Now;
use crate::session::Session;
use crate::session::http::{Http, HttpOptions};
use crate::session::upper::{Upper, UpperOptions};
use mio::net::{TcpListener, TcpStream};
use rustix::io::Errno;
use std::io::{self, ErrorKind};
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
    /// The state of a connection that was accepted now.
    pub fn session(&self, now: &Now) -> Session {
        match self {
            Service::Upper(options) => Session::Upper(Upper::new(options.clone(), now)),
            Service::Http(options) => Session::Http(Http::new(options.clone(), now)),
        }
    }
}

/// A guest of the event loop.
#[derive(Debug)]
pub struct Listener {
    /// The socket, to be registered.
    pub socket: TcpListener,
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
    /// A connection.
    Stream(TcpStream, SocketAddr),
    /// Nobody is waiting.
    Nobody,
    /// Somebody was waiting and is no more: the error is one connection's, as accept(2) says of those
    /// pending on the new socket.
    GaveUp(io::Error),
    /// Somebody is waiting and there is no descriptor or no memory for them.
    Exhausted(io::Error),
}

impl Listener {
    /// A listener that has said nothing yet.
    pub fn new(socket: TcpListener, service: Service) -> Listener {
        Listener { socket, service, ready: false, paused_until: None }
    }

    /// Takes one connection.
    pub fn accept(&mut self) -> Accepted {
        match self.socket.accept() {
            Ok((stream, peer)) => Accepted::Stream(stream, peer),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.ready = false;
                Accepted::Nobody
            }
            Err(error) if is_shortage(&error) => Accepted::Exhausted(error),
            Err(error) => Accepted::GaveUp(error),
        }
    }
}

fn is_shortage(error: &io::Error) -> bool {
    let shortages = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    Errno::from_io_error(error).is_some_and(|error| shortages.contains(&error))
}
