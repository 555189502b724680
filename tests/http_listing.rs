//! Listings of large directories: complete and in order, in pieces that others hardly notice, shared by
//! all who read them at the same time, and gone with the last of them.

#[path = "support/listings.rs"]
mod listings;
mod support;

use listings::{Row, asking, json, listing, page, rows_of_page};
use shoutd::http::content::Pieces;
use shoutd::limits;
use shoutd::now::Now;
use shoutd::site::directory::{Directory, Miss};
use shoutd::site::listing::Listings;
use std::collections::VecDeque;
use std::fs;
use std::io::{self, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};
use support::*;

/// Makes files with a word in them. Links to one are made in a third of the time, but file systems allow
/// some 65,000 of them.
fn make_files(directory: &Path, names: impl Iterator<Item = String>) {
    let mut original = PathBuf::new();
    for (n, name) in names.enumerate() {
        let path = directory.join(name);
        if n % 30_000 == 0 {
            fs::write(&path, "hello").unwrap();
            original = path;
        } else {
            fs::hard_link(&original, path).unwrap();
        }
    }
}

/// Makes a directory with so many files, in no order, and some directories among them. Returns the names as
/// they are to be listed: directories first.
fn fill(path: &Path, files: usize, directories: usize) -> Vec<(bool, String)> {
    fs::create_dir_all(path).unwrap();
    let name = |n| format!("file-{}", n * 7919 % files);
    make_files(path, (0..files).map(name));
    let subs = (0..directories).map(|n| format!("sub-{n}"));
    subs.clone().for_each(|name| fs::create_dir(path.join(name)).unwrap());
    let mut names: Vec<_> =
        (0..files).map(|n| (true, name(n))).chain(subs.map(|name| (false, name))).collect();
    names.sort();
    names
}

fn start(folder: &Folder) -> Shoutd {
    Shoutd::start(&["--http", "0", "--root", folder.as_str(), "--autoindex", "--keep-alive", "1h"])
}

/// Directories first, then by name, as [`fill`] returns them.
fn names(rows: Vec<Row>) -> Vec<(bool, String)> {
    rows.into_iter().map(|row| (!row.is_directory, row.text)).collect()
}

/// Asks for a listing and reads its head. The rest is left in the socket, which holds little.
fn begin(server: &Shoutd, path: &str) -> TcpStream {
    let mut stream = connect(server.http());
    socket2::SockRef::from(&stream).set_recv_buffer_size(64 * 1024).unwrap();
    stream.write_all(asking(path, "text/html").as_bytes()).unwrap();
    assert_eq!(read_response(&mut stream, true).status, 200, "{path}");
    stream
}

fn finish(stream: TcpStream) -> String {
    String::from_utf8(read_chunked(&mut BufReader::new(stream))).unwrap()
}

