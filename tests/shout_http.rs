//! `shout http`: bodies exact to standard output, one connection where the server lets it and the reason
//! where it doesn't, redirects, heads and fields.
#![cfg(feature = "client")]

#[path = "support/peers.rs"]
mod peers;
mod support;

use peers::*;
use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};
use support::*;

/// Runs `shout http`.
fn http(arguments: &[&str]) -> Outcome {
    run(&[&["http"], arguments].concat())
}

/// What it told of each request: the URL with status and bytes, and on which connection.
fn told(outcome: &Outcome) -> Vec<(String, String)> {
    let of_line = |line: &str| {
        let (what, rest) = line.split_once(" bytes in ").unwrap_or_else(|| panic!("{line:?}"));
        let (time, which) = rest.split_once(", ").unwrap_or_else(|| panic!("{line:?}"));
        let units = ["µs", "ms", "s"];
        let is_time = time.split_once(' ').is_some_and(|(n, unit)| {
            n.parse::<f64>().is_ok_and(|number| number > 0.0) && units.contains(&unit)
        });
        assert!(is_time, "{line:?}");
        (what.to_owned(), which.to_owned())
    };
    outcome.lines().into_iter().map(of_line).collect()
}

/// On which connections the requests went.
fn connections(outcome: &Outcome) -> Vec<String> {
    told(outcome).into_iter().map(|(_, which)| which).collect()
}

#[test]
fn several_urls_go_over_one_connection_and_their_bodies_come_out_exactly() {
    let folder = Folder::new();
    let (large, small) = (noise(9, 5_000_000), noise(10, 300));
    folder.write("large", &large);
    folder.write("small", &small);
    folder.write("empty", "");
    let server = Shoutd::start(&["--http", "0", "--root", folder.as_str(), "--keep-alive", "10s"]);
    let base = format!("http://{}", server.http());
    let urls = ["small", "large", "empty", "small"].map(|name| format!("{base}/{name}"));
    let outcome = http(&urls.each_ref().map(String::as_str));
    assert_eq!(outcome.status, Some(0), "{}", outcome.stderr);
    assert!(outcome.stdout == [&small[..], &large, &small].concat(), "{} bytes", outcome.stdout.len());
    let lengths = [300, 5_000_000, 0, 300];
    let expected: Vec<String> =
        urls.iter().zip(lengths).map(|(url, length)| format!("{url}: 200 OK, {length}")).collect();
    assert_eq!(told(&outcome).into_iter().map(|(what, _)| what).collect::<Vec<_>>(), expected);
    assert_eq!(
        connections(&outcome),
        ["new connection", "same connection", "same connection", "same connection"]
    );
}

#[test]
fn after_a_gap_of_two_seconds_the_server_has_closed_after_one() {
    let server = Shoutd::start(&["--http", "0"]);
    let url = format!("{}/file.txt", server.http());
    let start = Instant::now();
    let outcome = http(&["--gap", "2s", "--times", "2", &url]);
    assert!(start.elapsed() >= Duration::from_secs(2));
    assert_eq!(outcome.status, Some(0));
    let [first, second] = &connections(&outcome)[..] else { panic!("{outcome:?}") };
    assert_eq!(first, "new connection");
    let after = second.strip_prefix("new connection: the server closed the last one after ");
    // It is the client's clock, which starts when the response has come: it may show some less than 1 s.
    let seconds = match after.and_then(|time| time.split_once(' ')) {
        Some((number, "s")) => number.parse().unwrap(),
        Some((number, "ms")) => number.parse::<f64>().unwrap() / 1000.0,
        _ => panic!("{second:?}"),
    };
    assert!((0.5..1.9).contains(&seconds), "{second:?}");

    let outcome = http(&["--gap", "100ms", "--times", "2", &url]);
    assert_eq!(connections(&outcome), ["new connection", "same connection"]);
}

#[test]
fn lingering_lets_the_server_close_first() {
    let server = Shoutd::start(&["--http", "0", "--keep-alive", "500ms"]);
    let url = format!("{}/file.txt", server.http());
    let start = Instant::now();
    let outcome = http(&["--linger", "15s", "--report", &url]);
    assert!(start.elapsed() >= Duration::from_millis(500) && start.elapsed() < Duration::from_secs(10));
    assert!(outcome.stderr.ends_with("closed first        by the server, with a FIN\n"), "{outcome:?}");
    let outcome = http(&["--report", &url]);
    assert!(outcome.stderr.ends_with("closed first        by this client, with a FIN\n"), "{outcome:?}");
}

