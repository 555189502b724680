//! One connection: a socket, what the kernel said about it, and a session that says what it needs.
//!
//! Readiness is a latch. The kernel reports each change once (edge-triggered, epoll(7)), the latch
//! remembers it, and a need is tried only while its latch is set. A refusal (WouldBlock) clears it; so
//! does a short read or write, which says the same and saves the call that would be refused. But not
//! where the peer has hung up: its last data and its FIN can be one event, and the end of file must still
//! be fetched.
//!
//! The latch may be behind, as it knows only what the kernel had said when it was last asked. So before a
//! session that reads is told that its time is up, the kernel is tried whatever the latch says: nobody's
//! silence is counted while their bytes lie unread.

use super::Verdict;
use super::progress::Progress;
use super::slots::Id;
use crate::buffer::Desk;
use crate::http::content::Content;
use crate::kernel::{Kernel, Readiness};
use crate::limits;
use crate::now::Now;
use crate::session::{Need, Session, Then};
use log::{debug, trace};
use std::io::{self, ErrorKind};
use std::time::Instant;

/// A guest of the event loop.
#[derive(Debug)]
pub struct Connection<K: Kernel> {
    /// A stream socket: TCP or Unix, which the calls below don't tell apart.
    socket: K::Socket,
    session: Session,
    latch: Readiness,
    corked: bool,
    /// Among whose connections it counts: see [`Places`](super::places::Places).
    room: u16,
    /// Bytes that it keeps between its turns.
    held: u32,
    /// Of what was sent, while nothing more can be.
    progress: Progress,
}

/// What a turn may use.
pub struct Means<'a, K, C> {
    /// The system.
    pub kernel: &'a mut K,
    /// The buffers that are lent for the turn.
    pub desk: &'a mut Desk,
    /// What HTTP serves.
    pub site: &'a mut C,
    /// How much may be moved: see [`limits::TURN`].
    pub budget: usize,
}

/// What a turn came to.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    /// What is to follow.
    pub verdict: Verdict,
    /// What was moved, as the budget counts it.
    pub work: usize,
}

impl<K: Kernel> Connection<K> {
    /// An accepted connection, one of those of `room`. Its latch is set: a new socket has room to send, and
    /// whether something has come already only asking tells. On a busy server it mostly has.
    pub fn new(socket: K::Socket, session: Session, room: u16) -> Connection<K> {
        let latch = Readiness { readable: true, writable: true, ..Readiness::default() };
        Connection { socket, session, latch, corked: false, room, held: 0, progress: Progress::default() }
    }

    /// The socket, to be watched.
    pub fn socket(&self) -> &K::Socket {
        &self.socket
    }

    /// Among whose connections it counts.
    pub fn room(&self) -> u16 {
        self.room
    }

    /// Bytes that it keeps between its turns, besides the connection itself.
    pub fn held(&self) -> usize {
        self.held as usize
    }

    /// Since when it has made no progress; `None` if it can be waited for without harm.
    pub fn waits_since(&self) -> Option<Instant> {
        self.session.waits_since()
    }

    /// Remembers what the kernel says. No system calls here.
    pub fn note(&mut self, said: Readiness) {
        self.latch.readable |= said.readable;
        self.latch.writable |= said.writable;
        self.latch.hung_up |= said.hung_up;
        self.latch.broken |= said.broken;
        self.latch.urgent |= said.urgent;
    }

    /// When to look at it, unless something happens before: at its session's deadline, and while it sends,
    /// at half of that time as well.
    pub fn look_at(&self) -> Option<Instant> {
        let deadline = self.session.deadline()?;
        Some(if self.is_sending() { self.progress.look_at(deadline) } else { deadline })
    }

