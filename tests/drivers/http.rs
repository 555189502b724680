//! Rows of the table: HTTP.

use crate::support::*;
use crate::{Row, Running, Who, row, start};
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

pub const ROWS: &[Row] = &[
    row("pages, their absence, and where they went", pages),
    row("HEAD is GET without the body", head),
    row("a kept connection gets its FIN a second after the last reply", keep_alive),
    row("pipelined requests are answered in order", pipelining),
    row("a part of a file", range),
    row("a chunked body in capitals", chunked),
    row("a body of many megabytes in capitals", long_body),
    row("a large file, whole and in part, and the connection is still good", large_file),
    row("a file that becomes shorter while it is sent ends the connection", shortened_file),
    row("a head that drips for ten seconds is refused", slow_head),
    row("no request is no request", malformed),
    row("a slow reader of a Unix socket is served for as long as it reads", slow_unix),
];

const GET: &str = "GET /file.txt HTTP/1.1\r\nHost: a\r\n\r\n";

/// One that gives a busy machine the time to send.
fn patient(who: Who) -> Running {
    start(who, &["--http", "0", "--keep-alive", "1m"])
}

fn pages(who: Who) {
    let server = patient(who);
    let index = get(server.http(), "/");
    assert_eq!((index.status, index.field("Content-Type")), (200, Some("text/html; charset=utf-8")));
    assert!(String::from_utf8(index.body).unwrap().contains("Hello World"));
    assert_eq!(get(server.http(), "/nope").status, 404);
    let moved = get(server.http(), "/redirect");
    assert_eq!((moved.status, moved.field("Location")), (301, Some("/result.html")));
    assert_eq!(get(server.http(), "/result.html").status, 200);
}

fn head(who: Who) {
    let server = patient(who);
    let full = get(server.http(), "/file.txt");
    let mut stream = connect(server.http());
    stream.write_all(format!("HEAD /file.txt HTTP/1.1\r\nHost: a\r\n\r\n{GET}").as_bytes()).unwrap();
    let bare = read_response(&mut stream, true);
    assert_eq!((bare.status, bare.field("Content-Length")), (200, full.field("Content-Length")));
    assert_eq!(read_response(&mut stream, false).body, full.body, "nothing comes between the two");
}

fn keep_alive(who: Who) {
    let server = start(who, &["--http", "0"]);
    let mut stream = connect(server.http());
    let mut begin = Instant::now();
    for _ in 0..2 {
        begin = Instant::now();
        stream.write_all(GET.as_bytes()).unwrap();
        assert_eq!(read_response(&mut stream, false).status, 200);
    }
    assert_eq!(read_to_end(&mut stream), b"");
    assert!(begin.elapsed() >= Duration::from_secs(1), "{:?}", begin.elapsed());
    drop(stream);
    // A silent connection gets its second too.
    let begin = Instant::now();
    assert_eq!(read_to_end(&mut connect(server.http())), b"");
    assert!(begin.elapsed() >= Duration::from_secs(1), "{:?}", begin.elapsed());
}

fn pipelining(who: Who) {
    let server = patient(who);
    let paths = ["/file.txt", "/nope", "/back1.jpg", "/result.html"];
    let expected: Vec<Vec<u8>> = paths.iter().map(|path| get(server.http(), path).body).collect();
    let requests: String =
        paths.iter().map(|path| format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")).collect();
    let mut stream = connect(server.http());
    stream.write_all(requests.repeat(20).as_bytes()).unwrap();
    for n in 0..80 {
        assert!(read_response(&mut stream, false).body == expected[n % 4], "reply {n}");
    }
}

fn range(who: Who) {
    let server = patient(who);
    let whole = get(server.http(), "/back1.jpg").body;
    let request = "GET /back1.jpg HTTP/1.1\r\nHost: a\r\nRange: bytes=1000-30999\r\n\r\n";
    let part = exchange(server.http(), request);
    assert_eq!(part.status, 206);
    assert!(part.body == whole[1000..31_000]);
    let beyond = exchange(server.http(), request.replace("1000-30999", "99999999-"));
    assert_eq!(beyond.status, 416);
}

fn chunked(who: Who) {
    let server = patient(who);
    let head = "POST /upper HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut stream = connect(server.http());
    for piece in [head, "5;x=y\r\nhel", "lo\r\n6\r", "\n world\r\n0\r\nTrailer: x\r\n\r\n", GET] {
        stream.write_all(piece.as_bytes()).unwrap();
    }
    let response = read_response(&mut stream, true);
    assert_eq!((response.status, response.field("Transfer-Encoding")), (200, Some("chunked")));
    let mut body = Vec::new();
    loop {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            line.extend(read_exactly(&mut stream, 1));
        }
        let size = usize::from_str_radix(String::from_utf8(line).unwrap().trim(), 16).unwrap();
        body.extend(read_exactly(&mut stream, size));
        assert_eq!(read_exactly(&mut stream, 2), b"\r\n");
        if size == 0 {
            break;
        }
    }
    assert_eq!(body, b"HELLO WORLD");
    assert_eq!(read_response(&mut stream, false).status, 200, "the connection is still good");
}

