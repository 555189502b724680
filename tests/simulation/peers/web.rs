//! Clients of HTTP.

use super::{Got, LATE, Wire};
use crate::random::Random;
use crate::world::{Peer, World};
use std::rc::Rc;
use std::time::Duration;

/// How long the service lets a connection rest.
pub const KEEP_ALIVE: Duration = Duration::from_secs(5);

const HEAD_TIME: Duration = Duration::from_secs(10);
const STUCK: Duration = Duration::from_secs(30);

/// The files of the site, by path.
pub type Files = Rc<Vec<(&'static str, Vec<u8>)>>;

/// A file that becomes shorter while it is sent.
pub const SHRINKING: &str = "/shrinking.bin";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Asks for several things, one after the other or all at once, and closes.
    Asks,
    /// The same, and half-closes behind the last request.
    HalfCloses,
    /// One request when the connection is new, as a newcomer.
    Newcomer,
    /// Says nothing, and must be closed when its time is over.
    Silent,
    /// Sends half a head, and must get a 408 when its time is over.
    Half,
    /// Sends a head a byte at a time, and must be answered.
    Drips,
    /// Asks for much and never reads: must be reset when its time is over.
    Stuck,
    /// Resets the connection in the middle.
    Resets,
    /// Is gone without a word.
    Vanishes,
}

pub const KINDS: [Kind; 9] = [
    Kind::Asks,
    Kind::HalfCloses,
    Kind::Newcomer,
    Kind::Silent,
    Kind::Half,
    Kind::Drips,
    Kind::Stuck,
    Kind::Resets,
    Kind::Vanishes,
];

/// What a response must be.
#[derive(Debug)]
struct Expected {
    status: u16,
    body: Option<Vec<u8>>,
    is_head: bool,
    may_be_cut: bool,
}

pub struct Visitor {
    kind: Kind,
    wire: Wire,
    requests: Vec<u8>,
    expected: std::collections::VecDeque<Expected>,
    got: Vec<u8>,
    finished: bool,
    answered: usize,
    /// The last response said that the connection is closed.
    told: bool,
    asked: Option<Duration>,
    moved: Duration,
    done: bool,
}

impl Visitor {
    pub fn new(kind: Kind, mut random: Random, listener: usize, files: &Files) -> Visitor {
        let count = match kind {
            Kind::Silent => 0,
            Kind::Newcomer | Kind::Half | Kind::Drips => 1,
            Kind::Stuck => 10,
            _ => random.pick(&[1, 1, 2, 5, 40]),
        };
        let (mut requests, mut expected) = (Vec::new(), std::collections::VecDeque::new());
        for _ in 0..count {
            let choice = match kind {
                Kind::Stuck => 0,
                Kind::Drips => random.range(1, 5), // no body: that would take its time
                _ => random.range(0, 8),
            };
            let (request, response) = request(choice, &mut random, files);
            requests.extend(request);
            expected.push_back(response);
        }
        if kind == Kind::Half {
            requests.truncate(10);
        }
        let mut wire = match kind {
            Kind::Newcomer | Kind::Stuck => Wire::quick(random, listener),
            _ => Wire::new(random, listener, requests.len()),
        };
        if matches!(kind, Kind::Asks | Kind::HalfCloses | Kind::Drips) {
            wire.read_at_once = wire.read_at_once.max(2000);
        }
        Visitor {
            kind,
            wire,
            requests,
            expected,
            got: Vec::new(),
            finished: false,
            answered: 0,
            told: false,
            asked: None,
            moved: Duration::ZERO,
            done: false,
        }
    }

