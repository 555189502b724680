//! The classic format: a header, then each packet behind a header of its own (draft-ietf-opsawg-pcap).

use super::source::Source;
use super::{Contents, LARGEST, Stop};
use pcap_file::pcap::PcapParser;
use pcap_file::{Endianness, TsResolution};
use std::io::Read;
use std::time::Duration;

const FILE_HEADER: u64 = 24;
const PACKET_HEADER: u64 = 16;

/// The link type has 28 bits; the others tell of a frame check sequence.
const LINK_TYPE: u32 = 0x0fff_ffff;

pub fn read(source: &mut Source<impl Read>, contents: &mut Contents) -> Result<(), Stop> {
    source.begin(FILE_HEADER, "the file's header")?;
    let (_, parser) = PcapParser::new(source.piece())
        .map_err(|error| Stop::Broken(format!("the file's header makes no sense: {error}")))?;
    let header = parser.header();
    let link_type = u32::from(header.datalink) & LINK_TYPE;
    loop {
        let (number, start) = (contents.total + 1, source.at());
        let what = format!("packet {number}");
        if !source.begin(PACKET_HEADER, &what)? {
            return Ok(());
        }
        let length = four(&source.piece()[8..12], header.endianness);
        if length > LARGEST {
            let why = format!(
                "{what}, at byte {start}, says that it has {length} bytes: the file is damaged there"
            );
            return Err(Stop::Broken(why));
        }
        source.extend(length.into(), &what)?;
        let (_, packet) = parser
            .next_raw_packet(source.piece())
            .map_err(|error| Stop::Broken(format!("{what}, at byte {start}, makes no sense: {error}")))?;
        let fraction = match header.ts_resolution {
            TsResolution::MicroSecond => Duration::from_micros(packet.ts_frac.into()),
            TsResolution::NanoSecond => Duration::from_nanos(packet.ts_frac.into()),
        };
        let time = Duration::from_secs(packet.ts_sec.into()) + fraction;
        if !contents.take(link_type, time, &packet.data, packet.orig_len as usize) {
            return Ok(());
        }
    }
}

/// A number of four bytes.
pub fn four(bytes: &[u8], endianness: Endianness) -> u32 {
    let bytes = bytes.try_into().unwrap_or_default();
    match endianness {
        Endianness::Big => u32::from_be_bytes(bytes),
        Endianness::Little => u32::from_le_bytes(bytes),
    }
}
