//! A thread for each connection.
//!
//! **Who waits where.** Each client has a thread that sleeps inside `recv` for its next request and inside `send`
//! until there is room. The code reads as if there were only this one client, and the state that the loop keeps
//! in a session would live on the stack just as well. (It is the loop's session here, so that only the
//! driver differs.)
//!
//! **What a switch costs.** Each message wakes a sleeping thread: the scheduler chooses it, saves and loads the
//! registers, and its stack and buffers have left the cache meanwhile, some 1 to 2 µs in all. The loop pays for
//! one `epoll_wait` instead, shared by all that are ready. With few connections the two are alike.
//!
//! **What memory a thread costs.** A stack of [`STACK`] and two buffers of 64 KiB, of which only the touched pages count:
//! resident some 33 KiB for a client that has sent one short message and rests (1,000 of them, 35 MB), and the
//! kernel's own 16 KiB besides; in the loop it is some 320 bytes. Who has sent or received a lot leaves up to
//! 128 KiB touched, which the loop gives back after each turn.
//!
//! **What a slow client does to others.** Nothing. It keeps its thread asleep and its buffers filled. Nor does a
//! slow disk delay the others, where the loop as a whole waits for it. And all cores take part by themselves.

use super::House;
use super::conversation;
use super::lobby::{Entrance, Guest};
use shoutd::buffer::Desk;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Bytes of a thread's stack. Serving takes some 10 KiB of it and twice that in a debug build; the system's usual
/// 2 MiB would serve as well, as untouched pages are free, but ten thousand of them are 20 GiB of addresses,
/// which a system that doesn't overcommit refuses.
const STACK: usize = 128 * 1024;

/// Desks whose thread has ended, for the next one. An allocator hands the same memory out again, but it has to be zeroed
/// first, which touches all 128 KiB of a desk of which a short message needs two pages.
#[derive(Default)]
pub struct Desks(Mutex<Vec<Desk>>);

impl Desks {
    fn take(&self) -> Desk {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    fn put(&self, desk: Desk) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(desk);
    }
}

/// What every thread of every model begins with.
pub fn builder() -> thread::Builder {
    thread::Builder::new().stack_size(STACK)
}

/// Accepts, and starts a thread for each.
pub fn serve(listener: &TcpListener, entrance: &Entrance, house: &Arc<House>) {
    while let Some(guest) = super::acceptor::next(listener, entrance, &house.lobby) {
        start(guest, house);
    }
}

/// Where the system refuses another thread, the connection waits until somebody leaves.
fn start(guest: Arc<Guest>, house: &Arc<House>) {
    loop {
        let (inside, its_house) = (guest.clone(), house.clone());
        let started = builder().spawn(move || {
            let mut desk = its_house.desks.take();
            conversation::hold(&inside, &mut desk, &its_house);
            its_house.desks.put(desk);
            its_house.lobby.leave(&inside);
        });
        match started {
            Ok(_) => return,
            Err(_) if house.lobby.is_stopping() => return house.lobby.leave(&guest),
            Err(error) => house.lobby.pause(&format_args!("no thread for it: {error}")),
        }
    }
}