fn long_body(who: Who) {
    let server = patient(who);
    let body = noise(5, 8_000_000);
    let head = format!("POST /upper HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len());
    let mut stream = connect(server.http());
    let mut writer = stream.try_clone().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            writer.write_all(head.as_bytes()).unwrap();
            writer.write_all(&body).unwrap();
        });
        assert!(read_response(&mut stream, false).body == body.to_ascii_uppercase());
    });
}

fn large_file(who: Who) {
    let folder = Folder::new();
    let content = noise(6, 20_000_000);
    folder.write("large.bin", &content);
    folder.write("small.txt", "small");
    let server = start(who, &["--http", "0", "--keep-alive", "1m", "--root", folder.as_str()]);
    let mut stream = connect(server.http());
    let request = "GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    assert!(read_response(&mut stream, false).body == content);
    let part = request.replace("Host", "Range: bytes=-100000\r\nHost");
    stream.write_all(part.as_bytes()).unwrap();
    let last = read_response(&mut stream, false);
    assert!(last.status == 206 && last.body == content[19_900_000..]);
    stream.write_all(request.replace("large.bin", "small.txt").as_bytes()).unwrap();
    assert_eq!(read_response(&mut stream, false).body, b"small");
    drop(stream);
    // And with the end behind it.
    let mut stream = connect(server.http());
    stream.write_all(request.replace("Host", "Connection: close\r\nHost").as_bytes()).unwrap();
    assert!(read_response(&mut stream, false).body == content);
    assert_eq!(read_to_end(&mut stream), b"");
}

fn shortened_file(who: Who) {
    let folder = Folder::new();
    folder.write("large.bin", noise(7, 40_000_000));
    let server = start(who, &["--http", "0", "--keep-alive", "1m", "--root", folder.as_str()]);
    let mut stream = connect(server.http());
    stream.write_all(b"GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert_eq!(read_response(&mut stream, true).status, 200);
    let file = std::fs::OpenOptions::new().write(true).open(folder.path().join("large.bin")).unwrap();
    file.set_len(20_000_000).unwrap();
    let mut received = 0;
    while let Ok(count @ 1..) = std::io::Read::read(&mut stream, &mut [0; 65_536]) {
        received += count;
    }
    assert!(received < 40_000_000, "all {received} bytes came from somewhere");
}

fn slow_head(who: Who) {
    let server = start(who, &["--http", "0"]);
    let begin = Instant::now();
    let mut stream = connect(server.http());
    stream.write_all(b"GET / HTTP/1.1\r\nX: ").unwrap();
    while is_silent(&stream, Duration::from_millis(500)) {
        stream.write_all(b"x").unwrap();
    }
    assert_eq!(read_response(&mut stream, false).status, 408);
    assert_eq!(read_to_end(&mut stream), b"");
    assert!(begin.elapsed() >= Duration::from_secs(10), "{:?}", begin.elapsed());
}

fn malformed(who: Who) {
    let server = patient(who);
    for request in ["GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\nHost: a\n\n", "\0\0\r\n\r\n"] {
        let mut stream = connect(server.http());
        stream.write_all(request.as_bytes()).unwrap();
        assert_eq!(read_response(&mut stream, false).status, 400, "{request:?}");
        assert_eq!(read_to_end(&mut stream), b"");
    }
}

/// Three kilobytes a second, and longer than a reply may make no progress: a Unix socket has room again when a whole buffer
/// has been read.
fn slow_unix(who: Who) {
    let folder = Folder::new();
    let path = folder.path().join("socket");
    let _server = start(who, &["--http", &format!("unix:{}", path.display())]);
    let mut stream = UnixStream::connect(&path).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let body = vec![b'x'; 1_000_000];
    let mut writer = stream.try_clone().unwrap();
    thread::scope(|scope| {
        scope.spawn(move || {
            let head = format!("POST /upper HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len());
            // It fails where the connection is cut, which the reader finds out as well.
            let _ = writer.write_all(head.as_bytes()).and_then(|()| writer.write_all(&body));
        });
        assert_eq!(read_response(&mut stream, true).status, 200);
        let start = Instant::now();
        let mut got = 0;
        while start.elapsed() < Duration::from_secs(36) {
            let due = (start.elapsed().as_secs_f64() * 3000.0) as usize;
            got += read_exactly(&mut stream, due - got).len();
            thread::sleep(Duration::from_millis(100)); // a slow reader
        }
        assert_eq!(read_exactly(&mut stream, 900_000 - got).len(), 900_000 - got);
        stream.shutdown(std::net::Shutdown::Both).unwrap();
    });
}
