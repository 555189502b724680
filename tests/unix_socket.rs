//! HTTP on Unix sockets: the same service at a path, which is taken with care and given back at the end.

#[path = "support/faults.rs"]
mod faults;
#[path = "support/log_lines.rs"]
mod log_lines;
#[path = "unix_socket/paths.rs"]
mod paths;
mod support;

use std::fs;
use std::io::{BufReader, Read, Write};
use std::net::{Ipv6Addr, Shutdown, SocketAddr, TcpListener};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};
use support::*;

const GET: &str = "GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n";

fn dial(path: &Path) -> UnixStream {
    let stream = UnixStream::connect(path).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn ask(path: &Path, request: &str) -> Response {
    let mut stream = dial(path);
    stream.write_all(request.as_bytes()).unwrap();
    read_response(&mut stream, request.starts_with("HEAD"))
}

/// A folder with a site, and the path of a socket beside it.
fn place() -> (Folder, PathBuf, String) {
    let folder = Folder::new();
    folder.write("site/a.txt", "hello");
    folder.write("site/large.bin", noise(1, 10_000_000));
    let path = folder.path().join("socket");
    let argument = format!("unix:{}", path.display());
    (folder, path, argument)
}

fn start(folder: &Folder, further: &[&str]) -> Shoutd {
    let site = folder.path().join("site");
    Shoutd::start(&[&["--root", site.to_str().unwrap(), "--keep-alive", "1h"], further].concat())
}

fn is_socket(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket())
}

#[test]
fn requests_are_answered_as_over_tcp() {
    let (folder, path, argument) = place();
    let server = start(&folder, &["--http", &argument]);
    assert_eq!(server.unix, [argument], "what is printed");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o666);
    let descriptors = server.descriptors();
    let mut stream = dial(&path);
    for _ in 0..3 {
        stream.write_all(GET.as_bytes()).unwrap();
        let answer = read_response(&mut stream, false);
        assert_eq!((answer.status, answer.body.as_slice()), (200, &b"hello"[..]));
    }
    let large = "GET /large.bin HTTP/1.1\r\nHost: a\r\n";
    let requests =
        format!("{large}\r\n{large}Range: bytes=5-9\r\n\r\nHEAD /a.txt HTTP/1.1\r\nHost: a\r\n\r\n{GET}");
    stream.write_all(requests.repeat(2).as_bytes()).unwrap();
    for _ in 0..2 {
        assert!(read_response(&mut stream, false).body == noise(1, 10_000_000));
        assert_eq!(read_response(&mut stream, false).body, noise(1, 10_000_000)[5..10]);
        assert_eq!(read_response(&mut stream, true).status, 200);
        assert_eq!(read_response(&mut stream, false).body, b"hello");
    }
    assert_eq!(ask(&path, "GARBAGE\r\n\r\n").status, 400);
    drop(stream);
    server.wait_for_descriptors(descriptors);
}

#[test]
fn a_body_streams_through_in_capitals_and_a_half_close_is_answered() {
    let (folder, path, argument) = place();
    let _server = start(&folder, &["--http", &argument]);
    let body = noise(2, 5_000_000);
    let mut stream = dial(&path);
    write!(stream, "POST /upper HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len()).unwrap();
    let mut writer = stream.try_clone().unwrap();
    let sent = body.clone();
    let sender = thread::spawn(move || {
        writer.write_all(&sent).unwrap();
        writer.write_all(GET.as_bytes()).unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
    });
    assert!(read_response(&mut stream, false).body == body.to_ascii_uppercase());
    assert_eq!(read_response(&mut stream, false).body, b"hello");
    assert_eq!(read_to_end(&mut stream), b"");
    sender.join().unwrap();
    let silent = dial(&path);
    silent.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_to_end(&mut &silent), b"");
}

#[test]
fn clients_that_vanish_leave_nothing_behind() {
    let (folder, path, argument) = place();
    let log = folder.path().join("log");
    let server = start(&folder, &["--http", &argument, "--access-log", log.to_str().unwrap()]);
    let descriptors = server.descriptors();
    for n in 0..50 {
        let mut stream = dial(&path);
        let request = ["GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n", "GET /la", ""][n % 3];
        stream.write_all(request.as_bytes()).unwrap();
        if n % 3 == 0 {
            read_exactly(&mut stream, 1000);
        }
    }
    eventually(|| server.descriptors() <= descriptors + 1, || "connections are left".into()); // and the file
    let lines = log_lines::wait_for(&log, 17);
    for line in lines {
        assert_eq!((&*line.client, line.status), ("unix:", 200));
        assert!((1..10_000_000).contains(&line.size), "{line:?}");
    }
}

