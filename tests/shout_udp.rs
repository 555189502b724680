//! `shout udp`: a datagram there and one back; and loss, a late reply, a second one, a wrong one and a
//! refusal, each told apart from the others.
#![cfg(feature = "client")]

#[path = "support/peers.rs"]
mod peers;
mod support;

use peers::*;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use support::*;

/// A server in a thread: where it is, and what it has seen.
fn behaving<T: Send + 'static>(
    behave: impl FnOnce(&UdpSocket) -> T + Send + 'static,
) -> (SocketAddr, JoinHandle<T>) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    (socket.local_addr().unwrap(), thread::spawn(move || behave(&socket)))
}

/// The next datagram, and whose it is.
fn next(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut room = vec![0; 65_536];
    let (count, source) = socket.recv_from(&mut room).expect("a datagram");
    room.truncate(count);
    (room, source)
}

/// Answers the next datagram with this, so many times.
fn answer(socket: &UdpSocket, times: usize, change: impl FnOnce(Vec<u8>) -> Vec<u8>) {
    let (bytes, source) = next(socket);
    let reply = change(bytes);
    (0..times).for_each(|_| assert_eq!(socket.send_to(&reply, source).unwrap(), reply.len()));
}

fn uppercase(bytes: Vec<u8>) -> Vec<u8> {
    bytes.to_ascii_uppercase()
}

/// A UDP port that nobody has for us, and that nobody gets meanwhile: its socket takes only what comes
/// from itself, so the kernel refuses the rest.
fn refusing_udp() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    socket.connect(address).unwrap();
    (socket, address)
}

/// Runs `shout udp`.
fn udp(address: SocketAddr, rest: &[&str]) -> Outcome {
    talk("udp", address, rest)
}

/// The figures that `--json` has written.
fn figures(outcome: &Outcome) -> Value {
    let line = outcome.stderr.lines().find(|line| line.starts_with('{')).expect("a line of JSON");
    serde_json::from_str(line).unwrap()
}

#[test]
fn each_message_is_a_datagram_and_so_is_each_reply() {
    let (address, server) = behaving(|socket| {
        let messages: Vec<Vec<u8>> = (0..4)
            .map(|_| {
                let (bytes, source) = next(socket);
                socket.send_to(&uppercase(bytes.clone()), source).unwrap();
                bytes
            })
            .collect();
        messages
    });
    let outcome = udp(address, &["--check", "hello", "two words", "", "Grüße"]);
    assert_eq!(outcome.printed(), "HELLO\nTWO WORDS\n\nGRüßE\n");
    assert_eq!(outcome.stderr, "");
    assert_eq!(
        server.join().unwrap(),
        ["hello", "two words", "", "Grüße"].map(|text| text.as_bytes().to_vec())
    );
}

#[test]
fn shoutd_answers_on_both_kinds_of_address_and_to_a_name() {
    let server = Shoutd::start(&["--udp", "127.0.0.1:0", "--udp", "[::1]:0"]);
    let [four, six] = [0, 1].map(|n| server.nth("udp", n).port().to_string());
    for (host, port) in [("localhost", &four), ("127.0.0.1", &four), ("::1", &six), ("[::1]", &six)] {
        let outcome = run(&["udp", host, port, "--check", "--times", "2", "hello", ""]);
        assert_eq!(outcome.printed(), "HELLO\nHELLO\n\n\n", "{host}");
    }
    run(&["udp", "no..such..host", &four, "hello"]).fails(&["no..such..host"]);
}

#[test]
fn each_line_of_the_input_is_a_datagram() {
    let server = Shoutd::start(&["--udp", "0"]);
    let outcome = stream("udp", server.udp(), &["--check"], b"hello\n\nlast, without a newline".to_vec());
    assert_eq!(outcome.printed(), "HELLO\n\nLAST, WITHOUT A NEWLINE\n");
    assert_eq!(stream("udp", server.udp(), &[], Vec::new()).printed(), "");
    let noise: Vec<u8> = noise(5, 60_000).into_iter().filter(|&byte| byte != b'\n').collect();
    let outcome = stream("udp", server.udp(), &["--check"], noise.clone());
    assert!(outcome.status == Some(0) && outcome.stdout == [&noise.to_ascii_uppercase()[..], b"\n"].concat());
}

#[test]
fn a_reply_to_a_line_is_printed_before_the_next_line_is_there() {
    let server = Shoutd::start(&["--udp", "0"]);
    let mut shout = Running::start("udp", server.udp(), &[]);
    shout.stdin().write_all(b"hello\n").unwrap();
    assert_eq!(shout.reads(6), b"HELLO\n");
    assert_eq!(shout.finish().printed(), "");
}

