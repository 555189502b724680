//! `shout bench` against servers that answer wrongly: each is caught, with the first difference.
#![cfg(feature = "client")]

#[path = "support/bench.rs"]
mod bench;
#[path = "support/peers.rs"]
mod peers;
mod support;

use bench::*;
use peers::*;
use std::io::{Read, Write};
use std::sync::Mutex;
use support::*;

/// Runs it against a TCP server that does this to the reply of every fifth message, and gives what it says.
fn caught_over_tcp(
    options: &str,
    change: impl Fn(Vec<u8>) -> Vec<u8> + Send + Sync + 'static,
    words: &[&str],
) {
    let server = shouting(move |n, reply| if n == 5 { change(reply) } else { reply });
    let target = server.address.to_string();
    let outcome = bench::bench("tcp", &target, options);
    assert!(outcome.stdout.is_empty(), "{outcome:?}");
    outcome.fails(&[&[target.as_str(), "answered wrongly"], words].concat());
}

const LINE: &str = "--size 40 --count 1000 --timeout 500ms";

#[test]
fn a_server_that_changes_nothing_is_caught_at_once() {
    let echo = tcp_server(|mut stream| {
        let mut room = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut room) {
            let _ = stream.write_all(&room[..count]);
        }
    });
    for options in ["-c 4 --size 64", "-c 4 --size 64 --json", "-c 1 --size 1", "-c 1 --size 64 --reconnect"]
    {
        let outcome = bench::bench("tcp", &echo.address.to_string(), options);
        outcome.fails(&["answered wrongly: reply ", "differs at byte ", "was expected, and"]);
        assert!(outcome.stdout.is_empty(), "{outcome:?}");
    }
}

#[test]
fn another_protocol_is_recognised() {
    let greeting = tcp_server(|mut stream| {
        let _ = stream.write_all(b"220 hello\r\n");
        drop(read_to_end(&mut stream));
    });
    let outcome = bench::bench("tcp", &greeting.address.to_string(), "-c 1");
    outcome.fails(&["answered wrongly", "220 hello"]);
    let web = Shoutd::start(&["--http", "0"]);
    // Its head never ends, until it is too long.
    bench::bench("tcp", &web.http().to_string(), "-c 1 --size 10000")
        .fails(&["answered wrongly", "shout bench http"]);
}

#[test]
fn a_flipped_byte_is_shown_with_its_place() {
    for options in ["-c 1", "-c 8", "-c 2 --rate 5000"] {
        caught_over_tcp(
            &format!("{options} {LINE}"),
            |mut reply| {
                reply[17] = b'!';
                reply
            },
            &["differs at byte 17", "was expected, and 21 ", "\"!"],
        );
    }
}

#[test]
fn a_flipped_byte_is_found_behind_others_that_are_under_way() {
    let flip = |mut reply: Vec<u8>| {
        reply[17] = b'!';
        reply
    };
    caught_over_tcp(&format!("-c 2 --pipeline 4 {LINE}"), flip, &["differs at byte 17", "and 21 "]);
}

#[test]
fn a_byte_less_a_byte_more_and_a_reply_less_are_caught() {
    caught_over_tcp(&format!("-c 1 --pipeline 2 {LINE}"), |reply| reply[1..].to_vec(), &["differs at byte"]);
    let more = |mut reply: Vec<u8>| {
        reply.push(b'X');
        reply
    };
    caught_over_tcp(&format!("-c 1 {LINE}"), more, &["sent 1 byte more than it was asked for", "58 \"X\""]);
}

#[test]
fn the_replies_of_two_connections_may_not_be_swapped() {
    // The first reply of a connection is kept, and given to the next one that asks.
    let kept: Mutex<Option<Vec<u8>>> = Mutex::new(None);
    let server = shouting(move |n, reply| {
        if n != 3 {
            return reply;
        }
        let mut kept = kept.lock().unwrap();
        match kept.take() {
            Some(other) => other,
            None => {
                *kept = Some(reply.clone());
                reply
            }
        }
    });
    for size in [8, 64, 1024] {
        let outcome =
            bench::bench("tcp", &server.address.to_string(), &format!("-c 2 --size {size} --count 1000"));
        outcome.fails(&["answered wrongly", "differs at byte"]);
    }
}

