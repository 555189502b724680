//! Who is inside, how many may be, and that it is time to go.
//!
//! In the loop this is free: one thread knows everybody. Here it is a lock, taken when a connection comes and
//! when it goes, and the one hard question of threads: how to tell somebody to stop who is asleep inside
//! `recv`. The answer is to shut down the reading side of their socket, which wakes them with an end of file.
//! That is done only to those who rest between requests, who would be closed anyway; the others see the flag
//! when their call returns.

use shoutd::event_loop::listener::Service;
use slab::Slab;
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Lets connections in while there are places.
pub struct Lobby {
    most: usize,
    guests: Mutex<Slab<Arc<Guest>>>,
    /// Somebody has left, or it is time to go.
    news: Condvar,
    stopping: AtomicBool,
    /// Hung up when it is time to go, for those who wait in poll(2).
    bell: UnixStream,
    ringer: UnixStream,
}

/// A connection that was let in.
pub struct Guest {
    /// Its socket, which blocks.
    pub stream: TcpStream,
    /// Who it is.
    pub peer: String,
    /// What it came for.
    pub service: Service,
    seat: usize,
    resting: AtomicBool,
}

impl Lobby {
    /// For at most so many connections at once.
    pub fn new(most: usize) -> Lobby {
        let (bell, ringer) = UnixStream::pair().expect("a pair of sockets");
        let (guests, news, stopping) = (Mutex::new(Slab::new()), Condvar::new(), AtomicBool::new(false));
        Lobby { most, guests, news, stopping, bell, ringer }
    }

    /// How many are inside.
    pub fn inside(&self) -> usize {
        self.lock().len()
    }

    /// Lets a connection in, as soon as there is a place. `None` if it is time to go.
    pub fn enter(&self, stream: TcpStream, peer: String, service: Service) -> Option<Arc<Guest>> {
        let mut guests = self.lock();
        while guests.len() >= self.most && !self.is_stopping() {
            guests = self.news.wait(guests).unwrap_or_else(PoisonError::into_inner);
        }
        if self.is_stopping() {
            return None;
        }
        let seat = guests.vacant_key();
        let guest = Arc::new(Guest { stream, peer, service, seat, resting: AtomicBool::new(false) });
        guests.insert(guest.clone());
        Some(guest)
    }

    /// Somebody leaves. Their socket is closed when nobody holds `guest` any more.
    pub fn leave(&self, guest: &Guest) {
        self.lock().remove(guest.seat);
        self.news.notify_all();
    }

    /// Waits until somebody leaves, but not longer than `time`.
    pub fn wait_for_news(&self, time: Duration) {
        drop(self.news.wait_timeout(self.lock(), time));
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
        for (_, guest) in &*self.lock() {
            if guest.resting.load(SeqCst) {
                let _ = guest.stream.shutdown(Shutdown::Read);
            }
        }
        self.news.notify_all();
    }

    /// Ends every conversation, wherever it waits.
    pub fn cut_off(&self) {
        for (_, guest) in &*self.lock() {
            let _ = guest.stream.shutdown(Shutdown::Both);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Slab<Arc<Guest>>> {
        self.guests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guest {
    /// Says whether it may be woken by an end of file. To be followed by a look at [`Lobby::is_stopping`]: who
    /// says that they rest before they look can't be missed by [`Lobby::stop`], which does the reverse.
    pub fn rests(&self, resting: bool) {
        self.resting.store(resting, SeqCst);
    }
}