#[test]
fn a_hundred_thousand_names_are_complete_and_in_order_and_nobody_waits_for_them() {
    let folder = Folder::new();
    let expected = fill(&folder.path().join("big"), 99_900, 100);
    folder.write("small.txt", "hello");
    let server = start(&folder);
    let descriptors = server.descriptors();
    assert_eq!(get(server.http(), "/small.txt").status, 200);
    let memory = server.resident();
    let (address, over) = (server.http(), AtomicBool::new(false));
    let (rounds, worst) = thread::scope(|scope| {
        let other = scope.spawn(|| {
            let mut stream = BufReader::new(connect(address));
            let (mut rounds, mut worst) = (0, Duration::ZERO);
            while !over.load(Ordering::Relaxed) {
                let start = Instant::now();
                stream.get_mut().write_all(b"GET /small.txt HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
                assert_eq!(read_response(&mut stream, false).body, b"hello");
                worst = worst.max(start.elapsed());
                rounds += 1;
            }
            (rounds, worst)
        });
        let of_page = names(page(address, "/big/"));
        let of_json = names(json(address, "/big/"));
        over.store(true, Ordering::Relaxed);
        assert!(of_page == expected, "{} rows of {}", of_page.len(), expected.len());
        assert!(of_json == expected, "{} rows of {}", of_json.len(), expected.len());
        other.join().unwrap()
    });
    let grown = server.peak().saturating_sub(memory);
    eprintln!("{rounds} requests meanwhile, of which the slowest took {worst:?}; {grown} KiB more");
    assert!(
        rounds > 20 && worst < Duration::from_secs(3),
        "{rounds} requests meanwhile, the slowest {worst:?}"
    );
    assert!(grown < 8 * 1024, "{grown} KiB more");
    server.wait_for_descriptors(descriptors);
}

#[test]
fn many_slow_readers_share_the_names_and_leave_nothing_behind() {
    const READERS: usize = 45;
    let folder = Folder::new();
    let expected = fill(&folder.path().join("big"), 10_000, 10);
    let server = start(&folder);
    let descriptors = server.descriptors();
    assert!(names(page(server.http(), "/big/")) == expected);
    server.wait_for_descriptors(descriptors);
    let memory = server.resident();
    let mut readers: Vec<TcpStream> = (0..READERS).map(|_| begin(&server, "/big/")).collect();
    // One for the directory, and another where it was read so soon after a change that the next might not
    // be noticed.
    let of_directory = server.descriptors() - descriptors - READERS;
    assert!((1..4).contains(&of_directory), "{of_directory} descriptors for one directory");
    // Every third reads, another leaves in the middle, the last is left where it is.
    let mut leaving = readers.split_off(READERS / 3);
    let waiting = leaving.split_off(READERS / 3);
    for mut stream in leaving {
        read_exactly(&mut stream, 5000);
    }
    let clients: Vec<_> = readers.into_iter().map(|stream| thread::spawn(|| slowly(stream))).collect();
    for client in clients {
        assert!(names(rows_of_page(&client.join().unwrap().expect("all of it"))) == expected);
    }
    let grown = server.peak().saturating_sub(memory);
    // Each has what its socket didn't take, and all have the names once.
    assert!(grown < 16 * 1024, "{grown} KiB more");
    let left = || server.descriptors() - descriptors - waiting.len();
    eventually(|| (1..4).contains(&left()), || format!("{} descriptors too many", left()));
    drop(waiting);
    server.wait_for_descriptors(descriptors);
}

/// Reads a listing with pauses; `None` if it breaks off.
fn slowly(mut stream: TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n0\r\n\r\n") {
        let mut piece = [0; 40_000];
        let count = stream.read(&mut piece).unwrap();
        if count == 0 {
            return None;
        }
        bytes.extend_from_slice(&piece[..count]);
        thread::sleep(Duration::from_millis(1)); // a slow reader
    }
    Some(String::from_utf8(read_chunked(&mut &*bytes)).unwrap())
}

/// Makes so many directories `0`, `1`, ... with so many files each.
fn fill_many(folder: &Folder, directories: usize, files: usize) {
    for n in 0..directories {
        let directory = folder.path().join(n.to_string());
        fs::create_dir(&directory).unwrap();
        make_files(&directory, (0..files).map(|name| format!("{name:0200}")));
    }
}

#[test]
fn who_reads_on_is_never_cut_by_those_who_come_and_leave() {
    let folder = Folder::new();
    fill_many(&folder, 30, 1000);
    let expected = fill(&folder.path().join("big"), 5000, 3);
    let server = start(&folder);
    let descriptors = server.descriptors();
    let (address, over) = (server.http(), AtomicBool::new(false));
    let (whole, came) = thread::scope(|scope| {
        let crowd = scope.spawn(|| {
            let mut held = VecDeque::new();
            let mut came = 0;
            while !over.load(Ordering::Relaxed) {
                let mut stream = connect(address);
                stream.write_all(asking(&format!("/{}/", came % 30), "*/*").as_bytes()).unwrap();
                held.push_back(stream);
                held.drain(..held.len().saturating_sub(25));
                came += 1;
            }
            came
        });
        let whole: Vec<_> = (0..3)
            .map(|_| {
                let mut stream = connect(address);
                stream.write_all(asking("/big/", "*/*").as_bytes()).unwrap();
                let is_found = read_response(&mut stream, true).status == 200;
                is_found && slowly(stream).is_some_and(|text| names(rows_of_page(&text)) == expected)
            })
            .collect();
        over.store(true, Ordering::Relaxed);
        (whole, crowd.join().unwrap())
    });
    assert!(whole == [true; 3] && came > 60, "{whole:?} beside {came}");
    server.wait_for_descriptors(descriptors);
}

