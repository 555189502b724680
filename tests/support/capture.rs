//! Every packet of one server port, as a packet socket sees it arrive on the loopback interface, the bare
//! acknowledgements included: what the kernel's own counts are to agree with.
#![allow(dead_code, reason = "each test file uses its own part of it")]

use crate::support::*;
use socket2::{Domain, Protocol, SockFilter, Socket, Type};
use std::io::{self, ErrorKind, Read};
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

pub const FIN: u8 = 1;
pub const SYN: u8 = 2;
pub const RST: u8 = 4;

/// One packet. With segmentation offload it may hold several segments' worth of payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    pub from_client: bool,
    pub flags: u8,
    pub sequence: u32,
    pub payload: usize,
    /// The MSS option of a SYN.
    pub mss: Option<u16>,
}

/// A capture that goes on until its packets are asked for.
pub struct Capture {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Packet>>,
}

impl Capture {
    /// Captures the IPv4 packets of a server.
    pub fn of(address: SocketAddr) -> Capture {
        let socket = packet_socket().expect("may_capture was asked");
        socket.attach_filter(&tcp_port(address.port())).unwrap();
        let _ = socket.set_recv_buffer_size(16 << 20);
        socket.set_read_timeout(Some(Duration::from_millis(150))).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let asked = stop.clone();
        let thread = thread::spawn(move || listen(socket, address.port(), &asked));
        Capture { stop, thread }
    }

    /// What has come, once nothing more comes.
    pub fn packets(self) -> Vec<Packet> {
        self.stop.store(true, Ordering::Release);
        self.thread.join().unwrap()
    }
}

/// IPv4 and no other protocol: such a socket isn't shown what goes out, which on loopback comes in too.
fn packet_socket() -> io::Result<Socket> {
    let ipv4 = Protocol::from(i32::from(0x0800_u16.to_be()));
    Socket::new(Domain::PACKET, Type::DGRAM, Some(ipv4))
}

/// A program for the kernel's packet filter: the first 128 bytes of TCP packets from or to this port.
fn tcp_port(port: u16) -> Vec<SockFilter> {
    let (byte, half, equal, end) = (0x30, 0x28, 0x15, 0x06);
    vec![
        SockFilter::new(byte, 0, 0, 9), // the protocol
        SockFilter::new(equal, 0, 4, 6),
        SockFilter::new(half, 0, 0, 20), // the source port, the IP header being 20 bytes long on loopback
        SockFilter::new(equal, 3, 0, port.into()),
        SockFilter::new(half, 0, 0, 22), // the destination port
        SockFilter::new(equal, 1, 0, port.into()),
        SockFilter::new(end, 0, 0, 0),
        SockFilter::new(end, 0, 0, 128),
    ]
}

fn listen(mut socket: Socket, port: u16, stop: &AtomicBool) -> Vec<Packet> {
    let mut packets = Vec::new();
    let mut room = [0; 128];
    loop {
        match socket.read(&mut room) {
            // What was there before the filter is another's.
            Ok(count) => packets.extend(understand(&room[..count], port)),
            Err(error) if error.kind() == ErrorKind::WouldBlock && stop.load(Ordering::Acquire) => {
                return packets;
            }
            Err(error) if [ErrorKind::WouldBlock, ErrorKind::Interrupted].contains(&error.kind()) => {}
            Err(error) => panic!("the packet socket: {error}"),
        }
    }
}

/// Reads the headers of IPv4 (RFC 791) and TCP (RFC 9293).
fn understand(packet: &[u8], port: u16) -> Option<Packet> {
    let half = |at: usize| Some(u16::from_be_bytes([*packet.get(at)?, *packet.get(at + 1)?]));
    let start = usize::from(packet.first()? & 15) * 4;
    let (source, destination) = (half(start)?, half(start + 2)?);
    if *packet.get(9)? != 6 || (source != port && destination != port) {
        return None;
    }
    let header = usize::from(packet.get(start + 12)? >> 4) * 4;
    let flags = *packet.get(start + 13)?;
    let sequence = u32::from_be_bytes(packet.get(start + 4..start + 8)?.try_into().ok()?);
    let mss = (packet.get(start + 20..start + 22) == Some(&[2, 4])).then(|| half(start + 22)).flatten();
    Some(Packet {
        from_client: destination == port,
        flags,
        sequence,
        payload: usize::from(half(2)?) - start - header,
        mss: mss.filter(|_| flags & SYN != 0),
    })
}

/// Whether the caller may capture. If it may not, its test has been run in a network namespace of its own
/// instead, or is left out.
pub fn may_capture() -> bool {
    const INSIDE: &str = "SHOUT_TEST_INSIDE";
    let Err(error) = packet_socket() else { return true };
    let name = thread::current().name().unwrap_or("main").to_owned();
    let inside = std::env::var_os(INSIDE).is_some();
    if inside || name == "main" {
        skip(&format!("a packet socket: {error}"));
        return false;
    }
    let mut again = Command::new("unshare");
    again.args(["-rn", "sh", "-c", r#"ip link set lo up && exec "$@""#, "sh"]);
    again.arg(std::env::current_exe().unwrap()).args(["--exact", &name]).env(INSIDE, "1");
    let outcome = again.output();
    let text = format!("{outcome:?}");
    assert!(!text.contains("test result: FAILED"), "{text}");
    if !text.contains("1 passed") {
        skip(&format!("a packet socket ({error}), and a namespace: {text}"));
    }
    false
}
