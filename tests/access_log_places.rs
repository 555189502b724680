//! The files of the access log: their mode, their rotation, disks that are full, and what can't be a log.
//! Whatever happens to the log, the server goes on.

#[path = "support/log_lines.rs"]
mod log_lines;
mod support;

use log_lines::{fifo, lost, number, numbers, request, wait_for};
use std::fs;
use std::io::{BufReader, Read, Write};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;
use support::*;

const SECOND: Duration = Duration::from_secs(1);

/// The server with a shell around its start.
fn in_shell(before: &str, arguments: &[&str]) -> Command {
    let plain = command(arguments);
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("{before}; exec \"$0\" \"$@\""));
    shell.arg(plain.get_program()).args(plain.get_args()).env_remove("RUST_LOG");
    shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    shell
}

#[test]
fn a_new_file_has_mode_0640_and_an_old_one_is_continued() {
    for (umask, mode) in [("022", 0o640), ("000", 0o640), ("077", 0o600)] {
        let folder = Folder::new();
        let path = folder.path().join("log");
        let arguments = ["--http", "0", "--access-log", path.to_str().unwrap()];
        let server = Shoutd::spawn(in_shell(&format!("umask {umask}"), &arguments));
        get(server.http(), "/none?0");
        wait_for(&path, 1);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, mode, "umask {umask}");
        fs::rename(&path, folder.path().join("old")).unwrap();
        server.signal("USR1");
        server.wait_for_log("anew");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, mode, "after a rotation");
        drop(server);
        fs::write(&path, "before\n").unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(0o604)).unwrap();
        let mut server = Shoutd::start(&arguments);
        get(server.http(), "/none?1");
        server.signal("TERM");
        server.wait();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("before\n127.0.0.1 - - ") && text.lines().count() == 2, "{text}");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o604, "it is somebody's");
    }
}

#[test]
fn nothing_is_lost_by_stopping_right_behind_a_reply() {
    for signals in [&["TERM"][..], &["INT"], &["TERM", "TERM"]] {
        let folder = Folder::new();
        let path = folder.path().join("log");
        let mut server = Shoutd::start(&["--http", "0", "--access-log", path.to_str().unwrap()]);
        let mut stream = BufReader::new(connect(server.http()));
        stream.get_mut().write_all(b"GET /none?1 HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        assert_eq!(read_response(&mut stream, false).status, 404);
        for signal in signals {
            // With the second it may be gone before.
            let _ = Command::new("kill").arg(format!("-{signal}")).arg(server.pid().to_string()).output();
        }
        assert_eq!(server.wait().code(), Some(0));
        let lines = log_lines::read(&path);
        assert_eq!((lines.len(), number(&lines[0])), (1, 1), "{signals:?}");
    }
}

#[test]
fn a_log_that_cannot_be_opened_is_one_line_and_exit_status_1() {
    let folder = Folder::new();
    folder.write("file", "");
    let Some(pipe) = fifo(&folder) else { return };
    let in_folder = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    for (path, advice) in [
        (in_folder("none/log"), "create its directory"),
        (in_folder(""), "name a file with --access-log"),
        (in_folder("file/log"), "Not a directory"),
        (pipe.to_str().unwrap().to_owned(), "start what reads the pipe first"),
        ("/proc/version_is_not_writable/log".to_owned(), ""),
    ] {
        let mut child = Killed(command(&["--http", "0", "--access-log", &path]).spawn().unwrap());
        assert_eq!(wait_for_end(&mut child.0), Some(1), "{path}");
        let (mut stdout, mut stderr) = (String::new(), String::new());
        child.0.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        child.0.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert_eq!(stdout, "", "{path}");
        assert!(stderr.lines().count() == 1 && stderr.contains(&path) && stderr.contains(advice), "{stderr}");
    }
}

#[test]
fn a_device_that_takes_nothing_is_complained_about_once() {
    let mut server = Shoutd::start(&["--http", "0", "--access-log", "/dev/full"]);
    for _ in 0..4 {
        request(server.http(), 0, 2000);
    }
    server.wait_for_log("can't write the access log /dev/full: No space left on device");
    thread::sleep(2 * SECOND); // in which it tries again
    request(server.http(), 0, 10);
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
    let complaint = server.wait_for_log("the access log");
    assert_eq!(lost(&complaint), 8010, "the only other complaint is that of the end");
}

/// The server with a file system of its own, of which the test sees the inside through /proc.
fn with_small_disk(folder: &Folder) -> Option<(Shoutd, PathBuf)> {
    let disk = folder.path().join("disk");
    fs::create_dir(&disk).unwrap();
    let mount = format!("mount -t tmpfs -o size=512k none {}", disk.display());
    let kinds: [&[&str]; 2] = [&["-m"], &["-rm"]];
    let works = |kind: &&&[&str]| {
        let tried = Command::new("unshare").args(**kind).args(["sh", "-c", &mount]).output();
        tried.is_ok_and(|output| output.status.success())
    };
    let Some(kind) = kinds.iter().find(works) else {
        skip("no file system can be mounted in a namespace (unshare, mount)");
        return None;
    };
    let log = disk.join("log");
    let plain = in_shell(&mount, &["--http", "0", "--access-log", log.to_str().unwrap()]);
    let mut command = Command::new("unshare");
    command.args(*kind).arg(plain.get_program()).args(plain.get_args());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let server = Shoutd::spawn(command);
    let inside = PathBuf::from(format!("/proc/{}/root{}", server.pid(), disk.display()));
    Some((server, inside))
}

/// What is done to the log while its disk is full.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Meanwhile {
    Nothing,
    Rotated,
    OnlySignalled,
}

