//! The segments on the wire, as the experiments state them: who sends how much, and who closes first.
//!
//! A packet socket sees what the loopback interface delivers. That takes CAP_NET_RAW; without it each test
//! runs again in a network namespace of its own, and where that isn't allowed either, it is left out.

mod support;

use socket2::{Domain, Protocol, SockFilter, Socket, Type};
use std::collections::HashSet;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::thread;
use std::time::Duration;
use support::*;

const SECOND: Duration = Duration::from_secs(1);

/// Says in a child of this program that it is in a namespace of its own.
const INSIDE: &str = "SHOUTD_TEST_INSIDE";

/// A packet socket for the IPv4 packets that come in, each from its IP header on. (For ETH_P_ALL it would
/// see those that go out too, and on loopback that is each one twice.)
fn packet_socket() -> std::io::Result<Socket> {
    let ipv4 = Protocol::from(i32::from(0x0800_u16.to_be()));
    Socket::new(Domain::PACKET, Type::DGRAM, Some(ipv4))
}

/// Whether the caller may capture. If not, its test has been run elsewhere or can't be.
fn may_capture() -> bool {
    let Err(error) = packet_socket() else { return true };
    if std::env::var_os(INSIDE).is_some() {
        skip(&format!("no packet socket, not even in a namespace: {error}"));
        return false;
    }
    let mut again = Command::new("unshare");
    again.args(["--map-root-user", "--net", "sh", "-c", "ip link set lo up || exit 1; exec \"$0\" \"$@\""]);
    again.arg(std::env::current_exe().unwrap()).env(INSIDE, "1");
    // The harness names the thread after the test, unless it runs them one after the other.
    if let Some(name) = thread::current().name().filter(|name| *name != "main") {
        again.args(["--exact", name]);
    }
    match again.output() {
        Ok(output) if output.status.success() => {
            assert!(!output.stdout.starts_with(b"\nrunning 0 tests"), "no test of that name");
        }
        Ok(output) if output.status.code() == Some(101) => {
            panic!("in a namespace: {}", String::from_utf8_lossy(&output.stdout))
        }
        result => skip(&format!("no packet socket ({error}) and no namespace: {result:?}")),
    }
    false
}

/// What the kernel has seen of one server port.
struct Capture {
    socket: Socket,
    port: u16,
    seen: HashSet<(u16, u32)>,
}

/// One segment that carries something: not a pure ACK.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Segment {
    flags: u8,
    from_client: bool,
    payload: usize,
}

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const PSH: u8 = 8;

impl Capture {
    fn of(address: SocketAddr) -> Capture {
        let socket = packet_socket().unwrap();
        let port = u32::from(address.port());
        // Classic BPF: protocol 6 (TCP), and one of the two ports behind an IP header of 20 bytes.
        let (byte, half, equal, end) = (0x30, 0x28, 0x15, 0x06);
        let filter = [
            SockFilter::new(byte, 0, 0, 9),
            SockFilter::new(equal, 0, 5, 6),
            SockFilter::new(half, 0, 0, 20),
            SockFilter::new(equal, 2, 0, port),
            SockFilter::new(half, 0, 0, 22),
            SockFilter::new(equal, 0, 1, port),
            SockFilter::new(end, 0, 0, 100),
            SockFilter::new(end, 0, 0, 0),
        ];
        socket.attach_filter(&filter).unwrap();
        let _ = socket.set_recv_buffer_size(8 * 1024 * 1024);
        // What is here already came before there was a filter.
        socket.set_nonblocking(true).unwrap();
        while (&socket).read(&mut [0]).is_ok() {}
        socket.set_nonblocking(false).unwrap();
        Capture { socket, port: address.port(), seen: HashSet::new() }
    }

    /// The next segment that carries something and isn't a retransmission.
    fn next(&mut self, patience: Duration) -> Option<Segment> {
        self.socket.set_read_timeout(Some(patience)).unwrap();
        loop {
            let mut packet = [0; 100];
            match self.socket.read(&mut packet) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                result => result.expect("a packet"),
            };
            let half = |at: usize| u16::from_be_bytes([packet[at], packet[at + 1]]);
            let ip_header = usize::from(packet[0] & 15) * 4;
            let tcp_header = usize::from(packet[ip_header + 12] >> 4) * 4;
            let payload = usize::from(half(2)) - ip_header - tcp_header;
            let flags = packet[ip_header + 13] & (FIN | SYN | RST | PSH);
            if payload == 0 && flags & !PSH == 0 {
                continue;
            }
            let source = half(ip_header);
            let sequence = u32::from_be_bytes(packet[ip_header + 4..ip_header + 8].try_into().unwrap());
            if flags & RST != 0 || self.seen.insert((source, sequence)) {
                return Some(Segment { flags, from_client: source != self.port, payload });
            }
        }
    }

    /// All segments of so many connections, from SYN to the second FIN, and none behind them.
    fn connections(mut self, count: usize) -> Vec<Segment> {
        let mut segments = Vec::new();
        let mut fins = 0;
        while fins < 2 * count {
            let segment = self.next(PATIENCE).unwrap_or_else(|| panic!("no end: {segments:?}"));
            fins += usize::from(segment.flags & FIN != 0);
            segments.push(segment);
        }
        segments.extend(self.next(SECOND / 5)); // what shouldn't come would come now
        assert!(segments.iter().all(|segment| segment.flags & RST == 0), "a reset: {segments:?}");
        segments
    }
}

