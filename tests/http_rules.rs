//! The rule files of a site, and `POST /upper`: what is answered besides files.

mod support;

use std::io::{BufReader, Read, Write};
use std::sync::mpsc::RecvTimeoutError;
use support::*;

fn start(folder: &Folder) -> Shoutd {
    Shoutd::start(&["--http", "0", "--root", folder.as_str()])
}

#[test]
fn redirects_rewrites_and_forced_rules() {
    let folder = Folder::new();
    folder.write("file.txt", "a file");
    folder.write("app.html", "the application");
    folder.write("gone.html", "gone for good");
    folder.write(
        "_redirects",
        "/file.txt /elsewhere\n/forced.txt /elsewhere 302!\n/blog/:year/* /news/:year/:splat 308\n\
         /old/* /gone.html 410\n/app/* /app.html 200\n/out/* https://example.org/:splat 307\n",
    );
    folder.write("forced.txt", "never seen");
    let server = start(&folder);
    assert_eq!(get(server.http(), "/file.txt").body, b"a file", "files go before rules");
    for (path, status, location) in [
        ("/forced.txt", 302, "/elsewhere"),
        ("/blog/2026/a%20b/?x=1", 308, "/news/2026/a%20b/?x=1"),
        ("/out//evil.example", 307, "https://example.org/evil.example"),
    ] {
        let response = get(server.http(), path);
        assert_eq!((response.status, response.field("location")), (status, Some(location)), "{path}");
    }
    let rewritten = get(server.http(), "/app/any/route");
    assert_eq!((rewritten.status, rewritten.body.as_slice()), (200, &b"the application"[..]));
    let gone = get(server.http(), "/old/page");
    assert_eq!((gone.status, gone.body.as_slice()), (410, &b"gone for good"[..]));
    for hidden in ["/_redirects", "/_headers", "/nope"] {
        assert_eq!(get(server.http(), hidden).status, 404, "{hidden}");
    }
}

#[test]
fn headers_are_added_and_replace_our_own() {
    let folder = Folder::new();
    folder.write("index.html", "<p>page");
    folder.write("data.json", "{}");
    folder.write("_headers", "/*\n  X-Frame-Options: DENY\n/data.json\n  Cache-Control: max-age=60\n  Content-Type: text/x-mine\n/\n  Cache-Control: public\n");
    let server = start(&folder);
    let page = get(server.http(), "/");
    assert_eq!((page.field("x-frame-options"), page.field("cache-control")), (Some("DENY"), Some("public")));
    let data = get(server.http(), "/data.json");
    assert_eq!(
        (data.field("content-type"), data.field("cache-control")),
        (Some("text/x-mine"), Some("max-age=60"))
    );
    assert_eq!(
        get(server.http(), "/index.html").field("cache-control"),
        Some("no-cache"),
        "pages revalidate"
    );
}

#[test]
fn rules_take_effect_without_a_restart_and_mistakes_change_nothing() {
    let folder = Folder::new();
    folder.write("_redirects", "/a /one\n");
    let server = start(&folder);
    let location = || get(server.http(), "/a").field("location").map(str::to_owned);
    assert_eq!(location().as_deref(), Some("/one"));
    folder.write("_redirects", "/a /two\n");
    eventually(|| location().as_deref() == Some("/two"), || format!("{:?}", location()));
    folder.write("_redirects", "/a /three\n/b\n");
    // The mistake is found at a request, a second after the last look.
    let logged = std::thread::spawn({
        let address = server.http();
        move || {
            for _ in 0..30 {
                get(address, "/a");
                std::thread::sleep(std::time::Duration::from_millis(100)); // the time of a look is what is tested
            }
        }
    });
    let line = server.wait_for_log("_redirects, line 2");
    assert!(line.contains("stay as they were"), "{line}");
    logged.join().unwrap();
    assert_eq!(location().as_deref(), Some("/two"));
    folder.write("_headers", "/*\n  X-New: yes\n");
    folder.write("_redirects", "/a /four\n");
    eventually(|| location().as_deref() == Some("/four"), || format!("{:?}", location()));
}

