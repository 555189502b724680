//! The UDP client: a datagram there, a datagram back, or an explanation why not.
//!
//! The socket is connected, which sends nothing: it only makes the kernel pass on datagrams of this one
//! peer, and its host's ICMP refusals. Replies carry no number, so they are told apart by their content:
//! an uppercase server's reply is known beforehand.

pub mod options;

use crate::client::awaited::{Awaited, answers};
use crate::client::resolve;
use crate::output::{self, say};
use options::Udp;
use serde_json::json;
use shoutd::trouble::{Trouble, plain, quoted};
use shoutd::units::seconds;
use std::collections::VecDeque;
use std::io::{self, BufRead, ErrorKind, IsTerminal};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// Room for any datagram.
const ROOM: usize = 65_536;

/// Earlier datagrams whose replies are still recognised when they come late or twice.
const REMEMBERED: usize = 64;

/// How long after the last reply a further datagram is looked for: long beside the time between two that a
/// server sends together, short for who waits.
const FAREWELL: Duration = Duration::from_millis(50);

/// Datagrams taken in that nobody has asked for, at one time.
const UNASKED: usize = 1000;

/// Round trips that the median is taken from: the first so many.
const SAMPLES: usize = 10_000;

struct Client<'a> {
    options: &'a Udp,
    socket: UdpSocket,
    peer: SocketAddr,
    /// Further addresses of the host, to be tried if that one refuses before anything has come from it.
    others: VecDeque<SocketAddr>,
    /// The last datagrams, and whether their replies have come.
    earlier: Vec<(Vec<u8>, bool)>,
    counts: Counts,
    /// Whether there was something to complain of.
    failed: bool,
}

#[derive(Default)]
struct Counts {
    sent: u64,
    received: u64,
    lost: u64,
    late: u64,
    duplicate: u64,
    refused: u64,
    round_trips: Vec<Duration>,
}

/// Does what the options say.
pub fn run(options: &Udp) -> Result<(), Trouble> {
    let mut client = Client::open(options)?;
    let result = client.converse().map(|()| client.hears_nothing(FAREWELL));
    client.tell()?;
    result?;
    if client.failed { Err(Trouble::told()) } else { Ok(()) }
}

