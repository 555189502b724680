//! One connection from its first need to its last, on a socket that blocks.
//!
//! Compare it with `src/event_loop/connection.rs`. The needs are the same and so are the calls; what is missing
//! is everything that exists because the loop may not wait:
//!
//! - no latch and no edges: a call that can't go on sleeps until it can;
//! - no budget: the kernel's scheduler takes the processor away from who has had it for long;
//! - no queue and no timers: each call has the session's deadline as its timeout (SO_RCVTIMEO, SO_SNDTIMEO);
//! - the session sits at its desk for life, because the kernel writes into its buffer while it sleeps.
//!
//! What replaces them costs a stack, two buffers, and a context switch or two for each message.

use super::House;
use super::clock::Clock;
use super::lobby::Guest;
use log::{debug, trace};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{RecvFlags, SendFlags};
use shoutd::buffer::Desk;
use shoutd::event_loop::progress::Progress;
use shoutd::now::Now;
use shoutd::session::{Need, Session, Then};
use shoutd::sys;
use socket2::SockRef;
use std::io::{self, ErrorKind};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// How long a thread may sleep inside a send before it looks whether it was cut off. Nothing else wakes it without
/// sending a FIN behind what is missing.
const NAP: Duration = Duration::from_secs(1);

/// Serves one connection to its end.
pub fn hold(guest: &Guest, desk: &mut Desk, house: &House) {
    let clock = Clock::new();
    let mut session = guest.service.session(None, clock.now());
    session.sit(desk);
    let mut conversation = Conversation {
        guest,
        house,
        session,
        clock,
        read_timeout: None,
        write_timeout: None,
        corked: false,
        told: false,
        progress: Progress::default(),
        tried: false,
    };
    conversation.run();
    let _ = conversation.session.rise(desk); // what is left over is of no use any more
    debug!("{}: closed", guest.peer);
}

struct Conversation<'a> {
    guest: &'a Guest,
    house: &'a House,
    session: Session,
    clock: Clock,
    /// What SO_RCVTIMEO and SO_SNDTIMEO are set to.
    read_timeout: Option<Duration>,
    write_timeout: Option<Duration>,
    corked: bool,
    /// The session knows that the server is stopping.
    told: bool,
    /// Of what was sent, while nothing more can be.
    progress: Progress,
    /// Time is up, and what may have come before was asked for once more.
    tried: bool,
}

