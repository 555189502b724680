//! The capture: that it sees every packet of a conversation once, as it was, in a network of its own and
//! without root.
//!
//! A test that needs a network of its own runs again in a child, alone on that child's first thread, because
//! the kernel lets only a process with one thread make a user namespace (unshare(2)).
#![cfg(feature = "client")]

mod support;

use shoutd::client::wire::capture::{Capture, Captured, Ports};
use shoutd::client::wire::conversation::Conversations;
use shoutd::client::wire::packet::{Kind, Packet};
use shoutd::client::wire::{namespace, pcapng, words};
use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};
use support::*;

/// Says in a child that it is one.
const INSIDE: &str = "SHOUT_TEST_WIRE";

/// Nobody's user and group id on most systems; any that isn't root's would do.
const NOBODY: u32 = 65_534;

/// Runs a test in a child that nobody has any privilege in, with one thread, where it enters a network of
/// its own. Where the system doesn't allow that, the test is left out.
fn inside(name: &str, test: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        match namespace::enter() {
            Ok(()) => test(),
            Err(why) => println!("BARRED {why}"),
        }
        return;
    }
    let text = in_a_child(name, &[]);
    if let Some(why) = text.split("BARRED ").nth(1) {
        skip(why);
    }
}

/// Runs a test again, with nobody's privileges and one thread, under a command if one is given. Returns what
/// it has said; it must have passed.
fn in_a_child(name: &str, under: &[&str]) -> String {
    // A program can't be started while some child of another thread still has it open for writing.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = Folder::new();
    // Nobody may have no way to where the tests were built.
    let copy = folder.path().join("test");
    std::fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    let words: Vec<&str> = under.iter().copied().chain([copy.to_str().unwrap()]).collect();
    let mut again = Command::new(words[0]);
    again.args(&words[1..]).args(["--exact", name, "--test-threads=1", "--nocapture"]).env(INSIDE, "1");
    again.current_dir(folder.path());
    if rustix::process::getuid().is_root() {
        std::os::unix::fs::chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        again.uid(NOBODY).gid(NOBODY);
    }
    again.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = again.spawn().expect("the test itself can be started");
    drop(turn);
    let outcome = child.wait_with_output().unwrap();
    let text =
        String::from_utf8_lossy(&outcome.stdout).into_owned() + &String::from_utf8_lossy(&outcome.stderr);
    assert!(outcome.status.success() && text.contains("1 passed"), "in a child: {text}");
    text
}

/// A server for one connection that does what it is told with it.
fn serve(
    address: &str,
    work: impl FnOnce(TcpStream) + Send + 'static,
) -> (SocketAddr, thread::JoinHandle<()>) {
    let listener = TcpListener::bind(address).unwrap();
    let address = listener.local_addr().unwrap();
    (address, thread::spawn(move || work(listener.accept().unwrap().0)))
}

fn flags(packets: &[Packet]) -> Vec<String> {
    packets.iter().filter_map(|packet| packet.segment().map(|segment| segment.flags())).collect()
}

/// One sentence there, one back, over TCP; the server closes.
fn oneshot(address: &str) -> Captured {
    let capture = Capture::start(Ports::All).unwrap();
    let (address, server) = serve(address, |mut stream| {
        let mut room = [0; 1024];
        let count = stream.read(&mut room).unwrap();
        stream.write_all(&room[..count].to_ascii_uppercase()).unwrap();
    });
    let mut client = connect(address);
    client.write_all(b"hello world").unwrap();
    assert_eq!(read_to_end(&mut client), b"HELLO WORLD");
    drop(client);
    server.join().unwrap();
    capture.finish().unwrap()
}

