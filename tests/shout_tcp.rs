//! `shout tcp` with messages: every client of the lab as one command line, and what it says of servers
//! that refuse, break off, reset, keep silent or answer something else.
#![cfg(feature = "client")]

#[path = "support/peers.rs"]
mod peers;
mod support;

use peers::*;
use std::fs::File;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};
use support::*;

const HALF_PATIENCE: &str = "300ms";

fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Runs `shout tcp`.
fn tcp(address: SocketAddr, rest: &[&str]) -> Outcome {
    talk("tcp", address, rest)
}

#[test]
fn each_message_is_answered_before_the_next_is_sent() {
    let server = answering(|bytes| {
        thread::sleep(milliseconds(50)); // time in which a second message would join the first
        bytes.to_ascii_uppercase()
    });
    let outcome = tcp(server.address, &["hello", "two words", "Grüße, 12!", "x"]);
    assert_eq!(outcome.printed(), "HELLO\nTWO WORDS\nGRüßE, 12!\nX\n");
    assert_eq!(outcome.stderr, "");
    let expected = ["hello", "two words", "Grüße, 12!", "x"].map(|message| message.as_bytes().to_vec());
    assert_eq!(server.saw(), expected);
}

#[test]
fn all_at_once_no_reply_is_needed_before_the_last_is_sent() {
    let patient = || {
        once(|mut stream| {
            let mut bytes = Vec::new();
            while bytes.len() < 9 {
                let more = recv(&mut stream, 1024);
                if more.is_empty() {
                    return None;
                }
                bytes.extend(more);
            }
            stream.write_all(&bytes.to_ascii_uppercase()).unwrap();
            Some(bytes)
        })
    };
    let server = patient();
    assert_eq!(tcp(server.address, &["--at-once", "ab", "cde", "fghi"]).printed(), "AB\nCDE\nFGHI\n");
    assert_eq!(server.saw(), Some(b"abcdefghi".to_vec()));

    let server = patient();
    let outcome = tcp(server.address, &["--timeout", HALF_PATIENCE, "ab", "cde", "fghi"]);
    outcome.fails(&["nothing", "2 bytes sent", "0 received"]);
    assert_eq!(server.saw(), None);
}

#[test]
fn every_message_is_sent_so_many_times_with_a_pause_between() {
    let server = answering(|bytes| bytes.to_ascii_uppercase());
    let start = Instant::now();
    let outcome = tcp(server.address, &["--times", "2", "--every", "150ms", "ab", "c"]);
    assert!(start.elapsed() >= milliseconds(450), "three pauses");
    assert_eq!(outcome.printed(), "AB\nAB\nC\nC\n");
    assert_eq!(server.saw(), [b"ab".to_vec(), b"ab".to_vec(), b"c".to_vec(), b"c".to_vec()]);
}

#[test]
fn each_client_of_the_experiments_is_one_command_line() {
    let listeners = ["0,read=1024,messages=1", "0,messages=2", "0,read=1024", "0,read=5", "0,repeat=1000"];
    let arguments: Vec<&str> = listeners.iter().flat_map(|listener| ["--tcp", listener]).collect();
    let server = Shoutd::start(&arguments);
    let (first, second) = ("this is a message of 33 bytes: ab", "the second has 20 b.");
    let thousandfold = "THIRTEEN BYTE".repeat(1000) + "\n";
    let table: [(&str, &[&str], String); 5] = [
        ("oneshot", &["hello world"], "HELLO WORLD\n".to_owned()),
        ("two-messages", &[first, second], format!("{first}\n{second}\n").to_uppercase()),
        ("until-close", &["thirteen byte"], "THIRTEEN BYTE\n".to_owned()),
        ("five-bytes", &["these are 20 bytes.."], "THESE ARE 20 BYTES..\n".to_owned()),
        ("thousandfold", &["--repeat", "1000", "thirteen byte"], thousandfold),
    ];
    for (place, (name, arguments, expected)) in table.into_iter().enumerate() {
        let outcome = tcp(server.nth("tcp", place), &[&["--check"], arguments].concat());
        assert_eq!(outcome.printed(), expected, "{name}");
    }
}

