//! What counts as a reply of `shout tcp`, from messages and from a pipe: the uppercase of what was sent, of
//! whatever make the server is. Anything else is shown, said, and a failure.
#![cfg(feature = "client")]

#[path = "support/peers.rs"]
mod peers;
mod support;

use peers::*;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};
use support::*;

/// Runs `shout tcp`.
fn tcp(address: SocketAddr, rest: &[&str]) -> Outcome {
    talk("tcp", address, rest)
}

fn answer(stream: &mut TcpStream, bytes: &[u8]) {
    stream.write_all(&bytes.to_ascii_uppercase()).unwrap();
}

#[test]
fn check_finds_a_wrong_byte_and_says_where() {
    let echo = || answering(|bytes| bytes.to_vec());
    let server = echo();
    let outcome = tcp(server.address, &["--check", "HELLo"]);
    outcome.fails(&[&server.address.to_string(), "wrong at byte 4", "0x6f", "0x4f"]);
    assert_eq!(tcp(echo().address, &["--check", "NO LETTERS: 12 {}`@[ É"]).status, Some(0));

    let flipped = || {
        answering(|bytes| {
            let mut reply = bytes.to_ascii_uppercase().repeat(3);
            reply[20] ^= 1;
            reply
        })
    };
    let outcome = tcp(flipped().address, &["--repeat", "3", "--check", "hello world"]);
    outcome.fails(&["wrong at byte 20", "0x4d", "0x4c"]);
    tcp(flipped().address, &["--repeat", "3", "hello world"]).fails(&["wrong at byte 20"]);
}

#[test]
fn bytes_after_the_last_reply_are_more_than_was_expected() {
    let talkative = || answering(|bytes| [bytes, b"!?."].concat().to_ascii_uppercase());
    for rest in [&["--check", "hello"][..], &["hello"]] {
        let outcome = tcp(talkative().address, rest);
        assert_eq!(outcome.stdout, b"HELLO\n");
        outcome.fails(&["more came", "than was expected", "3 bytes", "after the last reply", "!?."]);
    }
    let thousandfold = Shoutd::start(&["--tcp", "0,repeat=1000"]);
    tcp(thousandfold.tcp(), &["hello"]).fails(&["4995 bytes", "--repeat 1000"]);
}

#[test]
fn bytes_between_two_replies_are_not_taken_for_the_second() {
    // All in one segment, so that they are there before the second message is sent.
    let thrice = || answering(|bytes| bytes.to_ascii_uppercase().repeat(3));
    let outcome = tcp(thrice().address, &["--every", "50ms", "hello", "again"]);
    assert_eq!(outcome.stdout, b"HELLO\n");
    outcome.fails(&["more came", "10 bytes", "--repeat 3"]);

    // Late: as if they were the second reply.
    let server = once(|mut stream| {
        let first = recv(&mut stream, 1024);
        stream.write_all(&first.to_ascii_uppercase()).unwrap();
        recv(&mut stream, 1024);
        stream.write_all(&first.to_ascii_uppercase()).unwrap();
        read_to_end(&mut stream)
    });
    tcp(server.address, &["hello", "again"]).fails(&["more came", "5 bytes", "HELLO"]);
}

#[test]
fn a_reply_that_is_not_the_uppercase_is_shown_and_told() {
    let echo = answering(|bytes| bytes.to_vec());
    let outcome = tcp(echo.address, &["hello", "again"]);
    assert_eq!(outcome.stdout, b"hello\n");
    outcome.fails(&[&echo.address.to_string(), "not the uppercase of what was sent", "hello", "echo"]);

    let server = Shoutd::start(&["--http", "0"]);
    let outcome = tcp(server.http(), &["hello\r\n\r\n"]);
    assert!(outcome.stdout.starts_with(b"HTTP/1.1 4"), "all that came is shown: {outcome:?}");
    let advice = format!("shout http {}", server.http());
    outcome.fails(&["not the uppercase of what was sent", "HTTP/1.1 4", &advice]);

    let mail = answering(|_| b"220 mail.example ESMTP\r\n".to_vec());
    tcp(mail.address, &["hello"]).fails(&["not the uppercase", "220 mail.example", "speaks first"]);

    // A shorter one is told as soon as it comes, and not for its length.
    let server = once(|mut stream| {
        recv(&mut stream, 1024);
        stream.write_all(b"500 unknown").unwrap();
        read_to_end(&mut stream)
    });
    let start = Instant::now();
    tcp(server.address, &[&"a".repeat(100)]).fails(&["not the uppercase", "500 unknown"]);
    assert!(start.elapsed() < Duration::from_secs(30), "it is told before the time is up");
}

#[test]
fn a_server_that_speaks_first_is_told_however_its_greeting_comes() {
    // Before the client sends anything; in pieces; and only when it has sent.
    let at_once = once(|mut stream| {
        stream.write_all(b"WELCOME\r\n").unwrap();
        while let bytes @ [_, ..] = &*recv(&mut stream, 1024) {
            stream.write_all(&bytes.to_ascii_uppercase()).unwrap();
        }
    });
    tcp(at_once.address, &["hello", "again"]).fails(&["spoke first", "WELCOME"]);
    let after_some_time = once(|mut stream| {
        let bytes = recv(&mut stream, 1024);
        for piece in ["220 ", "mail.example ", "ready\n"] {
            stream.write_all(piece.as_bytes()).unwrap();
        }
        stream.write_all(&bytes.to_ascii_uppercase()).unwrap();
        read_to_end(&mut stream)
    });
    let outcome = tcp(after_some_time.address, &["hello"]);
    assert_eq!(outcome.stdout, b"220 mail.example ready\nHELLO\n");
    outcome.fails(&["spoke first", "220 mail.example ready"]);
}

