//! The files of `--root`: which of them are served, exactly as they are on the disk now, and which are not.

#[path = "support/faults.rs"]
mod faults;
mod support;

use faults::fault;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;
use support::*;

/// How long a remembered file is served without asking the disk: [`shoutd::limits::FRESH`].
const FRESH: Duration = shoutd::limits::FRESH;

fn serve(folder: &Folder) -> Shoutd {
    Shoutd::start(&["--http", "0", "--keep-alive", "10m", "--root", folder.as_str()])
}

/// The status and the body of a reply to a GET.
fn body(server: &Shoutd, path: &str) -> (u16, Vec<u8>) {
    let response = get(server.http(), path);
    (response.status, response.body)
}

#[test]
fn directories_serve_their_index_and_redirect_to_their_slash() {
    let folder = Folder::new();
    folder.write("index.html", "top");
    folder.write("sub/index.html", "sub");
    folder.write("sub/deep er/index.html", "deep");
    folder.write("bare/file", "");
    let server = serve(&folder);
    for (path, expected) in
        [("/", "top"), ("/index.html", "top"), ("/sub/", "sub"), ("//sub//", "sub"), ("/sub/?q", "sub")]
    {
        assert_eq!(body(&server, path), (200, expected.into()), "{path}");
    }
    assert_eq!(get(server.http(), "/bare/").status, 404);
    for (path, location) in [
        ("/sub", "/sub/"),
        ("/bare", "/bare/"),
        ("//sub", "/sub/"),
        ("/sub?a=b&c=%20/", "/sub/?a=b&c=%20/"),
        ("/sub?", "/sub/?"),
        ("/sub/deep%20er?q=%0d%0aX:y", "/sub/deep%20er/?q=%0d%0aX:y"),
        ("http://other.example/sub?q", "/sub/?q"),
    ] {
        let response = get(server.http(), path);
        assert_eq!((response.status, response.field("Location")), (301, Some(location)), "{path}");
        assert_eq!(get(server.http(), location).status, if path == "/bare" { 404 } else { 200 });
    }
}

