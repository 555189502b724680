//! Where a request ends and the next begins: however the bytes arrive, and whatever a second reader of the
//! same bytes might have made of them (RFC 9112 sections 6, 9 and 11).

mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use support::*;

/// A second connection. Once it has been answered, the server has read what was sent before on others.
struct Fence(TcpStream);

impl Fence {
    fn pass(&mut self) {
        self.0.write_all(b"GET /fence HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        assert_eq!(read_response(&mut self.0, false).status, 404);
    }
}

/// A site with small and large files, a redirect and a missing page, that waits for slow tests.
fn site() -> (Shoutd, Folder) {
    let folder = Folder::new();
    folder.write("small.txt", "small");
    folder.write("large.bin", noise(2, 40_000));
    folder.write("_redirects", "/old /new 302");
    let server = Shoutd::start(&["--http", "0", "--keep-alive", "10m", "--root", folder.as_str()]);
    (server, folder)
}

/// Sends `pieces` so that the server reads each of them by itself, half-closes, and returns the replies.
fn in_pieces<'a>(server: &Shoutd, fence: &mut Fence, pieces: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut stream = connect(server.http());
    fence.pass(); // now it is accepted
    for piece in pieces {
        stream.write_all(piece).unwrap();
        fence.pass();
    }
    stream.shutdown(Shutdown::Write).unwrap();
    undated(read_to_end(&mut stream))
}

/// The status codes of replies, none of which may answer a HEAD.
fn statuses(mut replies: &[u8]) -> Vec<u16> {
    let mut found = Vec::new();
    while !replies.is_empty() {
        found.push(read_response(&mut replies, false).status);
    }
    found
}

const PIPELINE: &[u8] = b"\r\nGET /small.txt HTTP/1.1\r\nHost: a\r\n\r\n\
    GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n\
    POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nGET / HT\n\r\n\r\n\
    GET /old?q HTTP/1.0\r\nConnection: keep-alive\r\n\r\n\
    BREW / HTTP/1.1\r\nHost: a\r\n\r\n\r\n\
    GET /%2E HTTP/1.1\r\nHost: a\r\n\r\n\
    GET http://a/nope HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";

#[test]
fn a_pipeline_cut_at_any_byte_gets_the_same_replies() {
    let (server, _folder) = site();
    let mut fence = Fence(connect(server.http()));
    let whole = undated(conversation(server.http(), PIPELINE));
    assert_eq!(statuses(&whole), [200, 200, 405, 302, 501, 404, 404]);
    for cut in 1..PIPELINE.len() {
        let (first, second) = PIPELINE.split_at(cut);
        let replies = in_pieces(&server, &mut fence, [first, second].into_iter());
        assert!(replies == whole, "cut at {cut}: {:?}", String::from_utf8_lossy(first));
    }
    let replies = in_pieces(&server, &mut fence, PIPELINE.chunks(1));
    assert!(replies == whole, "byte by byte");
}

#[test]
fn a_request_in_three_pieces_is_one_request() {
    let (server, _folder) = site();
    let mut fence = Fence(connect(server.http()));
    let request = b"GET /small.txt HTTP/1.1\r\nHost: a\r\n\r\nGET /%2";
    let whole = undated(conversation(server.http(), request));
    assert_eq!(statuses(&whole), [200]);
    for i in 1..request.len() - 1 {
        for j in i + 1..request.len() {
            let pieces = [&request[..i], &request[i..j], &request[j..]];
            assert!(in_pieces(&server, &mut fence, pieces.into_iter()) == whole, "cut at {i} and {j}");
        }
    }
}

#[test]
fn a_refusal_is_the_same_wherever_the_bytes_are_cut() {
    let (server, _folder) = site();
    let mut fence = Fence(connect(server.http()));
    for request in [
        &b"GET / HTTP/1.1\r\nHost: a\r\nX: a\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"[..],
        b"GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST small.txt HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /% HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /upper HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nHEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        let whole = undated(conversation(server.http(), request));
        assert_eq!(statuses(&whole), [400]);
        for cut in 1..request.len() {
            let (first, second) = request.split_at(cut);
            let replies = in_pieces(&server, &mut fence, [first, second].into_iter());
            assert!(replies == whole, "cut at {cut}: {:?}", String::from_utf8_lossy(first));
        }
    }
}

