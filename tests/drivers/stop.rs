//! Rows of the table: how a server ends.
//!
//! "At once" is within the patience of every wait here, where what isn't waited for is an hour.

use crate::support::*;
use crate::{Row, Who, row, start};
use std::io::Write;
use std::net::{SocketAddr, TcpStream};

pub const ROWS: &[Row] = &[
    row("with nobody there it ends at once", empty),
    row("who rests is closed at once", resting),
    row("who waits is closed at once", pausing),
    row("a reply under way is finished, and then the server ends", under_way),
    row("half a request is waited for, and answered as the last", half_a_request),
    row("a second ring ends it at once", twice),
    row("the drain bounds how long it waits", drain),
];

fn send(address: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = connect(address);
    stream.write_all(bytes).unwrap();
    stream
}

fn is_refused(address: SocketAddr) -> bool {
    TcpStream::connect(address).is_err()
}

/// How many connections wait to be accepted: what the kernel shows as the receive queue of a listener (proc(5)).
fn backlog(address: SocketAddr) -> usize {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let listening = format!(":{:04X} 00000000:0000 0A ", address.port());
    let line = table.lines().find(|line| line.contains(&listening)).expect("its listener");
    let queues = line.split_ascii_whitespace().nth(4).unwrap();
    usize::from_str_radix(queues.split_once(':').unwrap().1, 16).unwrap()
}

fn empty(who: Who) {
    let mut server = start(who, &["--tcp", "0", "--udp", "0", "--http", "0", "--drain", "1h"]);
    let addresses = [server.tcp(), server.http()];
    server.ring();
    server.wait();
    assert!(addresses.into_iter().all(is_refused));
}

fn resting(who: Who) {
    let mut server = start(who, &["--tcp", "0", "--http", "0", "--keep-alive", "1h", "--drain", "1h"]);
    let mut tcp = send(server.tcp(), b"hello");
    assert_eq!(read_exactly(&mut tcp, 5), b"HELLO");
    let mut http = send(server.http(), b"GET /file.txt HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(read_response(&mut http, false).status, 200);
    server.ring();
    assert_eq!(read_to_end(&mut tcp), b"");
    assert_eq!(read_to_end(&mut http), b"");
    server.wait();
}

fn pausing(who: Who) {
    let mut server = start(who, &["--tcp", "0,delay=1h", "--drain", "1h"]);
    let mut stream = send(server.tcp(), b"nobody reads this for an hour");
    let address = server.tcp();
    eventually(|| backlog(address) == 0, || "it isn't accepted".into());
    assert!(is_silent(&stream, crate::many::A_WHILE));
    server.ring();
    assert_eq!(read_to_end(&mut stream), b"", "an end without a reset");
    drop(stream);
    server.wait();
}

fn under_way(who: Who) {
    let folder = Folder::new();
    let content = noise(8, 20_000_000);
    folder.write("large.bin", &content);
    let options = ["--keep-alive", "1h", "--drain", "1h", "--root", folder.as_str()];
    let mut server = start(who, &[&["--tcp", "0,repeat=20000", "--http", "0"], &options[..]].concat());
    let mut shouted = send(server.tcp(), &[b'x'; 1000]);
    let first = read_exactly(&mut shouted, 1);
    let mut download = send(server.http(), b"GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(read_response(&mut download, true).status, 200);
    server.ring();
    let http = server.http();
    eventually(|| is_refused(http), || "new connections are still taken".into());
    assert!(server.runs(), "ended with replies under way");
    assert!(read_to_end(&mut download) == content);
    let shouted = [first, read_to_end(&mut shouted)].concat();
    // The message was read in one piece or in several; each is repeated, but none is begun after the ring.
    assert!(shouted.len() % 20_000 == 0 && shouted.iter().all(|byte| *byte == b'X'));
    drop(download);
    server.wait();
}

fn half_a_request(who: Who) {
    let mut server = start(who, &["--http", "0", "--keep-alive", "1h", "--drain", "1h"]);
    let mut stream = send(server.http(), b"GET /file.txt HTTP/1.1\r\nHost: a\r\n\r\nGET /");
    assert_eq!(read_response(&mut stream, false).field("Connection"), None);
    server.ring();
    let http = server.http();
    eventually(|| is_refused(http), || "new connections are still taken".into());
    stream.write_all(b" HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let last = read_response(&mut stream, false);
    assert_eq!((last.status, last.field("Connection")), (200, Some("close")));
    assert_eq!(read_to_end(&mut stream), b"");
    drop(stream);
    server.wait();
}

fn twice(who: Who) {
    let mut server = start(who, &["--tcp", "0,repeat=1000000", "--drain", "1h"]);
    let mut stuck = send(server.tcp(), &[b'x'; 1000]);
    read_exactly(&mut stuck, 1);
    server.ring();
    server.ring();
    server.wait();
    assert_reset(stuck);
}

/// That what is missing isn't hidden by an end as after a whole reply.
fn assert_reset(mut stream: TcpStream) {
    let error = std::io::copy(&mut stream, &mut std::io::sink()).expect_err("a reset");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

fn drain(who: Who) {
    let mut server = start(who, &["--tcp", "0,repeat=1000000", "--drain", "300ms"]);
    let mut stuck = send(server.tcp(), &[b'x'; 1000]);
    read_exactly(&mut stuck, 1);
    server.ring();
    server.wait();
    assert_reset(stuck);
}
