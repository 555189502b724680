//! Attacks on HTTP that broke other servers, each as a test: paths out of the root, redirects to elsewhere,
//! clients that drip, that never read, or that send rubbish.

mod support;

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use support::*;

fn serve(folder: &Folder) -> Shoutd {
    Shoutd::start(&["--http", "0", "--root", folder.as_str()])
}

/// The status and the body of a reply to a GET.
fn body(server: &Shoutd, path: &str) -> (u16, Vec<u8>) {
    let response = get(server.http(), path);
    (response.status, response.body)
}

#[test]
fn control_bytes_in_a_path_are_refused() {
    let folder = Folder::new();
    folder.write("a.txt", "a");
    let server = serve(&folder);
    for byte in (0..=0x1f).chain([0x7f]) {
        for path in
            [format!("/a.txt%{byte:02x}.html"), format!("/%{byte:02X}a.txt"), format!("/.x/%{byte:02x}")]
        {
            assert_eq!(get(server.http(), &path).status, 400, "{path}");
        }
        if byte != b'\n' && byte != b'\r' {
            let request = [b"GET /a.txt", &[byte][..], b".html HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
            assert_eq!(exchange(server.http(), request).status, 400, "{byte:#x}");
        }
    }
    for path in "/a.txt% /a.txt%0 /a.txt%zz /%u0061.txt /a.txt%%00 /a.txt%-1".split(' ') {
        assert_eq!(get(server.http(), path).status, 400, "{path}");
    }
}

#[test]
fn a_location_never_leads_to_another_host() {
    let folder = Folder::new();
    for name in ["evil.com/x", "\\evil.com/x", "\\\\evil.com/x", "http:/evil.com/x", "sub/x"] {
        folder.write(name, "");
    }
    folder.write("_redirects", "/old /new\n/go/* /:splat\n/by/:name /:name/x\n");
    let server = serve(&folder);
    let mut redirects = 0;
    let targets = "/evil.com //evil.com ///evil.com //evil.com/%2e%2e //evil.com/.. /%2fevil.com \
        /%2f%2fevil.com /%5cevil.com /\\evil.com /\\\\evil.com /%5C%5Cevil.com /.//evil.com \
        //evil.com/. /%2e/%5cevil.com /http://evil.com /http:/evil.com http://a//evil.com \
        http://a/\\evil.com http://evil.com/sub //evil.com? //old /old//evil.com /old/?//evil.com \
        //sub/%5c%2e%2e//evil.com /%09//evil.com /sub/..//evil.com //evil.com%2f%2e%2e \
        %2f/evil.com /go//evil.com /go/%2fevil.com /go/%5cevil.com /go/\\evil.com /go/ /go/%2f%2f \
        /by/%5cevil.com /by/\\evil.com /by/%2fevil.com /by//evil.com /go/http://evil.com /by/%5c";
    for target in targets.split(' ').flat_map(|target| [target.to_owned(), format!("{target}?//evil.com")]) {
        let response = get(server.http(), &target);
        if let Some(location) = response.field("Location") {
            redirects += 1;
            let mut start = location.bytes();
            let ours = start.next() == Some(b'/') && !matches!(start.next(), Some(b'/' | b'\\'));
            assert!(ours, "{target} leads to {location}");
        }
    }
    assert!(redirects >= 20, "only {redirects} redirects");
}

#[test]
fn no_encoding_leads_out_of_the_root() {
    let folder = Folder::new();
    folder.write("secret.txt", "secret");
    folder.write("site-other/secret.txt", "secret");
    folder.write("site/sub/file.txt", "public");
    let root = folder.path().join("site");
    let server = Shoutd::start(&["--http", "0", "--root", root.to_str().unwrap()]);
    assert_eq!(body(&server, "/sub/file.txt"), (200, b"public".into()));
    let ups = ".. %2e%2e .%2e %2E. %252e%252e %25%32%65%25%32%65 %c0%ae%c0%ae %e0%80%ae%e0%80%ae \
        %uff0e%uff0e ..%00 ..%20 ..; ... .%00. %2e%2e%2f.";
    let slashes = "/ // /./ %2f %2F %5c \\ %252f %255c %c0%af %e0%80%af %c1%9c %u2215 ;/ /%2e/";
    let folders = ["/", "//", "/sub/", "/sub/%2e/", "http://a/"];
    let mut tried = 0;
    for (up, slash) in ups.split(' ').flat_map(|up| slashes.split(' ').map(move |slash| (up, slash))) {
        let mut stream = connect(server.http());
        for start in folders {
            for rest in ["secret.txt", "site-other/secret.txt", "sub/file.txt"] {
                let target = format!("{start}{up}{slash}{up}{slash}{rest}");
                let once = format!("{start}{up}{slash}{rest}");
                for target in [target, once] {
                    write!(stream, "GET {target} HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
                    let response = read_response(&mut stream, false);
                    assert!(matches!(response.status, 400 | 404), "{target}: {}", response.status);
                    tried += 1;
                    if response.field("Connection").is_some() {
                        stream = connect(server.http());
                    }
                }
            }
        }
    }
    for target in "-other/secret.txt http://a-other/secret.txt //etc/passwd /%2fetc/passwd \
        /file:///etc/passwd /proc/self/environ file:///etc/passwd ../secret.txt /sub%2ffile.txt \
        /sub%2F/file.txt /%2fsub/file.txt /sub%5cfile.txt /sub\\file.txt /sub%252ffile.txt \
        /sub/./file.txt"
        .split_ascii_whitespace()
    {
        assert!(matches!(get(server.http(), target).status, 400 | 404), "{target}");
    }
    assert!(tried > 5000, "only {tried}");
}

#[test]
fn symbolic_links_are_followed_within_the_root_only() {
    let (folder, outside) = (Folder::new(), Folder::new());
    outside.write("secret.txt", "secret");
    outside.write("index.html", "secret");
    folder.write("sub/real.txt", "real");
    folder.write("sub/index.html", "index");
    let link = |to: &str, name: &str| symlink(to, folder.path().join(name)).unwrap();
    let outside_name = outside.path().file_name().unwrap().to_str().unwrap();
    link("sub/real.txt", "file");
    link("sub", "folder");
    link("../sub/../file", "sub/back");
    link(&format!("{}/secret.txt", outside.as_str()), "absolute");
    link(&format!("../{outside_name}/secret.txt"), "relative");
    link(outside.as_str(), "out");
    link("relative", "chain");
    link(&format!("{}/sub/real.txt", folder.as_str()), "absolute-inside");
    link(&format!("../{}/file", folder.path().file_name().unwrap().to_str().unwrap()), "out-and-in");
    link("/proc/self/environ", "environ");
    link("/dev/zero", "zero");
    link("loop", "loop");
    link("nowhere", "dangling");
    fs::create_dir(folder.path().join("evil")).unwrap();
    link(&format!("../../{outside_name}/index.html"), "evil/index.html");
    link(&format!("../{outside_name}/secret.txt"), "404.html");
    let server = serve(&folder);
    for (path, expected) in
        [("/file", "real"), ("/folder/real.txt", "real"), ("/folder/", "index"), ("/sub/back", "real")]
    {
        assert_eq!(body(&server, path), (200, expected.into()), "{path}");
    }
    let out = "/absolute /relative /out/secret.txt /out /out/ /chain /absolute-inside \
        /out-and-in /environ /zero /loop /dangling /evil/ /evil/index.html /404.html";
    for path in out.split(' ') {
        assert_eq!(body(&server, path), (404, b"404 Not Found\n".into()), "{path}");
    }
}

#[test]
fn a_path_that_is_swapped_for_a_link_never_shows_what_is_outside() {
    let (folder, outside) = (Folder::new(), Folder::new());
    // More files than are remembered, so that each is looked for on the disk every time.
    for n in 0..400 {
        outside.write(&n.to_string(), "secret");
        folder.write(&format!("real/{n}"), "public");
    }
    let swap = |target: &std::path::Path| {
        symlink(target, folder.path().join("new")).unwrap();
        fs::rename(folder.path().join("new"), folder.path().join("shelf")).unwrap();
    };
    swap("real".as_ref());
    let server = serve(&folder);
    let (over, address) = (AtomicBool::new(false), server.http());
    let (mut shown, mut missing) = (0, 0);
    thread::scope(|scope| {
        scope.spawn(|| {
            let end = Instant::now() + 2 * PATIENCE;
            while !over.load(Ordering::Relaxed) && Instant::now() < end {
                swap(outside.path());
                swap("real".as_ref());
            }
        });
        let safe = (0..4000).all(|n| {
            let response = get(address, &format!("/shelf/{}", n % 400));
            let hit = response.status == 200;
            *(if hit { &mut shown } else { &mut missing }) += 1;
            // 503: the kernel can't decide for all the renaming (EAGAIN of openat2(2)).
            if hit { response.body == b"public" } else { matches!(response.status, 404 | 503) }
        });
        over.store(true, Ordering::Relaxed);
        assert!(safe, "the secret was shown");
    });
    assert!(shown > 100 && missing > 100, "{shown} shown and {missing} missing: nothing was swapped");
}

#[test]
fn pages_and_log_lines_repeat_nothing_dangerous() {
    let server = Shoutd::start(&["--http", "0", "--log", "debug"]);
    for target in
        ["/<script>alert(1)</script>", "/%3Cscript%3E", "/%1b[31m", "/\u{9b}31m\u{202e}", "/a\x1b[31m"]
    {
        let page = get(server.http(), target);
        assert!(page.status == 404 || page.status == 400, "{target}");
        let text = String::from_utf8(page.body).unwrap();
        assert!(!text.contains("alert") && !text.contains("31m") && !text.contains("%3C"), "{text}");
    }
    get(server.http(), "/the-end");
    loop {
        let line = server.stderr_line();
        assert!(!line.chars().any(char::is_control), "a control character in the log: {line:?}");
        if line.contains("/the-end") {
            break;
        }
    }
}

/// As many connections as this process may have, up to `most`.
fn affordable(most: usize) -> usize {
    let limits = fs::read_to_string("/proc/self/limits").expect("procfs");
    let line = limits.lines().find(|line| line.starts_with("Max open files")).expect("a limit");
    let soft = line.split_ascii_whitespace().nth(3).and_then(|n| n.parse().ok()).unwrap_or(most * 2);
    most.min(soft / 2)
}

#[test]
fn a_thousand_dripped_heads_cost_little_and_stop_nobody() {
    let count = affordable(1000);
    let server = Shoutd::start(&["--http", "0", "--keep-alive", "10m"]);
    let before = server.descriptors();
    assert_eq!(get(server.http(), "/").status, 200);
    let memory = server.resident();
    let grown = || server.resident().saturating_sub(memory);
    let start = Instant::now();
    let mut clients: Vec<TcpStream> = (0..count).map(|_| connect(server.http())).collect();
    let drip = |clients: &mut [TcpStream], bytes: &[u8]| {
        clients.iter_mut().for_each(|client| client.write_all(bytes).unwrap());
        assert_eq!(get(server.http(), "/").status, 200, "others are served, and all of that was read");
    };
    drip(&mut clients, b"GET / HTTP/1.1\r\nX: ");
    assert!(grown() < 1024 + 2 * count as u64, "{} KiB for {count} small heads", grown());
    for _ in 0..20 {
        drip(&mut clients, &[b'x'; 400]);
    }
    assert!(grown() < 2048 + 12 * count as u64, "{} KiB for {count} heads of 8 KiB", grown());
    for client in &mut clients {
        assert_eq!(read_response(client, false).status, 408);
        assert_eq!(read_to_end(client), b"");
    }
    assert!(start.elapsed() >= Duration::from_secs(10));
    drop(clients);
    server.wait_for_descriptors(before);
}

#[test]
fn a_client_that_asks_for_ever_and_never_reads_costs_little_and_is_cut_after_thirty_seconds() {
    let folder = Folder::new();
    folder.write("small", "small");
    folder.write("middle", noise(9, 30_000));
    folder.write("large", noise(10, 3_000_000));
    let server = Shoutd::start(&["--http", "0", "--keep-alive", "10m", "--root", folder.as_str()]);
    assert!(["/small", "/middle", "/large"].iter().all(|path| get(server.http(), path).status == 200));
    let memory = server.resident();
    let start = Instant::now();
    let clients: Vec<_> = ["/small", "/middle", "/large", "/none"]
        .repeat(3)
        .into_iter()
        .map(|path| {
            let mut stream = connect(server.http());
            stream.set_write_timeout(Some(Duration::from_secs(60))).unwrap();
            thread::spawn(move || {
                let requests = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").repeat(1000);
                loop {
                    if let Err(error) = stream.write_all(requests.as_bytes()) {
                        return (error.kind(), start.elapsed());
                    }
                }
            })
        })
        .collect();
    while !clients.iter().all(|client| client.is_finished()) {
        assert_eq!(body(&server, "/small"), (200, b"small".into()), "others are served");
        // 64 KiB of requests and 64 KiB of replies each, and some for the others.
        let grown = server.resident().saturating_sub(memory);
        assert!(grown < 12 * 192 + 2048, "{grown} KiB more");
        assert!(start.elapsed() < Duration::from_secs(60), "they were not cut");
        thread::sleep(Duration::from_millis(50)); // not to keep the machine busy for half a minute
    }
    for client in clients {
        let (kind, time) = client.join().unwrap();
        assert!(matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{kind}");
        assert!(time >= Duration::from_secs(30), "cut after {time:?}");
    }
}

/// Pieces of requests, right and wrong.
const TOKENS: &[u8] = b"GET |POST |G|/ |/file.txt |/back1.jpg |//%2e%2e/ |/%00 |\
    HTTP/1.1|HTTP/1.0|HTTP/9.9|\r\n|\r\n\r\n|\n|\r|\0| |:|\
    \xff\xfe|hello|Host: a\r\n|Content-Length: 5\r\n|Content-Length: 99999999999\r\n|Connection: close\r\n|\
    Transfer-Encoding: chunked\r\n|Range: bytes=-9223372036854775808\r\n|Expect: 100-continue\r\n";

/// Rubbish made of the bytes of `dice`: mostly requests with something wrong, sometimes only noise.
fn rubbish(dice: &[u8]) -> Vec<u8> {
    let tokens: Vec<&[u8]> = TOKENS.split(|&byte| byte == b'|').collect();
    let (kind, dice) = (dice[0], &dice[1..]);
    if kind < 30 {
        return dice.to_vec();
    }
    let mut made = b"GET /file.txt HTTP/1.1\r\nHost: a\r\n\r\n".repeat(usize::from(kind % 4));
    for roll in dice.chunks_exact(4) {
        let token = tokens[usize::from(roll[0]) % tokens.len()];
        let at = (usize::from(roll[1]) << 8 | usize::from(roll[2])) % (made.len() + 1);
        match roll[3] % 8 {
            0 if at < made.len() => made[at] = roll[0],
            1 if at < made.len() => drop(made.remove(at)),
            2 => drop(made.splice(at..at, token.iter().copied())),
            3 => made.extend(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
            4 if kind < 40 => made.extend([b'x'; 3000]),
            _ => made.extend(token),
        }
    }
    made
}

#[test]
fn rubbish_never_ends_the_server_and_always_ends_its_connection() {
    let given = std::env::var("SHOUTD_SEED").ok().map(|seed| seed.parse().expect("SHOUTD_SEED is a number"));
    let time = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    let seed: u64 = given.unwrap_or_else(time);
    println!("SHOUTD_SEED={seed} repeats this");
    let mut server = Shoutd::start(&["--http", "0", "--keep-alive", "10m"]);
    let before = server.descriptors();
    let mut replies = 0;
    for round in 0..1500_u64 {
        let size = 1 + noise(seed.wrapping_add(round), 1)[0] as usize;
        let bytes = rubbish(&noise(seed ^ (round << 32), size + 1));
        let mut stream = connect(server.http());
        // Where it is refused for good, the rest may meet a closed connection.
        let sent = stream.write_all(&bytes).and_then(|()| stream.shutdown(Shutdown::Write));
        let mut received = Vec::new();
        let ended = stream.read_to_end(&mut received);
        let kinds = [&sent.err(), &ended.err()].map(|error| error.as_ref().map(|error| error.kind()));
        let reset =
            |kind: &Option<ErrorKind>| matches!(kind, Some(ErrorKind::WouldBlock | ErrorKind::TimedOut));
        assert!(!kinds.iter().any(reset), "round {round}: no end: {:?}", String::from_utf8_lossy(&bytes));
        let mut rest = &received[..];
        while kinds == [None, None] && !rest.is_empty() {
            let response = read_response(&mut rest, false);
            replies += 1;
            let last = response.field("Connection") == Some("close");
            assert!(!last || rest.is_empty(), "round {round}: a reply behind the last one");
        }
        assert!(server.is_alive(), "round {round} ended the server: {:?}", String::from_utf8_lossy(&bytes));
    }
    assert!(replies > 300, "only {replies} replies");
    server.wait_for_descriptors(before);
    assert_eq!(get(server.http(), "/").status, 200);
}