#[test]
fn the_slow_reader_gets_four_messages_at_once_and_answers_after_its_delay() {
    let server = Shoutd::start(&["--tcp", "0,delay=300ms"]);
    let message = "a sentence ".repeat(12)[..130].to_owned();
    let start = Instant::now();
    let outcome = tcp(server.tcp(), &["--times", "4", "--at-once", "--check", &message]);
    assert_eq!(outcome.printed(), (message.to_uppercase() + "\n").repeat(4));
    let lasted = start.elapsed();
    assert!(lasted >= milliseconds(300));
    // One delay for all four, and another for the client's FIN, which it may wait for.
    assert!(lasted < Duration::from_secs(5), "{lasted:?}");
}

/// Runs a shout that finds these lines in /etc/hosts. `None` without the privilege to do that.
fn with_hosts(lines: &str, arguments: &[&str]) -> Option<Outcome> {
    let folder = Folder::new();
    folder.write("hosts", lines);
    let mut command = Command::new("unshare");
    let script = r#"mount --bind "$0" /etc/hosts || exit 99; exec "$@""#;
    command.args(["--mount", "sh", "-c", script]).arg(folder.path().join("hosts"));
    let shout = shout(arguments);
    command.arg(shout.get_program()).args(shout.get_args());
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let outcome = finish(command.spawn().ok()?);
    let unable = outcome.status == Some(99) || outcome.stderr.starts_with("unshare: ");
    (!unable).then_some(outcome)
}

#[test]
fn every_address_of_a_name_is_tried_in_turn_and_all_are_named_if_none_works() {
    let server = Shoutd::start(&["--tcp", "127.0.0.1:0", "--udp", "127.0.0.1:0"]);
    let (hosts, port) = ("::1 both.test\n127.0.0.1 both.test\n", server.tcp().port().to_string());
    let Some(outcome) = with_hosts(hosts, &["tcp", "both.test", &port, "hello"]) else {
        return skip("a mount namespace of one's own needs a privilege");
    };
    assert_eq!(outcome.printed(), "HELLO\n");

    let udp = server.udp().port().to_string();
    let outcome = with_hosts(hosts, &["udp", "both.test", &udp, "hello"]).unwrap();
    assert_eq!(outcome.printed(), "HELLO\n");

    let (_socket, refusing) = refusing();
    let refused = with_hosts(hosts, &["tcp", "both.test", &refusing.port().to_string(), "hello"]).unwrap();
    refused.fails(&["refused", &refusing.to_string(), &format!("[::1]:{}", refusing.port())]);
}

/// One `recv(1024)`, one reply, and the connection is closed: the lab's first server.
fn naive(stream: &mut TcpStream) {
    let bytes = recv(stream, 1024);
    stream.write_all(&bytes.to_ascii_uppercase()).unwrap();
}

#[test]
fn a_server_with_one_recv_and_one_reply_is_understood() {
    let server = || once(|mut stream| naive(&mut stream));
    assert_eq!(tcp(server().address, &["--check", "hello world"]).printed(), "HELLO WORLD\n");

    let server_of_two = server();
    let outcome = tcp(server_of_two.address, &["hello", "again"]);
    assert_eq!(outcome.stdout, b"HELLO\n");
    // Its reset may come before the second message is sent, or after.
    outcome.fails(&[&server_of_two.address.to_string(), "5 received"]);

    // It closes with bytes unread, which is a reset. Whether the reply is read before it is a race.
    let outcome = tcp(server().address, &[&"a".repeat(3000)]);
    assert_eq!(outcome.stdout, b"");
    outcome.fails(&["reset", "3000 bytes sent"]);
}

#[test]
fn a_server_that_closes_in_the_middle_of_a_reply_is_told_with_the_counts() {
    let server = once(|mut stream| {
        let bytes = recv(&mut stream, 1024);
        stream.write_all(&bytes.to_ascii_uppercase()[..3]).unwrap();
    });
    let outcome = tcp(server.address, &["hello"]);
    assert_eq!(outcome.stdout, b"");
    outcome.fails(&[&server.address.to_string(), "3 of 5 bytes", "5 bytes sent", "3 received"]);
}

