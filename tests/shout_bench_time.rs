//! `shout bench`: latencies of an open loop, and what a server costs.
#![cfg(feature = "client")]

#[path = "support/bench.rs"]
mod bench;
#[path = "support/peers.rs"]
mod peers;
mod support;

use bench::*;
use peers::*;
use std::io::{Read, Write};
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use support::*;

/// A server that stalls for half a second at the three-hundredth message of each connection.
fn stalling() -> Server {
    shouting(|n, reply| {
        if n == 300 {
            thread::sleep(Duration::from_millis(500));
        }
        reply
    })
}

#[test]
fn a_stall_shows_in_an_open_loop_as_it_would_to_those_who_come_meanwhile() {
    let server = stalling();
    let result = measured("tcp", server.address, "-c 1 --rate 1000 --duration 2s --warmup 0");
    assert_eq!(result["from_intended_time"], true);
    // A quarter of two thousand requests were due during the stall, and the last quarter of those waited
    // for less than an eighth of a second.
    assert!(number(&result, "latency_us.p99") > 400_000.0, "{result}");
    assert!(number(&result, "latency_us.p90") > 200_000.0, "{result}");
    assert!(number(&result, "latency_us.max") >= 495_000.0, "{result}");
    assert!(number(&result, "operations") > 1_000.0, "{result}");

    // In a closed loop only one request was under way, so only one has waited. This is why.
    let server = stalling();
    let closed = measured("tcp", server.address, "-c 1 --duration 2s --warmup 0");
    assert_eq!(closed["from_intended_time"], false);
    assert!(number(&closed, "latency_us.max") >= 495_000.0, "{closed}");
    assert!(number(&closed, "latency_us.p99") < 200_000.0, "{closed}");
}

#[test]
fn the_rate_of_an_open_loop_is_kept() {
    let server = Shoutd::start(&["--tcp", "0", "--udp", "0", "--http", "0"]);
    for (line, address) in [("tcp", server.tcp()), ("udp", server.udp()), ("http", server.http())] {
        let result = measured(line, address, "-c 4 --rate 500 --duration 1s --warmup 0");
        let operations = number(&result, "operations");
        // One that is late is made up for, so no load of the machine makes it much less.
        let due = number(&result, "seconds") * 500.0;
        assert!((due * 0.5..=due + 1.0).contains(&operations), "{result}");
        assert_eq!(number(&result, "parameters.rate"), 500.0);
    }
    // Slower than once a tick, too.
    let result = measured("tcp", server.tcp(), "-c 4 --rate 10 --duration 1s --warmup 0");
    let due = number(&result, "seconds") * 10.0;
    assert!((5.0..=due + 1.0).contains(&number(&result, "operations")), "{result}");
}

#[test]
fn a_rate_that_is_not_reached_is_told_and_its_waiting_counted() {
    let slow = shouting(|_, reply| {
        thread::sleep(Duration::from_millis(5));
        reply
    });
    let result = measured("tcp", slow.address, "-c 1 --rate 1000 --duration 1s --warmup 0");
    assert!(result["reduced"].to_string().contains("the rate was not reached"), "{result}");
    // At most two hundred were answered, and those not sent at the end had waited up to nine tenths of it.
    assert!(number(&result, "operations") <= 210.0, "{result}");
    assert!((900.0..=1_100.0).contains(&number(&result, "latency_us.count")), "{result}");
    assert!(number(&result, "latency_us.max") > 700_000.0, "{result}");

    assert!(!result["reduced"].to_string().contains("of the warm-up"), "{result}");

    // What the warm-up has left over is answered later, beyond the rate.
    let busy = stalling();
    let options = "-c 1 --rate 1000 --duration 500ms --warmup 700ms";
    let result = measured("tcp", busy.address, options);
    assert!(result["reduced"].to_string().contains("requests of the warm-up were late"), "{result}");
    let result = measured("tcp", slow.address, "-c 1 --rate 1000000000 --duration 300ms");
    assert!(number(&result, "latency_us.count") > 1e6, "however many there are: {result}");
}

#[test]
fn a_latency_is_what_the_server_takes() {
    let slow = shouting(|_, reply| {
        thread::sleep(Duration::from_millis(50));
        reply
    });
    for options in ["", "--rate 10"] {
        let result = measured("tcp", slow.address, &format!("-c 2 --count 10 --warmup 0 {options}"));
        for name in ["p50", "p90", "p99", "mean"] {
            let latency = number(&result, &format!("latency_us.{name}"));
            assert!((50_000.0..2_000_000.0).contains(&latency), "{options}: {result}");
        }
    }
    let result = measured("tcp", slow.address, "-c 2 --count 10 --reconnect");
    assert!(number(&result, "latency_us.p50") >= 50_000.0, "{result}");
}

/// Voluntary and involuntary context switches of a process of one thread, from /proc.
fn switches(pid: u32) -> [f64; 2] {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    ["voluntary_ctxt_switches:", "nonvoluntary_ctxt_switches:"].map(|name| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line[name.len()..].trim().parse().unwrap()
    })
}

