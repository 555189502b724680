//! The capture: that it sees every packet of a conversation once, as it was, in a network of its own and
//! without root.
//!
//! The kernel lets only a process with a single thread make a user namespace (unshare(2)), and the usual
//! harness starts a thread for each test. So this file has its own: `main` runs each test in a child, on the
//! only thread of that, and with nobody's privileges. Names of tests may be given to it, or parts of them.

mod support;

use shoutd::sys::PacketRing;
use shoutd::wire::capture::{Capture, Captured, Ports};
use shoutd::wire::conversation::Conversations;
use shoutd::wire::packet::{Kind, Packet};
use shoutd::wire::{namespace, pcapng, words};
use socket2::{Domain, Protocol, Socket, Type};
use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, SystemTime};
use support::*;

/// A test by its name, and whether it is about not being allowed to capture.
struct Test(&'static str, fn(), bool);

const TESTS: [Test; 7] = [
    Test("every_packet_is_seen_once_over_ipv4_and_ipv6", every_packet_is_seen_once_over_ipv4_and_ipv6, false),
    Test("datagrams_and_icmp_are_seen_too", datagrams_and_icmp_are_seen_too, false),
    Test("a_large_transfer_loses_no_packet", a_large_transfer_loses_no_packet, false),
    Test("a_full_ring_counts_what_it_drops_and_goes_on", a_full_ring_counts_what_it_drops_and_goes_on, false),
    Test("only_the_ports_that_are_asked_for_are_kept", only_the_ports_that_are_asked_for_are_kept, false),
    Test(
        "tshark_reads_what_is_written_and_sees_the_same",
        tshark_reads_what_is_written_and_sees_the_same,
        false,
    ),
    Test("where_it_is_barred_it_says_how_to_allow_it", where_it_is_barred_it_says_how_to_allow_it, true),
];

/// Tells a child which test it is to run.
const INSIDE: &str = "SHOUT_TEST_WIRE";

/// The user and group id of nobody on most systems; any but root's would do.
const NOBODY: u32 = 65_534;

/// Allows no further user namespace in the one that it is run in, gives up all privileges, and runs a command.
const BARRED: &str = r#"echo 0 >/proc/sys/user/max_user_namespaces && exec setpriv --bounding-set=-all "$@""#;

fn main() -> ExitCode {
    if let Ok(name) = std::env::var(INSIDE) {
        inside(&name);
        return ExitCode::SUCCESS;
    }
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|word| word == "--list") {
        TESTS.iter().for_each(|test| println!("{}: test", test.0));
        return ExitCode::SUCCESS;
    }
    // Options are the usual harness's, and their values no names: then all tests are run.
    let wanted = if words.iter().any(|word| word.starts_with('-')) { &[][..] } else { &words };
    let mut code = ExitCode::SUCCESS;
    for test in
        TESTS.iter().filter(|test| wanted.is_empty() || wanted.iter().any(|part| test.0.contains(part)))
    {
        match in_a_child(test) {
            Ok(()) => println!("test {} ... ok", test.0),
            Err(why) => {
                println!("test {} ... FAILED\n{why}", test.0);
                code = ExitCode::FAILURE;
            }
        }
    }
    code
}

/// Runs a test here, in a network of its own unless it is about having none.
fn inside(name: &str) {
    let Test(_, test, barred) = TESTS.iter().find(|test| test.0 == name).expect("a test of that name");
    if !barred && let Err(why) = namespace::enter() {
        println!("LEFT OUT {why}");
        return;
    }
    test();
    println!("PASSED");
}