    /// Looks at it: whether its time is up. A peer that takes a little at a time has made [`Progress`].
    pub fn look(&mut self, kernel: &mut K, now: &Now) -> bool {
        let Some(deadline) = self.session.deadline() else { return false };
        if self.is_sending() {
            let taken = kernel.taken_by_peer(&self.socket);
            if self.progress.goes_on(taken, deadline <= now.instant) {
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
    pub fn stop(&mut self, now: &Now) {
        self.session.stop(now);
    }

    /// Does what the session needs until it has to wait, its budget is spent, or it is over. A session that
    /// has to wait and has no time left is told so.
    pub fn drive<C: Content>(&mut self, id: Id, means: &mut Means<K, C>, now: &Now) -> Turn {
        self.session.sit(means.desk);
        let mut work = 0;
        let mut tried = false;
        let mut interrupted = 0;
        let mut verdict = loop {
            let need = self.session.need();
            trace!("{id}: needs {need:?}");
            match self.satisfy(need, id, means.budget - work, means, now) {
                Ok(Some(moved)) => work += moved.max(limits::STEP).min(means.budget - work),
                Ok(None) => break Verdict::Done,
                Err(error) if error.kind() == ErrorKind::Interrupted => {
                    interrupted += 1;
                    if interrupted > limits::INTERRUPTIONS {
                        break Verdict::Again; // others have their turns meanwhile
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let is_late = self.session.deadline().is_some_and(|deadline| deadline <= now.instant);
                    if is_late && need == Need::Read && !std::mem::replace(&mut tried, true) {
                        self.latch.readable = true;
                    } else if is_late && self.look(means.kernel, now) {
                        trace!("{id}: time is up");
                        self.session.expired(now);
                    } else {
                        trace!("{id}: waits");
                        break Verdict::Wait;
                    }
                }
                Err(error) => {
                    debug!("{id}: {error}");
                    // A FIN would tell the peer that it has everything.
                    means.kernel.reset_on_close(&self.socket);
                    break Verdict::Done;
                }
            }
            if work == means.budget {
                trace!("{id}: budget spent");
                break Verdict::Again;
            }
        };
        if self.session.rise(means.desk).is_err() {
            debug!("{id}: no memory for what it would have to keep");
            means.kernel.reset_on_close(&self.socket);
            verdict = Verdict::Done;
        }
        self.held = u32::try_from(self.session.held()).unwrap_or(u32::MAX);
        if verdict == Verdict::Done {
            self.session.over(means.desk);
        }
        Turn { verdict, work }
    }

    /// The loop ends before the connection does. What is sent is on its way, and a FIN follows it; but where the
    /// peer would take that for the end of its reply, a reset does.
    pub fn over(&mut self, kernel: &mut K, desk: &mut Desk) {
        if self.session.would_seem_complete() {
            kernel.reset_on_close(&self.socket);
        }
        self.session.over(desk);
    }

    /// It is to be closed at once, and what is unsent thrown away.
    pub fn abort(&mut self, kernel: &mut K, desk: &mut Desk) {
        kernel.reset_on_close(&self.socket);
        self.session.over(desk);
    }

    /// Does the one thing that is needed. Returns how much it moved, or `None` if that was the end;
    /// WouldBlock if it has to wait.
    fn satisfy<C: Content>(
        &mut self,
        need: Need,
        id: Id,
        budget: usize,
        means: &mut Means<K, C>,
        now: &Now,
    ) -> io::Result<Option<usize>> {
        match need {
            Need::Read => {
                let count = self.receive(means.kernel)?;
                trace!("{id}: read {count}");
                self.session.received(count, now, means.site);
                return Ok(Some(count));
            }
            Need::Write(then) => {
                let count = self.send(means.kernel, then)?;
                self.progress.sent();
                trace!("{id}: wrote {count}");
                self.session.sent(count, now, means.site);
                return Ok(Some(count));
            }
            Need::SendFile { last } => {
                let count = self.send_file(means.kernel, budget, last)?;
                self.progress.sent();
                trace!("{id}: wrote {count} of the file");
                self.session.file_sent(count as u64, now, means.site);
                return Ok(Some(count));
            }
            Need::Work => {
                if self.latch.broken {
                    return Err(ErrorKind::ConnectionReset.into()); // nobody is there to read it
                }
                self.session.work(now, means.site);
                return Ok(Some(limits::WORK));
            }
            Need::WaitUntil(_) if self.latch.broken => {} // nobody is there to be answered
            Need::WaitUntil(_) => return Err(ErrorKind::WouldBlock.into()),
            Need::Shutdown => {
                means.kernel.shut_down(&self.socket);
                self.session.shut(now);
                return Ok(Some(0));
            }
            Need::Close => {}
            Need::Abort => means.kernel.reset_on_close(&self.socket),
        }
        Ok(None)
    }

    fn receive(&mut self, kernel: &mut K) -> io::Result<usize> {
        check(self.latch.readable)?;
        let room = self.session.room();
        let asked = room.len();
        let result = kernel.receive(&self.socket, room);
        let short = matches!(result, Ok(count) if count < asked);
        settle(&mut self.latch.readable, short && !self.latch.hung_up && !self.latch.urgent, result)
    }

    fn send(&mut self, kernel: &mut K, then: Then) -> io::Result<usize> {
        check(self.latch.writable)?;
        if then == Then::Fin {
            self.cork(kernel);
        }
        let unsent = self.session.unsent();
        let asked = unsent.len();
        let result = kernel.send(&self.socket, unsent, then == Then::More);
        let short = matches!(result, Ok(count) if count < asked);
        settle(&mut self.latch.writable, short, result)
    }

    /// Sends part of a file. A short count leaves the latch alone: the socket may be full, or the file may
    /// have become shorter, and only asking again tells.
    fn send_file(&mut self, kernel: &mut K, budget: usize, last: bool) -> io::Result<usize> {
        check(self.latch.writable)?;
        if last {
            self.cork(kernel);
        }
        let Some((file, offset, length)) = self.session.file() else { return Ok(0) };
        let most = usize::try_from(length).unwrap_or(usize::MAX).min(budget);
        let result = kernel.send_file(&self.socket, file, offset, most);
        settle(&mut self.latch.writable, false, result)
    }

    /// Holds the last segment back until the FIN, which then rides with it.
    fn cork(&mut self, kernel: &mut K) {
        if !self.corked {
            self.corked = kernel.cork(&self.socket);
        }
    }
}

/// Whether it is worth trying.
fn check(latch: bool) -> io::Result<()> {
    if latch { Ok(()) } else { Err(ErrorKind::WouldBlock.into()) }
}

/// Clears the latch if the call was refused, or did all there was to do.
fn settle(latch: &mut bool, dry: bool, result: io::Result<usize>) -> io::Result<usize> {
    let refused = matches!(&result, Err(error) if error.kind() == ErrorKind::WouldBlock);
    if refused || dry {
        *latch = false;
    }
    result
}
