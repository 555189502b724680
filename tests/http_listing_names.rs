//! What a listing shows, and as what: names of any bytes, what is left out, and paths of any depth.

#[path = "support/listings.rs"]
mod listings;
mod support;

use listings::{json, listing, page, rows_of_page};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant, UNIX_EPOCH};
use support::*;

fn start(folder: &Folder) -> Shoutd {
    Shoutd::start(&["--http", "0", "--root", folder.as_str(), "--autoindex", "--keep-alive", "1h"])
}

/// Decodes %XX, which every other byte of a link must be.
fn decode(href: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = href.bytes();
    while let Some(byte) = rest.next() {
        let plain = byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/".contains(&byte);
        assert!(plain || byte == b'%', "{href}");
        if byte == b'%' {
            let digits = [rest.next().unwrap(), rest.next().unwrap()];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
        } else {
            bytes.push(byte);
        }
    }
    bytes
}

fn evil_names() -> Vec<Vec<u8>> {
    let mut names: Vec<Vec<u8>> = [
        "<script>alert(1)<|script>",
        "\"quoted\"",
        "'quoted'",
        "a&amp;b",
        "a&b",
        "&#39;",
        "100%",
        "%41",
        "%2e%2e",
        "what?",
        "#hash",
        "c:colon",
        "javascript:alert(1)",
        "data:text",
        " leading",
        "trailing ",
        "a b",
        "back\\slash",
        "a;b=c",
        "+plus",
        "*",
        "~",
        "[x]{y}",
        "`",
        "|",
        "^",
        "\u{e9}",
        "\u{1f600}",
        "\u{202e}gnp.exe",
        "\u{2028}",
        "\u{85}",
        "--",
        "-->",
        "]]>",
        "</td></table>",
        "\" onclick=\"x",
        "a..b",
        "{{x}}",
        "${x}",
        "\u{feff}",
        "upper",
        "_redirect",
        "null",
    ]
    .iter()
    .map(|name| name.replace('/', "\u{2215}").into_bytes())
    .collect();
    names.extend(
        [&b"\xff\xfe"[..], b"caf\xe9", b"\xed\xa0\x80", b"\x80<\xc3", b"\xc0\xaf"].map(<[u8]>::to_vec),
    );
    names.extend([b'"', b'\'', b'&', b'<', b'%', b'\\', 0xff, b' '].map(|byte| vec![byte; 255]));
    names
}

#[test]
fn names_of_any_bytes_are_shown_as_text_and_their_links_lead_to_them() {
    let folder = Folder::new();
    let names = evil_names();
    for (n, name) in names.iter().enumerate() {
        let place = folder.path().join("<d'i\"r&%>");
        fs::create_dir_all(&place).unwrap();
        let path = place.join(OsStr::from_bytes(name));
        if n % 3 == 2 {
            fs::create_dir(&path).unwrap();
            fs::write(path.join("inside"), name).unwrap();
        } else {
            fs::write(path, name).unwrap();
        }
    }
    let server = start(&folder);
    let base = "/%3Cd%27i%22r%26%25%3E/";
    let (head, text) = listing(server.http(), base, "*/*");
    assert_eq!(head.field("content-type"), Some("text/html; charset=utf-8"));
    let title = "<title>/&lt;d&#39;i&quot;r&amp;%&gt;/</title>";
    assert!(text.contains(title) && !text.to_ascii_lowercase().contains("<script"), "{text}");
    let (rows, of_json) = (rows_of_page(&text), json(server.http(), base));
    assert_eq!(rows.len(), names.len());
    let mut found = BTreeSet::new();
    for (row, of_json) in rows.iter().zip(&of_json) {
        let relative = row.href.strip_prefix("./").expect("a link that can't begin a scheme");
        let name = decode(relative.trim_end_matches('/'));
        assert_eq!(row.text, String::from_utf8_lossy(&name), "{row:?}");
        assert_eq!(
            (&of_json.text, of_json.is_directory, of_json.size),
            (&row.text, row.is_directory, row.size)
        );
        let target = format!("{base}{relative}{}", if row.is_directory { "inside" } else { "" });
        let answer = get(server.http(), &target);
        assert_eq!((answer.status, answer.body.as_slice()), (200, name.as_slice()), "{target}");
        assert!(row.is_directory || row.size == Some(name.len() as u64), "{row:?}");
        found.insert(name);
    }
    assert_eq!(found, names.into_iter().collect());
}

#[test]
fn what_would_not_be_served_is_not_listed() {
    let folder = Folder::new();
    let path = |name: &str| folder.path().join(name);
    for name in [
        "seen.txt",
        "dir/seen.txt",
        "dir/_redirects",
        "dir/_headers",
        ".hidden",
        "dir/.hidden",
        ".well-known/seen",
    ] {
        folder.write(name, "hello");
    }
    for name in ["..2", "line\nend", "tab\t", "esc\x1b[2J", "\r", "del\x7f", "nul\x01"] {
        folder.write(name, "hello");
    }
    folder.write("_redirects", "/gone /dir/ 301\n");
    folder.write("_headers", "/dir/*\n  X-Mine: yes\n");
    let _socket = UnixListener::bind(path("socket")).unwrap();
    match Command::new("mkfifo").arg(path("fifo")).status() {
        Ok(status) => assert!(status.success()),
        Err(error) => return skip(&format!("mkfifo: {error}")),
    }
    let outside = Folder::new();
    outside.write("secret", "secret");
    for (name, to) in [
        ("link-file", PathBuf::from("seen.txt")),
        ("link-dir", "dir".into()),
        ("dir/link-up", "../seen.txt".into()),
        ("link-fifo", "fifo".into()),
        ("link-dangling", "nowhere".into()),
        ("link-loop", "link-loop".into()),
        ("link-out", outside.path().join("secret")),
        ("link-out-dir", outside.path().into()),
        ("link-above", "..".into()),
        ("link-absolute", path("seen.txt")),
        ("link-proc", "/proc/self/environ".into()),
    ] {
        symlink(to, path(name)).unwrap();
    }
    let server = start(&folder);
    let shown =
        |at: &str| -> Vec<String> { page(server.http(), at).into_iter().map(|row| row.href).collect() };
    assert_eq!(shown("/"), ["./dir/", "./link-dir/", "./link-file", "./seen.txt"]);
    assert_eq!(shown("/dir/"), ["./_headers", "./_redirects", "./link-up", "./seen.txt"]);
    assert_eq!(shown("/link-dir/"), shown("/dir/"));
    assert_eq!(shown("/.well-known/"), ["./seen"]);
    let sizes: Vec<_> = json(server.http(), "/").into_iter().map(|row| row.size).collect();
    assert_eq!(sizes, [None, None, Some(5), Some(5)], "of what the links lead to");
    for missing in [
        "/link-out-dir/",
        "/link-above/",
        "/fifo/",
        "/socket/",
        "/seen.txt/",
        "/.hidden/",
        "/none/",
        "/%2e%2e/",
    ] {
        assert_eq!(get(server.http(), missing).status, 404, "{missing}");
    }
}

