//! Files that were cut, damaged, or made to do harm: `shout explain` says what it can, and never panics,
//! hangs, or uses more memory than the file has bytes.
#![cfg(feature = "client")]

#[path = "support/packets.rs"]
mod packets;
mod support;

use packets::*;
use shoutd::wire::conversation::Conversations;
use shoutd::wire::reader::{Contents, read_from};
use shoutd::wire::style::Style;
use shoutd::wire::{json, ladder, markdown, pcapng, table, words};
use std::io::{self, Read};
use std::time::Duration;

/// A conversation with something of everything, as a file of each format.
fn files() -> [Vec<u8>; 4] {
    let mut talk = Talk::with(8080);
    talk.handshake(0).c(1, data(1000, 5000, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    talk.s(2, data(5000, 1027, b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhey"))
        .c(200, ack(1027, 5041, 0));
    talk.s(300, data(5000, 1027, b"HTTP")).s(400, fin(5041, 1027));
    talk.c(500, Tcp { flags: RST, seq: 1027, ..Tcp::default() });
    let (from, to) = ("[::1]:40000".parse().unwrap(), "[::1]:12000".parse().unwrap());
    for frame in [udp(from, to, b"hello"), udp(to, from, b"HELLO"), udp(from, to, b"")] {
        talk.frames.push((Duration::from_millis(600), frame));
    }
    let lost = talk.frames.last().unwrap().1.clone();
    let refusal = port_unreachable(&lost, to.ip(), from.ip());
    talk.frames.push((Duration::from_millis(601), refusal));

    let ethernet = |(time, frame): &(Duration, Vec<u8>)| {
        let kind: [u8; 2] = if frame[0] >> 4 == 6 { [0x86, 0xdd] } else { [8, 0] };
        (*time, [&[0xaa; 12][..], &[0x81, 0, 0, 1], &kind, frame].concat())
    };
    let ethernet: Vec<(Duration, Vec<u8>)> = talk.frames.iter().map(ethernet).collect();
    let mut ng = Vec::new();
    for order in [Order::Little, Order::Big] {
        ng.extend([section(order), interface(order, 101, 0, 9), block(order, 5, &[0; 12])].concat());
        for (time, frame) in &talk.frames {
            ng.extend(enhanced(order, 0, time.as_nanos() as u64, frame));
        }
    }
    let packets = talk.packets();
    let comments = words::explain(&packets, &Conversations::of(&packets));
    let mut ours = Vec::new();
    pcapng::write(&mut ours, &packets, &comments, std::time::SystemTime::UNIX_EPOCH).unwrap();
    [pcap(Order::Little, false, 1, &ethernet), pcap(Order::Big, true, 101, &talk.frames), ng, ours]
}

/// Everything that is done with a file. Returns what was read, unless it isn't a capture at all.
fn everything(file: impl Read) -> Option<Contents> {
    let contents = read_from(file, "a file").ok()?;
    let packets = &contents.packets;
    let conversations = Conversations::of(packets);
    let words = words::explain(packets, &conversations);
    assert_eq!((conversations.seen.len(), words.len()), (packets.len(), packets.len()));
    let mut shown = table::render(packets, &conversations, &words, &Style::plain(70));
    shown += &ladder::render(packets, &conversations, &words, &Style::plain(80));
    shown += &markdown::render(packets, &conversations, &words, true);
    let raw = shown.chars().find(|char| char.is_control() && *char != '\n');
    assert_eq!(raw, None, "a control character in {shown}");
    let mut line = Vec::new();
    json::write(&mut line, packets, &conversations, &words).unwrap();
    serde_json::from_slice::<serde_json::Value>(&line).expect("JSON");
    pcapng::write(&mut io::sink(), packets, &words, contents.began()).unwrap();
    Some(contents)
}

#[test]
fn a_file_that_ends_anywhere_is_explained_up_to_there() {
    for file in files() {
        let whole = everything(&file[..]).unwrap();
        assert_eq!(whole.broken, None);
        let mut ends = 0;
        for cut in 4..file.len() {
            let contents =
                read_from(&file[..cut], "a file").unwrap_or_else(|why| panic!("cut at {cut}: {why}"));
            assert!(contents.packets.len() <= whole.packets.len());
            match &contents.broken {
                Some(why) => assert!(why.contains(&format!("at byte {cut}")) || cut < 24, "{cut}: {why}"),
                None => ends += 1,
            }
        }
        // Only between two packets, or blocks, is an end no surprise.
        assert!((whole.total..=whole.total + 6).contains(&ends), "{ends} of {}", whole.total);
    }
}

#[test]
fn a_length_of_four_gibibytes_is_not_believed() {
    /// Bytes without end, which nobody should want all of.
    struct Endless(u64);
    impl Read for Endless {
        fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
            self.0 += room.len() as u64;
            assert!(self.0 < 64 << 20, "it reads on and on");
            room.fill(0xff);
            Ok(room.len())
        }
    }
    let frames = [(Duration::ZERO, vec![0x45; 20])];
    for order in [Order::Little, Order::Big] {
        let mut file = pcap(order, false, 101, &frames);
        file[24 + 8..24 + 12].copy_from_slice(&order.four(u32::MAX));
        let contents = everything(file.chain(Endless(0))).unwrap();
        assert!(contents.broken.unwrap().contains("4294967295 bytes"));

        for kind in [6, 3, 2, 1, 0x0a0d_0d0a] {
            let start = section(order);
            let mut file = [&start[..], &block(order, kind, &section(order)[8..])].concat();
            file[start.len() + 4..start.len() + 8].copy_from_slice(&order.four(u32::MAX - 3));
            let contents = everything(file.chain(Endless(0))).unwrap();
            assert!(contents.broken.unwrap().contains("4294967292 bytes"), "{kind}");
        }
    }
}

#[test]
fn a_large_block_of_no_interest_is_passed_over() {
    let mut file = [section(Order::Little), interface(Order::Little, 101, 0, 6)].concat();
    let size: u32 = 256 << 20;
    file.extend([Order::Little.four(0xbad), Order::Little.four(size), [0; 4]].concat());
    let rest = io::repeat(0).take(u64::from(size) - 12);
    let packet =
        enhanced(Order::Little, 0, 0, &udp("[::1]:1".parse().unwrap(), "[::1]:2".parse().unwrap(), b"x"));
    let contents = everything(file.chain(rest).chain(&packet[..])).unwrap();
    assert_eq!((contents.packets.len(), contents.broken), (1, None));
}

#[test]
fn interfaces_without_end_are_refused() {
    let mut file = section(Order::Big);
    (0..2000).for_each(|_| file.extend(interface(Order::Big, 1, 0, 6)));
    assert!(everything(&file[..]).unwrap().broken.unwrap().contains("1000 interfaces"));
}

#[test]
fn one_damaged_packet_does_not_hide_its_neighbours() {
    let frame = udp("[::1]:1".parse().unwrap(), "[::1]:2".parse().unwrap(), b"x");
    let mut file = [section(Order::Little), interface(Order::Little, 101, 0, 6)].concat();
    let damaged = file.len() + 8 + 12;
    (0..3).for_each(|_| file.extend(enhanced(Order::Little, 0, 0, &frame)));
    file[damaged..damaged + 4].fill(0x7f); // its captured length
    file.extend(enhanced(Order::Little, 99, 0, &frame)); // an interface that there isn't
    let contents = everything(&file[..]).unwrap();
    let numbers: Vec<usize> = contents.packets.iter().map(|packet| packet.number).collect();
    assert_eq!((numbers, contents.damaged, contents.broken), (vec![2, 3], 2, None));
}

#[test]
fn three_thousand_mutated_files_do_no_harm() {
    let seed = std::env::var("SHOUT_FUZZ_SEED").map_or(0x5eed, |text| text.parse().expect("a number"));
    eprintln!("SHOUT_FUZZ_SEED={seed}");
    let files = files();
    let (mut read, mut broken) = (0, 0);
    for round in 0..3000_u64 {
        let mut dice = Dice(support::noise(seed ^ (round << 20), 256), 0);
        let mut file = files[dice.below(files.len())].clone();
        for _ in 0..=dice.below(6) {
            mutate(&mut file, &mut dice);
        }
        if let Some(contents) = everything(&file[..]) {
            read += 1;
            broken += u32::from(contents.broken.is_some());
        }
    }
    eprintln!("{read} were captures still, {broken} of them broken");
    assert!(read > 2500 && broken > 1000 && broken < read, "{read} {broken}: nothing is tried like that");
}

/// Numbers from noise.
struct Dice(Vec<u8>, usize);

impl Dice {
    fn four(&mut self) -> u32 {
        self.1 = (self.1 + 4) % (self.0.len() - 4);
        u32::from_le_bytes(self.0[self.1..self.1 + 4].try_into().unwrap())
    }

    fn below(&mut self, most: usize) -> usize {
        self.four() as usize % most.max(1)
    }
}

/// Changes a file somewhere: bits, bytes, numbers that tend to hurt, pieces lost or twice.
fn mutate(file: &mut Vec<u8>, dice: &mut Dice) {
    let at = dice.below(file.len());
    let end = (at + dice.below(64)).min(file.len());
    match dice.below(8) {
        0 => file[at] ^= 1 << dice.below(8),
        1 => file[at] = dice.four() as u8,
        2 => {
            let numbers = [0, 1, 3, 0x7f, 0xff, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, u32::MAX];
            let number = numbers[dice.below(numbers.len())];
            let bytes = if dice.below(2) == 0 { number.to_le_bytes() } else { number.to_be_bytes() };
            let place = at / 4 * 4;
            let room = file.len().min(place + 4) - place;
            file[place..place + room].copy_from_slice(&bytes[..room]);
        }
        3 => file.truncate(at.max(4)),
        4 => drop(file.drain(at.max(4)..end.max(at.max(4)))),
        5 => {
            let piece = file[at..end].to_vec();
            let to = dice.below(file.len());
            file.splice(to..to, piece);
        }
        6 => file[at..end].fill(dice.four() as u8),
        _ => file[at..end].reverse(),
    }
    if file.len() < 8 {
        file.resize(8, 0);
    }
}
