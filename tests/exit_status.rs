//! How the program ends when it does not serve: 0 for help, 1 where it can't run, 2 for wrong usage, always
//! with words that help, on the right stream, and never with a panic.

mod support;

use std::fs;
use std::io::Read;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;
use support::*;

/// What a program that ended by itself has said.
struct Ended {
    status: Option<i32>,
    stdout: String,
    stderr: String,
}

/// Runs a command to its end, which must come by itself.
fn end_of(mut command: Command) -> Ended {
    let mut child = command.spawn().expect("it can be started");
    let status = wait_for_end(&mut child);
    let text = |stream: &mut dyn Read| {
        let mut text = String::new();
        stream.read_to_string(&mut text).map(|_| text).expect("UTF-8")
    };
    let stdout = text(child.stdout.as_mut().unwrap());
    let stderr = text(child.stderr.as_mut().unwrap());
    assert!(!stderr.contains("panicked"), "{stderr}");
    Ended { status, stdout, stderr }
}

/// Checks that a command can't run: status 1, nothing on stdout, and one line with all these parts.
fn assert_cannot_run(command: Command, parts: &[&str]) {
    let about = format!("{command:?}");
    let ended = end_of(command);
    assert_eq!((ended.status, ended.stdout.as_str()), (Some(1), ""), "{about}");
    assert_eq!(ended.stderr.lines().count(), 1, "{about}: {:?}", ended.stderr);
    for part in parts {
        assert!(ended.stderr.contains(part), "{about}: {part:?} is not in {:?}", ended.stderr);
    }
}

#[test]
fn help_and_version_are_said_on_stdout_with_status_0() {
    for (argument, parts) in [
        ("--help", &["--tcp", "--udp", "--http", "12000", "8080", "--root", "--keep-alive", "--drain"][..]),
        ("-h", &["--close-on-error", "--max-connections", "--log"]),
        ("--version", &["shoutd", env!("CARGO_PKG_VERSION")]),
    ] {
        let ended = end_of(command(&[argument]));
        assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""), "{argument}");
        for part in parts {
            assert!(ended.stdout.contains(part), "{argument} doesn't say {part}");
        }
    }
}

