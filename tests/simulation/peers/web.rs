//! Clients of HTTP.

use super::requests::{CHOICES, Expected, Files, request, response};
use super::wire::Wire;
use super::{Found, Network, Peer, Service};
use crate::random::Random;
use std::collections::VecDeque;
use std::time::Duration;

const HEAD_TIME: Duration = Duration::from_secs(10);
const STUCK: Duration = Duration::from_secs(30);

pub use super::kinds::web::{KINDS, Kind};

pub struct Visitor {
    kind: Kind,
    wire: Wire,
    /// How long the service lets a connection rest.
    keep_alive: Duration,
    /// There may not be a place for it soon.
    may_wait: bool,
    requests: Vec<u8>,
    expected: VecDeque<Expected>,
    got: Vec<u8>,
    /// With fewer bytes than this the next response isn't complete.
    wanted: usize,
    finished: bool,
    answered: usize,
    /// The last response said that the connection is closed.
    told: bool,
    asked: Option<Duration>,
    moved: Duration,
    done: bool,
}

impl Visitor {
    pub fn new(kind: Kind, mut random: Random, files: &Files, keep_alive: Duration) -> Visitor {
        let count = match kind {
            Kind::Silent => 0,
            Kind::Newcomer | Kind::Half | Kind::Drips | Kind::Rests | Kind::LastMoment => 1,
            Kind::Stuck | Kind::Returns => 10,
            _ => random.pick(&[1, 1, 2, 5, 40]),
        };
        let (mut requests, mut expected) = (Vec::new(), VecDeque::new());
        for _ in 0..count {
            let choice = match kind {
                Kind::Stuck => 0,
                Kind::LastMoment => 5,
                Kind::Returns => 5,
                Kind::Drips => random.range(1, 5), // no body: that would take its time
                Kind::Newcomer | Kind::Rests => random.range(0, 8),
                _ => random.range(0, CHOICES),
            };
            let (request, response) = request(choice, &mut random, files);
            requests.extend(request);
            expected.push_back(response);
        }
        if kind == Kind::Half {
            requests.truncate(10);
        }
        let mut wire = match kind {
            Kind::Newcomer | Kind::Stuck | Kind::Rests | Kind::Returns => Wire::quick(random, Service::Web),
            _ => Wire::new(random, Service::Web, requests.len()),
        };
        if matches!(kind, Kind::Asks | Kind::HalfCloses | Kind::Drips) {
            wire.read_at_once = wire.read_at_once.max(2000);
        }
        let (got, wanted, answered, asked) = (Vec::new(), 0, 0, None);
        let (finished, told, done, moved) = (false, false, false, Duration::ZERO);
        Visitor {
            kind,
            wire,
            keep_alive,
            may_wait: false,
            requests,
            expected,
            got,
            wanted,
            finished,
            answered,
            told,
            asked,
            moved,
            done,
        }
    }

    /// Wastes no time.
    pub fn hurrying(mut self) -> Visitor {
        self.wire.hurry();
        self
    }

    /// The server may not have a place for it soon.
    pub fn patiently(self) -> Visitor {
        Visitor { may_wait: true, ..self }
    }

    /// Takes the responses that are complete.
    fn understand(&mut self, network: &mut dyn Network) {
        while !self.got.is_empty() && self.got.len() >= self.wanted {
            let is_head = self.expected.front().is_some_and(|expected| expected.is_head);
            let response = match response(&self.got, is_head) {
                Ok(response) => response,
                Err(wanted) => {
                    self.wanted = wanted;
                    return;
                }
            };
            self.wanted = 0;
            self.got.drain(..response.length);
            if response.status == 100 {
                continue;
            }
            self.told = response.closes;
            network.answered();
            if response.status == 408 {
                assert_eq!(self.kind, Kind::Half, "a request that came was not heard");
                self.expected.clear();
                continue;
            }
            self.expected.pop_front().expect("a response to nothing that was asked").check(&response);
            self.answered += 1;
        }
    }

    fn read(&mut self, network: &mut dyn Network) {
        let cut = self.expected.front().is_some_and(|expected| expected.may_be_cut);
        match self.wire.receive(network, cut || self.told) {
            Found::Bytes(bytes) => {
                self.moved = network.now();
                self.got.extend_from_slice(&bytes);
                self.understand(network);
            }
            Found::Nothing => {}
            Found::Fin => {
                let complete = self.got.is_empty() && (self.expected.is_empty() || self.told);
                // A server that stops closes what rests, and what has just been asked for may come too late.
                let unheard = self.got.is_empty() && network.is_stopping() && self.kind != Kind::Newcomer;
                let is_right = matches!(self.kind, Kind::Vanishes | Kind::Resets) || complete || unheard;
                let (left, bytes) = (self.expected.len(), self.got.len());
                assert!(
                    is_right || cut,
                    "a FIN, {left} responses are missing, and the first has {bytes} bytes"
                );
                self.done = true;
            }
            Found::Reset => self.done = true,
        }
    }

    /// Sends what is to be sent; and that was all, if it half-closes.
    fn ask(&mut self, network: &mut dyn Network) {
        if self.wire.sent < self.requests.len() {
            if self.wire.send(network, &self.requests) {
                self.moved = network.now();
            }
        } else if self.kind == Kind::HalfCloses && !self.finished {
            network.finish(self.wire.socket());
            self.finished = true;
        }
    }

    fn finish_if(&mut self, is_enough: bool, network: &mut dyn Network) {
        if is_enough && !self.done {
            network.finish(self.wire.socket());
            self.done = true;
        }
    }

