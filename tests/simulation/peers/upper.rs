//! Clients of TCP uppercase.

use super::wire::Wire;
use super::{Found, Network, Peer, Service};
use crate::random::{Random, Text};
use std::time::Duration;

/// How long a reply may make no progress.
const STUCK: Duration = Duration::from_secs(30);

pub use super::kinds::upper::{KINDS, Kind};

pub struct Shouter {
    kind: Kind,
    wire: Wire,
    text: Text,
    /// How long the service lets a client be silent.
    idle: Duration,
    /// How long it always has more.
    seconds: u64,
    got: usize,
    /// How much it may send for now.
    allowed: usize,
    finished: bool,
    /// When something last went either way.
    moved: Duration,
    done: bool,
}

impl Shouter {
    /// `scale` divides the length of what is said, for a server that reads a few bytes at a time.
    pub fn new(kind: Kind, mut random: Random, idle: Duration, scale: usize) -> Shouter {
        let length = match kind {
            Kind::Busy => random.range(100_000, 600_000),
            Kind::Endless => 100_000,
            Kind::Stuck => random.pick(&[20_000, 70_000, 300_000]),
            Kind::Slow => random.range(1000, 130_000),
            Kind::Dies => random.range(130_000, 300_000),
            Kind::Patient => random.range(1, 30_000),
            Kind::Rests | Kind::LastMoment => 40,
            _ => random.pick(&[0, 1, 5, 100, 5000, 70_000]),
        };
        let stays = matches!(kind, Kind::Dies | Kind::Endless | Kind::Stuck | Kind::Rests | Kind::LastMoment);
        let length = if stays { length } else { length.div_ceil(scale) };
        let text = random.text(length);
        let wire = match kind {
            Kind::Busy | Kind::Endless | Kind::Slow | Kind::Dies | Kind::Rests | Kind::LastMoment => {
                Wire::quick(random, Service::Upper)
            }
            _ => Wire::new(random, Service::Upper, length),
        };
        Shouter::with(kind, wire, text, idle)
    }

    /// Has more for so long.
    pub fn for_seconds(self, seconds: u64) -> Shouter {
        Shouter { seconds, ..self }
    }

    /// Wastes no time.
    pub fn hurrying(mut self) -> Shouter {
        self.wire.hurry();
        self
    }

    /// One message, sent at once, and then the FIN.
    pub fn short(mut random: Random, idle: Duration) -> Shouter {
        let text = random.text(50);
        Shouter::with(Kind::Whole, Wire::quick(random, Service::Upper), text, idle)
    }

    fn with(kind: Kind, wire: Wire, text: Text, idle: Duration) -> Shouter {
        let allowed = if matches!(kind, Kind::Patient | Kind::LastMoment) { 0 } else { text.plain.len() };
        let (moved, finished, done) = (Duration::ZERO, false, false);
        Shouter { kind, wire, text, idle, seconds: 0, got: 0, allowed, finished, moved, done }
    }

    fn check(&mut self, bytes: &[u8], network: &dyn Network) {
        assert!(bytes.len() <= self.wire.sent - self.got, "more came back than was sent");
        let expected = &self.text.upper[self.got..][..bytes.len()];
        assert!(bytes == expected, "wrong bytes at {}", self.got);
        self.got += bytes.len();
        self.moved = network.now();
    }

    fn send(&mut self, network: &mut dyn Network) {
        if self.wire.send(network, &self.text.plain[..self.allowed]) {
            self.moved = network.now();
        }
    }

    fn finish(&mut self, network: &mut dyn Network) {
        if self.wire.sent == self.text.plain.len() && !self.finished {
            network.finish(self.wire.socket());
            self.finished = true;
        }
    }

    fn understand(&mut self, found: Found, network: &dyn Network) {
        match found {
            Found::Bytes(bytes) => self.check(&bytes, network),
            Found::Nothing => {}
            Found::Fin => {
                let idle =
                    matches!(self.kind, Kind::Silent | Kind::Rests | Kind::Dies) || network.is_stopping();
                assert!(idle || self.finished, "a FIN that nobody asked for");
                // At the end a server answers what it reads at once, and what comes behind that is too late.
                let is_enough = network.is_stopping() && self.got > 0 || network.may_be_unheard();
                let (got, sent) = (self.got, self.wire.sent);
                assert!(got == sent || is_enough, "a FIN, and {got} bytes came back of {sent}");
                self.done = true;
            }
            Found::Reset => self.done = true,
        }
    }

    fn read(&mut self, network: &mut dyn Network) {
        let found = self.wire.receive(network, false);
        self.understand(found, network);
    }

    /// Reads a little at most, now and then.
    fn sip(&mut self, network: &mut dyn Network) {
        if network.now() - self.moved > Duration::from_secs(7) {
            let most = self.wire.random.pick(&[1, 40, 2000, 20_000]);
            let found = network.receive(self.wire.socket(), most);
            if found == Found::Reset {
                let excuse = network.status(self.wire.socket()).may_be_reset;
                assert!(excuse, "a reader was slow, not dead, and was reset");
            }
            self.understand(found, network);
        }
    }

