//! Writes packets as a pcapng file that Wireshark opens, with a comment on each
//! (draft-ietf-opsawg-pcapng). Packets begin with their IP header (link type RAW): that is what we keep.

use super::packet::Packet;
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::pcapng::blocks::section_header::{SectionHeaderBlock, SectionHeaderOption};
use pcap_file::{DataLink, Endianness, PcapError};
use std::borrow::Cow;
use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

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
    let section = SectionHeaderBlock {
        endianness: Endianness::Little,
        options: vec![SectionHeaderOption::UserApplication(Cow::Borrowed(concat!(
            "shout ",
            env!("CARGO_PKG_VERSION")
        )))],
        ..SectionHeaderBlock::default()
    };
    let mut writer = PcapNgWriter::with_section_header(out, section).map_err(plain)?;
    let mut interface = InterfaceDescriptionBlock::new(DataLink::RAW, NO_LIMIT);
    interface.options = vec![InterfaceDescriptionOption::IfTsResol(NANOSECONDS)];
    writer.write_pcapng_block(interface).map_err(plain)?;
    let began = began.duration_since(UNIX_EPOCH).unwrap_or_default();
    for (index, packet) in packets.iter().enumerate() {
        let comment =
            comments.get(index).map(|comment| shortened(comment)).filter(|comment| !comment.is_empty());
        let block = EnhancedPacketBlock {
            interface_id: 0,
            timestamp: began.saturating_add(packet.time),
            original_len: u32::try_from(packet.frame_length.max(packet.frame.len())).unwrap_or(u32::MAX),
            data: Cow::Borrowed(&packet.frame),
            options: comment
                .map(|comment| EnhancedPacketOption::Comment(Cow::Borrowed(comment)))
                .into_iter()
                .collect(),
        };
        writer.write_pcapng_block(block).map_err(plain)?;
    }
    writer.into_inner().flush()
}

fn shortened(comment: &str) -> &str {
    let end = (0..=LONGEST.min(comment.len())).rev().find(|end| comment.is_char_boundary(*end));
    &comment[..end.unwrap_or(0)]
}

fn plain(error: PcapError) -> io::Error {
    match error {
        PcapError::IoError(error) => error,
        other => io::Error::other(other),
    }
}