#[test]
fn a_thousand_requests_sent_at_once_are_answered_in_order() {
    let (server, _folder) = site();
    let large = noise(2, 40_000);
    let requests: String = (0..1000)
        .map(|n| match n % 5 {
            0 => format!("GET /small.txt?{n} HTTP/1.1\r\nHost: a\r\n\r\n"),
            1 | 2 => format!("GET /old?{n} HTTP/1.1\r\nHost: a\r\n\r\n"),
            3 => format!("GET /large.bin?{n} HTTP/1.1\r\nHost: a\r\n\r\n"),
            _ => format!("HEAD /large.bin?{n} HTTP/1.1\r\nHost: a\r\n\r\n"),
        })
        .collect();
    let mut stream = connect(server.http());
    let mut writer = stream.try_clone().unwrap();
    let writing = thread::spawn(move || writer.write_all(requests.as_bytes()));
    for n in 0..1000 {
        let response = read_response(&mut stream, n % 5 == 4);
        match n % 5 {
            0 => assert_eq!((response.status, &response.body[..]), (200, &b"small"[..]), "{n}"),
            1 | 2 => assert_eq!(response.field("Location"), Some(format!("/new?{n}").as_str())),
            3 => assert!(response.status == 200 && response.body == large, "{n}: another file"),
            _ => assert_eq!(response.field("Content-Length"), Some("40000"), "{n}"),
        }
    }
    writing.join().unwrap().unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_to_end(&mut stream), b"", "nothing but the replies");
}

#[test]
fn bodies_are_skipped_and_the_next_request_is_answered() {
    let (server, _folder) = site();
    for length in [0, 1, 30, 1000, 65_536] {
        let body = "GET /old HTTP/1.1\r\nHost: a\r\n\r\n".repeat(length / 30 + 1);
        for method in ["GET", "POST", "BREW", "HEAD"] {
            let start =
                format!("{method} /small.txt HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
            let mut stream = connect(server.http());
            write!(stream, "{start}{}GET /old?next HTTP/1.1\r\nHost: a\r\n\r\n", &body[..length]).unwrap();
            let first = read_response(&mut stream, method == "HEAD");
            assert_eq!(first.field("Connection"), None, "{method} with {length} bytes");
            let next = read_response(&mut stream, false);
            assert_eq!(next.field("Location"), Some("/new?next"), "{method} with {length} bytes");
            stream.shutdown(Shutdown::Write).unwrap();
            assert_eq!(read_to_end(&mut stream), b"");
        }
    }
}

#[test]
fn after_a_body_that_is_not_skipped_nothing_is_a_request() {
    let (server, _folder) = site();
    let behind = "GET /old HTTP/1.1\r\nHost: a\r\n\r\n".repeat(50_000);
    for (fields, status) in [
        ("Content-Length: 65537", 200),
        ("Content-Length: 1048576", 200),
        ("Content-Length: 1048577", 413),
        ("Content-Length: 18446744073709551615", 413),
        ("Transfer-Encoding: chunked", 200),
        ("Transfer-Encoding: CHUNKED", 200),
        ("Content-Length: 30\r\nExpect: 100-continue", 200),
        ("Transfer-Encoding: chunked\r\nExpect: 100-Continue", 200),
        ("Transfer-Encoding: gzip, chunked", 501),
    ] {
        let mut stream = connect(server.http());
        let head = format!("GET /small.txt HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n");
        stream.write_all((head + &behind).as_bytes()).unwrap();
        let response = read_response(&mut stream, false);
        assert_eq!((response.status, response.field("Connection")), (status, Some("close")), "{fields}");
        assert_eq!(read_to_end(&mut stream), b"", "{fields}");
    }
}

/// Sends a head with megabytes of requests behind it and expects one 400, whole, then the FIN.
fn expect_refusal(server: &Shoutd, head: &[u8], behind: &[u8]) {
    let shown = String::from_utf8_lossy(head);
    let mut stream = connect(server.http());
    stream.write_all(&[head, behind].concat()).unwrap();
    let response = read_response(&mut stream, false);
    assert_eq!((response.status, response.field("Connection")), (400, Some("close")), "{shown:?}");
    let mut more = Vec::new();
    let end = stream.read_to_end(&mut more);
    assert!(end.is_ok(), "{shown:?}: {end:?} after the reply");
    assert!(more.is_empty(), "{shown:?}: a second reply {:?}", String::from_utf8_lossy(&more));
}

#[test]
fn fields_that_can_be_read_in_two_ways_are_refused() {
    let (server, _folder) = site();
    let behind = "GET /behind HTTP/1.1\r\nHost: a\r\n\r\n".repeat(90_000);
    for fields in [
        "Content-Length: 3\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 3",
        "Content-Length: 3\r\nContent-Length: 3",
        "Content-Length: 3\r\ncontent-length: 4",
        "Content-Length: 3, 3",
        "Content-Length: 3,4",
        "Content-Length: +3",
        "Content-Length: -3",
        "Content-Length: 0x3",
        "Content-Length: 3.0",
        "Content-Length: 3 3",
        "Content-Length: ",
        "Content-Length: \u{663}",
        "Content-Length: 18446744073709551616",
        "Content-Length : 3",
        "Content-Length\t: 3",
        " Content-Length: 3",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding: \x0bchunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: ",
        "Transfer-Encoding : chunked",
        "X: a\r\n b",
        "X: a\r\n\tTransfer-Encoding: chunked",
        "X: a\nContent-Length: 3",
        "X: a\rContent-Length: 3",
        "X: a\r\r",
        "X: a\0b",
        "X: \x01",
        "X: \x7f",
        "X\0: a",
        "X y: a",
        "no colon",
        ": no name",
        "Host: a",
        "Host: b",
    ] {
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n");
        expect_refusal(&server, head.as_bytes(), behind.as_bytes());
    }
}

#[test]
fn heads_that_can_be_read_in_two_ways_are_refused() {
    let (server, _folder) = site();
    let behind = "GET /behind HTTP/1.1\r\nHost: a\r\n\r\n".repeat(90_000);
    for head in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        b"GET / HTTP/1.1\r\nHost:\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: \xff\r\n\r\n",
        b"GET http://a/ HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\nHost: a\n\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n\n",
        b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\rHost: a\r\n\r\n",
        b"\rGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\n Host: a\r\n\r\n",
        b" GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
        b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /a\x7fb HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /a\xffb HTTP/1.1\r\nHost: a\r\n\r\n",
        b"G(T / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1, HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        expect_refusal(&server, head, behind.as_bytes());
    }
}

