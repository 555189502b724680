//! What can be said on the command line and in the environment is understood as promised, and stdout says
//! what came of it.

mod support;

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::net::{TcpListener, TcpStream, ToSocketAddrs};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;
use support::*;

/// Talks to all that it listens on.
fn use_everything(server: &Shoutd) {
    for (n, (scheme, _)) in server.listening().iter().enumerate() {
        let before = server.listening()[..n].iter().filter(|(other, _)| other == scheme).count();
        let address = server.nth(scheme, before);
        match scheme.as_str() {
            "tcp" => assert_eq!(conversation(address, "twenty bytes of text"), b"TWENTY BYTES OF TEXT"),
            "http" => assert_eq!(get(address, "/file.txt").status, 200),
            _ => {
                let socket = udp_to(address);
                socket.send(b"hello").unwrap();
                assert_eq!(udp_reply(&socket), b"HELLO");
            }
        }
    }
}

/// Whether nothing has come from the peer after 300 ms. The time that passes is what is tested.
fn is_kept_waiting(stream: &TcpStream) -> bool {
    thread::sleep(Duration::from_millis(300));
    stream.set_nonblocking(true).unwrap();
    let result = stream.peek(&mut [0]);
    stream.set_nonblocking(false).unwrap();
    matches!(result, Err(error) if error.kind() == ErrorKind::WouldBlock)
}

#[test]
fn stdout_has_the_listeners_in_order_then_ready_and_nothing_else() {
    let folder = Folder::new();
    let path = folder.path().join("stdout");
    let options =
        ["--http", "0", "--udp", "0", "--tcp", "0", "--udp", "0", "--tcp", "0,read=5", "--http", "0"];
    let mut command = command(&options);
    command.args(["--log", "trace"]).stdout(File::create(&path).unwrap());
    let mut child = Killed(command.spawn().unwrap());
    let text = || fs::read_to_string(&path).unwrap();
    eventually(|| text().ends_with("ready\n"), || format!("no ready in {:?}", text()));

    let said = text();
    let urls: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("listening on ")).collect();
    let schemes: Vec<&str> = urls.iter().map(|url| url.split_once("://127.0.0.1:").unwrap().0).collect();
    assert_eq!(schemes, ["tcp", "tcp", "udp", "udp", "http", "http"]);
    assert_eq!(said.lines().count(), 7, "{said}");
    for url in urls {
        let (scheme, address) = url.split_once("://").unwrap();
        let address = address.parse().unwrap();
        match scheme {
            "tcp" => assert_eq!(conversation(address, "hello"), b"HELLO"),
            "http" => assert_eq!(get(address, "/nope").status, 404),
            _ => assert_eq!(udp_to(address).send(b"hello").unwrap(), 5),
        }
    }
    assert!(Command::new("kill").arg(child.0.id().to_string()).status().unwrap().success());
    assert_eq!(wait_for_end(&mut child.0), Some(0));
    assert_eq!(text(), said, "more came on stdout");
}

/// The kinds of sockets with an address that a process has, as the tables in /proc/net are called.
fn sockets_of(pid: u32) -> Vec<String> {
    let links =
        fs::read_dir(format!("/proc/{pid}/fd")).unwrap().map(|entry| fs::read_link(entry.unwrap().path()));
    let names: Vec<String> =
        links.filter_map(Result::ok).map(|link| link.to_string_lossy().into_owned()).collect();
    let mut found = Vec::new();
    for table in ["tcp", "tcp6", "udp", "udp6", "raw", "raw6"] {
        let text = fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
        for inode in text.lines().skip(1).filter_map(|line| line.split_ascii_whitespace().nth(9)) {
            found.extend(names.contains(&format!("socket:[{inode}]")).then(|| table.to_owned()));
        }
    }
    found
}

#[test]
fn only_what_is_named_is_opened() {
    for (options, tables) in [
        (&["--http", "0"][..], &["tcp"][..]),
        (&["--udp", "0"], &["udp"]),
        (&["--tcp", "0", "--udp", ":0"], &["tcp", "udp6"]),
        (&["--tcp", "0", "--tcp", ":0", "--http", "[::1]:0"], &["tcp", "tcp6", "tcp6"]),
    ] {
        let server = Shoutd::start(options);
        assert_eq!(sockets_of(server.pid()), tables, "{options:?}");
        assert_eq!(server.listening().len(), tables.len(), "{options:?}");
    }
}

#[test]
fn without_a_listener_named_all_three_open_at_their_default_addresses() {
    // The root is an option too, but it names no listener.
    let Some(command) = isolated("", &["--root", "/"]) else {
        return skip("the default ports may be in use, and there is no network namespace to be had");
    };
    let server = Shoutd::spawn(command);
    let lines: Vec<String> =
        server.listening().iter().map(|(scheme, address)| format!("{scheme}://{address}")).collect();
    assert_eq!(lines, ["tcp://127.0.0.1:12000", "udp://127.0.0.1:12000", "http://127.0.0.1:8080"]);
}

