//! UDP uppercase from the outside: every size, every burst, every address, and peers that don't behave.
//!
//! Loopback delivers a datagram before `send` returns, so the order of things is known without waiting:
//! what was sent before a datagram that has been answered has itself been dealt with.

#[path = "support/faults.rs"]
mod faults;
mod support;

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use support::*;

/// The largest payload that an IPv4 datagram has room for.
const LARGEST: usize = 65_507;

/// Sends a datagram and returns the next reply.
fn ask(socket: &UdpSocket, content: &[u8]) -> Vec<u8> {
    assert_eq!(socket.send(content).expect("it can be sent"), content.len());
    udp_reply(socket)
}

/// All 256 bytes in turn, beginning with `first`.
fn all_bytes(first: usize, length: usize) -> Vec<u8> {
    (first..first + length).map(|n| n as u8).collect()
}

fn has_ipv6() -> bool {
    UdpSocket::bind("[::1]:0").is_ok()
}

#[test]
fn every_size_comes_back_whole_with_only_its_letters_changed() {
    let server = Shoutd::start(&["--udp", "0"]);
    let socket = udp_to(server.udp());
    let around = |n: usize| n - 2..=n + 2;
    let small = 0..=600;
    let edges = [1024, 1472, 1500, 2048, 4096, 9000, 16_384, 32_768, 65_000].into_iter().flat_map(around);
    for size in small.chain(edges).chain(LARGEST - 20..=LARGEST) {
        let datagram = all_bytes(size, size);
        assert!(ask(&socket, &datagram) == datagram.to_ascii_uppercase(), "{size} bytes");
    }
    for seed in 0..50 {
        let datagram = noise(seed, (seed as usize * 1_709) % LARGEST);
        assert!(ask(&socket, &datagram) == datagram.to_ascii_uppercase(), "seed {seed}");
    }
    assert_eq!(ask(&socket, "straße, naïve".as_bytes()), "STRAßE, NAïVE".as_bytes());
    assert!(has_no_datagram(&socket), "there are more replies than datagrams");
}

#[test]
fn an_empty_datagram_is_answered_by_an_empty_one() {
    let server = Shoutd::start(&["--udp", "0"]);
    let socket = udp_to(server.udp());
    assert_eq!(ask(&socket, b""), b"");
    assert_eq!(ask(&socket, b"then"), b"THEN");
    assert_eq!(ask(&socket, b""), b"");
    assert!(has_no_datagram(&socket));
}

#[test]
fn ipv6_is_answered_up_to_its_own_largest_datagram() {
    if !has_ipv6() {
        return skip("there is no IPv6 here");
    }
    let server = Shoutd::start(&["--udp", "[::1]:0"]);
    let socket = udp_to(server.udp());
    for size in [0, 1, 2048, LARGEST, 65_527] {
        let datagram = all_bytes(90, size);
        assert!(ask(&socket, &datagram) == datagram.to_ascii_uppercase(), "{size} bytes");
    }
    assert!(has_no_datagram(&socket));
}

#[test]
fn each_datagram_of_a_burst_from_many_sockets_is_answered_once() {
    let server = Shoutd::start(&["--udp", "0"]);
    let sockets: Vec<UdpSocket> = (0..40).map(|_| udp_to(server.udp())).collect();
    let text = |socket: usize, n: usize| format!("socket {socket}, datagram {n}");
    for round in 0..3 {
        // While the server is stopped, all 400 wait in its receive buffer: several batches and turns.
        server.signal("STOP");
        for n in 0..10 {
            for (i, socket) in sockets.iter().enumerate() {
                socket.send(text(i, n).as_bytes()).unwrap();
            }
        }
        server.signal("CONT");
        for (i, socket) in sockets.iter().enumerate() {
            let mut replies: Vec<Vec<u8>> = (0..10).map(|_| udp_reply(socket)).collect();
            replies.sort();
            let expected: Vec<Vec<u8>> = (0..10).map(|n| text(i, n).to_uppercase().into_bytes()).collect();
            assert_eq!(replies, expected, "round {round}, socket {i}");
        }
        assert!(sockets.iter().all(has_no_datagram), "round {round}: a datagram was answered twice");
    }
}

#[test]
fn a_reply_comes_from_the_address_that_was_asked() {
    for wildcard in [":0", "0.0.0.0:0"] {
        let server = Shoutd::start(&["--udp", wildcard]);
        let port = server.udp().port();
        let mut addresses: Vec<IpAddr> = vec![[127, 0, 0, 1].into(), [127, 0, 0, 2].into()];
        if !has_ipv6() {
            skip("there is no IPv6 here");
        } else if wildcard == ":0" {
            addresses.push("::1".parse().unwrap());
        }
        let sockets: Vec<UdpSocket> = addresses.iter().map(|ip| udp_to(SocketAddr::new(*ip, port))).collect();
        // In one batch, so that addresses could be mixed up. A connected socket takes replies from
        // no other address than the one it asked.
        server.signal("STOP");
        for n in 0..5 {
            for (ip, socket) in addresses.iter().zip(&sockets) {
                socket.send(format!("to {ip}, {n}").as_bytes()).unwrap();
            }
        }
        server.signal("CONT");
        for (ip, socket) in addresses.iter().zip(&sockets) {
            for n in 0..5 {
                assert_eq!(udp_reply(socket), format!("TO {ip}, {n}").to_uppercase().into_bytes());
            }
        }
    }
}