#[test]
fn why_a_connection_is_not_used_again_is_told() {
    let one = |head: &str| format!("HTTP/1.{head}\r\n\r\nhello").into_bytes();
    for (reply, then, expected) in [
        (
            "1 200 OK\r\nContent-Length: 5\r\nConnection: close",
            Then::Close,
            "new connection: the server closed the last one, as it said it would",
        ),
        (
            "1 200 OK\r\nContent-Length: 5\r\nconnection: Foo, CLOSE",
            Then::KeepSilent,
            "new connection: the server closed the last one, as it said it would",
        ),
        ("0 200 OK\r\nContent-Length: 5", Then::Close, "new connection: HTTP/1.0 closes after each response"),
        (
            "1 200 OK",
            Then::Close,
            "new connection: the last response had no length, so its end was the server's FIN",
        ),
    ] {
        let server = http_server(vec![(vec![one(reply)], then), (vec![ok(" world")], Then::CloseAtTheNext)]);
        let base = format!("http://{}/", server.address);
        let outcome = http(&[&format!("{base}a"), &format!("{base}b")]);
        assert_eq!((outcome.status, &*outcome.stdout), (Some(0), &b"hello world"[..]), "{outcome:?}");
        assert_eq!(connections(&outcome), ["new connection", expected]);
        let requests = server.saw().into_iter().map(|of_one| of_one.len()).collect::<Vec<_>>();
        assert_eq!(requests, [1, 1]);
    }
    let kept = one("0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive");
    let server = http_server(vec![(vec![kept, ok(" world")], Then::CloseAtTheNext)]);
    let url = server.address.to_string();
    assert_eq!(connections(&http(&[&url, &url])), ["new connection", "same connection"]);
}

#[test]
fn a_chunked_body_is_put_together() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunks = "5\r\nhello\r\n00A;name=\"value\"\r\n\0\r\n 0\r\n\r\n!\r\n0\r\nTrailer: x\r\n\r\n";
    let server = once(move |mut stream| {
        let whole = format!("{head}{chunks}");
        read_request(&mut stream).unwrap();
        stream.write_all(whole.as_bytes()).unwrap();
        read_request(&mut stream).unwrap();
        for byte in whole.as_bytes() {
            stream.write_all(&[*byte]).unwrap(); // each boundary in another segment
            thread::sleep(Duration::from_millis(1));
        }
        read_request(&mut stream)
    });
    let url = server.address.to_string();
    let outcome = http(&[&url, &url]);
    assert_eq!(outcome.status, Some(0), "{outcome:?}");
    assert_eq!(outcome.stdout, b"hello\0\r\n 0\r\n\r\n!".repeat(2));
    assert_eq!(connections(&outcome), ["new connection", "same connection"]);
    assert!(outcome.stderr.contains("200 OK, 15 bytes"), "{outcome:?}");
    assert_eq!(server.saw(), None);
}

#[test]
fn a_body_without_a_length_ends_with_the_connection() {
    let body = noise(12, 400_000);
    let reply = [b"HTTP/1.0 200 OK\r\nServer: old\r\n\r\n", &*body].concat();
    let server = http_server(vec![(vec![reply], Then::Close)]);
    let outcome = http(&[&server.address.to_string()]);
    assert!(outcome.status == Some(0) && outcome.stdout == body, "{}", outcome.stderr);
}

#[test]
fn head_asks_for_no_body_and_expects_none() {
    let server = Shoutd::start(&["--http", "0", "--keep-alive", "10s"]);
    let url = format!("{}/file.txt", server.http());
    let outcome = http(&["--head", &url, &url]);
    assert_eq!(connections(&outcome), ["new connection", "same connection"]);
    let text = String::from_utf8(outcome.stdout).unwrap();
    assert_eq!(text.matches("HTTP/1.1 200 OK\r\n").count(), 2, "{text}");
    assert!(text.ends_with("\r\n\r\n") && text.contains("\r\nContent-Length: "), "{text}");

    let server = http_server(vec![(vec![ok("")], Then::CloseAtTheNext)]);
    http(&["--head", &server.address.to_string()]);
    assert!(server.saw()[0][0].starts_with("HEAD / HTTP/1.1\r\n"));
}

