//! What holds beside any number of busy peers: deadlines, newcomers, places, and a bound for memory.
//!
//! No test here asks how fast something is. The flood goes on until what it must not hold up has happened.

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use support::*;

/// So many connections that always have something to send, and read what comes back, until this is dropped.
struct Flood {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Flood {
    fn of(count: usize, address: SocketAddr) -> Flood {
        let mut streams: Vec<TcpStream> = (0..count).map(|_| connect(address)).collect();
        streams.iter().for_each(|stream| stream.set_nonblocking(true).unwrap());
        let over = Arc::new(AtomicBool::new(false));
        let flag = over.clone();
        let block = [b'x'; 16 * 1024];
        let thread = thread::spawn(move || {
            let mut room = vec![0; 64 * 1024];
            while !flag.load(Ordering::SeqCst) {
                for stream in &mut streams {
                    for result in [stream.write(&block), stream.read(&mut room)] {
                        let waits = |error: &std::io::Error| error.kind() == ErrorKind::WouldBlock;
                        assert!(result.as_ref().map_or_else(waits, |&count| count > 0), "{result:?}");
                    }
                }
            }
        });
        Flood { over, thread: Some(thread) }
    }

    /// Ends it, and fails if one of its connections did.
    fn end(mut self) {
        self.over.store(true, Ordering::SeqCst);
        self.thread.take().unwrap().join().expect("the server keeps those who make progress");
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
    }
}

#[test]
fn deadlines_are_kept_beside_any_number_of_busy_peers() {
    let server = Shoutd::start(&["--tcp", "0", "--tcp", "0,idle=1s", "--http", "0", "--keep-alive", "1s"]);
    let flood = Flood::of(900, server.tcp());
    let mut idle = connect(server.http());
    let mut silent = connect(server.nth("tcp", 1));
    let mut half = connect(server.http());
    half.write_all(b"GET / HTTP/1.1\r\nHost").unwrap();
    assert_eq!(read_to_end(&mut idle), b"", "closed after a second of silence");
    assert_eq!(read_to_end(&mut silent), b"");
    assert_eq!(read_response(&mut half, false).status, 408, "half a head has ten seconds");
    flood.end();
}

#[test]
fn a_newcomer_is_heard_before_their_time_is_up() {
    let server = Shoutd::start(&["--tcp", "0", "--http", "0", "--keep-alive", "20ms"]);
    let flood = Flood::of(900, server.tcp());
    for n in 0..12 {
        let mut stream = connect(server.http());
        stream.write_all(b"GET /file.txt HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        assert_eq!(read_response(&mut stream, false).status, 200, "newcomer {n}");
    }
    flood.end();
}

#[test]
fn a_service_that_is_full_leaves_the_others_their_places() {
    let server = Shoutd::start(&["--tcp", "0", "--http", "0", "--max-connections", "50"]);
    let before = server.descriptors();
    let crowd: Vec<TcpStream> = (0..50).map(|_| connect(server.tcp())).collect();
    server.wait_for_descriptors(before + 38);
    for _ in 0..100 {
        assert_eq!(get(server.http(), "/file.txt").status, 200);
    }
    drop(crowd);
    // And the other way round, with those who keep silent in the middle of a head.
    let crowd: Vec<TcpStream> = (0..50).map(|_| connect(server.http())).collect();
    crowd.iter().for_each(|mut stream| stream.write_all(b"GET /").unwrap());
    assert_eq!(conversation(server.tcp(), "a place"), b"A PLACE");
}

/// The bytes of a request pipelined so often that the replies fill every buffer.
fn never_read(address: SocketAddr, request: &[u8]) -> TcpStream {
    let mut stream = connect(address);
    stream.set_nonblocking(true).unwrap();
    let batch = request.repeat(64 * 1024 / request.len() + 1);
    let mut quiet_since = Instant::now();
    // Until nothing more is taken.
    while quiet_since.elapsed() < Duration::from_millis(2) {
        match stream.write(&batch) {
            Ok(_) => quiet_since = Instant::now(),
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::yield_now(),
            Err(_) => break, // it was reset already
        }
    }
    stream
}

#[test]
fn those_who_dont_read_share_one_budget_and_leave_nothing_behind() {
    let server = Shoutd::start(&["--tcp", "0", "--http", "0", "--memory", "4m", "--keep-alive", "1h"]);
    let calm = server.resident();
    let folder_request = b"GET /back1.jpg HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut crowd = Vec::new();
    let mut most = 0;
    for n in 0..300 {
        crowd.push(never_read(if n % 2 == 0 { server.tcp() } else { server.http() }, folder_request));
        most = most.max(server.resident());
        if n % 50 == 0 {
            // Who reads is served.
            assert_eq!(conversation(server.tcp(), "reader"), b"READER");
            assert_eq!(get(server.http(), "/file.txt").status, 200);
        }
    }
    assert!(most < calm + 3 * 4096, "{most} KiB, and {calm} at the start");
    server.wait_for_log("memory is scarce");
    drop(crowd);
    let resident = || server.resident();
    eventually(|| resident() < calm + 2048, || format!("{} KiB, and {calm} at the start", resident()));
}

#[test]
fn little_address_space_costs_connections_and_not_the_server() {
    let mut limited = Command::new("sh");
    let program = env!("CARGO_BIN_EXE_shoutd");
    limited.args(["-c", &format!("ulimit -v 60000; exec {program} --tcp 0 --http 0 --keep-alive 1h")]);
    limited.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::piped());
    limited.stderr(std::process::Stdio::piped());
    let server = Shoutd::spawn(limited);
    let request = b"GET /back1.jpg HTTP/1.1\r\nHost: a\r\n\r\n";
    let crowd: Vec<TcpStream> = (0..700).map(|_| never_read(server.tcp(), request)).collect();
    assert_eq!(conversation(server.tcp(), "still there?"), b"STILL THERE?");
    drop(crowd);
    assert_eq!(get(server.http(), "/file.txt").status, 200);
}

#[test]
fn streams_that_are_read_are_never_reset_for_want_of_memory() {
    let server = Shoutd::start(&["--tcp", "0", "--memory", "256k"]);
    let flood = Flood::of(200, server.tcp());
    let mut stream = connect(server.tcp());
    let text = noise(5, 1000);
    for _ in 0..20 {
        stream.write_all(&text).unwrap();
        assert_eq!(read_exactly(&mut stream, text.len()), text.to_ascii_uppercase());
    }
    flood.end();
}