#[test]
fn several_sockets_of_one_server_answer_side_by_side() {
    let server = Shoutd::start(&["--udp", "0", "--udp", "127.0.0.2:0", "--udp", ":0", "--udp", "0"]);
    let sockets: Vec<UdpSocket> = (0..4).map(|n| udp_to(server.nth("udp", n))).collect();
    for n in 0..200 {
        let datagram = format!("datagram {n}");
        for socket in &sockets {
            socket.send(datagram.as_bytes()).unwrap();
        }
        for socket in &sockets {
            assert_eq!(udp_reply(socket), datagram.to_uppercase().into_bytes());
        }
    }
}

#[test]
fn clients_that_have_gone_away_do_not_stop_the_others() {
    let server = Shoutd::start(&["--udp", "0"]);
    let socket = udp_to(server.udp());
    for round in 0..3 {
        server.signal("STOP");
        for n in 0..100 {
            // Its socket is closed before the answer: the kernel refuses that by an ICMP message.
            udp_to(server.udp()).send(b"nobody waits").unwrap();
            socket.send(format!("round {round}, datagram {n}").as_bytes()).unwrap();
        }
        server.signal("CONT");
        for n in 0..100 {
            assert_eq!(udp_reply(&socket), format!("ROUND {round}, DATAGRAM {n}").into_bytes());
        }
    }
}

#[test]
fn the_other_services_go_on_during_a_flood() {
    let server = Shoutd::start(&["--tcp", "0", "--udp", "0", "--http", "0"]);
    let (tcp, udp, http) = (server.tcp(), server.udp(), server.http());
    let (is_over, sent) = (AtomicBool::new(false), AtomicUsize::new(0));
    let flood = || {
        let socket = udp_to(udp);
        let end = Instant::now() + 3 * PATIENCE;
        while (!is_over.load(Ordering::Relaxed) || sent.load(Ordering::Relaxed) < 50_000)
            && Instant::now() < end
        {
            let _ = socket.send(&[b'x'; 512]); // A full buffer loses it, and that is fine.
            sent.fetch_add(1, Ordering::Relaxed);
        }
    };
    thread::scope(|scope| {
        scope.spawn(flood);
        scope.spawn(flood);
        let exchanges = scope.spawn(|| {
            for n in 0..50 {
                assert_eq!(conversation(tcp, format!("line {n}")), format!("LINE {n}").as_bytes());
                assert_eq!(get(http, "/file.txt").status, 200);
            }
        });
        let result = exchanges.join();
        is_over.store(true, Ordering::Relaxed);
        result.expect("TCP and HTTP are served while datagrams pour in");
    });
    assert!(sent.load(Ordering::Relaxed) >= 50_000, "that was no flood");

    let socket = udp_to(server.udp());
    socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let mut buffer = [0; 16];
    // The first may find the buffer still full.
    let answer =
        (0..20).find_map(|_| socket.send(b"still there?").and_then(|_| socket.recv(&mut buffer)).ok());
    assert_eq!(&buffer[..answer.expect("an answer after the flood")], b"STILL THERE?");
}

#[test]
fn memory_stays_bounded_however_large_the_datagrams_are() {
    let server = Shoutd::start(&["--udp", "0"]);
    let socket = udp_to(server.udp());
    assert_eq!(ask(&socket, b"warm up"), b"WARM UP");
    let before = server.resident();
    // Different ones: the same again and again is a loop.
    let mut datagrams = (0..).map(|n: usize| {
        let mut datagram = vec![b'a'; LARGEST];
        (0..4).for_each(|place| datagram[place] = b'a' + (n >> (4 * place) & 15) as u8);
        datagram
    });
    let mut next = || datagrams.next().unwrap();
    for _ in 0..100 {
        // As many at once as surely fit the receive buffer.
        server.signal("STOP");
        (0..2).for_each(|_| assert_eq!(socket.send(&next()).unwrap(), LARGEST));
        server.signal("CONT");
        (0..2).for_each(|_| assert_eq!(udp_reply(&socket).len(), LARGEST));
    }
    // Then as many as will fit, whoever gets an answer: every place of the batch is touched.
    for _ in 0..20 {
        server.signal("STOP");
        (0..100).for_each(|_| drop(socket.send(&next())));
        server.signal("CONT");
        assert_eq!(udp_reply(&socket).len(), LARGEST);
        while !has_no_datagram(&socket) {}
    }
    let grown = server.resident().saturating_sub(before);
    // 64 places for the largest datagram are 4.1 MiB.
    assert!(grown < 8 * 1024, "{grown} KiB more than before");
}

