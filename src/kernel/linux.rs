//! The real kernel: epoll through mio, the socket calls through rustix and socket2.
//!
//! Each function is one system call. What the loop makes of its result is the loop's affair.

use super::{Event, Interest, Kernel, Readiness};
use crate::now::Now;
use crate::sys::{self, Datagrams};
use mio::unix::SourceFd;
use mio::{Events, Poll, Token};
use rustix::net::{RecvFlags, SendFlags, Shutdown, SocketFlags};
use socket2::SockRef;
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant, SystemTime};

/// The system that this program runs on.
#[derive(Debug)]
pub struct Linux {
    poll: Poll,
    events: Events,
    /// The last reading of the clock: its date holds for a second.
    read: Now,
}

impl Linux {
    /// A poll that watches nobody yet, and tells of at most `most` sockets at once. Fails as
    /// epoll_create(2) does.
    pub fn new(most: usize) -> io::Result<Linux> {
        Ok(Linux { poll: Poll::new()?, events: Events::with_capacity(most), read: read_clock() })
    }
}

/// Reads the clocks, for who has no loop yet.
pub fn read_clock() -> Now {
    Now::new(Instant::now(), SystemTime::now())
}

impl Kernel for Linux {
    type Socket = OwnedFd;

    fn now(&mut self) -> Now {
        self.read.set(Instant::now(), SystemTime::now());
        self.read.clone()
    }

    fn wait(&mut self, events: &mut Vec<Event>, most: usize, timeout: Option<Duration>) -> io::Result<()> {
        events.clear();
        self.poll.poll(&mut self.events, timeout)?;
        debug_assert!(most >= self.events.iter().count(), "mio was told the most at the beginning");
        events.extend(
            self.events.iter().map(|event| Event { token: event.token().0, readiness: readiness(event) }),
        );
        Ok(())
    }

    fn watch(&mut self, socket: &OwnedFd, token: usize, interest: Interest) -> io::Result<()> {
        let interest = match interest {
            Interest::Reading => mio::Interest::READABLE,
            Interest::Both => mio::Interest::READABLE | mio::Interest::WRITABLE,
            Interest::Everything => {
                mio::Interest::READABLE | mio::Interest::WRITABLE | mio::Interest::PRIORITY
            }
        };
        self.poll.registry().register(&mut SourceFd(&socket.as_raw_fd()), Token(token), interest)
    }

    fn accept(&mut self, listener: &OwnedFd) -> io::Result<(OwnedFd, Option<SocketAddr>)> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let (stream, peer) = rustix::net::acceptfrom_with(listener, flags)?;
        Ok((stream, peer.and_then(|peer| peer.try_into().ok())))
    }

    fn close_backlog(&mut self, listener: &OwnedFd) {
        let _ = rustix::net::listen(listener, 0);
    }

    fn receive(&mut self, socket: &OwnedFd, room: &mut [u8]) -> io::Result<usize> {
        let (count, _) = rustix::net::recv(socket, room, RecvFlags::empty())?;
        Ok(count)
    }

    fn send(&mut self, socket: &OwnedFd, bytes: &[u8], more: bool) -> io::Result<usize> {
        let flags = if more { SendFlags::NOSIGNAL | SendFlags::MORE } else { SendFlags::NOSIGNAL };
        Ok(rustix::net::send(socket, bytes, flags)?)
    }

    fn send_file(&mut self, socket: &OwnedFd, file: &File, offset: u64, most: usize) -> io::Result<usize> {
        let mut offset = offset;
        Ok(rustix::fs::sendfile(socket, file, Some(&mut offset), most)?)
    }

    fn shut_down(&mut self, socket: &OwnedFd) {
        let _ = rustix::net::shutdown(socket, Shutdown::Write);
    }

    fn cork(&mut self, socket: &OwnedFd) -> bool {
        SockRef::from(socket).set_tcp_cork(true).is_ok()
    }

    fn reset_on_close(&mut self, socket: &OwnedFd) {
        let _ = SockRef::from(socket).set_linger(Some(Duration::ZERO));
    }

    fn taken_by_peer(&mut self, socket: &OwnedFd) -> u64 {
        sys::taken_by_peer(socket.as_fd())
    }

    fn receive_datagrams(&mut self, socket: &OwnedFd, batch: &mut Datagrams) -> io::Result<usize> {
        batch.receive(socket.as_fd())
    }

    fn send_datagrams(&mut self, socket: &OwnedFd, batch: &mut Datagrams) -> io::Result<()> {
        batch.send(socket.as_fd())
    }
}

fn readiness(event: &mio::event::Event) -> Readiness {
    let broken = event.is_error() || event.is_write_closed();
    let hung_up = event.is_read_closed() || broken;
    Readiness {
        readable: event.is_readable() || hung_up,
        writable: event.is_writable() || broken,
        hung_up,
        broken,
        urgent: event.is_priority(),
    }
}
