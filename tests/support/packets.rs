//! Packets and capture files made by hand, byte by byte from their specifications, so that what reads them
//! is not tested with itself.
#![allow(dead_code, reason = "each test file uses its own part of it")]

use shoutd::wire::conversation::Conversations;
use shoutd::wire::packet::Packet;
use shoutd::wire::words;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

pub const FIN: u8 = 1;
pub const SYN: u8 = 2;
pub const RST: u8 = 4;
pub const PSH: u8 = 8;
pub const ACK: u8 = 16;

/// A segment to be made.
#[derive(Clone, Default)]
pub struct Tcp<'a> {
    pub flags: u8,
    pub seq: u32,
    pub ack: u32,
    pub window: u16,
    /// A multiple of four bytes.
    pub options: &'a [u8],
    pub payload: &'a [u8],
}

impl Tcp<'_> {
    pub fn between(&self, from: SocketAddr, to: SocketAddr) -> Vec<u8> {
        let mut bytes = [from.port().to_be_bytes(), to.port().to_be_bytes()].concat();
        bytes.extend(self.seq.to_be_bytes());
        bytes.extend(self.ack.to_be_bytes());
        bytes.extend([((20 + self.options.len()) * 4) as u8, self.flags]);
        bytes.extend(self.window.to_be_bytes());
        bytes.extend([0; 4]); // checksum, urgent pointer
        bytes.extend(self.options);
        bytes.extend(self.payload);
        ip(from.ip(), to.ip(), 6, &bytes)
    }
}

/// A datagram in an IP packet.
pub fn udp(from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let mut bytes = [from.port().to_be_bytes(), to.port().to_be_bytes()].concat();
    bytes.extend(((payload.len() + 8) as u16).to_be_bytes());
    bytes.extend([0; 2]);
    bytes.extend(payload);
    ip(from.ip(), to.ip(), 17, &bytes)
}

/// An ICMP message that this packet's port is unreachable.
pub fn port_unreachable(packet: &[u8], from: IpAddr, to: IpAddr) -> Vec<u8> {
    let (kind, protocol) = if from.is_ipv4() { ([3, 3], 1) } else { ([1, 4], 58) };
    ip(from, to, protocol, &[&kind[..], &[0; 6], packet].concat())
}

/// An IP packet of either version.
pub fn ip(from: IpAddr, to: IpAddr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let mut bytes = vec![0x45, 0];
            bytes.extend(((payload.len() + 20) as u16).to_be_bytes());
            bytes.extend([0, 0, 0x40, 0, 64, protocol, 0, 0]);
            [&bytes[..], &from.octets(), &to.octets(), payload].concat()
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let mut bytes = vec![0x60, 0, 0, 0];
            bytes.extend((payload.len() as u16).to_be_bytes());
            bytes.extend([protocol, 64]);
            [&bytes[..], &from.octets(), &to.octets(), payload].concat()
        }
        _ => panic!("two versions of IP in one packet"),
    }
}

/// The byte order of a file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Order {
    Big,
    Little,
}

impl Order {
    pub fn four(self, number: u32) -> [u8; 4] {
        if self == Order::Big { number.to_be_bytes() } else { number.to_le_bytes() }
    }

    pub fn two(self, number: u16) -> [u8; 2] {
        if self == Order::Big { number.to_be_bytes() } else { number.to_le_bytes() }
    }
}

/// A pcap file of frames, each with its time.
pub fn pcap(order: Order, nanos: bool, link: u32, frames: &[(Duration, Vec<u8>)]) -> Vec<u8> {
    let mut file = order.four(if nanos { 0xa1b2_3c4d } else { 0xa1b2_c3d4 }).to_vec();
    file.extend([order.two(2), order.two(4)].concat());
    file.extend([order.four(0), order.four(0), order.four(65_535), order.four(link)].concat());
    for (time, frame) in frames {
        let fraction = if nanos { time.subsec_nanos() } else { time.subsec_micros() };
        let length = order.four(frame.len() as u32);
        file.extend([order.four(time.as_secs() as u32), order.four(fraction), length, length].concat());
        file.extend(frame);
    }
    file
}