#[test]
fn the_figures_of_a_server_are_those_of_proc() {
    let server = Shoutd::start(&["--tcp", "0"]);
    let (ticks, before) = (server.cpu_ticks(), switches(server.pid()));
    let options = format!("-c 16 --duration 1s --warmup 0 --pid {}", server.pid());
    let result = measured("tcp", server.tcp(), &options);
    let cpu = (server.cpu_ticks() - ticks) as f64 / 100.0;
    let found = number(&result, "server.cpu_seconds");
    // Closing the connections is not in it.
    assert!((found - cpu).abs() <= 0.05 + cpu * 0.1, "{found} and {cpu}");
    let per_million = found / number(&result, "operations") * 1e6;
    assert!((number(&result, "server.cpu_seconds_per_million") - per_million).abs() < 0.01, "{result}");

    let after = switches(server.pid());
    let names = ["server.voluntary_switches", "server.involuntary_switches"];
    for (name, (before, after)) in names.iter().zip(before.into_iter().zip(after)) {
        let (found, expected) = (number(&result, name), after - before);
        assert!((found - expected).abs() <= 30.0 + expected * 0.1, "{name}: {found} and {expected}");
    }
    let resident = server.resident() as f64 * 1024.0;
    let found = number(&result, "server.resident_bytes");
    assert!((found - resident).abs() < 1e6, "{found} and {resident}");
    assert!(number(&result, "server.resident_peak_bytes") >= found, "{result}");
    assert_eq!(
        (number(&result, "server.threads"), &result["server"]["system_calls"]),
        (1.0, &serde_json::Value::Null)
    );
}

#[test]
fn switches_that_are_missed_are_told() {
    // This server is in our own process: a thread a connection, and each ends with it.
    let server = shouting(|_, reply| reply);
    let options = format!("-c 8 --reconnect --duration 500ms --pid {}", std::process::id());
    let result = measured("tcp", server.address, &options);
    assert!(result["reduced"].to_string().contains("threads of the server ended meanwhile"), "{result}");
    assert!(number(&result, "server.cpu_seconds") > 0.001, "those of ended threads are in it: {result}");
}

#[test]
fn its_own_cost_is_that_of_its_process() {
    let server = Shoutd::start(&["--tcp", "0"]);
    let result = measured("tcp", server.tcp(), "-c 16 --duration 500ms --warmup 0");
    let (cpu, seconds) = (number(&result, "client.cpu_seconds"), number(&result, "seconds"));
    assert!(cpu > 0.01 && cpu <= seconds * 1.1, "{result}");
    assert!((number(&result, "client.busy") - cpu / seconds).abs() < 0.1, "{result}");
    // One that mostly waits is never the limit.
    let result = measured("tcp", server.tcp(), "-c 1 --rate 100 --duration 500ms");
    assert!(number(&result, "client.busy") < 0.9 && result["client"]["limit"] == false, "{result}");
}

#[test]
fn how_long_was_waited_for_nothing_is_the_time_of_the_run_and_not_of_the_patience() {
    let silent = tcp_server(|mut stream| drop(read_to_end(&mut stream)));
    let target = silent.address.to_string();
    let outcome = bench::bench("tcp", &target, "-c 2 --timeout 1h --duration 300ms --warmup 0");
    outcome.fails(&["has not answered within "]);
    assert!(!outcome.stderr.contains("3600"), "{outcome:?}");
}

#[test]
fn a_reply_that_came_in_part_is_told_with_its_bytes() {
    let partly = tcp_server(|mut stream| {
        let mut room = [0; 40];
        stream.read_exact(&mut room).unwrap();
        stream.write_all(&room.to_ascii_uppercase()[..3]).unwrap();
        drop(read_to_end(&mut stream));
    });
    let target = partly.address.to_string();
    bench::bench("tcp", &target, "-c 1 --size 40 --timeout 1h --duration 2s")
        .fails(&["has sent 3 bytes and no whole reply within "]);
    bench::bench("tcp", &target, "-c 1 --size 40 --timeout 300ms --count 5 --warmup 0")
        .fails(&["bytes and no whole reply, and then nothing for 300.0 ms"]);
}

#[test]
fn an_interrupt_before_any_reply_is_called_an_interrupt() {
    let (asked, was_asked) = mpsc::channel();
    let silent = tcp_server(move |mut stream| {
        let _ = stream.read(&mut [0]);
        let _ = asked.send(());
        drop(read_to_end(&mut stream));
    });
    let target = silent.address.to_string();
    let mut child = shout(&["bench", "tcp", &target, "-c", "1", "--duration", "1h", "--timeout", "1h"]);
    let child = child.spawn().unwrap();
    was_asked.recv_timeout(PATIENCE).expect("a message");
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    finish(child).fails(&["interrupted after ", "before a whole reply had come"]);
}