#[test]
fn where_as_many_are_held_as_may_be_others_wait_until_nobody_reads_one() {
    let most = limits::LISTINGS;
    let folder = Folder::new();
    fill_many(&folder, most + 3, 20);
    let directory = Arc::new(Directory::open(folder.path()).unwrap());
    let mut listings = Listings::new(Arc::default());
    let (start, wall) = (Instant::now(), SystemTime::now() + Duration::from_secs(60));
    let at = |millis| Now::new(start + Duration::from_millis(millis), wall);
    let mut find = |n: usize, now: &Now| listings.find(&directory, format!("/{n}/").as_bytes(), false, now);
    let take = |pieces: &mut Box<dyn Pieces>, now: &Now| {
        let mut piece = Vec::new();
        while piece.is_empty() {
            assert!(pieces.next(4000, now, &mut piece)?, "it isn't the last");
        }
        io::Result::Ok(())
    };
    let mut held: Vec<_> = (0..most).map(|n| find(n, &at(n as u64)).unwrap()).collect();
    held.iter_mut().enumerate().for_each(|(n, pieces)| take(pieces, &at(n as u64)).unwrap());
    // Every one was read less than a second ago.
    assert_eq!(find(most, &at(999)).err(), Some(Miss::Busy));
    assert!(find(7, &at(999)).is_ok(), "one that is held is there for everybody");
    take(&mut held[0], &at(999)).unwrap();
    assert_eq!(
        find(most, &at(1000)).err(),
        Some(Miss::Busy),
        "its reader goes on, the next has a millisecond"
    );
    held.push(find(most, &at(1001)).unwrap());
    assert_eq!(find(most + 1, &at(1001)).err(), Some(Miss::Busy));
    let cut: Vec<usize> = (0..=most).filter(|&n| take(&mut held[n], &at(1002)).is_err()).collect();
    assert_eq!(cut, [1], "the one that was read last a second ago");
    // Those whose readers have left go first.
    drop(held.swap_remove(5));
    let _another = find(most + 1, &at(9000)).unwrap();
    let _third = find(most + 2, &at(9000)).unwrap();
    let cut = held.iter_mut().filter_map(|pieces| take(pieces, &at(9000)).err()).count();
    assert_eq!(cut, 2, "one more than before");
}

#[test]
fn one_directory_is_held_once_by_whatever_name_it_is_asked_for() {
    let folder = Folder::new();
    let expected = fill(&folder.path().join("big"), 5000, 3);
    folder.write("big/sub-1/index.html", "inside");
    folder.write("big/_redirects", "/a /b\n");
    folder.write("big/_headers", "/*\n  X-A: b\n");
    symlink(".", folder.path().join("big/loop")).unwrap();
    symlink("sub-1", folder.path().join("big/link")).unwrap();
    // As another root, that directory's rule files are told apart by no path.
    let big = folder.path().join("big");
    let server = Shoutd::start(&["--http", "0", "--root", big.to_str().unwrap(), "--autoindex"]);
    let descriptors = server.descriptors();
    let path = |n: usize| format!("/{}", "loop/".repeat(n));
    let readers: Vec<TcpStream> = (0..30).map(|n| begin(&server, &path(n))).collect();
    let held = server.descriptors() - descriptors - readers.len();
    assert!((1..4).contains(&held), "{held} descriptors for one directory");
    let mut expected = expected;
    expected.extend([(false, "loop".to_owned()), (false, "link".to_owned())]);
    expected.sort();
    for (n, reader) in readers.into_iter().enumerate().step_by(7) {
        let text = finish(reader);
        let title = format!("<title>{}</title>", path(n));
        assert!(text.contains(&title), "{title} isn't in {}", &text[..3000]);
        assert!(names(rows_of_page(&text)) == expected, "{n}");
        let row = &rows_of_page(&text)[0];
        let linked = format!("{}{}", path(n), row.href.strip_prefix("./").unwrap());
        assert_eq!((row.text.as_str(), get(server.http(), &linked).status), ("link", 200), "{linked}");
    }
    for hidden in ["/_redirects", "/loop/_redirects", "/loop/loop/_headers"] {
        assert_eq!(get(server.http(), hidden).status, 404, "{hidden}");
    }
}

