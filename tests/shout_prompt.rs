//! `shout` at a terminal: the prompt with its line editing and history, a polite end, and the progress
//! bar of a long transfer. All of it is driven through a pseudo-terminal.
#![cfg(feature = "client")]

#[path = "support/peers.rs"]
mod peers;
mod support;

use peers::*;
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};
use std::fs::File;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};
use support::*;

const PROMPT: &str = "Input lowercase sentence: ";

/// Keys as a terminal sends them.
const UP: &str = "\x1b[A";
const LEFT: &str = "\x1b[D";
const BACKSPACE: &str = "\x7f";
const CTRL_A: &str = "\x01";
const CTRL_D: &str = "\x04";

/// The user's side of a terminal.
struct Terminal {
    keys: File,
    screen: Receiver<Vec<u8>>,
    /// What was shown and not yet looked at.
    seen: String,
}

impl Terminal {
    /// A new one, and the side that a program gets.
    fn new() -> (Terminal, File) {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let user = openpt(flags).expect("a pseudo-terminal");
        unlockpt(&user).unwrap();
        let program = ioctl_tiocgptpeer(&user, flags).unwrap();
        let keys = File::from(user);
        let mut screen = keys.try_clone().unwrap();
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let mut room = [0; 4096];
            // An error is the end: nobody has the other side open any more.
            while let Ok(count @ 1..) = screen.read(&mut room) {
                if sender.send(room[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        (Terminal { keys, screen: receiver, seen: String::new() }, File::from(program))
    }

    /// A shout with all three streams on a terminal.
    fn with_shout(protocol: &str, address: SocketAddr, rest: &[&str]) -> (Terminal, Child) {
        Terminal::with(shout(&line(protocol, address, rest)))
    }

    /// The same for any command.
    fn with(mut command: Command) -> (Terminal, Child) {
        let (terminal, program) = Terminal::new();
        command.env("TERM", "xterm").stdin(program.try_clone().unwrap());
        command.stdout(program.try_clone().unwrap()).stderr(program);
        let child = command.spawn().unwrap();
        (terminal, child)
    }

    fn types(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until this is shown, after what was waited for before. Returns what came in between.
    fn shows(&mut self, text: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(place) = self.seen.find(text) {
                let before = self.seen.drain(..place + text.len()).collect::<String>();
                return before[..place].to_owned();
            }
            let left = end.saturating_duration_since(Instant::now());
            match self.screen.recv_timeout(left) {
                Ok(bytes) => self.seen += &String::from_utf8_lossy(&bytes),
                Err(error) => panic!("{text:?} isn't shown, but {:?}: {error}", self.seen),
            }
        }
    }

    /// Types a line when it is asked for, and waits for its reply.
    fn exchanges(&mut self, keys: &str, reply: &str) {
        self.shows(PROMPT);
        self.types(keys);
        self.types("\r");
        self.shows(&format!("From Server: {reply}\r\n"));
    }

    /// All that is still shown, until the program has ended.
    fn shows_at_last(mut self) -> String {
        while let Ok(bytes) = self.screen.recv_timeout(PATIENCE) {
            self.seen += &String::from_utf8_lossy(&bytes);
        }
        self.seen
    }
}

/// A server that answers each `recv` until the FIN. It has seen what came in each; a reset is a panic.
fn uppercase_server() -> Peer<Vec<String>> {
    once(|mut stream| {
        let mut seen = Vec::new();
        loop {
            let bytes = recv(&mut stream, 1024);
            if bytes.is_empty() {
                return seen;
            }
            stream.write_all(&bytes.to_ascii_uppercase()).unwrap();
            seen.push(String::from_utf8(bytes).unwrap());
        }
    })
}

#[test]
fn each_line_is_answered_and_ctrl_d_ends_politely() {
    let server = uppercase_server();
    let (mut terminal, mut child) = Terminal::with_shout("tcp", server.address, &["--check"]);
    terminal.exchanges("hello", "HELLO");
    terminal.exchanges("two words and Grüße", "TWO WORDS AND GRüßE");
    terminal.shows(PROMPT);
    terminal.types(CTRL_D);
    assert_eq!(wait_for_end(&mut child), Some(0));
    assert_eq!(server.saw(), ["hello", "two words and Grüße"], "and then a FIN");
    assert!(!terminal.shows_at_last().contains("shout:"));
}

#[test]
fn a_line_can_be_edited_before_it_is_sent() {
    let server = uppercase_server();
    let (mut terminal, mut child) = Terminal::with_shout("tcp", server.address, &[]);
    terminal.exchanges(&format!("helo{LEFT}l"), "HELLO");
    terminal.exchanges(&format!("wordx{BACKSPACE}{BACKSPACE}ld"), "WORLD");
    terminal.exchanges(&format!("last{CTRL_A}at "), "AT LAST");
    terminal.shows(PROMPT);
    terminal.types(CTRL_D);
    assert_eq!(wait_for_end(&mut child), Some(0));
    assert_eq!(server.saw(), ["hello", "world", "at last"], "whole lines, not a byte of the editing");
}

#[test]
fn the_arrow_up_brings_earlier_lines_back() {
    let server = uppercase_server();
    let (mut terminal, mut child) = Terminal::with_shout("tcp", server.address, &[]);
    terminal.exchanges("first", "FIRST");
    terminal.exchanges("second", "SECOND");
    terminal.exchanges(UP, "SECOND");
    terminal.exchanges(&format!("{UP}{UP}{BACKSPACE}!"), "FIRS!");
    terminal.shows(PROMPT);
    terminal.types(CTRL_D);
    assert_eq!(wait_for_end(&mut child), Some(0));
    assert_eq!(server.saw(), ["first", "second", "second", "firs!"]);
}

#[test]
fn an_empty_line_sends_nothing_and_a_slow_user_is_no_error() {
    let server = uppercase_server();
    let (mut terminal, mut child) = Terminal::with_shout("tcp", server.address, &["--timeout", "200ms"]);
    terminal.shows(PROMPT);
    thread::sleep(Duration::from_millis(600)); // longer than a server may keep silent
    terminal.types("\r");
    terminal.exchanges("hello", "HELLO");
    terminal.shows(PROMPT);
    terminal.types(CTRL_D);
    assert_eq!(wait_for_end(&mut child), Some(0));
    assert_eq!(server.saw(), ["hello"]);
}

#[test]
fn after_ctrl_d_the_server_may_say_good_bye_too() {
    let server = once(|mut stream| {
        assert_eq!(recv(&mut stream, 1024), b"");
        stream.write_all(b"good bye").unwrap();
    });
    let (mut terminal, mut child) = Terminal::with_shout("tcp", server.address, &["--report"]);
    terminal.shows(PROMPT);
    terminal.types(CTRL_D);
    terminal.shows("good bye");
    terminal.shows("bytes               0 sent, 8 received\r\n");
    terminal.shows("by this client, with a FIN");
    assert_eq!(wait_for_end(&mut child), Some(0));
    server.saw();
}

#[test]
fn a_server_that_has_closed_meanwhile_is_told() {
    let server = once(|mut stream| {
        let bytes = recv(&mut stream, 1024);
        stream.write_all(&bytes.to_ascii_uppercase()).unwrap();
    });
    let address = server.address;
    let (mut terminal, mut child) = Terminal::with_shout("tcp", address, &[]);
    terminal.exchanges("hello", "HELLO");
    server.saw(); // its FIN is sent
    terminal.shows(PROMPT);
    terminal.types("again\r");
    terminal.shows(&format!("shout: {address} closed the connection after 0 of 5 bytes"));
    assert_eq!(wait_for_end(&mut child), Some(1));
    let rest = terminal.shows_at_last();
    assert!(rest.contains("5 received") && !rest.contains("panicked"), "{rest:?}");
}

#[test]
fn a_wrong_reply_is_shown_and_told() {
    let server = once(|mut stream| {
        let bytes = recv(&mut stream, 1024);
        stream.write_all(&bytes).unwrap();
        read_to_end(&mut stream)
    });
    let (mut terminal, mut child) = Terminal::with_shout("tcp", server.address, &[]);
    terminal.shows(PROMPT);
    terminal.types("HELLo\r");
    terminal.shows("From Server: HELLo\r\n");
    terminal.shows("shout: the reply from");
    terminal.shows("not the uppercase");
    terminal.shows("is wrong at byte 4");
    assert_eq!(wait_for_end(&mut child), Some(1));
}

#[test]
fn what_nobody_has_asked_for_is_told_before_the_next_line_is_sent() {
    let server = Shoutd::start(&["--tcp", "0,repeat=3"]);
    for keys in ["again\r", CTRL_D] {
        let (mut terminal, mut child) = Terminal::with_shout("tcp", server.tcp(), &[]);
        terminal.exchanges("hello", "HELLO");
        terminal.shows(PROMPT);
        terminal.types(keys);
        terminal.shows("shout: more came from");
        terminal.shows("10 bytes");
        terminal.shows("--repeat 3");
        assert_eq!(wait_for_end(&mut child), Some(1));
    }
    let server = once(|mut stream| {
        stream.write_all(b"220 ready\r\n").unwrap();
        read_to_end(&mut stream)
    });
    let (mut terminal, mut child) = Terminal::with_shout("tcp", server.address, &[]);
    terminal.shows(PROMPT);
    terminal.types("hello\r");
    terminal.shows("spoke first");
    assert_eq!(wait_for_end(&mut child), Some(1));
}

#[test]
fn what_is_said_of_a_response_begins_on_a_line_of_its_own() {
    for (body, shown) in [("no newline", "no newline\r\nhttp://"), ("a newline\n", "a newline\r\nhttp://")] {
        let server = http_server(vec![(vec![ok(body), ok(body)], Then::CloseAtTheNext)]);
        let url = server.address.to_string();
        let (terminal, mut child) = Terminal::with(shout(&["http", &url, &url]));
        assert_eq!(wait_for_end(&mut child), Some(0));
        let screen = terminal.shows_at_last();
        assert!(screen.starts_with(shown) && screen.matches(shown).count() == 2, "{screen:?}");
    }
    let server =
        http_server(vec![(vec![b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello".to_vec()], Then::Close)]);
    let (mut terminal, mut child) = Terminal::with(shout(&["http", &server.address.to_string()]));
    terminal.shows("hello\r\nshout: ");
    assert_eq!(wait_for_end(&mut child), Some(1));

    // So does what is said of a stream.
    let server = once(|mut stream| {
        let bytes = read_to_end(&mut stream).to_ascii_uppercase();
        stream.write_all(&bytes).unwrap();
    });
    let folder = Folder::new();
    folder.write("input", "no newline");
    let (mut terminal, program) = Terminal::new();
    let mut command = shout(&line("tcp", server.address, &["--report"]));
    command.stdin(File::open(folder.path().join("input")).unwrap());
    command.stdout(program.try_clone().unwrap()).stderr(program);
    let mut child = command.spawn().unwrap();
    drop(command);
    terminal.shows("NO NEWLINE\r\nconnection  ");
    assert_eq!(wait_for_end(&mut child), Some(0));
}

#[test]
fn nothing_is_asked_where_the_replies_go_elsewhere() {
    for service in ["tcp", "udp"] {
        let server = Shoutd::start(&["--tcp", "0", "--udp", "0"]);
        let (mut terminal, program) = Terminal::new();
        let mut command = shout(&line(service, server.nth(service, 0), &[]));
        command.stdin(program.try_clone().unwrap()).stderr(program).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        drop(command);
        let output = in_background(child.stdout.take().unwrap());
        terminal.types("hello\n");
        terminal.shows("hello\r\n"); // its echo
        terminal.types(CTRL_D);
        assert_eq!(wait_for_end(&mut child), Some(0));
        assert_eq!(String::from_utf8(output.join().unwrap()).unwrap(), "HELLO\n", "{service}");
    }
}

#[test]
fn where_nothing_listens_nothing_is_asked() {
    let (_socket, address) = refusing();
    let (terminal, mut child) = Terminal::with_shout("tcp", address, &[]);
    assert_eq!(wait_for_end(&mut child), Some(1));
    let shown = terminal.shows_at_last();
    assert!(shown.contains("refused") && !shown.contains(PROMPT), "{shown:?}");
}

#[test]
fn datagrams_are_asked_for_in_the_same_words() {
    let server = Shoutd::start(&["--udp", "0"]);
    let (mut terminal, mut child) = Terminal::with_shout("udp", server.udp(), &[]);
    terminal.exchanges("hello", "HELLO");
    terminal.exchanges("again", "AGAIN");
    terminal.shows(PROMPT);
    terminal.types(CTRL_D);
    assert_eq!(wait_for_end(&mut child), Some(0));
}

#[test]
fn a_lost_datagram_is_told_before_the_next_line_is_asked_for() {
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let (mut terminal, mut child) = Terminal::with_shout("udp", address, &["--timeout", "200ms"]);
    terminal.shows(PROMPT);
    terminal.types("hello\r");
    let told = terminal.shows(PROMPT);
    assert!(told.contains("shout: no reply from"), "{told:?}");
    terminal.types(CTRL_D);
    assert_eq!(wait_for_end(&mut child), Some(1));
}

#[test]
fn a_long_transfer_shows_its_progress_on_a_terminal() {
    let folder = Folder::new();
    let input = noise(3, 4_000_000);
    folder.write("input", &input);
    let server = once(|mut stream| {
        let bytes = read_to_end(&mut stream).to_ascii_uppercase();
        for piece in bytes.chunks(bytes.len() / 8) {
            stream.write_all(piece).unwrap();
            thread::sleep(Duration::from_millis(200)); // a pace at which there is something to see
        }
    });
    let (mut terminal, program) = Terminal::new();
    let mut command = shout(&line("tcp", server.address, &[]));
    command.stdin(File::open(folder.path().join("input")).unwrap()).stderr(program);
    let mut child = command.spawn().unwrap();
    drop(command); // and with it our copy of the program's side
    let output = in_background(child.stdout.take().unwrap());
    terminal.shows(" of 3.81 MiB");
    terminal.shows("/s");
    assert_eq!(wait_for_end(&mut child), Some(0));
    assert!(output.join().unwrap() == input.to_ascii_uppercase(), "the bar has got into the output");
}
