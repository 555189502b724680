//! CVE-2024-2169: a forged datagram must not make two services answer each other for ever, nor make this
//! one answer to where an answer does harm.
//!
//! Forging a source takes a raw socket, so most of it needs root or CAP_NET_RAW. What the server did is
//! read from its log, each line of which stands for one batch (`sent`) or one datagram (`no answer to`).

#[path = "udp_loops/services.rs"]
mod services;
mod support;

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};
use support::*;

/// Sends datagrams whose source is made up.
struct Forger(Socket);

impl Forger {
    /// `None` where that is not allowed.
    fn new() -> Option<Forger> {
        let raw = Protocol::from(255); // IPPROTO_RAW, raw(7): we write the IP header ourselves.
        match Socket::new(Domain::IPV4, Type::RAW, Some(raw)) {
            Ok(socket) => Some(Forger(socket)),
            Err(error) => {
                skip(&format!("forging a source takes a raw socket: {error}"));
                None
            }
        }
    }

    fn send(&self, source: SocketAddrV4, target: SocketAddr, payload: &[u8]) {
        let SocketAddr::V4(target) = target else { panic!("only IPv4 is forged") };
        let length = |headers: usize| u16::try_from(headers + payload.len()).unwrap().to_be_bytes();
        let mut packet = vec![0x45, 0]; // Version 4, a header of five words.
        packet.extend(length(28));
        packet.extend([0, 0, 0, 0, 64, 17, 0, 0]); // TTL, UDP; the kernel adds the checksum.
        packet.extend(source.ip().octets());
        packet.extend(target.ip().octets());
        packet.extend(source.port().to_be_bytes());
        packet.extend(target.port().to_be_bytes());
        packet.extend(length(8));
        packet.extend([0, 0]); // No UDP checksum, which IPv4 allows.
        packet.extend(payload);
        let count = self.0.send_to(&packet, &SocketAddr::from(target).into()).expect("a raw packet");
        assert_eq!(count, packet.len());
    }
}

fn v4(address: SocketAddr) -> SocketAddrV4 {
    let SocketAddr::V4(address) = address else { panic!("{address} is not IPv4") };
    address
}

/// How many datagrams a server has sent and how many it refused to answer, as far as it has told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Told {
    sent: usize,
    refused: usize,
}

impl Told {
    fn hear(&mut self, line: &str) {
        if let Some((_, after)) = line.split_once("sent ") {
            self.sent += after.split_once(' ').expect("a number").0.parse::<usize>().expect("a number");
        }
        self.refused += usize::from(line.contains("no answer to"));
    }

    /// Stops the server and hears all that it has to tell until then.
    fn to_the_end(mut self, server: &Shoutd) -> Told {
        server.signal("TERM");
        loop {
            let line = server.stderr_line();
            if line.contains("stopping") {
                return self;
            }
            self.hear(&line);
        }
    }
}

/// Asks for one ordinary answer, so that whatever was sent before has been dealt with.
fn exchange_datagrams(address: SocketAddr) {
    let socket = udp_to(address);
    socket.send(b"an ordinary one").unwrap();
    assert_eq!(udp_reply(&socket), b"AN ORDINARY ONE");
}

/// Sends datagrams to the first of two servers as if they came from the second, or to both in turn, lets
/// them fly until all is quiet, and returns what both told and how long it took.
fn let_fly(datagrams: &[Vec<u8>], to_both: bool) -> Option<(Told, Duration)> {
    let forger = Forger::new()?;
    let servers = [(); 2].map(|()| Shoutd::start(&["--udp", "0", "--log", "trace"]));
    servers.iter().for_each(|server| server.signal("STOP"));
    for (n, datagram) in datagrams.iter().enumerate() {
        let to = if to_both { n % 2 } else { 0 };
        forger.send(v4(servers[1 - to].udp()), servers[to].udp(), datagram);
    }
    servers.iter().for_each(|server| server.signal("CONT"));
    let start = Instant::now();
    let mut told = [Told::default(); 2];
    let mut before = None;
    loop {
        for (told, server) in told.iter_mut().zip(&servers) {
            server.said().iter().for_each(|line| told.hear(line));
        }
        let now = Some((told, servers.each_ref().map(Shoutd::cpu_ticks)));
        if now == before && told[0].sent > 0 {
            break;
        }
        before = now;
        assert!(start.elapsed() < 2 * PATIENCE, "they still answer each other: {told:?}");
        // A second without a datagram and without work: that it passes is what is tested.
        thread::sleep(Duration::from_secs(1));
    }
    let [one, other] = [0, 1].map(|n| told[n].to_the_end(&servers[n]));
    Some((Told { sent: one.sent + other.sent, refused: one.refused + other.refused }, start.elapsed()))
}

