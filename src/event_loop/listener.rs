//! A listening socket, the service that its connections get, and the door that they come in by.

use super::slots::Id;
use crate::now::Now;
use crate::session::Session;
use crate::session::http::{Http, HttpOptions};
use crate::session::upper::{Upper, UpperOptions};
use log::debug;
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
    /// Somebody is waiting and there is no descriptor or no memory for them.
    Exhausted(io::Error),
}

impl Listener {
    /// A listener that has said nothing yet.
    pub fn new(socket: TcpListener, service: Service) -> Listener {
        Listener { socket, service, ready: false, paused_until: None }
    }

    /// Takes one connection, passing over those that gave up while they waited.
    pub fn accept(&mut self) -> Accepted {
        loop {
            match self.socket.accept() {
                Ok((stream, peer)) => return Accepted::Stream(stream, peer),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.ready = false;
                    return Accepted::Nobody;
                }
                Err(error) if is_shortage(&error) => return Accepted::Exhausted(error),
                // The error is one connection's, as accept(2) says of those pending on the new socket.
                Err(error) => debug!("accept: {error}"),
            }
        }
    }
}

fn is_shortage(error: &io::Error) -> bool {
    let shortages = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    Errno::from_io_error(error).is_some_and(|error| shortages.contains(&error))
}

/// Lets connections in while there are places.
#[derive(Debug)]
pub struct Door {
    /// Connections inside.
    pub inside: usize,
    /// How many may be.
    pub most: usize,
    /// Listeners that wait for a place.
    waiting: Vec<Id>,
    /// Whether a shortage has been reported and not been over since.
    complained: bool,
}

impl Door {
    /// A door for at most so many connections at once.
    pub fn new(most: usize) -> Door {
        Door { inside: 0, most, waiting: Vec::new(), complained: false }
    }

    /// Whether all places are taken.
    pub fn is_full(&self) -> bool {
        self.inside >= self.most
    }

    /// A listener has to wait until somebody leaves. Says so in the log once.
    pub fn wait(&mut self, listener: Id, why: &dyn std::fmt::Display) {
        if !self.complained {
            log::warn!("accepting pauses with {} connections: {why}", self.inside);
            self.complained = true;
        }
        if !self.waiting.contains(&listener) {
            self.waiting.push(listener);
        }
    }

    /// Somebody came in.
    pub fn enter(&mut self) {
        self.inside += 1;
        self.complained &= self.is_full();
    }

    /// Somebody left: returns a listener that has waited for that.
    pub fn leave(&mut self) -> Option<Id> {
        self.inside -= 1;
        self.waiting.pop()
    }
}