#[test]
fn a_mistake_at_start_is_an_error_with_its_line() {
    for (name, text, expected) in [
        ("_redirects", "/ok /fine\n/a //evil.example\n", "_redirects, line 2"),
        ("_headers", "/a\n  Content-Length: 5\n", "_headers, line 2"),
        ("_headers", "/a\n  X-A: b\n  Basic-Auth: tea:cup\n", "_headers, line 3: Basic-Auth isn't supported"),
        ("_headers", "/a\n  cookie: a=b\n", "_headers, line 2: this is a field of requests"),
        (
            "_headers",
            &format!("/a/*\n  X: {}\n", ":splat".repeat(40)),
            "_headers, line 2: more than 32 times",
        ),
        (
            "_redirects",
            &format!("/x/* /{}\n", ":splat".repeat(40_000)),
            "_redirects, line 1: longer than 8192",
        ),
        (
            "_headers",
            &format!("/a\n  X: y\n/*\n{}", format!("  X: {}\n", "x".repeat(2000)).repeat(100)),
            "_headers, line 12: with this there is a path whose fields have more than 16384 bytes",
        ),
        ("_redirects", &format!("/a /b\n/x/:y /{}\n", ":y".repeat(33)), "_redirects, line 2: more than 32"),
    ] {
        let folder = Folder::new();
        folder.write(name, text);
        let mut child = Killed(command(&["--http", "0", "--root", folder.as_str()]).spawn().unwrap());
        assert_eq!(wait_for_end(&mut child.0), Some(1), "{expected}");
        let mut stderr = String::new();
        child.0.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert!(stderr.contains(expected) && stderr.lines().count() == 1, "{stderr}");
    }
}

fn upper(address: std::net::SocketAddr, fields: &str, body: &[u8]) -> Response {
    exchange(address, [format!("POST /upper HTTP/1.1\r\nHost: a\r\n{fields}\r\n").as_bytes(), body].concat())
}

