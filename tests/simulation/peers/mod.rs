//! Those on the other side: scripted clients that verify every byte they get.

pub mod datagrams;
pub mod upper;
pub mod web;

use crate::random::Random;
use crate::world::{Found, World};
use std::time::Duration;

/// How late a deadline may be kept, however busy the server is.
pub const LATE: Duration = Duration::from_millis(400);

/// What all clients of a stream do: connect, send a little at a time, read at their own pace.
pub struct Wire {
    pub random: Random,
    listener: usize,
    pub socket: Option<usize>,
    pub sent: usize,
    /// Bytes that they send, and read, at once.
    send_at_once: usize,
    read_at_once: usize,
    /// The time between their steps, at most; more as long as nothing happens.
    gap: Duration,
    waits: u32,
    quick: bool,
}

/// What reading came to.
pub enum Got {
    Bytes(Vec<u8>),
    Nothing,
    Fin,
    /// A reset that may be: it was made necessary.
    Reset,
}

impl Wire {
    /// Somebody with so many bytes to send, in at most some thousand steps.
    pub fn new(mut random: Random, listener: usize, length: usize) -> Wire {
        let send_at_once = random.pick(&[1, 7, 100, 1000, 100_000]).max(length / 500);
        let read_at_once = random.pick(&[1, 50, 1000, 100_000, 100_000]).max(length / 500);
        let gap = Duration::from_micros(random.pick(&[50, 1000, 20_000]));
        Wire {
            random,
            listener,
            socket: None,
            sent: 0,
            send_at_once,
            read_at_once,
            gap,
            waits: 0,
            quick: false,
        }
    }

    /// Somebody who takes all that there is, so that only the server's pace counts.
    pub fn quick(random: Random, listener: usize) -> Wire {
        let gap = Duration::from_micros(50);
        Wire {
            random,
            listener,
            socket: None,
            sent: 0,
            send_at_once: 100_000,
            read_at_once: 100_000,
            gap,
            waits: 0,
            quick: true,
        }
    }

    /// Connects if that has not been done. False if nobody listens.
    pub fn connect(&mut self, world: &mut World) -> bool {
        if self.socket.is_none() {
            self.socket = world.connect(self.listener);
        }
        self.socket.is_some()
    }

    pub fn socket(&self) -> usize {
        self.socket.expect("connected")
    }

    /// Sends a little of what is left of these bytes.
    pub fn send(&mut self, world: &mut World, all: &[u8]) {
        let most = if self.quick { all.len() } else { self.random.range(1, self.send_at_once) };
        let piece = &all[self.sent..all.len().min(self.sent + most)];
        if !piece.is_empty() {
            let count = world.send(self.socket(), piece).unwrap_or(0);
            self.sent += count;
            self.waits = if count > 0 { 0 } else { self.waits };
        }
    }

    /// Reads a little. A reset is only understood where there was a reason for it: one that the world has, or
    /// an `excuse` of the peer's own.
    pub fn receive(&mut self, world: &mut World, excuse: bool) -> Got {
        let most = self.random.range(1, self.read_at_once);
        match world.receive(self.socket(), most) {
            Found::Bytes(bytes) => {
                self.waits = 0;
                Got::Bytes(bytes)
            }
            Found::Nothing => Got::Nothing,
            Found::Fin => Got::Fin,
            Found::Reset => {
                let stream = world.stream(self.socket());
                assert!(stream.wounded || excuse || world.scarce, "reset without a reason");
                Got::Reset
            }
        }
    }

    /// When to go on.
    pub fn pause(&mut self) -> Duration {
        self.waits = (self.waits + 1).min(8);
        let most = (self.gap * (1 << (self.waits - 1))).min(self.gap.max(Duration::from_millis(5)));
        Duration::from_nanos(self.random.range(100, most.as_nanos() as usize) as u64)
    }

    /// How long ago it was accepted; `None` if it hasn't been.
    pub fn age(&self, world: &mut World) -> Option<Duration> {
        let now = world.now;
        world.stream(self.socket()).accepted.map(|accepted| now - accepted)
    }
}
