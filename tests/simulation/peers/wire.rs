//! What all clients of a stream do: connect, send a little at a time, read at their own pace.

use super::{Found, Network, Service};
use crate::random::Random;
use std::time::Duration;

/// One client's connection, and its manner.
pub struct Wire {
    pub random: Random,
    service: Service,
    pub socket: Option<usize>,
    pub sent: usize,
    /// Bytes that they send, and read, at once.
    send_at_once: usize,
    pub read_at_once: usize,
    /// The time between their steps, at most; more as long as nothing happens.
    gap: Duration,
    waits: u32,
    quick: bool,
    /// Once in so many steps a byte of urgent data is sent, but only one: the next would make it part of the stream
    /// where the server hasn't read it (tcp_check_urg of Linux).
    urgent: usize,
}

/// The longest time between two steps while nothing happens.
const LONGEST_GAP: Duration = Duration::from_millis(60);

/// The same for those who are in a hurry.
const QUICK_GAP: Duration = Duration::from_millis(5);

impl Wire {
    /// Somebody with so many bytes to send, in at most some hundred steps.
    pub fn new(mut random: Random, service: Service, length: usize) -> Wire {
        let send_at_once = random.pick(&[1, 7, 100, 1000, 100_000]).max(length / 300);
        let read_at_once = random.pick(&[1, 50, 1000, 100_000, 100_000]).max(length / 300);
        let gap = Duration::from_micros(random.pick(&[50, 1000, 20_000]));
        let urgent = random.pick(&[0, 0, 4]);
        Wire { send_at_once, read_at_once, gap, urgent, quick: false, ..Wire::quick(random, service) }
    }

    /// Somebody who takes all that there is, so that only the server's pace counts.
    pub fn quick(random: Random, service: Service) -> Wire {
        Wire {
            random,
            service,
            socket: None,
            sent: 0,
            send_at_once: 100_000,
            read_at_once: 100_000,
            gap: Duration::from_micros(50),
            waits: 0,
            quick: true,
            urgent: 0,
        }
    }

    /// Wastes no time, as that of a real network is real.
    pub fn hurry(&mut self) {
        self.gap = self.gap.min(Duration::from_millis(1));
    }

    /// Connects if that has not been done. False if nobody listens.
    pub fn connect(&mut self, network: &mut dyn Network) -> bool {
        if self.socket.is_none() {
            self.socket = network.connect(self.service);
        }
        self.socket.is_some()
    }

    pub fn socket(&self) -> usize {
        self.socket.expect("connected")
    }

    /// Sends a little of what is left of these bytes. Returns whether anything went.
    pub fn send(&mut self, network: &mut dyn Network, all: &[u8]) -> bool {
        let most = if self.quick { all.len() } else { self.random.range(1, self.send_at_once) };
        let piece = &all[self.sent..all.len().min(self.sent + most)];
        if piece.is_empty() {
            return false;
        }
        if self.random.one_in(self.urgent) {
            network.send_urgent(self.socket());
            self.urgent = 0;
        }
        let count = network.send(self.socket(), piece).unwrap_or(0);
        self.sent += count;
        self.waits = if count > 0 { 0 } else { self.waits };
        count > 0
    }

    /// Reads a little. A reset is only understood where there was a reason for it: one that the network knows,
    /// or an `excuse` of the peer's own.
    pub fn receive(&mut self, network: &mut dyn Network, excuse: bool) -> Found {
        let most = self.random.range(1, self.read_at_once);
        let found = network.receive(self.socket(), most);
        match &found {
            Found::Bytes(_) => self.waits = 0,
            Found::Reset => {
                let expected = excuse || network.status(self.socket()).may_be_reset;
                assert!(expected, "reset without a reason");
            }
            Found::Nothing | Found::Fin => {}
        }
        found
    }

    /// When to go on: sooner while something happens.
    pub fn pause(&mut self) -> Duration {
        self.waits = (self.waits + 1).min(11);
        let longest = if self.quick { QUICK_GAP } else { LONGEST_GAP };
        let most = (self.gap * (1 << (self.waits - 1))).min(self.gap.max(longest));
        Duration::from_nanos(self.random.range(100, most.as_nanos() as usize) as u64)
    }

    /// How long ago it was accepted; `None` if it hasn't been.
    pub fn age(&self, network: &mut dyn Network) -> Option<Duration> {
        let now = network.now();
        network.status(self.socket()).accepted.map(|accepted| now - accepted)
    }
}
