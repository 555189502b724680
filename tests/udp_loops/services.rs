//! Real services that answer whatever they get, and real clients that look much like them.
//!
//! A service begins by sending a datagram itself, as if it answered one that somebody forged.

use crate::support::*;
use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

/// What a service answers to its `n`th datagram.
type Service = fn(usize, &[u8]) -> Vec<u8>;

const SERVICES: [(&str, Service); 7] = [
    ("a fixed text", |_, _| b"error: unknown command".to_vec()),
    ("a counter", |n, _| format!("error {n}: unknown command").into_bytes()),
    ("only a counter", |n, _| n.to_string().into_bytes()),
    ("what it got in small letters", |_, got| got.to_ascii_lowercase()),
    ("what it got behind some words", |_, got| [b"you said: ", &got[..got.len().min(50_000)]].concat()),
    ("the same, cut", |_, got| [b"you said: ", &got[..got.len().min(90)]].concat()),
    ("some of what it got and a number", |n, got| {
        [&got[..got.len().min(500)], format!(" is no command ({n})").as_bytes()].concat()
    }),
];

/// Answers on `socket` until nothing has come for a second. Returns how many datagrams came.
fn serve(socket: &UdpSocket, service: Service) -> usize {
    socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let end = Instant::now() + PATIENCE;
    let mut buffer = vec![0; 65_536];
    let mut count = 0;
    loop {
        match socket.recv(&mut buffer) {
            Ok(length) => {
                count += 1;
                // As long as it can: what is too long for a datagram ends the loop as well.
                let _ = socket.send(&service(count, &buffer[..length]));
            }
            Err(_) => return count,
        }
        assert!(Instant::now() < end, "{count} rounds, and no end");
    }
}

fn fall_silent(server: SocketAddr, flying: usize) {
    thread::scope(|scope| {
        for (name, service) in SERVICES {
            scope.spawn(move || {
                let socket = udp_to(server);
                let start = Instant::now();
                for n in 0..flying {
                    socket.send(&[b"hello ", &[b'a' + n as u8][..]].concat()).unwrap();
                }
                let count = serve(&socket, service);
                let time = start.elapsed() - Duration::from_secs(1);
                assert!(count > 64, "{name}: only {count} rounds: that was no loop");
                // The loop itself lasts a second or so; the rest is for a busy machine.
                assert!(time < Duration::from_secs(4), "{name}: {count} rounds in {time:?}");
            });
        }
    });
}

#[test]
fn any_service_that_answers_everything_falls_silent() {
    let server = Shoutd::start(&["--udp", "0"]);
    fall_silent(server.udp(), 1);
}

#[test]
fn several_datagrams_between_two_services_do_not_keep_each_other_alive() {
    let server = Shoutd::start(&["--udp", "0"]);
    fall_silent(server.udp(), 20);
}

#[test]
fn three_services_in_a_ring_fall_silent() {
    // Each of the other two passes on to its neighbour what it got, and what comes back to us is answered.
    let server = Shoutd::start(&["--udp", "0"]);
    let ring: Vec<UdpSocket> = (0..2).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    ring.iter().for_each(|socket| socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap());
    let places: Vec<SocketAddr> = ring.iter().map(|socket| socket.local_addr().unwrap()).collect();
    let server = server.udp();
    ring[0].send_to(b"hello", server).unwrap();
    let relay = |n: usize| {
        let (mut buffer, mut count) = ([0; 2048], 0);
        let end = Instant::now() + PATIENCE;
        while let Ok((length, from)) = ring[n].recv_from(&mut buffer) {
            let to = if from == server { places[1 - n] } else { server };
            let said = [b"please: ", &buffer[..length.min(1000)]].concat();
            ring[n].send_to(&said, to).unwrap();
            count += 1;
            assert!(Instant::now() < end, "{count} rounds, and no end");
        }
        count
    };
    thread::scope(|scope| {
        let other = scope.spawn(|| relay(1));
        assert!(relay(0) + other.join().unwrap() > 64, "that was no ring");
    });
}

/// Sends datagrams with `window` of them under way, and counts the replies, each of which must be right.
fn exchange(server: SocketAddr, count: u32, window: u32, content: impl Fn(u32) -> Vec<u8>) {
    let socket = udp_to(server);
    (0..window).for_each(|n| assert!(socket.send(&content(n)).is_ok()));
    for n in 0..count {
        assert!(udp_reply(&socket) == content(n).to_ascii_uppercase(), "reply {n}");
        socket.send(&content(n + window)).unwrap();
    }
}

/// Datagrams as load generators send them: a number, and text that differs.
fn numbered(n: u32, length: usize) -> Vec<u8> {
    [format!("{n:08X}").into_bytes(), noise(n.into(), length)].concat()
}

#[test]
fn different_datagrams_are_never_limited() {
    let server = Shoutd::start(&["--udp", "0"]);
    let address = server.udp();
    thread::scope(|scope| {
        scope.spawn(move || exchange(address, 40_000, 32, |n| numbered(n, 56)));
        scope.spawn(move || exchange(address, 20_000, 1, |n| numbered(n, 8).to_ascii_uppercase()));
        // Many clients behind one address: each has a port of its own.
        for client in 0..50 {
            scope.spawn(move || {
                exchange(address, 60, 1, |n| format!("client {client}: line {n}").into_bytes());
            });
        }
    });
}

#[test]
fn the_same_again_is_answered_a_few_times_a_second() {
    let server = Shoutd::start(&["--udp", "0"]);
    let socket = udp_to(server.udp());
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(4) {
        socket.send(b"status?").unwrap();
        assert_eq!(udp_reply(&socket), b"STATUS?");
        thread::sleep(Duration::from_millis(150)); // Its pace is what is tested.
    }
}

#[test]
fn a_numbered_list_is_answered_as_fast_as_it_comes() {
    let server = Shoutd::start(&["--udp", "0"]);
    // In one go, so that it doesn't take a second on a busy machine: as many as fit any receive buffer.
    let socket = udp_to(server.udp());
    server.signal("STOP");
    (0..200).for_each(|n| assert!(socket.send(format!("line {n}").as_bytes()).is_ok()));
    server.signal("CONT");
    (0..200).for_each(|n| assert_eq!(udp_reply(&socket), format!("LINE {n}").as_bytes()));
}
