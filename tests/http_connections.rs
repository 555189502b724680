//! When an HTTP connection stays open and when it ends: the experiments of the lab, and every way for a
//! client to go away.

mod support;

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};
use support::*;

const SECOND: Duration = Duration::from_secs(1);

/// Far less than the patience that it is compared with, and enough for a loaded machine.
const SOON: Duration = Duration::from_secs(8);

fn request(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

/// Asks on an open connection. The instant is from before the request was sent.
fn ask(stream: &mut TcpStream, path: &str) -> (Response, Instant) {
    let start = Instant::now();
    stream.write_all(request(path).as_bytes()).unwrap();
    (read_response(stream, false), start)
}

/// Waits for a FIN without a byte before it, no earlier than `least` after `start`, and soon after that.
fn expect_fin(stream: &mut TcpStream, start: Instant, least: Duration) {
    assert_eq!(read_to_end(stream), b"");
    let time = start.elapsed();
    assert!(time >= least && time < least + SOON, "the FIN came after {time:?}, not {least:?}");
}

#[test]
fn index_and_single_fin_the_connection_ends_one_second_after_its_last_reply() {
    let server = Shoutd::start(&["--http", "0"]);
    let mut stream = connect(server.http());
    assert_eq!(ask(&mut stream, "/").0.status, 200);
    thread::sleep(SECOND / 10); // the experiment's gap
    let (second, start) = ask(&mut stream, "/favicon.ico");
    assert_eq!(second.status, 200);
    expect_fin(&mut stream, start, SECOND);
}

#[test]
fn double_fin_a_client_that_waits_too_long_has_to_connect_again() {
    let server = Shoutd::start(&["--http", "0"]);
    let mut first = connect(server.http());
    let (response, start) = ask(&mut first, "/");
    assert_eq!(response.status, 200);
    expect_fin(&mut first, start, SECOND);
    let mut second = connect(server.http());
    let (response, start) = ask(&mut second, "/");
    assert_eq!(response.status, 200);
    expect_fin(&mut second, start, SECOND);
}

#[test]
fn a_connection_in_use_outlives_the_idle_time() {
    let server = Shoutd::start(&["--http", "0", "--keep-alive", "2s"]);
    let mut stream = connect(server.http());
    for _ in 0..5 {
        assert_eq!(ask(&mut stream, "/file.txt").0.status, 200);
        thread::sleep(SECOND / 2); // in all more than the idle time
    }
    let (_, start) = ask(&mut stream, "/file.txt");
    expect_fin(&mut stream, start, 2 * SECOND);
}

#[test]
fn a_silent_connection_is_closed_after_the_idle_time() {
    let server = Shoutd::start(&["--http", "0"]);
    let start = Instant::now();
    let mut stream = connect(server.http());
    expect_fin(&mut stream, start, SECOND);
}

#[test]
fn redirect_and_not_found_end_their_connection_with_close_on_error() {
    let server = Shoutd::start(&["--http", "0", "--close-on-error"]);
    let start = Instant::now();
    let mut silent = connect(server.http());
    for (path, status) in [("/redirect", 301), ("/nope", 404), ("/%", 400)] {
        let mut stream = connect(server.http());
        let (response, asked) = ask(&mut stream, path);
        assert_eq!((response.status, response.field("Connection")), (status, Some("close")));
        expect_fin(&mut stream, asked, Duration::ZERO);
    }
    let mut stream = connect(server.http());
    let (response, asked) = ask(&mut stream, "/result.html");
    assert_eq!((response.status, response.field("Connection")), (200, None));
    expect_fin(&mut stream, asked, SECOND);
    expect_fin(&mut silent, start, SECOND);
}

#[test]
fn what_ends_a_connection_says_so_and_ends_it_at_once() {
    // With an idle time that would outlast every deadline of this test.
    let lasting = Shoutd::start(&["--http", "0", "--keep-alive", "10m"]);
    let strict = Shoutd::start(&["--http", "0", "--keep-alive", "10m", "--close-on-error"]);
    let single = Shoutd::start(&["--http", "0", "--keep-alive", "0"]);
    for (server, request) in [
        (&lasting, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
        (&lasting, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Keep-Alive, CLOSE\r\n\r\n"),
        (&lasting, "GET / HTTP/1.1\r\nHost: a\r\nConnection: x\r\nConnection: close\r\n\r\n"),
        (&lasting, "GET /back1.jpg HTTP/1.0\r\n\r\n"),
        (&lasting, "GET / HTTP/1.0\r\nConnection: close, keep-alive\r\n\r\n"),
        (&lasting, "GET /nope HTTP/1.0\r\n\r\n"),
        (&strict, "GET /nope HTTP/1.1\r\nHost: a\r\n\r\n"),
        (&strict, "GET /redirect HTTP/1.1\r\nHost: a\r\n\r\n"),
        (&strict, "POST / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
        (&strict, "BREW / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (&single, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (&single, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
    ] {
        let mut stream = connect(server.http());
        let start = Instant::now();
        // The second request must not be answered any more.
        write!(stream, "{request}{request}").unwrap();
        let response = read_response(&mut stream, false);
        assert_eq!(response.field("Connection"), Some("close"), "{request:?}");
        expect_fin(&mut stream, start, Duration::ZERO);
    }
}

#[test]
fn an_http_1_0_client_is_told_that_its_connection_is_kept() {
    let server = Shoutd::start(&["--http", "0", "--keep-alive", "10m"]);
    let mut stream = connect(server.http());
    for path in ["/", "/nope", "/back1.jpg", "/redirect"] {
        write!(stream, "GET {path} HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").unwrap();
        assert_eq!(read_response(&mut stream, false).field("Connection"), Some("keep-alive"), "{path}");
    }
}

#[test]
fn an_empty_line_before_the_request_does_not_end_a_connection() {
    let server = Shoutd::start(&["--http", "0", "--keep-alive", "0"]);
    let mut stream = connect(server.http());
    stream.write_all(b"\r\n").unwrap();
    // Long enough for the server to have read the line by itself; it has ten seconds for a head.
    assert!(is_silent(&stream, SECOND / 2), "the connection was closed");
    assert_eq!(ask(&mut stream, "/file.txt").0.status, 200);
}

#[test]
fn an_empty_line_after_a_request_is_no_request_however_it_comes() {
    let server = Shoutd::start(&["--http", "0"]);
    for pieces in [&["\r\n"][..], &["\r", "\n"]] {
        let mut stream = connect(server.http());
        let (response, mut start) = ask(&mut stream, "/file.txt");
        assert_eq!(response.status, 200);
        for piece in pieces {
            thread::sleep(SECOND / 10); // so that each is read by itself
            start = Instant::now();
            stream.write_all(piece.as_bytes()).unwrap();
        }
        // Not a 408 after ten seconds: nothing of a request has come.
        expect_fin(&mut stream, start, Duration::ZERO);
    }
}

#[test]
fn the_last_reply_and_the_fin_come_together() {
    let folder = Folder::new();
    folder.write("small.txt", "small");
    folder.write("large.bin", noise(3, 40_000));
    let server = Shoutd::start(&["--http", "0", "--root", folder.as_str()]);
    for path in ["/small.txt", "/large.bin", "/nope", "/%"] {
        for round in 0..100 {
            let mut stream = connect(server.http());
            write!(stream, "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
            read_response(&mut stream, false);
            // One segment has both, so there is no moment in which only the reply is there.
            stream.set_nonblocking(true).unwrap();
            assert!(matches!(stream.read(&mut [0]), Ok(0)), "round {round} of {path}: the FIN came later");
        }
    }
}

#[test]
fn a_half_closed_client_still_gets_its_replies() {
    let folder = Folder::new();
    folder.write("large.bin", noise(4, 3_000_000));
    let server = Shoutd::start(&["--http", "0", "--keep-alive", "10m", "--root", folder.as_str()]);
    let replies = conversation(server.http(), request("/large.bin").repeat(3) + &request("/nope"));
    let mut rest = &replies[..];
    for _ in 0..3 {
        assert!(read_response(&mut rest, false).body == noise(4, 3_000_000));
    }
    assert_eq!(read_response(&mut rest, false).status, 404);
    assert_eq!(rest, b"");
    // An unfinished request is not answered, and not waited for either.
    assert_eq!(conversation(server.http(), b""), b"");
    assert_eq!(conversation(server.http(), &request("/")[..30]), b"");
}

#[test]
fn a_dripped_head_is_answered_by_408_ten_seconds_after_its_first_byte() {
    let server = Shoutd::start(&["--http", "0", "--keep-alive", "5s"]);
    let address = server.http();
    let drip = |mut stream: TcpStream, first: &[u8]| {
        stream.set_read_timeout(Some(SECOND)).unwrap(); // a byte a second
        let start = Instant::now();
        stream.write_all(first).unwrap();
        while matches!(stream.peek(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock) {
            assert!(start.elapsed() < 10 * SECOND + SOON, "a head dripped for ever");
            stream.write_all(b"x").unwrap();
        }
        let time = start.elapsed();
        assert!(time >= 10 * SECOND, "refused after {time:?}");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let response = read_response(&mut stream, false);
        assert_eq!((response.status, response.field("Connection")), (408, Some("close")));
        assert_eq!(read_to_end(&mut stream), b"");
    };
    thread::scope(|scope| {
        scope.spawn(move || drip(connect(address), b"G"));
        scope.spawn(move || drip(connect(address), b"GET / HTTP/1.1\r\nHost: a\r\nX: "));
        scope.spawn(move || {
            let mut stream = connect(address);
            ask(&mut stream, "/file.txt");
            drip(stream, b"GET /");
        });
        // The time for a head begins with its first byte, not with the connection.
        scope.spawn(move || {
            let stream = connect(address);
            thread::sleep(2 * SECOND);
            drip(stream, b"GET /");
        });
        // Empty lines are ignored, and they buy no time either.
        scope.spawn(move || {
            let mut stream = connect(address);
            stream.set_read_timeout(Some(SECOND)).unwrap();
            let start = Instant::now();
            while matches!(stream.peek(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock) {
                assert!(start.elapsed() < 10 * SECOND + SOON, "empty lines for ever");
                stream.write_all(b"\r\n").unwrap();
            }
        });
        // A body has the same time; its reply is there already, so what comes is the FIN.
        scope.spawn(move || {
            let mut stream = connect(address);
            let start = Instant::now();
            stream.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx").unwrap();
            assert_eq!(read_response(&mut stream, false).status, 405);
            expect_fin(&mut stream, start, 10 * SECOND);
        });
    });
}

/// Closes with a reset, which close(2) sends where something was not read.
fn reset(stream: &TcpStream) {
    assert_eq!(stream.peek(&mut [0]).expect("something to leave unread"), 1);
}

#[test]
fn every_way_of_going_away_gives_the_place_back() {
    let folder = Folder::new();
    folder.write("large.bin", noise(5, 20_000_000));
    folder.write("small.txt", "small");
    let server = Shoutd::start(&["--http", "0", "--keep-alive", "2s", "--root", folder.as_str()]);
    let before = server.descriptors();
    let mut kept = Vec::new();
    for round in 0..30 {
        let open = || connect(server.http());
        let sent = |bytes: &str| {
            let mut stream = open();
            stream.write_all(bytes.as_bytes()).unwrap();
            stream
        };
        drop(open());
        drop(sent(&request("/small.txt")));
        drop(sent("GET / HT"));
        reset(&sent(&request("/small.txt")));
        reset(&sent(&request("/large.bin")));
        reset(&sent(&(request("/large.bin").repeat(20) + "GET /")));
        reset(&sent("GET / HTTP/1.1\r\n\r\n"));
        drop(sent(&format!("GET / HTTP/1.1\r\n\r\n{}", "x".repeat(100_000))));
        drop(sent("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\nx"));
        let half_closed = sent("GET / HT");
        half_closed.shutdown(Shutdown::Write).unwrap();
        let unread = sent(&request("/large.bin"));
        unread.shutdown(Shutdown::Write).unwrap();
        // Clients that stay: silent, in the middle, refused, half-closed.
        kept.extend([open(), sent("GET / HT"), sent("GET / HTTP/1.1\r\n\r\n"), half_closed]);
        if round % 2 == 0 {
            drop(unread);
        } else {
            kept.push(unread);
        }
    }
    assert_eq!(get(server.http(), "/small.txt").body, b"small");
    drop(kept);
    server.wait_for_descriptors(before);
    assert_eq!(get(server.http(), "/small.txt").body, b"small");
}

#[test]
fn clients_that_never_close_lose_their_place_all_the_same() -> io::Result<()> {
    let server = Shoutd::start(&["--http", "0"]);
    let before = server.descriptors();
    let mut clients: Vec<TcpStream> = (0..40).map(|_| connect(server.http())).collect();
    for (n, client) in clients.iter_mut().enumerate() {
        match n % 4 {
            0 => {}
            1 => client.write_all(request("/").as_bytes())?,
            2 => client.write_all(b"GET / HTTP/1.1\r\n\r\n")?,
            _ => client.shutdown(Shutdown::Write)?,
        }
    }
    eventually(|| server.descriptors() > before, || "nobody was let in".into());
    server.wait_for_descriptors(before);
    drop(clients);
    Ok(())
}