#[test]
fn a_server_that_goes_by_a_language_is_one_of_the_kind() {
    let learned = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap().to_uppercase().into_bytes();
    let server = answering(learned);
    let messages = ["Grüße, ÿ!", "ﬁn, ŉ, ΐ", "plain"];
    let outcome = tcp(server.address, &messages);
    assert_eq!(outcome.printed(), messages.map(|message| message.to_uppercase() + "\n").concat());
    tcp(answering(learned).address, &["--check", "Grüße"]).fails(&["wrong at byte 3"]);

    // Latin-1: É for é, a byte each.
    let bytewise = |bytes: &[u8]| bytes.iter().map(|byte| byte.to_ascii_uppercase() & !0x20).collect();
    assert_eq!(tcp(answering(bytewise).address, &["é"]).status, Some(0));
}

#[test]
fn a_server_that_repeats_what_it_reads_piece_by_piece_is_right() {
    for options in ["0,read=5,repeat=3", "0,repeat=3"] {
        let server = Shoutd::start(&["--tcp", options]);
        for check in [&[][..], &["--check"]] {
            let rest =
                [check, &["--repeat", "3", "--at-once", "hello world", "these are two messages"]].concat();
            let outcome = tcp(server.tcp(), &rest);
            assert_eq!(outcome.printed().len(), 33 + 66 + 2, "{options}");
            let outcome = tcp(server.tcp(), &[check, &["--repeat", "3", "hello world"]].concat());
            assert_eq!(outcome.printed().len(), 33 + 1, "{options}");
        }
        tcp(server.tcp(), &["--repeat", "2", "hello world"]).fails(&["--repeat"]);
    }
}

#[test]
fn a_reply_that_is_not_the_uppercase_is_written_whole_and_told() {
    let echo = once(|mut stream| {
        let bytes = read_to_end(&mut stream);
        stream.write_all(&bytes).unwrap();
    });
    let outcome = stream("tcp", echo.address, &[], b"HELLO world".to_vec());
    assert_eq!(outcome.stdout, b"HELLO world");
    outcome.fails(&[&echo.address.to_string(), "not the uppercase", "wrong at byte 6", "0x77 where 0x57"]);

    let server = Shoutd::start(&["--http", "0", "--keep-alive", "200ms"]);
    let request = b"GET /file.txt HTTP/1.1\r\nHost: a\r\n\r\n".to_vec();
    let outcome = stream("tcp", server.http(), &[], request);
    assert!(outcome.stdout.starts_with(b"HTTP/1.1 200 OK"), "{outcome:?}");
    outcome.fails(&["not the uppercase", &format!("shout http {}", server.http())]);
}

#[test]
fn a_server_that_speaks_first_before_a_pipe_is_told() {
    for pause in [0, 300] {
        let server = once(move |mut stream| {
            let first = if pause > 0 { recv(&mut stream, 1024) } else { Vec::new() };
            answer(&mut stream, b"welcome\n");
            answer(&mut stream, &first);
            let bytes = read_to_end(&mut stream);
            answer(&mut stream, &bytes);
        });
        let mut shout = Running::start("tcp", server.address, &[]);
        if pause == 0 {
            assert_eq!(shout.reads(8), b"WELCOME\n"); // before there is any input
        }
        shout.stdin().write_all(b"hello").unwrap();
        let outcome = shout.finish();
        assert!(outcome.stdout.ends_with(b"HELLO"), "{outcome:?}");
        outcome.fails(&["spoke first", "WELCOME"]);
    }
}

#[test]
fn a_server_that_goes_by_a_language_may_answer_a_pipe() {
    let learned = || {
        once(|mut stream| {
            let text = String::from_utf8(read_to_end(&mut stream)).unwrap();
            stream.write_all(text.to_uppercase().as_bytes()).unwrap();
        })
    };
    // Which is no licence for one that doesn't, nor for more than letters can grow by.
    let server = Shoutd::start(&["--tcp", "0,repeat=3"]);
    stream("tcp", server.tcp(), &[], "Grüße\n".as_bytes().to_vec()).fails(&["more came", "at byte 8"]);
    let grown = once(|mut stream| {
        let text = String::from_utf8(read_to_end(&mut stream)).unwrap();
        stream.write_all((text.to_uppercase() + " AND MUCH MORE").as_bytes()).unwrap();
    });
    stream("tcp", grown.address, &[], "über".as_bytes().to_vec()).fails(&["more came"]);
    let wrong = once(|mut stream| {
        read_to_end(&mut stream);
        stream.write_all("GRüßE, Y".as_bytes()).unwrap();
    });
    stream("tcp", wrong.address, &[], "Grüße, x".as_bytes().to_vec()).fails(&["wrong at byte 9"]);
    for text in ["Straße, über", "ﬁn and so on, ŉ", "ΐ, and longer"] {
        let outcome = stream("tcp", learned().address, &[], text.as_bytes().to_vec());
        assert_eq!(outcome.printed(), text.to_uppercase());
    }
    stream("tcp", learned().address, &["--check"], "über".as_bytes().to_vec()).fails(&["wrong at byte 1"]);
}

#[test]
fn part_of_a_reply_and_then_silence_is_told_as_that() {
    let server = once(|mut stream| {
        stream.read_exact(&mut [0; 5]).unwrap();
        stream.write_all(b"HE").unwrap();
        read_to_end(&mut stream);
    });
    let outcome = tcp(server.address, &["--timeout", "300ms", "hello"]);
    outcome.fails(&["after 5 bytes sent and 2 received", "Only part of the reply came, 2 of 5 bytes"]);
    assert!(!outcome.stderr.contains("no reply came"), "{outcome:?}");
}