#[test]
fn a_full_disk_stops_nobody_and_when_it_has_room_again_the_log_goes_on() {
    for meanwhile in [Meanwhile::Nothing, Meanwhile::Rotated, Meanwhile::OnlySignalled] {
        let folder = Folder::new();
        let Some((server, disk)) = with_small_disk(&folder) else { return };
        fs::write(disk.join("ballast"), vec![0; 450 * 1024]).unwrap();
        let mut asked = 0;
        let ask = |asked: &mut usize, count| {
            request(server.http(), *asked, count);
            *asked += count;
        };
        ask(&mut asked, 10_000);
        server.wait_for_log("No space left on device");
        if meanwhile == Meanwhile::Rotated {
            fs::rename(disk.join("log"), disk.join("log.1")).unwrap();
        }
        if meanwhile != Meanwhile::Nothing {
            server.signal("HUP");
            server.wait_for_log("anew");
        }
        ask(&mut asked, 100);
        fs::remove_file(disk.join("ballast")).unwrap();
        let said = server.wait_for_log("are lost");
        ask(&mut asked, 10);
        let read = |name: &str| fs::read(disk.join(name)).unwrap_or_default();
        let last = format!("/none?{} ", asked - 1);
        let goes_on = || String::from_utf8_lossy(&read("log")).contains(&last);
        eventually(goes_on, || "the log doesn't go on".to_owned());
        // Where the file was changed in the middle of a line, that one is lost and counted.
        let mut old = read("log.1");
        old.truncate(old.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1));
        let (old, new) = (numbers(&old), numbers(&read("log")));
        let first = if meanwhile == Meanwhile::Rotated { &old } else { &new };
        assert!(first.iter().copied().take(300).eq(0..300), "the beginning is there: {meanwhile:?}");
        assert!(new.iter().min() > old.iter().max() && new.last() == Some(&(asked - 1)), "{meanwhile:?}");
        assert_eq!(old.len() + new.len() + lost(&said), asked, "{meanwhile:?}: {said}");
    }
}

#[test]
fn a_log_that_may_not_grow_stops_nobody_and_goes_on_in_a_new_file() {
    // The limit holds for each file (setrlimit(2)), so a new one takes what was kept.
    let folder = Folder::new();
    let path = folder.path().join("log");
    let arguments = ["--http", "0", "--access-log", path.to_str().unwrap()];
    let mut server = Shoutd::spawn(in_shell("ulimit -f 64", &arguments));
    request(server.http(), 0, 500);
    server.wait_for_log("can't write the access log");
    request(server.http(), 500, 100);
    fs::rename(&path, folder.path().join("old")).unwrap();
    server.signal("USR1");
    server.wait_for_log("anew");
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
    let complaint = server.wait_for_log("are lost");
    let mut old = fs::read(folder.path().join("old")).unwrap();
    assert_eq!(old.len() % (64 * 512), 0, "it is as large as it may be");
    old.truncate(old.iter().rposition(|&byte| byte == b'\n').unwrap() + 1);
    let (old, new) = (numbers(&old), numbers(&fs::read(&path).unwrap()));
    assert!(old.iter().copied().eq(0..old.len()), "the beginning is there: {old:?}");
    assert!(new.iter().copied().eq(old.len() + 1..old.len() + 1 + new.len()), "and what was kept: {new:?}");
    assert_eq!(old.len() + new.len() + lost(&complaint), 600, "{complaint}");
}

