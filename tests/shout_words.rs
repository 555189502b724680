//! The words that shout is given, and where its own go: hosts, ports and URLs in all their spellings, slips that
//! are refused with advice, and readers of its output that leave early.
#![cfg(feature = "client")]

#[path = "support/peers.rs"]
mod peers;
mod support;

use peers::*;
use std::fs;
use support::*;

/// Runs `shout http`.
fn http(arguments: &[&str]) -> Outcome {
    run(&[&["http"], arguments].concat())
}

#[test]
fn a_host_is_a_name_or_an_address_of_either_kind() {
    let server = Shoutd::start(&["--tcp", "127.0.0.1:0", "--tcp", "[::1]:0"]);
    let [four, six] = [0, 1].map(|n| server.nth("tcp", n).port().to_string());
    for (host, port) in [("localhost", &four), ("127.0.0.1", &four), ("::1", &six), ("[::1]", &six)] {
        assert_eq!(run(&["tcp", host, port, "hello"]).printed(), "HELLO\n", "{host}");
    }
    let outcome = run(&["tcp", "no..such..host", &four, "hello"]);
    outcome.fails(&["no..such..host", "can't find the host"]);
}

#[test]
fn host_and_port_may_be_one_word() {
    let server = Shoutd::start(&["--tcp", "127.0.0.1:0", "--tcp", "[::1]:0"]);
    let (four, six) = (server.nth("tcp", 0), server.nth("tcp", 1));
    for place in
        [four.to_string(), format!("localhost:{}", four.port()), six.to_string(), format!("tcp://{four}")]
    {
        assert_eq!(run(&["tcp", &place, "hello", "12000"]).printed(), "HELLO\n12000\n", "{place}");
    }
    assert_eq!(stream("tcp", four, &[], b"hello".to_vec()).printed(), "HELLO");
}

#[test]
fn so_they_may_for_udp() {
    let server = Shoutd::start(&["--udp", "127.0.0.1:0", "--udp", "[::1]:0"]);
    let (four, six) = (server.nth("udp", 0), server.nth("udp", 1));
    for place in
        [four.to_string(), format!("localhost:{}", four.port()), six.to_string(), format!("udp://{four}")]
    {
        assert_eq!(run(&["udp", &place, "hello", ""]).printed(), "HELLO\n\n", "{place}");
    }
    for (arguments, advice) in [
        (&["udp", "12000", "hello"][..], "localhost:12000"),
        (&["udp", "tcp://localhost:12000", "hello"], "shout tcp localhost:12000"),
        (&["udp", "localhost", "0", "hello"], "1 to 65535"),
    ] {
        let outcome = run(arguments);
        outcome.is_wrong_usage();
        assert!(outcome.stderr.contains(advice), "{outcome:?}");
    }
}

#[test]
fn what_can_only_be_a_slip_is_refused_with_advice() {
    for (arguments, advice) in [
        (&["tcp", "12000"][..], "localhost:12000"),
        (&["tcp", "12000", "hello"], "localhost:12000"),
        (&["tcp", "12000", "12000", "hello"], "localhost:12000"),
        (&["tcp", "12000:12000", "hello"], "localhost:12000"),
        (&["tcp", "100000", "12000", "hello"], "not a host"),
        (&["tcp", "1.2.3", "12000", "hello"], "four numbers"),
        (&["tcp", "0x7f000001", "12000", "hello"], "127.0.0.1"),
        (&["tcp", "2130706433:12000", "hello"], "127.0.0.1"),
        (&["udp", "127.1", "12000", "hello"], "four numbers"),
        (&["udp", "2130706433", "12000", "hello"], "127.0.0.1"),
        (&["http", "2130706433:8080"], "127.0.0.1"),
        (&["http", "http://0x7f000001:8080/"], "127.0.0.1"),
        (&["http", "1.2.3/x"], "four numbers"),
        (&["bench", "tcp", "12000"], "localhost:12000"),
        (&["bench", "tcp", "127", "12000"], "localhost:127"),
        (&["bench", "tcp", ":12000"], "localhost:12000"),
        (&["bench", "tcp", "1.2.3:12000"], "four numbers"),
        (&["bench", "udp", "0x7f000001", "12000"], "127.0.0.1"),
        (&["bench", "http", "2130706433:8080"], "127.0.0.1"),
        (&["tcp", ":12000", "hello"], "localhost:12000"),
        (&["tcp", "localhost", "hello"], "\"hello\" is not a port"),
        (&["tcp", "localhost:hello"], "\"hello\" is not a port"),
        (&["tcp", "localhost:"], "is not a port"),
        (&["tcp", "localhost", "0", "x"], "1 to 65535"),
        (&["tcp", "::1:8080"], "[::1:8080]:PORT"),
        (&["tcp", "::1:12000"], "[::1]:12000"),
        (&["tcp", "localhost:1:2", "x"], "neither HOST:PORT"),
        (&["tcp", "[localhost]:1", "x"], "[::1]:12000"),
        (&["tcp", "http://localhost:1/", "x"], "shout http http://localhost:1/"),
        (&["tcp", "udp://localhost:1", "x"], "shout udp localhost:1"),
        (&["tcp", "localhost", "1", ""], "shout udp"),
    ] {
        let outcome = run(arguments);
        outcome.is_wrong_usage();
        assert!(outcome.stderr.contains(advice), "{arguments:?}: {}", outcome.stderr);
    }
}

