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
//! **What memory a thread costs.** A stack of [`STACK`], of which only the touched pages count, the kernel's own 16 KiB
//! and the two buffers of 64 KiB as far as they have been used: some 12 to 20 KiB for an idle client, against some
//! 320 bytes in the loop. Creating and joining it costs some 20 µs a connection.
//!
//! **What a slow client does to others.** Nothing. It keeps its thread asleep and its buffers filled. Nor does a
//! slow disk delay the others, where the loop as a whole waits for it. And all cores take part by themselves.

use super::House;
use super::conversation;
use super::lobby::Guest;
use shoutd::buffer::Desk;
use shoutd::event_loop::listener::Service;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

/// Bytes of a thread's stack. Serving takes some 10 KiB of it and twice that in a debug build; the system's usual
/// 2 MiB would serve as well, as untouched pages are free, but ten thousand of them are 20 GiB of addresses,
/// which a system that doesn't overcommit refuses.
const STACK: usize = 128 * 1024;

/// What every thread of every model begins with.
pub fn builder() -> thread::Builder {
    thread::Builder::new().stack_size(STACK)
}

/// Accepts, and starts a thread for each.
pub fn serve(listener: &TcpListener, service: &Service, house: &Arc<House>) {
    while let Some(guest) = super::acceptor::next(listener, service, &house.lobby) {
        start(guest, house);
    }
}

/// Where the system refuses another thread, the connection waits until somebody leaves.
fn start(guest: Arc<Guest>, house: &Arc<House>) {
    loop {
        let (inside, its_house) = (guest.clone(), house.clone());
        let started = builder().spawn(move || {
            conversation::hold(&inside, &mut Desk::new(), &its_house);
            its_house.lobby.leave(&inside);
        });
        match started {
            Ok(_) => return,
            Err(_) if house.lobby.is_stopping() => return house.lobby.leave(&guest),
            Err(error) => house.lobby.pause(&format_args!("no thread for it: {error}")),
        }
    }
}