    /// Nothing is read any more: the reset must come in time.
    fn must_be_reset(&mut self, network: &mut dyn Network) {
        let status = network.status(self.wire.socket());
        if status.reset || status.finished && self.text.plain.len() < 60_000 {
            self.done = true; // so little may fit the network whole
        } else if let Some(accepted) = status.accepted.filter(|_| !network.is_stopping()) {
            let still = network.now() - status.written.max(self.moved).max(accepted);
            let most = if self.kind == Kind::Dies { 2 * STUCK } else { STUCK } + network.late();
            assert!(still < most, "a reader who takes nothing is still there after {still:?}");
        }
    }

    fn is_young(&self, network: &mut dyn Network, seconds: u64) -> bool {
        self.wire.age(network).is_none_or(|age| age < Duration::from_secs(seconds))
    }
}

impl Peer for Shouter {
    fn act(&mut self, me: usize, network: &mut dyn Network) {
        if !self.wire.connect(network) {
            self.done = true;
            return;
        }
        let mut pause = self.wire.pause();
        match self.kind {
            Kind::Whole | Kind::Busy => {
                self.send(network);
                self.finish(network);
                self.read(network);
            }
            Kind::Endless => {
                pause = Duration::from_millis(5);
                let is_young = self.is_young(network, self.seconds);
                if self.wire.sent == self.text.plain.len() && self.got == self.wire.sent && is_young {
                    (self.got, self.wire.sent) = (0, 0);
                }
                self.send(network);
                if !is_young {
                    self.finish(network);
                }
                self.read(network);
            }
            Kind::Patient => {
                if self.got == self.allowed {
                    let more = self.wire.random.range(1, 2000);
                    self.allowed = self.text.plain.len().min(self.allowed + more);
                }
                self.send(network);
                self.read(network);
                if self.got == self.text.plain.len() {
                    self.finish(network);
                }
            }
            Kind::Rests | Kind::Silent => {
                if self.kind == Kind::Rests && self.got < self.text.plain.len() {
                    self.send(network);
                    self.moved = network.now();
                } else {
                    pause = Duration::from_millis(50);
                }
                let is_resting = self.wire.age(network).is_some() && self.got == self.wire.sent;
                self.read(network);
                let since = network.status(self.wire.socket()).accepted.unwrap_or_default().max(self.moved);
                let rested = network.now().saturating_sub(since);
                let is_early = rested + network.early() < self.idle && !network.is_stopping();
                let excuse = network.status(self.wire.socket()).may_be_reset;
                assert!(!self.done || !is_early || excuse, "closed after {rested:?}");
                let most = self.idle + network.late();
                assert!(!is_resting || rested < most, "still there after {rested:?} of silence");
            }
            Kind::LastMoment => {
                let socket = self.wire.socket();
                match network.status(socket).accepted.map(|at| (at + self.idle).saturating_sub(network.now()))
                {
                    None => {}
                    // It sleeps until a moment before or behind the end of its time.
                    Some(left) if !left.is_zero() && self.allowed == 0 => {
                        let moment = Duration::from_micros(self.wire.random.range(0, 20_000) as u64);
                        pause = (left + Duration::from_millis(2)).saturating_sub(moment);
                        self.allowed = self.text.plain.len();
                    }
                    Some(_) => {
                        self.allowed = self.text.plain.len();
                        self.send(network);
                        self.finish(network);
                    }
                }
                // It may be too late: a FIN without an answer, or a reset for what came behind it.
                match network.receive(socket, 100) {
                    Found::Bytes(bytes) => self.check(&bytes, network),
                    Found::Nothing => {}
                    Found::Fin | Found::Reset => self.done = true,
                }
            }
            Kind::Stuck => {
                let before = self.wire.sent;
                self.send(network);
                pause = Duration::from_millis(if self.wire.sent > before { 1 } else { 50 });
                self.must_be_reset(network);
            }
            Kind::Slow => {
                // Slow for a minute and a half, then as fast as they come.
                self.send(network);
                self.finish(network);
                if self.is_young(network, 90) && !network.is_stopping() {
                    self.sip(network);
                    pause = Duration::from_millis(500);
                } else {
                    self.read(network);
                }
            }
            Kind::Dies => {
                self.send(network);
                pause = Duration::from_millis(200);
                let socket = self.wire.socket();
                if self.is_young(network, 40) {
                    self.sip(network);
                } else if self.got + 60_000 > self.text.plain.len() {
                    network.reset(socket); // the network may hold all of the rest: nothing must happen
                    self.done = true;
                } else {
                    self.must_be_reset(network);
                }
            }
            Kind::Resets => {
                self.send(network);
                self.read(network);
                if !self.done && self.wire.random.one_in(5) {
                    network.reset(self.wire.socket());
                    self.done = true;
                }
            }
            Kind::Vanishes => {
                self.send(network);
                self.done |= self.wire.random.one_in(5);
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
        let (sent, of) = (self.wire.sent, self.text.plain.len());
        format!("{:?} shouter on {:?}: sent {sent} of {of}, got {}", self.kind, self.wire.socket, self.got)
    }
}
