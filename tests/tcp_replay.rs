//! TCP uppercase against chance: many connections, their input chopped and interleaved at random, with
//! pauses of reading and half-closes, and every byte compared with the plain answer.
//!
//! A failure names its seed, and `SHOUTD_TEST_SEED` plays that one again: which connection does what, when
//! and with how many bytes follows from the seed alone. Only how the kernel cuts the stream does not.

mod support;

use socket2::SockRef;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};
use support::*;

/// Steps of one seed.
const STEPS: usize = 800;

/// Connections at once.
const CONNECTIONS: usize = 24;

/// A kind of listener whose plain answer doesn't depend on how its input is cut.
struct Kind {
    options: &'static str,
    /// How often each byte comes back.
    repeat: usize,
    /// Bytes that are answered before the server closes.
    most: usize,
    /// Bytes that are sent in one go at most.
    go: u64,
}

const FOR_EVER: usize = usize::MAX;

const KINDS: [Kind; 6] = [
    Kind { options: "0", repeat: 1, most: FOR_EVER, go: 300_000 },
    Kind { options: "0,read=5", repeat: 1, most: FOR_EVER, go: 3000 },
    Kind { options: "0,read=1000,delay=20ms", repeat: 1, most: FOR_EVER, go: 3000 },
    Kind { options: "0,read=1,repeat=3", repeat: 3, most: FOR_EVER, go: 1000 },
    Kind { options: "0,read=1,repeat=70000", repeat: 70_000, most: FOR_EVER, go: 4 },
    Kind { options: "0,read=1,messages=300", repeat: 1, most: 300, go: 1000 },
];

/// Random numbers that are the same for the same seed (xorshift64*).
struct Chance(u64);

impl Chance {
    fn new(seed: u64) -> Chance {
        Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 20
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// A length from 1 to `most`: often very short, seldom long.
    fn length(&mut self, most: u64) -> usize {
        let most = [8, 100, most, most][self.below(4) as usize].min(most);
        1 + self.below(most) as usize
    }
}

/// One connection and what is known about it.
struct Client {
    stream: TcpStream,
    kind: &'static Kind,
    /// All that was to be sent so far, and how much of it the kernel has taken.
    input: Vec<u8>,
    sent: usize,
    received: usize,
    reads: bool,
    half_closes: bool,
    half_closed: bool,
    ended: bool,
}

impl Client {
    fn new(server: &Shoutd, kind: usize) -> Client {
        let stream = connect(server.nth("tcp", kind));
        Client {
            stream,
            kind: &KINDS[kind],
            input: Vec::new(),
            sent: 0,
            received: 0,
            reads: true,
            half_closes: false,
            half_closed: false,
            ended: false,
        }
    }

    /// One random thing. False if the connection is to be ended instead.
    fn step(&mut self, chance: &mut Chance) -> bool {
        match chance.below(10) {
            0 => self.reads = false,
            1 => self.reads = true,
            2 => self.half_closes |= chance.below(3) == 0,
            3 => return chance.below(3) > 0,
            4 => {}
            _ => {
                let more = noise(chance.next(), chance.length(self.kind.go));
                // What is sent to a server that has closed is answered by a reset, as it should be.
                if !self.half_closes && self.input.len() < self.kind.most {
                    self.input.extend_from_slice(&more);
                }
            }
        }
        true
    }

    /// Sends and receives what can be without waiting.
    fn move_bytes(&mut self, most: usize) {
        self.stream.set_nonblocking(true).unwrap();
        while self.sent < self.input.len() {
            match self.stream.write(&self.input[self.sent..]) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("sending to {:?}: {error}", self.kind.options),
            }
        }
        if self.half_closes && !self.half_closed && self.sent == self.input.len() {
            self.stream.shutdown(Shutdown::Write).unwrap();
            self.half_closed = true;
        }
        if self.reads {
            self.receive(most);
        }
    }

    /// Receives once and compares.
    fn receive(&mut self, most: usize) {
        let mut bytes = vec![0; most];
        match self.stream.read(&mut bytes) {
            Ok(0) => {
                assert!(self.half_closed || self.is_answered(), "{:?}: a FIN too early", self.kind.options);
                self.ended = true;
            }
            Ok(count) => {
                let repeat = self.kind.repeat;
                let expected = |place: usize| self.input[place / repeat].to_ascii_uppercase();
                let end = self.received + count;
                assert!(end <= self.answer(), "{:?}: more than the answer", self.kind.options);
                for (place, byte) in (self.received..end).zip(&bytes) {
                    assert_eq!(*byte, expected(place), "byte {place} of {:?}", self.kind.options);
                }
                self.received = end;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => panic!("{:?} after {} bytes: {error}", self.kind.options, self.received),
        }
    }

    /// Length of the answer to all input.
    fn answer(&self) -> usize {
        self.input.len().min(self.kind.most) * self.kind.repeat
    }

    /// Whether the server has had all it wants, so that it closes first.
    fn is_answered(&self) -> bool {
        self.input.len() >= self.kind.most
    }

    /// Takes what is still to come, up to the FIN, and leaves.
    fn finish(mut self) {
        self.reads = true;
        self.half_closes = true;
        let end = Instant::now() + PATIENCE;
        while !self.ended {
            let before = self.received + self.sent;
            self.move_bytes(100_000);
            if !self.ended && before == self.received + self.sent {
                // Waits for bytes to read, but not for long where there are bytes to send as well.
                self.stream.set_nonblocking(false).unwrap();
                self.stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
                self.receive(100_000);
            }
            let (kind, received, answer) = (self.kind.options, self.received, self.answer());
            assert!(Instant::now() < end, "{kind:?} is stuck: {received} bytes of {answer} came");
        }
        assert_eq!(self.received, self.answer(), "the answer of {:?} is not complete", self.kind.options);
    }
}

fn play(server: &Shoutd, seed: u64) {
    eprintln!("SHOUTD_TEST_SEED={seed} plays this again");
    let chance = &mut Chance::new(seed);
    let open = |n: usize| Client::new(server, n % KINDS.len());
    let mut clients: Vec<Client> = (0..CONNECTIONS).map(open).collect();
    for _ in 0..STEPS {
        let place = chance.below(CONNECTIONS as u64) as usize;
        let goes_on = clients[place].step(chance);
        clients[place].move_bytes(chance.length(100_000));
        if !goes_on {
            let fresh = open(chance.below(KINDS.len() as u64) as usize);
            let old = std::mem::replace(&mut clients[place], fresh);
            if chance.below(4) == 0 {
                SockRef::from(&old.stream).set_linger(Some(Duration::ZERO)).unwrap(); // leaves with a reset
            } else {
                old.finish();
            }
        }
    }
    clients.into_iter().for_each(Client::finish);
}

#[test]
fn chopped_and_interleaved_input_gives_the_plain_answer() {
    let arguments: Vec<&str> = KINDS.iter().flat_map(|kind| ["--tcp", kind.options]).collect();
    let server = Shoutd::start(&arguments);
    let before = server.descriptors();
    let seeds = match std::env::var("SHOUTD_TEST_SEED") {
        Ok(seed) => vec![seed.parse().expect("SHOUTD_TEST_SEED is a number")],
        Err(_) => vec![1, 2, 3, 4, 5, fresh_seed(server.tcp())],
    };
    for seed in seeds {
        play(&server, seed);
        server.wait_for_descriptors(before);
    }
}

/// A seed that nobody has tried yet.
fn fresh_seed(address: SocketAddr) -> u64 {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    since.as_micros() as u64 ^ u64::from(address.port())
}
