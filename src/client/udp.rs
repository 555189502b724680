//! The UDP client: a datagram there, a datagram back, or an explanation why not.
//!
//! The socket is connected, which sends nothing: it only makes the kernel pass on datagrams of this one
//! peer, and its host's ICMP refusals. Replies carry no number, so they are told apart by their content:
//! an uppercase server's reply is known beforehand.

use super::options::Udp;
use super::report::seconds;
use super::resolve;
use super::trouble::{Trouble, plain, say};
use crate::uppercase::uppercase;
use serde_json::json;
use std::io::{self, BufRead, ErrorKind, IsTerminal, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

/// The largest payload over IPv4: 65,535 bytes less the headers of IP and UDP.
const LARGEST: usize = 65_507;

/// Earlier datagrams whose replies are still recognised when they come late or twice.
const REMEMBERED: usize = 64;

/// Round trips that the median is taken from: the first so many.
const SAMPLES: usize = 10_000;

struct Client<'a> {
    options: &'a Udp,
    socket: UdpSocket,
    peer: SocketAddr,
    /// The replies to the last datagrams, and whether they have come.
    earlier: Vec<(Vec<u8>, bool)>,
    counts: Counts,
    last: Option<Trouble>,
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
    let result = client.converse();
    client.tell()?;
    result?;
    match client.last.take() {
        Some(trouble) => Err(trouble),
        None => Ok(()),
    }
}

impl Client<'_> {
    fn open(options: &Udp) -> Result<Client<'_>, Trouble> {
        let addresses = resolve::addresses(&options.peer.host, options.peer.port)?;
        let mut failure = None;
        for peer in addresses {
            match connect(peer) {
                Ok(socket) => {
                    let (earlier, counts) = (Vec::new(), Counts::default());
                    return Ok(Client { options, socket, peer, earlier, counts, last: None });
                }
                Err(error) => failure = Some((peer, error)),
            }
        }
        let why = failure.map_or(String::new(), |(peer, error)| format!("{peer}: {}", plain(&error)));
        Err(Trouble::new(format!("can't open a UDP socket for {why}"), "Check the address."))
    }

    fn converse(&mut self) -> Result<(), Trouble> {
        let options = self.options;
        if !options.messages.is_empty() {
            for message in &options.messages {
                for _ in 0..options.times {
                    self.exchange(message.as_bytes())?;
                }
            }
            return Ok(());
        }
        let asks = io::stdin().is_terminal();
        let mut input = io::stdin().lock();
        loop {
            if asks {
                let mut out = io::stdout();
                let asked = out.write_all(b"Input lowercase sentence: ").and_then(|()| out.flush());
                asked.map_err(|error| Trouble::output(&error))?;
            }
            let mut line = Vec::new();
            let count = input.read_until(b'\n', &mut line).map_err(|error| Trouble::input(&error))?;
            if count == 0 {
                return Ok(());
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
        if self.counts.sent > 0 && !self.options.every.is_zero() {
            thread::sleep(self.options.every);
        }
        if message.len() > LARGEST {
            return Err(Trouble::new(
                format!("{} bytes don't fit one datagram: {LARGEST} do", message.len()),
                "UDP sends each message in one piece or not at all. TCP takes any length.",
            ));
        }
        let start = Instant::now();
        if let Err(error) = self.socket.send(message) {
            // It may be the refusal of an earlier one, which the kernel reports at the next call.
            if error.kind() != ErrorKind::ConnectionRefused {
                return Err(Trouble::new(format!("can't send to {}: {}", self.peer, plain(&error)), ""));
            }
            self.socket.send(message).map_err(|error| self.refused(&error))?;
        }
        self.counts.sent += 1;
        let mut expected = message.to_vec();
        uppercase(&mut expected);
        let answered = self.await_reply(&expected, start)?;
        self.earlier.push((expected, answered));
        if self.earlier.len() > REMEMBERED {
            self.earlier.remove(0);
        }
        Ok(())
    }

    fn await_reply(&mut self, expected: &[u8], start: Instant) -> Result<bool, Trouble> {
        let mut room = vec![0; LARGEST + 1];
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
                    self.complain(trouble);
                    return Ok(false);
                }
            };
            if reply != expected && self.was_earlier(reply) {
                continue;
            }
            self.counts.received += 1;
            if self.counts.round_trips.len() < SAMPLES {
                self.counts.round_trips.push(start.elapsed());
            }
            print_reply(reply)?;
            if self.options.check && reply != expected {
                return Err(Trouble::new(
                    "the reply is not the uppercase of what was sent",
                    "Uppercase changes a-z to A-Z and nothing else; or another service listens there.",
                ));
            }
            return Ok(true);
        }
    }

    /// Whether a reply belongs to an earlier datagram: late, or a second time.
    fn was_earlier(&mut self, reply: &[u8]) -> bool {
        let Some((_, answered)) = self.earlier.iter_mut().rev().find(|(expected, _)| expected == reply)
        else {
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
             there. Nobody sends it again; start the server first, check the port, or wait longer (--timeout).",
        );
        self.complain(trouble);
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

    /// Tells what is wrong at once, and keeps the last complaint for the end.
    fn complain(&mut self, trouble: Trouble) {
        if let Some(earlier) = self.last.replace(trouble) {
            say(format_args!("shout: {earlier}"));
        }
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

fn connect(peer: SocketAddr) -> io::Result<UdpSocket> {
    let socket = match peer {
        SocketAddr::V4(_) => UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?,
        SocketAddr::V6(_) => UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0))?,
    };
    socket.connect(peer)?;
    Ok(socket)
}

fn print_reply(reply: &[u8]) -> Result<(), Trouble> {
    let mut out = io::stdout().lock();
    let prefix: &[u8] = if io::stdin().is_terminal() && out.is_terminal() { b"From Server: " } else { b"" };
    let written =
        out.write_all(prefix).and_then(|()| out.write_all(reply)).and_then(|()| out.write_all(b"\n"));
    written.and_then(|()| out.flush()).map_err(|error| Trouble::output(&error))
}