#[test]
fn a_datagram_without_a_reply_is_lost_and_the_next_is_sent_all_the_same() {
    let (address, server) = behaving(|socket| {
        next(socket);
        answer(socket, 1, uppercase);
    });
    let start = Instant::now();
    let outcome = udp(address, &["--timeout", "300ms", "--json", "first", "second"]);
    assert!(start.elapsed() >= Duration::from_millis(300));
    assert_eq!((outcome.status, &*outcome.stdout), (Some(1), &b"SECOND\n"[..]));
    let told = format!("shout: no reply from {address} within 300.0 ms");
    assert_eq!(outcome.stderr.matches("shout: ").count(), 1, "{outcome:?}");
    assert!(outcome.stderr.contains(&told) && outcome.stderr.contains("nobody could refuse"), "{outcome:?}");
    let figures = figures(&outcome);
    let counts = ["datagrams_sent", "answered", "unanswered", "late", "duplicate", "refused"];
    assert_eq!(counts.map(|name| figures[name].as_u64().unwrap()), [2, 1, 1, 0, 0, 0]);
    server.join().unwrap();
}

#[test]
fn a_loss_is_told_when_it_happens() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let mut child = shout(&line("udp", address, &["--timeout", "200ms"])).spawn().unwrap();
    let (mut stdin, stderr) = (child.stdin.take().unwrap(), child.stderr.take().unwrap());
    stdin.write_all(b"hello\n").unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let mut start = [0; 20];
        let mut stderr = stderr;
        stderr.read_exact(&mut start).map(|()| tell.send(start)).unwrap().unwrap();
    });
    // The input is still open: it isn't told at the end.
    assert_eq!(&told.recv_timeout(PATIENCE).expect("a complaint"), b"shout: no reply from");
    drop(stdin);
    assert_eq!(finish(child).status, Some(1));
}

#[test]
fn a_late_reply_is_told_from_a_lost_one_and_from_the_reply_that_is_awaited() {
    let (address, server) = behaving(|socket| {
        let (first, source) = next(socket);
        let (second, _) = next(socket); // sent when the first one's time was up
        socket.send_to(&uppercase(first), source).unwrap();
        socket.send_to(&uppercase(second), source).unwrap();
    });
    let outcome = udp(address, &["--timeout", "300ms", "--check", "--json", "first", "second"]);
    assert_eq!((outcome.status, &*outcome.stdout), (Some(1), &b"SECOND\n"[..]), "{outcome:?}");
    assert!(outcome.stderr.contains("a reply came late"), "{outcome:?}");
    let figures = figures(&outcome);
    assert_eq!(["answered", "late", "duplicate"].map(|name| figures[name].as_u64().unwrap()), [1, 1, 0]);
    server.join().unwrap();
}

#[test]
fn a_reply_that_comes_twice_is_told_and_not_taken_for_the_next() {
    let (address, server) = behaving(|socket| {
        answer(socket, 2, uppercase);
        answer(socket, 1, uppercase);
    });
    let outcome = udp(address, &["--check", "--json", "first", "second"]);
    assert_eq!((outcome.status, &*outcome.stdout), (Some(0), &b"FIRST\nSECOND\n"[..]), "{outcome:?}");
    assert!(outcome.stderr.contains("a reply came twice"), "{outcome:?}");
    let figures = figures(&outcome);
    assert_eq!(["answered", "late", "duplicate"].map(|name| figures[name].as_u64().unwrap()), [2, 0, 1]);
    server.join().unwrap();
}

#[test]
fn a_refusal_by_icmp_is_no_loss() {
    let (_socket, address) = refusing_udp();
    let outcome = udp(address, &["--json", "hello"]);
    assert_eq!((outcome.status, &*outcome.stdout), (Some(1), &b""[..]));
    let told = format!("shout: {address} sent back an ICMP port-unreachable\n");
    assert!(outcome.stderr.contains(&told) && !outcome.stderr.contains("no reply"), "{outcome:?}");
    let figures = figures(&outcome);
    assert_eq!(["unanswered", "refused"].map(|name| figures[name].as_u64().unwrap()), [0, 1]);
    udp(address, &["hello"]).fails(&[&address.to_string(), "no UDP server has that port"]);
}

#[test]
fn every_refusal_is_told_and_the_rest_is_sent_all_the_same() {
    let (_socket, address) = refusing_udp();
    let outcome = udp(address, &["a", "b", "c"]);
    assert_eq!(outcome.status, Some(1));
    assert_eq!(outcome.stderr.matches("port-unreachable").count(), 3, "{outcome:?}");
    assert_eq!(outcome.lines().len(), 6, "{outcome:?}");
}

#[test]
fn check_finds_a_wrong_reply() {
    let echo = || behaving(|socket| answer(socket, 1, |bytes| bytes));
    let (address, server) = echo();
    let outcome = udp(address, &["--check", "hello"]);
    assert_eq!(outcome.stdout, b"hello\n");
    outcome.fails(&[&address.to_string(), "not the uppercase"]);
    server.join().unwrap();
}

