//! `shout bench tcp` against shoutd and others: what it counts, what it prints, and its command line.
#![cfg(feature = "client")]

#[path = "support/bench.rs"]
mod bench;
#[path = "support/peers.rs"]
mod peers;
mod support;

use bench::*;
use peers::*;
use std::io::{Read, Write};
use std::time::Duration;
use support::*;

#[test]
fn the_json_has_the_agreed_names_and_adds_up() {
    let server = Shoutd::start(&["--tcp", "0"]);
    let (address, pid) = (server.tcp(), server.pid());
    let result = measured("tcp", address, &format!("-c 8 --size 100 --duration 500ms --pid {pid}"));
    let names =
        |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(
        names(&result),
        "service target version parameters seconds operations throughput bytes_sent bytes_received errors \
         statuses repeated under_way lost reordered duplicated latency_us from_intended_time gone_after_seconds \
         absences server client reduced"
    );
    assert_eq!(
        names(&result["parameters"]),
        "connections size pipeline window rate reconnect seconds count status"
    );
    assert_eq!(names(&result["errors"]), "refused timeout reset closed status other");
    assert_eq!(names(&result["latency_us"]), "count mean p50 p90 p99 p999 max");
    assert_eq!(
        names(&result["server"]),
        "pids cpu_seconds cpu_seconds_per_million voluntary_switches involuntary_switches switches_per_operation \
         resident_bytes resident_peak_bytes threads system_calls"
    );
    assert_eq!(names(&result["client"]), "cpu_seconds busy limit");

    assert_eq!((&result["service"], &result["target"]), (&"tcp".into(), &address.to_string().into()));
    assert_eq!(number(&result, "parameters.seconds"), 0.5);
    let (operations, seconds) = (number(&result, "operations"), number(&result, "seconds"));
    assert!(operations > 50.0 && (0.5..10.0).contains(&seconds), "{result}");
    assert!((number(&result, "throughput") - operations / seconds).abs() < 1.0, "{result}");
    assert_eq!(number(&result, "latency_us.count"), operations);
    // Eight messages of a hundred bytes at the most were under way at either end.
    for name in ["bytes_sent", "bytes_received"] {
        assert!((number(&result, name) - operations * 100.0).abs() <= 800.0, "{name} in {result}");
    }
    let latencies =
        ["p50", "p90", "p99", "p999", "max"].map(|name| number(&result, &format!("latency_us.{name}")));
    assert!(latencies.is_sorted() && latencies[0] > 1.0, "{result}");
    assert_eq!(result["errors"].as_object().unwrap().values().filter(|count| **count != 0).count(), 0);
    assert_eq!(result["reduced"], serde_json::json!([]));
}

#[test]
fn a_count_is_kept_to_the_message_whatever_the_depth() {
    for options in ["-c 1", "-c 7", "-c 3 --pipeline 9", "-c 5 --reconnect", "-c 300", "-c 2 --rate 20000"] {
        let server = Shoutd::start(&["--tcp", "0"]);
        let result = measured("tcp", server.tcp(), &format!("{options} --size 10 --count 100 --warmup 0"));
        assert_eq!(number(&result, "operations"), 100.0, "{options}: {result}");
        assert_eq!(number(&result, "latency_us.count"), 100.0, "{options}");
    }
    // Without a warm-up and with one connection, it is what the server sees, too.
    let server = once(|mut stream| {
        let mut all = Vec::new();
        let mut room = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut room) {
            all.extend_from_slice(&room[..count]);
            stream.write_all(&room[..count].to_ascii_uppercase()).unwrap();
        }
        all
    });
    let result = measured("tcp", server.address, "-c 1 --size 10 --count 20 --warmup 0");
    assert_eq!((number(&result, "operations"), server.saw().len()), (20.0, 200));
}

