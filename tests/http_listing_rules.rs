//! How a listing is asked for and answered, and how it lives with the index files, rules and permissions of
//! a site.

#[path = "support/faults.rs"]
mod faults;
#[path = "support/listings.rs"]
mod listings;
mod support;

use faults::fault;
use listings::{asking, json, listing, page, rows_of_json, rows_of_page};
use std::fs;
use std::io::{BufReader, ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use support::*;

fn start(folder: &Folder) -> Shoutd {
    Shoutd::start(&["--http", "0", "--root", folder.as_str(), "--autoindex", "--keep-alive", "1h"])
}

#[test]
fn a_listing_is_asked_for_like_any_file() {
    let folder = Folder::new();
    folder.write("d/a.txt", "hello");
    folder.write("404.html", "<p>lost");
    let server = start(&folder);
    for (accept, is_json) in [
        ("application/json", true),
        ("text/html;q=0.9, application/json", true),
        ("application/json, */*;q=0.1", true),
        ("text/html, application/json", false),
        ("text/html,application/xhtml+xml,*/*;q=0.8", false),
        ("*/*", false),
        ("", false),
        ("application/json;q=0", false),
    ] {
        let (head, text) = listing(server.http(), "/d/", accept);
        assert_eq!(text.starts_with('['), is_json, "{accept}");
        let kind = if is_json { "application/json" } else { "text/html; charset=utf-8" };
        assert_eq!(head.field("content-type"), Some(kind));
        for (name, value) in [("vary", Some("Accept")), ("cache-control", Some("no-cache")), ("etag", None)] {
            assert_eq!(head.field(name), value, "{name}");
        }
        assert_eq!(head.field("content-length"), None);
        // HEAD is the same but for the body, and its connection goes on.
        let mut stream = connect(server.http());
        let request = asking("/d/", accept).replace("GET", "HEAD");
        stream.write_all(request.repeat(2).as_bytes()).unwrap();
        for _ in 0..2 {
            let answer = read_response(&mut stream, true);
            let stripped = |head: &Response| undated(head.head.clone().into_bytes());
            assert_eq!(stripped(&answer), stripped(&head));
        }
    }
    // HTTP/1.0 knows no chunks: the close is the end, even where it asks to keep the connection.
    let reply = conversation(
        server.http(),
        "GET /d/ HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /d/ HTTP/1.0\r\n\r\n",
    );
    let text = String::from_utf8(reply).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("\r\nConnection: close") && !head.contains("Transfer-Encoding"), "{head}");
    assert_eq!(rows_of_page(body).len(), 1);
    // Ranges and conditions are for files.
    let ranged = "GET /d/ HTTP/1.1\r\nHost: a\r\nRange: bytes=0-3\r\nIf-None-Match: *\r\nAccept: */*\r\n\r\n";
    let mut stream = connect(server.http());
    stream.write_all(ranged.as_bytes()).unwrap();
    assert_eq!(read_response(&mut stream, true).status, 200);
    assert_eq!(rows_of_page(&String::from_utf8(read_chunked(&mut stream)).unwrap()).len(), 1);
    assert_eq!(
        exchange(server.http(), "POST /d/ HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").status,
        405
    );
}

#[test]
fn listings_and_files_can_be_pipelined() {
    let folder = Folder::new();
    for n in 0..2000 {
        folder.write(&format!("d/{n:04}"), "hello");
    }
    folder.write("large.bin", noise(3, 200_000));
    let server = start(&folder);
    let mut stream = BufReader::new(connect(server.http()));
    let get = "GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n";
    let requests = [asking("/d/", "*/*"), asking("/d/", "application/json"), get.to_owned()].concat();
    stream.get_mut().write_all(requests.repeat(3).as_bytes()).unwrap();
    for _ in 0..3 {
        assert_eq!(read_response(&mut stream, true).status, 200);
        let text = String::from_utf8(read_chunked(&mut stream)).unwrap();
        assert_eq!(rows_of_page(&text).len(), 2000);
        assert_eq!(read_response(&mut stream, true).field("content-type"), Some("application/json"));
        let text = String::from_utf8(read_chunked(&mut stream)).unwrap();
        assert_eq!(rows_of_json(&text).len(), 2000);
        assert!(read_response(&mut stream, false).body == noise(3, 200_000));
    }
}

#[test]
fn index_files_and_rules_go_before_a_listing_or_behind_it() {
    let folder = Folder::new();
    for name in ["with/index.html", "without/a", "without/sub/b", "forced/c", "upper/d"] {
        folder.write(name, "hello");
    }
    folder.write("app.html", "the application");
    folder.write("_redirects", "/forced/* /app.html 200!\n/without/old /app.html 302\n/* /app.html 200\n");
    folder.write("_headers", "/without/*\n  X-Mine: yes\n  Cache-Control: max-age=5\n");
    let server = start(&folder);
    assert_eq!(get(server.http(), "/with/").body, b"hello");
    for path in ["/forced/", "/none/", "/without/none", "/without/none/"] {
        assert_eq!(get(server.http(), path).body, b"the application", "{path}");
    }
    let (head, text) = listing(server.http(), "/without/", "*/*");
    assert_eq!(rows_of_page(&text).len(), 2);
    assert_eq!((head.field("x-mine"), head.field("cache-control")), (Some("yes"), Some("max-age=5")));
    assert_eq!(get(server.http(), "/without").field("location"), Some("/without/"));
    assert_eq!(get(server.http(), "/without/sub?x").field("location"), Some("/without/sub/?x"));
    assert_eq!(page(server.http(), "/upper/").len(), 1);

    let quiet = Shoutd::start(&["--http", "0", "--root", folder.as_str()]);
    assert_eq!(get(quiet.http(), "/without/").body, b"the application");
    fs::remove_file(folder.path().join("_redirects")).unwrap();
    eventually(|| get(quiet.http(), "/without/").status == 404, || "it is listed without --autoindex".into());
    assert_eq!(get(quiet.http(), "/without").status, 301);
}