#[test]
fn a_wrong_reply_is_told_and_the_rest_is_sent_all_the_same() {
    let (address, server) = behaving(|socket| {
        answer(socket, 1, |bytes| bytes);
        answer(socket, 1, uppercase);
        answer(socket, 1, |_| b"TOO LONG".to_vec());
    });
    let outcome = udp(address, &["first", "second", "third"]);
    assert_eq!((outcome.status, &*outcome.stdout), (Some(1), &b"first\nSECOND\nTOO LONG\n"[..]));
    assert_eq!(outcome.stderr.matches("not the uppercase of what was sent").count(), 2, "{outcome:?}");
    assert!(outcome.stderr.contains("echo"), "{outcome:?}");
    server.join().unwrap();
}

#[test]
fn a_datagram_that_answers_nothing_is_told() {
    // Behind the last reply, and before the next message.
    for messages in [&["hello"][..], &["--every", "300ms", "hello", "again"]] {
        let (address, server) = behaving(move |socket| {
            let (bytes, source) = next(socket);
            for reply in [uppercase(bytes), b"AND MORE".to_vec()] {
                socket.send_to(&reply, source).unwrap();
            }
            if messages.len() > 1 {
                answer(socket, 1, uppercase);
            }
        });
        let outcome = udp(address, messages);
        assert_eq!(outcome.status, Some(1), "{outcome:?}");
        assert!(!String::from_utf8_lossy(&outcome.stdout).contains("MORE"), "{outcome:?}");
        for part in ["more came", "than was expected", "AND MORE"] {
            assert!(outcome.stderr.contains(part), "{outcome:?}");
        }
        server.join().unwrap();
    }
}

#[test]
fn a_server_that_goes_by_a_language_is_one_of_the_kind() {
    let learned = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().to_uppercase().into_bytes();
    let (address, server) = behaving(move |socket| (0..3).for_each(|_| answer(socket, 1, learned)));
    assert_eq!(udp(address, &["Grüße", "ﬁn"]).printed(), "GRÜSSE\nFIN\n");
    udp(address, &["--check", "Grüße"]).fails(&["wrong at byte 3"]);
    server.join().unwrap();
}

#[test]
fn a_message_too_large_for_a_datagram_is_not_sent() {
    let server = Shoutd::start(&["--udp", "127.0.0.1:0", "--udp", "[::1]:0"]);
    // RFC 768 and RFC 8200: 65,535 bytes less the headers; those of IPv6 don't count.
    for (address, largest) in [(server.nth("udp", 0), 65_507), (server.nth("udp", 1), 65_527)] {
        let outcome = udp(address, &["--check", &"a".repeat(largest)]);
        assert_eq!(outcome.printed(), "A".repeat(largest) + "\n");
        let outcome = udp(address, &["first", &"a".repeat(largest + 1)]);
        assert_eq!(outcome.stdout, b"FIRST\n");
        outcome.fails(&[&format!("{} bytes", largest + 1), &largest.to_string()]);
    }
}

#[test]
fn the_report_counts_what_has_happened() {
    let server = Shoutd::start(&["--udp", "0"]);
    let outcome = udp(server.udp(), &["--report", "--json=-", "--times", "3", "--every", "50ms", "hello"]);
    assert_eq!(outcome.status, Some(0));
    let told = outcome.stderr.replace(' ', "");
    for part in [&format!("peer{}\n", server.udp()), "datagrams3sent,3answered,0", "replies0late,0twice"] {
        assert!(told.contains(part), "{outcome:?}");
    }
    let printed = String::from_utf8(outcome.stdout).unwrap();
    let (replies, json) = printed.split_at(18);
    assert_eq!(replies, "HELLO\n".repeat(3));
    let figures: Value = serde_json::from_str(json).unwrap();
    assert_eq!(figures["protocol"], "udp");
    assert_eq!(figures["peer"], server.udp().to_string());
    let round_trip = figures["rtt_s"].as_f64().unwrap();
    assert!(round_trip > 0.0 && round_trip < 2.0, "{round_trip}");
}

#[test]
fn a_broadcast_address_is_named_so() {
    run(&["udp", "255.255.255.255:12000", "hello"]).fails(&["255.255.255.255:12000", "broadcast"]);
}

#[test]
fn wrong_usage_is_explained_with_status_2() {
    for arguments in [
        &["udp"][..],
        &["udp", "localhost"],
        &["udp", "localhost", "-1"],
        &["udp", "localhost", "65536", "x"],
        &["udp", "localhost", "1", "--times", "0", "x"],
        &["udp", "localhost", "1", "--timeout", "0s", "x"],
        &["udp", "localhost", "1", "--at-once", "x"],
    ] {
        run(arguments).is_wrong_usage();
    }
}