impl Client<'_> {
    fn open(options: &Udp) -> Result<Client<'_>, Trouble> {
        let mut others = VecDeque::from(resolve::addresses(&options.place.host, options.place.port())?);
        let mut failure = None;
        while let Some(peer) = others.pop_front() {
            match connect(peer) {
                Ok(socket) => {
                    let (earlier, counts) = (Vec::new(), Counts::default());
                    return Ok(Client { options, socket, peer, others, earlier, counts, failed: false });
                }
                Err(error) => failure = Some((peer, error)),
            }
        }
        let advice = match &failure {
            // It takes SO_BROADCAST (ip(7)).
            Some((_, error)) if error.kind() == ErrorKind::PermissionDenied => {
                "It is a broadcast address: shout talks to one server."
            }
            _ => "Check the address.",
        };
        let why = failure.map_or(String::new(), |(peer, error)| format!("{peer}: {}", plain(&error)));
        Err(Trouble::new(format!("can't open a UDP socket for {why}"), advice))
    }

    fn converse(&mut self) -> Result<(), Trouble> {
        let options = self.options;
        if !options.messages.is_empty() {
            for message in &options.messages {
                for _ in 0..options.repeated.times {
                    self.exchange(message.as_bytes())?;
                }
            }
            return Ok(());
        }
        let asks = is_asked_at_a_terminal();
        let mut input = io::stdin().lock();
        loop {
            if asks {
                output::ask("Input lowercase sentence: ")?;
            }
            let mut line = Vec::new();
            let count = input.read_until(b'\n', &mut line).map_err(|error| Trouble::input(&error))?;
            if count == 0 {
                return if asks { output::write(b"\n") } else { Ok(()) };
            }
            if line.last() == Some(&b'\n') {
                line.pop();
            }
            self.exchange(&line)?;
        }
    }

    /// Sends one datagram and waits for its reply. A missing or refused one is told and remembered, and
    /// the next is sent all the same; only what makes going on pointless is an error.
    fn exchange(&mut self, message: &[u8]) -> Result<(), Trouble> {
        if self.counts.sent > 0 {
            self.options.repeated.wait();
        }
        let largest = largest(self.peer);
        if message.len() > largest {
            return Err(Trouble::new(
                format!("{} bytes don't fit one datagram to {}: {largest} do", message.len(), self.peer),
                "UDP sends each message in one piece or not at all. TCP takes any length.",
            ));
        }
        self.hears_nothing(Duration::ZERO);
        let start = Instant::now();
        if let Err(error) = self.socket.send(message) {
            // It may be the refusal of an earlier one, which the kernel reports at the next call.
            if error.kind() != ErrorKind::ConnectionRefused {
                return Err(Trouble::new(format!("can't send to {}: {}", self.peer, plain(&error)), ""));
            }
            self.socket.send(message).map_err(|error| self.refused(&error))?;
        }
        self.counts.sent += 1;
        let answered = self.await_reply(message, start)?;
        self.earlier.push((message.to_vec(), answered));
        if self.earlier.len() > REMEMBERED {
            self.earlier.remove(0);
        }
        Ok(())
    }

    /// Takes in what has come unasked, waiting so long for it: late replies, second ones, and anything else.
    fn hears_nothing(&mut self, wait: Duration) {
        if self.counts.received == 0 {
            return;
        }
        let end = Instant::now() + wait;
        let mut room = vec![0; ROOM];
        for _ in 0..UNASKED {
            let left = end.saturating_duration_since(Instant::now());
            let waiting = match left.is_zero() {
                true => self.socket.set_nonblocking(true),
                false => self.socket.set_read_timeout(Some(left)),
            };
            let said = waiting.and_then(|()| self.socket.recv(&mut room));
            let _ = self.socket.set_nonblocking(false);
            match said {
                Ok(count) if self.was_earlier(&room[..count]) => {}
                Ok(count) => {
                    let trouble = Trouble::new(
                        format!(
                            "more came from {} than was expected: a datagram that answers nothing, {}",
                            self.peer,
                            quoted(&room[..count])
                        ),
                        "An uppercase server answers each datagram with one.",
                    );
                    self.complain(&trouble);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Nothing is there; or a refusal, which the next call would tell, if there were one.
                Err(_) => return,
            }
        }
    }

    fn await_reply(&mut self, message: &[u8], start: Instant) -> Result<bool, Trouble> {
        let mut room = vec![0; ROOM];
        loop {
            let left = self.options.timeout.saturating_sub(start.elapsed());
            if left.is_zero() {
                self.lost();
                return Ok(false);
            }
            let _ = self.socket.set_read_timeout(Some(left));
            let reply = match self.socket.recv(&mut room) {
                Ok(count) => &room[..count],
                Err(error) if [ErrorKind::WouldBlock, ErrorKind::Interrupted].contains(&error.kind()) => {
                    continue;
                }
                Err(error) => {
                    let trouble = self.refused(&error);
                    if self.counts.received == 0 && self.go_on_to_another() {
                        if self.socket.send(message).is_ok() {
                            self.counts.sent += 1;
                        }
                        continue;
                    }
                    self.complain(&trouble);
                    return Ok(false);
                }
            };
            let is_right = answers(message, reply, self.options.check);
            if !is_right && self.was_earlier(reply) {
                continue;
            }
            self.counts.received += 1;
            if self.counts.round_trips.len() < SAMPLES {
                self.counts.round_trips.push(start.elapsed());
            }
            print_reply(reply)?;
            if !is_right {
                let mut awaited = Awaited::to(message, 1, self.options.check);
                awaited.take(reply);
                self.complain(&awaited.not_the_uppercase(&self.peer));
            }
            return Ok(true);
        }
    }

    /// Turns to the next address of the host, if there is one.
    fn go_on_to_another(&mut self) -> bool {
        while let Some(peer) = self.others.pop_front() {
            if let Ok(socket) = connect(peer) {
                (self.socket, self.peer) = (socket, peer);
                return true;
            }
        }
        false
    }

    /// Whether a reply belongs to an earlier datagram: late, or a second time.
    fn was_earlier(&mut self, reply: &[u8]) -> bool {
        let strict = self.options.check;
        let mut earlier = self.earlier.iter_mut().rev();
        let Some((_, answered)) = earlier.find(|(message, _)| answers(message, reply, strict)) else {
            return false;
        };
        if *answered {
            self.counts.duplicate += 1;
            say("shout: a reply came twice: UDP may deliver a datagram more than once");
        } else {
            *answered = true;
            self.counts.late += 1;
            say("shout: a reply came late, after its time-out: it was slow, not lost");
        }
        true
    }

    fn lost(&mut self) {
        self.counts.lost += 1;
        let trouble = Trouble::new(
            format!("no reply from {} within {}", self.peer, seconds(self.options.timeout)),
            "UDP has no connection, so nobody could refuse: the datagram or its reply was lost, or nothing listens \
             there. It is not resent; start the server first, check the port, or wait longer (--timeout).",
        );
        self.complain(&trouble);
    }

    fn refused(&mut self, error: &io::Error) -> Trouble {
        if error.kind() != ErrorKind::ConnectionRefused {
            return Trouble::new(format!("receiving from {} failed: {}", self.peer, plain(error)), "");
        }
        self.counts.refused += 1;
        Trouble::new(
            format!("{} sent back an ICMP port-unreachable", self.peer),
            "Its host is there, and no UDP server has that port. UDP itself has no refusal: across a network this \
             message often gets lost, and all there is then is silence.",
        )
    }

    /// Tells at once what is wrong, and goes on.
    fn complain(&mut self, trouble: &Trouble) {
        self.failed = true;
        say(format_args!("shout: {trouble}"));
    }

    fn tell(&self) -> Result<(), Trouble> {
        let reporter = self.options.telling.reporter();
        let Counts { sent, received, lost, late, duplicate, refused, round_trips } = &self.counts;
        let mut sorted = round_trips.clone();
        sorted.sort();
        let median = sorted.get(sorted.len() / 2).copied();
        if reporter.table {
            say(format_args!("peer                {}", self.peer));
            say(format_args!(
                "datagrams           {sent} sent, {received} answered, {lost} without an answer"
            ));
            say(format_args!(
                "replies             {late} late, {duplicate} twice, {refused} refusals by ICMP"
            ));
            if let Some(median) = median {
                say(format_args!("round trip          {} (median)", seconds(median)));
            }
        }
        reporter.tell_json(&json!({
            "protocol": "udp",
            "peer": self.peer.to_string(),
            "datagrams_sent": sent,
            "answered": received,
            "unanswered": lost,
            "late": late,
            "duplicate": duplicate,
            "refused": refused,
            "rtt_s": median.map(|time| time.as_secs_f64()),
        }))
    }
}

/// The largest payload: 65,535 bytes less the header of UDP and, over IPv4, that of IP.
fn largest(peer: SocketAddr) -> usize {
    if peer.is_ipv4() { 65_507 } else { 65_527 }
}

fn connect(peer: SocketAddr) -> io::Result<UdpSocket> {
    let socket = match peer {
        SocketAddr::V4(_) => UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?,
        SocketAddr::V6(_) => UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0))?,
    };
    socket.connect(peer)?;
    Ok(socket)
}

fn is_asked_at_a_terminal() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

fn print_reply(reply: &[u8]) -> Result<(), Trouble> {
    let prefix: &[u8] = if is_asked_at_a_terminal() { b"From Server: " } else { b"" };
    output::write(&[prefix, reply, b"\n"].concat())
}