#[test]
fn folded_lines_are_joined_by_a_space() {
    // RFC 9112 section 5.2: a user agent must, before it makes sense of a value.
    let to = "HTTP/1.1 302 Found\r\nLocation:\r\n\t/there\r\nX-Long: one \r\n   two\n three\r\n \r\n\
              Content-Length:\r\n 0\r\n\r\n";
    let there = "HTTP/1.1 200 OK\r\nConnection: x,\r\n close\r\nContent-Length: 8\r\n\r\na\n b\r\n\tc";
    let server = http_server(vec![(vec![to.as_bytes().to_vec(), there.as_bytes().to_vec()], Then::Close)]);
    let url = server.address.to_string();
    let outcome = http(&["--follow", "-i", &url]);
    let head =
        "HTTP/1.1 302 Found\r\nLocation: /there\r\nX-Long: one two three \r\nContent-Length: 0\r\n\r\n";
    let there = there.replace("x,\r\n close", "x, close");
    assert_eq!(
        (outcome.status, &*outcome.stdout),
        (Some(0), &*[head, &there].concat().into_bytes()),
        "{outcome:?}"
    );
    assert!(server.saw()[0][1].starts_with("GET /there "));

    // It comes byte by byte as well.
    let server = once(move |mut stream| {
        read_request(&mut stream).unwrap();
        for byte in to.as_bytes() {
            stream.write_all(&[*byte]).unwrap();
            thread::sleep(Duration::from_millis(1)); // each in another segment
        }
    });
    let outcome = http(&["-i", &server.address.to_string()]);
    assert_eq!((outcome.status, &*outcome.stdout), (Some(0), head.as_bytes()), "{outcome:?}");
}

#[test]
fn many_fields_are_no_reason_to_refuse_a_response() {
    for count in [101, 2500] {
        let fields: String = (0..count).map(|number| format!("X-{number}: some value\r\n")).collect();
        let reply = format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 5\r\n\r\nhello");
        assert!(reply.len() < 64 * 1024);
        let server = http_server(vec![(vec![reply.into_bytes()], Then::CloseAtTheNext)]);
        let outcome = http(&[&server.address.to_string()]);
        assert_eq!((outcome.status, &*outcome.stdout), (Some(0), &b"hello"[..]), "{count}: {outcome:?}");
    }
}

#[test]
fn responses_that_never_have_a_body_have_none() {
    let replies = [
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n\
         HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    ];
    let replies = replies.map(|reply| reply.as_bytes().to_vec()).to_vec();
    let server = http_server(vec![(replies, Then::CloseAtTheNext)]);
    let outcome = http(&["--times", "3", &server.address.to_string()]);
    assert_eq!((outcome.status, &*outcome.stdout), (Some(0), &b"ok"[..]), "{outcome:?}");
    assert_eq!(connections(&outcome), ["new connection", "same connection", "same connection"]);
}

#[test]
fn include_prints_each_head_before_its_body() {
    let replies = vec![ok("hello"), b"HTTP/1.1 404 Gone Fishing\r\ncontent-length: 0\r\n\r\n".to_vec()];
    let server = http_server(vec![(replies.clone(), Then::CloseAtTheNext)]);
    let url = format!("http://{}/", server.address);
    let outcome = http(&["-i", &url, &url]);
    assert_eq!(outcome.status, Some(0), "a 404 is an answer: {outcome:?}");
    assert_eq!(outcome.stdout, replies.concat());
    assert_eq!(told(&outcome)[1].0, format!("{url}: 404 Gone Fishing, 0"));
}

#[test]
fn a_missing_page_is_printed_with_status_0() {
    let server = Shoutd::start(&["--http", "0"]);
    let outcome = http(&[&format!("{}/nope", server.http())]);
    assert_eq!(outcome.status, Some(0));
    assert!(outcome.stderr.contains("/nope: 404 Not Found, ") && !outcome.stdout.is_empty(), "{outcome:?}");
}

