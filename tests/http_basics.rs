//! What every HTTP reply promises, for each method, status and form of a request.

mod support;

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};
use support::*;

/// A server that doesn't close on a slow test, with the built-in site.
fn patient() -> Shoutd {
    Shoutd::start(&["--http", "0", "--keep-alive", "10m"])
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("txt") => "text/plain; charset=utf-8",
        Some("ico") => "image/x-icon",
        Some("jpg") => "image/jpeg",
        _ => panic!("say here which type {name} has"),
    }
}

fn www(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("www").join(name)).unwrap()
}

#[test]
fn every_file_of_the_built_in_site_arrives_byte_for_byte() {
    let server = patient();
    let www_folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("www");
    let mut served = 0;
    for entry in fs::read_dir(www_folder).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        let response = get(server.http(), &format!("/{name}"));
        if name.starts_with('_') {
            assert_eq!(response.status, 404, "{name} tells the server something and is not served");
            continue;
        }
        assert_eq!(response.status, 200, "{name}");
        assert!(response.body == www(&name), "{name} is not what is in www/");
        assert_eq!(response.field("Content-Type"), Some(content_type(&name)));
        assert_eq!(response.field("Content-Length"), Some(response.body.len().to_string().as_str()));
        served += 1;
    }
    assert!(served >= 6, "only {served} files");
    let start = get(server.http(), "/");
    assert_eq!((start.status, start.body), (200, www("index.html")));
    assert_eq!(start.fields[1].1, content_type("index.html"));
}

/// Reads the one format that HTTP dates are written in (RFC 9110 section 5.6.7): seconds since 1970.
fn seconds(date: &str) -> u64 {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    assert!(date.len() == 29 && date.is_ascii(), "no IMF-fixdate: {date:?}");
    let number = |from: usize, to: usize| -> u64 {
        assert!(date[from..to].bytes().all(|byte| byte.is_ascii_digit()), "{date:?}");
        date[from..to].parse().unwrap()
    };
    let (year, day) = (number(12, 16), number(5, 7));
    let month = MONTHS.iter().position(|month| *month == &date[8..11]).expect("a month");
    let is_leap =
        |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let february = if is_leap(year) { 29 } else { 28 };
    let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let years: u64 = (1970..year).map(|year| if is_leap(year) { 366 } else { 365 }).sum();
    let days = years + lengths[..month].iter().sum::<u64>() + day - 1;
    let again = format!(
        "{}, {day:02} {} {year:04} {:02}:{:02}:{:02} GMT",
        DAYS[(days % 7) as usize],
        MONTHS[month],
        number(17, 19),
        number(20, 22),
        number(23, 25)
    );
    assert_eq!(date, again);
    days * 86_400 + number(17, 19) * 3600 + number(20, 22) * 60 + number(23, 25)
}

fn since_1970(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap().as_secs()
}

#[test]
fn dates_say_when_the_reply_was_made_and_when_the_file_was_changed() {
    let folder = Folder::new();
    folder.write("old.txt", "old");
    let old = UNIX_EPOCH + std::time::Duration::from_secs(951_782_400);
    fs::File::options().write(true).open(folder.path().join("old.txt")).unwrap().set_modified(old).unwrap();
    folder.write("future.txt", "not yet");
    let future = SystemTime::now() + std::time::Duration::from_secs(86_400);
    let file = fs::File::options().write(true).open(folder.path().join("future.txt")).unwrap();
    file.set_modified(future).unwrap();

    let server = Shoutd::start(&["--http", "0", "--root", folder.as_str()]);
    for (path, changed) in [("/old.txt", Some(951_782_400)), ("/future.txt", None), ("/none", None)] {
        let before = since_1970(SystemTime::now());
        let response = get(server.http(), path);
        let after = since_1970(SystemTime::now());
        let date = seconds(response.field("Date").expect("a date"));
        assert!((before..=after).contains(&date), "{path}: {date} is not in {before}..={after}");
        let modified = response.field("Last-Modified").map(seconds);
        if let Some(changed) = changed {
            assert_eq!(modified, Some(changed));
            assert_eq!(response.field("Last-Modified"), Some("Tue, 29 Feb 2000 00:00:00 GMT"));
        } else if response.status == 200 {
            // RFC 9110 section 8.8.2.1: never later than Date.
            assert!(modified.is_some_and(|modified| modified <= date), "{path}: {modified:?}");
        }
    }
}

