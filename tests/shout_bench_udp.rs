//! `shout bench udp`: what is lost, overtaken and doubled is counted, at every size.
#![cfg(feature = "client")]

#[path = "support/bench.rs"]
mod bench;
#[path = "support/peers.rs"]
mod peers;
mod support;

use bench::*;
use std::net::UdpSocket;
use std::sync::Mutex;
use support::*;

fn counts(result: &serde_json::Value) -> [f64; 3] {
    ["lost", "reordered", "duplicated"].map(|name| number(result, name))
}

#[test]
fn datagrams_of_every_size_are_answered_and_none_is_missed() {
    let server = Shoutd::start(&["--udp", "0"]);
    for (options, window) in [
        ("--size 1", 1),
        ("--size 1 --window 13", 13),
        ("--size 2 --window 50", 50),
        ("--size 9 --window 8", 8),
        ("--size 10", 1),
        ("--size 64 --window 32", 32),
        ("--size 1472 --window 4", 4),
        ("--size 65507 --window 2", 2),
    ] {
        let result = measured("udp", server.udp(), &format!("-c 3 --count 300 --warmup 0 {options}"));
        assert_eq!(number(&result, "operations"), 300.0, "{options}: {result}");
        assert_eq!(counts(&result), [0.0; 3], "{options}: {result}");
        assert_eq!(number(&result, "parameters.window"), f64::from(window), "{options}");
        assert_eq!(result["reduced"], serde_json::json!([]), "{options}");
    }
}

#[test]
fn what_a_size_can_not_tell_apart_is_told() {
    let server = Shoutd::start(&["--udp", "0"]);
    let result = measured("udp", server.udp(), "-c 1 --size 1 --window 100 --count 50");
    assert_eq!(number(&result, "parameters.window"), 13.0);
    assert!(result["reduced"][0].as_str().unwrap().starts_with("a window of 100 reduced to 13"), "{result}");
    let result = measured("udp", server.udp(), "-c 1 --size 0 --count 20 --warmup 0");
    assert_eq!(number(&result, "operations"), 20.0, "{result}");
    assert!(
        result["reduced"][0].as_str().unwrap().starts_with("empty datagrams can't be told apart"),
        "{result}"
    );
    let result = measured("udp", server.udp(), "-c 1 --size 0 --window 4 --count 20 --warmup 0");
    let counts = ["operations", "parameters.window"].map(|name| number(&result, name));
    assert_eq!(counts, [20.0, 1.0], "{result}");
}

#[test]
fn lost_datagrams_are_counted_even_those_under_way_at_the_end() {
    let server = udp_server(|n, reply, send| {
        if n % 10 != 9 {
            send(&reply);
        }
    });
    for options in
        ["-c 1 --count 100", "-c 4 --window 5 --count 100", "-c 1 --count 100 --rate 1000 --window 50"]
    {
        let result = measured("udp", server.address, &format!("{options} --timeout 50ms --warmup 0"));
        assert_eq!(number(&result, "operations") + number(&result, "lost"), 100.0, "{options}: {result}");
        assert!((9.0..=11.0).contains(&number(&result, "lost")), "{options}: {result}");
        assert_eq!(counts(&result)[1..], [0.0; 2], "{options}: {result}");
    }
    // All but the first are lost, and the run is shorter than the time a datagram is waited for.
    let server = udp_server(|n, reply, send| {
        if n == 0 {
            send(&reply);
        }
    });
    let result = measured("udp", server.address, "-c 1 --window 8 --timeout 1s --duration 200ms --warmup 0");
    assert_eq!((number(&result, "operations"), counts(&result)), (1.0, [8.0, 0.0, 0.0]), "{result}");
}

#[test]
fn replies_that_overtake_each_other_are_counted_and_not_called_lost() {
    let kept: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());
    // Three by three, the last one first.
    let server = udp_server(move |_, reply, send| {
        let mut kept = kept.lock().unwrap();
        kept.push(reply);
        if kept.len() == 3 {
            kept.drain(..).rev().for_each(|reply| send(&reply));
        }
    });
    for size in [2, 64] {
        let options = format!("-c 1 --window 3 --size {size} --count 300 --warmup 0 --timeout 2s");
        let result = measured("udp", server.address, &options);
        assert_eq!(number(&result, "operations"), 300.0, "{result}");
        assert_eq!(counts(&result), [0.0, 200.0, 0.0], "{result}");
    }
}

#[test]
fn replies_that_come_twice_are_counted_once() {
    let server = udp_server(|n, reply, send| {
        send(&reply);
        if n % 4 == 0 {
            send(&reply);
        }
    });
    for options in ["-c 1", "-c 1 --window 4", "-c 1 --size 1"] {
        let result = measured("udp", server.address, &format!("{options} --count 400 --warmup 0"));
        assert_eq!(number(&result, "operations"), 400.0, "{options}: {result}");
        let [lost, reordered, duplicated] = counts(&result);
        assert_eq!((lost, reordered), (0.0, 0.0), "{options}: {result}");
        // The second reply to the last one may come when it is over.
        assert!((98.0..=100.0).contains(&duplicated), "{options}: {result}");
    }
}

#[test]
fn a_reply_that_comes_late_is_neither_lost_nor_wrong() {
    let kept: Mutex<Option<Vec<u8>>> = Mutex::new(None);
    // The tenth is answered behind the twelfth, when it was given up.
    let server = udp_server(move |n, reply, send| {
        let mut kept = kept.lock().unwrap();
        match n {
            10 => *kept = Some(reply),
            _ => send(&reply),
        }
        if n == 12 {
            send(&kept.take().unwrap());
        }
    });
    let result = measured("udp", server.address, "-c 1 --count 100 --warmup 0 --timeout 50ms");
    assert_eq!(counts(&result), [0.0, 1.0, 0.0], "{result}");
    assert_eq!(number(&result, "operations"), 100.0, "{result}");
}

#[test]
fn where_nothing_answers_it_says_so() {
    let closed = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    bench::bench("udp", &closed.to_string(), "-c 3")
        .fails(&["ICMP port-unreachable", "start the server first"]);
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let outcome = bench::bench("udp", &address, "-c 3 --timeout 100ms --duration 300ms");
    outcome.fails(&["not answered within 100.0 ms"]);
}

#[test]
fn the_table_has_a_line_for_datagrams() {
    let server = Shoutd::start(&["--udp", "0"]);
    let table = bench::bench("udp", &server.udp().to_string(), "-c 2 --window 3 --duration 200ms").printed();
    for words in
        ["2 sockets, datagrams of 64 bytes, 3 datagrams under way on each", "0 lost, 0 out of order, 0 twice"]
    {
        assert!(table.contains(words), "no {words:?} in {table}");
    }
}