    /// Takes the responses that are complete.
    fn understand(&mut self) {
        while let Some(end) = self.got.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8(self.got[..end].to_vec()).expect("a head in ASCII");
            let status: u16 = head[9..12].parse().expect("a status");
            if status == 100 {
                self.got.drain(..end + 4);
                continue;
            }
            let field = |name: &str| {
                let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with(name))?;
                Some(line[name.len() + 1..].trim().to_owned())
            };
            let is_head = self.expected.front().is_some_and(|expected| expected.is_head);
            let rest = &self.got[end + 4..];
            let (body, length) = match (field("content-length"), field("transfer-encoding")) {
                _ if is_head || status == 204 => (Vec::new(), 0),
                (Some(length), None) => {
                    let length: usize = length.parse().expect("a length");
                    if rest.len() < length {
                        return;
                    }
                    (rest[..length].to_vec(), length)
                }
                (None, Some(_)) => match unchunk(rest) {
                    Some(body) => body,
                    None => return,
                },
                other => panic!("a body without an end: {other:?}"),
            };
            self.got.drain(..end + 4 + length);
            self.told = field("connection").is_some_and(|value| value == "close");
            self.check(status, &body);
        }
    }

    fn check(&mut self, status: u16, body: &[u8]) {
        if status == 408 {
            assert_eq!(self.kind, Kind::Half, "a request that came was not heard");
            self.expected.clear();
            return;
        }
        let expected = self.expected.pop_front().expect("a response to nothing that was asked");
        assert_eq!(status, expected.status, "the wrong status");
        if let Some(right) = &expected.body {
            assert!(body == right, "a wrong body: {} bytes, not {}", body.len(), right.len());
        }
        self.answered += 1;
    }

    fn read(&mut self, world: &mut World) {
        let cut = self.expected.front().is_some_and(|expected| expected.may_be_cut);
        match self.wire.receive(world, cut || self.told) {
            Got::Bytes(bytes) => {
                self.moved = world.now;
                self.got.extend(bytes);
                self.understand();
            }
            Got::Nothing => {}
            Got::Fin => {
                let complete = self.got.is_empty() && (self.expected.is_empty() || self.told);
                let is_right = match self.kind {
                    Kind::Half => complete,
                    Kind::Vanishes | Kind::Resets => true,
                    _ => complete || cut,
                };
                let left = self.expected.len();
                assert!(is_right, "a FIN, and {left} responses are missing, the first {:?}", self.got.len());
                self.done = true;
            }
            Got::Reset => self.done = true,
        }
    }

    /// Sends what is to be sent; and that was all, if it half-closes.
    fn ask(&mut self, world: &mut World) {
        if self.wire.sent < self.requests.len() {
            self.wire.send(world, &self.requests);
        } else if self.kind == Kind::HalfCloses && !self.finished {
            world.finish(self.wire.socket());
            self.finished = true;
        }
    }
}

