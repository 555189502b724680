//! The newer format: blocks, each with its type and its length at both ends (draft-ietf-opsawg-pcapng).
//! Only blocks that have to do with packets are looked into; the others are passed over.

use super::pcap::four;
use super::source::Source;
use super::{Contents, LARGEST, Stop};
use pcap_file::Endianness;
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::pcapng::{Block, PcapNgParser};
use std::io::Read;
use std::time::Duration;

/// Types of blocks.
const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const OLD_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const PACKET: u32 = 6;

/// Type, length, and of a section the mark of its byte order; every block has as many bytes.
const BEGINNING: u64 = 12;

/// The largest block that describes a section or an interface; those are kept.
const LARGEST_DESCRIPTION: u32 = 1 << 16;

/// Interfaces of a section. A machine has a few, and the file of a stranger shouldn't fill our memory.
const INTERFACES: usize = 1000;

pub fn read(source: &mut Source<impl Read>, contents: &mut Contents) -> Result<(), Stop> {
    let mut parser: Option<PcapNgParser> = None;
    let mut order = Endianness::Little;
    let mut last_time = Duration::ZERO;
    loop {
        let start = source.at();
        let broken = |why: &str| Stop::Broken(format!("the block at byte {start} {why}"));
        if !source.begin(BEGINNING, "a block")? {
            return Ok(());
        }
        let piece = source.piece();
        let kind = four(&piece[..4], order);
        if kind == SECTION {
            order = match piece[8..12] {
                [0x1a, 0x2b, 0x3c, 0x4d] => Endianness::Big,
                [0x4d, 0x3c, 0x2b, 0x1a] => Endianness::Little,
                _ => return Err(broken("begins a section of no known byte order")),
            };
        }
        let length = four(&piece[4..8], order);
        let most = match kind {
            SECTION | INTERFACE => LARGEST_DESCRIPTION,
            PACKET | SIMPLE_PACKET | OLD_PACKET => LARGEST,
            _ => u32::MAX,
        };
        if u64::from(length) < BEGINNING || !length.is_multiple_of(4) || length > most {
            return Err(broken(&format!("says that it has {length} bytes: the file is damaged there")));
        }
        let rest = u64::from(length) - BEGINNING;
        let what = format!("the block that began at byte {start}");
        if ![SECTION, INTERFACE, PACKET, SIMPLE_PACKET, OLD_PACKET].contains(&kind) {
            source.skip(rest, &what)?;
            continue;
        }
        source.extend(rest, &what)?;

        let block = match &mut parser {
            None => PcapNgParser::new(source.piece()).map(|(_, new)| {
                parser = Some(new);
                None
            }),
            Some(parser) => parser.next_block(source.piece()).map(|(_, block)| Some(block)),
        };
        let block = match block {
            Ok(block) => block,
            // Its frame was sound, so the next one can be found.
            Err(_) if matches!(kind, PACKET | SIMPLE_PACKET | OLD_PACKET) => {
                contents.total += 1;
                contents.damaged += 1;
                continue;
            }
            Err(error) => return Err(broken(&format!("makes no sense: {error}"))),
        };
        let interfaces = parser.as_ref().map_or(&[][..], |parser| parser.interfaces());
        if interfaces.len() > INTERFACES {
            return Err(broken(&format!("describes one more than {INTERFACES} interfaces")));
        }
        let room = match block {
            Some(Block::EnhancedPacket(packet)) => {
                let units = u64::try_from(packet.timestamp.as_nanos()).unwrap_or(u64::MAX);
                let interface = interfaces.get(packet.interface_id as usize);
                take(contents, interface, Some(units), &mut last_time, &packet.data, packet.original_len)
            }
            Some(Block::Packet(packet)) => {
                // The upper half of its time comes first in either byte order.
                let units = match order {
                    Endianness::Big => packet.timestamp,
                    Endianness::Little => packet.timestamp.rotate_left(32),
                };
                let interface = interfaces.get(usize::from(packet.interface_id));
                take(contents, interface, Some(units), &mut last_time, &packet.data, packet.original_len)
            }
            Some(Block::SimplePacket(packet)) => {
                // It doesn't say how much of it was captured; up to three bytes at its end are padding.
                let snap = interfaces.first().map_or(0, |interface| interface.snaplen);
                let most = if snap == 0 { packet.original_len } else { packet.original_len.min(snap) };
                let data = &packet.data[..packet.data.len().min(most as usize)];
                take(contents, interfaces.first(), None, &mut last_time, data, packet.original_len)
            }
            _ => true,
        };
        if !room {
            return Ok(());
        }
    }
}

/// Takes a packet of an interface; without one it can't be understood. A packet without a time has that of
/// the one before it.
fn take(
    contents: &mut Contents,
    interface: Option<&InterfaceDescriptionBlock>,
    units: Option<u64>,
    last_time: &mut Duration,
    data: &[u8],
    crossed: u32,
) -> bool {
    let Some(interface) = interface else {
        contents.total += 1;
        contents.damaged += 1;
        return true;
    };
    if let Some(units) = units {
        *last_time = time(interface, units);
    }
    contents.take(u32::from(interface.linktype), *last_time, data, crossed as usize)
}

/// A time in the units of its interface: microseconds unless it says otherwise (if_tsresol, if_tsoffset).
fn time(interface: &InterfaceDescriptionBlock, units: u64) -> Duration {
    const NANOS: u128 = 1_000_000_000;
    let (mut resolution, mut offset) = (6, 0);
    for option in &interface.options {
        match option {
            InterfaceDescriptionOption::IfTsResol(value) => resolution = *value,
            InterfaceDescriptionOption::IfTsOffset(seconds) => offset = *seconds,
            _ => {}
        }
    }
    let scaled = u128::from(units) * NANOS;
    let nanos = if resolution & 0x80 != 0 {
        scaled.checked_shr(u32::from(resolution & 0x7f)).unwrap_or(0)
    } else {
        10_u128.checked_pow(resolution.into()).map_or(0, |unit| scaled / unit)
    };
    let since = Duration::new(u64::try_from(nanos / NANOS).unwrap_or(0), (nanos % NANOS) as u32);
    since.saturating_add(Duration::from_secs(offset))
}