/// Lets different datagrams fly and checks that each of them died after its burst.
fn assert_each_dies(count: usize) {
    // In letters, since a number would be no difference.
    let word = |n: usize| [b'a' + (n / 20) as u8, b'a' + (n % 20) as u8];
    let datagrams: Vec<Vec<u8>> = (0..count).map(|n| [b"datagram ", &word(n)[..]].concat()).collect();
    let Some((told, time)) = let_fly(&datagrams, false) else { return };
    // The first answer; 65 answers of the other; 65 more of the first, and then the other is silent. Each
    // of them may earn one more a second.
    let fewest = 1 + 65 + 65;
    let most = fewest + 2 * (time.as_secs() as usize + 2);
    assert_eq!(told.refused, count, "each ends by a refusal: {told:?}");
    assert!((count * fewest..=count * most).contains(&told.sent), "{told:?} after {time:?}");
}

#[test]
fn one_or_two_forged_datagrams_between_two_servers_die_out() {
    assert_each_dies(1);
    assert_each_dies(2);
}

#[test]
fn twenty_forged_datagrams_between_two_servers_die_out() {
    assert_each_dies(20);
}

#[test]
fn three_hundred_forged_datagrams_die_out_without_hiding_each_other() {
    // As many as fit any receive buffer, so that none is lost.
    assert_each_dies(300);
}

#[test]
fn the_same_datagram_forged_twenty_times_dies_out_as_one() {
    let Some((told, time)) = let_fly(&vec![b"HELLO".to_vec(); 20], false) else { return };
    assert_eq!(told.refused, 20, "{told:?}");
    assert!(told.sent <= 2 * (65 + time.as_secs() as usize + 2), "{told:?} after {time:?}");
}

#[test]
fn an_empty_forged_datagram_dies_out() {
    let Some((told, _)) = let_fly(&[Vec::new()], false) else { return };
    assert_eq!(told.refused, 1, "{told:?}");
}

#[test]
fn as_many_forged_datagrams_as_both_receive_buffers_hold_die_out() {
    let datagrams: Vec<Vec<u8>> = (0..8000).map(|n| format!("DATAGRAM {n}").into_bytes()).collect();
    let Some((told, _)) = let_fly(&datagrams, true) else { return };
    assert!(told.sent > 200 * 65, "that was no storm: {told:?}");
}

#[test]
fn source_ports_below_1024_get_no_reply() {
    let server = Shoutd::start(&["--udp", "0"]);
    let on = |port: u16| UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).ok();
    let Some(service) = (900..1024).rev().find_map(on) else {
        return skip("a source port below 1024 takes root");
    };
    let ordinary = (1024..2048).find_map(on).expect("a port from 1024 up");
    for datagram in [&b"hello"[..], b"HELLO", b""] {
        service.send_to(datagram, server.udp()).unwrap();
    }
    ordinary.send_to(b"hello", server.udp()).unwrap();
    ordinary.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(udp_reply(&ordinary), b"HELLO", "ports from 1024 up are answered");
    assert!(has_no_datagram(&service), "a port below 1024 was answered");
}

#[test]
fn ports_of_our_own_get_no_reply_on_another_host_either() {
    let server = Shoutd::start(&["--udp", "127.0.0.1:0", "--udp", "127.0.0.1:0"]);
    for own in [server.nth("udp", 0), server.nth("udp", 1)] {
        let twin = UdpSocket::bind((Ipv4Addr::new(127, 0, 0, 2), own.port())).expect("a port of 127.0.0.2");
        for target in [server.nth("udp", 0), server.nth("udp", 1)] {
            twin.send_to(b"hello", target).unwrap();
            exchange_datagrams(target);
        }
        assert!(has_no_datagram(&twin), "a port of our own was answered");
    }
}

#[test]
fn datagrams_without_a_reply_do_not_hold_up_those_behind_them() {
    let server = Shoutd::start(&["--udp", "127.0.0.1:0"]);
    let twin =
        UdpSocket::bind((Ipv4Addr::new(127, 0, 0, 2), server.udp().port())).expect("a port of 127.0.0.2");
    let ordinary = udp_to(server.udp());
    // More than a turn takes. As nothing is sent, no event comes of it: the rest waits in our own queue.
    server.signal("STOP");
    (0..300).for_each(|_| assert_eq!(twin.send_to(b"hello", server.udp()).unwrap(), 5));
    ordinary.send(b"hello").unwrap();
    server.signal("CONT");
    assert_eq!(udp_reply(&ordinary), b"HELLO");
}

#[test]
fn two_sockets_of_one_server_do_not_answer_each_other() {
    let Some(forger) = Forger::new() else { return };
    let server = Shoutd::start(&["--udp", "0", "--udp", "0", "--log", "trace"]);
    let (one, other) = (server.nth("udp", 0), server.nth("udp", 1));
    forger.send(v4(other), one, b"hello");
    forger.send(v4(one), one, b"hello");
    exchange_datagrams(one);
    exchange_datagrams(other);
    let told = Told::default().to_the_end(&server);
    assert_eq!(told, Told { sent: 2, refused: 2 }, "only the ordinary datagrams are answered");
}

