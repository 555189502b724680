//! What the tests of `shout bench` share: its results, and servers that shout back, rightly or wrongly.
#![allow(dead_code, reason = "each test file uses its own part of it")]

use crate::peers::*;
use crate::support::*;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// Runs `shout bench` with words of a line, and what follows them.
pub fn bench(line: &str, target: &str, rest: &str) -> Outcome {
    let words: Vec<&str> = ["bench"]
        .into_iter()
        .chain(line.split(' '))
        .chain([target])
        .chain(rest.split_ascii_whitespace())
        .collect();
    run(&words)
}

/// The JSON of a run that succeeds and has nothing to complain of.
pub fn measured(line: &str, target: impl ToString, rest: &str) -> Value {
    let outcome = bench(line, &target.to_string(), &format!("{rest} --json"));
    let printed = outcome.printed();
    assert!(printed.ends_with("}\n") && printed.lines().count() == 1, "{printed}");
    serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"))
}

/// The JSON of a run that had errors: it fails, its figures are there, and its complaint has these words.
pub fn troubled(line: &str, target: impl ToString, rest: &str, words: &[&str]) -> Value {
    complained(&bench(line, &target.to_string(), &format!("{rest} --json")), words)
}

/// The same of a run that has ended already.
pub fn complained(outcome: &Outcome, words: &[&str]) -> Value {
    outcome.fails(words);
    let printed = String::from_utf8(outcome.stdout.clone()).expect("text");
    assert!(printed.ends_with("}\n") && printed.lines().count() == 1, "{printed}");
    serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"))
}

/// The requests whose outcome is known or open: each is in one of these.
pub fn sum(result: &Value) -> f64 {
    let errors: f64 = result["errors"].as_object().expect("errors").values().filter_map(Value::as_f64).sum();
    errors
        + ["operations", "lost", "repeated", "under_way"].map(|name| number(result, name)).iter().sum::<f64>()
}

/// A number of a result, by the names that lead there.
pub fn number(result: &Value, names: &str) -> f64 {
    let value = names.split('.').fold(result, |value, name| &value[name]);
    value.as_f64().unwrap_or_else(|| panic!("{names} is no number in {result}"))
}

/// A server in threads that goes away with its handle.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    stop: Arc<AtomicBool>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes it from accept or recv.
        drop(TcpStream::connect_timeout(&self.address, Duration::from_secs(1)));
        drop(UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.send_to(b"", self.address)));
    }
}

/// A TCP server that treats each connection so, in a thread of its own.
pub fn tcp_server(behave: impl Fn(TcpStream) + Send + Sync + 'static) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let (behave, stopped) = (Arc::new(behave), stop.clone());
    thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            if stopped.load(Ordering::Relaxed) {
                return;
            }
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            stream.set_write_timeout(Some(PATIENCE)).unwrap();
            stream.set_nodelay(true).unwrap();
            let behave = behave.clone();
            thread::spawn(move || behave(stream));
        }
    });
    Server { address, stop }
}

/// A TCP server that gives back what comes in capitals, and lets `change` change the `n`th such piece.
pub fn shouting(change: impl Fn(usize, Vec<u8>) -> Vec<u8> + Send + Sync + 'static) -> Server {
    tcp_server(move |mut stream| {
        let mut room = vec![0; 64 * 1024];
        for n in 0.. {
            let Ok(count @ 1..) = stream.read(&mut room) else { return };
            let reply = change(n, room[..count].to_ascii_uppercase());
            if stream.write_all(&reply).is_err() {
                return;
            }
        }
    })
}

/// A UDP server that gives `behave` the `n`th datagram in capitals, which sends what it likes to its source.
pub fn udp_server(behave: impl Fn(usize, Vec<u8>, &dyn Fn(&[u8])) + Send + 'static) -> Server {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let address = socket.local_addr().unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = stop.clone();
    thread::spawn(move || {
        let mut room = vec![0; 65_536];
        for n in 0.. {
            let Ok((count, source)) = socket.recv_from(&mut room) else { return };
            if stopped.load(Ordering::Relaxed) {
                return;
            }
            behave(n, room[..count].to_ascii_uppercase(), &|reply| drop(socket.send_to(reply, source)));
        }
    });
    Server { address, stop }
}