/// Segments as the experiments write them: `C SYN`, `S PSH+FIN 29`.
fn written(segments: &[Segment]) -> Vec<String> {
    let write = |segment: &Segment| {
        let side = if segment.from_client { "C" } else { "S" };
        let flags = match segment.flags {
            SYN => " SYN",
            FIN => " FIN",
            PSH => " PSH",
            flags if flags == PSH | FIN => " PSH+FIN",
            _ => "",
        };
        let payload = if segment.payload == 0 { String::new() } else { format!(" {}", segment.payload) };
        format!("{side}{flags}{payload}")
    };
    segments.iter().map(write).collect()
}

/// What a client of one server port makes of it: all segments of so many connections.
fn segments(address: SocketAddr, connections: usize, client: impl FnOnce()) -> Vec<Segment> {
    let capture = Capture::of(address);
    client();
    capture.connections(connections)
}

/// The same for one connection to a TCP uppercase listener, without the SYNs.
fn conversation_of(options: &str, client: impl FnOnce(TcpStream)) -> Vec<String> {
    let server = Shoutd::start(&["--tcp", options]);
    let all = written(&segments(server.tcp(), 1, || client(connect(server.tcp()))));
    assert_eq!(all[..2], ["C SYN", "S SYN"]);
    all[2..].to_vec()
}

/// Sends a message and reads so many bytes of reply.
fn say(stream: &mut TcpStream, message: &[u8], reply: usize) {
    stream.write_all(message).unwrap();
    read_exactly(stream, reply);
}

#[test]
fn oneshot_has_its_reply_and_the_fin_in_one_segment() {
    if !may_capture() {
        return;
    }
    for message in [&b"hello world"[..], b"a sentence of 29 bytes, abcde"] {
        let expected =
            [format!("C PSH {}", message.len()), format!("S PSH+FIN {}", message.len()), "C FIN".to_owned()];
        let seen = conversation_of("0,read=1024,messages=1", |mut stream| {
            say(&mut stream, message, message.len());
            assert_eq!(read_to_end(&mut stream), b"");
        });
        assert_eq!(seen, expected);
    }
}

#[test]
fn two_messages_end_with_the_fin_of_the_server_in_the_second_reply() {
    if !may_capture() {
        return;
    }
    let seen = conversation_of("0,messages=2", |mut stream| {
        say(&mut stream, b"this is a message of 33 bytes: ab", 33);
        say(&mut stream, b"the second has 20 b.", 20);
        assert_eq!(read_to_end(&mut stream), b"");
    });
    assert_eq!(seen, ["C PSH 33", "S PSH 33", "C PSH 20", "S PSH+FIN 20", "C FIN"]);
}

#[test]
fn until_close_ends_with_the_fin_of_the_client() {
    if !may_capture() {
        return;
    }
    let seen = conversation_of("0,read=1024", |mut stream| say(&mut stream, b"hello, world!", 13));
    assert_eq!(seen, ["C PSH 13", "S PSH 13", "C FIN", "S FIN"]);
}

#[test]
fn five_bytes_puts_each_reply_on_the_wire_by_itself() {
    if !may_capture() {
        return;
    }
    // More than once: the first acknowledgements are never delayed, so there Nagle's algorithm wouldn't show.
    let rounds = 5;
    let seen = conversation_of("0,read=5", |mut stream| {
        (0..rounds).for_each(|_| say(&mut stream, b"twenty bytes of text", 20));
    });
    let round = ["C PSH 20", "S PSH 5", "S PSH 5", "S PSH 5", "S PSH 5"];
    assert_eq!(seen, [&round.repeat(rounds)[..], &["C FIN", "S FIN"]].concat());
}

#[test]
fn thousandfold_sends_all_of_it_in_one_segment() {
    if !may_capture() {
        return;
    }
    let seen = conversation_of("0,repeat=1000", |mut stream| say(&mut stream, b"hello, world!", 13_000));
    assert_eq!(seen, ["C PSH 13", "S PSH 13000", "C FIN", "S FIN"]);
}