    /// Closed for its silence: neither too early nor too late. Returns when to look again.
    fn must_be_closed(&mut self, network: &mut dyn Network) -> Duration {
        let status = network.status(self.wire.socket());
        let Some(accepted) = status.accepted else { return Duration::from_millis(50) };
        let rested = network.now() - accepted.max(self.moved);
        let is_early =
            rested + network.early() < self.keep_alive && !network.is_stopping() && !status.may_be_reset;
        assert!(!self.done || !is_early, "closed after {rested:?}");
        assert!(rested < self.keep_alive + network.late(), "still there after {rested:?} of silence");
        Duration::from_millis(50)
    }
}

impl Peer for Visitor {
    fn act(&mut self, me: usize, network: &mut dyn Network) {
        if !self.wire.connect(network) {
            self.done = true;
            return;
        }
        let mut pause = self.wire.pause();
        match self.kind {
            Kind::Asks | Kind::HalfCloses => {
                self.ask(network);
                self.read(network);
                self.finish_if(self.kind == Kind::Asks && self.expected.is_empty(), network);
            }
            Kind::Newcomer => {
                self.ask(network);
                let asked = *self.asked.get_or_insert(network.now());
                self.read(network);
                let (waits, most) = (network.now() - asked, 2 * network.late());
                let answered = self.answered > 0 || !self.got.is_empty() || self.done || self.may_wait;
                assert!(answered || waits < most, "a newcomer isn't answered after {waits:?}");
                self.finish_if(self.answered > 0, network);
            }
            Kind::Returns => {
                let next = (self.answered + 1) * self.requests.len() / 10;
                if self.wire.sent < next {
                    self.wire.send(network, &self.requests[..next]);
                    self.asked = Some(network.now());
                }
                self.read(network);
                let answered = self.answered * self.requests.len() / 10 == self.wire.sent;
                if answered {
                    pause = Duration::from_millis(self.wire.random.range(1, 400) as u64);
                }
                let is_in =
                    self.answered > 0 || self.wire.age(network).is_some_and(|age| age > network.late());
                let waits = network.now() - self.asked.unwrap_or_default();
                let most = network.late() * 3 / 2;
                let excuse = answered || !self.got.is_empty() || self.done || !is_in;
                assert!(excuse || waits < most, "one who is known isn't answered after {waits:?}");
                self.finish_if(self.expected.is_empty(), network);
            }
            Kind::LastMoment => {
                let socket = self.wire.socket();
                match network
                    .status(socket)
                    .accepted
                    .map(|at| (at + self.keep_alive).saturating_sub(network.now()))
                {
                    None => {}
                    // It sleeps until a moment before or behind the end of its time.
                    Some(left) if !left.is_zero() && self.asked.is_none() => {
                        let moment = Duration::from_micros(self.wire.random.range(0, 20_000) as u64);
                        pause = (left + Duration::from_millis(2)).saturating_sub(moment);
                        self.asked = Some(network.now());
                    }
                    Some(_) => self.ask(network),
                }
                // It may be too late: a FIN without an answer, or a reset for what came behind it.
                match network.receive(socket, 100_000) {
                    Found::Bytes(bytes) => {
                        self.got.extend_from_slice(&bytes);
                        self.understand(network);
                        self.finish_if(self.answered > 0, network);
                    }
                    Found::Nothing => {}
                    Found::Fin | Found::Reset => self.done = true,
                }
            }
            Kind::Rests if self.answered == 0 => {
                self.ask(network);
                self.read(network);
            }
            Kind::Rests | Kind::Silent => {
                self.read(network);
                pause = self.must_be_closed(network);
            }
            Kind::Half => {
                self.ask(network);
                pause = Duration::from_millis(50);
                let age = self.wire.age(network);
                self.read(network);
                let excuse = network.status(self.wire.socket()).may_be_reset || network.is_stopping();
                if self.done {
                    assert!(self.expected.is_empty() || excuse, "no 408 for half a head");
                }
                if let Some(age) = age {
                    assert!(
                        !self.done || age + network.early() >= HEAD_TIME || excuse,
                        "closed after {age:?}"
                    );
                    // The head may have begun at the end of the time for silence.
                    let most = HEAD_TIME + self.keep_alive + network.late();
                    assert!(
                        age < most || !self.got.is_empty() || self.expected.is_empty(),
                        "half a head is there after {age:?}"
                    );
                }
            }
            Kind::Drips => {
                if self.wire.sent < self.requests.len() {
                    let next = self.wire.sent + 1;
                    self.wire.send(network, &self.requests[..next]);
                }
                self.read(network);
                pause = Duration::from_millis(if self.wire.sent < self.requests.len() { 20 } else { 50 });
                self.finish_if(self.answered > 0, network);
            }
            Kind::Stuck => {
                pause = Duration::from_millis(50);
                self.ask(network);
                let status = network.status(self.wire.socket());
                if status.reset {
                    self.done = true;
                } else if let Some(accepted) = status.accepted.filter(|_| !network.is_stopping()) {
                    let still = network.now() - status.written.max(self.moved).max(accepted);
                    let most = STUCK + network.late();
                    assert!(still < most, "a reader who takes nothing is still there after {still:?}");
                }
            }
            Kind::Resets => {
                self.ask(network);
                self.read(network);
                if !self.done && self.wire.random.one_in(10) {
                    network.reset(self.wire.socket());
                    self.done = true;
                }
            }
            Kind::Vanishes => {
                self.ask(network);
                self.done |= self.wire.random.one_in(10);
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
        let (sent, of) = (self.wire.sent, self.requests.len());
        let left = self.expected.len();
        format!(
            "{:?} visitor on {:?}: sent {sent} of {of}, answered {}, {left} left, {} bytes of the next",
            self.kind,
            self.wire.socket,
            self.answered,
            self.got.len()
        )
    }
}