#[test]
fn every_reply_has_a_date_a_length_and_a_type() {
    let server = patient();
    for (request, status) in [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 200),
        ("GET /redirect HTTP/1.1\r\nHost: a\r\n\r\n", 301),
        ("GET /% HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET /nope HTTP/1.1\r\nHost: a\r\n\r\n", 404),
        ("PUT / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n", 413),
        ("GET / HTTP/1.1\r\nHost: a\r\nExpect: a-pony\r\n\r\n", 417),
        ("BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 501),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
    ] {
        let response = exchange(server.http(), request);
        assert_eq!(response.status, status, "{request:?}");
        seconds(response.field("Date").expect("a date"));
        assert!(response.field("Content-Type").is_some_and(|kind| kind.contains('/')), "{request:?}");
        assert!(!response.body.is_empty(), "{request:?}");
        let reason = response.head.lines().next().unwrap().split_at(13).1.to_owned();
        assert!(reason.chars().all(|c| c.is_ascii_alphabetic() || c == ' '), "{reason}");
    }
}

#[test]
fn a_missing_path_is_answered_by_the_404_page_and_the_connection_stays() {
    let server = patient();
    let mut stream = connect(server.http());
    for path in ["/nope", "/a/b/c.html", "/index.html/", "/file.txt/x", "/.git/config", "/..%2f"] {
        write!(stream, "GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let response = read_response(&mut stream, false);
        assert_eq!((response.status, response.body), (404, www("404.html")), "{path}");
        let kind = response.fields.iter().find(|(name, _)| name == "content-type").unwrap();
        assert_eq!(kind.1, "text/html; charset=utf-8");
    }
}

#[test]
fn the_redirect_leads_to_the_result_page() {
    let server = patient();
    let redirect = get(server.http(), "/redirect");
    assert_eq!((redirect.status, redirect.field("Location")), (301, Some("/result.html")));
    let result = get(server.http(), redirect.field("Location").unwrap());
    assert_eq!((result.status, &result.body), (200, &www("result.html")));
    assert!(String::from_utf8_lossy(&result.body).contains("Success"));
}

#[test]
fn methods_that_a_file_does_not_have_are_405_and_others_501() {
    let server = patient();
    let mut stream = connect(server.http());
    for (method, target, status) in [
        ("POST", "/", 405),
        ("PUT", "/file.txt", 405),
        ("DELETE", "/nope", 405),
        ("TRACE", "/", 405),
        ("PATCH", "/", 405),
        ("BREW", "/", 501),
        ("get", "/", 501),
        ("GETT", "/", 501),
        ("M-SEARCH", "/", 501),
        ("!#$%&'*+-.^_`|~09Az", "/", 501),
    ] {
        write!(stream, "{method} {target} HTTP/1.1\r\nHost: a\r\nX-Secret: hush\r\n\r\n").unwrap();
        let response = read_response(&mut stream, false);
        assert_eq!(response.status, status, "{method}");
        let allow = response.field("Allow");
        assert_eq!(allow, if status == 405 { Some("GET, HEAD, OPTIONS") } else { None }, "{method}");
        assert!(!String::from_utf8_lossy(&response.body).contains("hush"), "TRACE is not supported");
        assert_eq!(response.field("Connection"), None, "the connection can go on");
    }
}

#[test]
fn other_versions_are_505_and_nonsense_is_400() {
    let server = patient();
    for (line, status) in [
        ("GET / HTTP/2.0", 505),
        ("GET / HTTP/3.0", 505),
        ("GET / HTTP/0.9", 505),
        ("PRI * HTTP/2.0", 505),
        ("GET / HTTP/11", 400),
        ("GET / HTTP/1.10", 400),
        ("GET / http/1.1", 400),
        ("GET / HTTQ/1.1", 400),
        ("GET / HTTP/1.", 400),
        ("GET /", 400),
        ("GET", 400),
    ] {
        let mut stream = connect(server.http());
        write!(stream, "{line}\r\nHost: a\r\n\r\n").unwrap();
        let response = read_response(&mut stream, false);
        assert_eq!((response.status, response.field("Connection")), (status, Some("close")), "{line}");
        assert_eq!(stream.read(&mut [0]).unwrap(), 0, "{line}");
    }
}

#[test]
fn a_higher_minor_version_is_read_as_the_highest_known() {
    // RFC 9110 section 2.5; section 15.6.6 keeps 505 for major versions.
    let server = patient();
    assert_eq!(exchange(server.http(), "GET / HTTP/1.2\r\nHost: a\r\n\r\n").status, 200);
}

#[test]
fn the_absolute_form_queries_and_empty_lines_change_nothing() {
    let server = patient();
    let expected = www("file.txt");
    for start in [
        "GET /file.txt HTTP/1.1",
        "GET /file.txt? HTTP/1.1",
        "GET /file.txt?a=b&c=%2e%2e/?/ HTTP/1.1",
        "GET http://example.org/file.txt HTTP/1.1",
        "GET HTTP://example.org:8080/file.txt?q HTTP/1.1",
        "GET https://a/file.txt HTTP/1.1",
        "GET //file.txt HTTP/1.1",
        "GET /%66ile%2Etxt HTTP/1.1",
        "\r\nGET /file.txt HTTP/1.1",
        "\r\n\r\n\r\nGET /file.txt HTTP/1.1",
        "GET /file.txt HTTP/1.0",
    ] {
        let response = exchange(server.http(), format!("{start}\r\nHost: other.example\r\n\r\n"));
        assert_eq!((response.status, response.body), (200, expected.clone()), "{start:?}");
    }
    for target in ["http://example.org", "http://example.org?x", "/?x", "/"] {
        assert_eq!(get(server.http(), target).body, www("index.html"), "{target}");
    }
    for target in ["*", "file.txt", "ftp://a/file.txt", "http:///file.txt", "/file.txt#part"] {
        assert_eq!(get(server.http(), target).status, 400, "{target}");
    }
}

/// Asks for the same with GET and with HEAD, and compares: the same head, and then nothing.
fn compare_head_with_get(server: &Shoutd, rest: &str, status: u16) {
    let get = undated(conversation(server.http(), format!("GET{rest}")));
    let head = undated(conversation(server.http(), format!("HEAD{rest}")));
    let response = read_response(&mut &get[..], false);
    assert_eq!(response.status, status, "{rest:.80}");
    assert_eq!(response.head.len() + response.body.len(), get.len(), "one reply to {rest:.80}");
    assert_eq!(String::from_utf8(head).unwrap(), response.head, "HEAD{rest:.80}");
}

#[test]
fn head_is_get_without_the_body() {
    let folder = Folder::new();
    folder.write("small.txt", "small");
    folder.write("empty", "");
    folder.write("large.bin", noise(1, 100_000));
    folder.write("folder/x", "");
    folder.write("404.html", "<p>not here");
    folder.write("_redirects", "/old /new");
    let server = Shoutd::start(&["--http", "0", "--root", folder.as_str()]);
    for (path, status) in [
        ("/small.txt", 200),
        ("/empty", 200),
        ("/large.bin", 200),
        ("/folder", 301),
        ("/old?q", 301),
        ("/nope", 404),
        ("/.hidden", 404),
        ("/%00", 400),
    ] {
        compare_head_with_get(&server, &format!(" {path} HTTP/1.1\r\nHost: a\r\n\r\n"), status);
        compare_head_with_get(&server, &format!(" {path} HTTP/1.0\r\n\r\n"), status);
        let close = format!(" {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        compare_head_with_get(&server, &close, status);
    }
    let long = "Content-Length: 1048577\r\n";
    compare_head_with_get(&server, &format!(" /small.txt HTTP/1.1\r\nHost: a\r\n{long}\r\n"), 413);
}

#[test]
fn a_refused_head_request_gets_no_body_either() {
    // RFC 9110 section 9.3.2: the server MUST NOT send content in the response to HEAD.
    let server = patient();
    let fields = "X: y\r\n".repeat(100);
    for (rest, status) in [
        (" / HTTP/1.1\r\n\r\n".to_owned(), 400),
        (" / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n".to_owned(), 400),
        (" / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(), 400),
        (" / HTTP/1.1\r\nHost: a\r\nExpect: a-pony\r\n\r\n".to_owned(), 417),
        (format!(" / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"), 431),
        (" / HTTP/2.0\r\nHost: a\r\n\r\n".to_owned(), 505),
    ] {
        compare_head_with_get(&server, &rest, status);
    }
}
