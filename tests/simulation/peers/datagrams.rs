//! A client of UDP uppercase.

use crate::random::Random;
use crate::world::{Peer, World};
use std::net::SocketAddr;
use std::time::Duration;

pub struct Caller {
    random: Random,
    socket: usize,
    address: SocketAddr,
    left: usize,
    expected: Vec<Vec<u8>>,
    asked: Duration,
    done: bool,
}

impl Caller {
    pub fn new(mut random: Random, socket: usize, number: u16) -> Caller {
        let left = random.range(1, 60);
        let address = SocketAddr::from(([10, 0, 0, 1], 2000 + number));
        Caller { random, socket, address, left, expected: Vec::new(), asked: Duration::ZERO, done: false }
    }
}

impl Peer for Caller {
    fn act(&mut self, me: usize, world: &mut World) {
        for answer in world.answers(self.socket, self.address) {
            let place = self.expected.iter().position(|expected| *expected == answer);
            self.expected.remove(place.expect("an answer to nothing that was asked"));
        }
        if self.expected.is_empty() && self.left == 0 {
            self.done = true;
            return;
        }
        assert!(
            self.expected.is_empty() || world.now - self.asked < Duration::from_secs(2),
            "{} datagrams have no answer after 2 s",
            self.expected.len()
        );
        if self.left > 0 && self.expected.len() < 8 {
            self.left -= 1;
            let length = self.random.range(1, 1400);
            let payload = self.random.bytes(length);
            if world.datagram(self.socket, payload.clone(), self.address) {
                self.expected.push(payload.to_ascii_uppercase());
                self.asked = world.now;
            }
        }
        let pause = self.random.range(1, 3000);
        world.wake(me, Duration::from_micros(pause as u64));
    }

    fn is_done(&self) -> bool {
        self.done
    }

    fn story(&self) -> String {
        format!("caller {}: {} to ask, {} unanswered", self.address, self.left, self.expected.len())
    }
}