#[test]
fn messages_of_any_size_are_verified_and_so_are_thousands_of_connections() {
    let server = Shoutd::start(&["--tcp", "0"]);
    for (options, size) in [
        ("-c 2", 1),
        ("-c 2 --pipeline 100", 3),
        ("-c 2", 65_537),
        ("-c 2 --pipeline 3", 1_000_000),
        ("-c 1", 20_000_000),
    ] {
        let options = format!("{options} --size {size} --count 20 --warmup 0");
        let result = measured("tcp", server.tcp(), &options);
        assert_eq!(number(&result, "operations"), 20.0, "{options}");
        assert!(number(&result, "bytes_received") >= 20.0 * f64::from(size), "{options}: {result}");
    }
    let result = measured("tcp", server.tcp(), "-c 3000 --duration 300ms --warmup 0");
    assert_eq!(number(&result, "parameters.connections"), 3000.0);
    assert_eq!(number(&result, "errors.refused") + number(&result, "errors.timeout"), 0.0, "{result}");
}

#[test]
fn the_table_tells_what_was_done_and_what_it_cost() {
    let server = Shoutd::start(&["--tcp", "0"]);
    let options = format!("-c 4 --duration 300ms --pipeline 3 --pid {}", server.pid());
    let table = bench::bench("tcp", &server.tcp().to_string(), &options).printed();
    for words in [
        &format!("tcp://{}: 4 connections, messages of 64 bytes, 3 messages under way on each", server.tcp()),
        "throughput",
        "replies/s",
        "each verified",
        "p99.9",
        "errors       none",
        "s of CPU for a million replies",
        "context switches a reply",
        "system calls: not counted here",
        "client       busy for",
    ] {
        assert!(table.contains(words), "no {words:?} in {table}");
    }
    assert!(table.lines().all(|line| line.chars().count() <= 110), "{table}");
}

#[test]
fn the_port_may_stand_in_a_word_of_its_own_and_hosts_may_have_names() {
    let server = Shoutd::start(&["--tcp", "0"]);
    let port = server.tcp().port().to_string();
    for words in [["127.0.0.1", &port], ["localhost", &port]] {
        run(&[&["bench", "tcp"], &words[..], &["--count", "5", "--warmup", "0"]].concat()).printed();
    }
    let outcome = bench::bench("tcp", &format!("localhost:{port}"), "--count 5 --warmup 0");
    assert!(outcome.printed().contains(&format!("tcp://localhost:{port}: 64 connections")));
    let server = Shoutd::start(&["--tcp", "[::1]:0"]);
    let port = server.tcp().port();
    assert_eq!(measured("tcp", format!("[::1]:{port}"), "--count 5")["target"], format!("[::1]:{port}"));
}

#[test]
fn wrong_usage_is_told_and_nothing_is_sent() {
    for line in [
        "",
        "tcp",
        "tcp 127.0.0.1",
        "tcp 127.0.0.1:x",
        "tcp 127.0.0.1:99999",
        "tcp :80",
        "tcp 127.0.0.1:1 --size 0",
        "tcp 127.0.0.1:1 --connections 0",
        "tcp 127.0.0.1:1 --pipeline 0",
        "tcp 127.0.0.1:1 --pipeline 2 --reconnect",
        "tcp 127.0.0.1:1 --window 2",
        "tcp 127.0.0.1:1 --rate 0",
        "tcp 127.0.0.1:1 --rate nan",
        "tcp 127.0.0.1:1 --rate -1",
        "tcp 127.0.0.1:1 --duration 0",
        "tcp 127.0.0.1:1 --count 0",
        "tcp 127.0.0.1:1 --count 5 --duration 1s",
        "tcp 127.0.0.1:1 --timeout 0",
        "tcp 127.0.0.1:1 --status 200",
        "tcp --pid 1 127.0.0.1:1",
        "tcp 127.0.0.1:1 --pid",
        "tcp 127.0.0.1:1 --pid 1,x",
        "udp 127.0.0.1:1 --size 65508",
        "udp 127.0.0.1:1 --pipeline 2",
        "udp 127.0.0.1:1 --reconnect",
        "http https://127.0.0.1/",
        "http 127.0.0.1:1 --window 2",
        "http 127.0.0.1:1 --size 100",
        "http 127.0.0.1:1 -s 64",
        "http 127.0.0.1:1 --status 99",
        "ftp 127.0.0.1:1",
    ] {
        let words: Vec<&str> = ["bench"].into_iter().chain(line.split_ascii_whitespace()).collect();
        let outcome = run(&words);
        assert_eq!(outcome.status, Some(2), "{line:?}: {outcome:?}");
        assert!(outcome.stdout.is_empty() && !outcome.stderr.contains("panicked"), "{line:?}: {outcome:?}");
    }
}

