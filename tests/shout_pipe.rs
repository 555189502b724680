//! `shout tcp` from a pipe: exact, both ways at once, in constant memory and without a deadlock, whatever
//! the pace of the server; and what it says of servers that don't answer everything.
#![cfg(feature = "client")]

#[path = "support/peers.rs"]
mod peers;
mod support;

use peers::*;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};
use support::*;

/// More than all the buffers between two sockets on loopback hold together.
const MUCH: usize = 12_000_000;

fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Streams `MUCH` bytes through a server, and compares every one.
fn much_comes_back(rest: &[&str], serve: impl FnOnce(TcpStream) + Send + 'static) {
    let server = once(serve);
    let input = noise(7, MUCH);
    let outcome = stream("tcp", server.address, rest, input.clone());
    assert_eq!((outcome.status, &*outcome.stderr), (Some(0), ""));
    assert!(outcome.stdout == input.to_ascii_uppercase(), "{} bytes came back", outcome.stdout.len());
    server.saw();
}

fn answer(stream: &mut TcpStream, bytes: &[u8]) {
    stream.write_all(&bytes.to_ascii_uppercase()).unwrap();
}

#[test]
fn a_long_stream_comes_back_byte_for_byte_in_constant_memory() {
    const ROUNDS: usize = 80;
    let server = Shoutd::start(&["--tcp", "0"]);
    let mut shout = Running::start("tcp", server.tcp(), &[]);
    let mut stdin = shout.take_stdin();
    let block = Arc::new(noise(11, 1_000_003));
    let input = block.clone();
    let writer = thread::spawn(move || {
        (0..ROUNDS).for_each(|_| stdin.write_all(&input).unwrap());
        stdin
    });
    let expected = block.to_ascii_uppercase();
    thread::sleep(milliseconds(500)); // in which a client without bounds would take in all there is
    for round in 0..ROUNDS {
        assert!(shout.reads(expected.len()) == expected, "block {round} is wrong");
    }
    let status = fs::read_to_string(format!("/proc/{}/status", shout.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    let peak: u64 = line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(peak < 30_000, "{peak} KiB at the most");
    drop(writer.join().unwrap());
    let outcome = shout.finish();
    assert_eq!((outcome.status, &*outcome.stdout, &*outcome.stderr), (Some(0), &b""[..], ""));
}

#[test]
fn a_server_that_reads_slowly_is_no_obstacle() {
    much_comes_back(&["--check"], |mut stream| {
        loop {
            let bytes = recv(&mut stream, 30_000);
            if bytes.is_empty() {
                return;
            }
            answer(&mut stream, &bytes);
            thread::sleep(milliseconds(1)); // its pace
        }
    });
}

#[test]
fn a_server_that_replies_slowly_is_no_obstacle() {
    much_comes_back(&[], |mut stream| {
        let (sender, receiver) = mpsc::channel::<Vec<u8>>();
        let mut out = stream.try_clone().unwrap();
        let replies = thread::spawn(move || {
            for bytes in receiver {
                for piece in bytes.chunks(30_000) {
                    answer(&mut out, piece);
                    thread::sleep(milliseconds(1)); // its pace
                }
            }
        });
        loop {
            let bytes = recv(&mut stream, 1 << 20);
            if bytes.is_empty() {
                break;
            }
            sender.send(bytes).unwrap();
        }
        drop(sender);
        replies.join().unwrap();
    });
}

#[test]
fn a_server_that_reads_megabytes_before_each_reply_is_no_obstacle() {
    much_comes_back(&["--check"], |mut stream| {
        loop {
            let mut bytes = Vec::new();
            (&mut stream).take(5_000_000).read_to_end(&mut bytes).unwrap();
            if bytes.is_empty() {
                return;
            }
            answer(&mut stream, &bytes);
        }
    });
}

#[test]
fn a_server_that_reads_everything_before_its_reply_gets_a_half_close() {
    much_comes_back(&[], |mut stream| {
        let bytes = read_to_end(&mut stream);
        answer(&mut stream, &bytes);
    });
}

#[test]
fn nothing_is_answered_by_nothing() {
    let server = once(|mut stream| read_to_end(&mut stream));
    assert_eq!(stream("tcp", server.address, &["--check"], Vec::new()).printed(), "");
    assert_eq!(server.saw(), b"");
}

#[test]
fn a_reply_longer_than_the_input_is_printed_whole() {
    let server = Shoutd::start(&["--tcp", "0,repeat=1000", "--tcp", "0,repeat=3"]);
    for (place, times) in [(0, 1000), (1, 3)] {
        let outcome = stream("tcp", server.nth("tcp", place), &[], b"hello\n".to_vec());
        assert_eq!(outcome.stdout, b"HELLO\n".repeat(times));
        outcome.fails(&["more came", "than was expected", "goes on at byte 6", "--repeat"]);
    }
    stream("tcp", server.tcp(), &["--check"], b"hello\n".to_vec()).fails(&["goes on at byte 6"]);
    for check in [&[][..], &["--check"]] {
        let rest = [check, &["--repeat", "1000"]].concat();
        let outcome = stream("tcp", server.tcp(), &rest, b"hello\n".to_vec());
        assert_eq!(outcome.printed(), "HELLO\n".repeat(1000));
        let rest = [check, &["--repeat", "1001"]].concat();
        stream("tcp", server.tcp(), &rest, b"hello\n".to_vec()).fails(&["less than was sent"]);
    }
}

#[test]
fn a_wrong_byte_is_found_in_a_long_stream_as_well() {
    let place = 7_654_321;
    let server = once(move |mut stream| {
        let mut bytes = read_to_end(&mut stream).to_ascii_uppercase();
        bytes[place] = b'a';
        stream.write_all(&bytes).unwrap();
    });
    let outcome = stream("tcp", server.address, &[], vec![b'a'; MUCH]);
    assert_eq!(outcome.stdout.len(), MUCH);
    outcome.fails(&["not the uppercase", "byte 7654321"]);
}

#[test]
fn a_reply_is_printed_at_once_and_input_may_pause_for_longer_than_the_timeout() {
    let server = once(|mut stream| {
        while let bytes @ [_, ..] = &*recv(&mut stream, 1024) {
            answer(&mut stream, bytes);
        }
    });
    let mut shout = Running::start("tcp", server.address, &["--timeout", "200ms"]);
    for message in [b"hello", b"again"] {
        shout.stdin().write_all(message).unwrap();
        assert_eq!(shout.reads(5), message.to_ascii_uppercase());
        thread::sleep(milliseconds(700)); // more than three times as long as a server may keep silent
    }
    assert_eq!(shout.finish().printed(), "");
}

#[test]
fn a_server_that_is_silent_for_too_long_is_given_up() {
    let silent = || once(|mut stream| read_to_end(&mut stream).len());
    let server = silent();
    let start = Instant::now();
    let mut shout = Running::start("tcp", server.address, &["--timeout", "300ms"]);
    shout.stdin().write_all(b"hello").unwrap();
    shout.ends().fails(&[&server.address.to_string(), "nothing", "5 bytes sent and 0 received"]);
    assert!(start.elapsed() >= milliseconds(300));

    // It has answered everything, and doesn't close after our FIN.
    let (tell, told) = mpsc::channel::<()>();
    let server = once(move |mut stream| {
        let bytes = read_to_end(&mut stream);
        answer(&mut stream, &bytes);
        let _ = told.recv_timeout(PATIENCE);
    });
    let outcome = stream("tcp", server.address, &["--timeout", "300ms"], b"hello".to_vec());
    outcome.fails(&["nothing", "5 bytes sent and 5 received"]);
    assert_eq!(outcome.stdout, b"HELLO");
    drop(tell);

    // It doesn't even read.
    let (tell, told) = mpsc::channel::<()>();
    let server = once(move |_stream| told.recv_timeout(PATIENCE));
    stream("tcp", server.address, &["--timeout", "300ms"], vec![b'a'; MUCH])
        .fails(&["nothing", "0 received"]);
    drop(tell);
}

#[test]
fn a_server_that_drips_is_waited_for_as_long_as_something_comes() {
    let server = once(|mut stream| {
        for byte in read_to_end(&mut stream) {
            thread::sleep(milliseconds(1300)); // its pace
            answer(&mut stream, &[byte]);
        }
    });
    let outcome = stream("tcp", server.address, &["--timeout", "4s"], b"hello".to_vec());
    assert_eq!(outcome.printed(), "HELLO");
}

#[test]
fn a_server_that_closes_right_after_its_only_reply_may_do_so_before_the_input_ends() {
    let server = once(|mut stream| {
        let bytes = recv(&mut stream, 1024);
        answer(&mut stream, &bytes);
    });
    let mut shout = Running::start("tcp", server.address, &[]);
    shout.stdin().write_all(b"hello\n").unwrap();
    assert_eq!(shout.reads(6), b"HELLO\n");
    assert_eq!(shout.finish().printed(), "");
}

#[test]
fn a_server_that_closes_while_there_is_more_input_is_told_with_the_counts() {
    let server = once(|mut stream| {
        let bytes = recv(&mut stream, 1024);
        answer(&mut stream, &bytes);
    });
    let mut shout = Running::start("tcp", server.address, &[]);
    shout.stdin().write_all(b"hello\n").unwrap();
    let outcome = shout.ends();
    assert_eq!(outcome.stdout, b"HELLO\n");
    let address = server.address.to_string();
    outcome.fails(&[&address, "before the input had ended", "6 bytes sent, 6 received"]);
}

#[test]
fn a_server_that_answers_less_than_was_sent_is_told_with_the_counts() {
    let server = once(|mut stream| {
        let bytes = read_to_end(&mut stream);
        answer(&mut stream, &bytes[..bytes.len() - 3]);
    });
    let outcome = stream("tcp", server.address, &[], b"hello world".to_vec());
    assert_eq!(outcome.stdout, b"HELLO WO");
    outcome.fails(&[&server.address.to_string(), "less than was sent", "11 bytes sent, 8 received"]);
}

#[test]
fn a_server_that_resets_is_told_with_the_counts() {
    let server = once(|mut stream| {
        read_exactly(&mut stream, 5_000_000);
        answer(&mut stream, b"aaaaa");
        reset(stream);
    });
    let outcome = stream("tcp", server.address, &[], vec![b'a'; MUCH]);
    assert_eq!(outcome.stdout, b"AAAAA");
    outcome.fails(&[&server.address.to_string(), "reset", "bytes sent and 5 received"]);

    let server = once(|mut stream| {
        read_to_end(&mut stream);
        reset(stream);
    });
    let outcome = stream("tcp", server.address, &[], b"hello".to_vec());
    outcome.fails(&["reset", "5 bytes sent and 0 received"]);
}

#[test]
fn check_finds_a_wrong_byte_anywhere() {
    let place = 7_654_321;
    let server = once(move |mut stream| {
        let mut bytes = read_to_end(&mut stream).to_ascii_uppercase();
        bytes[place] = b'a';
        let _ = stream.write_all(&bytes); // it isn't read to the end
    });
    let outcome = stream("tcp", server.address, &["--check"], vec![b'a'; MUCH]);
    outcome.fails(&["wrong at byte 7654321", "0x61 where 0x41"]);
    assert!(outcome.stdout.len() <= place && outcome.stdout.iter().all(|&byte| byte == b'A'));
}

#[test]
fn when_nobody_reads_its_output_any_more_it_ends() {
    let server = Shoutd::start(&["--tcp", "0"]);
    let mut shout = Running::start("tcp", server.tcp(), &[]);
    let mut stdin = shout.take_stdin();
    let writer = thread::spawn(move || while stdin.write_all(&[b'a'; 10_000]).is_ok() {});
    assert_eq!(shout.reads(3), b"AAA");
    shout.closes_its_output();
    shout.ends().printed(); // its reader has seen enough, which is no failure
    writer.join().unwrap();
}

#[test]
fn input_that_cannot_be_read_is_a_failure() {
    let server = Shoutd::start(&["--tcp", "0"]);
    let mut command = shout(&line("tcp", server.tcp(), &[]));
    command.stdin(File::open("/").unwrap());
    finish(command.spawn().unwrap()).fails(&["standard input", "directory"]);
}

#[test]
fn a_refused_connection_is_told_without_waiting_for_input() {
    let (_socket, address) = refusing();
    Running::start("tcp", address, &[]).ends().fails(&[&address.to_string(), "refused"]);
}