#[test]
fn redirects_are_followed_if_that_is_asked_for() {
    let server = Shoutd::start(&["--http", "0"]);
    let base = format!("http://{}", server.http());
    let outcome = http(&[&format!("{base}/redirect"), "--follow"]);
    assert_eq!(outcome.status, Some(0));
    let urls: Vec<String> = told(&outcome).into_iter().map(|(what, _)| what).collect();
    assert!(urls[0].starts_with(&format!("{base}/redirect: 301 Moved Permanently, ")), "{urls:?}");
    assert!(urls[1].starts_with(&format!("{base}/result.html: 200 OK, ")), "{urls:?}");
    assert!(String::from_utf8_lossy(&outcome.stdout).contains("Success"), "{outcome:?}");
    assert_eq!(http(&[&format!("{base}/redirect")]).lines().len(), 1);
}

#[test]
fn a_location_may_be_relative_or_lead_to_another_host() {
    let to = |location: &str| {
        format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n").into_bytes()
    };
    let other = http_server(vec![(vec![ok("there")], Then::CloseAtTheNext)]);
    let absolute = format!("http://{}/x?y", other.address);
    let replies = vec![to("b"), to("../c?d=e f"), to("?only"), to(&absolute)];
    let server = http_server(vec![(replies, Then::CloseAtTheNext)]);
    let outcome = http(&["-f", &format!("{}/dir/a", server.address)]);
    assert_eq!((outcome.status, &*outcome.stdout), (Some(0), &b"there"[..]), "{outcome:?}");
    let host = format!(" HTTP/1.1\r\nHost: {}\r\n", other.address);
    let lines = |seen: Vec<Vec<String>>| -> Vec<String> {
        seen.concat().iter().map(|head| head.lines().next().unwrap().to_owned()).collect()
    };
    let expected = ["GET /dir/a", "GET /dir/b", "GET /c?d=e%20f", "GET /c?only"];
    assert_eq!(lines(server.saw()), expected.map(|start| format!("{start} HTTP/1.1")));
    assert!(connections(&outcome)[4].starts_with("new connection: another host"), "{outcome:?}");
    let seen = other.saw();
    assert!(seen[0][0].starts_with(&format!("GET /x?y{host}")), "{seen:?}");
}

#[test]
fn a_request_says_what_it_was_told_to_and_no_more() {
    let server = http_server(vec![(vec![ok(""), ok("")], Then::CloseAtTheNext)]);
    let url = format!("http://{}/%7Euser/a b?q=ä#part", server.address);
    http(&["-H", "X-One: 1", "--header", "x-two:  a: b ", "-H", "X-One: 2", &url]);
    let head = &server.saw()[0][0];
    let expected = format!("GET /%7Euser/a%20b?q=%C3%A4 HTTP/1.1\r\nHost: {}\r\n", server_of(&url));
    assert!(head.starts_with(&expected), "{head:?}");
    assert!(head.ends_with("X-One: 1\r\nx-two: a: b\r\nX-One: 2\r\n\r\n"), "{head:?}");

    let server = http_server(vec![(vec![ok("")], Then::CloseAtTheNext)]);
    http(&["-H", "host: other", "-H", "User-Agent: me", "-H", "accept:", &server.address.to_string()]);
    assert_eq!(server.saw()[0][0], "GET / HTTP/1.1\r\nhost: other\r\nUser-Agent: me\r\naccept: \r\n\r\n");
}

fn server_of(url: &str) -> &str {
    url.strip_prefix("http://").unwrap().split('/').next().unwrap()
}

#[test]
fn a_url_may_be_short_or_lead_to_an_ipv6_address() {
    let server = Shoutd::start(&["--http", "127.0.0.1:0", "--http", "[::1]:0"]);
    let (four, six) = (server.nth("http", 0), server.nth("http", 1));
    for url in [
        format!("{four}"),
        format!("HTTP://localhost:{}/", four.port()),
        format!("localhost:{}?to=http://elsewhere/", four.port()),
        format!("{six}/index.html"),
        format!("http://{six}"),
    ] {
        let outcome = http(&[&url]);
        assert!(outcome.status == Some(0) && outcome.stderr.contains(": 200 OK, "), "{outcome:?}");
    }
}
