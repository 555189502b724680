//! Writes packets as a pcapng file that Wireshark opens, with a comment on each
//! (draft-ietf-opsawg-pcapng). Packets begin with their IP header (link type RAW): that is what we keep.

use super::packet::Packet;
use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

/// Types of blocks.
const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const PACKET: u32 = 6;

/// Options: of any block, of a section, of an interface.
const COMMENT: u16 = 1;
const USER_APPLICATION: u16 = 4;
const RESOLUTION: u16 = 9;

/// How a section tells in which order its bytes are.
const BYTE_ORDER: u32 = 0x1a2b_3c4d;

/// The length of a section that nobody knows beforehand.
const NO_LENGTH: i64 = -1;

/// The link type of packets that begin with their IP header, and the two reserved bytes behind it.
const RAW: u32 = 101;

/// Times are in nanoseconds: ten to the power of minus this.
const NANOSECONDS: u8 = 9;

/// A snapshot length that says nothing: how much of each packet was captured, its block says.
const NO_LIMIT: u32 = 0;

/// Bytes that a comment may have: its length has 16 bits.
const LONGEST: usize = 60_000;

/// Writes packets with a comment on each. `began` is the time of the first. Where there are fewer comments
/// than packets, the others have none. Fails where `out` does.
pub fn write(
    out: &mut impl Write,
    packets: &[Packet],
    comments: &[String],
    began: SystemTime,
) -> io::Result<()> {
    let program = concat!("shout ", env!("CARGO_PKG_VERSION"));
    let mut body = Vec::new();
    body.extend(BYTE_ORDER.to_le_bytes());
    body.extend([1_u16, 0].map(u16::to_le_bytes).concat()); // the version
    body.extend(NO_LENGTH.to_le_bytes());
    option(&mut body, USER_APPLICATION, program.as_bytes());
    block(out, SECTION, body)?;
    let mut body = Vec::new();
    body.extend(RAW.to_le_bytes());
    body.extend(NO_LIMIT.to_le_bytes());
    option(&mut body, RESOLUTION, &[NANOSECONDS]);
    block(out, INTERFACE, body)?;
    let began = began.duration_since(UNIX_EPOCH).unwrap_or_default();
    for (index, packet) in packets.iter().enumerate() {
        let time = u64::try_from(began.saturating_add(packet.time).as_nanos()).unwrap_or(u64::MAX);
        let bytes = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        let (kept, crossed) = (packet.frame.len(), packet.frame_length.max(packet.frame.len()));
        let header = [0, (time >> 32) as u32, time as u32, bytes(kept), bytes(crossed)];
        let mut body = header.map(u32::to_le_bytes).concat();
        body.extend_from_slice(&packet.frame);
        pad(&mut body);
        let comment = comments.get(index).map_or("", |comment| shortened(comment));
        if !comment.is_empty() {
            option(&mut body, COMMENT, comment.as_bytes());
        }
        block(out, PACKET, body)?;
    }
    out.flush()
}

/// Writes a block of this type: its length stands at both ends.
fn block(out: &mut impl Write, kind: u32, body: Vec<u8>) -> io::Result<()> {
    let length = (body.len() + 12) as u32;
    out.write_all(&[kind, length].map(u32::to_le_bytes).concat())?;
    out.write_all(&body)?;
    out.write_all(&length.to_le_bytes())
}

/// Appends the one option of a block, and the end of its options.
fn option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    body.extend([code, value.len() as u16].map(u16::to_le_bytes).concat());
    body.extend_from_slice(value);
    pad(body);
    body.extend([0; 4]);
}

/// Fills up to a multiple of four bytes.
fn pad(body: &mut Vec<u8>) {
    body.resize(body.len().next_multiple_of(4), 0);
}

fn shortened(comment: &str) -> &str {
    let end = (0..=LONGEST.min(comment.len())).rev().find(|end| comment.is_char_boundary(*end));
    &comment[..end.unwrap_or(0)]
}
