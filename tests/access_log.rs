//! The access log: one line for every response, in the Combined Log Format to the letter, with the bytes
//! that were really sent.

#[path = "support/log_lines.rs"]
mod log_lines;
mod support;

use log_lines::{Line, time_of, wait_for};
use socket2::SockRef;
use std::io::{Read, Write};
use std::net::{Ipv6Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use support::*;

/// More than any socket buffer holds.
const LARGE: usize = 20_000_000;

/// A server with some files and a log.
fn start(folder: &Folder, further: &[&str]) -> (Shoutd, PathBuf) {
    folder.write("site/a.txt", "hello");
    folder.write("site/empty.txt", "");
    folder.write("site/middle.bin", noise(1, 100_000));
    folder.write("site/sub/a.txt", "");
    let (site, log) = (folder.path().join("site"), folder.path().join("access.log"));
    let mut arguments = vec!["--root", site.to_str().unwrap(), "--access-log", log.to_str().unwrap()];
    arguments.extend_from_slice(further);
    if !further.contains(&"--http") {
        arguments.extend_from_slice(&["--http", "0"]);
    }
    (Shoutd::start(&arguments), log)
}

/// The bytes behind the (last) head.
fn behind_head(reply: &[u8]) -> u64 {
    let goes_on = b"HTTP/1.1 100 Continue\r\n\r\n";
    let reply = reply.strip_prefix(goes_on).unwrap_or(reply);
    let head = reply.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
    (reply.len() - head) as u64
}

fn status_of(reply: &[u8]) -> u16 {
    std::str::from_utf8(&reply[9..12]).unwrap().parse().unwrap()
}

#[test]
fn a_line_is_the_combined_log_format_to_the_letter() {
    let folder = Folder::new();
    let (server, path) = start(&folder, &[]);
    let request = "GET /a.txt?q=%41 HTTP/1.1\r\nHost: a\r\nREFERER:\t http://ref/x \r\nuser-Agent: agent/1.0 (x; y)\r\n\r\n";
    let response = exchange(server.http(), request);
    let time = time_of(response.field("date").unwrap());
    wait_for(&path, 1);
    let expected = format!(
        "127.0.0.1 - - [{time}] \"GET /a.txt?q=%41 HTTP/1.1\" 200 5 \"http://ref/x\" \"agent/1.0 (x; y)\"\n"
    );
    assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
    let response = exchange(server.http(), "HEAD /a.txt HTTP/1.0\r\n\r\n");
    let time = time_of(response.field("date").unwrap());
    wait_for(&path, 2);
    let expected = format!("{expected}127.0.0.1 - - [{time}] \"HEAD /a.txt HTTP/1.0\" 200 - \"-\" \"-\"\n");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
}

#[test]
fn every_response_is_logged_with_its_status_and_the_bytes_behind_its_head() {
    let folder = Folder::new();
    let (server, path) = start(&folder, &["--autoindex"]);
    let tag = get(server.http(), "/middle.bin").field("etag").unwrap().to_owned();
    let long = "a".repeat(9000);
    let (match_it, range) = (format!("If-None-Match: {tag}\r\n"), "Range: bytes=-30001\r\n");
    let mut expected: Vec<(String, u16, u64)> = vec![("GET /middle.bin HTTP/1.1".to_owned(), 200, 100_000)];
    for (line, fields, body, status, size) in [
        ("GET /a.txt HTTP/1.1", "", "", 200, Some(5)),
        ("GET /a.txt HTTP/1.0", "", "", 200, Some(5)),
        ("GET /a.txt HTTP/1.1", "Range: bytes=1-3\r\n", "", 206, Some(3)),
        ("GET /middle.bin HTTP/1.1", range, "", 206, Some(30_001)),
        ("HEAD /middle.bin HTTP/1.1", range, "", 200, Some(0)),
        ("GET /middle.bin HTTP/1.1", &match_it, "", 304, Some(0)),
        ("GET /middle.bin HTTP/1.1", "If-Match: \"x\"\r\n", "", 412, None),
        ("GET /middle.bin HTTP/1.1", "Range: bytes=100000-\r\n", "", 416, None),
        ("GET /empty.txt HTTP/1.1", "", "", 200, Some(0)),
        ("GET /sub HTTP/1.1", "", "", 301, None),
        ("GET /sub/ HTTP/1.1", "", "", 200, None),
        ("GET /sub/ HTTP/1.0", "", "", 200, None),
        ("HEAD /sub/ HTTP/1.1", "", "", 200, Some(0)),
        ("GET /none HTTP/1.1", "", "", 404, Some(14)),
        ("HEAD /none HTTP/1.1", "", "", 404, Some(0)),
        ("GET /.hidden HTTP/1.1", "", "", 404, Some(14)),
        ("GET /%zz HTTP/1.1", "", "", 400, None),
        ("POST a.txt HTTP/1.1", "Content-Length: 2\r\n", "xy", 400, Some(16)),
        ("HEAD a.txt HTTP/1.1", "", "", 400, Some(0)),
        ("CONNECT a:443 HTTP/1.1", "", "GET / HTTP/1.1\r\n\r\n", 405, None),
        ("PUT /a.txt HTTP/1.1", "Content-Length: 2\r\n", "xy", 405, None),
        ("GET /a.txt HTTP/1.1", "Content-Length: 2\r\n", "xy", 200, Some(5)),
        ("GET /a.txt HTTP/1.1", "Content-Length: 9999999\r\n", "", 413, None),
        ("FOO /a.txt HTTP/1.1", "", "", 501, None),
        ("OPTIONS * HTTP/1.1", "", "", 204, Some(0)),
        ("GET /a.txt HTTP/3.0", "", "", 505, None),
        ("GARBAGE", "", "", 400, None),
        ("HEAD\u{1}/ HTTP/1.1", "", "", 400, None),
        ("GET /a.txt HTTP/1.1", "Bad Field: x\r\n", "", 400, None),
        ("GET /a.txt HTTP/1.1", &format!("X: {long}\r\n"), "", 431, None),
        ("POST /upper HTTP/1.1", "Content-Length: 5\r\n", "hello", 200, Some(5)),
        ("POST /upper HTTP/1.1", "Content-Length: 0\r\n", "", 200, Some(0)),
        ("POST /upper HTTP/1.1", "Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n", 200, Some(15)),
        ("POST /upper HTTP/1.1", "Transfer-Encoding: chunked\r\n", "0\r\n\r\n", 200, Some(5)),
        ("POST /upper HTTP/1.1", "Transfer-Encoding: chunked\r\n", "x\r\n", 400, None),
        ("POST /upper HTTP/1.1", "Transfer-Encoding: chunked\r\n", "1\r\na\r\nx", 200, Some(6)),
        ("POST /upper HTTP/1.1", "Transfer-Encoding: chunked\r\n", "HEAD / HTTP/1.1\r\n\r\n", 400, Some(16)),
        ("GET /upper HTTP/1.1", "", "", 405, None),
    ] {
        let reply = conversation(server.http(), format!("{line}\r\nHost: a\r\n{fields}\r\n{body}"));
        assert_eq!(status_of(&reply), status, "{line} {fields}");
        let sent = behind_head(&reply);
        assert_eq!(size.unwrap_or(sent), sent, "{line} {fields}");
        assert!(line.starts_with("HEAD") || size.is_some() || sent > 0, "{line}");
        expected.push((line.replace('\u{1}', "\\x01"), status, sent));
    }
    let lines = wait_for(&path, expected.len());
    let logged: Vec<_> = lines.into_iter().map(|line| (line.request, line.status, line.size)).collect();
    for (logged, expected) in logged.iter().zip(&expected) {
        assert_eq!(logged, expected);
    }
}

#[test]
fn what_is_no_complete_request_line_is_logged_as_a_dash() {
    let folder = Folder::new();
    let (server, path) = start(&folder, &[]);
    let mut late = connect(server.http());
    late.write_all(b"GET /never-ended").unwrap();
    let mut later = connect(server.http());
    later.write_all(b"GET / HTTP/1.1\r\nUser-Agent: slow\r\n").unwrap();
    let too_long = conversation(server.http(), format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(20_000)));
    assert_eq!(status_of(&too_long), 414);
    // Nobody was answered here, so there is nothing to log.
    conversation(server.http(), "");
    conversation(server.http(), "GET / HTTP/1.1\r\nHo");
    conversation(server.http(), "\r\n\r\n");
    for stream in [&mut late, &mut later] {
        assert_eq!(read_response(stream, false).status, 408);
    }
    let lines = wait_for(&path, 3);
    let said: Vec<_> = lines.iter().map(|line| (line.status, &*line.agent)).collect();
    assert_eq!(said, [(414, "-"), (408, "-"), (408, "slow")]);
    assert_eq!((&*lines[1].request, &*lines[2].request), ("-", "GET / HTTP/1.1"));
}