#[test]
fn sources_that_are_no_single_host_get_no_reply_and_do_no_harm() {
    let Some(forger) = Forger::new() else { return };
    for listener in ["0", "0.0.0.0:0", ":0"] {
        let server = Shoutd::start(&["--udp", listener, "--log", "trace"]);
        let one = UdpSocket::bind("127.0.0.1:0").unwrap();
        one.set_read_timeout(Some(PATIENCE)).unwrap();
        // All in one batch, so that the answers around those that can't be sent must survive.
        server.signal("STOP");
        let sources = [[224, 0, 0, 1], [239, 9, 9, 9], [255, 255, 255, 255]];
        let hopeless = [[127, 255, 255, 255], [0, 0, 0, 1], [240, 0, 0, 1]];
        for source in sources.into_iter().chain(hopeless) {
            forger.send(SocketAddrV4::new(source.into(), 5000), server.udp(), b"hello");
            one.send_to(b"hello", server.udp()).unwrap();
        }
        server.signal("CONT");
        for _ in 0..6 {
            assert_eq!(udp_reply(&one), b"HELLO", "the answers around them");
        }
        let told = Told::default().to_the_end(&server);
        assert_eq!(told, Told { sent: 6, refused: 3 }, "{listener}");
    }
}

/// A socket that may send to everybody, from one address.
fn to_all() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_broadcast(true).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

#[test]
fn what_was_sent_to_a_broadcast_address_gets_no_reply() {
    for listener in [":0", "0.0.0.0:0"] {
        let server = Shoutd::start(&["--udp", listener, "--log", "debug"]);
        let socket = to_all();
        socket.send_to(b"to all", ("127.255.255.255", server.udp().port())).unwrap();
        server.wait_for_log("no answer to");
        socket.send_to(b"to you", server.udp()).unwrap();
        assert_eq!(udp_reply(&socket), b"TO YOU", "{listener}");
        assert!(has_no_datagram(&socket), "a broadcast was answered");
    }
}

#[test]
fn a_socket_on_a_broadcast_address_is_refused_or_answers_nobody() {
    let mut child = command(&["--udp", "127.255.255.255:0"]).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let _ = child.kill();
    let status = child.wait().unwrap();
    if line.is_empty() {
        return assert_eq!(status.code(), Some(1), "it can't run, and says so");
    }
    let server = Shoutd::start(&["--udp", "127.255.255.255:0", "--log", "debug"]);
    to_all().send_to(b"to all", server.udp()).unwrap();
    server.wait_for_log("no answer to");
}

#[test]
fn what_was_sent_to_a_multicast_group_gets_no_reply() {
    let group = Ipv4Addr::new(239, 83, 72, 79);
    let member = UdpSocket::bind("127.0.0.1:0").unwrap();
    let socket = to_all();
    let joined = member.join_multicast_v4(&group, &Ipv4Addr::LOCALHOST);
    if let Err(error) = joined.and_then(|()| SockRef::from(&socket).set_multicast_if_v4(&Ipv4Addr::LOCALHOST))
    {
        return skip(&format!("no group can be joined on the loopback interface: {error}"));
    }
    // Whoever is bound to every interface gets what any process on it has joined (ip(7)).
    let server = Shoutd::start(&["--udp", "0.0.0.0:0", "--log", "debug"]);
    socket.send_to(b"to the group", (group, server.udp().port())).unwrap();
    socket.send_to(b"to you", server.udp()).unwrap();
    assert_eq!(udp_reply(&socket), b"TO YOU");
    assert!(has_no_datagram(&socket), "a group was answered");
    server.wait_for_log("no answer to");
}

/// Sends `HELLO` over and over, and after each few something from elsewhere, to know what has been dealt with.
/// Returns how many were answered.
fn repeat(socket: &UdpSocket, times: usize) -> usize {
    let mut answered = 0;
    for n in 0..times {
        socket.send(b"HELLO").unwrap();
        if n % 20 == 19 || n + 1 == times {
            exchange_datagrams(socket.peer_addr().unwrap());
            answered += std::iter::from_fn(|| (!has_no_datagram(socket)).then_some(())).count();
        }
    }
    answered
}

#[test]
fn the_same_capitals_from_one_source_are_answered_65_times_and_then_once_a_second() {
    let server = Shoutd::start(&["--udp", "0"]);
    let (socket, stranger) = (udp_to(server.udp()), udp_to(server.udp()));
    let start = Instant::now();
    let burst = repeat(&socket, 500);
    let spent = Instant::now();
    let earned = start.elapsed().as_secs() as usize + 1;
    assert!((65..=65 + earned).contains(&burst), "{burst} of a burst were answered");

    // Others don't pay for it: neither another source nor other words of this one.
    assert_eq!(repeat(&stranger, 65), 65);
    socket.send(b"GOODBYE").unwrap();
    assert_eq!(udp_reply(&socket), b"GOODBYE");

    let mut answered = 0;
    while spent.elapsed() < Duration::from_secs(4) {
        thread::sleep(Duration::from_millis(50)); // Time earns answers: that is what is tested.
        answered += repeat(&socket, 3);
    }
    let most = spent.elapsed().as_secs() as usize + 1;
    assert!((3..=most).contains(&answered), "{answered} in {:?}", spent.elapsed());
}