#[test]
fn bodies_come_back_in_capitals() {
    let server = Shoutd::start(&["--http", "0"]);
    let response = upper(server.http(), "Content-Length: 7\r\n", b"hello\0!");
    assert_eq!((response.status, response.body.as_slice()), (200, &b"HELLO\0!"[..]));
    assert_eq!(get(server.http(), "/upper").field("allow"), Some("POST, OPTIONS"));

    let mut stream = connect(server.http());
    stream.write_all(b"POST /upper HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
    stream.write_all(b"3;x\r\nabc\r\n0\r\nT: r\r\n\r\n").unwrap();
    stream.write_all(b"GET /upper HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let all = String::from_utf8(read_to_end(&mut stream)).unwrap();
    assert!(all.contains("Transfer-Encoding: chunked\r\n\r\n3\r\nABC\r\n0\r\n\r\nHTTP/1.1 405 "), "{all}");
}

#[test]
fn a_large_body_streams_in_constant_memory() {
    let server = Shoutd::start(&["--http", "0"]);
    upper(server.http(), "Content-Length: 1\r\n", b"x");
    let before = server.resident();
    let length = 64 << 20;
    let mut stream = connect(server.http());
    let mut sending = stream.try_clone().unwrap();
    let sender = std::thread::spawn(move || {
        let head = format!("POST /upper HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
        sending.write_all(head.as_bytes()).unwrap();
        let piece = vec![b'q'; 1 << 20];
        (0..length / piece.len()).for_each(|_| sending.write_all(&piece).unwrap());
    });
    let response = read_response(&mut stream, false);
    sender.join().unwrap();
    assert!(response.body.len() == length && response.body.iter().all(|&byte| byte == b'Q'));
    let growth = server.resident().saturating_sub(before);
    assert!(growth < 1024, "the server grew by {growth} KiB");
}

#[test]
fn the_uppercase_service_yields_to_a_file_and_can_be_turned_off() {
    let folder = Folder::new();
    folder.write("upper", "a file of that name");
    let server = start(&folder);
    assert_eq!(
        upper(server.http(), "Content-Length: 1\r\n", b"x").field("allow"),
        Some("GET, HEAD, OPTIONS")
    );
    assert_eq!(get(server.http(), "/upper").body, b"a file of that name");
    let off = Shoutd::start(&["--http", "0", "--no-upper"]);
    assert_eq!(upper(off.http(), "Content-Length: 1\r\n", b"x").status, 405);
    assert_eq!(get(off.http(), "/upper").status, 404);
}

#[test]
fn malformed_chunks_never_reach_a_second_request() {
    let server = Shoutd::start(&["--http", "0"]);
    for body in ["zz\r\n", "5\nhello", "1\r\nabc", "10000000000000000\r\n", "1\r\na\n0\r\n\r\n"] {
        let mut stream = connect(server.http());
        let request = format!(
            "POST /upper HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}GET / HTTP/1.1\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let all = String::from_utf8(read_to_end(&mut stream)).unwrap();
        assert_eq!(all.matches("HTTP/1.1 ").count(), 1, "{body:?}: {all}");
        assert!(all.starts_with("HTTP/1.1 400 ") || !all.ends_with("0\r\n\r\n"), "{body:?}: {all}");
    }
}

#[test]
fn no_rewrite_leads_to_what_is_not_served() {
    let folder = Folder::new();
    folder.write("index.html", "the start");
    folder.write(".hidden", "a secret");
    folder.write("_headers", "/*\n  X-A: b\n");
    folder.write("_redirects", "/raw/* /:splat 200\n/h /.hidden 200\n/gone /_headers 410\n");
    let server = start(&folder);
    for path in ["/raw/_redirects", "/raw/_headers", "/raw/.hidden", "/h"] {
        assert_eq!(get(server.http(), path).status, 404, "{path}");
    }
    let gone = get(server.http(), "/gone");
    assert_eq!((gone.status, gone.body.as_slice()), (410, &b"410 Gone\n"[..]));
    assert_eq!(get(server.http(), "/raw/index.html").body, b"the start");
}

#[test]
fn a_rule_adds_to_vary_and_keeps_cookies_apart() {
    let folder = Folder::new();
    folder.write("a.txt", "plain");
    folder.write("a.txt.gz", "packed");
    folder.write("_headers", "/*\n  Vary: X-Y\n  Set-Cookie: a=1\n  Set-Cookie: b=2\n");
    let server = start(&folder);
    let request = "GET /a.txt HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n";
    let reply = String::from_utf8(conversation(server.http(), request)).unwrap();
    for line in
        ["Content-Encoding: gzip", "Vary: X-Y", "Vary: Accept-Encoding", "Set-Cookie: a=1", "Set-Cookie: b=2"]
    {
        assert!(reply.contains(&format!("\r\n{line}\r\n")), "{line} is missing: {reply}");
    }
}

#[test]
fn the_uppercase_service_has_one_path_however_it_is_written() {
    let folder = Folder::new();
    folder.write("_redirects", "/elsewhere /x\n");
    let server = start(&folder);
    let post = |target: &str| {
        let request = format!("POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
        exchange(server.http(), request)
    };
    for target in ["/upper", "/upper?x", "http://a/upper", "/%75pper", "/u%70per", "//upper"] {
        assert_eq!(post(target).body, b"ABC", "{target}");
    }
    for target in ["/upper/", "/upperx", "/Upper", "/a/upper"] {
        assert_eq!(post(target).status, 405, "{target}");
    }
    let other = Folder::new();
    other.write("_redirects", "/upper /x 302!\n");
    let server = start(&other);
    assert_eq!(get(server.http(), "/upper").field("Location"), Some("/x"));
}

#[test]
fn what_a_rule_makes_of_a_path_is_bounded() {
    let folder = Folder::new();
    folder.write(
        "_redirects",
        format!("/x/* /{}\n/y/* /app.html?{} 200\n", ":splat".repeat(32), ":splat".repeat(32)),
    );
    folder.write("_headers", format!("/*\n{}", format!("  X: {}\n", ":splat".repeat(32)).repeat(30)));
    let long = "d".repeat(200);
    folder.write(&format!("{long}/{long}/{long}"), "hello");
    folder.write("short", "hello");
    let server = start(&folder);
    let path = format!("/x/{}", "y".repeat(7900));
    assert_eq!(get(server.http(), &path).status, 414);
    assert_eq!(get(server.http(), &path.replace("/x", "/y")).status, 414);
    let before = server.peak();
    let ticks = server.cpu_ticks();
    for _ in 0..100 {
        assert_eq!(get(server.http(), &path).status, 414);
    }
    let (grown, ticks) = (server.peak() - before, server.cpu_ticks() - ticks);
    assert!(grown < 1024 && ticks < 100, "{grown} KiB and {ticks} hundredths of a second for 100 requests");
    assert_eq!(get(server.http(), "/short").field("x").map(str::len), Some(30 * 160 + 29 * 2));
    assert_eq!(get(server.http(), &format!("/{long}/{long}/{long}")).status, 414);
    server.wait_for_log("the rules make more than 16384 bytes of it");
    assert_eq!(get(server.http(), "/x/ab").field("location").map(str::len), Some(1 + 64));
}

#[test]
fn fields_that_are_too_many_for_every_path_are_no_change() {
    let folder = Folder::new();
    folder.write("index.html", "hello");
    let fields = |count| format!("/*\n{}", format!("  X: {}\n", "x".repeat(2000)).repeat(count));
    folder.write("_headers", fields(8));
    let server = start(&folder);
    let all = || get(server.http(), "/").field("x").map(str::len);
    assert_eq!(all(), Some(8 * 2000 + 7 * 2));
    folder.write("_headers", fields(9));
    // Only requests have it look.
    let (over, is_over) = std::sync::mpsc::channel::<()>();
    let address = server.http();
    let asking = std::thread::spawn(move || {
        while is_over.recv_timeout(std::time::Duration::from_millis(50)) == Err(RecvTimeoutError::Timeout) {
            get(address, "/");
        }
    });
    let line = server.wait_for_log("_headers, line 10: with this there is a path");
    assert!(line.contains("stay as they were"), "{line}");
    drop(over);
    asking.join().unwrap();
    assert_eq!(all(), Some(8 * 2000 + 7 * 2));
    folder.write("_headers", fields(3));
    eventually(|| all() == Some(3 * 2000 + 2 * 2), || format!("{:?}", all()));
}

#[test]
fn a_request_costs_little_more_however_many_rules_there_are() {
    let rules: String = (0..2000).map(|n| format!("/w{n}/:a/* /x{n}/:a/:splat 302\n")).collect();
    let many: String = (0..1000).map(|n| format!("{}/{n} /x 302\n", "/:a".repeat(20))).collect();
    let time = |rules: &str, path: &str, status| {
        let folder = Folder::new();
        folder.write("_redirects", rules);
        let server = Shoutd::start(&["--http", "0", "--root", folder.as_str(), "--keep-alive", "1h"]);
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").repeat(200);
        let mut stream = BufReader::new(connect(server.http()));
        // The least of several: others use this machine as well.
        let rounds = (0..20).map(|_| {
            let start = std::time::Instant::now();
            stream.get_mut().write_all(request.as_bytes()).unwrap();
            for _ in 0..200 {
                assert_eq!(read_response(&mut stream, false).status, status, "{path}");
            }
            start.elapsed()
        });
        rounds.min().unwrap()
    };
    let none = time("", "/w1999/b/c", 404);
    let last = time(&rules, "/w1999/b/c", 302);
    let deep = time(&many, &format!("{}/999", "/b".repeat(20)), 302);
    let miss = time(&many, &format!("{}/1000", "/b".repeat(20)), 404);
    for (what, time) in
        [("the last of 2000", last), ("the last of 1000 with 20 placeholders", deep), ("none of them", miss)]
    {
        eprintln!("{what}: {time:?}; {none:?} without rules");
        assert!(time < none * 10, "{what} takes {time:?} for 200 requests, {none:?} without rules");
    }
}