#[test]
fn a_target_that_is_none_is_refused_whatever_the_method() {
    let (server, _folder) = site();
    let behind = "GET /behind HTTP/1.1\r\nHost: a\r\n\r\n".repeat(90_000);
    for method in ["GET", "POST", "PUT", "OPTIONS", "TRACE", "CONNECT", "BREW"] {
        for target in [
            "small.txt",
            "%2fsmall.txt",
            "?q",
            "**",
            "*/",
            "a@b:443",
            "ftp://a/small.txt",
            "http://",
            "http:///small.txt",
            "http://:80/small.txt",
            "http://user@a/small.txt",
            "http://a:b/small.txt",
            "http:/small.txt",
            "/small.txt#part",
            "/small.txt?q#part",
            "http://a#part",
            "/%",
            "/small%2",
            "/%zz",
            "/%00",
            "/.x/%0a",
        ] {
            expect_refusal(
                &server,
                format!("{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes(),
                behind.as_bytes(),
            );
        }
        let other_form = match method {
            "OPTIONS" => "a:443",
            "CONNECT" => "/small.txt",
            _ => "*",
        };
        expect_refusal(
            &server,
            format!("{method} {other_form} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes(),
            behind.as_bytes(),
        );
    }
}

#[test]
fn a_body_is_never_taken_for_a_head() {
    // Refused is the POST, so its 400 has a body: a client would wait for it.
    let (server, _folder) = site();
    let start = "POST /upper HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    for before in ["", "HEAD /small.txt HTTP/1.1\r\nHost: a\r\n\r\n"] {
        let mut stream = connect(server.http());
        write!(stream, "{before}{start}HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        if !before.is_empty() {
            assert_eq!(read_response(&mut stream, true).status, 200);
        }
        let response = read_response(&mut stream, false);
        assert_eq!((response.status, &response.body[..]), (400, &b"400 Bad Request\n"[..]));
        assert_eq!(read_to_end(&mut stream), b"");
    }
}

#[test]
fn nothing_is_read_behind_a_connect() {
    let (server, _folder) = site();
    let mut stream = connect(server.http());
    let behind = "GET /old HTTP/1.1\r\nHost: a\r\n\r\n";
    write!(stream, "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n{behind}").unwrap();
    let response = read_response(&mut stream, false);
    assert_eq!((response.status, response.field("Connection")), (405, Some("close")));
    assert_eq!(response.field("Allow"), Some("GET, HEAD, OPTIONS"));
    assert_eq!(read_to_end(&mut stream), b"");
}

#[test]
fn heads_have_room_for_8_kib_and_a_hundred_fields() {
    let (server, _folder) = site();
    let sized = |length: usize| {
        let start = "GET /small.txt HTTP/1.1\r\nHost: a\r\nX: ";
        format!("{start}{}\r\n\r\n", "x".repeat(length - start.len() - 4))
    };
    let counted =
        |count: usize| format!("GET /small.txt HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(count - 1));
    let targeted =
        |length: usize| format!("GET /small.txt?{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(length));
    for (what, request, status) in [
        ("8192 bytes", sized(8192), 200),
        ("8193 bytes", sized(8193), 431),
        ("a megabyte", sized(1_000_000), 431),
        ("100 fields", counted(100), 200),
        ("101 fields", counted(101), 431),
        ("1000 fields", counted(1000), 431),
        ("a target of 8000 bytes", targeted(8000), 200),
        ("a target of 9000 bytes", targeted(9000), 414),
        ("a target of a megabyte", targeted(1_000_000), 414),
    ] {
        let bytes = conversation(server.http(), request);
        let response = read_response(&mut &bytes[..], false);
        assert_eq!(response.status, status, "{what}");
        assert_eq!(response.head.len() + response.body.len(), bytes.len(), "{what}: one reply");
        assert_eq!(response.field("Connection"), if status == 200 { None } else { Some("close") }, "{what}");
    }
}
