//! The path of a Unix socket: whose it is, what stood there before, and what others do to it meanwhile.

use super::{GET, ask, dial, is_socket, place, start};
use crate::faults::with_faults;
use crate::support::*;
use rustix::fs::{FlockOperation, flock};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

/// That it can't start, and says why in one line with these words.
fn assert_refused(arguments: &[&str], words: &[&str]) {
    let mut child = Killed(command(arguments).spawn().unwrap());
    assert_eq!(wait_for_end(&mut child.0), Some(1), "{arguments:?}");
    let (mut stdout, mut stderr) = (String::new(), String::new());
    child.0.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    child.0.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!(stdout, "");
    assert!(stderr.lines().count() == 1 && words.iter().all(|word| stderr.contains(word)), "{stderr}");
}

#[test]
fn what_a_killed_server_left_behind_is_replaced() {
    let (folder, path, argument) = place();
    let mut server = start(&folder, &["--http", &argument]);
    server.signal("KILL");
    server.wait();
    assert!(is_socket(&path) && UnixStream::connect(&path).is_err());
    let server = start(&folder, &["--http", &argument]);
    assert_eq!(ask(&path, GET).body, b"hello");
    drop(server);
    // Another program's too.
    fs::remove_file(&path).unwrap();
    drop(UnixListener::bind(&path).unwrap());
    let _server = start(&folder, &["--http", &argument]);
    assert_eq!(ask(&path, GET).body, b"hello");
}

#[test]
fn a_path_where_somebody_listens_is_left_alone() {
    let (folder, path, argument) = place();
    let server = start(&folder, &["--http", &argument]);
    assert_refused(&["--http", &argument], &[&argument, "in use", "choose another path"]);
    assert_refused(&["--http", &argument, "--http", &argument], &["choose another path"]);
    assert_eq!(ask(&path, GET).body, b"hello", "it is not disturbed");
    // Even one whose backlog is full.
    let full = folder.path().join("full");
    let listener = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
    listener.bind(&socket2::SockAddr::unix(&full).unwrap()).unwrap();
    listener.listen(0).unwrap();
    let mut waiting = vec![];
    while waiting.len() < 5 {
        let client = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
        client.set_nonblocking(true).unwrap();
        if client.connect(&socket2::SockAddr::unix(&full).unwrap()).is_err() {
            break;
        }
        waiting.push(client);
    }
    assert_refused(&["--http", &format!("unix:{}", full.display())], &["choose another path"]);
    assert!(is_socket(&full));
    // The same path twice in one server: it doesn't take its own place, and leaves nothing behind.
    drop(server);
    let twice = format!("unix:{}", folder.path().join("twice").display());
    assert_refused(&["--http", &twice, "--http", &twice], &["named twice"]);
    assert!(!folder.path().join("twice").exists());
}

#[test]
fn what_is_no_socket_is_never_removed() {
    let (folder, path, argument) = place();
    folder.write("file", "precious");
    fs::write(&path, "precious").unwrap();
    assert_refused(&["--http", &argument], &["choose another path"]);
    assert_eq!(fs::read(&path).unwrap(), b"precious");
    fs::remove_file(&path).unwrap();
    symlink(folder.path().join("file"), &path).unwrap();
    assert_refused(&["--http", &argument], &["choose another path"]);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert_refused(&["--http", &argument], &["choose another path"]);
    assert!(path.is_dir() && fs::read(folder.path().join("file")).unwrap() == b"precious");
}

#[test]
fn a_place_that_somebody_else_has_taken_meanwhile_is_left_to_them() {
    let (folder, path, argument) = place();
    let mut first = start(&folder, &["--http", &argument]);
    fs::remove_file(&path).unwrap();
    let _second = start(&folder, &["--http", &argument]);
    first.signal("TERM");
    assert_eq!(first.wait().code(), Some(0));
    assert_eq!(ask(&path, GET).body, b"hello");
    // A file in its place is nobody's socket either.
    let mut third = start(&folder, &["--http", &format!("{argument}3")]);
    let path = folder.path().join("socket3");
    fs::remove_file(&path).unwrap();
    fs::write(&path, "precious").unwrap();
    third.signal("TERM");
    assert_eq!(third.wait().code(), Some(0));
    assert_eq!(fs::read(&path).unwrap(), b"precious");
}