#[test]
fn more_under_way_than_memory_should_hold_is_wrong_usage_that_says_how_much_may_be() {
    for (line, words) in [
        ("tcp 127.0.0.1:1 --pipeline 99999999999999", "from 1 to 65536"),
        ("http 127.0.0.1:1 --pipeline 65537", "from 1 to 65536"),
        ("udp 127.0.0.1:1 --window 65537", "from 1 to 65536"),
        ("tcp 127.0.0.1:1 --connections 1000001", "from 1 to 1000000"),
        ("udp 127.0.0.1:1 -c 99999999999999999999", "from 1 to 1000000"),
        ("tcp 127.0.0.1:1 -c 17 --pipeline 65536", "at most 1048576 may be under way"),
        ("udp 127.0.0.1:1 -c 17 --window 65536", "at most 1048576 may be under way"),
        ("http 127.0.0.1:1 -c 1000000 --pipeline 2", "at most 1048576 may be under way"),
    ] {
        let words_of_line: Vec<&str> = ["bench"].into_iter().chain(line.split(' ')).collect();
        let outcome = run(&words_of_line);
        assert_eq!(outcome.status, Some(2), "{line}: {outcome:?}");
        assert!(outcome.stderr.contains(words), "{line}: {outcome:?}");
    }
    // The most that is allowed works.
    let server = Shoutd::start(&["--tcp", "0"]);
    let result = measured("tcp", server.tcp(), "-c 1 --size 1 --pipeline 65536 --count 100000 --warmup 0");
    assert_eq!(number(&result, "operations"), 100_000.0, "{result}");
}

#[test]
fn where_nothing_works_it_says_why_and_fails() {
    let (_guard, refusing) = refusing();
    for connections in [1, 50] {
        let outcome = bench::bench("tcp", &refusing.to_string(), &format!("-c {connections}"));
        outcome.fails(&[&refusing.to_string(), "connection refused", "must be started"]);
    }
    let closing = tcp_server(drop);
    bench::bench("tcp", &closing.address.to_string(), "-c 3 --count 3").fails(&["every connection"]);
    let silent = tcp_server(|mut stream| drop(read_to_end(&mut stream)));
    let options = "-c 3 --timeout 300ms --duration 1s";
    bench::bench("tcp", &silent.address.to_string(), options).fails(&["not answered within 300.0 ms"]);
    bench::bench("tcp", "127.0.0.1:1", "--pid 4194305").fails(&["no process 4194305"]);
    bench::bench("tcp", "host.invalid:1", "").fails(&["can't find the host host.invalid"]);
}

#[test]
fn an_interrupt_ends_it_early_with_what_there_is() {
    let server = Shoutd::start(&["--tcp", "0"]);
    let address = server.tcp().to_string();
    for signal in ["INT", "TERM"] {
        let mut child = shout(&["bench", "tcp", &address, "--duration", "1h", "--json", "--warmup", "0"]);
        let child = child.spawn().unwrap();
        // It measures by the time that the server has had work to do.
        let before = server.cpu_ticks();
        eventually(|| server.cpu_ticks() > before + 10, || "it doesn't begin".to_owned());
        let status = std::process::Command::new("kill")
            .args([&format!("-{signal}"), &child.id().to_string()])
            .status();
        assert!(status.unwrap().success());
        let result: serde_json::Value = serde_json::from_str(&finish(child).printed()).unwrap();
        assert!(number(&result, "operations") > 100.0, "{result}");
        assert!(result["reduced"][0].as_str().unwrap().starts_with("interrupted"), "{result}");
    }
}