#[test]
fn sizes_and_times_are_those_of_the_files() {
    let folder = Folder::new();
    folder.write("a.bin", vec![0; 1_234_567]);
    let file = File::options().write(true).open(folder.path().join("a.bin")).unwrap();
    file.set_modified(UNIX_EPOCH + Duration::from_secs(784_111_777)).unwrap();
    let server = start(&folder);
    let row = page(server.http(), "/").remove(0);
    assert_eq!((row.size, &*row.modified), (Some(1_234_567), "1994-11-06 08:49"));
    let row = json(server.http(), "/").remove(0);
    assert_eq!((row.size, &*row.modified), (Some(1_234_567), "Sun, 06 Nov 1994 08:49:37 GMT"));
    file.set_modified(UNIX_EPOCH - Duration::from_secs(1)).unwrap(); // before all time
    assert_eq!(page(server.http(), "/").len(), 1);
}

#[test]
fn deep_and_long_paths_are_listed_with_links_that_lead_up() {
    let folder = Folder::new();
    for depth in [2, 30, 32, 33, 60] {
        let path: String = (0..depth).map(|n| format!("d{depth}.{n}/")).collect();
        folder.write(&format!("{path}leaf"), "hello");
        let server = start(&folder);
        let (_, text) = listing(server.http(), &format!("/{path}"), "*/*");
        assert_eq!(rows_of_page(&text)[0].href, "./leaf");
        let (_, heading) = text.split_once("<h1>").unwrap();
        let heading = heading.split_once("</h1>").unwrap().0;
        let mut ups: Vec<usize> =
            heading.split("<a href=\"./").skip(1).map(|link| link.split("../").count() - 1).collect();
        assert_eq!(ups.remove(0), depth, "to the root");
        let expected: Vec<usize> = if depth > 32 { vec![] } else { (1..depth).rev().collect() };
        assert_eq!(ups, expected, "depth {depth}");
    }
}

#[test]
fn the_longest_path_of_the_most_expensive_characters_is_listed() {
    // A path has at most 4095 bytes (path_resolution(7)), and a quotation mark is written as six.
    for segment in ["\"".repeat(255), "\"".repeat(127), "'".repeat(255), "&".into()] {
        let folder = Folder::new();
        let depth = 4080 / (segment.len() + 1);
        // Such a path can only be made step by step.
        let mut made = Command::new("sh");
        made.arg("-c").arg("i=0; while [ $i -lt $2 ]; do mkdir \"$1\" && cd -P \"./$1\" || exit 1; i=$((i+1)); done; : >leaf");
        made.args(["sh", &segment, &depth.to_string()]).current_dir(folder.path()).env("PWD", "");
        assert!(made.status().unwrap().success());
        let server = start(&folder);
        let path: String = format!("/{}", format!("{segment}/").repeat(depth)).replace('%', "%25");
        assert!(path.len() > 3800, "{}", path.len());
        let rows = page(server.http(), &path);
        assert_eq!((rows.len(), &*rows[0].href), (1, "./leaf"));
        assert_eq!(json(server.http(), &path).len(), 1);
        let removed = Command::new("rm").arg("-rf").arg(folder.path().join(&segment)).status();
        assert!(removed.unwrap().success());
    }
}

#[test]
fn a_link_to_a_pipe_is_looked_at_without_opening_the_pipe() {
    let folder = Folder::new();
    let pipe = folder.path().join(".pipe");
    match Command::new("mkfifo").arg(&pipe).status() {
        Ok(status) => assert!(status.success()),
        Err(error) => return skip(&format!("mkfifo: {error}")),
    }
    symlink(".pipe", folder.path().join("link")).unwrap();
    let server = start(&folder);
    // Opening it to write waits for a reader (fifo(7)), which a listing must not pretend to be.
    let mut writer = Killed(Command::new("sh").arg("-c").arg("echo > \"$0\"").arg(&pipe).spawn().unwrap());
    let state = || fs::read_to_string(format!("/proc/{}/wchan", writer.0.id())).unwrap_or_default();
    let deadline = Instant::now() + Duration::from_secs(2);
    while !state().contains("wait_for_partner") && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(5)); // where the kernel doesn't tell, two seconds must do
    }
    for _ in 0..5 {
        assert_eq!(page(server.http(), "/"), []);
        thread::sleep(Duration::from_millis(50)); // for the writer to go on, if it can
        assert!(writer.0.try_wait().unwrap().is_none(), "the pipe was opened");
    }
}