#[test]
fn slow_reader_answers_four_messages_in_one_segment() {
    if !may_capture() {
        return;
    }
    let seen = conversation_of("0,delay=1s", |mut stream| {
        (0..4).for_each(|_| stream.write_all(&[b'x'; 130]).unwrap());
        read_exactly(&mut stream, 520);
    });
    let is_from_client = |segment: &&String| segment.starts_with("C PSH ");
    let first = seen.iter().take_while(is_from_client);
    let sent: usize = first.clone().map(|segment| segment[6..].parse::<usize>().unwrap()).sum();
    assert_eq!(sent, 520);
    assert_eq!(seen[first.count()..], ["S PSH 520", "C FIN", "S FIN"]);
}

/// Asks on one connection, and returns the length of the response, head and body.
fn ask(stream: &mut TcpStream, path: &str, fields: &str) -> usize {
    // In one piece, which write! doesn't promise.
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n").as_bytes()).unwrap();
    let response = read_response(stream, false);
    response.head.len() + response.body.len()
}

/// Asks on a connection of its own and reads up to the FIN.
fn ask_once(address: SocketAddr, path: &str, fields: &str) -> usize {
    let mut stream = connect(address);
    let length = ask(&mut stream, path, fields);
    assert_eq!(read_to_end(&mut stream), b"");
    length
}

#[test]
fn a_reply_that_ends_its_connection_carries_the_fin() {
    if !may_capture() {
        return;
    }
    let folder = Folder::new();
    let sizes = [("small", 600), ("kept", 30_000), ("sent", 40_000), ("big", 1_000_000)];
    sizes.iter().for_each(|(name, size)| folder.write(name, noise(1, *size)));
    let server = Shoutd::start(&["--http", "0", "--root", folder.as_str()]);
    // Twice: from the disk and from the cache.
    for (name, size) in sizes.iter().chain(&sizes).chain(&[("missing", 0)]) {
        let mut length = 0;
        let close = "Connection: close\r\n";
        let all = segments(server.http(), 1, || length = ask_once(server.http(), &format!("/{name}"), close));
        let replies: Vec<&Segment> = all[2..].iter().filter(|segment| !segment.from_client).collect();
        assert_eq!(replies.iter().map(|segment| segment.payload).sum::<usize>(), length);
        let (last, others) = replies.split_last().unwrap();
        assert!(last.payload > 0 && last.flags & FIN != 0, "{name}: the FIN is alone: {:?}", written(&all));
        assert!(others.iter().all(|segment| segment.flags & FIN == 0), "{name}: {:?}", written(&all));
        assert_eq!(written(&all).last().unwrap(), "C FIN", "{name}");
        if *size < 10_000 {
            assert_eq!(replies.len(), 1, "{name} in pieces: {:?}", written(&all));
        }
    }
}

#[test]
fn single_fin_and_double_fin_end_one_second_after_the_last_reply() {
    if !may_capture() {
        return;
    }
    let server = Shoutd::start(&["--http", "0"]);
    let mut length = 0;
    let single = segments(server.http(), 1, || {
        let mut stream = connect(server.http());
        length = ask(&mut stream, "/", "");
        thread::sleep(SECOND / 10); // the experiment's gap
        ask(&mut stream, "/", "");
        assert_eq!(read_to_end(&mut stream), b"");
    });
    let (get, reply) = ("C PSH 27".to_owned(), format!("S PSH {length}"));
    assert_eq!(written(&single), ["C SYN", "S SYN", &get, &reply, &get, &reply, "S FIN", "C FIN"]);

    let double = segments(server.http(), 2, || {
        ask_once(server.http(), "/", "");
        ask_once(server.http(), "/", "");
    });
    let once = ["C SYN", "S SYN", &get, &reply, "S FIN", "C FIN"];
    assert_eq!(written(&double), [once, once].concat());
}

#[test]
fn redirect_and_not_found_close_at_once_with_close_on_error() {
    if !may_capture() {
        return;
    }
    let server = Shoutd::start(&["--http", "0", "--close-on-error"]);
    let mut lengths = [0; 3];
    let all = segments(server.http(), 3, || {
        lengths = ["/redirect", "/result.html", "/nope"].map(|path| ask_once(server.http(), path, ""));
    });
    let [redirect, result, nope] = lengths;
    let expected = [
        format!("C SYN, S SYN, C PSH 35, S PSH+FIN {redirect}, C FIN"),
        format!("C SYN, S SYN, C PSH 38, S PSH {result}, S FIN, C FIN"),
        format!("C SYN, S SYN, C PSH 31, S PSH+FIN {nope}, C FIN"),
    ];
    assert_eq!(written(&all).join(", "), expected.join(", "));
}
