//! Conditions, ranges and codings: the client says how much of a file it needs, and in which form.

mod support;

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
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

fn set_time(path: &Path, seconds: u64) {
    let file = File::options().append(true).open(path).unwrap();
    file.set_modified(UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
}

/// Gives a file other bytes and the same time: by renaming another over it, or in place.
fn swap(folder: &Folder, name: &str, content: &[u8], seconds: u64, in_place: bool) {
    let (path, other) = (folder.path().join(name), folder.path().join("other"));
    let to = if in_place { &path } else { &other };
    fs::write(to, content).unwrap();
    set_time(to, seconds);
    if !in_place {
        fs::rename(other, path).unwrap();
    }
}

fn serve(folder: &Folder) -> Shoutd {
    Shoutd::start(&["--http", "0", "--root", folder.as_str()])
}

/// Whether nothing that a client knows of an earlier state is taken for the present one, which is `new`.
fn knows_better(server: &Shoutd, path: &str, accept: &str, old: &Response, new: &[u8]) {
    let ask = |fields: &str| ask(server.http(), "GET", path, &format!("{accept}{fields}"));
    let tag = old.field("etag").unwrap();
    let whole = |fields: &str| {
        let reply = ask(fields);
        assert!(reply.status == 200 && reply.body == new, "{path}: {} with {fields}", reply.status);
        assert_ne!(reply.field("etag"), Some(tag), "{path}");
    };
    whole("");
    whole(&format!("If-None-Match: {tag}\r\n"));
    whole(&format!("Range: bytes=5-\r\nIf-Range: {tag}\r\n"));
    assert_eq!(ask(&format!("If-Match: {tag}\r\n")).status, 412, "{path}");
    if let Some(date) = old.field("last-modified") {
        whole(&format!("If-Modified-Since: {date}\r\n"));
        whole(&format!("Range: bytes=5-\r\nIf-Range: {date}\r\n"));
        let part = ask(&format!("Range: bytes=5-\r\nIf-Unmodified-Since: {date}\r\n"));
        assert_eq!(part.status, 412, "{path}");
    }
}

#[test]
fn other_bytes_with_the_same_size_and_time_are_another_version() {
    const YEAR_1980: u64 = 315_532_800;
    for in_place in [false, true] {
        let folder = Folder::new();
        let times = [0, 1, YEAR_1980, 1_600_000_000];
        let sizes = [1000, 300_000];
        let files: Vec<(String, usize, u64)> = times
            .iter()
            .flat_map(|&time| sizes.map(|size| (format!("{time}-{size}.txt"), size, time)))
            .collect();
        for (name, size, time) in &files {
            swap(&folder, name, &noise(1, *size), *time, true);
            for coding in [".br", ".gz"] {
                swap(&folder, &format!("{name}{coding}"), &noise(2, *size), *time, true);
            }
        }
        let server = serve(&folder);
        let gzip = "Accept-Encoding: gzip\r\n";
        let first = |accept| -> Vec<Response> {
            files.iter().map(|(name, ..)| ask(server.http(), "GET", &format!("/{name}"), accept)).collect()
        };
        let (plain, packed) = (first(""), first(gzip));
        for (reply, (name, _, time)) in plain.iter().chain(&packed).zip(files.iter().chain(&files)) {
            assert_eq!(reply.field("last-modified").is_some(), *time >= YEAR_1980, "{name}");
            // Nothing has changed yet, so what they know is good.
            let tag = reply.field("etag").unwrap();
            let accept = if reply.field("content-encoding").is_some() { gzip } else { "" };
            let again = |fields: &str| {
                conversation(
                    server.http(),
                    format!("GET /{name} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{accept}{fields}\r\n"),
                )
            };
            assert!(again(&format!("If-None-Match: {tag}\r\n")).starts_with(b"HTTP/1.1 304 "), "{name}");
            if let Some(date) = reply.field("last-modified") {
                let reply = again(&format!("If-Modified-Since: {date}\r\n"));
                assert!(reply.starts_with(b"HTTP/1.1 304 "), "{name}");
            }
        }
        for (name, size, time) in &files {
            swap(&folder, name, &noise(3, *size), *time, in_place);
            swap(&folder, &format!("{name}.gz"), &noise(4, *size), *time, in_place);
        }
        for (n, (name, size, _)) in files.iter().enumerate() {
            let path = format!("/{name}");
            for (accept, old, seed) in [("", &plain[n], 3), (gzip, &packed[n], 4)] {
                let new = noise(seed, *size);
                let now = || ask(server.http(), "GET", &path, accept).body;
                eventually(|| now() == new, || format!("{path} is as it was"));
                knows_better(&server, &path, accept, old, &new);
            }
        }
        // What a server sent before, another one doesn't know; but the tags are the same.
        let tags = |server: &Shoutd| -> Vec<String> {
            let tag =
                |name: &String| get(server.http(), &format!("/{name}")).field("etag").unwrap().to_owned();
            files.iter().map(|(name, ..)| tag(name)).collect()
        };
        let before = tags(&server);
        drop(server);
        let (name, size, time) = &files[5];
        let old = plain[5].clone();
        let server = serve(&folder);
        assert_eq!(tags(&server), before);
        drop(server);
        swap(&folder, name, &noise(5, *size), *time, in_place);
        let server = serve(&folder);
        let reply = ask(
            server.http(),
            "GET",
            &format!("/{name}"),
            &format!("If-None-Match: {}, {}\r\n", before[5], old.field("etag").unwrap()),
        );
        assert!(reply.status == 200 && reply.body == noise(5, *size), "{name}: {}", reply.status);
    }
}

#[test]
fn a_large_file_that_is_written_to_is_another_version_at_once() {
    let folder = Folder::new();
    swap(&folder, "a.bin", &noise(1, 100_000), 1, true);
    let server = serve(&folder);
    let mut old = get(server.http(), "/a.bin");
    for seed in 2..12 {
        // A file system's clock may tick only every 10 ms.
        std::thread::sleep(Duration::from_millis(20));
        swap(&folder, "a.bin", &noise(seed, 100_000), 1, true);
        knows_better(&server, "/a.bin", "", &old, &noise(seed, 100_000));
        old = get(server.http(), "/a.bin");
    }
}
