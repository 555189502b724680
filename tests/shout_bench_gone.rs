//! `shout bench` against servers that die or leave requests unanswered: the figures so far are there, each
//! request is counted once, and what is said fits.
#![cfg(feature = "client")]

#[path = "support/bench.rs"]
mod bench;
#[path = "support/peers.rs"]
mod peers;
mod support;

use bench::*;
use peers::*;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use support::*;

/// Serves all three on a port that it keeps when it is started again.
fn start(ports: Option<[SocketAddr; 3]>) -> Shoutd {
    let [tcp, udp, http] =
        ports.map_or(["0"; 3].map(str::to_owned), |ports| ports.map(|port| port.to_string()));
    Shoutd::start(&["--tcp", &tcp, "--udp", &udp, "--http", &http])
}

fn ports(server: &Shoutd) -> [SocketAddr; 3] {
    [server.tcp(), server.udp(), server.http()]
}

/// Begins a run, and returns it once the server has had enough to do that measuring has begun.
fn under_load(server: &Shoutd, protocol: &str, rest: &str) -> std::process::Child {
    let place = ["tcp", "udp", "http"].iter().position(|one| *one == protocol).expect("a protocol");
    let target = ports(server)[place].to_string();
    let words: Vec<&str> =
        ["bench", protocol, &target, "--warmup", "0"].into_iter().chain(rest.split(' ')).collect();
    let child = shout(&words).spawn().expect("shout");
    let before = server.cpu_ticks();
    eventually(|| server.cpu_ticks() > before + 10, || "it doesn't begin".to_owned());
    child
}

#[test]
fn a_server_that_is_killed_leaves_its_figures_and_is_said_to_have_died() {
    for (protocol, depth) in [
        ("tcp", ""),
        ("tcp", " --pipeline 16"),
        ("udp", ""),
        ("udp", " --window 32"),
        ("udp", " --rate 3000"),
        ("http", ""),
        ("http", " --reconnect"),
    ] {
        let mut server = start(None);
        let options = format!("-c 8 --duration 20s --timeout 500ms --json{depth}");
        let child = under_load(&server, protocol, &options);
        server.signal("KILL");
        server.wait();
        let words = ["the server died ", " after measuring began", "Nothing listens there any more"];
        let outcome = finish(child);
        assert!(!outcome.stderr.contains("before its client"), "{outcome:?}");
        let result = complained(&outcome, &words);
        assert!(number(&result, "operations") > 100.0, "{protocol}: {result}");
        assert!(number(&result, "errors.refused") > 0.0, "{protocol}: {result}");
        if protocol == "udp" {
            assert_eq!(number(&result, "bytes_sent"), 64.0 * sum(&result), "each is counted once: {result}");
        }
        let (gone, seconds) = (number(&result, "gone_after_seconds"), number(&result, "seconds"));
        assert!(gone == seconds && gone > 0.05 && gone < 20.0, "the figures are those until then: {result}");
        let throughput = number(&result, "operations") / seconds;
        assert!((number(&result, "throughput") / throughput - 1.0).abs() < 0.01, "{result}");
        assert!(result["reduced"].to_string().contains("the server died after "), "{result}");
    }
}

#[test]
fn the_table_of_a_server_that_died_says_when() {
    let mut server = start(None);
    let child =
        under_load(&server, "http", &format!("-c 8 --duration 20s --timeout 500ms --pid {}", server.pid()));
    server.signal("KILL");
    server.wait();
    let outcome = finish(child);
    outcome.fails(&["the server died "]);
    let table = String::from_utf8(outcome.stdout).unwrap();
    for words in
        ["replies/s", "refused", "the server died after ", "these are the figures until then", "ended"]
    {
        assert!(table.contains(words), "no {words:?} in {table}");
    }
}