#[test]
fn a_server_that_resets_is_told() {
    let server = once(|mut stream| {
        recv(&mut stream, 1024);
        reset(stream);
    });
    let address = server.address.to_string();
    tcp(server.address, &["hello"]).fails(&[&address, "reset", "5 bytes sent", "0 received"]);
}

#[test]
fn a_server_that_never_answers_is_given_up_after_the_timeout() {
    let server = once(|mut stream| read_to_end(&mut stream));
    let start = Instant::now();
    let outcome = tcp(server.address, &["--timeout", HALF_PATIENCE, "hello"]);
    assert!(start.elapsed() >= milliseconds(300));
    outcome.fails(&[
        &server.address.to_string(),
        "nothing",
        "5 bytes sent",
        "0 received",
        "busy",
        "end of a line",
        "--timeout",
    ]);
    assert_eq!(server.saw(), b"hello", "and says good-bye properly");
}

#[test]
fn a_server_that_takes_no_more_is_told_from_one_that_says_nothing() {
    let (tell, told) = std::sync::mpsc::channel::<()>();
    let server = once(move |_stream| told.recv_timeout(PATIENCE));
    let message = "a".repeat(100_000);
    let outcome = tcp(server.address, &["--timeout", HALF_PATIENCE, "--times", "300", "--at-once", &message]);
    outcome.fails(&[&server.address.to_string(), "has taken nothing", "0 received", "--at-once"]);
    drop(tell);
}

#[test]
fn a_server_that_talks_without_end_after_the_last_reply_is_left() {
    // Slowly, a byte at a time: no single wait is long.
    let server = once(|mut stream| {
        naive(&mut stream);
        let mut said = 0;
        while stream.write_all(b".").is_ok() && said < 2000 {
            thread::sleep(milliseconds(10));
            said += 1;
        }
        said
    });
    let outcome = tcp(server.address, &["hello"]);
    assert_eq!(outcome.stdout, b"HELLO\n");
    outcome.fails(&["more came", "after the last reply"]);
    assert!(server.saw() < 1000, "it was listened to for ten seconds");
}

#[test]
fn a_port_where_nothing_listens_is_told_apart_from_a_host_that_does_not_answer() {
    let (_socket, address) = refusing();
    tcp(address, &["hello"]).fails(&[&address.to_string(), "refused", "server must be started"]);

    // The kernel drops the SYN when the backlog is full: two connections fill one of 1.
    let (socket, address) = refusing();
    socket.listen(0).unwrap();
    let _filling = TcpStream::connect(address).unwrap();
    let outcome = tcp(address, &["--timeout", HALF_PATIENCE, "hello"]);
    outcome.fails(&[&address.to_string(), "SYN was not answered"]);
}

#[test]
fn output_that_cannot_be_written_is_a_failure() {
    let server = Shoutd::start(&["--tcp", "0"]);
    let mut command = shout(&line("tcp", server.tcp(), &["hello"]));
    command.stdout(File::options().write(true).open("/dev/full").unwrap());
    finish(command.spawn().unwrap()).fails(&["standard output", "no space left"]);
}

#[test]
fn wrong_usage_is_explained_with_status_2() {
    for arguments in [
        &["tcp"][..],
        &["tcp", "localhost"],
        &["tcp", "localhost", "http", "x"],
        &["tcp", "localhost", "65536", "x"],
        &["tcp", "localhost", "1", "--times", "0", "x"],
        &["tcp", "localhost", "1", "--repeat", "0", "x"],
        &["tcp", "localhost", "1", "--every", "5", "x"],
        &["tcp", "localhost", "1", "--timeout", "0", "x"],
        &["tcp", "localhost", "1", "--shout", "x"],
        &["sctp", "localhost", "1"],
    ] {
        run(arguments).is_wrong_usage();
    }
}
