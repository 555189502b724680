//! Conditions, ranges and codings: the client says how much of a file it needs, and in which form.

mod support;

use std::time::{Duration, SystemTime};
use support::*;

fn ask(address: std::net::SocketAddr, method: &str, path: &str, fields: &str) -> Response {
    exchange(address, format!("{method} {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n"))
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n * 31 % 251) as u8).collect()
}

/// A site with one small file (from memory) and one large (by sendfile).
fn site() -> (Folder, Shoutd) {
    let folder = Folder::new();
    folder.write("small.txt", pattern(1000));
    folder.write("large.bin", pattern(300_000));
    let server = Shoutd::start(&["--http", "0", "--root", folder.as_str()]);
    (folder, server)
}

#[test]
fn a_known_version_is_not_sent_again() {
    let (_folder, server) = site();
    for path in ["/small.txt", "/large.bin"] {
        let first = get(server.http(), path);
        let (tag, date) = (first.field("etag").unwrap(), first.field("last-modified").unwrap());
        assert!(tag.starts_with('"') && tag.ends_with('"'), "a strong tag: {tag}");
        for field in
            [format!("If-None-Match: {tag}"), format!("If-Modified-Since: {date}"), "If-None-Match: *".into()]
        {
            for method in ["GET", "HEAD"] {
                let mut stream = connect(server.http());
                let request = format!("{method} {path} HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n");
                std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
                let response = read_response(&mut stream, true);
                assert_eq!(response.status, 304, "{method} {field}");
                assert_eq!(response.field("etag"), Some(tag));
                assert_eq!(response.field("content-length"), None);
                // Nothing follows the head: the next reply does.
                std::io::Write::write_all(&mut stream, b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
                assert_eq!(read_response(&mut stream, true).status, 404);
            }
        }
        for field in [
            "If-None-Match: \"x\"",
            "If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT",
            "If-Modified-Since: ?",
        ] {
            let response = ask(server.http(), "GET", path, &format!("{field}\r\n"));
            assert_eq!((response.status, &response.body), (200, &first.body), "{field}");
        }
        for field in ["If-Match: \"x\"", "If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT"] {
            assert_eq!(ask(server.http(), "GET", path, &format!("{field}\r\n")).status, 412, "{field}");
        }
        assert_eq!(ask(server.http(), "GET", path, &format!("If-Match: {tag}\r\n")).status, 200);
    }
}

#[test]
fn ranges_of_files_in_memory_and_on_disk() {
    let (_folder, server) = site();
    for (path, length) in [("/small.txt", 1000), ("/large.bin", 300_000)] {
        let whole = pattern(length);
        for (range, start, end) in [
            ("0-0", 0, 1),
            ("10-19", 10, 20),
            ("500-", 500, length),
            ("-7", length - 7, length),
            ("0-18446744073709551615", 0, length),
            ("-99999999999999999999", 0, length),
        ] {
            let response = ask(server.http(), "GET", path, &format!("Range: bytes={range}\r\n"));
            assert_eq!(response.status, 206, "{range}");
            let expected = format!("bytes {start}-{}/{length}", end - 1);
            assert_eq!(response.field("content-range"), Some(expected.as_str()));
            assert!(response.body == whole[start..end], "{path} {range}");
        }
        for range in [format!("{length}-"), "-0".into(), "18446744073709551615-".into()] {
            let response = ask(server.http(), "GET", path, &format!("Range: bytes={range}\r\n"));
            assert_eq!(response.status, 416, "{range}");
            assert_eq!(response.field("content-range"), Some(format!("bytes */{length}").as_str()));
        }
        for range in ["bytes=0-1,3-4", "bytes=2-1", "bytes=x", "lines=0-1"] {
            let response = ask(server.http(), "GET", path, &format!("Range: {range}\r\n"));
            assert_eq!((response.status, response.body.len()), (200, length), "{range}");
        }
        let head = ask(server.http(), "HEAD", path, "Range: bytes=0-1\r\n");
        assert_eq!((head.status, head.field("content-length")), (200, Some(length.to_string().as_str())));
        let tag = head.field("etag").unwrap().to_owned();
        let part = ask(server.http(), "GET", path, &format!("Range: bytes=0-1\r\nIf-Range: {tag}\r\n"));
        assert_eq!(part.status, 206);
        let changed = ask(server.http(), "GET", path, "Range: bytes=0-1\r\nIf-Range: \"x\"\r\n");
        assert_eq!((changed.status, changed.body.len()), (200, length));
    }
}

#[test]
fn a_download_that_broke_off_can_be_resumed() {
    let (folder, server) = site();
    let part = folder.path().join("part");
    std::fs::write(&part, &pattern(300_000)[..123_456]).unwrap();
    let url = format!("http://{}/large.bin", server.http());
    let curl =
        std::process::Command::new("curl").args(["-fsS", "-C", "-", "-o"]).arg(&part).arg(url).status();
    match curl {
        Ok(status) => assert!(status.success()),
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "curl: {error}");
            eprintln!("skipped: there is no curl");
            return;
        }
    }
    assert!(std::fs::read(part).unwrap() == pattern(300_000));
}

