//! What the event loop asks of the system, as one face: about a dozen calls.
//!
//! The loop is generic over [`Kernel`], so each call is decided when the program is compiled and costs
//! nothing. [`linux::Linux`] is the real one, a thin layer over epoll(7) and the socket calls. Tests have a
//! second one, with virtual time and faults that a seed decides; it has to behave as this page says.
//!
//! Readiness is edge-triggered: [`Kernel::wait`] tells each change once. A socket is watched once, for all
//! that it may ever have to say, and watching it tells what is ready already.

pub mod linux;

use crate::now::Now;
use crate::sys::Datagrams;
use std::fmt;
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// What the kernel said of one socket since it was last asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// There is something to receive or to accept, or an end of file, or an error.
    pub readable: bool,
    /// There is room to send.
    pub writable: bool,
    /// The peer will send no more (EPOLLRDHUP, or worse).
    pub hung_up: bool,
    /// Both directions are over (EPOLLHUP, EPOLLERR).
    pub broken: bool,
    /// Urgent data has come (EPOLLPRI).
    pub urgent: bool,
}

/// One socket's readiness.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// What the socket was watched under.
    pub token: usize,
    /// What was said of it.
    pub readiness: Readiness,
}

/// What a socket is watched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Something to accept or receive.
    Reading,
    /// That, and room to send.
    Both,
    /// That, and urgent data: a connection.
    Everything,
}

/// The system, as the event loop sees it.
///
/// None of these calls waits but [`wait`](Self::wait). Where another one would have to, it fails with
/// WouldBlock; every call may fail with Interrupted, and is then to be made again.
pub trait Kernel {
    /// A socket of any kind. Dropping it closes it, which also ends its being watched.
    type Socket: fmt::Debug;

    /// The time.
    fn now(&self) -> Now;

    /// Puts into `events` who has become ready, at most `most` of them: waits for the first one until
    /// `timeout` is over, for ever if there is none. Returning early with none is allowed.
    /// Fails as epoll_wait(2) does.
    fn wait(&mut self, events: &mut Vec<Event>, most: usize, timeout: Option<Duration>) -> io::Result<()>;

    /// Watches a socket from now on. Fails as EPOLL_CTL_ADD of epoll_ctl(2) does.
    fn watch(&mut self, socket: &Self::Socket, token: usize, interest: Interest) -> io::Result<()>;

    /// Takes a connection from a listener: its socket, and whose it is where that has an address. Fails as
    /// accept(2) does.
    fn accept(&mut self, listener: &Self::Socket) -> io::Result<(Self::Socket, Option<SocketAddr>)>;

    /// Has the kernel take no more connections for a listener than are waiting already, as far as it can be
    /// told so (listen(2) with a backlog of 0).
    fn close_backlog(&mut self, listener: &Self::Socket);

    /// Receives some bytes; 0 is the peer's FIN. Fails as recv(2) does.
    fn receive(&mut self, socket: &Self::Socket, room: &mut [u8]) -> io::Result<usize>;

    /// Sends some bytes. With `more` the kernel may hold back a last segment that isn't full (MSG_MORE).
    /// Fails as send(2) does.
    fn send(&mut self, socket: &Self::Socket, bytes: &[u8], more: bool) -> io::Result<usize>;

    /// Sends at most `most` bytes of a file from `offset` on; 0 says that the file ends there. Fails as
    /// sendfile(2) does.
    fn send_file(
        &mut self,
        socket: &Self::Socket,
        file: &File,
        offset: u64,
        most: usize,
    ) -> io::Result<usize>;

    /// Half-closes: a FIN behind everything sent. That it fails where the peer has reset the connection is
    /// no news: receiving will tell.
    fn shut_down(&mut self, socket: &Self::Socket);

    /// Holds the last segment back until the FIN, which then rides with it (TCP_CORK). Returns whether it
    /// does; a Unix socket has no segments.
    fn cork(&mut self, socket: &Self::Socket) -> bool;

    /// Makes closing send a reset and throw away what is unsent (SO_LINGER of zero, socket(7)).
    fn reset_on_close(&mut self, socket: &Self::Socket);

    /// A count that grows as the peer takes what was sent, and stands still while nothing is taken.
    fn taken_by_peer(&mut self, socket: &Self::Socket) -> u64;

    /// Receives a batch of datagrams; see [`Datagrams::receive`].
    fn receive_datagrams(&mut self, socket: &Self::Socket, batch: &mut Datagrams) -> io::Result<usize>;

    /// Sends the answers of a batch, or some of them; see [`Datagrams::send`].
    fn send_datagrams(&mut self, socket: &Self::Socket, batch: &mut Datagrams) -> io::Result<()>;
}