#[test]
fn connections_beyond_the_descriptor_limit_are_left_out_and_told() {
    let server = Shoutd::start(&["--tcp", "0"]);
    let program = env!("CARGO_BIN_EXE_shout");
    let line =
        format!("ulimit -n 200; exec {program} bench tcp {} -c 500 --duration 200ms --json", server.tcp());
    let mut command = std::process::Command::new("sh");
    command.args(["-c", &line]).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let result: serde_json::Value =
        serde_json::from_str(&finish(command.spawn().unwrap()).printed()).unwrap();
    assert_eq!(number(&result, "parameters.connections"), 168.0, "{result}");
    let told = result["reduced"][0].as_str().unwrap();
    assert_eq!(told, "500 connections reduced to 168: the descriptor limit is 200 (ulimit -Hn)");
    assert_eq!(number(&result, "errors.other"), 0.0, "{result}");
}

#[test]
fn a_server_that_closes_after_each_reply_is_measured_by_reconnecting() {
    let server = Shoutd::start(&["--tcp", "0,messages=1"]);
    let result = measured("tcp", server.tcp(), "-c 4 --reconnect --count 500");
    assert_eq!(number(&result, "operations"), 500.0);
    let errors = &result["errors"];
    assert!(errors.as_object().unwrap().values().all(|count| *count == 0), "{result}");
    // Without that it still ends, and counts what the server does.
    let result = troubled("tcp", server.tcp(), "-c 4 --duration 300ms", &["closed", "--reconnect"]);
    assert!(number(&result, "operations") > 10.0, "{result}");
}

#[test]
fn a_server_that_dies_is_told_and_waited_for_no_longer_than_patience_allows() {
    let mut server = Shoutd::start(&["--tcp", "0"]);
    let address = server.tcp().to_string();
    let child = shout(&["bench", "tcp", &address, "--count", "1000000000", "--timeout", "200ms", "--json"]);
    let child = { child }.spawn().unwrap();
    let before = server.cpu_ticks();
    eventually(|| server.cpu_ticks() > before + 60, || "it doesn't begin".to_owned());
    server.signal("KILL");
    server.wait_for(Duration::from_secs(20));
    let result = complained(&finish(child), &["the server died ", "Nothing listens there any more"]);
    assert!(number(&result, "errors.refused") > 0.0, "{result}");
    assert!(result["reduced"].to_string().contains("the server died after"), "{result}");
}

#[test]
fn a_server_that_serves_one_after_another_is_measured_and_its_waiting_told() {
    let naive = || {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            while let Ok((mut stream, _)) = listener.accept() {
                let mut room = [0; 1024];
                while let Ok(count @ 1..) = stream.read(&mut room) {
                    if stream.write_all(&room[..count].to_ascii_uppercase()).is_err() {
                        break;
                    }
                }
            }
        });
        address
    };
    let words = ["3 without a reply in time", "one after another"];
    let result = troubled("tcp", naive(), "-c 4 --duration 500ms", &words);
    assert_eq!(number(&result, "errors.timeout"), 3.0, "{result}");
    assert!(result["reduced"].to_string().contains("3 requests had waited for more than half"), "{result}");
    let result = measured("tcp", naive(), "-c 4 --duration 500ms --reconnect");
    assert!(number(&result, "operations") > 50.0, "{result}");
}

#[test]
fn a_terminal_sees_how_far_it_is() {
    let server = Shoutd::start(&["--tcp", "0"]);
    let line = format!("{} bench tcp {} -c 2 --duration 1s", env!("CARGO_BIN_EXE_shout"), server.tcp());
    let mut command = std::process::Command::new("script");
    command.args(["-qec", &line, "/dev/null"]).stdin(std::process::Stdio::null());
    command.env("TERM", "xterm").stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let Ok(child) = command.spawn() else { return skip("script isn't installed") };
    let outcome = finish(child);
    let seen = String::from_utf8(outcome.stdout).unwrap();
    assert_eq!(outcome.status, Some(0), "{seen}");
    for words in [" of 1 s   ", "/s   p99 ", "errors       none"] {
        assert!(seen.contains(words), "no {words:?} in {seen:?}");
    }
    assert!(!seen.contains("panicked"), "{seen}");
}