#[test]
fn a_server_that_dies_and_comes_back_is_measured_on_and_said_to_have_been_away() {
    for protocol in ["tcp", "udp", "http"] {
        let mut server = start(None);
        let child = under_load(&server, protocol, "-c 8 --duration 6s --json");
        let ports = ports(&server);
        server.signal("KILL");
        server.wait();
        // Long enough that somebody is refused.
        thread::sleep(Duration::from_secs(1));
        let _again = start(Some(ports));
        let result = complained(&finish(child), &["the server was gone from ", ", and came back"]);
        assert_eq!(result["gone_after_seconds"], Value::Null, "{protocol}: {result}");
        let absence = &result["absences"][0];
        let away = number(absence, "to") - number(absence, "from");
        assert!((0.2..6.0).contains(&away), "{protocol}: {result}");
        assert!(number(&result, "seconds") >= 6.0, "{protocol}: {result}");
        assert!(result["reduced"].to_string().contains("and came back"), "{protocol}: {result}");
    }
}

#[test]
fn a_server_that_dies_before_any_reply_was_there_all_the_same() {
    // Each connection is accepted and dies; by then the port is closed.
    let listening = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listening.local_addr().unwrap();
    let server = thread::spawn(move || {
        let mut streams = Vec::new();
        for _ in 0..3 {
            let (mut stream, _) = listening.accept().unwrap();
            stream.read_exact(&mut [0; 8]).unwrap();
            streams.push(stream);
        }
        drop(listening);
        streams.into_iter().for_each(reset);
    });
    let outcome = bench::bench("tcp", &address.to_string(), "-c 3 --duration 2s --warmup 0");
    server.join().unwrap();
    outcome.fails(&["the server died before a whole reply had come", "Its own messages"]);
    assert!(!outcome.stderr.contains("before its client"), "{outcome:?}");
}

#[test]
fn a_server_that_dies_while_it_is_warmed_up_is_said_to_have() {
    let mut server = start(None);
    let target = server.tcp().to_string();
    let child = shout(&["bench", "tcp", &target, "-c", "4", "--warmup", "2s", "--duration", "300ms"]).spawn();
    let before = server.cpu_ticks();
    eventually(|| server.cpu_ticks() > before + 10, || "it doesn't begin".to_owned());
    server.signal("KILL");
    server.wait();
    let outcome = finish(child.unwrap());
    outcome.fails(&["the server died after ", "before measuring began", " replies had come"]);
}

#[test]
fn a_reset_in_the_middle_of_a_reply_is_counted_and_the_rest_goes_on() {
    let uppercase = tcp_server(|mut stream| {
        let mut room = [0; 40];
        for n in 0.. {
            if stream.read_exact(&mut room).is_err() {
                return;
            }
            let length = if n == 9 { 13 } else { 40 };
            stream.write_all(&room.to_ascii_uppercase()[..length]).unwrap();
            if n == 9 {
                return reset(stream);
            }
        }
    });
    let web = tcp_server(|mut stream| {
        for n in 0.. {
            if read_request(&mut stream).is_none() {
                return;
            }
            let reply = ok("hello world");
            let length = if n == 9 { reply.len() - 4 } else { reply.len() };
            stream.write_all(&reply[..length]).unwrap();
            if n == 9 {
                return reset(stream);
            }
        }
    });
    for (protocol, address, size) in [("tcp", uppercase.address, "--size 40"), ("http", web.address, "")] {
        let options = format!("-c 2 {size} --count 900 --warmup 0");
        let result = troubled(protocol, address, &options, &[" reset"]);
        assert_eq!(number(&result, "operations"), 900.0, "{protocol}: {result}");
        assert!((98.0..=102.0).contains(&number(&result, "errors.reset")), "{protocol}: {result}");
        assert_eq!(result["gone_after_seconds"], Value::Null, "{protocol}: {result}");
    }
}

