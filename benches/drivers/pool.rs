//! A fixed number of threads for all connections.
//!
//! **Who waits where.** Accepted connections stand in a queue. A worker takes one, serves it to its end as
//! [`threads`](super::threads) does, asleep in `recv` and `send`, and takes the next.
//!
//! **What that means with keep-alive.** A worker belongs to its connection also while that rests. So the number of
//! workers is the number of clients that are served at once, and who comes later waits until somebody closes
//! or has been idle for too long: a second with HTTP here, ten minutes with TCP. Servers that are built so keep
//! their keep-alive short, and so does the default of this one.
//!
//! **What it costs.** The switches and the memory of threads, but a bound to both, and none is created or joined
//! for a connection: that is what pools are for, and it shows where each request has a connection of its own.
//!
//! **What a slow client does to others.** It takes a worker from them. As many slow clients as there are workers
//! and nobody else is served at all; the loop and a thread each don't know that problem.

use super::House;
use super::conversation;
use super::lobby::{Entrance, Guest};
use shoutd::buffer::Desk;
use std::collections::VecDeque;
use std::net::TcpListener;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Connections that wait for a worker. The lobby's limit bounds it.
#[derive(Default)]
pub struct Queue {
    waiting: Mutex<Waiting>,
    came: Condvar,
}

#[derive(Default)]
struct Waiting {
    guests: VecDeque<Arc<Guest>>,
    closed: bool,
}

/// Accepts, and puts everybody in the queue.
pub fn serve(listener: &TcpListener, entrance: &Entrance, house: &House, queue: &Queue) {
    while let Some(guest) = super::acceptor::next(listener, entrance, &house.lobby) {
        queue.lock().guests.push_back(guest);
        queue.came.notify_one();
    }
}

/// A worker's life.
pub fn work(queue: &Queue, house: &House) {
    let mut desk = Desk::default();
    while let Some(guest) = queue.next() {
        conversation::hold(&guest, &mut desk, house);
        house.lobby.leave(&guest);
    }
}

impl Queue {
    /// Nobody comes any more: workers end when the queue is empty.
    pub fn close(&self) {
        self.lock().closed = true;
        self.came.notify_all();
    }

    fn next(&self) -> Option<Arc<Guest>> {
        let mut waiting = self.lock();
        loop {
            if let Some(guest) = waiting.guests.pop_front() {
                return Some(guest);
            }
            if waiting.closed {
                return None;
            }
            waiting = self.came.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