#[test]
fn every_packet_is_seen_once_over_ipv4_and_ipv6() {
    inside("every_packet_is_seen_once_over_ipv4_and_ipv6", || {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let before = SystemTime::now();
            let captured = oneshot(address);
            let packets = &captured.packets;
            assert_eq!(captured.dropped, 0);
            assert!(captured.began >= before - Duration::from_secs(1) && captured.began <= SystemTime::now());
            assert_eq!(flags(packets)[..3], ["SYN", "SYN ACK", "ACK"], "{packets:?}");
            let all = flags(packets);
            assert_eq!(all.iter().filter(|flags| flags.contains("FIN")).count(), 2, "{all:?}");
            assert_eq!(all.iter().filter(|flags| flags.contains("SYN")).count(), 2, "{all:?}");
            let payloads: Vec<&[u8]> =
                packets.iter().map(Packet::payload).filter(|p| !p.is_empty()).collect();
            assert_eq!(payloads, [&b"hello world"[..], b"HELLO WORLD"]);
            assert!(packets.iter().enumerate().all(|(at, packet)| packet.number == at + 1));
            assert!(packets.windows(2).all(|pair| pair[0].time <= pair[1].time), "{packets:?}");
            assert!(packets.iter().all(|packet| packet.frame.len() == packet.frame_length));
            let mss = packets[0].segment().unwrap().mss.unwrap();
            // The MTU of loopback less the headers of IP and TCP.
            assert_eq!(mss, if address.starts_with('[') { 65_476 } else { 65_495 });
        }
    });
}

#[test]
fn datagrams_and_icmp_are_seen_too() {
    inside("datagrams_and_icmp_are_seen_too", || {
        for host in ["127.0.0.1", "::1"] {
            let capture = Capture::start(Ports::All).unwrap();
            let server = UdpSocket::bind((host, 0)).unwrap();
            let client = UdpSocket::bind((host, 0)).unwrap();
            let (there, here) = (server.local_addr().unwrap(), client.local_addr().unwrap());
            client.send_to(&[b'x'; 65_507], there).unwrap();
            client.send_to(b"", there).unwrap();
            drop(server);
            client.send_to(b"hello", there).unwrap();
            let packets = capture.finish().unwrap().packets;
            assert_eq!(packets.len(), 4, "{packets:?}");
            let lengths: Vec<usize> = packets.iter().map(|packet| packet.length).collect();
            assert_eq!(lengths, [65_507, 0, 5, 0]);
            assert!(
                packets[..3].iter().all(|packet| packet.kind == Kind::Udp && packet.destination == there)
            );
            let Kind::Unreachable(refusal) = &packets[3].kind else { panic!("{:?}", packets[3]) };
            assert_eq!(
                (refusal.from, refusal.about, refusal.protocol, refusal.what),
                (here, there, 17, "port")
            );
        }
    });
}

#[test]
fn a_large_transfer_loses_no_packet() {
    const SIZE: usize = 100 << 20;
    inside("a_large_transfer_loses_no_packet", || {
        let capture = Capture::start(Ports::All).unwrap();
        let (address, server) = serve("127.0.0.1:0", |mut stream| {
            let piece = vec![b'x'; 1 << 20];
            (0..SIZE >> 20).for_each(|_| stream.write_all(&piece).unwrap());
        });
        let mut client = connect(address);
        assert_eq!(std::io::copy(&mut client, &mut std::io::sink()).unwrap(), SIZE as u64);
        drop(client);
        server.join().unwrap();
        let captured = capture.finish().unwrap();
        assert_eq!(captured.dropped, 0);
        let conversations = Conversations::of(&captured.packets);
        assert_eq!(conversations.list.len(), 1);
        assert_eq!(conversations.list[0].server_bytes, SIZE as u64, "counted from the headers");
        assert!(conversations.seen.iter().all(|seen| seen.tcp.as_ref().unwrap().gap == 0));
        let kept: usize = captured.packets.iter().map(|packet| packet.frame.len()).sum();
        assert!(kept < SIZE / 5, "{kept} bytes of the packets were kept");
    });
}

