//! One connection: a socket, what the kernel said about it, and a session that says what it needs.
//!
//! Readiness is a latch. The kernel reports each change once (edge-triggered, epoll(7)), the latch
//! remembers it, and a need is tried only while its latch is set. A refusal (WouldBlock) clears it; so
//! does a short read or write, which says the same and saves the call that would be refused. But not
//! where the peer has hung up: its last data and its FIN can be one event, and the end of file must still
//! be fetched.

use super::Verdict;
use super::slots::Id;
use crate::buffer::Desk;
use crate::http::content::Content;
use crate::limits;
use crate::now::Now;
use crate::session::{Need, Session, Then};
use crate::sys;
use log::{debug, trace};
use mio::event::Event;
use mio::unix::SourceFd;
use mio::{Interest, Registry};
use rustix::net::{RecvFlags, SendFlags, Shutdown};
use socket2::SockRef;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// A guest of the event loop.
#[derive(Debug)]
pub struct Connection {
    /// A stream socket: TCP or Unix, which the calls below don't tell apart.
    stream: OwnedFd,
    session: Session,
    latch: Latch,
    corked: bool,
    /// What the peer had acknowledged when half of the time for a write was over.
    acknowledged: Option<u64>,
}

/// What the kernel has said and has not taken back.
#[derive(Clone, Copy, Debug, Default)]
struct Latch {
    readable: bool,
    writable: bool,
    /// The peer's FIN, or worse, has come: the end is still to be read.
    hung_up: bool,
    /// Both directions are over.
    broken: bool,
    /// Urgent data has come. A read stops in front of it, so a short one says nothing (tcp(7)).
    urgent: bool,
}

impl Connection {
    /// An accepted connection. Its latch is empty: registering it makes the kernel say what is.
    pub fn new(stream: OwnedFd, session: Session) -> Connection {
        Connection { stream, session, latch: Latch::default(), corked: false, acknowledged: None }
    }

    /// Remembers what the kernel says. No system calls here.
    pub fn note(&mut self, event: &Event) {
        let broken = event.is_error() || event.is_write_closed();
        self.latch.broken |= broken;
        self.latch.urgent |= event.is_priority();
        self.latch.hung_up |= event.is_read_closed() || broken;
        self.latch.readable |= event.is_readable() || self.latch.hung_up;
        self.latch.writable |= event.is_writable() || broken;
    }

    /// When to look at it, unless something happens before: at its session's deadline, and while it sends,
    /// at half of that time as well.
    pub fn look_at(&self) -> Option<Instant> {
        let deadline = self.session.deadline()?;
        let halfway = self.is_sending() && self.acknowledged.is_none();
        Some(if halfway { deadline - limits::WRITE_TIME / 2 } else { deadline })
    }

    /// Looks at it: whether its time is up. The kernel says that a socket is writable only when there is
    /// much room again, so a peer that takes a little at a time is known by what it acknowledges.
    pub fn is_due(&mut self, now: &Now) -> bool {
        let Some(deadline) = self.session.deadline() else { return false };
        if self.is_sending() {
            let socket = self.stream.as_fd();
            // A Unix socket doesn't count what was taken, but what was not; nothing is added meanwhile.
            let acknowledged = sys::tcp_info(socket)
                .map(|info| info.bytes_acknowledged)
                .or_else(|_| sys::unsent(socket).map(|unsent| u64::MAX - unsent))
                .unwrap_or(0);
            let before = self.acknowledged.replace(acknowledged);
            if deadline <= now.instant && before.is_some_and(|before| before < acknowledged) {
                self.session.taken(now);
                return false;
            }
        }
        deadline <= now.instant
    }

    fn is_sending(&self) -> bool {
        matches!(self.session.need(), Need::Write(_) | Need::SendFile { .. })
    }

    /// The server is stopping.
    pub fn stop(&mut self) {
        self.session.stop(self.latch.readable);
    }

    /// Registers the socket. Closing it takes it out of the poll.
    pub fn register(&self, registry: &Registry, id: Id, interest: Interest) -> io::Result<()> {
        registry.register(&mut SourceFd(&self.stream.as_raw_fd()), id.into(), interest)
    }

