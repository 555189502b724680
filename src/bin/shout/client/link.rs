//! One TCP connection of the client, and what there is to tell of it.

use super::report::{Closer, Report};
use super::resolve;
use shoutd::sys;
use shoutd::trouble::Trouble;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// How long a polite client waits for the server's FIN after its own, so that it is in the report. Some
/// servers never send one, and some are busy.
const FAREWELL: Duration = Duration::from_millis(200);

/// The same where its reply was wrong.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A connection, counting.
#[derive(Debug)]
pub struct Link {
    /// The socket.
    pub stream: TcpStream,
    /// The server.
    pub peer: SocketAddr,
    /// Bytes sent so far.
    pub sent: u64,
    /// Bytes received so far.
    pub received: u64,
    opened: Instant,
    handshake: Duration,
    first_byte: Option<Duration>,
    closer: Option<Closer>,
    said_good_bye: bool,
}

/// Bytes taken in that nobody has asked for: a server that talks for ever is left talking.
const UNASKED: usize = 1 << 20;

impl Link {
    /// Connects to the first address of a host that lets us, and says of each that doesn't, if none does.
    /// Reads and writes will fail after `timeout` without progress.
    pub fn open(host: &str, port: u16, timeout: Duration) -> Result<Link, Trouble> {
        Link::to_any(host, &resolve::addresses(host, port)?, timeout)
    }

    /// The same where the addresses of the host are known.
    pub fn to_any(host: &str, addresses: &[SocketAddr], timeout: Duration) -> Result<Link, Trouble> {
        let mut trouble = None;
        for &address in addresses {
            match Link::to(address, timeout) {
                Ok(link) => return Ok(link),
                Err(error) => {
                    trouble = Some(match trouble {
                        None => Trouble::connecting(address, &error),
                        Some(trouble) => Trouble::nor(trouble, address, &error),
                    });
                }
            }
        }
        Err(trouble.unwrap_or_else(|| Trouble::new(format!("{host} has no address"), "")))
    }

    fn to(peer: SocketAddr, timeout: Duration) -> io::Result<Link> {
        let start = Instant::now();
        let stream = TcpStream::connect_timeout(&peer, timeout)?;
        let opened = Instant::now();
        // Each message is to leave at once, also one that is sent before the last was acknowledged.
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(timeout))?;
        stream.set_write_timeout(Some(timeout))?;
        let handshake = opened - start;
        let (first_byte, closer) = (None, None);
        Ok(Link {
            stream,
            peer,
            sent: 0,
            received: 0,
            opened,
            handshake,
            first_byte,
            closer,
            said_good_bye: false,
        })
    }

    /// Sends all of `bytes`.
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.stream.write(rest) {
                Ok(count) => {
                    self.sent += count as u64;
                    rest = &rest[count..];
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return Err(Trouble::stuck(self.peer, self.sent, self.received));
                }
                Err(error) => return Err(self.failed(&error)),
            }
        }
        Ok(())
    }

    /// Receives what is there, waiting for it; 0 is the server's FIN.
    pub fn receive(&mut self, room: &mut [u8]) -> Result<usize, Trouble> {
        loop {
            match self.stream.read(room) {
                Ok(0) => {
                    self.closer.get_or_insert(Closer::Server);
                    return Ok(0);
                }
                Ok(count) => {
                    self.count_received(count);
                    return Ok(count);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(&error)),
            }
        }
    }

    /// Counts bytes that somebody else has read from the socket.
    pub fn count_received(&mut self, count: usize) {
        self.first_byte.get_or_insert_with(|| self.opened.elapsed());
        self.received += count as u64;
    }

    /// What has come and nobody has asked for, without waiting for it.
    pub fn unasked(&mut self) -> Vec<u8> {
        let mut said = Vec::new();
        let mut room = [0; 4096];
        if self.stream.set_nonblocking(true).is_ok() {
            while said.len() < UNASKED
                && let Ok(count @ 1..) = self.receive(&mut room)
            {
                said.extend_from_slice(&room[..count]);
            }
        }
        let _ = self.stream.set_nonblocking(false);
        said
    }

    /// Sends our FIN, if that hasn't been done, and waits a moment for the server's. Returns what it still
    /// had to say.
    pub fn farewell(&mut self) -> Vec<u8> {
        self.farewell_within(FAREWELL)
    }

    /// The same after a wrong reply, waiting longer: what else comes tells what kind of server it is.
    pub fn last_words(&mut self) -> Vec<u8> {
        self.farewell_within(LAST_WORDS)
    }

    fn farewell_within(&mut self, wait: Duration) -> Vec<u8> {
        let mut rest = Vec::new();
        if std::mem::replace(&mut self.said_good_bye, true) {
            return rest;
        }
        let server_was_first = sys::tcp_info(self.stream.as_fd()).is_ok_and(|info| info.peer_has_closed);
        // It fails where the server has reset the connection: then no FIN of ours is sent.
        if self.stream.shutdown(Shutdown::Write).is_ok() {
            self.closed_after_us(!server_was_first);
        }
        let end = Instant::now() + wait;
        let mut room = [0; 4096];
        while rest.len() < UNASKED {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || self.stream.set_read_timeout(Some(left)).is_err() {
                break;
            }
            match self.receive(&mut room) {
                Ok(count @ 1..) => rest.extend_from_slice(&room[..count]),
                Ok(0) | Err(_) => break,
            }
        }
        rest
    }

    /// A side has closed, somebody else says, and whether it was ours. Only the first time counts.
    pub fn closed_after_us(&mut self, ours_was_first: bool) {
        self.closer.get_or_insert(if ours_was_first { Closer::Client } else { Closer::Server });
    }

    /// Remembers how the connection failed, and says so.
    pub fn failed(&mut self, error: &io::Error) -> Trouble {
        match error.kind() {
            ErrorKind::ConnectionReset => _ = self.closer.get_or_insert(Closer::Reset),
            // A reset in answer to what was sent after the server's FIN (tcp_reset in the kernel).
            ErrorKind::BrokenPipe => self.closed_after_us(false),
            _ => {}
        }
        Trouble::on_the_way(self.peer, error, self.sent, self.received)
    }

    /// Whether either side has closed.
    pub fn is_closed(&self) -> bool {
        self.closer.is_some()
    }

    /// What there is to tell, at the end: our FIN is sent by then, however the connection went, so that it is
    /// among the segments that are counted.
    pub fn report(&mut self) -> Report {
        self.farewell();
        Report {
            peer: self.peer,
            local: self.stream.local_addr().ok(),
            sent: self.sent,
            received: self.received,
            handshake: self.handshake,
            first_byte: self.first_byte,
            lasted: self.opened.elapsed(),
            closer: self.closer,
            info: sys::tcp_info(self.stream.as_fd()).ok(),
            requests: None,
        }
    }
}