#[test]
fn each_form_of_an_address_is_understood() {
    for (form, ip) in [("0", "127.0.0.1"), ("127.0.0.3:0", "127.0.0.3"), ("[::1]:0", "::1"), (":0", "::")] {
        let server = Shoutd::start(&["--tcp", form, "--udp", form, "--http", form]);
        assert_eq!(server.listening().len(), 3);
        for (scheme, address) in server.listening() {
            assert_eq!(address.ip().to_string(), ip, "{scheme} {form}");
            assert_ne!(address.port(), 0, "the port that was really bound is said");
        }
        use_everything(&server);
    }
    // A port that is free now, by number alone.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let server = Shoutd::start(&["--http", &port]);
    assert_eq!(server.http().to_string(), format!("127.0.0.1:{port}"));
}

#[test]
fn a_name_is_every_address_that_it_stands_for() {
    let mut ips: Vec<String> = Vec::new();
    for address in "localhost:0".to_socket_addrs().expect("localhost has an address") {
        // Where there is no IPv6, the file of names may have ::1 all the same.
        if TcpListener::bind(address).is_ok() && !ips.contains(&address.ip().to_string()) {
            ips.push(address.ip().to_string());
        }
    }
    assert!(!ips.is_empty());
    let name = "localhost:0";
    let server = Shoutd::start(&["--tcp", "localhost:0,read=5", "--udp", name, "--http", name]);
    for wanted in ["tcp", "udp", "http"] {
        let of_scheme = server.listening().iter().filter(|(scheme, _)| scheme == wanted);
        let found: Vec<String> = of_scheme.map(|(_, address)| address.ip().to_string()).collect();
        assert_eq!(found, ips, "{wanted}");
    }
    use_everything(&server);
}

/// A command in a network and with mounts of its own, where the default ports are free, after a shell has prepared
/// it; `None` if there is none to be had.
fn isolated(prepare: &str, arguments: &[&str]) -> Option<Command> {
    let prepare = format!("ip link set lo up{prepare}");
    let inside = |flags: &str, script: &str| {
        let mut unshare = Command::new("unshare");
        unshare.args([flags, "sh", "-c", script]).arg(command(&[]).get_program());
        unshare.stdout(Stdio::piped()).stderr(Stdio::piped());
        unshare
    };
    let possible = |flags: &&str| inside(flags, &prepare).status().is_ok_and(|status| status.success());
    let flags = ["-nm", "-rnm"].into_iter().find(possible)?;
    let mut command = inside(flags, &format!("{prepare} && exec \"$0\" \"$@\""));
    command.args(arguments);
    Some(command)
}

#[test]
fn a_name_may_have_addresses_that_this_machine_does_not() {
    let folder = Folder::new();
    // 192.0.2.1 is nobody's (RFC 5737), and what stands there twice is bound once.
    folder.write("hosts", "127.0.0.1 twins\n192.0.2.1 twins away\n::1 twins\n127.0.0.1 twins\n");
    let hosts = format!(" && mount --bind {}/hosts /etc/hosts", folder.as_str());
    let Some(both) = isolated(&hosts, &["--http", "twins:8080"]) else {
        return skip("there is no mount namespace to be had");
    };
    let server = Shoutd::spawn(both);
    let mut urls: Vec<String> = server.listening().iter().map(|(_, address)| address.to_string()).collect();
    urls.sort_unstable();
    let has_ipv6 = TcpListener::bind("[::1]:0").is_ok();
    assert_eq!(urls, ["127.0.0.1:8080", "[::1]:8080"][..if has_ipv6 { 2 } else { 1 }]);
    server.wait_for_log("http://192.0.2.1:8080");

    let mut away = Killed(isolated(&hosts, &["--http", "away:8080"]).unwrap().spawn().unwrap());
    assert_eq!(wait_for_end(&mut away.0), Some(1), "it listens nowhere");
}

#[test]
fn a_directory_alone_is_served_over_http_alone() {
    let folder = Folder::new();
    folder.write("index.html", "<p>mine</p>");
    let Some(alone) = isolated("", &[folder.as_str()]) else {
        return skip("the default ports may be in use, and there is no network namespace to be had");
    };
    let server = Shoutd::spawn(alone);
    assert_eq!(server.listening(), [("http".to_owned(), "127.0.0.1:8080".parse().unwrap())]);
    drop(server);

    // Where listeners are named, it is --root and nothing else; and it goes before the variable.
    let mut command = command(&["--tcp", "0", folder.as_str(), "--http", "0"]);
    command.env("SHOUTD_ROOT", "/nowhere");
    let server = Shoutd::spawn(command);
    assert_eq!(server.listening().len(), 2);
    assert_eq!(get(server.http(), "/").body, b"<p>mine</p>");
    assert_eq!(conversation(server.tcp(), "hello"), b"HELLO");
    assert_eq!(server.said(), [""; 0]);
}

