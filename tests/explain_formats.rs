//! What `shout explain` reads: every format, byte order, unit of time and kind of link, made by hand, and
//! always the same packets behind them.
#![cfg(feature = "client")]

#[path = "support/packets.rs"]
mod packets;

use packets::*;
use shoutd::wire::packet::{Kind, Packet};
use shoutd::wire::pcapng;
use shoutd::wire::reader::{Contents, read_from};
use std::io::Read;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

const ORDERS: [Order; 2] = [Order::Big, Order::Little];

fn read(file: &[u8]) -> Contents {
    let contents = read_from(file, "a file").expect("a capture");
    assert_eq!(contents.broken, None);
    contents
}

/// Two packets over IPv4 and one over IPv6, at 3.000001 s, 3.5 s and 4.25 s.
fn packets() -> Vec<(Duration, Vec<u8>)> {
    let mut talk = Talk::with(12000);
    talk.handshake(0).c(0, data(1000, 5000, b"hello"));
    let (from, to): (SocketAddr, SocketAddr) = ("[::1]:9".parse().unwrap(), "[::1]:7".parse().unwrap());
    let times = [3_000_001, 3_500_000, 4_250_000].map(Duration::from_micros);
    let frames = [talk.frames[0].1.clone(), talk.frames[3].1.clone(), udp(from, to, b"six")];
    times.into_iter().zip(frames).collect()
}

/// Asserts that these are [`packets`].
fn are_right(contents: &Contents, what: &str) {
    let found = &contents.packets;
    let times: Vec<u128> = found.iter().map(|packet| packet.time.as_micros()).collect();
    assert_eq!(times, [0, 499_999, 1_249_999], "{what}");
    assert_eq!(contents.began(), SystemTime::UNIX_EPOCH + Duration::from_micros(3_000_001), "{what}");
    let payloads: Vec<&[u8]> = found.iter().map(Packet::payload).collect();
    assert_eq!(payloads, [&b""[..], b"hello", b"six"], "{what}");
    assert_eq!(found.iter().map(|packet| packet.length).collect::<Vec<_>>(), [0, 5, 3], "{what}");
    assert_eq!(found[1].source, "127.0.0.1:40000".parse().unwrap(), "{what}");
    assert_eq!(found[2].destination, "[::1]:7".parse().unwrap(), "{what}");
}

/// Puts before each packet what a kind of link has there.
fn behind(link: u32, packets: &[(Duration, Vec<u8>)]) -> Vec<(Duration, Vec<u8>)> {
    let with = |frame: &Vec<u8>| -> Vec<u8> {
        let six = frame[0] >> 4 == 6;
        let ether_type: [u8; 2] = if six { [0x86, 0xdd] } else { [8, 0] };
        let before = match link {
            0 => [if six { 30_u32 } else { 2 }.to_le_bytes()].concat(),
            108 => [if six { 24_u32 } else { 2 }.to_be_bytes()].concat(),
            1 => [&[0xaa; 12][..], &ether_type].concat(),
            113 => [&[0xbb; 14][..], &ether_type].concat(),
            276 => [&ether_type[..], &[0xcc; 18]].concat(),
            _ => Vec::new(),
        };
        // Short frames of Ethernet are filled up: those zeros are no payload.
        let mut whole = [&before[..], frame].concat();
        whole.resize(whole.len().max(if link == 1 { 60 } else { 0 }), 0);
        whole
    };
    packets.iter().map(|(time, frame)| (*time, with(frame))).collect()
}

#[test]
fn pcap_in_both_byte_orders_and_units_over_every_link() {
    for order in ORDERS {
        for nanos in [false, true] {
            for link in [0, 1, 12, 101, 108, 113, 276] {
                let file = pcap(order, nanos, link, &behind(link, &packets()));
                are_right(&read(&file), &format!("{order:?}, nanoseconds: {nanos}, link type {link}"));
            }
        }
    }
}

#[test]
fn a_pipe_may_bring_less_at_first_than_tells_the_format() {
    let file = pcap(Order::Little, false, 101, &packets());
    for first in 1..8 {
        let pipe = file[..first].chain(&file[first..]);
        are_right(&read_from(pipe, "a pipe").expect("a capture"), &format!("{first} bytes at first"));
    }
}

#[test]
fn pcapng_in_both_byte_orders_and_any_unit_of_time() {
    // A second in microseconds, in nanoseconds, and, as the highest bit says, in parts of a power of two.
    let units: [(u8, u128); 3] = [(6, 1_000_000), (9, 1_000_000_000), (0x80 | 32, 1 << 32)];
    for order in ORDERS {
        for (resolution, second) in units {
            let mut file = section(order);
            file.extend(interface(order, 1, 0, 6));
            file.extend(interface(order, 101, 0, resolution));
            file.extend(block(order, 4, b"names, which nobody needs"));
            for (time, frame) in packets() {
                let time = (time.as_nanos() * second).div_ceil(1_000_000_000) as u64;
                file.extend(enhanced(order, 1, time, &frame));
            }
            are_right(&read(&file), &format!("{order:?}, resolution {resolution}"));
        }
    }
}

