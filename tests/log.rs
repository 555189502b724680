//! What is said on stderr: at level trace the story of each wake-up, and never more than was asked for.

mod support;

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::thread;
use support::*;

/// What is said at a log level from the start until a TCP exchange of 20 bytes is over and a silent HTTP
/// connection has been closed.
fn story(mut command: Command) -> String {
    command.args(["--tcp", "0", "--http", "0", "--keep-alive", "50ms"]);
    let server = Shoutd::spawn(command);
    assert_eq!(conversation(server.tcp(), "twenty bytes of text"), b"TWENTY BYTES OF TEXT");
    assert_eq!(read_to_end(&mut connect(server.http())), b"");
    server.signal("TERM");
    let mut story = String::new();
    // The last line at level info; below that nothing at all is said.
    while !story.contains("stopping") {
        story += &(server.stderr_line().to_ascii_lowercase() + "\n");
    }
    story
}

#[test]
fn the_log_tells_the_story_of_each_wake_up_at_level_trace() {
    let by_option = command(&["--log", "trace"]);
    let mut by_variable = command(&[]);
    by_variable.env("RUST_LOG", "shoutd=trace");
    let mut by_both = command(&["--log", "shoutd=trace"]);
    by_both.env("RUST_LOG", "error");
    for command in [by_option, by_variable, by_both] {
        let about = format!("{command:?}");
        let story = story(command);
        let has = |words: &[&str]| story.lines().any(|line| words.iter().all(|word| line.contains(word)));
        for words in [
            &["trace", "ready", "readable", "writable"][..], // Which sockets were ready,
            &["trace", "needs read"],                        // what each connection needed and did,
            &["trace", "read", " 20"],
            &["trace", "needs write"],
            &["trace", "20"],
            &["trace", "needs shutdown"],
            &["trace", "time is up"], // which timers fired.
            &["debug", "connection from 127.0.0.1:"],
            &["debug", "closed"],
        ] {
            assert!(has(words), "{about}: no line with {words:?} in\n{story}");
        }
        let wrote = story.lines().any(|line| line.contains("wr") && line.trim_end().ends_with(" 20"));
        assert!(wrote, "{about}: no 20 bytes written in\n{story}");
    }
}

#[test]
fn the_log_says_only_what_its_level_allows() {
    for (level, most) in [("debug", "debug"), ("info", "info"), ("", "info")] {
        let arguments = if level.is_empty() { vec![] } else { vec!["--log", level] };
        let story = story(command(&arguments));
        assert!(!story.contains("trace"), "{level}: {story}");
        assert_eq!(story.contains(" debug "), most == "debug", "{level}: {story}");
    }
}

#[test]
fn what_is_wrong_in_rust_log_is_told_and_the_rest_counts() {
    for (text, told) in [
        ("debgu", &["\"debgu\" is not a level", "did you mean debug?"][..]),
        ("shoutd=loud,shoutd=debug", &["\"shoutd=loud\" is not a level"]),
        ("debug", &[]),
        ("", &[]),
    ] {
        let mut command = command(&[]);
        command.env("RUST_LOG", text);
        let story = story(command);
        let warnings: Vec<&str> = story.lines().filter(|line| line.contains(" warn ")).collect();
        assert_eq!(warnings.len(), usize::from(!told.is_empty()), "{text}: {story}");
        for part in told {
            assert!(warnings[0].contains("rust_log") && warnings[0].contains(part), "{text}: {warnings:?}");
        }
        assert_eq!(story.contains(" debug "), text.contains("debug"), "{text}: {story}");
    }
}