#[test]
fn a_site_without_a_front_page_is_told_at_the_start() {
    let warned = |folder: &Folder, options: &[&str]| {
        let mut server = Shoutd::start(&[&["--http", "0", folder.as_str()], options].concat());
        server.signal("TERM");
        server.wait();
        let mut said = Vec::new();
        while let Some(line) = server.next_line() {
            said.push(line);
        }
        said.iter().any(|line| line.contains("no index.html") && line.contains("--autoindex"))
    };
    let folder = Folder::new();
    folder.write("page.html", "<p>mine</p>");
    assert!(warned(&folder, &[]));
    assert!(!warned(&folder, &["--autoindex"]));
    folder.write("_redirects", "/* /page.html 200\n");
    assert!(!warned(&folder, &[]), "the rules have a front page");
    folder.write("_redirects", "");
    folder.write("index.html", "<p>mine</p>");
    assert!(!warned(&folder, &[]));
}

#[test]
fn every_option_can_come_from_the_environment() {
    let folder = Folder::new();
    folder.write("only-here.txt", "yes");
    let mut from_environment = command(&[]);
    from_environment
        .env("SHOUTD_TCP", "0 127.0.0.2:0,messages=1")
        .env("SHOUTD_UDP", "0 0")
        .env("SHOUTD_HTTP", "127.0.0.4:0 0")
        .env("SHOUTD_ROOT", folder.path())
        .env("SHOUTD_KEEP_ALIVE", "10m")
        .env("SHOUTD_CLOSE_ON_ERROR", "true")
        .env("SHOUTD_MAX_CONNECTIONS", "1")
        .env("SHOUTD_DRAIN", "100ms")
        .env("SHOUTD_LOG", "warn");
    let mut server = Shoutd::spawn(from_environment);
    let said: Vec<String> =
        server.listening().iter().map(|(scheme, at)| format!("{scheme} {}", at.ip())).collect();
    let local = |scheme: &str| format!("{scheme} 127.0.0.1");
    let expected = [
        local("tcp"),
        "tcp 127.0.0.2".into(),
        local("udp"),
        local("udp"),
        "http 127.0.0.4".into(),
        local("http"),
    ];
    assert_eq!(said, expected);

    let mut once = connect(server.nth("tcp", 1));
    once.write_all(b"one message").unwrap();
    assert_eq!(read_to_end(&mut once), b"ONE MESSAGE");
    drop(once);
    assert_eq!(get(server.http(), "/only-here.txt").body, b"yes");
    assert_eq!(get(server.http(), "/nope").field("connection"), Some("close"));

    // A second connection has to wait, and an open one is not waited for longer than asked.
    let mut first = connect(server.http());
    first.write_all(b"GET /only-here.txt HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert_eq!(read_response(&mut first, false).status, 200);
    let mut second = connect(server.tcp());
    second.write_all(b"hello").unwrap();
    assert!(is_kept_waiting(&second), "two connections are served");
    drop(first);
    assert_eq!(read_exactly(&mut second, 5), b"HELLO");
    assert!(server.said().iter().all(|line| line.contains(" warn ")), "SHOUTD_LOG is warn");
    server.signal("TERM");
    assert_eq!(server.wait_for(Duration::from_secs(8)).code(), Some(0), "the default drain is longer");
}

#[test]
fn an_option_beats_its_variable_and_leaves_the_others() {
    let mut both = command(&["--http", "127.0.0.5:0", "--log", "error"]);
    both.env("SHOUTD_HTTP", "127.0.0.6:0").env("SHOUTD_TCP", "0").env("SHOUTD_CLOSE_ON_ERROR", "false");
    both.env("RUST_LOG", "shoutd=trace").env("SHOUTD_LOG", "trace");
    let server = Shoutd::spawn(both);
    let said: Vec<String> =
        server.listening().iter().map(|(scheme, at)| format!("{scheme} {}", at.ip())).collect();
    assert_eq!(said, ["tcp 127.0.0.1", "http 127.0.0.5"]);
    assert_ne!(get(server.http(), "/nope").field("connection"), Some("close"));
    use_everything(&server);
    assert_eq!(server.said(), [""; 0]);
}

#[test]
fn the_longest_durations_are_no_trouble() {
    let ever = "5124095576030h"; // Nearly 2^64 milliseconds.
    let tcp = format!("0,idle={ever}");
    let slow = format!("0,delay={ever}");
    let mut server =
        Shoutd::start(&["--tcp", &tcp, "--tcp", &slow, "--http", "0", "--keep-alive", ever, "--drain", ever]);
    let mut waiting = connect(server.nth("tcp", 1));
    waiting.write_all(b"in vain").unwrap();
    assert_eq!(conversation(server.tcp(), "hello"), b"HELLO");
    assert_eq!(get(server.http(), "/").status, 200);
    assert!(is_kept_waiting(&waiting));
    drop(waiting);
    server.signal("TERM");
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
}