#[test]
fn wrong_usage_ends_with_status_2_and_says_what_is_wrong() {
    let wrong: &[(&[&str], &str)] = &[
        (&["--nope"], "--nope"),
        (&["-x"], "-x"),
        (&["12000"], "--http 12000"),
        (&["localhost:8080"], "--http localhost:8080"),
        (&["www", "--root", "www"], "DIR and --root"),
        (&["www", "www"], "www"),
        (&["--tcp"], "--tcp"),
        (&["--tcp", "localhost"], "NAME:PORT"),
        (&["--tcp", "localhost:uppercase"], "NAME:PORT"),
        (&["--http", "http://localhost:8080"], "unix:PATH"),
        (&["--udp", "unix:here"], "NAME:PORT"),
        (&["--tcp", ""], "--tcp"),
        (&["--tcp", "0,read=0"], "read"),
        (&["--tcp", "0,read=65537"], "65536"),
        (&["--tcp", "0,repeat=0"], "repeat"),
        (&["--tcp", "0,messages=many"], "messages"),
        (&["--tcp", "0,delay=5"], "delay"),
        (&["--tcp", "0,idle=-1s"], "idle"),
        (&["--tcp", "0,speed=3"], "speed"),
        (&["--tcp", "0,read"], "read"),
        (&["--udp", "65536"], "65536"),
        (&["--udp", "0,read=5"], "0,read=5"),
        (&["--udp", "::1:0"], "::1:0"),
        (&["--http", "1.2.3:80"], "1.2.3:80"),
        (&["--http", "0", "--http", "127.0.0.1"], "127.0.0.1"),
        (&["--root"], "--root"),
        (&["--keep-alive", "5"], "--keep-alive"),
        (&["--keep-alive", "99999999999999999h"], "--keep-alive"),
        (&["--drain", "soon"], "soon"),
        (&["--max-connections", "0"], "--max-connections"),
        (&["--max-connections", "-1"], "-1"),
        (&["--close-on-error=maybe"], "maybe"),
        (&["--log", "debgu"], "did you mean debug?"),
        (&["--log", "shoutd=loud"], "loud"),
        (&["--log", "shoutdebug"], "shoutdebug"),
        (&["--log", "info,=debug"], "=debug"),
        (&["--log", ""], "--log"),
        (&["--rot", "www"], "'--root'"),
        (&["--tpc", "0"], "'--tcp'"),
        (&["--max-conn=5"], "'--max-connections'"),
        (&["--keepalive", "5s"], "'--keep-alive'"),
        (&["--tcp", "0,raed=5"], "did you mean read?"),
    ];
    for (arguments, part) in wrong {
        let ended = end_of(command(arguments));
        assert_eq!((ended.status, ended.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(ended.stderr.contains(part), "{arguments:?}: {:?}", ended.stderr);
        assert!(!ended.stderr.contains("as a value"), "clap's tip: {:?}", ended.stderr);
    }
    for (variable, value) in [
        ("SHOUTD_TCP", "0 x"),
        ("SHOUTD_UDP", "x"),
        ("SHOUTD_HTTP", "0,0"),
        ("SHOUTD_KEEP_ALIVE", "x"),
        ("SHOUTD_DRAIN", "x"),
        ("SHOUTD_MAX_CONNECTIONS", "x"),
        ("SHOUTD_CLOSE_ON_ERROR", "x"),
        ("SHOUTD_LOG", "debgu"),
    ] {
        let mut command = command(&[]);
        command.env(variable, value);
        let ended = end_of(command);
        assert_eq!((ended.status, ended.stdout.as_str()), (Some(2), ""), "{variable}={value}");
    }
}

#[test]
fn shout_is_told_of_its_slips_too() {
    let Some(shout) = option_env!("CARGO_BIN_EXE_shout") else { return };
    for (words, part) in [
        (&["tpc", "localhost", "1"][..], "'tcp'"),
        (&["lba"], "'lab'"),
        (&["bench", "htpt", "localhost"], "'http'"),
        (&["tcp", "localhost", "1", "--reprot"], "'--report'"),
        (&["bench", "tcp", "localhost:1", "--conections", "3"], "'--connections'"),
        (&["lab", "onshot"], "oneshot"),
        (&["lab", "oneshot", "--server", "raed=5"], "did you mean read?"),
        (&["https://localhost:8080/x"], "shout http https://localhost:8080/x"),
        (&["http", "--nope", "localhost"], "--nope"),
    ] {
        let output = Command::new(shout).args(words).output().unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{words:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(part), "{words:?}: {said}");
        assert!(!said.contains("as a value"), "clap's tip: {said}");
    }
}

#[test]
fn what_is_in_use_can_not_be_listened_on() {
    let (tcp, udp) = (TcpListener::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
    let (tcp, udp) = (&tcp.local_addr().unwrap().to_string(), &udp.local_addr().unwrap().to_string());
    for (option, address) in [("--tcp", tcp), ("--http", tcp), ("--udp", udp)] {
        let url = format!("{}://{address}", &option[2..]);
        let parts = [&url, "in use", "stop what listens there, or choose another port"];
        assert_cannot_run(command(&["--tcp", "0", option, address]), &parts);
    }
    let server = Shoutd::start(&["--tcp", "0", "--udp", "0", "--http", "0"]);
    for (scheme, address) in server.listening() {
        assert_cannot_run(command(&[&format!("--{scheme}"), &address.to_string()]), &["in use"]);
    }
}

#[test]
fn what_is_named_twice_is_said_to_be() {
    // A port that is free now; whoever takes it meanwhile is in the way as well, and the advice would be another.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (port, all) = (&port.to_string(), &format!("0.0.0.0:{port}"));
    let folder = Folder::new();
    let path = &format!("unix:{}/socket", folder.as_str());
    for words in [
        ["--http", port, "--http", port],
        ["--tcp", port, "--http", port],
        ["--tcp", all, "--http", port],
        ["--udp", port, "--udp", port],
        ["--http", path, "--http", path],
    ] {
        assert_cannot_run(command(&words), &["in use", "it is named twice"]);
    }
}

#[test]
fn an_address_of_another_machine_or_of_many_can_not_be_listened_on() {
    let this_machine = "choose an address of this machine";
    for (option, address) in [
        ("--tcp", "192.0.2.1:0"),
        ("--http", "192.0.2.1:0"),
        ("--udp", "192.0.2.1:0"),
        ("--http", "[2001:db8::1]:0"),
        ("--udp", "224.0.0.1:0"),
        ("--udp", "239.1.2.3:0"),
        ("--udp", "255.255.255.255:0"),
        ("--udp", "[ff02::1]:0"),
    ] {
        assert_cannot_run(command(&[option, address]), &[address, this_machine]);
    }
}

#[test]
fn a_name_that_stands_for_no_address_can_not_be_listened_on() {
    // Names below .invalid stand for nothing (RFC 6761 section 6.4).
    for scheme in ["tcp", "udp", "http"] {
        let url = format!("{scheme}://nobody.invalid:0");
        let option = format!("--{scheme}");
        assert_cannot_run(
            command(&["--tcp", "0", &option, "nobody.invalid:0"]),
            &[&url, "check its spelling"],
        );
    }
}

#[test]
fn a_root_that_can_not_be_served_is_named_with_what_to_do() {
    let folder = Folder::new();
    let run = |root: &str| command(&["--http", "0", "--root", root]);
    let missing = &format!("{}/missing", folder.as_str());
    assert_cannot_run(run(missing), &[missing, "No such file or directory", "create it"]);
    assert_cannot_run(
        command(&[missing, "--http", "0"]),
        &[missing, "No such file or directory", "create it"],
    );
    folder.write("file", "");
    let file = &format!("{}/file", folder.as_str());
    assert_cannot_run(run(file), &[file, "Not a directory", "name a directory"]);
    for (rules, parts) in [
        ("/ok /fine\n/broken\n", &["_redirects, line 2", "destination"][..]),
        ("/a /b 999\n", &["_redirects, line 1", "status must be"]),
        ("/a //elsewhere.example\n", &["_redirects, line 1", "destination must"]),
    ] {
        folder.write("_redirects", rules);
        assert_cannot_run(run(folder.as_str()), &[&[folder.as_str()], parts].concat());
    }
    folder.write("_redirects", "/a /b 301\n");
    assert_eq!(get(Shoutd::spawn(run(folder.as_str())).http(), "/a").status, 301);
}

#[test]
fn without_privileges_the_error_says_which_are_missing() {
    let folder = Folder::new();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let as_nobody = |arguments: &[&str]| {
        let mut command = command(arguments);
        command.uid(65_534).gid(65_534);
        command
    };
    if !as_nobody(&["--version"]).output().is_ok_and(|output| output.status.success()) {
        return skip("becoming nobody takes root, and a target directory that everybody may enter");
    }
    let private = ["--http", "0", "--root", folder.as_str()];
    assert_cannot_run(as_nobody(&private), &[folder.as_str(), "denied", "let this user"]);
    let first = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start").unwrap_or_default();
    if first.trim() != "1024" {
        return skip("here low ports are open to everybody");
    }
    for address in ["127.0.0.7:1", "127.0.0.7:1023"] {
        assert_cannot_run(as_nobody(&["--http", address]), &[address, "denied", "choose another port"]);
    }
}
