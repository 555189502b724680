//! Clients of UDP uppercase.

use super::{Network, Peer};
use crate::random::Random;
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Sends some, and must get an answer to each.
    Asks,
    /// Sends far more than can be answered, for a while.
    Floods,
    /// The other side of an endless loop: says the same again and again, already in capitals.
    Repeats,
    /// A service, which must not be answered.
    Serves,
}

pub const KINDS: [Kind; 6] = [Kind::Asks, Kind::Asks, Kind::Asks, Kind::Floods, Kind::Repeats, Kind::Serves];

/// Answers that a loop may get at once, and then one a second.
const REPEATS: usize = 65;

pub struct Caller {
    kind: Kind,
    random: Random,
    port: u16,
    left: usize,
    expected: Vec<Vec<u8>>,
    asked: Duration,
    begun: Option<Duration>,
    answered: usize,
    done: bool,
}

impl Caller {
    pub fn new(kind: Kind, mut random: Random, number: u16) -> Caller {
        let left = match kind {
            Kind::Asks => random.pick(&[1, 10, 60, 200]),
            Kind::Floods => random.pick(&[300, 4000]),
            Kind::Repeats => 300,
            Kind::Serves => 10,
        };
        let port = if kind == Kind::Serves { 100 } else { 2000 } + number;
        let (expected, asked, begun) = (Vec::new(), Duration::ZERO, None);
        Caller { kind, random, port, left, expected, asked, begun, answered: 0, done: false }
    }

    fn ask(&mut self, network: &mut dyn Network) {
        // Now and then so many at once that a batch is full.
        let together = if self.left > 100 { 100 } else { 1 };
        for _ in 0..together.min(self.left) {
            self.left -= 1;
            let length = self.random.range(1, 1400);
            let payload = self.random.text(length);
            if network.datagram(self.port, payload.plain) {
                self.expected.push(payload.upper.to_vec());
                self.asked = network.now();
            }
        }
    }

    fn take_answers(&mut self, network: &mut dyn Network) {
        let answers = network.answers(self.port);
        self.answered += answers.len();
        if self.kind == Kind::Asks {
            for answer in answers.into_iter().chain(network.lost(self.port)) {
                let place = self.expected.iter().position(|expected| *expected == answer);
                self.expected.swap_remove(place.expect("an answer to nothing that was asked"));
            }
        }
    }
}

impl Peer for Caller {
    fn act(&mut self, me: usize, network: &mut dyn Network) {
        let begun = *self.begun.get_or_insert(network.now());
        self.take_answers(network);
        let mut pause = Duration::from_micros(self.random.range(1, 3000) as u64);
        match self.kind {
            Kind::Asks => {
                let (unanswered, waits) = (self.expected.len(), network.now() - self.asked);
                let late = network.late_answers();
                assert!(
                    unanswered == 0 || waits < late,
                    "{unanswered} datagrams have no answer after {waits:?}"
                );
                if self.left > 0 && unanswered < 8 {
                    self.ask(network);
                }
                self.done = self.expected.is_empty() && self.left == 0;
            }
            Kind::Floods => {
                pause = Duration::from_micros(100);
                let payload = self.random.text(20);
                (0..100).for_each(|_| _ = network.datagram(self.port, payload.plain));
                self.left -= 1;
                self.done = self.left == 0;
            }
            Kind::Repeats => {
                network.datagram(self.port, b"ERROR: UNKNOWN COMMAND");
                let seconds = (network.now() - begun).as_secs() as usize;
                let most = REPEATS + seconds + 1;
                assert!(self.answered <= most, "{} answers in {seconds} s: that is a loop", self.answered);
                self.left -= 1;
                self.done = self.left == 0;
            }
            Kind::Serves => {
                let payload = self.random.text(20);
                network.datagram(self.port, payload.plain);
                assert_eq!(self.answered, 0, "a service was answered");
                self.left -= 1;
                self.done = self.left == 0;
            }
        }
        if !self.done {
            network.wake(me, pause);
        }
    }

    fn is_done(&self) -> bool {
        self.done
    }

    fn story(&self) -> String {
        let (left, unanswered) = (self.left, self.expected.len());
        format!("{:?} caller {}: {left} to ask, {unanswered} unanswered", self.kind, self.port)
    }
}
