//! The newer format: blocks, each with its type and its length at both ends (draft-ietf-opsawg-pcapng).
//! Only blocks that have to do with packets are looked into; the others are passed over.

use super::fields::{Fields, Order};
use super::source::Source;
use super::{Contents, LARGEST, Stop};
use std::io::Read;
use std::time::Duration;

/// Types of blocks.
const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const OLD_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const PACKET: u32 = 6;

/// Options of an interface.
const RESOLUTION: u16 = 9;
const OFFSET: u16 = 14;

/// Type, length, and of a section the mark of its byte order; every block has as many bytes.
const BEGINNING: u64 = 12;

/// The least that a section has: its beginning, version, length, and the length of the block once more.
const SMALLEST_SECTION: u32 = 28;

/// The largest block that describes a section or an interface.
const LARGEST_DESCRIPTION: u32 = 1 << 16;

/// Interfaces of a section. A machine has a few, and the file of a stranger shouldn't fill our memory.
const INTERFACES: usize = 1000;

/// What is to be known of an interface.
struct Interface {
    link_type: u16,
    /// Bytes that are kept of a packet at the most; 0 is no limit.
    snap: u32,
    /// The unit of its times, as if_tsresol has it.
    resolution: u8,
    /// Seconds that are to be added to them (if_tsoffset).
    offset: u64,
}

/// A packet as it stands in its block.
struct Found<'a> {
    interface: u32,
    /// Its time in the units of its interface, if it has one.
    units: Option<u64>,
    data: &'a [u8],
    crossed: u32,
}

pub fn read(source: &mut Source<impl Read>, contents: &mut Contents) -> Result<(), Stop> {
    let mut interfaces: Vec<Interface> = Vec::new();
    let mut order = Order::Little;
    let mut last_time = Duration::ZERO;
    loop {
        let start = source.at();
        let broken = |why: &str| Stop::Broken(format!("the block at byte {start} {why}"));
        if !source.begin(BEGINNING, "a block")? {
            return Ok(());
        }
        let piece = source.piece();
        // The type of a section is the same in either order.
        if piece[..4] == SECTION.to_be_bytes() {
            order = match piece[8..12] {
                [0x1a, 0x2b, 0x3c, 0x4d] => Order::Big,
                [0x4d, 0x3c, 0x2b, 0x1a] => Order::Little,
                _ => return Err(broken("begins a section of no known byte order")),
            };
        }
        let mut fields = Fields::new(piece, order);
        let (kind, length) = (fields.four().unwrap_or(0), fields.four().unwrap_or(0));
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

        let body = body(source.piece(), order);
        match kind {
            SECTION if body.is_some() && length >= SMALLEST_SECTION => interfaces.clear(),
            SECTION => return Err(broken("makes no sense: it is no section")),
            INTERFACE if interfaces.len() == INTERFACES => {
                return Err(broken(&format!("describes one more than {INTERFACES} interfaces")));
            }
            INTERFACE => match body.and_then(Interface::read) {
                Some(interface) => interfaces.push(interface),
                None => return Err(broken("makes no sense: it describes no interface")),
            },
            _ => {
                let found = body.and_then(|body| match kind {
                    PACKET => packet(body),
                    OLD_PACKET => old_packet(body),
                    _ => simple_packet(body, interfaces.first()?),
                });
                // Its frame was sound, so the next one can be found.
                if !take(contents, &interfaces, found, &mut last_time) {
                    return Ok(());
                }
            }
        }
    }
}

/// What stands between the two lengths of a block, if they are the same.
fn body(block: &[u8], order: Order) -> Option<Fields<'_>> {
    let mut fields = Fields::new(block, order);
    fields.four()?;
    let length = fields.four()?;
    let body = fields.bytes(fields.rest.len().checked_sub(4)?)?;
    (fields.four()? == length).then_some(Fields::new(body, order))
}

impl Interface {
    fn read(mut fields: Fields) -> Option<Interface> {
        let link_type = fields.two()?;
        fields.two()?; // reserved
        let mut interface = Interface { link_type, snap: fields.four()?, resolution: 6, offset: 0 };
        while !fields.rest.is_empty() {
            let (code, length) = (fields.two()?, usize::from(fields.two()?));
            let mut value = fields.part(length)?;
            fields.bytes(length.next_multiple_of(4) - length)?;
            match code {
                0 => break, // the end of the options
                RESOLUTION if length == 1 => interface.resolution = *value.rest.first()?,
                OFFSET if length == 8 => interface.offset = value.eight()?,
                RESOLUTION | OFFSET => return None,
                _ => {}
            }
        }
        Some(interface)
    }

