//! The one idea of this server: a session needs exactly one thing at a time.
//!
//! A session is the state machine of one connection, and a pure one: it has no socket, reads no clock and
//! opens no file. A driver asks it what it [needs](Session::need), does that one thing, and tells it so;
//! then it asks again. The event loop is one such driver and does what it can without waiting; a thread
//! with a blocking socket can be another, and the session doesn't notice.
//!
//! Backpressure needs no watermarks: while a reply is unsent the need is to write, so nothing is read,
//! and a peer that doesn't take its replies can't make the server collect them.
//!
//! So a session can be driven by hand, bytes in and bytes out:
//!
//! ```
//! use shoutd::buffer::Desk;
//! use shoutd::kernel::linux::read_clock;
//! use shoutd::session::{Need, Session, Then, upper::Upper};
//! use shoutd::site::Site;
//!
//! # fn main() -> std::io::Result<()> {
//! let now = read_clock();
//! let (mut desk, mut site) = (Desk::default(), Site::built_in(&now)?);
//! let mut session = Session::Upper(Upper::new(Default::default(), &now));
//!
//! session.sit(&mut desk);
//! assert_eq!(session.need(), Need::Read);
//! session.room()[..5].copy_from_slice(b"hello");
//! session.received(5, &now, &mut site);
//! assert_eq!(session.need(), Need::Write(Then::Nothing));
//! assert_eq!(session.unsent(), b"HELLO");
//! session.sent(2, &now, &mut site); // the socket took no more
//! session.rise(&mut desk).expect("there is memory for three bytes");
//! assert_eq!(session.held(), 3);
//!
//! session.sit(&mut desk);
//! session.sent(3, &now, &mut site);
//! session.received(0, &now, &mut site); // the peer's FIN
//! assert_eq!(session.need(), Need::Close);
//! # Ok(())
//! # }
//! ```

pub mod ending;
pub mod endpoint;
pub mod exchange;
pub mod http;
pub mod journal;
pub mod upper;

use crate::buffer::{Desk, OutOfMemory};
use crate::http::content::Content;
use crate::now::Now;
use std::fs::File;
use std::time::{Duration, Instant};

/// The one thing that a session is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Receive into [`Session::room`], then say [`Session::received`].
    Read,
    /// Send [`Session::unsent`], or some of it, then say [`Session::sent`].
    Write(Then),
    /// Send from [`Session::file`], then say [`Session::file_sent`].
    SendFile {
        /// Whether the FIN follows the file at once.
        last: bool,
    },
    /// Time to make a piece of a long reply: [`Session::work`]. Nothing of it waits, and it takes a fraction
    /// of a millisecond, so that others can have their turns in between.
    Work,
    /// Nothing, until this time; then say [`Session::expired`].
    WaitUntil(Instant),
    /// Half-close, sending a FIN behind everything sent so far, then say [`Session::shut`].
    Shutdown,
    /// Close: both sides are done.
    Close,
    /// Close with a reset and throw away what is unsent: the peer had its time.
    Abort,
}

/// What follows what is to be written. Whatever follows at once may share its last segment, so the kernel
/// should hold that back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Nothing for now: it should leave as it is.
    Nothing,
    /// More of the same reply (MSG_MORE of send(2)).
    More,
    /// The FIN (TCP_CORK of tcp(7), as MSG_MORE would leave the segment without its PSH).
    Fin,
}

/// One connection of either service.
#[derive(Debug)]
pub enum Session {
    /// TCP uppercase.
    Upper(upper::Upper),
    /// HTTP/1.1.
    Http(http::Http),
}

/// Calls the same method on whichever session it is.
macro_rules! either {
    ($session:expr, $inner:ident => $call:expr) => {
        match $session {
            Session::Upper($inner) => $call,
            Session::Http($inner) => $call,
        }
    };
}

impl Session {
    /// Lends it the driver's buffers for a turn, left-overs of the last turn moving into them.
    /// Everything but [`need`](Self::need), [`deadline`](Self::deadline), [`stop`](Self::stop) and [`over`](Self::over) has to be between this and [`rise`](Self::rise).
    pub fn sit(&mut self, desk: &mut Desk) {
        either!(self, s => s.sit(desk))
    }