#[test]
fn compressed_forms_are_sent_to_those_who_accept_them() {
    let folder = Folder::new();
    for (name, content) in
        [("a.css", "plain"), ("a.css.br", "brotli"), ("a.css.gz", "gzipped"), ("b.css", "alone")]
    {
        folder.write(name, content);
    }
    folder.write("old.css", "new");
    folder.write("old.css.gz", "stale");
    let hour = SystemTime::now() - Duration::from_secs(3600);
    let stale = std::fs::File::options().append(true).open(folder.path().join("old.css.gz")).unwrap();
    stale.set_modified(hour).unwrap();
    let server = Shoutd::start(&["--http", "0", "--root", folder.as_str()]);
    let mut tags = Vec::new();
    for (accept, coding, body) in [
        ("", None, "plain"),
        ("Accept-Encoding: gzip, br\r\n", Some("br"), "brotli"),
        ("Accept-Encoding: gzip, br;q=0\r\n", Some("gzip"), "gzipped"),
        ("Accept-Encoding: zstd\r\n", None, "plain"),
    ] {
        let response = ask(server.http(), "GET", "/a.css", accept);
        assert_eq!(
            (response.field("content-encoding"), response.body.as_slice()),
            (coding, body.as_bytes()),
            "{accept}"
        );
        assert_eq!(response.field("content-type"), Some("text/css; charset=utf-8"));
        assert_eq!(response.field("vary"), Some("Accept-Encoding"));
        tags.push(response.field("etag").unwrap().to_owned());
    }
    assert!(tags[0] == tags[3] && tags[0] != tags[1] && tags[1] != tags[2], "{tags:?}");
    let part = ask(server.http(), "GET", "/a.css", "Accept-Encoding: br\r\nRange: bytes=1-3\r\n");
    assert_eq!((part.status, part.body.as_slice()), (206, &b"rot"[..]));
    assert_eq!(get(server.http(), "/b.css").field("vary"), None);
    let fresh = ask(server.http(), "GET", "/old.css", "Accept-Encoding: gzip\r\n");
    assert_eq!((fresh.field("content-encoding"), fresh.body.as_slice()), (None, &b"new"[..]));
    assert_eq!(get(server.http(), "/a.css.gz").field("content-type"), Some("application/gzip"));

    // An edit makes the forms beside it stale within about a second.
    folder.write("a.css", "edited");
    let later = SystemTime::now() + Duration::from_secs(5);
    std::fs::File::options()
        .append(true)
        .open(folder.path().join("a.css"))
        .unwrap()
        .set_modified(later)
        .unwrap();
    let now = || ask(server.http(), "GET", "/a.css", "Accept-Encoding: br\r\n").body;
    eventually(|| now() == b"edited", || String::from_utf8_lossy(&now()).into_owned());
}

#[test]
fn options_says_what_can_be_done() {
    let (_folder, server) = site();
    for target in ["*", "/", "/small.txt", "/nope"] {
        let mut stream = connect(server.http());
        let request = format!("OPTIONS {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
        let response = read_response(&mut stream, true);
        assert_eq!((response.status, response.field("allow")), (204, Some("GET, HEAD, OPTIONS")), "{target}");
    }
    assert_eq!(ask(server.http(), "TRACE", "/", "").status, 405);
}
