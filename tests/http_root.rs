//! The root of a site, which may be another directory from one moment to the next: a link that is switched, a
//! directory that is made anew or moved away. And what stays within it, whatever links say.

#[path = "support/listings.rs"]
mod listings;
mod support;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, UNIX_EPOCH};
use support::*;

/// How long a change of the root may take to be followed.
const FOLLOWED: Duration = Duration::from_millis(2500);

fn serve(root: &Path) -> Shoutd {
    Shoutd::start(&["--http", "0", "--autoindex", "--keep-alive", "1h", "--root", root.to_str().unwrap()])
}

/// A release with a page, a rule and a field of its own. All of its files have the same time.
fn release(folder: &Folder, name: &str) {
    folder.write(&format!("{name}/index.html"), format!("page of {name}"));
    folder.write(&format!("{name}/large.bin"), noise(name.len() as u64, 100_000));
    folder.write(&format!("{name}/dir/{name}"), "listed");
    folder.write(&format!("{name}/_redirects"), format!("/go /{name}\n"));
    folder.write(&format!("{name}/_headers"), format!("/*\n  X-Release: {name}\n"));
    for file in ["index.html", "large.bin"] {
        let file = fs::File::options().append(true).open(folder.path().join(name).join(file)).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(1_600_000_000)).unwrap();
    }
}

fn switch(folder: &Folder, to: &str) {
    symlink(to, folder.path().join("new")).unwrap();
    fs::rename(folder.path().join("new"), folder.path().join("current")).unwrap();
}

