//! `--report` and `--json`: that the figures are there, that they are right, and that they agree with a
//! packet capture of the same connection.
#![cfg(feature = "client")]

#[path = "support/capture.rs"]
mod capture;
#[path = "support/peers.rs"]
mod peers;
mod support;

use capture::*;
use peers::*;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use support::*;

/// The reports that `--json` has written to standard error, one a connection.
fn reports(outcome: &Outcome) -> Vec<Value> {
    let lines = outcome.stderr.lines().filter(|line| line.starts_with('{'));
    lines.map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Runs `shout tcp` with `--json`.
fn tcp(address: SocketAddr, rest: &[&str]) -> (Outcome, Value) {
    let outcome = talk("tcp", address, &[&["--json"], rest].concat());
    let report = reports(&outcome).pop().unwrap_or_else(|| panic!("{outcome:?}"));
    (outcome, report)
}

/// The figures of a capture, under the names of the report.
fn figures(packets: &[Packet]) -> Value {
    let of = |client: bool| packets.iter().filter(move |packet| packet.from_client == client);
    let with_data = |client| of(client).filter(|packet| packet.payload > 0).count();
    let bytes = |client| {
        let mut seen = HashSet::new();
        let fresh = of(client).filter(|packet| packet.payload > 0 && seen.insert(packet.sequence));
        fresh.map(|packet| packet.payload).sum::<usize>()
    };
    let end = packets.iter().find(|packet| packet.flags & (FIN | RST) != 0).expect("an end");
    json!({
        "segments_sent": of(true).count(),
        "segments_received": of(false).count(),
        "data_segments_sent": with_data(true),
        "data_segments_received": with_data(false),
        "bytes_sent": bytes(true),
        "bytes_received": bytes(false),
        "closed_first": if end.from_client { "client" } else { "server" },
        "closed_by": if end.flags & RST != 0 { "reset" } else { "fin" },
    })
}

/// Asserts that a report has the figures of a capture.
fn agrees(report: &Value, packets: &[Packet], what: &str) {
    for (name, figure) in figures(packets).as_object().unwrap() {
        assert_eq!(&report[name], figure, "{name} of {what}: {report}\n{packets:?}");
    }
    let granted = packets.iter().find(|packet| !packet.from_client).and_then(|packet| packet.mss);
    let mss = report["mss"].as_u64().unwrap();
    assert!(mss > 500 && mss <= u64::from(granted.expect("a SYN-ACK with an MSS")), "{report}");
}

#[test]
fn the_figures_of_each_experiment_agree_with_a_capture() {
    if !may_capture() {
        return;
    }
    let listeners = [
        "0,read=1024,messages=1",
        "0,messages=2",
        "0,read=1024",
        "0,read=5",
        "0,repeat=1000",
        "0,delay=50ms",
    ];
    let arguments: Vec<&str> = listeners.iter().flat_map(|listener| ["--tcp", listener]).collect();
    let server = Shoutd::start(&arguments);
    let message = "a".repeat(130);
    // What the client does, and how many segments with data came back, where the server decides that.
    let table: [(&str, &[&str], Option<u64>); 6] = [
        ("oneshot", &["hello world"], Some(1)),
        ("two-messages", &["this is a message of 33 bytes: ab", "the second has 20 b."], Some(2)),
        ("until-close", &["thirteen byte"], Some(1)),
        ("five-bytes", &["these are 20 bytes.."], Some(4)),
        ("thousandfold", &["--repeat", "1000", "thirteen byte"], None),
        ("slow-reader", &["--times", "4", "--at-once", &message], Some(1)),
    ];
    for (place, (name, arguments, data_segments)) in table.into_iter().enumerate() {
        let address = server.nth("tcp", place);
        let capture = Capture::of(address);
        let (outcome, report) = tcp(address, arguments);
        assert_eq!(outcome.status, Some(0), "{name}: {outcome:?}");
        agrees(&report, &capture.packets(), name);
        if let Some(count) = data_segments {
            assert_eq!(report["data_segments_received"], count, "{name}: {report}");
        }
        let first = if place < 2 { "server" } else { "client" };
        assert_eq!((&report["closed_first"], &report["closed_by"]), (&json!(first), &json!("fin")), "{name}");
    }
}

#[test]
fn the_figures_of_a_reset_agree_with_a_capture() {
    if !may_capture() {
        return;
    }
    let server = once(|mut stream| {
        recv(&mut stream, 1024);
        reset(stream);
    });
    let capture = Capture::of(server.address);
    let (outcome, report) = tcp(server.address, &["hello"]);
    outcome.fails(&["reset"]);
    agrees(&report, &capture.packets(), "reset");
    assert_eq!((&report["closed_first"], &report["closed_by"]), (&json!("server"), &json!("reset")));
}

#[test]
fn a_reset_after_our_fin_does_not_come_first() {
    if !may_capture() {
        return;
    }
    let server = once(|mut stream| {
        read_to_end(&mut stream);
        reset(stream);
    });
    let capture = Capture::of(server.address);
    let outcome = stream("tcp", server.address, &["--json"], b"hello".to_vec());
    let report = reports(&outcome).pop().unwrap();
    assert_eq!(outcome.status, Some(1));
    agrees(&report, &capture.packets(), "reset after a FIN");
    assert_eq!((&report["closed_first"], &report["closed_by"]), (&json!("client"), &json!("fin")));
}

#[test]
fn the_fin_of_the_client_is_counted_however_it_ends() {
    if !may_capture() {
        return;
    }
    // The server closes in the middle of a reply; answers wrongly; says nothing; closes while there is input.
    let cut = || {
        once(|mut stream| {
            let bytes = recv(&mut stream, 1024);
            stream.write_all(&bytes.to_ascii_uppercase()[..3]).unwrap();
        })
    };
    let wrong = once(|mut stream| {
        recv(&mut stream, 1024);
        stream.write_all(b"wrong").unwrap();
        read_to_end(&mut stream);
    });
    let silent = once(|mut stream| drop(read_to_end(&mut stream)));
    let cases = [("cut", cut(), "server"), ("wrong", wrong, "client"), ("silent", silent, "client")];
    for (what, server, first) in cases {
        let capture = Capture::of(server.address);
        let (outcome, report) = tcp(server.address, &["--timeout", "500ms", "hello"]);
        assert_eq!(outcome.status, Some(1), "{what}: {outcome:?}");
        server.saw();
        agrees(&report, &capture.packets(), what);
        assert_eq!(report["closed_first"], first, "{what}");
    }

    let server = cut();
    let capture = Capture::of(server.address);
    let mut shout = Running::start("tcp", server.address, &["--json"]);
    shout.stdin().write_all(b"hello").unwrap();
    let outcome = shout.ends();
    agrees(&reports(&outcome)[0], &capture.packets(), "a pipe");

    // A response without an end, and a connection that was closed as a request was sent.
    let part = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello".to_vec();
    let server = http_server(vec![(vec![ok("first")], Then::CloseAtTheNext), (vec![part], Then::Close)]);
    let (address, capture) = (server.address.to_string(), Capture::of(server.address));
    let outcome = run(&["http", "--json", &address, &address]);
    assert_eq!(outcome.status, Some(1), "{outcome:?}");
    let packets = capture.packets();
    let second = packets.iter().rposition(|packet| packet.from_client && packet.flags & SYN != 0).unwrap();
    let [one, two] = &reports(&outcome)[..] else { panic!("{outcome:?}") };
    agrees(one, &packets[..second], "the first connection");
    agrees(two, &packets[second..], "the second connection");
}

#[test]
fn each_request_is_told_with_its_status_and_time() {
    let part = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello".to_vec();
    let missing = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec();
    let server = http_server(vec![(vec![ok("first"), missing], Then::Close), (vec![part], Then::Close)]);
    let urls = ["a", "b", "c"].map(|path| format!("http://{}/{path}", server.address));
    let outcome = run(&["http", "--json", &urls[0], &urls[1], &urls[2]]);
    assert_eq!(outcome.status, Some(1), "{outcome:?}");
    let told: Vec<Value> = reports(&outcome)
        .iter()
        .map(|report| {
            let requests = report["requests"].as_array().expect("requests").iter();
            requests
                .map(|request| {
                    let seconds = request["seconds"].as_f64().unwrap();
                    assert!(seconds > 0.0 && seconds < 15.0, "{request}");
                    json!([request["url"], request["status"], request["bytes"]])
                })
                .collect()
        })
        .collect();
    assert_eq!(told, [json!([[urls[0], 200, 5], [urls[1], 404, 0]]), json!([[urls[2], null, null]]),]);
}

#[test]
fn a_report_behind_a_body_without_a_newline_is_a_line_all_the_same() {
    let server = http_server(vec![(vec![ok("no newline")], Then::CloseAtTheNext)]);
    let outcome = run(&["http", "--json=-", &server.address.to_string()]);
    let text = String::from_utf8(outcome.stdout).unwrap();
    let (body, report) = text.split_once('\n').unwrap();
    assert_eq!(body, "no newline");
    assert_eq!(serde_json::from_str::<Value>(report).unwrap()["bytes_received"], 49);
}

#[test]
fn the_figures_of_http_agree_with_a_capture_connection_by_connection() {
    if !may_capture() {
        return;
    }
    let server = Shoutd::start(&["--http", "0"]);
    let url = format!("{}/file.txt", server.http());
    let capture = Capture::of(server.http());
    let outcome = run(&["http", "--json", "--times", "2", "--gap", "100ms", &url]);
    let [report] = &reports(&outcome)[..] else { panic!("{outcome:?}") };
    let packets = capture.packets();
    agrees(report, &packets, "two requests");
    assert_eq!((&report["data_segments_sent"], &report["closed_first"]), (&json!(2), &json!("client")));

    let capture = Capture::of(server.http());
    let outcome = run(&["http", "--json", "--times", "2", "--gap", "1500ms", "--linger", "15s", &url]);
    let [first, second] = &reports(&outcome)[..] else { panic!("{outcome:?}") };
    let packets = capture.packets();
    let starts: Vec<usize> =
        (0..packets.len()).filter(|&at| packets[at].from_client && packets[at].flags & SYN != 0).collect();
    assert_eq!(starts.len(), 2, "{packets:?}");
    agrees(first, &packets[..starts[1]], "the first connection");
    agrees(second, &packets[starts[1]..], "the second connection");
    assert_eq!((&first["closed_first"], &second["closed_first"]), (&json!("server"), &json!("server")));
}

#[test]
fn the_figures_of_a_long_stream_agree_with_a_capture() {
    if !may_capture() {
        return;
    }
    let server = Shoutd::start(&["--tcp", "0"]);
    let capture = Capture::of(server.tcp());
    let outcome = stream("tcp", server.tcp(), &["--json", "--check"], noise(4, 3_000_000));
    assert_eq!(outcome.status, Some(0), "{}", outcome.stderr);
    let report = reports(&outcome).pop().unwrap();
    let packets = capture.packets();
    let figures = figures(&packets);
    for name in ["bytes_sent", "bytes_received", "closed_first", "closed_by"] {
        assert_eq!(report[name], figures[name], "{name}: {report}");
    }
    // A packet on loopback may be several segments that nobody had to part: as many as it is times longer
    // than the least that the kernel takes for the largest segment there.
    let segments = |client: bool| {
        let of = packets.iter().filter(|packet| packet.from_client == client);
        of.map(|packet| packet.payload.div_ceil(32_000).max(1) as u64).sum::<u64>()
    };
    for (name, client) in [("segments_sent", true), ("segments_received", false)] {
        let (told, least) = (report[name].as_u64().unwrap(), figures[name].as_u64().unwrap());
        assert!((least..=segments(client)).contains(&told), "{name}: {told}, and {least} packets");
    }
}

#[test]
fn times_are_those_of_the_connection() {
    let server = Shoutd::start(&["--tcp", "0,delay=300ms"]);
    let (_, report) = tcp(server.tcp(), &["hello"]);
    let [handshake, first_byte, seconds, rtt] =
        ["handshake_s", "first_byte_s", "seconds", "rtt_s"].map(|name| report[name].as_f64().unwrap());
    assert!(handshake + first_byte >= 0.3 && seconds >= first_byte && seconds < 15.0, "{report}");
    assert!(handshake > 0.0 && handshake < 5.0 && rtt > 0.0 && rtt < 5.0, "{report}");
    assert_eq!(report["protocol"], "tcp");
    assert_eq!(report["peer"], server.tcp().to_string());
    assert!(report["local"].as_str().unwrap().starts_with("127.0.0.1:"), "{report}");
    assert_eq!(report["retransmissions"], 0, "on loopback: {report}");
}

#[test]
fn what_has_not_happened_is_null() {
    let server = once(|mut stream| read_to_end(&mut stream));
    let (outcome, report) = tcp(server.address, &["--timeout", "300ms", "hello"]);
    assert_eq!(outcome.status, Some(1));
    assert_eq!(report.get("first_byte_s"), Some(&Value::Null), "{report}");
    assert_eq!(
        (&report["closed_first"], &report["closed_by"]),
        (&json!("client"), &json!("fin")),
        "{report}"
    );
    assert_eq!((&report["bytes_sent"], &report["bytes_received"]), (&json!(5), &json!(0)));
}

#[test]
fn a_table_for_people_has_the_same_figures() {
    let server = Shoutd::start(&["--tcp", "0,messages=1"]);
    let outcome = talk("tcp", server.tcp(), &["--report", "--json", "hello world"]);
    assert_eq!((outcome.status, &*outcome.stdout), (Some(0), &b"HELLO WORLD\n"[..]));
    let report = reports(&outcome).pop().unwrap();
    let number = |name: &str| report[name].as_u64().unwrap();
    let text = |name: &str| report[name].as_str().unwrap().to_owned();
    let row = |name: &str, value: String| format!("{name:20}{value}");
    let table = [
        row("connection", format!("{} to {}", text("local"), text("peer"))),
        row("bytes", "11 sent, 11 received".to_owned()),
        row(
            "segments",
            format!(
                "{} sent ({} with data), {} received ({} with data)",
                number("segments_sent"),
                number("data_segments_sent"),
                number("segments_received"),
                number("data_segments_received")
            ),
        ),
        row("retransmissions", number("retransmissions").to_string()),
        row("segment size", format!("at most {} bytes", number("mss"))),
        row("round trip", String::new()),
        row("handshake", String::new()),
        row("first byte", String::new()),
        row("lasted", String::new()),
        row("closed first", "by the server, with a FIN".to_owned()),
    ];
    let lines = outcome.lines();
    assert_eq!(lines.len(), table.len() + 1, "{outcome:?}");
    for (line, row) in lines.iter().zip(&table) {
        assert!(line.starts_with(row), "{line:?} isn't {row:?}");
    }
}

#[test]
fn json_goes_where_it_is_told_to() {
    let server = Shoutd::start(&["--tcp", "0"]);
    let outcome = talk("tcp", server.tcp(), &["--json=-", "hello"]);
    let text = outcome.printed();
    let (reply, report) = text.split_once('\n').unwrap();
    assert_eq!((reply, &*outcome.stderr), ("HELLO", ""));
    assert_eq!(serde_json::from_str::<Value>(report).unwrap()["bytes_sent"], 5);

    let folder = Folder::new();
    let file = format!("{}/report", folder.as_str());
    let option = format!("--json={file}");
    for message in ["one", "three"] {
        assert_eq!(talk("tcp", server.tcp(), &[&option, message]).printed(), message.to_uppercase() + "\n");
    }
    let written = fs::read_to_string(&file).unwrap();
    let lengths: Vec<Value> = written
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["bytes_received"].clone())
        .collect();
    assert_eq!(lengths, [3, 5], "{written}");

    let outcome = talk("tcp", server.tcp(), &[&format!("--json={file}/x"), "hello"]);
    assert_eq!(outcome.stdout, b"HELLO\n");
    outcome.fails(&["can't write the report", &file]);
}

#[test]
fn a_stream_has_its_report_behind_it_and_not_in_it() {
    let server = once(|mut stream| {
        let bytes = read_to_end(&mut stream);
        stream.write_all(&bytes.to_ascii_uppercase()).unwrap();
    });
    let outcome = stream("tcp", server.address, &["--report"], b"hello".to_vec());
    assert_eq!((outcome.status, &*outcome.stdout), (Some(0), &b"HELLO"[..]));
    assert!(outcome.stderr.contains("5 sent, 5 received"), "{outcome:?}");
    assert!(outcome.stderr.ends_with("by this client, with a FIN\n"), "{outcome:?}");
}