    /// Returns the buffers, and keeps only what is left over. Where there is no memory for that, the connection
    /// can't go on.
    pub fn rise(&mut self, desk: &mut Desk) -> Result<(), OutOfMemory> {
        either!(self, s => s.rise(desk))
    }

    /// Bytes that it keeps between its turns, besides itself.
    pub fn held(&self) -> usize {
        either!(self, s => s.held())
    }

    /// Since when a request or a reply under way has made no progress; `None` if nothing is.
    pub fn waits_since(&self) -> Option<Instant> {
        either!(self, s => s.waits_since())
    }

    /// The connection is over: nothing more will be sent. Leaves its last lines for the access log.
    pub fn over(&mut self, desk: &mut Desk) {
        if let Session::Http(http) = self {
            http.over(desk);
        }
    }

    /// Whether a reply is under way whose end is the FIN, so that one now would hide that something is missing.
    pub fn would_seem_complete(&self) -> bool {
        either!(self, s => s.would_seem_complete())
    }

    /// What it needs next. Asking changes nothing.
    pub fn need(&self) -> Need {
        either!(self, s => s.need())
    }

    /// When to call [`expired`](Self::expired), unless something else happens first. It moves with every
    /// step; a driver may look at it only when it has to wait.
    pub fn deadline(&self) -> Option<Instant> {
        either!(self, s => s.deadline())
    }

    /// Where to receive into. Never empty when the need is [`Need::Read`].
    pub fn room(&mut self) -> &mut [u8] {
        either!(self, s => s.room())
    }

    /// So many bytes were received; 0 is the peer's FIN.
    pub fn received(&mut self, count: usize, now: &Now, site: &mut impl Content) {
        match self {
            Session::Upper(upper) => upper.received(count, now),
            Session::Http(http) => http.received(count, now, site),
        }
    }

    /// What to send next. Never empty when the need is [`Need::Write`].
    pub fn unsent(&self) -> &[u8] {
        either!(self, s => s.unsent())
    }

    /// So many bytes of [`unsent`](Self::unsent) were sent.
    pub fn sent(&mut self, count: usize, now: &Now, site: &mut impl Content) {
        match self {
            Session::Upper(upper) => upper.sent(count, now),
            Session::Http(http) => http.sent(count, now, site),
        }
    }

    /// The file to send from, the offset to start at, and how many bytes; where the need is
    /// [`Need::SendFile`].
    pub fn file(&self) -> Option<(&File, u64, u64)> {
        match self {
            Session::Upper(_) => None,
            Session::Http(http) => http.file(),
        }
    }

    /// So many bytes of the file were sent; 0 says that it ends here, too early.
    pub fn file_sent(&mut self, count: u64, now: &Now, site: &mut impl Content) {
        if let Session::Http(http) = self {
            http.file_sent(count, now, site);
        }
    }

    /// Makes a piece of a reply; where the need is [`Need::Work`].
    pub fn work(&mut self, now: &Now, site: &mut impl Content) {
        if let Session::Http(http) = self {
            http.work(now, site);
        }
    }

    /// The half-close was done.
    pub fn shut(&mut self, now: &Now) {
        match self {
            Session::Upper(upper) => upper.shut(now),
            Session::Http(http) => http.shut(now),
        }
    }

    /// Nothing could be sent, but the peer has acknowledged more than before: it has more time.
    pub fn taken(&mut self, now: &Now) {
        either!(self, s => s.taken(now))
    }

    /// Its [`deadline`](Self::deadline) has come.
    pub fn expired(&mut self, now: &Now) {
        either!(self, s => s.expired(now))
    }

    /// The server is stopping: finish the reply under way, begin no other. What has come and wasn't read yet is
    /// still answered: a session that rests has its [`deadline`](Self::deadline) now, and one of which nothing
    /// was ever heard in [`limits::LAST_CHANCE`](crate::limits::LAST_CHANCE).
    pub fn stop(&mut self, now: &Now) {
        either!(self, s => s.stop(now))
    }

    /// Whether it waits for a request or message of which nothing has come.
    pub fn is_resting(&self) -> bool {
        either!(self, s => s.is_resting())
    }
}

/// The later time, or as good as never where the clock can't hold it.
pub(crate) fn after(instant: Instant, duration: Duration) -> Instant {
    const A_CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    instant + duration.min(A_CENTURY)
}