#[test]
fn a_directory_that_may_not_be_read_is_forbidden_and_one_that_may_not_be_entered_is_too() {
    // Root may read everything, so the server runs as nobody, from a copy that nobody can execute.
    let (bin, folder) = (Folder::new(), Folder::new());
    let program = bin.path().join("shoutd");
    fs::copy(env!("CARGO_BIN_EXE_shoutd"), &program).unwrap();
    let dirs = [("open", 0o755), ("unread", 0o311), ("unentered", 0o444), ("closed", 0o000)];
    let allow = |name: &str, mode| {
        fs::set_permissions(folder.path().join(name), PermissionsExt::from_mode(mode)).unwrap();
    };
    for (name, mode) in dirs {
        folder.write(&format!("{name}/a"), "hello");
        allow(name, mode);
    }
    let mut start = Command::new(program);
    start.args(["--http", "0", "--autoindex", "--root", folder.as_str()]).env_clear();
    start.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if fs::read_dir(folder.path().join("closed")).is_ok() {
        start.uid(65_534).gid(65_534);
        if let Err(error) = Command::new("true").uid(65_534).gid(65_534).status() {
            return skip(&format!("becoming nobody: {error}"));
        }
    }
    let server = Shoutd::spawn(start);
    assert_eq!(page(server.http(), "/open/").len(), 1);
    for path in ["/unread/", "/unentered/", "/closed/"] {
        let answer = get(server.http(), path);
        assert_eq!((answer.status, answer.body.as_slice()), (403, &b"403 Forbidden\n"[..]), "{path}");
    }
    assert_eq!(get(server.http(), "/unread/a").body, b"hello");
    assert_eq!(page(server.http(), "/").len(), 4);
    dirs.iter().for_each(|(name, _)| allow(name, 0o755));
}

#[test]
fn an_interrupted_call_is_made_again() {
    let folder = Folder::new();
    for n in 0..500 {
        folder.write(&format!("d/{n:04}"), "hello");
        std::os::unix::fs::symlink(format!("{n:04}"), folder.path().join(format!("d/link-{n:04}"))).unwrap();
    }
    for call in ["getdents64", "openat2", "fstat", "newfstatat", "read"] {
        for when in ["1", "1+3", "2+2"] {
            let server = start(&folder);
            let Some(_fault) = fault(&server, &format!("{call}:error=EINTR:when={when}")) else { return };
            assert_eq!(page(server.http(), "/d/").len(), 1000, "{call} {when}");
            assert_eq!(get(server.http(), "/d/0007").body, b"hello", "{call} {when}");
            assert_eq!(server.said(), Vec::<String>::new());
        }
    }
}

#[test]
fn a_call_that_is_always_interrupted_holds_nobody() {
    let folder = Folder::new();
    folder.write("d/a", "hello");
    let server = start(&folder);
    let interrupted = fault(&server, "getdents64:error=EINTR");
    if interrupted.is_none() {
        return;
    }
    let reply = conversation(server.http(), asking("/d/", "*/*"));
    assert!(!reply.ends_with(b"0\r\n\r\n"), "it breaks off");
    // Where the close is the end, this must be none.
    let mut stream = connect(server.http());
    stream.write_all(b"GET /d/ HTTP/1.0\r\n\r\n").unwrap();
    let end = stream.read_to_end(&mut Vec::new()).map_err(|error| error.kind());
    assert_eq!(end, Err(ErrorKind::ConnectionReset));
    server.wait_for_log("/d/ can't be listed: Interrupted");
    drop(interrupted);
    for call in ["openat2", "read"] {
        let _interrupted = fault(&server, &format!("{call}:error=EINTR"));
        assert_eq!(get(server.http(), "/d/a").status, 503, "{call}");
        server.wait_for_log("/d/a can't be served: Interrupted");
    }
    assert_eq!(get(server.http(), "/d/a").body, b"hello");
}

#[test]
fn what_cannot_be_looked_at_is_shown_or_told_and_never_left_out_in_silence() {
    let folder = Folder::new();
    for n in 0..100 {
        folder.write(&format!("d/{n:04}"), "hello");
    }
    std::os::unix::fs::symlink("0001", folder.path().join("d/link")).unwrap();
    let server = start(&folder);
    let stat = fault(&server, "newfstatat,statx:error=EIO");
    if stat.is_none() {
        return;
    }
    let (_, text) = listing(server.http(), "/d/", "*/*");
    assert_eq!(text.matches("<tr><td><a href=").count(), 101, "{text}");
    assert_eq!(listing(server.http(), "/d/", "application/json").1.matches("\"name\":").count(), 101);
    drop(stat);
    // Ten lines tell of two hundred troubles, and another one how many more there were.
    let said: Vec<String> = (0..10).map(|_| server.stderr_line()).collect();
    assert!(said.iter().all(|line| line.contains("can't be looked at: Input/output error")), "{said:?}");
    server.wait_for_log("190 more complaints");
    // The rule files are looked at, then the index, the directory, and the link.
    let _open = fault(&server, "openat2:error=EMFILE:when=5");
    let (_, text) = listing(server.http(), "/d/", "*/*");
    assert_eq!(rows_of_page(&text).len(), 100, "{text}");
    assert!(text.contains("1 more can't be read now."), "{text}");
    server.wait_for_log("/d/link can't be listed: Too many open files");
    assert_eq!(json(server.http(), "/d/").len(), 101);
}