#[test]
fn nobody_works_for_a_client_that_has_left() {
    let folder = Folder::new();
    fill(&folder.path().join("big"), 50_000, 0);
    let options = ["--http", "0", "--root", folder.as_str(), "--autoindex", "--log", "shoutd=trace"];
    let server = Shoutd::start(&options);
    connect(server.http()).write_all(asking("/big/", "*/*").as_bytes()).unwrap();
    let mut steps = 0;
    loop {
        let line = server.stderr_line();
        steps += usize::from(line.contains("needs Work"));
        if line.contains(": closed") {
            break;
        }
    }
    // All of it takes more than a thousand.
    assert!((1..100).contains(&steps), "{steps} steps");
}

#[test]
fn what_is_removed_while_it_is_listed_is_left_out_of_a_complete_listing() {
    let folder = Folder::new();
    let all = fill(&folder.path().join("big"), 20_000, 0).len();
    let server = start(&folder);
    let mut of_json = connect(server.http());
    of_json.write_all(asking("/big/", "application/json").as_bytes()).unwrap();
    assert_eq!(read_response(&mut of_json, true).status, 200);
    let of_page = begin(&server, "/big/");
    fs::remove_dir_all(folder.path().join("big")).unwrap();
    let rows = rows_of_page(&finish(of_page)).len();
    assert!(rows < all, "{rows} rows");
    let text = finish(of_json);
    assert!(listings::rows_of_json(&text).len() <= all);
    assert_eq!(get(server.http(), "/big/").status, 404);
}

#[test]
fn changes_are_seen_within_about_a_second_even_while_somebody_reads_the_old_listing() {
    let folder = Folder::new();
    fill(&folder.path().join("big"), 20_000, 0);
    fs::create_dir(folder.path().join("empty")).unwrap();
    let server = start(&folder);
    assert_eq!(page(server.http(), "/empty/"), []);
    assert_eq!(json(server.http(), "/empty/"), []);
    let old = begin(&server, "/big/");
    let has = |path: &str, name: &str| page(server.http(), path).iter().any(|row| row.text == name);
    for path in ["/empty/", "/big/"] {
        folder.write(&format!("{}new", &path[1..]), "");
        eventually(|| has(path, "new"), || format!("a new file isn't in {path}"));
        fs::remove_file(folder.path().join(&path[1..]).join("new")).unwrap();
        eventually(|| !has(path, "new"), || format!("a file that is gone is still in {path}"));
    }
    let rows = rows_of_page(&finish(old));
    assert!(rows.len() == 20_000 && rows.iter().all(|row| row.text != "new"), "the old one is as it was");
}

#[test]
fn a_listing_under_way_is_finished_before_the_server_ends() {
    let folder = Folder::new();
    let expected = fill(&folder.path().join("big"), 20_000, 0);
    let mut server = start(&folder);
    let stream = begin(&server, "/big/");
    server.signal("TERM");
    server.wait_for_log("stopping");
    assert!(names(rows_of_page(&finish(stream))) == expected);
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_directory_with_more_names_than_are_held_is_listed_in_part_and_says_so() {
    let folder = Folder::new();
    let big = folder.path().join("big");
    fs::create_dir(&big).unwrap();
    let count = limits::LISTING / 240 + 3000;
    make_files(&big, (0..count).map(|n| format!("{n:0240}")));
    let server = start(&folder);
    let memory = server.resident();
    let (_, text) = listing(server.http(), "/big/", "*/*");
    let rows = rows_of_page(&text).len();
    assert!(rows > 60_000 && rows <= count, "{rows} rows of {count}");
    let footer = format!("The first {rows} names that were read; the directory has more.");
    assert!(text.contains(&footer), "{}", &text[text.len() - 200..]);
    let grown = server.peak().saturating_sub(memory);
    assert!(grown < 48 * 1024, "{grown} KiB more");
    // It doesn't give way to another while somebody reads it, nor is that one refused.
    folder.write("few/a", "");
    let big = begin(&server, "/big/");
    assert_eq!(big.peek(&mut [0]).unwrap(), 1, "all of its names are read");
    let steady = thread::spawn(|| finish(big));
    for _ in 0..20 {
        assert_eq!(page(server.http(), "/few/").len(), 1);
    }
    assert_eq!(rows_of_page(&steady.join().unwrap()).len(), rows);
}