impl Peer for Visitor {
    fn act(&mut self, me: usize, world: &mut World) {
        if !self.wire.connect(world) {
            self.done = true;
            return;
        }
        let mut pause = self.wire.pause();
        let age = self.wire.age(world);
        match self.kind {
            Kind::Asks | Kind::HalfCloses => {
                self.ask(world);
                self.read(world);
                if self.kind == Kind::Asks && self.expected.is_empty() && !self.done {
                    world.finish(self.wire.socket());
                    self.done = true;
                }
            }
            Kind::Newcomer => {
                self.ask(world);
                let asked = *self.asked.get_or_insert(world.now);
                self.read(world);
                assert!(
                    self.answered > 0 || self.done || world.now - asked < LATE,
                    "a newcomer's request is not answered after {:?}",
                    world.now - asked
                );
                if self.answered > 0 && !self.done {
                    world.finish(self.wire.socket());
                    self.done = true;
                }
            }
            Kind::Silent => {
                pause = Duration::from_millis(50);
                self.read(world);
                if let Some(age) = age {
                    assert!(!self.done || age >= KEEP_ALIVE, "closed after {age:?}");
                    assert!(age < KEEP_ALIVE + LATE, "still there after {age:?} of silence");
                }
            }
            Kind::Half => {
                self.ask(world);
                pause = Duration::from_millis(50);
                self.read(world);
                if self.done {
                    assert!(self.expected.is_empty() || world.scarce, "no 408 for half a head");
                }
                if let Some(age) = age {
                    assert!(!self.done || age >= KEEP_ALIVE, "closed after {age:?}");
                    let most = HEAD_TIME + KEEP_ALIVE + Duration::from_secs(1) + LATE;
                    assert!(
                        age < most || !self.got.is_empty() || self.expected.is_empty(),
                        "still there with half a head after {age:?}"
                    );
                }
            }
            Kind::Drips => {
                if self.wire.sent < self.requests.len() {
                    let next = self.wire.sent + 1;
                    self.wire.send(world, &self.requests[..next]);
                }
                self.read(world);
                pause = Duration::from_millis(if self.wire.sent < self.requests.len() { 20 } else { 50 });
                if self.answered > 0 && !self.done {
                    world.finish(self.wire.socket());
                    self.done = true;
                }
            }
            Kind::Stuck => {
                pause = Duration::from_millis(50);
                let before = self.wire.sent;
                self.ask(world);
                if self.wire.sent > before {
                    self.moved = world.now;
                }
                if world.stream(self.wire.socket()).server_reset {
                    self.done = true;
                } else if age.is_some() {
                    let still = world.now - world.stream(self.wire.socket()).written.max(self.moved);
                    assert!(
                        still < STUCK + LATE,
                        "a reader who takes nothing is still there after {still:?}"
                    );
                }
            }
            Kind::Resets => {
                self.ask(world);
                self.read(world);
                if !self.done && self.wire.random.one_in(10) {
                    world.reset(self.wire.socket());
                    self.done = true;
                }
            }
            Kind::Vanishes => {
                self.ask(world);
                self.done |= self.wire.random.one_in(10);
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

/// A request, and what must come back.
fn request(choice: usize, random: &mut Random, files: &Files) -> (Vec<u8>, Expected) {
    let get = |method: &str, path: &str| format!("{method} {path} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes();
    let whole = |body: Option<Vec<u8>>| Expected { status: 200, body, is_head: false, may_be_cut: false };
    match choice {
        0 => {
            let (path, content) = files.iter().max_by_key(|(_, content)| content.len()).expect("files");
            (get("GET", path), whole(Some(content.clone())))
        }
        1..=3 => {
            let (path, content) = random.pick(files);
            (get("GET", path), whole(Some(content)))
        }
        4 => {
            let (path, _) = random.pick(files);
            (get("HEAD", path), Expected { is_head: true, ..whole(None) })
        }
        5 => (get("GET", "/missing"), Expected { status: 404, ..whole(None) }),
        6 => {
            let length = random.pick(&[0, 1, 500, 100_000]);
            let body = random.bytes(length);
            let head = format!("POST /upper HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
            ([head.into_bytes(), body.clone()].concat(), whole(Some(body.to_ascii_uppercase())))
        }
        7 => {
            let length = random.range(1, 5000);
            let body = random.bytes(length);
            let mut request =
                b"POST /upper HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
            let mut rest = &body[..];
            while !rest.is_empty() {
                let (chunk, behind) = rest.split_at(random.range(1, rest.len().min(900)));
                request.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
                request.extend(chunk);
                request.extend(b"\r\n");
                rest = behind;
            }
            request.extend(b"0\r\n\r\n");
            (request, whole(Some(body.to_ascii_uppercase())))
        }
        _ => (get("GET", SHRINKING), Expected { may_be_cut: true, ..whole(None) }),
    }
}

/// The content of a chunked body and how long it was; `None` while it isn't complete.
fn unchunk(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let line = bytes[at..].windows(2).position(|two| two == b"\r\n")?;
        let size = std::str::from_utf8(&bytes[at..at + line]).expect("a chunk size");
        let size = usize::from_str_radix(size, 16).expect("a chunk size");
        at += line + 2;
        body.extend_from_slice(bytes.get(at..at + size)?);
        at += size;
        assert_eq!(bytes.get(at..at + 2)?, b"\r\n");
        at += 2;
        if size == 0 {
            return Some((body, at));
        }
    }
}
