//! Rows of the table: UDP uppercase.

use crate::support::*;
use crate::{Row, Who, row, start};

pub const ROWS: &[Row] = &[
    row("each datagram comes back by itself", datagrams),
    row("an empty datagram and the largest one come back too", extremes),
    row("what looks like an endless loop dies out", loops),
];

fn datagrams(who: Who) {
    let server = start(who, &["--udp", "0"]);
    let sockets = [udp_to(server.udp()), udp_to(server.udp())];
    for n in 0..100 {
        for (i, socket) in sockets.iter().enumerate() {
            socket.send(format!("datagram {n} of {i}").as_bytes()).unwrap();
        }
    }
    for n in 0..100 {
        for (i, socket) in sockets.iter().enumerate() {
            assert_eq!(udp_reply(socket), format!("DATAGRAM {n} OF {i}").as_bytes());
        }
    }
}

fn extremes(who: Who) {
    let server = start(who, &["--udp", "0"]);
    let socket = udp_to(server.udp());
    let largest = noise(4, 65_507);
    for message in [&b""[..], &largest, b"x"] {
        assert_eq!(socket.send(message).unwrap(), message.len());
        assert!(udp_reply(&socket) == message.to_ascii_uppercase(), "{} bytes", message.len());
    }
}

fn loops(who: Who) {
    let server = start(who, &["--udp", "0"]);
    let socket = udp_to(server.udp());
    // A burst in a second gets 65 replies, and one for each further second that it takes.
    let begin = std::time::Instant::now();
    for _ in 0..200 {
        socket.send(b"AGAIN").unwrap();
    }
    socket.send(b"the end").unwrap();
    let mut replies = 0;
    while udp_reply(&socket) != b"THE END" {
        replies += 1;
    }
    let seconds = begin.elapsed().as_secs() + 1;
    assert!((65..=65 + seconds).contains(&replies), "{replies} in {seconds} s");
}