#[test]
fn a_datagram_before_the_server_is_lost_and_one_after_it_is_answered() {
    // A host of this test's own, so that nobody else takes the port between the two.
    let address = UdpSocket::bind("127.83.72.79:0").unwrap().local_addr().unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(socket.send_to(b"too early", address).expect("sending succeeds all the same"), 9);
    assert!(has_no_datagram(&socket));

    let server = Shoutd::start(&["--udp", &address.to_string()]);
    assert_eq!(server.udp(), address);
    socket.send_to(b"in time", address).unwrap();
    assert_eq!(udp_reply(&socket), b"IN TIME");
    assert!(has_no_datagram(&socket), "the early one was answered after all");
}

/// Runs a test of this file again where the loopback interface carries 20 Mbit/s, in a network namespace
/// of its own, and checks that it passed there.
fn again_in_a_slow_network(test: &str) {
    let slow = "ip link set lo up && tc qdisc add dev lo root tbf rate 20mbit burst 128kb limit 100mb";
    let possible = Command::new("unshare").args(["-n", "sh", "-c", slow]).output();
    if !possible.is_ok_and(|output| output.status.success()) {
        return skip("a network namespace with a slow interface takes root, unshare, ip and tc");
    }
    let script = format!("{slow} && exec \"$0\" \"$1\" --exact --nocapture");
    let output = Command::new("unshare")
        .args(["-n", "sh", "-c", &script])
        .arg(std::env::current_exe().unwrap())
        .arg(test)
        .env("IN_A_SLOW_NETWORK", "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
fn replies_wait_for_room_and_none_is_lost() {
    if std::env::var_os("IN_A_SLOW_NETWORK").is_none() {
        return again_in_a_slow_network("replies_wait_for_room_and_none_is_lost");
    }
    let server = Shoutd::start(&["--udp", "0", "--log", "trace"]);
    let sockets: Vec<UdpSocket> = (0..5).map(|_| udp_to(server.udp())).collect();
    let datagram = |n: usize| vec![b'a' + n as u8; 8_000];
    server.signal("STOP");
    (0..100).for_each(|n| assert_eq!(sockets[n / 20].send(&datagram(n % 20)).unwrap(), 8_000));
    // All of them are in the receive buffer of the server when it goes on: two batches of answers.
    let waiting = || {
        let table = std::fs::read_to_string("/proc/net/udp").unwrap();
        let local = format!("0100007F:{:04X} 00000000:0000", server.udp().port());
        let line = table.lines().find(|line| line.contains(&local)).expect("its socket");
        let queues = line.split_ascii_whitespace().nth(4).unwrap();
        usize::from_str_radix(queues.split_once(':').unwrap().1, 16).unwrap()
    };
    eventually(|| waiting() >= 100 * 8_000, || format!("only {} bytes arrived", waiting()));
    server.signal("CONT");
    for (i, socket) in sockets.iter().enumerate() {
        for n in 0..20 {
            assert!(udp_reply(socket) == datagram(n).to_ascii_uppercase(), "socket {i}, datagram {n}");
        }
    }
    let sends = server.said().iter().filter(|line| line.contains("sent ")).count();
    assert!(sends > 2, "the send buffer never filled: {sends} calls sent it all");
}

#[test]
fn an_error_of_receiving_that_stays_is_waited_out_and_told() {
    let folder = Folder::new();
    let trace = folder.path().join("trace");
    let arguments = ["--udp", "0", "--tcp", "0"];
    // For want of memory a few times; then as ever.
    let injection = ["recvmmsg:error=ENOMEM:when=1..5"];
    let Some(command) = faults::with_faults(&injection, &trace, &arguments) else { return };
    let server = Shoutd::spawn(command);
    let socket = udp_to(server.udp());
    let start = Instant::now();
    assert_eq!(ask(&socket, b"patience"), b"PATIENCE");
    assert!(start.elapsed() >= Duration::from_millis(450), "five pauses of 100 ms");
    server.wait_for_log("receiving datagrams pauses: Cannot allocate memory");
    assert_eq!(ask(&socket, b"and then"), b"AND THEN");
    // And for ever: the others are served, and nothing spins.
    let injection = ["recvmmsg:error=EIO"];
    let Some(command) = faults::with_faults(&injection, &trace, &arguments) else { return };
    let server = Shoutd::spawn(command);
    udp_to(server.udp()).send(b"hello").unwrap();
    server.wait_for_log("receiving datagrams pauses: Input/output error");
    thread::sleep(Duration::from_secs(2)); // in which it tries again
    assert_eq!(conversation(server.tcp(), "line"), b"LINE");
    let tries = faults::calls(&trace, "recvmmsg");
    assert!((10..60).contains(&tries), "{tries} tries in 2 s");
}

#[test]
fn an_error_of_one_datagram_or_an_interruption_is_no_pause() {
    let folder = Folder::new();
    for error in ["EINTR", "ECONNREFUSED"] {
        let injection = [&*format!("recvmmsg:error={error}:when=1..20")];
        let trace = folder.path().join("trace");
        let Some(command) = faults::with_faults(&injection, &trace, &["--udp", "0"]) else { return };
        let server = Shoutd::spawn(command);
        let socket = udp_to(server.udp());
        assert_eq!(ask(&socket, b"at once"), b"AT ONCE");
        assert!(server.said().iter().all(|line| !line.contains("pauses")));
    }
}