#[test]
fn a_new_section_begins_with_interfaces_of_its_own() {
    let (ethernet, packets) = (behind(1, &packets()), packets());
    let mut file = [section(Order::Big), interface(Order::Big, 101, 0, 6)].concat();
    file.extend(enhanced(Order::Big, 0, 3_000_001, &packets[0].1));
    file.extend([section(Order::Little), interface(Order::Little, 1, 0, 6)].concat());
    file.extend(enhanced(Order::Little, 0, 3_500_000, &ethernet[1].1));
    file.extend(enhanced(Order::Little, 0, 4_250_000, &ethernet[2].1));
    are_right(&read(&file), "two sections");
}

#[test]
fn old_and_simple_packet_blocks() {
    for order in ORDERS {
        let packets = packets();
        let (time, frame) = &packets[0];
        let mut file = [section(order), interface(order, 101, 98, 6)].concat();
        let length = order.four(frame.len() as u32);
        let micros = time.as_micros() as u64;
        let halves = [order.four((micros >> 32) as u32), order.four(micros as u32)].concat();
        file.extend(block(order, 2, &[&[0; 4][..], &halves, &length, &length, frame].concat()));
        let frame = &packets[1].1;
        file.extend(block(order, 3, &[&order.four(frame.len() as u32)[..], frame].concat()));
        // Longer than the interface's limit of 98 bytes: the padding behind those is not the packet's.
        let long = udp("[::1]:9".parse().unwrap(), "[::1]:7".parse().unwrap(), &[b'x'; 200]);
        file.extend(block(order, 3, &[&order.four(long.len() as u32)[..], &long[..98]].concat()));
        let contents = read(&file);
        let lengths: Vec<usize> = contents.packets.iter().map(|packet| packet.length).collect();
        assert_eq!(lengths, [0, 5, 200], "{order:?}");
        assert_eq!(contents.began(), SystemTime::UNIX_EPOCH + *time, "{order:?}");
        assert_eq!(contents.packets[1].payload(), b"hello");
        assert_eq!(contents.packets[2].payload(), [b'x'; 50]);
        assert_eq!(
            contents.packets[1].time,
            Duration::ZERO,
            "without a time of its own, that of the one before"
        );
    }
}

#[test]
fn vlan_tags_are_looked_behind_and_what_is_not_ip_keeps_its_number() {
    let ip = packets()[1].1.clone();
    let mac = [0xaa; 12];
    let tagged = [&mac[..], &[0x81, 0, 0, 7, 8, 0], &ip].concat();
    let twice = [&mac[..], &[0x88, 0xa8, 0, 7, 0x81, 0, 0, 8, 8, 0], &ip].concat();
    let arp = [&mac[..], &[8, 6], &[0; 28]].concat();
    let frames = [arp, tagged, vec![], twice].map(|frame| (Duration::from_secs(1), frame));
    let contents = read(&pcap(Order::Little, false, 1, &frames));
    let numbers: Vec<usize> = contents.packets.iter().map(|packet| packet.number).collect();
    assert_eq!((numbers, contents.not_ip, contents.total), (vec![2, 4], 2, 4));
    assert!(contents.packets.iter().all(|packet| packet.payload() == b"hello"));
}

/// The packet that these bytes are, of which more may have crossed.
fn one(bytes: &[u8], crossed: usize) -> Packet {
    Packet::of(1, Duration::ZERO, bytes, crossed).expect("an IP packet")
}

#[test]
fn segments_larger_than_the_length_field_can_say() {
    // The kernel hands out segments before the card would have split them, with a length of 0.
    let mut four = packets()[1].1.clone();
    four[2..4].fill(0);
    let packet = one(&four, 100_045);
    assert_eq!((packet.length, packet.payload()), (100_005, &b"hello"[..]));
    let (from, to) = ("[::1]:9".parse().unwrap(), "[::1]:7".parse().unwrap());
    let mut six = data(1, 1, b"hello").between(from, to);
    six[4..6].fill(0);
    let packet = one(&six, 200_065);
    assert_eq!((packet.length, packet.payload()), (200_005, &b"hello"[..]));
}