/// Waits until the page has this status and body, for as long as that may take.
fn follows(server: &Shoutd, status: u16, body: &str) {
    let start = Instant::now();
    loop {
        let reply = get(server.http(), "/");
        if reply.status == status && reply.body.starts_with(body.as_bytes()) {
            return;
        }
        assert!(start.elapsed() < FOLLOWED, "{body:?} isn't followed: {reply:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_link_that_is_switched_is_followed_with_its_rules() {
    let folder = Folder::new();
    release(&folder, "one");
    release(&folder, "other");
    switch(&folder, "one");
    let server = serve(&folder.path().join("current"));
    let descriptors = server.descriptors();
    let old = get(server.http(), "/large.bin");
    assert_eq!(old.field("x-release"), Some("one"));
    assert_eq!(get(server.http(), "/go").field("location"), Some("/one"));
    switch(&folder, "other");
    follows(&server, 200, "page of other");
    server.wait_for_log("has become another directory");
    assert_eq!(get(server.http(), "/go").field("location"), Some("/other"));
    assert_eq!(listings::page(server.http(), "/dir/")[0].text, "other");
    let date = old.field("last-modified").unwrap();
    let asked = format!("GET /large.bin HTTP/1.1\r\nHost: a\r\nIf-Modified-Since: {date}\r\n\r\n");
    let reply = exchange(server.http(), asked);
    assert_eq!((reply.status, reply.field("x-release")), (200, Some("other")), "with the same time");
    assert!(reply.body == noise(5, 100_000));
    fs::remove_dir_all(folder.path().join("one")).unwrap();
    server.wait_for_descriptors(descriptors);
    for n in 0..5 {
        let to = if n % 2 == 0 { "third" } else { "other" };
        release(&folder, to);
        switch(&folder, to);
        follows(&server, 200, &format!("page of {to}"));
    }
    server.wait_for_descriptors(descriptors);
}

#[test]
fn a_root_that_is_gone_is_unavailable_and_comes_back() {
    let folder = Folder::new();
    release(&folder, "site");
    let (site, away) = (folder.path().join("site"), folder.path().join("away"));
    let server = serve(&site);
    follows(&server, 200, "page of site");
    fs::rename(&site, &away).unwrap();
    follows(&server, 503, "");
    server.wait_for_log("nothing of the root");
    for path in ["/large.bin", "/none", "/go", "/dir/", "/dir", "/.hidden", "/_headers"] {
        let reply = get(server.http(), path);
        assert_eq!((reply.status, reply.field("retry-after")), (503, Some("1")), "{path}");
    }
    fs::rename(&away, &site).unwrap();
    follows(&server, 200, "page of site");
    server.wait_for_log("is there again");
    // Removed, and made anew a while later, and at once.
    fs::remove_dir_all(&site).unwrap();
    follows(&server, 503, "");
    fs::write(&site, "a file").unwrap();
    follows(&server, 503, "");
    fs::remove_file(&site).unwrap();
    release(&folder, "site");
    follows(&server, 200, "page of site");
    fs::remove_dir_all(&site).unwrap();
    folder.write("site/index.html", "made anew");
    follows(&server, 200, "made anew");
    assert_eq!(get(server.http(), "/go").status, 404);
}

#[test]
fn a_root_whose_rules_are_wrong_is_not_taken() {
    let folder = Folder::new();
    release(&folder, "good");
    release(&folder, "bad");
    folder.write("bad/_redirects", "/a /b\n/wrong\n");
    switch(&folder, "good");
    let server = serve(&folder.path().join("current"));
    switch(&folder, "bad");
    let start = Instant::now();
    while start.elapsed() < FOLLOWED {
        assert_eq!(get(server.http(), "/").body, b"page of good");
        std::thread::sleep(Duration::from_millis(50)); // nothing may change
    }
    let line = server.wait_for_log("stays what it was");
    assert!(line.contains("_redirects, line 2: "), "{line}");
    assert_eq!(server.said(), Vec::<String>::new(), "once is enough");
    // As long as it can.
    fs::remove_dir_all(folder.path().join("good")).unwrap();
    follows(&server, 503, "");
    server.wait_for_log("nothing of the root");
    folder.write("bad/_redirects", "/a /b\n");
    follows(&server, 200, "page of bad");
    assert_eq!(get(server.http(), "/a").field("location"), Some("/b"));
}

#[test]
fn nothing_outside_of_a_root_is_served_however_it_is_switched() {
    let folder = Folder::new();
    folder.write("secret", "secret");
    for name in ["a", "b"] {
        release(&folder, name);
        symlink("../secret", folder.path().join(name).join("out")).unwrap();
        symlink(folder.path().join(name).join("index.html"), folder.path().join(name).join("absolute"))
            .unwrap();
        symlink("dir/../index.html", folder.path().join(name).join("within")).unwrap();
    }
    switch(&folder, "a");
    let server = serve(&folder.path().join("current"));
    let start = Instant::now();
    while start.elapsed() < FOLLOWED {
        let turn = start.elapsed().as_millis() / 100;
        switch(&folder, if turn.is_multiple_of(2) { "a" } else { "b" });
        for path in ["/out", "/absolute"] {
            let reply = get(server.http(), path);
            assert_eq!(reply.status, 404, "{path}: {reply:?}");
        }
        assert!(get(server.http(), "/within").body.starts_with(b"page of "));
    }
}

#[test]
fn links_are_followed_as_long_as_they_are_relative_and_stay_in_the_root() {
    let (folder, outside) = (Folder::new(), Folder::new());
    folder.write("file", "within");
    folder.write("dir/index.html", "within");
    outside.write("file", "outside");
    let path = |name: &str| folder.path().join(name);
    for (name, to, status) in [
        ("relative", PathBuf::from("file"), 200),
        ("to-dir", "dir".into(), 301),
        ("dir/up", "../file".into(), 200),
        ("twice", "relative".into(), 200),
        ("absolute", path("file"), 404),
        ("absolute-dir", path("dir"), 404),
        ("to-absolute", "absolute".into(), 404),
        ("root", "/".into(), 404),
        ("out-and-in", format!("../{}/file", folder.path().file_name().unwrap().display()).into(), 404),
        ("out", outside.path().join("file"), 404),
        ("nowhere", "none".into(), 404),
        ("itself", "itself".into(), 404),
    ] {
        symlink(to, path(name)).unwrap();
        let server = serve(folder.path());
        let reply = get(server.http(), &format!("/{name}"));
        assert_eq!(reply.status, status, "{name}: {reply:?}");
        assert!(status != 200 || reply.body == b"within", "{name}: {reply:?}");
        let below = get(server.http(), &format!("/{name}/"));
        assert_eq!(below.status, if status == 301 { 200 } else { 404 }, "{name}/: {below:?}");
    }
}
