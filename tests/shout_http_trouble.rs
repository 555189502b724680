//! `shout http` and servers that break off, lie about a length, keep silent, close while a request is on
//! its way, or don't speak HTTP at all.
#![cfg(feature = "client")]

#[path = "support/peers.rs"]
mod peers;
mod support;

use peers::*;
use std::fs::File;
use std::io::Write;
use std::net::Shutdown;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};
use support::*;

/// Runs `shout http`.
fn http(arguments: &[&str]) -> Outcome {
    run(&[&["http"], arguments].concat())
}

/// Runs it against a server that gives this reply and closes.
fn http_to(reply: &[u8]) -> (Outcome, String) {
    let server = http_server(vec![(vec![reply.to_vec()], Then::Close)]);
    let address = server.address.to_string();
    let outcome = http(&[&address]);
    server.saw();
    (outcome, address)
}

#[test]
fn a_body_that_is_cut_short_is_told_with_the_counts() {
    let (outcome, address) = http_to(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
    assert_eq!(outcome.stdout, b"only this");
    outcome.fails(&[&address, "after 9 bytes of 100"]);

    for cut in [
        "5\r\nhello\r\n7\r\nwo",
        "7\r\nhellowo\r\n",
        "7\r\nhellowo",
        "7\r\nhellowo\r\n3",
        "7\r\nhellowo\r\n0\r\n",
    ] {
        let reply = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{cut}");
        let (outcome, address) = http_to(reply.as_bytes());
        assert_eq!(outcome.stdout, b"hellowo", "{cut:?}");
        outcome.fails(&[&address, "after 7 bytes"]);
    }
}

#[test]
fn a_body_that_is_broken_off_by_a_reset_is_told() {
    let server = once(|mut stream| {
        read_request(&mut stream).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nhello").unwrap(); // its end would be a FIN
        reset(stream);
    });
    let outcome = http(&[&server.address.to_string()]);
    assert_eq!(outcome.stdout, b"hello");
    outcome.fails(&[&server.address.to_string(), "reset"]);
}

#[test]
fn a_head_that_is_cut_short_or_missing_is_told() {
    for (reply, count) in [("HTTP/1.1 200 OK\r\nContent-Le", "27 bytes"), ("", "0 bytes")] {
        let (outcome, address) = http_to(reply.as_bytes());
        assert_eq!(outcome.stdout, b"");
        outcome.fails(&[&address, count, "head"]);
    }
}

#[test]
fn what_is_no_http_is_named_so() {
    for reply in
        ["220 mail.example ESMTP\r\n", "SSH-2.0-OpenSSH_9\r\n", "\u{1b}[31mred\r\n", "HTTP/2 200\r\n\r\n"]
    {
        let (outcome, address) = http_to(reply.as_bytes());
        assert_eq!(outcome.stdout, b"");
        outcome.fails(&[&address, "HTTP/1", "Another service"]);
        assert!(!outcome.stderr.contains('\u{1b}'), "a terminal would obey it");
    }
    let uppercase = Shoutd::start(&["--tcp", "0"]);
    http(&[&uppercase.tcp().to_string()]).fails(&["did not answer in HTTP/1", "GET / HTTP/1.1"]);
}

#[test]
fn a_head_without_end_is_given_up() {
    const ALL: usize = 50_000_000;
    for more in ["X-Field: and so on\r\n", "one field of any length "] {
        let server = once(move |mut stream| {
            read_request(&mut stream).unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\nX: ").unwrap();
            let piece = more.repeat(500);
            let mut sent = 0;
            while sent < ALL && stream.write_all(piece.as_bytes()).is_ok() {
                sent += piece.len();
            }
            sent
        });
        let outcome = http(&[&server.address.to_string()]);
        outcome.fails(&[&server.address.to_string(), "did not answer in HTTP/1"]);
        assert!(server.saw() < ALL, "all of it was read");
    }
}

#[test]
fn a_length_that_is_none_or_two_is_refused() {
    for lengths in [
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5\r\nX: y\r\ncontent-length: 05",
        "Content-Length: 5, 6",
        "Content-Length: -5",
        "Content-Length: +5",
        "Content-Length: 0x5",
        "Content-Length: five",
        "Content-Length:",
        "Content-Length: 99999999999999999999",
    ] {
        let (outcome, address) = http_to(format!("HTTP/1.1 200 OK\r\n{lengths}\r\n\r\nhello!").as_bytes());
        assert_eq!(outcome.stdout, b"", "{lengths:?}");
        outcome.fails(&[&address, "length"]);
    }
    let (outcome, _) = http_to(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello");
    assert_eq!((outcome.status, &*outcome.stdout), (Some(0), &b"hello"[..]));
}

#[test]
fn a_chunk_whose_size_is_none_is_refused() {
    for chunks in [
        "five\r\nhello\r\n",
        "\r\nhello\r\n",
        "-5\r\nhello\r\n",
        "+5\r\nhello\r\n",
        "fffffffffffffffff\r\nhello",
        "4\r\nhello\r\n0\r\n\r\n",
    ] {
        let reply = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}");
        let (outcome, address) = http_to(reply.as_bytes());
        outcome.fails(&[&address, "did not answer in HTTP/1", "a chunk"]);
    }
}

#[test]
fn a_server_that_closes_as_the_request_is_sent_is_asked_again() {
    let server = http_server(vec![
        (vec![ok("first")], Then::CloseAtTheNext),
        (vec![ok("second")], Then::CloseAtTheNext),
    ]);
    let base = format!("http://{}/", server.address);
    let outcome = http(&[&format!("{base}1"), &format!("{base}2")]);
    assert_eq!((outcome.status, &*outcome.stdout), (Some(0), &b"firstsecond"[..]), "{outcome:?}");
    let why = "new connection: the server closed the last one as the request was sent";
    assert!(outcome.stderr.trim_end().ends_with(why), "{outcome:?}");
    let seen = server.saw();
    let asked = |place: usize, n: usize| seen[place][n].split(' ').nth(1).unwrap();
    assert_eq!((seen[0].len(), asked(0, 0), asked(0, 1)), (2, "/1", "/2"));
    assert_eq!((seen[1].len(), asked(1, 0)), (1, "/2"));
}

#[test]
fn a_server_that_resets_as_the_request_is_sent_is_asked_again() {
    let server = listening(|listener| {
        let mut stream = accept(&listener);
        read_request(&mut stream).unwrap();
        stream.write_all(&ok("first")).unwrap();
        read_request(&mut stream).unwrap();
        reset(stream);
        let mut stream = accept(&listener);
        read_request(&mut stream).unwrap();
        stream.write_all(&ok("second")).unwrap();
    });
    let address = server.address.to_string();
    let outcome = http(&[&address, &address]);
    assert_eq!((outcome.status, &*outcome.stdout), (Some(0), &b"firstsecond"[..]), "{outcome:?}");
    server.saw();
}

#[test]
fn a_request_on_a_new_connection_is_not_sent_twice() {
    let server = http_server(vec![(vec![], Then::CloseAtTheNext), (vec![ok("")], Then::Close)]);
    http(&[&server.address.to_string()]).fails(&["closed the connection after 0 bytes"]);

    // Nor is one that has been answered in part.
    let part = b"HTTP/1.1 200 OK\r\n".to_vec();
    let server = http_server(vec![(vec![ok(""), part], Then::Close), (vec![ok("")], Then::Close)]);
    let address = server.address.to_string();
    http(&[&address, &address]).fails(&["closed the connection after 17 bytes"]);
}

#[test]
fn a_silent_server_is_given_up_and_not_asked_again() {
    let server = http_server(vec![(vec![ok("first")], Then::KeepSilent)]);
    let address = server.address.to_string();
    let start = Instant::now();
    let outcome = http(&["--timeout", "300ms", &address, &address]);
    assert!(start.elapsed() >= Duration::from_millis(300));
    assert_eq!(outcome.stdout, b"first");
    outcome.fails(&[&address, "nothing for too long", "no response came"]);
    assert!(!outcome.stderr.contains("end of a line"), "{outcome:?}");
    assert_eq!(server.saw()[0].len(), 2);
}

#[test]
fn bytes_that_nobody_has_asked_for_are_no_response() {
    let with_more = [ok("first"), ok("forged")].concat();
    let server = http_server(vec![
        (vec![with_more], Then::CloseAtTheNext),
        (vec![ok("second")], Then::CloseAtTheNext),
    ]);
    let address = server.address.to_string();
    let outcome = http(&[&address, &address]);
    assert_eq!((outcome.status, &*outcome.stdout), (Some(1), &b"firstsecond"[..]), "{outcome:?}");
    assert!(outcome.stderr.contains("new connection: the server said something unasked"), "{outcome:?}");

    // Nor are those that come during a gap, as from a server that says good-bye with a 408.
    let server = listening(|listener| {
        let mut stream = accept(&listener);
        read_request(&mut stream).unwrap();
        stream.write_all(&ok("first")).unwrap();
        thread::sleep(Duration::from_millis(100)); // the gap has begun
        stream.write_all(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut stream = accept(&listener);
        read_request(&mut stream).unwrap();
        stream.write_all(&ok("second")).unwrap();
    });
    let address = server.address.to_string();
    let outcome = http(&["--gap", "500ms", &address, &address]);
    assert_eq!((outcome.status, &*outcome.stdout), (Some(0), &b"firstsecond"[..]), "{outcome:?}");
    server.saw();
}

#[test]
fn bytes_behind_the_last_response_are_told() {
    let with_more = [ok("first"), b"!?.".to_vec()].concat();
    for then in [Then::CloseAtTheNext, Then::Close] {
        let server = http_server(vec![(vec![with_more.clone()], then)]);
        let address = server.address.to_string();
        let outcome = http(&[&address]);
        assert_eq!((outcome.status, &*outcome.stdout), (Some(1), &b"first"[..]), "{outcome:?}");
        let told = format!(
            "shout: more came from {address} than was expected: 3 bytes behind the response, \"!?.\""
        );
        assert!(outcome.stderr.contains(&told), "{outcome:?}");
    }
}

#[test]
fn a_server_that_speaks_tls_is_named_so() {
    // An alert: protocol_version.
    let (outcome, address) = http_to(&[21, 3, 3, 0, 2, 2, 70]);
    outcome.fails(&[&address, "did not answer in HTTP/1", "TLS", "curl"]);
}

#[test]
fn redirects_that_lead_in_a_circle_or_nowhere_are_a_failure() {
    let to = |location: &str| {
        format!("HTTP/1.1 301 Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n").into_bytes()
    };
    let server = http_server(vec![(vec![to("/b"); 20], Then::CloseAtTheNext)]);
    http(&["--follow", &server.address.to_string()]).fails(&["more than 10 redirects", "/b", "circle"]);
    assert_eq!(server.saw()[0].len(), 11);

    for location in ["https://localhost/", "ftp://localhost/", "http://[::1", "mailto:a@b"] {
        let server = http_server(vec![(vec![to(location)], Then::CloseAtTheNext)]);
        http(&["--follow", &server.address.to_string()]).fails(&["redirects to", location]);
        server.saw();
    }
    let server = http_server(vec![(vec![to("https://localhost/")], Then::CloseAtTheNext)]);
    assert_eq!(http(&[&server.address.to_string()]).status, Some(0));
}

#[test]
fn a_refused_connection_is_told() {
    let (_socket, address) = refusing();
    http(&[&format!("http://{address}/x")]).fails(&[&address.to_string(), "refused"]);
}

#[test]
fn output_that_cannot_be_written_is_a_failure() {
    let server = http_server(vec![(vec![ok("without a newline")], Then::CloseAtTheNext)]);
    let mut command = shout(&["http", &server.address.to_string()]);
    command.stdin(Stdio::null()).stdout(File::options().write(true).open("/dev/full").unwrap());
    finish(command.spawn().unwrap()).fails(&["standard output", "no space left"]);
}

#[test]
fn wrong_usage_is_explained_with_status_2_before_anything_is_fetched() {
    let (_socket, address) = refusing();
    let good = format!("http://{address}/");
    for arguments in [
        &[][..],
        &[&*good, "https://localhost/"],
        &[&*good, "ftp://localhost/"],
        &[&*good, "http://"],
        &[&*good, "http://local host/"],
        &[&*good, "http://localhost:65536/"],
        &[&*good, "http://[::1"],
        &[&*good, ""],
        &["-H", "no colon", &*good],
        &["-H", ": no name", &*good],
        &["-H", "X: a\r\nY: b", &*good],
        &["-H", "X Y: z", &*good],
        &["--gap", "1", &*good],
        &["--times", "0", &*good],
    ] {
        http(arguments).is_wrong_usage();
    }
}

#[test]
fn part_of_a_response_and_then_silence_is_told_as_that() {
    let part = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst".to_vec();
    let server = http_server(vec![(vec![part], Then::KeepSilent)]);
    let outcome = http(&["--timeout", "300ms", &server.address.to_string()]);
    assert_eq!(outcome.stdout, b"first");
    outcome.fails(&["nothing for too long", "Only part of the response came"]);
}