#[test]
fn what_to_use_instead_is_said() {
    for (url, advice) in [
        ("https://localhost/x", "use curl -v https://localhost/x"),
        ("ftp://localhost/", "curl"),
        ("tcp://127.0.0.1:12000", "shout tcp 127.0.0.1:12000"),
        ("8080", "localhost:8080"),
        ("8080/file.txt", "localhost:8080"),
        ("http://8080/", "localhost:8080"),
        (":8080", "localhost:8080"),
        ("http:/localhost", "two slashes"),
        ("https:localhost", "two slashes"),
        ("::1", "[::1]:8080"),
        ("::1/x", "[::1]:8080"),
        ("user:secret@localhost", "-H"),
    ] {
        let outcome = http(&[url]);
        outcome.is_wrong_usage();
        assert!(outcome.stderr.contains(advice), "{url}: {}", outcome.stderr);
    }
    let outcome = http(&["localhost", "8080"]);
    outcome.is_wrong_usage();
    assert!(outcome.stderr.contains("localhost:8080"), "{outcome:?}");
}

#[test]
fn a_reader_who_has_seen_enough_is_no_failure() {
    let server = Shoutd::start(&["--tcp", "0", "--udp", "0"]);
    for protocol in ["tcp", "udp"] {
        let rest = ["--every", "20ms", "--times", "2000", "hello"];
        let mut shout = Running::start(protocol, server.nth(protocol, 0), &rest);
        assert_eq!(shout.reads(6), b"HELLO\n");
        shout.closes_its_output();
        shout.ends().printed();
    }
}

#[test]
fn nor_is_one_of_http() {
    let server = Shoutd::start(&["--http", "0"]);
    let url = format!("http://{}/back1.jpg", server.http());
    let mut child = shout(&["http", "--times", "200", &url]).spawn().unwrap();
    drop(child.stdin.take());
    let mut stdout = child.stdout.take().unwrap();
    read_exactly(&mut stdout, 10);
    drop(stdout);
    let outcome = finish(child);
    assert!(outcome.status == Some(0) && !outcome.stderr.contains("shout:"), "{outcome:?}");
}

#[test]
fn a_url_without_a_port_is_one_of_port_80() {
    // No TCP server can have this address, whatever runs on this machine.
    run(&["http", "255.255.255.255"]).fails(&["255.255.255.255:80", "names no port", "localhost:8080"]);
}

#[test]
fn nor_is_one_of_any_other_command() {
    let server = Shoutd::start(&["--tcp", "0"]);
    let address = server.tcp().to_string();
    let folder = Folder::new();
    // A capture without a packet: a header of pcap, in this machine's byte order.
    let header = [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 1].map(u32::to_le_bytes).concat();
    fs::write(folder.path().join("empty.pcap"), header).unwrap();
    let capture = format!("{}/empty.pcap", folder.as_str());
    for arguments in [
        &["explain", &capture][..],
        &["lab"],
        &["bench", "tcp", &address, "--count", "10", "--connections", "1"],
        &["tcp", &address, "hello", "--json=-"],
        &["udp", &address, "hello", "--timeout", "100ms", "--json=-"],
        &["--help"],
    ] {
        let mut command = shout(arguments);
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut child = command.stdout(writer).spawn().unwrap();
        drop(child.stdin.take());
        drop(command);
        let outcome = finish(child);
        let complains = ["standard output", "broken pipe", "Broken pipe", "panicked", "can't write"];
        let quiet = complains.iter().all(|words| !outcome.stderr.contains(words));
        assert!(quiet && outcome.status.is_some(), "{arguments:?}: {outcome:?}");
    }
}
