//! Rows of the table: several clients at once, and what those do who serve one at a time.

use crate::support::*;
use crate::{Row, Who, row, row_but_of_one, start};
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

pub const ROWS: &[Row] = &[
    row_but_of_one("a silent client delays nobody", silent, silent_of_one),
    row_but_of_one("a client that waits delays nobody", waiting, waiting_of_one),
    row_but_of_one("a client that doesn't read delays nobody", greedy, greedy_of_one),
    row_but_of_one("a crowd is served at once", crowd, crowd_of_one),
    row_but_of_one("who comes when all places are taken waits for one", full, full_of_one),
    row("the services of one server don't wait for each other", services),
];

/// Long enough for a reply that is not held up by anybody.
pub const A_WHILE: Duration = Duration::from_millis(300);

/// A client that has got a reply, and stays.
pub fn greet(address: SocketAddr) -> TcpStream {
    let mut stream = connect(address);
    say(&mut stream, "hello");
    stream
}

fn say(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).unwrap();
    assert_eq!(read_exactly(stream, text.len()), text.to_ascii_uppercase().as_bytes());
}

/// One that has sent a word, and is not answered for a while.
fn held_up(address: SocketAddr) -> TcpStream {
    let mut stream = connect(address);
    stream.write_all(b"held up").unwrap();
    assert!(is_silent(&stream, A_WHILE), "answered at once");
    stream
}

fn silent(who: Who) {
    let server = start(who, &["--tcp", "0"]);
    let silent = connect(server.tcp());
    greet(server.tcp());
    drop(silent);
}

/// Everybody waits until the one who says nothing has gone.
fn silent_of_one(who: Who) {
    let server = start(who, &["--tcp", "0"]);
    let silent = connect(server.tcp());
    let mut next = held_up(server.tcp());
    drop(silent);
    assert_eq!(read_exactly(&mut next, 7), b"HELD UP");
}

fn waiting(who: Who) {
    let server = start(who, &["--tcp", "0,delay=1s"]);
    let begin = Instant::now();
    let mut clients: Vec<TcpStream> = (0..10).map(|_| connect(server.tcp())).collect();
    clients.iter_mut().for_each(|client| client.write_all(b"x").unwrap());
    for client in &mut clients {
        assert_eq!(read_exactly(client, 1), b"X");
    }
    let time = begin.elapsed();
    assert!((Duration::from_secs(1)..Duration::from_secs(9)).contains(&time), "{time:?}");
}

/// The waits add up.
fn waiting_of_one(who: Who) {
    let server = start(who, &["--tcp", "0,delay=200ms,messages=1"]);
    let begin = Instant::now();
    let mut clients: Vec<TcpStream> = (0..5).map(|_| connect(server.tcp())).collect();
    clients.iter_mut().for_each(|client| client.write_all(b"x").unwrap());
    for mut client in clients {
        assert_eq!(read_to_end(&mut client), b"X");
    }
    assert!(begin.elapsed() >= Duration::from_secs(1), "{:?}", begin.elapsed());
}

/// Ten clients whose replies fill every buffer there is, and who don't read them.
fn greedy(who: Who) {
    let server = start(who, &["--tcp", "0,repeat=100000"]);
    let mut greedy: Vec<TcpStream> = (0..10).map(|_| connect(server.tcp())).collect();
    greedy.iter_mut().for_each(|client| client.write_all(&[b'x'; 1000]).unwrap());
    greedy.iter().for_each(|client| assert_eq!(client.peek(&mut [0]).unwrap(), 1));
    let mut other = connect(server.tcp());
    other.write_all(b"y").unwrap();
    assert_eq!(read_exactly(&mut other, 100_000), [b'Y'; 100_000]);
}

/// One of them is enough to hold up everybody.
fn greedy_of_one(who: Who) {
    let server = start(who, &["--tcp", "0,repeat=100000"]);
    let mut greedy = connect(server.tcp());
    greedy.write_all(&[b'x'; 1000]).unwrap();
    assert_eq!(greedy.peek(&mut [0]).unwrap(), 1);
    let mut next = held_up(server.tcp());
    drop(greedy);
    assert_eq!(read_exactly(&mut next, 7), b"HELD UP");
}

fn crowd(who: Who) {
    let server = start(who, &["--tcp", "0", "--http", "0", "--keep-alive", "1h"]);
    let mut tcp: Vec<TcpStream> = (0..30).map(|_| connect(server.tcp())).collect();
    let mut http: Vec<TcpStream> = (0..30).map(|_| connect(server.http())).collect();
    for round in 0..5 {
        for stream in &mut http {
            stream.write_all(b"GET /file.txt HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        }
        for (n, stream) in tcp.iter_mut().enumerate() {
            say(stream, &format!("client {n}, round {round}"));
        }
        for stream in &mut http {
            assert_eq!(read_response(stream, false).status, 200);
        }
    }
}

/// A crowd is served one after the other, in the order of coming.
fn crowd_of_one(who: Who) {
    let server = start(who, &["--tcp", "0"]);
    let mut clients: Vec<TcpStream> = (0..100).map(|_| connect(server.tcp())).collect();
    clients.iter_mut().for_each(|client| client.write_all(b"x").unwrap());
    for n in 0..clients.len() {
        assert_eq!(read_exactly(&mut clients[n], 1), b"X");
        if let Some(next) = clients.get(n + 1) {
            assert!(is_silent(next, Duration::from_millis(2)), "{} is served beside {n}", n + 1);
        }
        clients[n].shutdown(std::net::Shutdown::Both).unwrap();
    }
}

fn full(who: Who) {
    let server = start(who, &["--tcp", "0", "--max-connections", "3"]);
    let mut inside = [greet(server.tcp()), greet(server.tcp()), greet(server.tcp())];
    let (mut waiting, mut behind) = (held_up(server.tcp()), held_up(server.tcp()));
    assert!(is_silent(&waiting, A_WHILE), "more than three");
    say(&mut inside[0], "still inside");
    drop(inside);
    assert_eq!(read_exactly(&mut waiting, 7), b"HELD UP");
    assert_eq!(read_exactly(&mut behind, 7), b"HELD UP");
}

/// It has one place for each listener, and the limit counts over all of them.
fn full_of_one(who: Who) {
    let server = start(who, &["--tcp", "0", "--http", "0", "--max-connections", "1"]);
    let mut inside = greet(server.tcp());
    let mut waiting = connect(server.http());
    waiting.write_all(b"GET /file.txt HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert!(is_silent(&waiting, A_WHILE), "more than one");
    say(&mut inside, "still inside");
    drop(inside);
    assert_eq!(read_response(&mut waiting, false).status, 200);
}

fn services(who: Who) {
    let server = start(who, &["--tcp", "0", "--udp", "0", "--http", "0"]);
    let tcp = greet(server.tcp());
    assert_eq!(get(server.http(), "/file.txt").status, 200);
    let socket = udp_to(server.udp());
    socket.send(b"hello").unwrap();
    assert_eq!(udp_reply(&socket), b"HELLO");
    drop(tcp);
}
