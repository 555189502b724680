//! The access log through pipes: standard output, and named pipes whose readers stall, leave and come back.

#[path = "support/log_lines.rs"]
mod log_lines;
mod support;

use log_lines::{fifo, lost, numbers, request};
use rustix::fs::OFlags;
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command};
use std::thread;
use std::time::Duration;
use support::*;

/// Opens a pipe for reading without waiting for its writer.
fn reader(path: &Path) -> File {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    OpenOptions::new().read(true).custom_flags(flags).open(path).expect("a pipe")
}

/// Reads what a pipe has until `enough`, or its end.
fn read_until(pipe: &mut File, mut enough: impl FnMut(&[u8]) -> bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut quiet = 0;
    while !enough(&bytes) && quiet < 4000 {
        let mut piece = [0; 65_536];
        match pipe.read(&mut piece) {
            Ok(0) => return bytes,
            Ok(count) => {
                bytes.extend_from_slice(&piece[..count]);
                quiet = 0;
            }
            Err(_) => {
                thread::sleep(Duration::from_millis(5));
                quiet += 1;
            }
        }
    }
    bytes
}

/// A server whose standard output is read here.
struct OnStdout {
    child: Killed,
    stdout: BufReader<ChildStdout>,
    address: SocketAddr,
}

impl OnStdout {
    fn start() -> OnStdout {
        let mut child: Child = command(&["--http", "0", "--access-log", "-"]).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let child = Killed(child);
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("listening on http://").expect("an address");
        let address = address.parse().unwrap();
        line.clear();
        stdout.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        OnStdout { child, stdout, address }
    }

    fn signal(&self, name: &str) {
        let pid = self.child.0.id().to_string();
        assert!(Command::new("kill").args([format!("-{name}"), pid]).status().unwrap().success());
    }
}

#[test]
fn on_standard_output_the_log_follows_the_word_ready() {
    let mut server = OnStdout::start();
    request(server.address, 0, 3);
    server.signal("HUP"); // there is nothing to open anew, and it goes on
    request(server.address, 3, 3);
    server.signal("TERM");
    let mut text = Vec::new();
    server.stdout.read_to_end(&mut text).unwrap();
    assert_eq!(wait_for_end(&mut server.child.0), Some(0));
    assert_eq!(numbers(&text), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn a_standard_output_that_nobody_reads_any_more_stops_nobody() {
    let server = OnStdout::start();
    let OnStdout { mut child, stdout, address } = server;
    drop(stdout);
    request(address, 0, 3000);
    assert!(Command::new("kill").arg(child.0.id().to_string()).status().unwrap().success());
    assert_eq!(wait_for_end(&mut child.0), Some(0));
}

#[test]
fn a_reader_that_stalls_holds_nobody_up_and_loses_lines_that_are_counted() {
    const REQUESTS: usize = 20_000;
    for reopened in [false, true] {
        let folder = Folder::new();
        let Some(path) = fifo(&folder) else { return };
        let mut pipe = reader(&path);
        let mut server = Shoutd::start(&["--http", "0", "--access-log", path.to_str().unwrap()]);
        request(server.http(), 0, 100);
        let memory = server.resident();
        request(server.http(), 100, REQUESTS - 100);
        server.wait_for_log("can't write the access log");
        let grown = server.peak().saturating_sub(memory);
        assert!(grown < 4 * 1024, "{grown} KiB more for lines that nobody reads");
        if reopened {
            server.signal("HUP"); // it is still the same pipe, and a line may be half written
            server.wait_for_log("anew");
        }
        // Now it reads again: what was kept comes, whole, and the rest is counted.
        let mut complaint = None;
        let text = read_until(&mut pipe, |bytes| {
            let said = || server.said().into_iter().find(|line| line.contains("are lost"));
            complaint = complaint.take().or_else(said);
            complaint.is_some() && bytes.ends_with(b"\n")
        });
        let complaint = complaint.expect("a complaint");
        let mut got = numbers(&text);
        request(server.http(), REQUESTS, 10);
        server.signal("TERM");
        assert_eq!(server.wait().code(), Some(0));
        got.extend(numbers(&read_until(&mut pipe, |_| false)));
        assert_eq!(got.len() + lost(&complaint), REQUESTS + 10, "{complaint}");
        assert!(lost(&complaint) > 0 && got[..100].iter().copied().eq(0..100), "{complaint}");
        assert!(got[got.len() - 10..].iter().copied().eq(REQUESTS..REQUESTS + 10), "it goes on");
    }
}

#[test]
fn a_reader_that_leaves_is_survived_and_the_next_one_is_served() {
    let folder = Folder::new();
    let Some(path) = fifo(&folder) else { return };
    let mut pipe = reader(&path);
    let mut server = Shoutd::start(&["--http", "0", "--access-log", path.to_str().unwrap()]);
    request(server.http(), 0, 5);
    let first = read_until(&mut pipe, |bytes| bytes.iter().filter(|&&byte| byte == b'\n').count() == 5);
    assert_eq!(numbers(&first), [0, 1, 2, 3, 4]);
    drop(pipe);
    request(server.http(), 5, 5);
    server.wait_for_log("can't write the access log");
    request(server.http(), 10, 5);
    let mut pipe = reader(&path);
    let rest = read_until(&mut pipe, |bytes| bytes.iter().filter(|&&byte| byte == b'\n').count() == 10);
    assert!(numbers(&rest).into_iter().eq(5..15), "nothing that fits is lost meanwhile");
    drop(pipe);
    request(server.http(), 15, 1);
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
    server.wait_for_log("1 lines of the access log");
}

#[test]
fn a_terminal_that_nobody_reads_stops_nobody() {
    // As that of a session over a network that is gone. A terminal takes less than it says it has room for.
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let user = openpt(flags).expect("a pseudo-terminal");
    unlockpt(&user).unwrap();
    let terminal = ioctl_tiocgptpeer(&user, flags).unwrap();
    let mut start = command(&["--http", "0", "--access-log", "-"]);
    let mut child = Killed(start.stdout(terminal).spawn().unwrap());
    let mut said = BufReader::new(File::from(user));
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    let address = line.trim_end().strip_prefix("listening on http://").expect("an address").parse().unwrap();
    line.clear();
    said.read_line(&mut line).unwrap();
    assert_eq!(line.trim_end(), "ready");
    request(address, 0, 3000);
    assert!(Command::new("kill").arg(child.0.id().to_string()).status().unwrap().success());
    assert_eq!(wait_for_end(&mut child.0), Some(0));
}