#[test]
fn a_socket_is_removed_at_the_end_and_replies_under_way_are_finished() {
    let (folder, path, argument) = place();
    let mut server = start(&folder, &["--http", &argument, "--drain", "1h"]);
    let mut resting = dial(&path);
    resting.write_all(GET.as_bytes()).unwrap();
    assert_eq!(read_response(&mut resting, false).body, b"hello");
    let mut stream = dial(&path);
    stream.write_all(b"GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let head = read_response(&mut stream, true);
    server.signal("TERM");
    server.wait_for_log("stopping");
    assert_eq!(read_to_end(&mut resting), b"");
    let length: usize = head.field("content-length").unwrap().parse().unwrap();
    assert!(read_exactly(&mut stream, length) == noise(1, 10_000_000));
    assert_eq!(read_to_end(&mut stream), b"");
    assert_eq!(server.wait().code(), Some(0));
    assert!(!is_socket(&path));
}

#[test]
fn several_listeners_serve_at_once() {
    let (folder, path, argument) = place();
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        return skip("there is no IPv6");
    }
    let second = format!("{argument}-2");
    let listeners = ["--http", "[::]:0", "--http", &argument, "--http", "0", "--http", &second, "--tcp", "0"];
    let mut server = start(&folder, &listeners);
    let dual = server.http().port();
    let tcp = [
        SocketAddr::from(([127, 0, 0, 1], dual)),
        SocketAddr::from((Ipv6Addr::LOCALHOST, dual)),
        server.nth("http", 1),
    ];
    for address in tcp {
        assert_eq!(get(address, "/a.txt").body, b"hello", "{address}");
    }
    for path in [&path, &folder.path().join("socket-2")] {
        assert_eq!(ask(path, GET).body, b"hello");
    }
    assert_eq!(server.unix, [argument, second]);
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
    assert!(!path.exists() && !folder.path().join("socket-2").exists());
}

#[test]
fn curl_can_use_it() {
    let (folder, path, argument) = place();
    let _server = start(&folder, &["--http", &argument]);
    let url = "http://localhost/a.txt";
    let mut curl = Command::new("curl");
    match curl.args(["-sS", "--max-time", "20", "--unix-socket"]).arg(&path).args([url, url]).output() {
        Ok(output) => assert_eq!(output.stdout, b"hellohello", "{output:?}"),
        Err(error) => skip(&format!("curl: {error}")),
    }
}

#[test]
fn many_clients_at_once_are_all_answered() {
    let (folder, path, argument) = place();
    let server = start(&folder, &["--http", &argument]);
    let mut clients: Vec<UnixStream> = (0..300).map(|_| dial(&path)).collect();
    for _ in 0..3 {
        clients.iter_mut().for_each(|stream| stream.write_all(GET.repeat(5).as_bytes()).unwrap());
        for stream in &mut clients {
            let mut stream = BufReader::new(stream);
            (0..5).for_each(|_| assert_eq!(read_response(&mut stream, false).body, b"hello"));
        }
    }
    drop(server);
}

#[test]
fn a_slow_reader_is_served_for_as_long_as_it_reads() {
    let (folder, path, argument) = place();
    let server = start(&folder, &["--http", &argument]);
    let mut stream = dial(&path);
    let start = Instant::now();
    stream.write_all(b"GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let length: usize = read_response(&mut stream, true).field("content-length").unwrap().parse().unwrap();
    let mut content = Vec::new();
    // Six kilobytes a second, and longer than a reply may make no progress: in all that time the kernel never
    // calls the socket writable, which on a Unix socket it is when nearly all is read.
    while start.elapsed() < Duration::from_secs(36) {
        let due = (start.elapsed().as_secs_f64() * 6000.0) as usize;
        content.extend(read_exactly(&mut stream, due - content.len()));
        thread::sleep(Duration::from_millis(100)); // a slow reader
    }
    let left = length - content.len();
    Read::by_ref(&mut stream).take(left as u64).read_to_end(&mut content).unwrap();
    assert!(content.len() == length, "cut off after {} of {length} bytes", content.len());
    assert!(content == noise(1, length));
    drop(server);
}