/// A block of a pcapng file.
pub fn block(order: Order, kind: u32, body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    body.resize(body.len().next_multiple_of(4), 0);
    let length = order.four(body.len() as u32 + 12);
    [&order.four(kind)[..], &length, &body, &length].concat()
}

/// The block that begins a pcapng file.
pub fn section(order: Order) -> Vec<u8> {
    let body = [&order.four(0x1a2b_3c4d)[..], &order.two(1), &order.two(0), &[0xff; 8]].concat();
    block(order, 0x0a0d_0d0a, &body)
}

/// The block that describes an interface, with the option if_tsresol.
pub fn interface(order: Order, link: u16, snap: u32, resolution: u8) -> Vec<u8> {
    let body = [&order.two(link)[..], &[0; 2], &order.four(snap), &order.two(9), &order.two(1)].concat();
    block(order, 1, &[&body[..], &[resolution, 0, 0, 0], &[0; 4]].concat())
}

/// The block of a packet, its time in the units of the interface.
pub fn enhanced(order: Order, interface: u32, units: u64, frame: &[u8]) -> Vec<u8> {
    let length = order.four(frame.len() as u32);
    let time = [order.four((units >> 32) as u32), order.four(units as u32)].concat();
    block(order, 6, &[&order.four(interface)[..], &time, &length, &length, frame].concat())
}

/// A conversation between a client and a server, written down packet by packet.
pub struct Talk {
    pub client: SocketAddr,
    pub server: SocketAddr,
    pub frames: Vec<(Duration, Vec<u8>)>,
}

impl Talk {
    /// Between `127.0.0.1:40000` and this port there.
    pub fn with(port: u16) -> Talk {
        let client = "127.0.0.1:40000".parse().unwrap();
        Talk { client, server: SocketAddr::new([127, 0, 0, 1].into(), port), frames: Vec::new() }
    }

    /// The client sends a segment, so many milliseconds after the beginning.
    pub fn c(&mut self, millis: u64, segment: Tcp) -> &mut Talk {
        self.frames.push((Duration::from_millis(millis), segment.between(self.client, self.server)));
        self
    }

    /// The server does.
    pub fn s(&mut self, millis: u64, segment: Tcp) -> &mut Talk {
        self.frames.push((Duration::from_millis(millis), segment.between(self.server, self.client)));
        self
    }

    /// A handshake that takes so many milliseconds there and back. Its numbers begin at 1000 and 5000.
    pub fn handshake(&mut self, millis: u64) -> &mut Talk {
        self.c(0, Tcp { flags: SYN, seq: 999, window: 65_000, ..Tcp::default() });
        self.s(millis, Tcp { flags: SYN | ACK, seq: 4999, ack: 1000, window: 65_000, ..Tcp::default() });
        self.c(millis, Tcp { flags: ACK, seq: 1000, ack: 5000, window: 65_000, ..Tcp::default() })
    }

    /// Its packets.
    pub fn packets(&self) -> Vec<Packet> {
        let packet = |(at, (time, frame)): (usize, &(Duration, Vec<u8>))| {
            Packet::of(at + 1, *time, frame, frame.len())
        };
        self.frames.iter().enumerate().map(|frame| packet(frame).expect("an IP packet")).collect()
    }

    /// What is said of each of them.
    pub fn words(&self) -> Vec<String> {
        let packets = self.packets();
        words::explain(&packets, &Conversations::of(&packets))
    }
}

/// Data from the client or the server, with the numbers of [`Talk::handshake`].
pub fn data(seq: u32, ack: u32, payload: &[u8]) -> Tcp<'_> {
    Tcp { flags: PSH | ACK, seq, ack, window: 65_000, payload, ..Tcp::default() }
}

/// An acknowledgement.
pub fn ack<'a>(seq: u32, ack: u32, window: u16) -> Tcp<'a> {
    Tcp { flags: ACK, seq, ack, window, ..Tcp::default() }
}

/// A FIN.
pub fn fin<'a>(seq: u32, ack: u32) -> Tcp<'a> {
    Tcp { flags: FIN | ACK, seq, ack, window: 65_000, ..Tcp::default() }
}
