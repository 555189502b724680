//! `shout explain` as a program: what it prints, where to, and with which exit status.
#![cfg(feature = "client")]

#[path = "support/packets.rs"]
mod packets;
mod support;

use packets::*;
use serde_json::Value;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;
use support::{Folder, skip};

/// What the program did.
struct Outcome {
    status: Option<i32>,
    stdout: String,
    stderr: String,
}

fn explain(arguments: &[&str], input: &[u8]) -> Outcome {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shout"));
    command
        .arg("explain")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("shout can be started");
    // It may be done before it has read everything.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Outcome { status: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// A sentence to a server that closes, and a second connection, refused.
fn talk() -> Talk {
    let mut talk = Talk::with(12000);
    talk.handshake(0).c(1, data(1000, 5000, b"hello | *world*")).s(1, ack(5000, 1015, 65_000));
    talk.s(2, Tcp { flags: FIN | PSH | ACK, ..data(5000, 1015, b"HELLO | *WORLD*") });
    talk.c(1002, fin(1015, 5016)).s(1002, ack(5016, 1016, 65_000));
    talk.client.set_port(40_002);
    talk.c(1003, Tcp { flags: SYN, seq: 9, ..Tcp::default() });
    talk.s(1003, Tcp { flags: RST | ACK, ack: 10, ..Tcp::default() });
    talk
}

fn file_of(talk: &Talk) -> Vec<u8> {
    pcap(Order::Little, false, 101, &talk.frames)
}

#[test]
fn a_table_and_a_ladder_of_each_conversation() {
    let outcome = explain(&["-"], &file_of(&talk()));
    assert_eq!((outcome.status, outcome.stderr.as_str()), (Some(0), ""));
    let expected = "\
standard input: 10 packets in 1.003000 s, 2 conversations

TCP from the client 127.0.0.1:40000 to the server 127.0.0.1:12000: 8 packets, 15 bytes there and 15
back, closed first by the server with a FIN
no.      time  who    flags        seq  ack  bytes  what it is
  1  0.000000  C → S  SYN            0           0  SYN: the client asks for a connection
  2  0.000000  C ← S  SYN ACK        0    1      0  SYN ACK: the server agrees
  3  0.000000  C → S  ACK            1    1      0  ACK: the handshake is complete
  4  0.001000  C → S  PSH ACK        1    1     15  data: \"hello | *world*\"
  5  0.001000  C ← S  ACK            1   16      0  ACK: the server has all up to byte 15
  6  0.002000  C ← S  FIN PSH ACK    1   16     15  the reply, in capitals: \"HELLO | *WORLD*\"; the
                                                    FIN rides with it: the server closes first
  7  1.002000  C → S  FIN ACK       16   17      0  FIN: the client closes too
  8  1.002000  C ← S  ACK           17   17      0  ACK of the FIN: the connection is over

           client                        server
   0.000000 │ ────────── SYN ──────────▶ │ SYN: the client asks for a connection
   0.000000 │ ◀──────── SYN ACK ──────── │ SYN ACK: the server agrees
   0.000000 │ ────────── ACK ──────────▶ │ ACK: the handshake is complete
   0.001000 │ ──────── PSH 15 ─────────▶ │ data: \"hello | *world*\"
   0.001000 │ ◀────────── ACK ────────── │ ACK: the server has all up to byte 15
   0.002000 │ ◀────── FIN PSH 15 ─────── │ the reply, in capitals: \"HELLO | *WORLD*\"; the FIN
            │                            │ rides with it: the server closes first
            ┊     1.00 s of silence      ┊
   1.002000 │ ──────── FIN ACK ────────▶ │ FIN: the client closes too
   1.002000 │ ◀────────── ACK ────────── │ ACK of the FIN: the connection is over

TCP from the client 127.0.0.1:40002 to the server 127.0.0.1:12000: 2 packets, 0 bytes there and 0
back, ended by the server with a reset
no.      time  who    flags    seq  ack  bytes  what it is
  9  1.003000  C → S  SYN        0           0  SYN: the client asks for a connection
 10  1.003000  C ← S  RST ACK    1    1      0  RST: refused at once, nothing listens on port 12000

           client                        server
   1.003000 │ ────────── SYN ──────────▶ │ SYN: the client asks for a connection
   1.003000 │ ◀──────── RST ACK ──────── │ RST: refused at once, nothing listens on port 12000
";
    assert_eq!(outcome.stdout, expected);
}

#[test]
fn only_tables_or_only_ladders() {
    let file = file_of(&talk());
    let both = explain(&["-"], &file).stdout;
    for (option, has, has_not) in [("--table", "PSH ACK", "┊"), ("--ladder", "┊", "what it is")] {
        let outcome = explain(&[option, "-"], &file);
        assert!(outcome.stdout.contains(has) && !outcome.stdout.contains(has_not), "{}", outcome.stdout);
    }
    assert_eq!(explain(&["--table", "--ladder", "-"], &file).stdout, both);
}

#[test]
fn a_report_in_markdown() {
    let outcome = explain(&["--markdown", "-"], &file_of(&talk()));
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert!(lines.contains(&"| no. | time | who | flags | seq | ack | bytes | what it is |"), "{lines:#?}");
    let row = r#"| 4 | 0.001000 | C → S | PSH ACK | 1 | 1 | 15 | data: "hello \| \*world\*" |"#;
    assert!(lines.contains(&row), "{lines:#?}");
    assert_eq!(lines.iter().filter(|line| line.starts_with("### TCP from the client")).count(), 2);
    assert_eq!(lines.iter().filter(|line| line.starts_with("```")).count(), 4);
}

#[test]
fn a_line_of_json() {
    let outcome = explain(&["--json", "-"], &file_of(&talk()));
    assert_eq!((outcome.status, outcome.stdout.lines().count()), (Some(0), 1));
    let value: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let first = &value["conversations"][0];
    assert_eq!((first["ended_by"].as_str(), first["ended_with"].as_str()), (Some("server"), Some("fin")));
    assert_eq!((first["client_bytes"].as_u64(), first["packets"].as_array().unwrap().len()), (Some(15), 8));
    let sixth = &value["packets"][5];
    assert_eq!((sixth["flags"].as_str(), sixth["from"].as_str()), (Some("FIN PSH ACK"), Some("server")));
    assert_eq!(
        (sixth["seq"].as_i64(), sixth["ack"].as_i64(), sixth["length"].as_u64()),
        (Some(1), Some(16), Some(15))
    );
    assert_eq!(value["packets"][9]["conversation"].as_u64(), Some(1));
}

#[test]
fn what_is_long_is_shortened_unless_all_of_it_is_wanted() {
    let mut talk = Talk::with(12000);
    talk.handshake(0);
    for at in 0..200 {
        talk.c(1, data(1000 + at * 10, 5000, b"0123456789"));
    }
    for port in 1..=30 {
        talk.client.set_port(port);
        talk.c(5, Tcp { flags: SYN, ..Tcp::default() });
    }
    let file = file_of(&talk);
    let short = explain(&["-"], &file).stdout;
    assert_eq!(
        short.matches("… 143 more packets with 1430 bytes (--all shows them) …").count(),
        2,
        "{short}"
    );
    assert!(short.ends_with("… 11 more conversations (--all shows them)\n"), "{short}");
    let all = explain(&["--all", "-"], &file).stdout;
    assert!(!all.contains("--all") && all.contains("\n203  0.001000"), "{all}");
    assert_eq!(all.matches("TCP from the client").count(), 31);
}

#[test]
fn a_file_that_is_not_whole_is_explained_and_a_failure() {
    let file = file_of(&talk());
    let folder = Folder::new();
    folder.write("cut.pcap", &file[..file.len() - 1]);
    let name = folder.path().join("cut.pcap");
    let outcome = explain(&[name.to_str().unwrap()], b"");
    assert_eq!(outcome.status, Some(1));
    assert!(outcome.stdout.contains("ACK of the FIN: the connection is over"), "{}", outcome.stdout);
    let said = format!(
        "shout: {} is not whole: the file ends at byte {}, in the middle of packet 10\n  \
         What stands before that is explained: 9 packets.\n",
        name.display(),
        file.len() - 1
    );
    assert_eq!(outcome.stderr, said);
}

#[test]
fn what_cannot_be_read_is_explained_too() {
    let folder = Folder::new();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    folder.write("text", "Dear reader,");
    folder.write("packed", b"\x1f\x8b\x08\x00more");
    folder.write("empty", "");
    folder.write("usb", pcap(Order::Big, false, 220, &[(Duration::ZERO, vec![0; 64])]));
    folder.write("a\x1b[31mb", "colour");
    let failures = [
        ("text", "is neither a pcap nor a pcapng file\n  Such a file is written by tcpdump"),
        ("packed", "\n  It is compressed: unpack it first"),
        ("empty", "\n  It has fewer than four bytes"),
        ("usb", "a kind of network that shout doesn't know (link type 220)"),
        ("a\x1b[31mb", r"a\x1b[31mb is neither"),
        ("", "is a directory"),
        ("missing", "no such file or directory"),
    ];
    for (name, said) in failures {
        let outcome = explain(&[&path(name)], b"");
        assert_eq!((outcome.status, outcome.stdout.as_str()), (Some(1), ""), "{name}");
        assert!(outcome.stderr.contains(said) && outcome.stderr.lines().count() <= 2, "{}", outcome.stderr);
    }
    assert_eq!(explain(&[], b"").status, Some(2));
    assert_eq!(explain(&["--json", "--markdown", "-"], b"").status, Some(2));
}

#[test]
fn a_capture_without_packets_is_no_failure() {
    let outcome = explain(&["-"], &pcap(Order::Little, false, 1, &[]));
    let expected = (Some(0), "standard input: 0 packets in 0.000000 s, 0 conversations\n");
    assert_eq!((outcome.status, outcome.stdout.as_str()), expected);
}

#[test]
fn a_reader_who_has_seen_enough_is_no_failure() {
    let mut talk = Talk::with(12000);
    for at in 0..20_000 {
        talk.c(0, data(at * 10, 5000, b"0123456789"));
    }
    let folder = Folder::new();
    folder.write("long.pcap", file_of(&talk));
    let name = folder.path().join("long.pcap");
    let mut command = Command::new(env!("CARGO_BIN_EXE_shout"));
    command.args(["explain", "--all"]).arg(&name).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}

#[test]
fn tshark_sees_the_same_in_a_file_made_by_hand() {
    if Command::new("tshark").arg("--version").output().is_err() {
        return skip("there is no tshark");
    }
    let folder = Folder::new();
    folder.write("hand.pcap", file_of(&talk()));
    let mut tshark = Command::new("tshark");
    tshark.current_dir(folder.path()).args(["-r", "hand.pcap", "-T", "fields"]);
    let output = tshark.args(["-e", "tcp.seq", "-e", "tcp.ack", "-e", "tcp.len"]).output().unwrap();
    let theirs = String::from_utf8(output.stdout).unwrap();
    let value: Value = serde_json::from_str(&explain(&["--json", "-"], &file_of(&talk())).stdout).unwrap();
    let number = |value: &Value| value.as_i64().unwrap_or(0);
    let ours: String = value["packets"].as_array().unwrap().iter().fold(String::new(), |text, packet| {
        text + &format!(
            "{}\t{}\t{}\n",
            number(&packet["seq"]),
            number(&packet["ack"]),
            number(&packet["length"])
        )
    });
    assert_eq!(ours, theirs, "{}", String::from_utf8_lossy(&output.stderr));
}
