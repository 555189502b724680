//! Who is inside, how many may be, and that it is time to go.
//!
//! In the loop this is free: one thread knows everybody. Here it is a lock, taken when a connection comes and
//! when it goes, and the one hard question of threads: how to tell somebody to stop who is asleep inside
//! `recv`. The answer is to shut down the reading side of their socket, which wakes them with an end of file.
//! That is done only to those who rest between requests, who would be closed anyway; the others see the flag
//! when their call returns.

use log::warn;
use shoutd::event_loop::listener::Service;
use shoutd::event_loop::places::Places;
use shoutd::limits;
use slab::Slab;
use socket2::SockRef;
use std::fmt::Display;
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Lets connections in while there are places.
pub struct Lobby {
    inside: Mutex<Inside>,
    /// Somebody has left, or it is time to go.
    news: Condvar,
    stopping: AtomicBool,
    cut_off: AtomicBool,
    /// Hung up when it is time to go, for those who wait in poll(2).
    bell: UnixStream,
    ringer: UnixStream,
}

struct Inside {
    guests: Slab<Arc<Guest>>,
    /// Which of the places are free, and for whom: the loop's own rule.
    places: Places,
    /// When the log was last told that accepting pauses.
    complained: Option<Instant>,
}

/// A listener's way in: what its connections are for, and among which they count.
#[derive(Clone)]
pub struct Entrance {
    /// What they are for.
    pub service: Service,
    room: u16,
}

/// A connection that was let in.
pub struct Guest {
    /// Its socket, which blocks.
    pub stream: TcpStream,
    /// Who it is.
    pub peer: String,
    /// What it came for.
    pub service: Service,
    /// Among whose connections it counts.
    room: u16,
    seat: usize,
    resting: AtomicBool,
}

impl Lobby {
    /// For any number of connections at once, until [`allow`](Self::allow) says how many.
    pub fn new() -> Lobby {
        let (bell, ringer) = UnixStream::pair().expect("a pair of sockets");
        let inside =
            Mutex::new(Inside { guests: Slab::new(), places: Places::new(usize::MAX), complained: None });
        let (news, stopping) = (Condvar::new(), AtomicBool::new(false));
        Lobby { inside, news, stopping, cut_off: AtomicBool::new(false), bell, ringer }
    }

    /// At most so many connections may be inside at once.
    pub fn allow(&self, most: usize) {
        self.lock().places.allow(most);
    }

    /// A way in for the connections of another listener.
    pub fn add_entrance(&self, service: Service) -> Entrance {
        Entrance { service, room: self.lock().places.add_room() }
    }

    /// How many are inside.
    pub fn inside(&self) -> usize {
        self.lock().guests.len()
    }

    /// Lets a connection in, as soon as there is a place. `None` if it is time to go.
    pub fn enter(&self, stream: TcpStream, peer: String, entrance: &Entrance) -> Option<Arc<Guest>> {
        let mut inside = self.lock();
        let (service, room) = (entrance.service.clone(), entrance.room);
        while !inside.places.has_one_for(room) && !self.is_stopping() {
            inside.complain(&"that is the limit (--max-connections)");
            inside = self.news.wait(inside).unwrap_or_else(PoisonError::into_inner);
        }
        if self.is_stopping() {
            return None;
        }
        let seat = inside.guests.vacant_key();
        let guest = Arc::new(Guest { stream, peer, service, room, seat, resting: AtomicBool::new(false) });
        inside.guests.insert(guest.clone());
        inside.places.enter(room);
        Some(guest)
    }

    /// Somebody leaves. Their socket is closed when nobody holds `guest` any more.
    pub fn leave(&self, guest: &Guest) {
        let mut inside = self.lock();
        inside.guests.remove(guest.seat);
        inside.places.leave(guest.room);
        drop(inside);
        self.news.notify_all();
    }

    /// Accepting pauses for want of something: until somebody leaves, but not longer than
    /// [`limits::ACCEPT_PAUSE`].
    pub fn pause(&self, why: &dyn Display) {
        let mut inside = self.lock();
        inside.complain(why);
        drop(self.news.wait_timeout(inside, limits::ACCEPT_PAUSE));
    }

    /// Whether it is time to go.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(SeqCst)
    }

    /// Hangs up when it is time to go.
    pub fn bell(&self) -> &UnixStream {
        &self.bell
    }

    /// It is time to go: wakes those who rest, and lets nobody in any more.
    pub fn stop(&self) {
        self.stopping.store(true, SeqCst);
        let _ = self.ringer.shutdown(Shutdown::Both);
        for (_, guest) in &self.lock().guests {
            if guest.resting.load(SeqCst) {
                let _ = guest.stream.shutdown(Shutdown::Read);
            }
        }
        self.news.notify_all();
    }

    /// Ends every conversation, wherever it waits, by a reset: a FIN would tell the peer that it has everything. Who
    /// waits in a receive is woken by an end of file. Who waits in a send notices a little later, or is asleep when the
    /// program ends, which closes the socket just so.
    pub fn cut_off(&self) {
        let inside = self.lock();
        self.cut_off.store(true, SeqCst);
        for (_, guest) in &inside.guests {
            guest.reset_on_close();
            let _ = guest.stream.shutdown(Shutdown::Read);
        }
    }

    /// Whether all are to leave at once.
    pub fn is_cut_off(&self) -> bool {
        self.cut_off.load(SeqCst)
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    /// Tells the log, but not at every turn of an attack.
    fn complain(&mut self, why: &dyn Display) {
        if self.complained.is_none_or(|last| last.elapsed() >= limits::COMPLAINT_PAUSE) {
            warn!("accepting pauses with {} connections: {why}", self.guests.len());
            self.complained = Some(Instant::now());
        }
    }
}

impl Guest {
    /// Makes close(2) send a reset and throw away what is unsent (SO_LINGER of zero, socket(7)).
    pub fn reset_on_close(&self) {
        let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
    }

    /// Says whether it may be woken by an end of file. To be followed by a look at [`Lobby::is_stopping`]: who
    /// says that they rest before they look can't be missed by [`Lobby::stop`], which does the reverse.
    pub fn rests(&self, resting: bool) {
        self.resting.store(resting, SeqCst);
    }
}
