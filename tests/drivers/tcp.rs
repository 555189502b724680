//! Rows of the table: TCP uppercase.

use crate::support::*;
use crate::{Row, Who, row, start};
use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

pub const ROWS: &[Row] = &[
    row("every byte but a-z passes unchanged, however it is cut", every_byte),
    row("everything before a half-close is answered before the FIN", half_close),
    row("many megabytes go both ways at once", megabytes),
    row("five bytes a read come back in order", five_bytes),
    row("one message, one reply, and the server closes", one_message),
    row("each reply is repeated a thousand times", thousandfold),
    row("a delay comes before each read", delay),
    row("who is silent for too long is closed", idle),
    row("resets at any moment do no harm", resets),
];

fn send(address: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = connect(address);
    stream.write_all(bytes).unwrap();
    stream
}

fn every_byte(who: Who) {
    let server = start(who, &["--tcp", "0"]);
    let all: Vec<u8> = (0..=255).collect();
    let mut stream = connect(server.tcp());
    for piece in all.chunks(7) {
        stream.write_all(piece).unwrap();
    }
    assert_eq!(read_exactly(&mut stream, 256), all.to_ascii_uppercase());
}

fn half_close(who: Who) {
    let server = start(who, &["--tcp", "0"]);
    let message = noise(1, 50_000);
    assert!(conversation(server.tcp(), &message) == message.to_ascii_uppercase());
    assert_eq!(conversation(server.tcp(), b""), b"");
}

fn megabytes(who: Who) {
    let server = start(who, &["--tcp", "0"]);
    let message = noise(2, 16_000_000);
    let mut stream = connect(server.tcp());
    let mut writer = stream.try_clone().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            writer.write_all(&message).unwrap();
            writer.shutdown(Shutdown::Write).unwrap();
        });
        assert!(read_to_end(&mut stream) == message.to_ascii_uppercase());
    });
}

fn five_bytes(who: Who) {
    let server = start(who, &["--tcp", "0,read=5"]);
    let mut stream = send(server.tcp(), b"exactly twenty bytes");
    assert_eq!(read_exactly(&mut stream, 20), b"EXACTLY TWENTY BYTES");
}

fn one_message(who: Who) {
    let server = start(who, &["--tcp", "0,read=1024,messages=1"]);
    let mut stream = send(server.tcp(), b"hello world");
    assert_eq!(read_to_end(&mut stream), b"HELLO WORLD");
    // More than it reads is on its way: the reply arrives all the same, and the end is no reset.
    let mut stream = send(server.tcp(), &[b'x'; 100_000]);
    let reply = read_to_end(&mut stream);
    assert!((1..=1024).contains(&reply.len()) && reply.iter().all(|byte| *byte == b'X'));
}

fn thousandfold(who: Who) {
    let server = start(who, &["--tcp", "0,repeat=1000"]);
    let message = noise(3, 10_000);
    let mut stream = send(server.tcp(), &message);
    // It came in one read or in several, and each is repeated by itself.
    let first = read_exactly(&mut stream, 10_000_000);
    assert!(first.starts_with(&message[..1].to_ascii_uppercase()));
    let mut counted = [[0u32; 256]; 2];
    first.iter().for_each(|byte| counted[0][*byte as usize] += 1);
    message.to_ascii_uppercase().iter().for_each(|byte| counted[1][*byte as usize] += 1000);
    assert!(counted[0] == counted[1], "not a thousand copies");
    assert!(is_silent(&stream, Duration::from_millis(50)), "more than a thousand copies");
}

fn delay(who: Who) {
    let server = start(who, &["--tcp", "0,delay=400ms"]);
    let begin = Instant::now();
    let mut stream = connect(server.tcp());
    for word in [b"one ", b"two ", b"and ", b"four"] {
        stream.write_all(word).unwrap();
    }
    assert_eq!(read_exactly(&mut stream, 16), b"ONE TWO AND FOUR");
    assert!(begin.elapsed() >= Duration::from_millis(400), "{:?}", begin.elapsed());
}

fn idle(who: Who) {
    let server = start(who, &["--tcp", "0,idle=400ms"]);
    let begin = Instant::now();
    let mut stream = send(server.tcp(), b"hello");
    assert_eq!(read_to_end(&mut stream), b"HELLO");
    assert!(begin.elapsed() >= Duration::from_millis(400), "{:?}", begin.elapsed());
}

fn resets(who: Who) {
    let server = start(who, &["--tcp", "0,repeat=1000"]);
    for n in 0..20 {
        let mut stream = send(server.tcp(), &noise(n, 10_000));
        if n % 2 == 0 {
            read_exactly(&mut stream, 5);
        }
        drop(stream); // with replies unread, which is a reset
    }
    let mut stream = send(server.tcp(), b"x");
    assert_eq!(read_exactly(&mut stream, 1000), [b'X'; 1000]);
}
