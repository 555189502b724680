//! SIGTERM and SIGINT: what is under way is finished, what rests is closed, nothing new begins, and the
//! exit status is 0.
//!
//! "At once" is within the patience of every wait here, where the drain that is not waited for is an hour.

mod support;

use std::io::{self, ErrorKind, PipeWriter, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};
use support::*;

const SECOND: Duration = Duration::from_secs(1);

const LARGE: usize = 20_000_000;

/// A directory with one file that no socket buffer holds.
fn large_file() -> (Folder, Vec<u8>) {
    let folder = Folder::new();
    let content = noise(1, LARGE);
    folder.write("large.bin", &content);
    (folder, content)
}

/// Sends bytes on a connection of its own.
fn send(address: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = connect(address);
    stream.write_all(bytes).unwrap();
    stream
}

/// Asks for a path on a connection of its own.
fn ask(address: SocketAddr, path: &str) -> TcpStream {
    send(address, format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes())
}

/// Reads a head, and leaves the body where it is.
fn read_head(stream: &mut TcpStream) -> Response {
    read_response(stream, true)
}

fn is_refused(address: SocketAddr) -> bool {
    matches!(TcpStream::connect(address), Err(error) if error.kind() == ErrorKind::ConnectionRefused)
}

/// Stops it and waits until it has taken notice.
fn stop(server: &Shoutd, signal: &str) {
    server.signal(signal);
    server.wait_for_log("stopping");
}

#[test]
fn connections_that_rest_are_closed_at_once() {
    for signal in ["TERM", "INT"] {
        let listeners = ["--tcp", "0", "--tcp", "0,delay=1h", "--udp", "0", "--http", "0"];
        let mut server = Shoutd::start(&[&listeners[..], &["--keep-alive", "1h", "--drain", "1h"]].concat());
        let mut used = send(server.tcp(), b"hello");
        assert_eq!(read_exactly(&mut used, 5), b"HELLO");
        let mut kept = ask(server.http(), "/");
        assert_eq!(read_response(&mut kept, false).status, 200);
        let before = server.descriptors();
        let silent = [connect(server.tcp()), connect(server.http())];
        let waiting = send(server.nth("tcp", 1), b"not read for an hour");
        server.wait_for_descriptors(before + 3);

        stop(&server, signal);
        for mut stream in silent.into_iter().chain([used, kept, waiting]) {
            assert_eq!(read_to_end(&mut stream), b"", "an end without a reset");
        }
        assert_eq!(server.wait().code(), Some(0), "{signal}");
    }
}

#[test]
fn clients_that_keep_their_side_open_do_not_hold_it_up() {
    let mut server = Shoutd::start(&["--tcp", "0,idle=1s", "--http", "0", "--drain", "1h"]);
    let mut closed = [connect(server.tcp()), connect(server.http())];
    for stream in &mut closed {
        read_to_end(stream); // the server has sent its FIN and waits for theirs
    }
    let rests = connect(server.http());
    stop(&server, "TERM");
    assert_eq!(server.wait().code(), Some(0));
    drop((closed, rests));
}