#[test]
fn every_request_is_counted_once_and_every_byte_that_was_sent() {
    let requests = Arc::new(AtomicUsize::new(0));
    let seen = requests.clone();
    // Of ten messages one is reset, one closed upon, one left without an answer.
    let server = tcp_server(move |mut stream| {
        let mut room = [0; 40];
        while stream.read_exact(&mut room).is_ok() {
            let n = seen.fetch_add(1, Ordering::Relaxed);
            match n % 10 {
                3 => return reset(stream),
                5 => return,
                7 => return drop(read_to_end(&mut stream)),
                _ => {}
            }
            if stream.write_all(&room.to_ascii_uppercase()).is_err() {
                return;
            }
        }
    });
    for options in ["-c 1", "-c 4"] {
        requests.store(0, Ordering::Relaxed);
        let options = format!("{options} --size 40 --count 50 --warmup 0 --timeout 100ms");
        let result = troubled("tcp", server.address, &options, &[" reset"]);
        let seen = requests.load(Ordering::Relaxed) as f64;
        assert_eq!(number(&result, "operations"), 50.0, "{options}: {result}");
        for kind in ["reset", "closed", "timeout"] {
            assert!(number(&result, &format!("errors.{kind}")) >= 5.0, "{options}: {result}");
        }
        assert_eq!(sum(&result), seen, "{options}: {result}");
        assert_eq!(number(&result, "bytes_sent"), seen * 40.0, "{options}: {result}");
    }
}

#[test]
fn datagrams_that_are_refused_or_lost_are_counted_once() {
    let received = Arc::new(AtomicUsize::new(0));
    let seen = received.clone();
    let server = udp_server(move |n, reply, send| {
        seen.fetch_add(1, Ordering::Relaxed);
        if n % 4 != 3 {
            send(&reply);
        }
    });
    let result = measured("udp", server.address, "-c 2 --count 40 --warmup 0 --timeout 50ms");
    let seen = received.load(Ordering::Relaxed) as f64;
    assert_eq!((sum(&result), number(&result, "bytes_sent")), (seen, 64.0 * seen), "{result}");
    assert!(number(&result, "lost") >= 8.0, "{result}");
}

#[test]
fn a_server_that_stops_answering_is_said_to_be_silent() {
    for protocol in ["tcp", "udp", "http"] {
        let server = start(None);
        let child = under_load(&server, protocol, "-c 4 --duration 20s --timeout 400ms --json");
        server.signal("STOP");
        let outcome = finish(child);
        server.signal("CONT");
        let result = complained(&outcome, &["the server fell silent ", "no reply came"]);
        assert!(number(&result, "operations") > 100.0, "{protocol}: {result}");
        assert!(number(&result, "gone_after_seconds") < 20.0, "{protocol}: {result}");
    }
    // For less than a timeout it may be a pause: it is told, and it is no error.
    let server = start(None);
    let child = under_load(&server, "tcp", "-c 4 --duration 4s --json");
    server.signal("STOP");
    let outcome = finish(child);
    server.signal("CONT");
    assert!(String::from_utf8_lossy(&outcome.stdout).contains("no reply came in the last "), "{outcome:?}");
}

#[test]
fn an_interrupt_ends_it_soon_whatever_is_under_way() {
    // One in three is lost, and would be waited for.
    let received = Arc::new(AtomicUsize::new(0));
    let seen = received.clone();
    let lossy = udp_server(move |n, reply, send| {
        received.fetch_add(1, Ordering::Relaxed);
        if n % 3 != 2 {
            send(&reply);
        }
    });
    let target = lossy.address.to_string();
    let line = ["bench", "udp", &target, "-c", "2", "--window", "50", "--timeout", "1h", "--duration", "1h"];
    let child = shout(&[&line[..], &["--json", "--warmup", "0"]].concat()).spawn().unwrap();
    eventually(|| seen.load(Ordering::Relaxed) > 60, || "it doesn't begin".to_owned());
    let interrupt = |pid: u32| Command::new("kill").args(["-INT", &pid.to_string()]).status().unwrap();
    assert!(interrupt(child.id()).success());
    let result: Value = serde_json::from_str(&finish(child).printed()).unwrap();
    assert!(number(&result, "operations") > 10.0 && number(&result, "under_way") > 0.0, "{result}");
    // Before there is anything to tell it ends the program, as anywhere.
    let (asked, was_asked) = std::sync::mpsc::channel();
    let silent = tcp_server(move |mut stream| {
        let _ = asked.send(read_request(&mut stream));
        drop(read_to_end(&mut stream));
    });
    let child = shout(&["bench", "http", &silent.address.to_string(), "--timeout", "1h"]).spawn().unwrap();
    was_asked.recv_timeout(PATIENCE).expect("a request");
    assert!(interrupt(child.id()).success());
    assert_eq!(finish(child).status, None, "the signal itself");
    // A server that is gone is no reason to be deaf.
    let mut server = start(None);
    let child = under_load(&server, "tcp", "-c 8 --duration 1h --timeout 1h --json");
    server.signal("KILL");
    server.wait();
    let folder = format!("/proc/{}/fd", child.id());
    let has_noticed = || std::fs::read_dir(&folder).is_ok_and(|open| open.count() < 12);
    eventually(has_noticed, || "it doesn't notice".to_owned());
    assert!(interrupt(child.id()).success());
    let result = complained(&finish(child), &[]);
    assert!(number(&result, "operations") > 100.0, "{result}");
}