#[test]
fn a_client_that_leaves_is_logged_with_what_was_sent_to_it() {
    let folder = Folder::new();
    folder.write("site/large.bin", noise(2, LARGE));
    for n in 0..3000 {
        folder.write(&format!("site/many/{n:0200}"), "");
    }
    let (server, path) = start(&folder, &["--autoindex"]);
    let before = server.descriptors();
    for (n, (target, all)) in [("/large.bin", LARGE), ("/many/", 1_000_000)].into_iter().enumerate() {
        let mut stream = connect(server.http());
        SockRef::from(&stream).set_recv_buffer_size(64 * 1024).unwrap();
        write!(stream, "GET {target} HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        read_response(&mut stream, true);
        let received = 100_000;
        read_exactly(&mut stream, received);
        drop(stream); // with something unread, so by a reset
        let line = wait_for(&path, n + 1).remove(n);
        assert_eq!(line.request, format!("GET {target} HTTP/1.1"));
        assert_eq!(line.status, 200);
        assert!((received as u64..all as u64).contains(&line.size), "{line:?}");
    }
    let mut stream = connect(server.http());
    stream.write_all(b"POST /upper HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n").unwrap();
    stream.write_all(&[b'a'; 70_000]).unwrap();
    read_response(&mut stream, true);
    read_exactly(&mut stream, 70_000);
    drop(stream);
    let line = wait_for(&path, 3).remove(2);
    assert_eq!((&*line.request, line.status, line.size), ("POST /upper HTTP/1.1", 200, 70_000));
    server.wait_for_descriptors(before);
}

#[test]
fn at_the_end_every_reply_under_way_is_logged_to_the_byte() {
    let folder = Folder::new();
    folder.write("site/large.bin", noise(2, LARGE));
    for n in 0..20_000 {
        folder.write(&format!("site/many/{n:0100}"), "");
    }
    for second_signal in [false, true] {
        let drain = if second_signal { "1h" } else { "1ms" };
        let (mut server, path) = start(&folder, &["--autoindex", "--drain", drain, "--keep-alive", "1h"]);
        let ask = |text: &str| {
            let mut stream = connect(server.http());
            stream.write_all(text.as_bytes()).unwrap();
            stream
        };
        let mut file = ask("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
        let mut listing = ask("GET /many/ HTTP/1.1\r\nHost: a\r\n\r\n");
        let mut pipelined = ask(&"GET /middle.bin HTTP/1.1\r\nHost: a\r\n\r\n".repeat(100));
        let mut complete = ask("GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n");
        let mut chunks =
            ask("POST /upper HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
        let mut none = ask("POST /upper HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        let mut replies = vec![];
        for stream in [&mut file, &mut listing, &mut chunks, &mut complete] {
            replies.push(read_exactly(stream, 100));
        }
        let first = read_exactly(&mut pipelined, 100);
        server.signal("TERM");
        server.wait_for_log("stopping");
        if second_signal {
            server.signal("TERM");
        }
        assert_eq!(server.wait().code(), Some(0));
        // What was sent still comes out of the kernel's buffers, and its bytes can be counted.
        for (stream, reply) in
            [&mut file, &mut listing, &mut chunks, &mut complete].into_iter().zip(&mut replies)
        {
            stream.read_to_end(reply).unwrap();
        }
        let _ = none.read_to_end(&mut Vec::new());
        let lines = log_lines::read(&path);
        let line_of = |part: &str| {
            let found: Vec<&Line> = lines.iter().filter(|line| line.request.contains(part)).collect();
            assert_eq!(found.len(), 1, "{part} in {lines:?}");
            found[0].clone()
        };
        for (part, reply) in ["/large.bin", "/many/", "/upper", "/a.txt"].into_iter().zip(&replies) {
            let line = line_of(part);
            assert_eq!((line.status, line.size), (200, behind_head(reply)), "{part}");
        }
        assert!(behind_head(&replies[0]) < LARGE as u64 && behind_head(&replies[1]) < 5_000_000);
        // Of the pipeline, only what was really sent.
        let mut rest = first;
        let _ = pipelined.read_to_end(&mut rest); // may be reset: it asked for more than was read
        let of_pipeline: Vec<&Line> =
            lines.iter().filter(|line| line.request.contains("/middle.bin")).collect();
        let (last, whole) = of_pipeline.split_last().expect("at least one");
        assert!(whole.iter().all(|line| line.size == 100_000), "{of_pipeline:?}");
        assert!(last.size <= 100_000 && of_pipeline.len() < 100, "{of_pipeline:?}");
        std::fs::remove_file(&path).unwrap();
    }
}

#[test]
fn pipelined_replies_are_logged_in_their_order() {
    let folder = Folder::new();
    folder.write("site/large.bin", noise(2, 3_000_000));
    let (server, path) = start(&folder, &["--autoindex", "--keep-alive", "1h"]);
    let (mut requests, mut expected) = (String::new(), Vec::new());
    for n in 0..60 {
        let (method, target, size) = match n % 6 {
            0 => ("GET", "a.txt", Some(5)),
            1 => ("GET", "middle.bin", Some(100_000)),
            2 => ("HEAD", "middle.bin", Some(0)),
            3 => ("GET", "sub/", None),
            4 if n == 4 => ("GET", "large.bin", Some(3_000_000)),
            4 => ("GET", "none", Some(14)),
            _ => ("GET", "empty.txt", Some(0)),
        };
        let line = format!("{method} /{target}?{n} HTTP/1.1");
        requests += &format!("{line}\r\nHost: a\r\n\r\n");
        expected.push((line, size));
    }
    conversation(server.http(), requests);
    let logged = wait_for(&path, expected.len());
    for (line, (request, size)) in logged.iter().zip(expected) {
        assert_eq!(line.request, request);
        assert_eq!(size.unwrap_or(line.size), line.size, "{request}");
        assert!(size.is_some() || line.size > 1000, "{line:?}");
    }
}

#[test]
fn nothing_that_a_client_says_forges_a_line_or_moves_a_cursor() {
    let folder = Folder::new();
    let (server, path) = start(&folder, &[]);
    let forged = "127.0.0.1 - - [21/Nov/2026:12:00:38 +0000] \"GET / HTTP/1.1\" 200 1 \"-\" \"-\"";
    let evil: [(Vec<u8>, &str, &str); 8] = [
        (b"GET /a.txt HTTP/1.1\r\nUser-Agent: a\"b\\c\"".into(), "GET /a.txt HTTP/1.1", r#"a\"b\\c\""#),
        (b"GET /a\"b\\ HTTP/1.1\r\nUser-Agent: x".into(), r#"GET /a\"b\\ HTTP/1.1"#, "x"),
        (
            b"GET /a.txt HTTP/1.1\r\nUser-Agent: \x1b[2J\x07\x7f\x00".into(),
            "GET /a.txt HTTP/1.1",
            r"\x1b[2J\x07\x7f\x00",
        ),
        (
            b"GET /a.txt HTTP/1.1\r\nUser-Agent: caf\xc3\xa9\xff\ttab".into(),
            "GET /a.txt HTTP/1.1",
            r"caf\xc3\xa9\xff\ttab",
        ),
        (format!("GET /a.txt HTTP/1.1\r\nUser-Agent: x\r{forged}").into(), "GET /a.txt HTTP/1.1", ""),
        (format!("GET /a.txt HTTP/1.1\r\nUser-Agent: x\n{forged}").into(), "GET /a.txt HTTP/1.1", ""),
        (format!("GET /a.txt\r{forged} HTTP/1.1\r\nUser-Agent: y").into(), "", "y"),
        (b"GET /\x1b]0;title\x07 HTTP/1.1\r\nUser-Agent: z".into(), r"GET /\x1b]0;title\x07 HTTP/1.1", "z"),
    ];
    for (n, (head, request, agent)) in evil.iter().enumerate() {
        conversation(server.http(), [head.as_slice(), b"\r\nHost: a\r\n\r\n"].concat());
        let line = wait_for(&path, n + 1).remove(n);
        assert!(request.is_empty() || line.request == *request, "{line:?}");
        assert!(agent.is_empty() || line.agent == *agent, "{line:?}");
    }
}

#[test]
fn clients_are_logged_by_address_and_mapped_ones_as_ipv4() {
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        return skip("there is no IPv6");
    }
    let folder = Folder::new();
    let (server, path) = start(&folder, &["--http", "[::]:0"]);
    let port = server.http().port();
    assert_eq!(get(SocketAddr::from(([127, 0, 0, 1], port)), "/a.txt").status, 200);
    assert_eq!(get(SocketAddr::from((Ipv6Addr::LOCALHOST, port)), "/a.txt").status, 200);
    let clients: Vec<String> = wait_for(&path, 2).into_iter().map(|line| line.client).collect();
    assert_eq!(clients, ["127.0.0.1", "::1"]);
}

#[test]
fn of_a_head_that_is_too_long_no_more_is_logged_than_a_head_may_have() {
    let folder = Folder::new();
    let (server, path) = start(&folder, &[]);
    let long = "\u{e9}".repeat(30_000);
    conversation(server.http(), format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n"));
    conversation(server.http(), format!("GET / HTTP/1.1\r\nHost: a\r\nReferer: {long}\r\n\r\n"));
    let statuses: Vec<u16> = wait_for(&path, 2).into_iter().map(|line| line.status).collect();
    assert_eq!(statuses, [414, 431]);
    let most = 4 * shoutd::limits::HEAD + 200;
    for line in std::fs::read_to_string(&path).unwrap().lines() {
        assert!(line.len() <= most, "a line of {} bytes", line.len());
    }
}
