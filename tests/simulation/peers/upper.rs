//! Clients of TCP uppercase.

use super::{Got, LATE, Wire};
use crate::random::Random;
use crate::world::{Found, Peer, World};
use std::time::Duration;

/// How long the service lets a client be silent.
pub const IDLE: Duration = Duration::from_secs(20);

/// How long a reply may make no progress.
const STUCK: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Sends everything, half-closes, and must get everything and then a FIN.
    Whole,
    /// Always has more, until so much has come back.
    Busy,
    /// Says nothing, and must be closed after the time for that.
    Silent,
    /// Sends and never reads: must be reset after the time for that.
    Stuck,
    /// Reads a little now and then, which must keep it alive.
    Slow,
    /// Resets the connection in the middle.
    Resets,
    /// Is gone without a word.
    Vanishes,
}

pub const KINDS: [Kind; 7] =
    [Kind::Whole, Kind::Busy, Kind::Silent, Kind::Stuck, Kind::Slow, Kind::Resets, Kind::Vanishes];

pub struct Shouter {
    kind: Kind,
    wire: Wire,
    text: Vec<u8>,
    got: usize,
    finished: bool,
    /// When something last went either way.
    moved: Duration,
    done: bool,
}

impl Shouter {
    pub fn new(kind: Kind, mut random: Random, listener: usize) -> Shouter {
        let length = match kind {
            Kind::Busy => random.range(100_000, 600_000),
            Kind::Stuck => 300_000,
            Kind::Slow => random.range(1000, 130_000),
            _ => random.pick(&[0, 1, 5, 100, 5000, 70_000]),
        };
        let text = random.bytes(length);
        let wire = match kind {
            Kind::Busy | Kind::Slow => Wire::quick(random, listener),
            _ => Wire::new(random, listener, length),
        };
        Shouter { kind, wire, text, got: 0, finished: false, moved: Duration::ZERO, done: false }
    }

    /// One message, sent at once, and then the FIN.
    pub fn short(mut random: Random, listener: usize) -> Shouter {
        let text = random.bytes(50);
        let wire = Wire::quick(random, listener);
        Shouter { kind: Kind::Whole, wire, text, got: 0, finished: false, moved: Duration::ZERO, done: false }
    }

    fn check(&mut self, bytes: &[u8], world: &World) {
        let expected = &self.text[self.got..];
        assert!(bytes.len() <= self.wire.sent - self.got, "more came back than was sent");
        let right = bytes.iter().zip(expected).all(|(got, sent)| *got == sent.to_ascii_uppercase());
        assert!(right, "wrong bytes at {}", self.got);
        self.got += bytes.len();
        self.moved = world.now;
    }

    fn read(&mut self, world: &mut World) {
        match self.wire.receive(world, false) {
            Got::Bytes(bytes) => self.check(&bytes, world),
            Got::Nothing => {}
            Got::Fin => {
                let idle = self.kind == Kind::Silent;
                assert!(idle || self.finished, "a FIN that nobody asked for");
                assert_eq!(self.got, self.wire.sent, "a FIN, and bytes are missing");
                self.done = true;
            }
            Got::Reset => self.done = true,
        }
    }
}

impl Peer for Shouter {
    fn act(&mut self, me: usize, world: &mut World) {
        if !self.wire.connect(world) {
            self.done = true;
            return;
        }
        let mut pause = self.wire.pause();
        match self.kind {
            Kind::Whole | Kind::Busy => {
                self.wire.send(world, &self.text);
                if self.wire.sent == self.text.len() && !self.finished {
                    world.finish(self.wire.socket());
                    self.finished = true;
                }
                self.read(world);
            }
            Kind::Silent => {
                pause = Duration::from_millis(50);
                self.read(world);
                if let Some(age) = self.wire.age(world) {
                    assert!(!self.done || age >= IDLE, "closed after {age:?}");
                    assert!(age < IDLE + LATE, "still there after {age:?} of silence");
                }
            }
            Kind::Stuck => {
                pause = Duration::from_millis(50);
                let before = self.wire.sent;
                if self.wire.sent < self.text.len() {
                    self.wire.send(world, &self.text);
                }
                if self.wire.sent > before {
                    self.moved = world.now;
                }
                // Nothing is read, so what is left of the time shows in the reset alone.
                if world.stream(self.wire.socket()).server_reset {
                    self.done = true;
                } else if self.wire.age(world).is_some() {
                    let still = world.now - world.stream(self.wire.socket()).written.max(self.moved);
                    assert!(
                        still < STUCK + LATE,
                        "a reader who takes nothing is still there after {still:?}"
                    );
                }
            }
            Kind::Slow => {
                self.wire.send(world, &self.text);
                if self.wire.sent == self.text.len() && !self.finished {
                    world.finish(self.wire.socket());
                    self.finished = true;
                }
                // Slow for a minute and a half, then as fast as they come.
                let slow = self.wire.age(world).is_none_or(|age| age < Duration::from_secs(90));
                if !slow || world.now - self.moved > Duration::from_secs(7) {
                    let most = if slow { self.wire.random.range(1, 40) } else { 100_000 };
                    match world.receive(self.wire.socket(), most) {
                        Found::Bytes(bytes) => self.check(&bytes, world),
                        Found::Nothing => {}
                        Found::Fin => {
                            assert_eq!(self.got, self.text.len(), "a slow reader got a FIN too early");
                            self.done = true;
                        }
                        Found::Reset => {
                            let wounded = world.stream(self.wire.socket()).wounded;
                            assert!(wounded || world.scarce, "a reader was slow, not dead, and was reset");
                            self.done = true;
                        }
                    }
                }
                if slow {
                    pause = Duration::from_millis(500);
                }
            }
            Kind::Resets => {
                self.wire.send(world, &self.text);
                self.read(world);
                if self.wire.random.one_in(5) {
                    world.reset(self.wire.socket());
                    self.done = true;
                }
            }
            Kind::Vanishes => {
                self.wire.send(world, &self.text);
                self.done |= self.wire.random.one_in(5);
            }
        }
        if !self.done {
            world.wake(me, pause);
        }
    }

    fn is_done(&self) -> bool {
        self.done
    }

    fn story(&self) -> String {
        let (sent, of) = (self.wire.sent, self.text.len());
        format!("{:?} shouter on {:?}: sent {sent} of {of}, got {}", self.kind, self.wire.socket, self.got)
    }
}