#[test]
fn ipv6_headers_may_stand_between() {
    let (from, to): (SocketAddr, SocketAddr) = ("[::1]:9".parse().unwrap(), "[::1]:7".parse().unwrap());
    let datagram = udp(from, to, b"behind");
    let hop_by_hop = [&[17, 0, 1, 4, 0, 0, 0, 0][..], &datagram[40..]].concat();
    let packet = one(&ip(from.ip(), to.ip(), 0, &hop_by_hop), 0);
    assert_eq!((packet.kind.clone(), packet.length, packet.payload()), (Kind::Udp, 6, &b"behind"[..]));
    assert_eq!(packet.source, from);
}

#[test]
fn a_packet_may_be_cut_anywhere() {
    let mut talk = Talk::with(12000);
    talk.c(0, Tcp { flags: SYN, seq: 7, window: 9, options: &[2, 4, 5, 180, 1, 1, 4, 2], ..Tcp::default() });
    talk.c(0, data(8, 1, &[b'x'; 1000]));
    let syn = &talk.frames[0].1;
    for cut in 20..40 {
        assert_eq!(one(&syn[..cut], syn.len()).kind, Kind::Cut, "{cut}");
    }
    for cut in 40..=syn.len() {
        let packet = one(&syn[..cut], syn.len());
        let segment = packet.segment().unwrap_or_else(|| panic!("{cut}"));
        assert_eq!((segment.syn, segment.seq, packet.length), (true, 7, 0), "{cut}");
        assert_eq!(segment.mss, (cut >= 44).then_some(1460), "{cut}");
        assert_eq!(segment.sack_permitted, cut >= 48, "{cut}");
    }
    let long = &talk.frames[1].1;
    let packet = one(&long[..140], long.len());
    assert_eq!((packet.length, packet.payload().len(), packet.frame_length), (1000, 100, 1040));
    for cut in 0..20 {
        assert!(Packet::of(1, Duration::ZERO, &long[..cut], long.len()).is_none(), "{cut}: no IP header");
    }
}

#[test]
fn fragments_and_other_protocols_are_told_apart() {
    let host: IpAddr = [10, 0, 0, 1].into();
    let mut fragment = ip(host, host, 17, &[0; 64]);
    fragment[6..8].copy_from_slice(&[0x20, 0]); // more fragments follow
    assert_eq!(one(&fragment, fragment.len()).kind, Kind::Fragment);
    assert_eq!(one(&ip(host, host, 89, b"hello"), 0).kind, Kind::Other(89));
    let echo = [8, 0, 0, 0, 0, 0, 0, 1];
    assert_eq!(one(&ip(host, host, 1, &echo), 0).kind, Kind::Other(1));
}

#[test]
fn what_follows_a_datagram_in_its_packet_is_no_payload() {
    let (from, to): (SocketAddr, SocketAddr) = ("[::1]:9".parse().unwrap(), "[::1]:7".parse().unwrap());
    let mut datagram = udp(from, to, b"hello, and more");
    datagram[44..46].copy_from_slice(&13_u16.to_be_bytes()); // the datagram's own length
    let packet = one(&datagram, datagram.len());
    assert_eq!((packet.length, packet.payload()), (5, &b"hello"[..]));
}

#[test]
fn what_is_written_is_read_again() {
    let mut big = packets()[1].1.clone();
    big[2..4].fill(0); // larger than the length field can say
    let frames = [&packets()[0].1, &big, &packets()[2].1];
    let packets: Vec<Packet> = (0..3)
        .map(|at| {
            let crossed = if at == 1 { 100_045 } else { frames[at].len() };
            Packet::of(at + 1, Duration::from_nanos(at as u64 * 1_000_000_001), frames[at], crossed).unwrap()
        })
        .collect();
    let mut file = Vec::new();
    let began = SystemTime::UNIX_EPOCH + Duration::from_nanos(1_700_000_000_123_456_789);
    pcapng::write(&mut file, &packets, &["one".to_owned()], began).unwrap();
    let contents = read(&file);
    assert_eq!((&contents.packets, contents.began()), (&packets, began));
}

#[test]
fn the_end_of_a_long_packet_is_not_kept() {
    let (from, to) = ("[::1]:9".parse().unwrap(), "[::1]:7".parse().unwrap());
    let frames = [(Duration::ZERO, udp(from, to, &[b'x'; 60_000]))];
    let packet = &read(&pcap(Order::Big, false, 101, &frames)).packets[0];
    assert_eq!((packet.length, packet.frame_length, packet.frame.len()), (60_000, 60_048, 512));
    assert_eq!(packet.payload(), [b'x'; 464]);
}

#[test]
fn what_is_no_packet_does_not_begin_the_time() {
    // It says that it is IPv4, with a header of eight bytes.
    let mut frames = vec![(Duration::from_secs(1), vec![0x42; 40])];
    frames.extend(packets());
    let contents = read(&pcap(Order::Little, false, 101, &frames));
    assert_eq!((contents.total, contents.not_ip), (4, 1));
    are_right(&contents, "behind what is no packet");
}