    /// Does what the session needs until it has to wait, its budget is spent, or it is over. A session that
    /// has to wait and has no time left is told so.
    pub fn drive(&mut self, id: Id, desk: &mut Desk, now: &Now, site: &mut impl Content) -> Verdict {
        self.session.sit(desk);
        let mut budget = limits::TURN;
        let verdict = loop {
            match self.satisfy(id, budget, now, site) {
                Ok(Some(moved)) => budget = budget.saturating_sub(moved.max(limits::STEP)),
                Ok(None) => break Verdict::Done,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if self.session.deadline().is_some_and(|deadline| deadline <= now.instant) {
                        trace!("{id}: time is up");
                        self.session.expired(now);
                        continue;
                    }
                    trace!("{id}: waits");
                    break Verdict::Wait;
                }
                Err(error) => {
                    debug!("{id}: {error}");
                    break Verdict::Done;
                }
            }
            if budget == 0 {
                trace!("{id}: budget spent");
                break Verdict::Again;
            }
        };
        self.session.rise(desk);
        if verdict == Verdict::Done {
            self.session.over(desk);
        }
        verdict
    }

    /// The loop ends before the connection does.
    pub fn over(&mut self, desk: &mut Desk) {
        self.session.over(desk);
    }

    /// Does the one thing that is needed. Returns how many bytes it moved, or `None` if that was the end;
    /// WouldBlock if it has to wait.
    fn satisfy(
        &mut self,
        id: Id,
        budget: usize,
        now: &Now,
        site: &mut impl Content,
    ) -> io::Result<Option<usize>> {
        let need = self.session.need();
        trace!("{id}: needs {need:?}");
        match need {
            Need::Read => {
                let count = self.receive()?;
                trace!("{id}: read {count}");
                self.session.received(count, now, site);
                return Ok(Some(count));
            }
            Need::Write(then) => {
                let count = self.send(then)?;
                self.acknowledged = None;
                trace!("{id}: wrote {count}");
                self.session.sent(count, now, site);
                return Ok(Some(count));
            }
            Need::SendFile { last } => {
                let count = self.send_file(budget, last)?;
                self.acknowledged = None;
                trace!("{id}: wrote {count} of the file");
                self.session.file_sent(count as u64, now, site);
                return Ok(Some(count));
            }
            Need::Work => {
                self.session.work(now, site);
                return Ok(Some(limits::WORK));
            }
            // Whoever has reset the connection isn't waited for.
            Need::WaitUntil(_) if self.latch.broken => {}
            Need::WaitUntil(_) => return Err(ErrorKind::WouldBlock.into()),
            Need::Shutdown => {
                // It fails where the peer has reset the connection; reading will tell.
                let _ = rustix::net::shutdown(&self.stream, Shutdown::Write);
                self.session.shut(now);
                return Ok(Some(0));
            }
            Need::Close => {}
            Need::Abort => {
                // With a linger time of zero, close(2) sends a reset and frees what is unsent.
                let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
            }
        }
        Ok(None)
    }

    fn receive(&mut self) -> io::Result<usize> {
        check(self.latch.readable)?;
        let room = self.session.room();
        let asked = room.len();
        let result = rustix::net::recv(&self.stream, room, RecvFlags::empty()).map(|(count, _)| count);
        let short = result.is_ok_and(|count| count < asked);
        settle(&mut self.latch.readable, short && !self.latch.hung_up && !self.latch.urgent, result)
    }

    fn send(&mut self, then: Then) -> io::Result<usize> {
        check(self.latch.writable)?;
        if then == Then::Fin {
            self.cork();
        }
        let unsent = self.session.unsent();
        let flags =
            if then == Then::More { SendFlags::NOSIGNAL | SendFlags::MORE } else { SendFlags::NOSIGNAL };
        let result = rustix::net::send(&self.stream, unsent, flags);
        let short = result.is_ok_and(|count| count < unsent.len());
        settle(&mut self.latch.writable, short, result)
    }

    /// Sends part of a file. A short count leaves the latch alone: the socket may be full, or the file may
    /// have become shorter, and only asking again tells.
    fn send_file(&mut self, budget: usize, last: bool) -> io::Result<usize> {
        check(self.latch.writable)?;
        if last {
            self.cork();
        }
        let Some((file, offset, length)) = self.session.file() else { return Ok(0) };
        let most = usize::try_from(length).unwrap_or(usize::MAX).min(budget);
        let mut offset = offset;
        let result = rustix::fs::sendfile(&self.stream, file, Some(&mut offset), most);
        settle(&mut self.latch.writable, false, result)
    }

    /// Holds the last segment back until the FIN, which then rides with it.
    fn cork(&mut self) {
        if !self.corked {
            self.corked = SockRef::from(&self.stream).set_tcp_cork(true).is_ok();
        }
    }
}

/// Whether it is worth trying.
fn check(latch: bool) -> io::Result<()> {
    if latch { Ok(()) } else { Err(ErrorKind::WouldBlock.into()) }
}

/// Clears the latch if the call was refused, or did all there was to do.
fn settle(latch: &mut bool, dry: bool, result: rustix::io::Result<usize>) -> io::Result<usize> {
    let result = result.map_err(io::Error::from);
    let refused = matches!(&result, Err(error) if error.kind() == ErrorKind::WouldBlock);
    if refused || dry {
        *latch = false;
    }
    result
}