#[test]
fn a_reply_that_comes_again_in_place_of_the_next_is_caught() {
    let before: Mutex<Vec<u8>> = Mutex::new(Vec::new());
    let server = shouting(move |n, reply| {
        let mut before = before.lock().unwrap();
        let stale = std::mem::replace(&mut *before, reply.clone());
        if n == 7 { stale } else { reply }
    });
    bench::bench("tcp", &server.address.to_string(), &format!("-c 1 {LINE}"))
        .fails(&["reply 8 on a connection differs"]);
}

#[test]
fn a_connection_closed_in_the_middle_of_a_reply_is_caught() {
    let server = tcp_server(|mut stream| {
        let mut room = [0; 40];
        for n in 0.. {
            if stream.read_exact(&mut room).is_err() {
                return;
            }
            let length = if n == 5 { 13 } else { 40 };
            stream.write_all(&room.to_ascii_uppercase()[..length]).unwrap();
            if n == 5 {
                return;
            }
        }
    });
    let words =
        ["200 closed before their whole reply", "the first was closed after 13 of 40 bytes of reply 6"];
    let result = troubled("tcp", server.address, &format!("-c 1 {LINE}"), &words);
    assert_eq!(
        (number(&result, "operations"), number(&result, "errors.closed")),
        (1000.0, 200.0),
        "{result}"
    );
}

#[test]
fn resets_closes_and_silence_are_counted_and_not_called_wrong() {
    let resetting = tcp_server(|mut stream| {
        let mut room = [0; 40];
        for _ in 0..5 {
            if stream.read_exact(&mut room).is_err() {
                return;
            }
            stream.write_all(&room.to_ascii_uppercase()).unwrap();
        }
        reset(stream);
    });
    let result = troubled("tcp", resetting.address, &format!("-c 2 {LINE}"), &[" reset"]);
    assert_eq!(number(&result, "operations"), 1000.0);
    assert!(number(&result, "errors.reset") > 50.0, "{result}");

    let closing = tcp_server(|mut stream| {
        let mut room = [0; 40];
        for _ in 0..5 {
            if stream.read_exact(&mut room).is_err() {
                return;
            }
            stream.write_all(&room.to_ascii_uppercase()).unwrap();
        }
        let _ = stream.read_exact(&mut room);
    });
    let result = troubled("tcp", closing.address, &format!("-c 2 {LINE}"), &[" closed"]);
    assert!(number(&result, "operations") == 1000.0 && number(&result, "errors.closed") > 50.0, "{result}");

    // The sixth message of each connection gets no reply.
    let silent = shouting(|n, reply| if n == 5 { Vec::new() } else { reply });
    let options = "-c 2 --size 40 --timeout 200ms --duration 1s";
    let result = troubled("tcp", silent.address, options, &["without a reply in time"]);
    assert!(number(&result, "operations") >= 10.0 && number(&result, "errors.timeout") >= 2.0, "{result}");
}

#[test]
fn wrong_datagrams_are_caught() {
    type Change = fn(Vec<u8>) -> Vec<u8>;
    let changes: [(Change, &str); 4] = [
        (|reply| reply.to_ascii_lowercase(), "differs at byte 0"),
        (
            |mut reply| {
                reply[30] ^= 1;
                reply
            },
            "differs at byte 30",
        ),
        (|reply| reply[..39].to_vec(), "(39 bytes long, not 40) differs at byte 39"),
        (|reply| [reply, b"X".to_vec()].concat(), "(41 bytes long, not 40) differs at byte 40"),
    ];
    for (change, words) in changes {
        let server = udp_server(move |n, reply, send| send(&if n == 5 { change(reply) } else { reply }));
        let outcome = bench::bench("udp", &server.address.to_string(), "-c 1 --size 40 --count 100");
        outcome.fails(&["answered wrongly: a reply", words]);
    }
    // Small ones have no room for more than their number.
    let server = udp_server(|n, reply, send| send(&if n == 5 { b"?".to_vec() } else { reply }));
    bench::bench("udp", &server.address.to_string(), "-c 1 --size 1 --count 100").fails(&["3f \"?\""]);
}