    /// A time in the units of the interface: microseconds unless it says otherwise.
    fn time(&self, units: u64) -> Duration {
        const NANOS: u128 = 1_000_000_000;
        let scaled = u128::from(units) * NANOS;
        let nanos = if self.resolution & 0x80 != 0 {
            scaled.checked_shr(u32::from(self.resolution & 0x7f)).unwrap_or(0)
        } else {
            10_u128.checked_pow(self.resolution.into()).map_or(0, |unit| scaled / unit)
        };
        let since = Duration::new(u64::try_from(nanos / NANOS).unwrap_or(0), (nanos % NANOS) as u32);
        since.saturating_add(Duration::from_secs(self.offset))
    }
}

fn packet(mut fields: Fields) -> Option<Found> {
    let interface = fields.four()?;
    timed(interface, fields)
}

/// The block that was in use before: its interface has two bytes, and the packets that were dropped stand behind it.
fn old_packet(mut fields: Fields) -> Option<Found> {
    let interface = fields.two()?;
    fields.two()?;
    timed(interface.into(), fields)
}

fn timed(interface: u32, mut fields: Fields) -> Option<Found> {
    // The upper half of the time comes first in either byte order.
    let units = u64::from(fields.four()?) << 32 | u64::from(fields.four()?);
    let (kept, crossed) = (fields.four()?, fields.four()?);
    Some(Found { interface, units: Some(units), data: fields.bytes(kept as usize)?, crossed })
}

/// A packet of the first interface. It doesn't say how much of it was captured; up to three bytes at its end are
/// padding.
fn simple_packet<'a>(mut fields: Fields<'a>, first: &Interface) -> Option<Found<'a>> {
    let crossed = fields.four()?;
    let most = if first.snap == 0 { crossed } else { crossed.min(first.snap) };
    let data = &fields.rest[..fields.rest.len().min(most as usize)];
    Some(Found { interface: 0, units: None, data, crossed })
}

/// Takes a packet of an interface; without one it can't be understood. A packet without a time has that of
/// the one before it.
fn take(
    contents: &mut Contents,
    interfaces: &[Interface],
    found: Option<Found>,
    last_time: &mut Duration,
) -> bool {
    let found = found.and_then(|found| Some((interfaces.get(found.interface as usize)?, found)));
    let Some((interface, packet)) = found else {
        contents.total += 1;
        contents.damaged += 1;
        return true;
    };
    if let Some(units) = packet.units {
        *last_time = interface.time(units);
    }
    contents.take(interface.link_type.into(), *last_time, packet.data, packet.crossed as usize)
}

#[cfg(test)]
mod tests {
    use crate::wire::reader::{Contents, read_from};

    fn block(kind: u32, body: &[u8]) -> Vec<u8> {
        let length = (body.len() as u32 + 12).to_be_bytes();
        [&kind.to_be_bytes(), &length, body, &length].concat()
    }

    /// A file with one interface that has this option, and one datagram from it.
    fn file(code: u16, value: &[u8]) -> Contents {
        let mut padded = value.to_vec();
        padded.resize(value.len().next_multiple_of(4), 0);
        let option = [&code.to_be_bytes(), &(value.len() as u16).to_be_bytes(), &padded[..]].concat();
        let frame = [
            0x45, 0, 0, 29, 0, 0, 0, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1, 0, 9, 0, 7, 0, 9, 0, 0,
            b'x', 0, 0, 0,
        ];
        let numbers = [0_u32, 0, 3_000_000, 29, 29].map(u32::to_be_bytes).concat();
        let bytes = [
            block(super::SECTION, &[&[0x1a, 0x2b, 0x3c, 0x4d, 0, 1, 0, 0][..], &[0xff; 8]].concat()),
            block(super::INTERFACE, &[&[0, 101, 0, 0, 0, 0, 0, 0][..], &option].concat()),
            block(super::PACKET, &[&numbers[..], &frame].concat()),
        ];
        read_from(&bytes.concat()[..], "a file").expect("a capture")
    }

    #[test]
    fn a_name_that_is_no_text_and_a_last_option_without_an_end_hide_no_packet() {
        let contents = file(2, b"eth\xff\xfe");
        assert_eq!((contents.packets.len(), contents.damaged, &contents.broken), (1, 0, &None));
        assert_eq!(contents.packets[0].payload(), b"x");
    }

    #[test]
    fn a_unit_of_time_of_two_bytes_is_none() {
        let contents = file(super::RESOLUTION, &[9, 9]);
        let broken = contents.broken.expect("a complaint");
        assert!(broken.contains("the block at byte 28 makes no sense"), "{broken}");
    }
}