#[test]
fn only_the_ports_that_are_asked_for_are_kept() {
    inside("only_the_ports_that_are_asked_for_are_kept", || {
        let wanted = UdpSocket::bind("127.0.0.1:0").unwrap();
        let other = UdpSocket::bind("127.0.0.1:0").unwrap();
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        let there = wanted.local_addr().unwrap();
        let capture = Capture::start(Ports::Only(vec![there.port()])).unwrap();
        client.send_to(b"not this", other.local_addr().unwrap()).unwrap();
        client.send_to(b"this", there).unwrap();
        drop(wanted);
        client.send_to(b"refused", there).unwrap();
        let packets = capture.finish().unwrap().packets;
        let payloads: Vec<&[u8]> = packets.iter().map(Packet::payload).collect();
        assert_eq!(payloads, [&b"this"[..], b"refused", b""], "{packets:?}");
        assert_eq!((packets[0].number, packets[0].time), (1, Duration::ZERO));
    });
}

#[test]
fn tshark_reads_what_is_written_and_sees_the_same() {
    if Command::new("tshark").arg("--version").output().is_err() {
        return skip("there is no tshark");
    }
    inside("tshark_reads_what_is_written_and_sees_the_same", || {
        let captured = oneshot("127.0.0.1:0");
        let packets = &captured.packets;
        let conversations = Conversations::of(packets);
        let words = words::explain(packets, &conversations);
        let mut file = File::create("oneshot.pcapng").unwrap();
        pcapng::write(&mut file, packets, &words, captured.began).unwrap();
        let mut tshark = Command::new("tshark");
        // Nobody has no home, and tshark wants to look there.
        tshark.args(["-r", "oneshot.pcapng", "-T", "fields", "-E", "separator=|"]).env("HOME", ".");
        let fields = [
            "frame.number",
            "frame.time_epoch",
            "tcp.flags",
            "tcp.seq",
            "tcp.ack",
            "tcp.len",
            "frame.comment",
        ];
        tshark.args(fields.iter().flat_map(|field| ["-e", field]));
        let outcome = tshark.output().unwrap();
        let text = String::from_utf8(outcome.stdout).unwrap();
        let began = captured.began.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let expected: Vec<String> = (0..packets.len())
            .map(|place| {
                let (packet, view) = (&packets[place], conversations.seen[place].tcp.as_ref().unwrap());
                let segment = packet.segment().unwrap();
                let bits = [segment.fin, segment.syn, segment.rst, segment.psh, segment.ack];
                let bits: u32 = bits.iter().enumerate().map(|(at, set)| u32::from(*set) << at).sum();
                let time = began + packet.time;
                let (seconds, nanos) = (time.as_secs(), time.subsec_nanos());
                let (ack, words) = (view.ack.unwrap_or(0), &words[place]);
                let number = place + 1;
                format!(
                    "{number}|{seconds}.{nanos:09}|0x{bits:04x}|{}|{ack}|{}|{words}",
                    view.seq, packet.length
                )
            })
            .collect();
        assert_eq!(
            text.lines().collect::<Vec<_>>(),
            expected,
            "{}",
            String::from_utf8_lossy(&outcome.stderr)
        );
    });
}

#[test]
fn without_a_privilege_or_a_namespace_it_says_what_is_missing_and_how_to_allow_it() {
    let name = "without_a_privilege_or_a_namespace_it_says_what_is_missing_and_how_to_allow_it";
    if std::env::var_os(INSIDE).is_some() {
        println!("SAID {}", Capture::start(Ports::All).map(drop).unwrap_err());
        println!("SAID {}", namespace::enter().unwrap_err());
        return;
    }
    // A user namespace that allows no other, in which we give up what we may.
    let script = "echo 0 >/proc/sys/user/max_user_namespaces && exec setpriv --bounding-set=-all \"$@\"";
    let under = ["unshare", "--user", "--map-root-user", "sh", "-c", script, "sh"];
    if !Command::new(under[0]).args([under[1], "true"]).status().is_ok_and(|status| status.success()) {
        return skip("there are no user namespaces");
    }
    let text = in_a_child(name, &under);
    let said: Vec<&str> = text.split("SAID ").skip(1).collect();
    assert!(said[0].starts_with("can't capture: this system doesn't give us a packet socket"), "{text}");
    assert!(said[1].starts_with("can't capture: this system doesn't give us a network namespace"), "{text}");
    for said in said {
        assert!(said.contains("sysctl user.max_user_namespaces=10000"), "{text}");
        assert!(said.contains("setcap cap_net_raw+ep"), "{text}");
    }
}