#[test]
fn several_processes_are_measured_together() {
    let (one, other) = (start(None), start(None));
    let pids = [one.pid(), other.pid()];
    for words in [format!("{} {}", pids[0], pids[1]), format!("{},{},{}", pids[1], pids[0], pids[1])] {
        let result = measured("tcp", one.tcp(), &format!("-c 4 --duration 300ms --pid {words}"));
        let mut found: Vec<u64> =
            result["server"]["pids"].as_array().unwrap().iter().filter_map(Value::as_u64).collect();
        found.sort_unstable();
        let mut expected = pids.map(u64::from);
        expected.sort_unstable();
        assert_eq!(found, expected, "{result}");
        assert_eq!(number(&result, "server.threads"), 2.0, "{result}");
        let resident = (one.resident() + other.resident()) as f64 * 1024.0;
        assert!((number(&result, "server.resident_bytes") - resident).abs() < 2e6, "{result}");
    }
    let line = format!("-c 4 --duration 300ms --pid {} {}", pids[0], pids[1]);
    let table = bench::bench("tcp", &one.tcp().to_string(), &line).printed();
    assert!(table.contains("2 threads, sums of 2 processes ("), "{table}");
    // A process that has nothing to do is hardly the server.
    let idle = measured("tcp", one.tcp(), &format!("-c 1 --duration 300ms --pid {}", pids[1]));
    assert!(idle["reduced"].to_string().contains("is it the server's?"), "{idle}");
    let line = format!("--pid {} 4194305", pids[0]);
    bench::bench("tcp", &one.tcp().to_string(), &line).fails(&["no process 4194305"]);
}

#[test]
fn a_number_of_replies_is_not_waited_for_where_nothing_listens_any_more() {
    let mut server = start(None);
    let child = under_load(&server, "tcp", "-c 8 --count 100000000 --json");
    let began = Instant::now();
    server.signal("KILL");
    server.wait();
    let outcome = finish(child);
    assert!(began.elapsed() < Duration::from_secs(8), "it waits for twice the timeout: {outcome:?}");
    let result = complained(&outcome, &["the server died "]);
    let notes = result["reduced"].to_string();
    assert!(notes.contains("the server died") && !notes.contains("none came for"), "{result}");
}

#[test]
fn how_busy_the_client_was_is_told_of_the_time_with_a_server() {
    let mut server = start(None);
    let child = under_load(&server, "tcp", "-c 8 --duration 20s --timeout 500ms --json");
    server.signal("KILL");
    server.wait();
    let result = complained(&finish(child), &["the server died "]);
    // Readings are taken when a reply has come, and at most 50 ms and a turn apart.
    let span = number(&result, "client.cpu_seconds") / number(&result, "client.busy");
    let seconds = number(&result, "seconds");
    assert!(span <= seconds + 0.5 && span > 0.0, "busy in {span} s, figures of {seconds} s: {result}");
}