#[test]
fn nobody_has_to_read_what_it_says() {
    let address = TcpListener::bind("127.71.79.78:0").unwrap().local_addr().unwrap();
    let mut command = command(&["--tcp", &address.to_string(), "--log", "trace"]);
    let mut child = Killed(command.spawn().unwrap());
    drop((child.0.stdout.take(), child.0.stderr.take()));
    eventually(|| TcpStream::connect(address).is_ok(), || "it doesn't listen".to_owned());
    for _ in 0..10 {
        assert_eq!(conversation(address, "anybody?"), b"ANYBODY?");
    }
    assert!(Command::new("kill").arg(child.0.id().to_string()).status().unwrap().success());
    assert_eq!(wait_for_end(&mut child.0), Some(0));
}

/// Asks for a path on a connection that is kept.
fn ask(stream: &mut TcpStream, path: &str) -> Response {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).unwrap();
    read_response(stream, false)
}

#[test]
fn a_stderr_that_nobody_reads_stops_nothing() {
    let (kept, writer) = io::pipe().unwrap();
    let mut command = command(&["--tcp", "0", "--http", "0", "--udp", "0", "--log", "debug"]);
    command.stderr(writer);
    let mut server = Shoutd::spawn(command);
    let mut stream = connect(server.http());
    for _ in 0..2000 {
        assert_eq!(ask(&mut stream, "/file.txt").status, 200);
    }
    assert_eq!(conversation(server.tcp(), "still there?"), b"STILL THERE?");
    let socket = udp_to(server.udp());
    socket.send(b"and there?").unwrap();
    assert_eq!(socket.recv(&mut [0; 100]).unwrap(), 10);
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
    drop(kept);
}

#[test]
fn what_a_late_reader_of_stderr_misses_is_counted() {
    let (mut kept, writer) = io::pipe().unwrap();
    let mut command = command(&["--http", "0", "--log", "debug", "--keep-alive", "1h"]);
    command.stderr(writer);
    let server = Shoutd::spawn(command);
    let mut stream = connect(server.http());
    let long = format!("/{}", "x".repeat(1000));
    for _ in 0..1000 {
        assert_eq!(ask(&mut stream, &long).status, 404);
    }
    let told = thread::spawn(move || {
        let mut said = Vec::new();
        let mut piece = [0; 65536];
        while !String::from_utf8_lossy(&said).contains("lines of this log are lost") {
            let count = kept.read(&mut piece).unwrap();
            assert!(count > 0, "it ended without a word of it");
            said.extend_from_slice(&piece[..count]);
        }
    });
    told.join().unwrap();
}

#[test]
fn a_stdout_that_is_full_doesnt_keep_it_from_serving() {
    let folder = Folder::new();
    let (mut kept, writer) = io::pipe().unwrap();
    rustix::io::ioctl_fionbio(&writer, true).unwrap();
    let mut filled = 0;
    while let Ok(count) = (&writer).write(&[b'#'; 4096]) {
        filled += count;
    }
    rustix::io::ioctl_fionbio(&writer, false).unwrap();
    let path = folder.path().join("socket");
    let mut command = command(&["--http", &format!("unix:{}", path.display())]);
    command.stdout(writer).stderr(Stdio::null());
    let mut child = Killed(command.spawn().unwrap());
    drop(command);
    eventually(|| UnixStream::connect(&path).is_ok(), || "it doesn't listen".to_owned());
    let mut stream = UnixStream::connect(&path).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"GET /file.txt HTTP/1.0\r\n\r\n").unwrap();
    assert!(read_to_end(&mut stream).starts_with(b"HTTP/1.1 200 OK"));
    // When somebody reads at last, the lines come.
    let mut said = vec![0; filled];
    kept.read_exact(&mut said).unwrap();
    let mut lines = Vec::new();
    while !lines.ends_with(b"\nready\n") {
        let mut byte = [0];
        kept.read_exact(&mut byte).unwrap();
        lines.extend_from_slice(&byte);
    }
    assert!(lines.starts_with(b"listening on http://unix:"));
    assert!(Command::new("kill").arg(child.0.id().to_string()).status().unwrap().success());
    assert_eq!(wait_for_end(&mut child.0), Some(0));
}