#[test]
fn paths_that_cannot_be_are_one_line() {
    let (folder, _path, argument) = place();
    folder.write("file", "");
    let none = format!("unix:{}/none/socket", folder.as_str());
    assert_refused(&["--http", &none], &[&none, "create its directory"]);
    let under_file = format!("unix:{}/file/socket", folder.as_str());
    assert_refused(&["--http", &under_file], &[&under_file]);
    let long = format!("unix:{}/{}", folder.as_str(), "a".repeat(120));
    assert_refused(&["--http", &long], &[&long]);
    // 107 bytes are a path (unix(7)), 108 aren't one with its NUL.
    let fill = |length: usize| format!("{argument}{}", "a".repeat(5 + length - argument.len()));
    let server = start(&folder, &["--http", &fill(107)]);
    assert_eq!(ask(Path::new(&fill(107)[5..]), GET).body, b"hello");
    drop(server);
    let mut empty = Killed(command(&["--http", "unix:"]).spawn().unwrap());
    assert_eq!(wait_for_end(&mut empty.0), Some(2));
}

/// The server with some of its system calls held up, so that others can come between two of them.
fn held_up(calls: &str, time: Duration, arguments: &[&str]) -> Option<Command> {
    with_faults(&[&format!("{calls}:delay_enter={}", time.as_micros())], Path::new("/dev/null"), arguments)
}

#[test]
fn everybody_may_connect_and_the_mode_of_nothing_else_is_changed() {
    let (folder, path, argument) = place();
    folder.write("secret", "precious");
    let secret = folder.path().join("secret");
    fs::set_permissions(&secret, PermissionsExt::from_mode(0o600)).unwrap();
    let mode = |path: &Path| fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777;
    let calls = "?chmod,?fchmod,?fchmodat,?fchmodat2,?listen";
    let Some(slow) = held_up(calls, Duration::from_millis(300), &["--http", &argument]) else { return };
    let _server = thread::scope(|scope| {
        scope.spawn(|| {
            // As soon as it is there a link to somebody else's file takes its place.
            eventually(|| is_socket(&path), || "no socket".into());
            assert_eq!(mode(&path), 0o666, "it has its mode from the beginning");
            fs::rename(&path, folder.path().join("moved")).unwrap();
            symlink(&secret, &path).unwrap();
        });
        let mut child = Killed({
            let mut slow = slow;
            slow.spawn().unwrap()
        });
        let mut line = String::new();
        BufReader::new(child.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        child
    });
    assert_eq!(mode(&secret), 0o600);
}

#[test]
fn of_two_that_start_at_once_where_a_socket_was_left_behind_one_serves_and_one_ends() {
    let (_folder, path, argument) = place();
    drop(UnixListener::bind(&path).unwrap());
    let start = || {
        let mut slow = held_up("?unlink,?unlinkat", Duration::from_millis(300), &["--http", &argument])?;
        Some(Killed(slow.spawn().unwrap()))
    };
    let (Some(mut one), Some(mut other)) = (start(), start()) else { return };
    let first_line = |child: &mut Killed| {
        let mut line = String::new();
        BufReader::new(child.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        line
    };
    let lines = [first_line(&mut one), first_line(&mut other)];
    assert_eq!(lines.iter().filter(|line| line.is_empty()).count(), 1, "{lines:?}");
    let ended = if lines[0].is_empty() { &mut one } else { &mut other };
    assert_eq!(wait_for_end(&mut ended.0), Some(1));
    assert_eq!(ask(&path, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").status, 200);
}

#[test]
fn one_that_is_stopping_leaves_the_path_to_its_successor() {
    let (folder, path, argument) = place();
    let mut first = start(&folder, &["--http", &argument, "--drain", "1h"]);
    let mut stream = dial(&path);
    stream.write_all(b"GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let head = read_response(&mut stream, true);
    first.signal("TERM");
    // Its listener is closed and its inode free, to be used by the next socket.
    first.wait_for_log("stopping");
    eventually(|| UnixStream::connect(&path).is_err(), || "it still listens".into());
    let _second = start(&folder, &["--http", &argument]);
    let length: usize = head.field("content-length").unwrap().parse().unwrap();
    read_exactly(&mut stream, length);
    assert_eq!(read_to_end(&mut stream), b"");
    assert_eq!(first.wait().code(), Some(0));
    assert_eq!(ask(&path, GET).body, b"hello");
}

#[test]
fn a_lock_that_somebody_holds_delays_a_start_and_does_not_prevent_it() {
    let (folder, path, argument) = place();
    let held = fs::File::open(folder.path()).unwrap();
    flock(&held, FlockOperation::LockExclusive).unwrap();
    let server = start(&folder, &["--http", &argument]);
    server.wait_for_log("can't be locked");
    assert_eq!(ask(&path, GET).body, b"hello");
}