#[test]
fn files_of_every_size_arrive_byte_for_byte() {
    let folder = Folder::new();
    let sizes = [0, 1, 32_767, 32_768, 32_769, 65_536, 131_072, 131_073, 5_000_007];
    for size in sizes {
        folder.write(&format!("{size}.bin"), noise(size as u64, size));
    }
    let server = serve(&folder);
    let mut stream = connect(server.http());
    for size in sizes.into_iter().chain(sizes) {
        write!(stream, "GET /{size}.bin HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let response = read_response(&mut stream, false);
        assert_eq!((response.status, response.body.len()), (200, size));
        assert_eq!(response.field("Content-Type"), Some("application/octet-stream"));
        assert!(response.body == noise(size as u64, size), "{size} bytes, but others");
    }
}

#[test]
fn a_changed_file_is_served_anew_after_a_second() {
    let folder = Folder::new();
    let names = ["rewritten", "replaced", "deleted", "larger", "smaller", "made-folder", "404.html"];
    let before = |name| if name == "smaller" { noise(6, 40_000) } else { format!("old {name}").into_bytes() };
    for name in names {
        folder.write(name, before(name));
    }
    let server = serve(&folder);
    thread::sleep(FRESH + FRESH / 10); // for the second round: files whose change was long ago
    for name in names {
        assert_eq!(body(&server, &format!("/{name}")), (200, before(name)));
    }
    folder.write("rewritten", "new rewritten");
    // The same length and the same time, in another file.
    folder.write("other", "new replaced");
    let old = fs::metadata(folder.path().join("replaced")).unwrap().modified().unwrap();
    let other = File::options().write(true).open(folder.path().join("other")).unwrap();
    other.set_modified(old).unwrap();
    fs::rename(folder.path().join("other"), folder.path().join("replaced")).unwrap();
    fs::remove_file(folder.path().join("deleted")).unwrap();
    folder.write("larger", noise(7, 100_000));
    folder.write("smaller", "new smaller");
    fs::remove_file(folder.path().join("made-folder")).unwrap();
    folder.write("made-folder/index.html", "inside");
    folder.write("404.html", "new 404");
    // Being asked for all the time doesn't make a file fresh.
    for _ in 0..11 {
        get(server.http(), "/rewritten");
        thread::sleep(FRESH / 10);
    }
    assert_eq!(body(&server, "/rewritten"), (200, b"new rewritten".into()));
    assert_eq!(body(&server, "/replaced"), (200, b"new replaced".into()));
    assert_eq!(body(&server, "/deleted"), (404, b"new 404".into()));
    assert!(body(&server, "/larger") == (200, noise(7, 100_000)));
    assert_eq!(body(&server, "/smaller"), (200, b"new smaller".into()));
    assert_eq!(get(server.http(), "/made-folder").status, 301);
    // Changed again within the tick of a file system's clock, and back.
    folder.write("rewritten", "3rd rewritten");
    folder.write("deleted", "back again");
    thread::sleep(FRESH);
    assert_eq!(body(&server, "/rewritten"), (200, b"3rd rewritten".into()));
    assert_eq!(body(&server, "/deleted"), (200, b"back again".into()));
}

#[test]
fn a_file_that_shrinks_under_way_ends_its_connection() {
    let folder = Folder::new();
    folder.write("sparse", "");
    let file = File::options().write(true).open(folder.path().join("sparse")).unwrap();
    file.set_len(64 << 20).unwrap();
    let server = serve(&folder);
    let mut stream = connect(server.http());
    write!(stream, "GET /sparse HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let head = read_response(&mut stream, true);
    assert_eq!(head.field("Content-Length"), Some("67108864"));
    file.set_len(1 << 20).unwrap();
    let received = read_to_end(&mut stream).len();
    assert!(received < 64 << 20, "{received} bytes of a file of a megabyte");
    assert_eq!(get(server.http(), "/none").status, 404, "the server goes on");
}

#[test]
fn a_file_that_grows_under_way_is_sent_as_promised() {
    let folder = Folder::new();
    folder.write("log.bin", noise(8, 8_000_000));
    let server = serve(&folder);
    let mut stream = connect(server.http());
    stream.write_all(&b"GET /log.bin HTTP/1.1\r\nHost: a\r\n\r\n".repeat(2)).unwrap();
    let head = read_response(&mut stream, true);
    assert_eq!(head.field("Content-Length"), Some("8000000"));
    let mut file = File::options().append(true).open(folder.path().join("log.bin")).unwrap();
    file.write_all(b"one line more").unwrap();
    assert!(read_exactly(&mut stream, 8_000_000) == noise(8, 8_000_000));
    let next = read_response(&mut stream, false);
    assert!(next.status == 200 && next.body.starts_with(&noise(8, 8_000_000)));
}

#[test]
fn what_is_no_regular_file_is_missing_and_nothing_hangs() {
    let folder = Folder::new();
    folder.write("odd/index.html/x", "a directory of that name");
    let _socket = UnixListener::bind(folder.path().join("socket")).unwrap();
    for name in ["fifo", "pipes/index.html"] {
        fs::create_dir_all(folder.path().join("pipes")).unwrap();
        match Command::new("mkfifo").arg(folder.path().join(name)).status() {
            Ok(status) => assert!(status.success()),
            Err(error) => return skip(&format!("mkfifo: {error}")),
        }
    }
    let server = serve(&folder);
    for path in ["/fifo", "/pipes/", "/pipes/index.html", "/socket", "/odd/", "/fifo/", "/socket/x"] {
        assert_eq!(get(server.http(), path).status, 404, "{path}");
    }
    assert_eq!(get(server.http(), "/odd/index.html").status, 301);
}

#[test]
fn a_file_that_the_server_may_not_read_is_forbidden() {
    // Root may read everything, so the server runs as nobody, from a copy that nobody can execute.
    let (bin, folder) = (Folder::new(), Folder::new());
    let program = bin.path().join("shoutd");
    fs::copy(env!("CARGO_BIN_EXE_shoutd"), &program).unwrap();
    folder.write("open.txt", "open");
    folder.write("closed.txt", "closed");
    folder.write("locked/file.txt", "closed");
    let close = |name: &str| fs::set_permissions(folder.path().join(name), PermissionsExt::from_mode(0o000));
    close("closed.txt").unwrap();
    close("locked").unwrap();
    let mut start = Command::new(program);
    start.args(["--http", "0", "--root", folder.as_str()]).env_clear();
    start.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if File::open(folder.path().join("closed.txt")).is_ok() {
        start.uid(65_534).gid(65_534);
        if let Err(error) = Command::new("true").uid(65_534).gid(65_534).status() {
            return skip(&format!("becoming nobody: {error}"));
        }
    }
    let server = Shoutd::spawn(start);
    assert_eq!(body(&server, "/open.txt"), (200, b"open".into()));
    for path in ["/closed.txt", "/locked/file.txt", "/locked/none", "/locked/"] {
        let (status, body) = body(&server, path);
        assert_eq!((status, body), (403, b"403 Forbidden\n".into()), "{path}");
    }
    fs::set_permissions(folder.path().join("locked"), PermissionsExt::from_mode(0o700)).unwrap();
}

#[test]
fn dotfiles_are_hidden_except_for_well_known() {
    let folder = Folder::new();
    for name in [".env", ".git/config", "a/.htpasswd", ".well-known/.secret", "a/.well-known/x", "...", "..a"]
    {
        folder.write(name, "secret");
    }
    folder.write(".well-known/security.txt", "Contact: a");
    folder.write(".well-known/acme/token", "token");
    let server = serve(&folder);
    let hidden = "/.env /%2eenv //.env /.git/config /.git /.git/ /a/.htpasswd \
        /.well-known/.secret /.well-known/%2Esecret /a/.well-known/x /... /..a /. /..";
    for path in hidden.split(' ') {
        assert_eq!(body(&server, path), (404, b"404 Not Found\n".into()), "{path}");
    }
    assert_eq!(body(&server, "/.well-known/security.txt"), (200, b"Contact: a".into()));
    assert_eq!(body(&server, "/%2Ewell-known/acme/token"), (200, b"token".into()));
    assert_eq!(get(server.http(), "/.well-known").field("Location"), Some("/.well-known/"));
}

#[test]
fn rules_apply_where_no_file_is_and_are_not_served_themselves() {
    let folder = Folder::new();
    folder.write("real.txt", "real");
    folder.write("_headers", "/*\n  X-Secret: hush\n");
    let rules = "# moved\n\n/a /b # why\n/c /d 302\n/e https://example.org/x 308\n/real.txt /other\n\
        /caf%C3%A9 /tea 303\n/q /to?x=1 307\n/section /page#part\n";
    folder.write("_redirects", rules);
    let server = serve(&folder);
    for (path, status, location) in [
        ("/a", 301, "/b"),
        ("/a/", 301, "/b"),
        ("/a?q=1&r", 301, "/b?q=1&r"),
        ("/c", 302, "/d"),
        ("/e?q", 308, "https://example.org/x?q"),
        ("/caf%c3%a9", 303, "/tea"),
        ("/q?y=2", 307, "/to?x=1"),
        ("/section", 301, "/page#part"),
    ] {
        let response = get(server.http(), path);
        assert_eq!((response.status, response.field("Location")), (status, Some(location)), "{path}");
    }
    assert_eq!(body(&server, "/real.txt"), (200, b"real".into()));
    for path in ["/_redirects", "/_headers", "/%5fredirects", "//_redirects", "/_redirects/", "/_headers?q"] {
        assert_eq!(get(server.http(), path).status, 404, "{path}");
    }
}

#[test]
fn a_query_stays_before_the_fragment_of_a_destination() {
    let folder = Folder::new();
    folder.write("_redirects", "/section /page#part\n");
    let server = serve(&folder);
    assert_eq!(get(server.http(), "/section?q").field("Location"), Some("/page?q#part"));
}

#[test]
fn a_wrong_rule_keeps_the_server_from_starting_and_says_where_it_is() {
    for wrong in
        ["/a", "/a /b 201", "/a b", "/a //evil.example/", "/a javascript:x", "/*x /b", "a /b", "/a /b 301 c"]
    {
        let folder = Folder::new();
        folder.write("_redirects", format!("/fine /too\n{wrong}\n"));
        let mut child = command(&["--http", "0", "--root", folder.as_str()]).spawn().unwrap();
        assert_eq!(wait_for_end(&mut child), Some(1), "{wrong}");
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.stdout, b"", "{wrong}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.lines().count() == 1 && said.contains("_redirects, line 2: "), "{wrong}: {said}");
    }
}

#[test]
fn names_of_any_bytes_can_be_asked_for() {
    let folder = Folder::new();
    let names =
        b"a b.txt|\xc3\xbc\xf0\x9f\x98\x80.txt|100%.txt|what?.txt|#hash.txt|a+b&c=d.txt|back\\slash.txt|\
        quote\".txt|%41.txt|\xff\xfe.txt|<script>.txt";
    let names: Vec<&[u8]> = names.split(|&byte| byte == b'|').collect();
    for &name in &names {
        fs::write(folder.path().join(OsStr::from_bytes(name)), name).unwrap();
        let shelf = folder.path().join(OsStr::from_bytes(&[b"in ", name].concat()));
        fs::create_dir(&shelf).unwrap();
        fs::write(shelf.join("index.html"), name).unwrap();
    }
    let server = serve(&folder);
    for name in names {
        let encoded: String = name.iter().map(|byte| format!("%{byte:02x}")).collect();
        assert_eq!(body(&server, &format!("/{encoded}")), (200, name.into()), "{encoded}");
        let redirect = get(server.http(), &format!("/in%20{encoded}"));
        let location = redirect.field("Location").unwrap_or_else(|| panic!("{redirect:?}"));
        assert!(redirect.status == 301 && location.bytes().all(|byte| byte.is_ascii_graphic()), "{location}");
        assert_eq!(body(&server, location), (200, name.into()), "{location}");
    }
    assert_eq!(body(&server, "/\u{fc}\u{1f600}.txt").0, 200, "UTF-8 as it is");
    assert_eq!(body(&server, "/A.txt").0, 404, "%41 is decoded once");
}

#[test]
fn more_files_than_are_remembered_are_served_right_with_few_descriptors() {
    let folder = Folder::new();
    let sizes = (0..300).map(|n| 30_000 + n).chain((0..40).map(|n| 33_000 + n));
    let files: Vec<(String, usize)> = sizes.map(|size| (format!("{size}"), size)).collect();
    files.iter().for_each(|(name, size)| folder.write(name, noise(*size as u64, *size)));
    let server = serve(&folder);
    let mut stream = connect(server.http());
    write!(stream, "GET /none HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert_eq!(read_response(&mut stream, false).status, 404);
    let (before, memory) = (server.descriptors(), server.resident());
    for (name, size) in files.iter().chain(&files).chain(files.iter().rev()) {
        write!(stream, "GET /{name} HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let response = read_response(&mut stream, false);
        assert!(response.status == 200 && response.body == noise(*size as u64, *size), "{name}");
        let open = server.descriptors() - before;
        assert!(open <= shoutd::limits::OPEN_FILES + 1, "{open} files are held open");
    }
    // All of them are 10 MB; 4 MiB may be remembered.
    let grown = server.resident().saturating_sub(memory);
    assert!(grown < 8 * 1024, "{grown} KiB more");
    let last = &files[files.len() - 1].0;
    assert_eq!(get(server.http(), &format!("/{last}")).status, 200);
    // What is held open is let go, so that deleting a file gives its place on the disk back.
    files.iter().for_each(|(name, _)| fs::remove_file(folder.path().join(name)).unwrap());
    server.wait_for_descriptors(before);
}

#[test]
fn what_cannot_be_read_now_is_not_taken_for_missing() {
    let folder = Folder::new();
    folder.write("app.html", "the application");
    folder.write("a.css", "plain");
    folder.write("a.css.gz", "packed");
    folder.write("_redirects", "/app/* /app.html 200\n");
    let server = serve(&folder);
    // The rule files are looked at first, as a second is over; then comes what was asked for.
    for (path, error, call, status, said) in [
        ("/app/x", "EMFILE", 4, 503, "/app.html can't be served: Too many open files"),
        ("/app/x", "EIO", 4, 500, "/app.html can't be served: Input/output error"),
        ("/a.css", "EIO", 3, 500, "/a.css can't be served: Input/output error"),
        ("/a.css", "EIO", 6, 200, "/a.css.gz can't be served: Input/output error"),
        ("/none", "EIO", 4, 404, "/404.html can't be served: Input/output error"),
    ] {
        thread::sleep(FRESH + FRESH / 10);
        let Some(_fault) = fault(&server, &format!("openat2:error={error}:when={call}")) else { return };
        assert_eq!(get(server.http(), path).status, status, "{path} {error}");
        server.wait_for_log(said);
    }
    assert_eq!(body(&server, "/app/x"), (200, b"the application".into()));
}