/// Runs a test in a child, and returns what that has said if it failed. Where the system has no user
/// namespaces, it is left out.
fn in_a_child(test: &Test) -> Result<(), String> {
    let folder = Folder::new();
    // Nobody may have no way to where this program was built.
    let copy = folder.path().join("test");
    std::fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    let mut child = Command::new(&copy);
    if test.2 {
        child = Command::new("unshare");
        child.args(["--user", "--map-root-user", "sh", "-c", BARRED, "sh"]).arg(&copy);
    }
    child.env(INSIDE, test.0).current_dir(folder.path()).stdin(Stdio::null());
    if rustix::process::getuid().is_root() {
        chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        child.uid(NOBODY).gid(NOBODY);
    }
    let outcome = child.output().map_err(|error| error.to_string())?;
    let text = [outcome.stdout, outcome.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    if let Some(why) = text.split("LEFT OUT ").nth(1).or_else(|| text.split("unshare failed: ").nth(1)) {
        skip(why);
    } else if !outcome.status.success() || !text.contains("PASSED") {
        return Err(text.into_owned());
    }
    Ok(())
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

fn every_packet_is_seen_once_over_ipv4_and_ipv6() {
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
        let payloads: Vec<&[u8]> = packets.iter().map(Packet::payload).filter(|p| !p.is_empty()).collect();
        assert_eq!(payloads, [&b"hello world"[..], b"HELLO WORLD"]);
        assert!(packets.iter().enumerate().all(|(at, packet)| packet.number == at + 1));
        assert!(packets.windows(2).all(|pair| pair[0].time <= pair[1].time), "{packets:?}");
        assert!(packets.iter().all(|packet| packet.frame.len() == packet.frame_length));
        let mss = packets[0].segment().unwrap().mss.unwrap();
        // The MTU of loopback less the headers of IP and TCP.
        assert_eq!(mss, if address.starts_with('[') { 65_476 } else { 65_495 });
    }
}

fn datagrams_and_icmp_are_seen_too() {
    for host in ["127.0.0.1", "::1"] {
        let capture = Capture::start(Ports::All).unwrap();
        let server = UdpSocket::bind((host, 0)).unwrap();
        let client = UdpSocket::bind((host, 0)).unwrap();
        let (there, here) = (server.local_addr().unwrap(), client.local_addr().unwrap());
        // The largest that fit one packet: of 65,535 bytes over IPv4, of 65,536 (the MTU) over IPv6.
        let largest = if there.is_ipv4() { 65_507 } else { 65_488 };
        client.send_to(&vec![b'x'; largest], there).unwrap();
        client.send_to(b"", there).unwrap();
        drop(server);
        client.send_to(b"hello", there).unwrap();
        let packets = capture.finish().unwrap().packets;
        assert_eq!(packets.len(), 4);
        let lengths: Vec<usize> = packets.iter().map(|packet| packet.length).collect();
        assert_eq!(lengths, [largest, 0, 5, 0]);
        assert!(packets[..3].iter().all(|packet| packet.kind == Kind::Udp && packet.destination == there));
        let Kind::Unreachable(refusal) = &packets[3].kind else { panic!("{:?}", packets[3]) };
        assert_eq!((refusal.from, refusal.about, refusal.protocol, refusal.what), (here, there, 17, "port"));
    }
}

fn a_large_transfer_loses_no_packet() {
    const SIZE: usize = 100 << 20;
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
}

fn a_full_ring_counts_what_it_drops_and_goes_on() {
    const IPV4: u16 = 0x0800; // only what comes in: a socket for one protocol isn't shown what goes out
    let protocol = Protocol::from(i32::from(IPV4.to_be()));
    let socket = Socket::new(Domain::PACKET, Type::DGRAM, Some(protocol)).unwrap();
    let mut ring = PacketRing::new(socket.into(), 64).unwrap();
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let client = udp_to(server.local_addr().unwrap());
    let last =
        |ring: &mut PacketRing| ring.next(|packet| (packet.bytes[28], packet.bytes.len(), packet.length));
    for round in 0..3 {
        let payload = |number| [vec![number], vec![0; 6000]].concat();
        (0..100).for_each(|number| assert_eq!(client.send(&payload(number)).unwrap(), 6001));
        let seen: Vec<(u8, usize, usize)> = std::iter::from_fn(|| last(&mut ring)).collect();
        assert_eq!(seen.len(), 64, "round {round}");
        assert!((0..).zip(&seen).all(|(at, (number, ..))| at == *number), "{seen:?}");
        assert!(
            seen.iter().all(|(_, kept, length)| (3500..4096).contains(kept) && *length == 6029),
            "{seen:?}"
        );
        assert_eq!(ring.dropped().unwrap(), 36, "round {round}");
    }
}

fn only_the_ports_that_are_asked_for_are_kept() {
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
}

fn tshark_reads_what_is_written_and_sees_the_same() {
    if Command::new("tshark").arg("--version").output().is_err() {
        return println!("LEFT OUT there is no tshark");
    }
    let captured = oneshot("127.0.0.1:0");
    let packets = &captured.packets;
    let conversations = Conversations::of(packets);
    let words = words::explain(packets, &conversations);
    let mut file = File::create("oneshot.pcapng").unwrap();
    pcapng::write(&mut file, packets, &words, captured.began).unwrap();
    let mut tshark = Command::new("tshark");
    // Nobody has no home, and tshark wants to look there.
    tshark.args(["-r", "oneshot.pcapng", "-T", "fields", "-E", "separator=|"]).env("HOME", ".");
    let fields =
        ["frame.number", "frame.time_epoch", "tcp.flags", "tcp.seq", "tcp.ack", "tcp.len", "frame.comment"];
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
            format!("{number}|{seconds}.{nanos:09}|0x{bits:04x}|{}|{ack}|{}|{words}", view.seq, packet.length)
        })
        .collect();
    assert_eq!(text.lines().collect::<Vec<_>>(), expected, "{}", String::from_utf8_lossy(&outcome.stderr));
}

fn where_it_is_barred_it_says_how_to_allow_it() {
    let packets = Capture::start(Ports::All).map(drop).unwrap_err().to_string();
    let network = namespace::enter().unwrap_err().to_string();
    assert!(packets.starts_with("can't capture: this system doesn't give us a packet socket"), "{packets}");
    assert!(
        network.starts_with("can't capture: this system doesn't give us a network namespace"),
        "{network}"
    );
    for said in [packets, network] {
        assert!(said.contains("sysctl user.max_user_namespaces=10000"), "{said}");
        assert!(said.contains("setcap cap_net_raw+ep"), "{said}");
    }
}
