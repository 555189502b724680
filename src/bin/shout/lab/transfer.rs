//! Files of six sizes, each over a connection of its own: how many packets, how long, how much in each.

use super::browser::request;
use super::files::{SIZES, STRIDE, is_part};
use super::stage::{Stage, Transfer, failed};
use crate::client::http::head;
use shoutd::sys;
use shoutd::trouble::Trouble;
use shoutd::units::grouped;
use shoutd::units::seconds;
use shoutd::wire::conversation::Conversations;
use shoutd::wire::packet::Packet;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::time::Instant;

/// Gets every file and compares every byte.
pub fn run(stage: &mut Stage) -> Result<(), Trouble> {
    for size in SIZES {
        let start = Instant::now();
        let mut socket = stage.connect(0)?;
        socket.write_all(request(&format!("/{size}")).as_bytes()).map_err(failed("sending"))?;
        let (head, right) = receive(&mut socket, size);
        let took = start.elapsed();
        let measured = if right { "they did" } else { "they did not" };
        stage.note(format!("{size} bytes arrive unchanged"), measured, right);
        let local = socket.local_addr().map_err(failed("a socket's address"))?;
        let info = sys::tcp_info(socket.as_fd()).ok();
        let received = head + size;
        stage.transfers.push(Transfer { size, received, took, local, info });
        stage.close(socket);
    }
    Ok(())
}

/// Reads a response. Returns how long its head was, and whether its body was the file of this size.
fn receive(socket: &mut impl Read, size: u64) -> (u64, bool) {
    let mut bytes = Vec::new();
    let mut room = vec![0; STRIDE as usize];
    let body = loop {
        match socket.read(&mut room) {
            Ok(count @ 1..) => bytes.extend_from_slice(&room[..count]),
            Ok(0) => return (0, false),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return (0, false),
        }
        if let Ok(Some(head)) = head::read(&bytes, false) {
            break head.length;
        }
    };
    let mut rest = bytes.split_off(body);
    let (mut at, mut right) = (0, true);
    loop {
        right &= is_part(&rest, at);
        at += rest.len() as u64;
        if at >= size {
            return (body as u64, right && at == size);
        }
        rest.resize(STRIDE as usize, 0);
        match socket.read(&mut rest) {
            Ok(0) => return (body as u64, false),
            Ok(count) => rest.truncate(count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => rest.clear(),
            Err(_) => return (body as u64, false),
        }
    }
}

/// What the packets of one transfer were.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// Bytes of the file.
    pub size: u64,
    /// Packets from the client.
    pub sent: usize,
    /// Packets from the server.
    pub received: usize,
    /// Those of them with data.
    pub with_data: usize,
    /// Bytes of payload in them.
    pub payload: u64,
    /// The same without what was sent again.
    pub once: u64,
    /// Seconds from before the connection was opened until all was there.
    pub seconds: f64,
    /// Segments that the client's kernel has counted both ways; what crosses in one piece is more than one
    /// there if it is larger than a segment.
    pub counted: Option<u32>,
}

impl Figures {
    /// All packets.
    pub fn packets(&self) -> usize {
        self.sent + self.received
    }

    /// The mean payload of a packet with data, in bytes.
    pub fn mean(&self) -> f64 {
        if self.with_data == 0 { 0.0 } else { self.payload as f64 / self.with_data as f64 }
    }

    /// The same in whole bytes, as it is told to people.
    pub fn whole_mean(&self) -> u64 {
        self.mean().round() as u64
    }
}

/// The figures of all transfers. Without packets, only what the kernel has counted.
pub fn figures(transfers: &[Transfer], packets: &[Packet], conversations: &Conversations) -> Vec<Figures> {
    let of = |transfer: &Transfer| {
        let mut figures = Figures {
            size: transfer.size,
            sent: 0,
            received: 0,
            with_data: 0,
            payload: 0,
            once: 0,
            seconds: transfer.took.as_secs_f64(),
            counted: transfer.info.map(|info| info.segments_sent + info.segments_received),
        };
        let found = conversations.list.iter().find(|found| found.client == transfer.local);
        figures.once = found.map_or(0, |found| found.server_bytes);
        for &place in found.map_or(&[][..], |found| &found.packets) {
            if conversations.seen[place].from_client {
                figures.sent += 1;
            } else {
                figures.received += 1;
                figures.with_data += usize::from(packets[place].length > 0);
                figures.payload += packets[place].length as u64;
            }
        }
        figures
    };
    transfers.iter().map(of).collect()
}

/// The table of the figures.
pub fn table(figures: &[Figures]) -> String {
    let mut text = format!(
        "{:>12} {:>8} {:>8} {:>8} {:>10} {:>14} {:>16}\n",
        "bytes", "C → S", "C ← S", "packets", "time", "mean payload", "kernel's count"
    );
    for row in figures {
        let seen = row.packets() > 0;
        let number = |number: usize| if seen { number.to_string() } else { "not seen".to_owned() };
        text += &format!(
            "{:>12} {:>8} {:>8} {:>8} {:>10} {:>14} {:>16}\n",
            grouped(row.size),
            number(row.sent),
            number(row.received),
            number(row.packets()),
            seconds(std::time::Duration::from_secs_f64(row.seconds)),
            if seen { grouped(row.whole_mean()) } else { "not seen".to_owned() },
            row.counted.map_or("unknown".to_owned(), |count| count.to_string())
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::files::mark;

    #[test]
    fn a_file_is_told_from_one_with_a_byte_missing_or_moved() {
        let mut file = vec![0; 70_000];
        file[..8].copy_from_slice(&mark(0));
        file[65_536..65_544].copy_from_slice(&mark(65_536));
        assert!(is_part(&file, 0));
        assert!(is_part(&file[60_000..], 60_000));
        assert!(!is_part(&file[1..], 0));
        file[69_999] = 1;
        assert!(!is_part(&file, 0));
        let response = |body: &[u8]| [b"HTTP/1.1 200 OK\r\n\r\n", body].concat();
        let good = [&mark(0)[..], &[0; 5]].concat();
        assert_eq!(receive(&mut &response(&good)[..], 13), (19, true));
        assert_eq!(receive(&mut &response(&good[..12])[..], 13), (19, false));
        assert_eq!(receive(&mut &response(&[0; 13])[..], 13), (19, false));
    }
}