impl Conversation<'_> {
    fn run(&mut self) {
        loop {
            self.look_whether_to_stop();
            if self.house.lobby.is_cut_off() {
                return; // with a reset: see there
            }
            match self.satisfy() {
                Ok(true) => self.tried = false,
                Ok(false) => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.time_has_passed(),
                Err(error) => {
                    debug!("{}: {error}", self.guest.peer);
                    // A FIN would tell the peer that it has everything.
                    return self.guest.reset_on_close();
                }
            }
        }
    }

    /// Does the one thing that is needed, however long it takes, up to its deadline: then WouldBlock. Returns
    /// whether there will be more.
    fn satisfy(&mut self) -> io::Result<bool> {
        let need = self.session.need();
        trace!("{}: needs {need:?}", self.guest.peer);
        match need {
            Need::Read => {
                let result = self.receive();
                self.guest.rests(false);
                let count = result?;
                self.tell_before_it_goes_on();
                let now = self.clock.read();
                self.session.received(count, now, &mut self.house.site.visit());
            }
            Need::Write(then) => {
                let asked = self.session.unsent().len();
                let count = self.send(then)?;
                self.tell_before_it_goes_on();
                let now = self.time_of_progress(count == asked);
                self.session.sent(count, &now, &mut self.house.site.visit());
            }
            Need::SendFile { last } => {
                let asked = self.session.file().map_or(0, |(_, _, length)| length);
                let count = self.send_file(last)? as u64;
                self.tell_before_it_goes_on();
                let now = self.time_of_progress(count == asked);
                self.session.file_sent(count, &now, &mut self.house.site.visit());
            }
            Need::Work => {
                let now = self.clock.read();
                self.session.work(now, &mut self.house.site.visit());
            }
            Need::WaitUntil(time) => return self.pause(time),
            Need::Shutdown => {
                // It fails where the peer has reset the connection; reading will tell.
                let _ = self.stream().shutdown(Shutdown::Write);
                self.session.shut(self.clock.read());
            }
            Need::Close => return Ok(false),
            Need::Abort => {
                self.guest.reset_on_close();
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn receive(&mut self) -> io::Result<usize> {
        let left = self.left(self.session.deadline());
        if !left.is_some_and(|left| left.is_zero()) && !is_good_enough(self.read_timeout, left) {
            self.stream().set_read_timeout(left)?;
            self.read_timeout = left;
        }
        // What has come before the deadline counts, even if nobody looked before.
        let flags = if left == Some(Duration::ZERO) { RecvFlags::DONTWAIT } else { RecvFlags::empty() };
        let (count, _) = rustix::net::recv(&self.guest.stream, self.session.room(), flags)?;
        trace!("{}: read {count}", self.guest.peer);
        Ok(count)
    }

    fn send(&mut self, then: Then) -> io::Result<usize> {
        if then == Then::Fin {
            self.cork();
        }
        let mut flags = SendFlags::NOSIGNAL;
        flags.set(SendFlags::MORE, then == Then::More);
        flags.set(SendFlags::DONTWAIT, !self.limit_writing()?);
        let count = rustix::net::send(self.stream(), self.session.unsent(), flags)?;
        trace!("{}: wrote {count}", self.guest.peer);
        Ok(count)
    }

    /// Sends the rest of a file. The kernel's timeout counts anew for each of its pieces (64 KiB), so this
    /// ends early only where the peer takes nothing.
    fn send_file(&mut self, last: bool) -> io::Result<usize> {
        if last {
            self.cork();
        }
        if !self.limit_writing()? {
            return Err(ErrorKind::WouldBlock.into());
        }
        let Some((file, mut offset, length)) = self.session.file() else { return Ok(0) };
        let most = usize::try_from(length).unwrap_or(usize::MAX);
        let count = rustix::fs::sendfile(self.stream(), file, Some(&mut offset), most)?;
        trace!("{}: wrote {count} of the file", self.guest.peer);
        Ok(count)
    }

    /// Sleeps until `time`, or until the server stops. Whoever has reset the connection isn't waited for.
    fn pause(&mut self, time: Instant) -> io::Result<bool> {
        let left = self.left(Some(time)).unwrap_or_default();
        let seconds = i64::try_from(left.as_secs()).unwrap_or(i64::MAX);
        let left = Timespec { tv_sec: seconds, tv_nsec: left.subsec_nanos().into() };
        let broken = PollFd::new(&self.guest.stream, PollFlags::empty());
        let mut ends = [broken, PollFd::new(self.house.lobby.bell(), PollFlags::empty())];
        poll(&mut ends, Some(&left))?;
        if ends[0].revents().is_empty() { Err(ErrorKind::WouldBlock.into()) } else { Ok(false) }
    }

    /// A call came back because its time is over, or a little before.
    fn time_has_passed(&mut self) {
        let now = self.clock.read();
        let Some(deadline) = self.session.deadline() else { return };
        let is_over = deadline <= now.instant;
        if is_sending(&self.session) {
            if now.instant < self.progress.look_at(deadline) {
                return;
            }
            // A peer that takes a little at a time is known by what it has taken, as in the loop.
            let taken = sys::taken_by_peer(self.guest.stream.as_fd());
            if self.progress.goes_on(taken, is_over) {
                return self.session.taken(now);
            }
        } else if is_over && !std::mem::replace(&mut self.tried, true) {
            return; // what came between the end of the wait and this reading of the clock counts
        }
        if is_over {
            trace!("{}: time is up", self.guest.peer);
            self.session.expired(now);
        }
    }

    /// When the peer last took something, as far as is known: now if the call did all it was asked to; else its time
    /// was over, and all of that may have passed since.
    fn time_of_progress(&mut self, complete: bool) -> Now {
        self.progress.sent();
        let mut now = self.clock.read().clone();
        if !complete {
            now.instant -= self.write_timeout.unwrap_or_default();
        }
        now
    }

    /// Tells the session, once, that the server is stopping.
    fn look_whether_to_stop(&mut self) {
        if self.told {
            return;
        }
        self.guest.rests(self.session.is_resting());
        if self.house.lobby.is_stopping() {
            self.told = true;
            self.session.stop(self.clock.read());
        }
    }

    /// The same when a call has returned: what the session does with that is its last reply, and the reply says
    /// so. But a request that has just come to one who rested is answered.
    fn tell_before_it_goes_on(&mut self) {
        if !self.told && self.house.lobby.is_stopping() && !self.session.is_resting() {
            self.told = true;
            self.session.stop(self.clock.read());
        }
    }

    /// Bounds how long the next send may sleep: until what the peer has taken is to be counted, and no longer than
    /// [`NAP`]. Returns whether it may sleep at all.
    fn limit_writing(&mut self) -> io::Result<bool> {
        let until = self.session.deadline().map(|deadline| self.progress.look_at(deadline));
        let left = Some(self.left(until).map_or(NAP, |left| left.min(NAP)));
        if left == Some(Duration::ZERO) {
            return Ok(false);
        }
        if !is_good_enough(self.write_timeout, left) {
            self.stream().set_write_timeout(left)?;
            self.write_timeout = left;
        }
        Ok(true)
    }

    /// The time from the clock's last reading, which is a few microseconds old.
    fn left(&self, until: Option<Instant>) -> Option<Duration> {
        until.map(|until| until.saturating_duration_since(self.clock.now().instant))
    }

    /// Holds the last segment back until the FIN, which then rides with it.
    fn cork(&mut self) {
        if !self.corked {
            self.corked = SockRef::from(self.stream()).set_tcp_cork(true).is_ok();
        }
    }

    fn stream(&self) -> &TcpStream {
        &self.guest.stream
    }
}

fn is_sending(session: &Session) -> bool {
    matches!(session.need(), Need::Write(_) | Need::SendFile { .. })
}

/// Whether a timeout need not be set again, which would cost a system call for each request: it isn't too long,
/// and one that is too short wakes the thread only to sleep on.
fn is_good_enough(set: Option<Duration>, left: Option<Duration>) -> bool {
    match (set, left) {
        (Some(set), Some(left)) => left / 2 <= set && set <= left + Duration::from_millis(1),
        (None, None) => true,
        _ => false,
    }
}