#[test]
fn replies_under_way_are_finished_and_nothing_new_begins() {
    let (folder, content) = large_file();
    let listeners = ["--tcp", "0,repeat=20000,read=1000", "--http", "0"];
    let options = ["--keep-alive", "1h", "--drain", "1h", "--root", folder.as_str()];
    let mut server = Shoutd::start(&[&listeners[..], &options].concat());
    let (tcp, http) = (server.tcp(), server.http());
    let message = noise(2, 1000);
    let mut shouted = send(tcp, &message);
    let mut download = ask(http, "/large.bin");
    // What comes behind the reply under way belongs to a new one.
    shouted.write_all(b"nobody reads this").unwrap();
    read_exactly(&mut shouted, 1);
    assert_eq!(read_head(&mut download).status, 200);

    stop(&server, "TERM");
    eventually(|| is_refused(tcp) && is_refused(http), || "new connections are still taken".into());
    let (half, rest) = content.split_at(LARGE / 2);
    assert!(read_exactly(&mut download, half.len()) == half, "the first half is wrong");
    assert!(read_to_end(&mut download) == rest, "the second half is wrong");
    assert!(server.is_alive(), "ended with a reply under way");
    let expected = message.to_ascii_uppercase().repeat(20_000);
    assert!(read_to_end(&mut shouted) == expected[1..], "the TCP reply is wrong");
    drop((shouted, download));
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_request_under_way_is_answered_with_connection_close() {
    let arguments = ["--http", "0", "--keep-alive", "1h", "--drain", "1h", "--log", "trace"];
    let mut server = Shoutd::start(&arguments);
    let mut fresh = send(server.http(), b"GET /file.txt HTTP/1.1\r\nHo");
    server.wait_for_log("read 26");
    let mut kept = ask(server.http(), "/");
    assert_eq!(read_response(&mut kept, false).field("Connection"), None);
    kept.write_all(b"GET /file.txt HTTP/1.1\r\n").unwrap();
    server.wait_for_log("read 24");

    stop(&server, "TERM");
    fresh.write_all(b"st: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    kept.write_all(b"Host: a\r\n\r\n").unwrap();
    for mut stream in [fresh, kept] {
        let response = read_response(&mut stream, false);
        assert_eq!((response.status, response.field("Connection")), (200, Some("close")));
        assert_eq!(read_to_end(&mut stream), b"", "only the request under way is answered");
    }
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn requests_pipelined_behind_a_reply_under_way_are_answered_too() {
    let (folder, content) = large_file();
    let options = ["--keep-alive", "1h", "--drain", "1h", "--root", folder.as_str()];
    let mut server = Shoutd::start(&[&["--http", "0"][..], &options].concat());
    let request = "GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut stream = send(server.http(), request.repeat(2).as_bytes());
    assert_eq!(read_head(&mut stream).field("Connection"), None);
    stop(&server, "TERM");
    // Both requests came in one read, so the second is under way as well: its reply says that it is the last.
    assert!(read_exactly(&mut stream, LARGE) == content);
    let last = read_response(&mut stream, false);
    assert_eq!((last.status, last.field("Connection")), (200, Some("close")));
    assert!(last.body == content);
    assert_eq!(read_to_end(&mut stream), b"");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    for (first, second) in [("TERM", "TERM"), ("INT", "INT"), ("INT", "TERM"), ("TERM", "INT")] {
        let mut server = Shoutd::start(&["--tcp", "0,repeat=1000000", "--drain", "1h"]);
        let mut stuck = send(server.tcp(), &[b'x'; 1000]);
        read_exactly(&mut stuck, 1);
        stop(&server, first);
        thread::sleep(SECOND / 5); // during which it waits
        assert!(server.is_alive(), "did not wait for the reply");
        server.signal(second);
        assert_eq!(server.wait().code(), Some(0), "{first}, {second}");
    }
}

#[test]
fn drain_bounds_how_long_stuck_clients_are_waited_for() {
    let (folder, _) = large_file();
    let listeners = ["--tcp", "0,repeat=1000000", "--http", "0"];
    let mut server = Shoutd::start(&[&listeners[..], &["--drain", "1s", "--root", folder.as_str()]].concat());
    let mut stuck = [send(server.tcp(), &[b'x'; 1000]), ask(server.http(), "/large.bin")];
    for stream in &mut stuck {
        read_exactly(stream, 1);
    }
    let start = Instant::now();
    server.signal("TERM");
    server.wait_for_log("2 connections did not finish in time");
    assert_eq!(server.wait().code(), Some(0));
    assert!(start.elapsed() >= SECOND, "{:?}", start.elapsed());
}

#[test]
fn with_no_drain_at_all_it_ends_at_the_first_signal() {
    let mut server = Shoutd::start(&["--tcp", "0,repeat=1000000", "--drain", "0"]);
    let mut stuck = send(server.tcp(), &[b'x'; 1000]);
    read_exactly(&mut stuck, 1);
    server.signal("INT");
    assert_eq!(server.wait().code(), Some(0));
}

/// Kills its process when it goes away.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The port that a process listens on, from procfs, as nobody has heard it say so.
fn listening_port(pid: u32) -> Option<u16> {
    let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
    let links: Vec<PathBuf> = descriptors.flatten().flat_map(|entry| entry.path().read_link()).collect();
    let table = std::fs::read_to_string(format!("/proc/{pid}/net/tcp")).ok()?;
    table.lines().find_map(|line| {
        let columns: Vec<&str> = line.split_ascii_whitespace().collect();
        let is_listening = columns[3] == "0A";
        let is_theirs = links.contains(&PathBuf::from(format!("socket:[{}]", columns[9])));
        let port = columns[1].rsplit_once(':')?.1;
        (is_listening && is_theirs).then(|| u16::from_str_radix(port, 16).ok()).flatten()
    })
}

/// The end of a pipe whose other end is closed.
fn gone() -> PipeWriter {
    let (_, writer) = io::pipe().unwrap();
    writer
}

#[test]
fn a_reader_of_its_output_who_is_gone_does_not_end_it() {
    let mut command = command(&["--tcp", "0", "--log", "trace"]);
    command.stdout(gone()).stderr(gone());
    let mut server = Running(command.spawn().unwrap());
    let pid = server.0.id();
    eventually(|| listening_port(pid).is_some(), || "nothing listens".into());
    let address = SocketAddr::from(([127, 0, 0, 1], listening_port(pid).unwrap()));
    for _ in 0..3 {
        assert_eq!(conversation(address, b"hello"), b"HELLO");
    }
    assert!(Command::new("kill").arg(pid.to_string()).status().unwrap().success());
    let end = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = server.0.try_wait().unwrap() {
            break status;
        }
        assert!(Instant::now() < end, "did not end");
        thread::sleep(SECOND / 100);
    };
    assert_eq!(status.code(), Some(0));
}

#[test]
fn the_backlog_is_served_before_the_end() {
    let mut server = Shoutd::start(&["--tcp", "0", "--http", "0", "--keep-alive", "1h", "--drain", "1h"]);
    let mut kept = ask(server.http(), "/file.txt");
    assert_eq!(read_response(&mut kept, false).status, 200);
    // While it sleeps, connections are made that it never hears of before the signal.
    server.signal("STOP");
    let mut web: Vec<TcpStream> = (0..100).map(|_| ask(server.http(), "/file.txt")).collect();
    let mut shouting: Vec<TcpStream> = (0..100).map(|_| send(server.tcp(), b"hello")).collect();
    let silent = [connect(server.http()), connect(server.tcp())];
    kept.write_all(b"GET /file.txt HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    server.signal("TERM");
    server.signal("CONT");
    for stream in &mut web {
        assert_eq!(read_response(stream, false).status, 200);
        assert_eq!(read_to_end(stream), b"", "an end without a reset");
    }
    for stream in &mut shouting {
        assert_eq!(read_to_end(stream), b"HELLO");
    }
    assert_eq!(read_response(&mut kept, false).status, 200);
    for mut stream in silent {
        assert_eq!(read_to_end(&mut stream), b"", "an end without a reset, after a second");
    }
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn who_is_silent_at_the_signal_has_a_second_for_a_request() {
    let mut server = Shoutd::start(&["--tcp", "0", "--http", "0", "--keep-alive", "1h", "--drain", "1h"]);
    let before = server.descriptors();
    let (mut web, mut shouting) = (connect(server.http()), connect(server.tcp()));
    server.wait_for_descriptors(before + 2);
    stop(&server, "TERM");
    web.write_all(b"GET /file.txt HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    shouting.write_all(b"hello").unwrap();
    assert_eq!(read_response(&mut web, false).field("connection"), Some("close"));
    assert_eq!(read_to_end(&mut shouting), b"HELLO");
    drop((web, shouting));
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn more_than_the_places_there_are_wait_in_the_backlog_and_are_served_at_the_end() {
    let arguments = ["--http", "0", "--max-connections", "3", "--keep-alive", "1h", "--drain", "1h"];
    let mut server = Shoutd::start(&arguments);
    let before = server.descriptors();
    let inside: Vec<TcpStream> = (0..3).map(|_| connect(server.http())).collect();
    server.wait_for_descriptors(before + 3);
    let mut waiting: Vec<TcpStream> = (0..30).map(|_| ask(server.http(), "/file.txt")).collect();
    stop(&server, "TERM");
    for stream in &mut waiting {
        assert_eq!(read_response(stream, false).status, 200);
    }
    drop((inside, waiting));
    assert_eq!(server.wait().code(), Some(0));
}