#[test]
fn a_file_limit_of_nothing_at_all_does_not_keep_it_from_serving() {
    // With stderr in a file too, where the complaint has no room either.
    let folder = Folder::new();
    let (log, errors) = (folder.path().join("log"), folder.path().join("errors"));
    let before = format!("ulimit -f 0; exec 2>{}", errors.display());
    let mut server =
        Shoutd::spawn(in_shell(&before, &["--http", "0", "--access-log", log.to_str().unwrap()]));
    request(server.http(), 0, 100);
    thread::sleep(SECOND / 2); // in which it tries to write
    request(server.http(), 100, 100);
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_log_that_cannot_be_opened_anew_goes_on_as_it_was() {
    let folder = Folder::new();
    let (there, away) = (folder.path().join("logs"), folder.path().join("away"));
    fs::create_dir(&there).unwrap();
    let server = Shoutd::start(&["--http", "0", "--access-log", there.join("log").to_str().unwrap()]);
    request(server.http(), 0, 1);
    fs::rename(&there, &away).unwrap();
    server.signal("USR1");
    server.wait_for_log("can't open the access log");
    request(server.http(), 1, 1);
    assert_eq!(number(&wait_for(&away.join("log"), 2)[1]), 1);
    fs::create_dir(&there).unwrap();
    server.signal("USR1");
    server.wait_for_log("anew");
    request(server.http(), 2, 1);
    assert_eq!(number(&wait_for(&there.join("log"), 1)[0]), 2);
    assert_eq!(wait_for(&away.join("log"), 2).len(), 2);
}

#[test]
fn a_log_wakes_nobody_up_while_nothing_happens() {
    let folder = Folder::new();
    let path = folder.path().join("log");
    let server = Shoutd::start(&["--http", "0", "--access-log", path.to_str().unwrap()]);
    request(server.http(), 0, 10);
    wait_for(&path, 10);
    // Timers of the connection that has left may still fire once.
    let rests = || {
        let before = (server.sleeps(), server.cpu_ticks());
        thread::sleep(SECOND); // the time that is measured
        before == (server.sleeps(), server.cpu_ticks())
    };
    assert!((0..8).any(|_| rests()), "it wakes up though there is nothing to do");
}

#[test]
fn of_very_many_lines_none_is_lost_and_none_is_torn_while_the_file_is_rotated() {
    const CLIENTS: usize = 8;
    const REQUESTS: usize = 6400;
    const BATCH: usize = 64;
    let folder = Folder::new();
    folder.write("site/a.txt", "hello");
    let (site, path) = (folder.path().join("site"), folder.path().join("log"));
    let (root, log) = (site.to_str().unwrap(), path.to_str().unwrap());
    let mut server = Shoutd::start(&["--http", "0", "--root", root, "--access-log", log]);
    let address = server.http();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| thread::spawn(move || pipeline(address, client, REQUESTS, BATCH)))
        .collect();
    let mut files = vec![];
    while clients.iter().any(|client| !client.is_finished()) {
        let to = folder.path().join(format!("log.{}", files.len()));
        std::fs::rename(&path, &to).unwrap();
        server.signal(if files.len() % 2 == 0 { "HUP" } else { "USR1" });
        server.wait_for_log("anew");
        files.push(to);
    }
    clients.into_iter().for_each(|client| client.join().unwrap());
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
    files.push(path);
    let mut next = [0; CLIENTS];
    for line in files.iter().flat_map(|file| log_lines::read(file)) {
        let numbers =
            line.request.strip_prefix("GET /a.txt?").and_then(|rest| rest.strip_suffix(" HTTP/1.1"));
        let (client, n) = numbers.and_then(|numbers| numbers.split_once('-')).expect("our request");
        let (client, n): (usize, usize) = (client.parse().unwrap(), n.parse().unwrap());
        assert_eq!((n, line.status, line.size), (next[client], 200, 5), "each once, and in order");
        next[client] += 1;
    }
    assert_eq!(next, [REQUESTS; CLIENTS]);
    let used = files.iter().filter(|file| std::fs::metadata(file).unwrap().len() > 0).count();
    assert!(used > 1, "all lines are in one file");
}

fn pipeline(address: SocketAddr, client: usize, requests: usize, batch: usize) {
    let mut stream = BufReader::new(connect(address));
    for start in (0..requests).step_by(batch) {
        let text: String = (start..start + batch)
            .map(|n| format!("GET /a.txt?{client}-{n} HTTP/1.1\r\nHost: a\r\n\r\n"))
            .collect();
        stream.get_mut().write_all(text.as_bytes()).unwrap();
        for _ in 0..batch {
            assert_eq!(read_response(&mut stream, false).body, b"hello");
        }
    }
}
