//! The classic format: a header, then each packet behind a header of its own (draft-ietf-opsawg-pcap).

use super::fields::{Fields, Order};
use super::source::Source;
use super::{Contents, LARGEST, Stop};
use std::io::Read;
use std::time::Duration;

const FILE_HEADER: u64 = 24;
const PACKET_HEADER: u64 = 16;

/// Bytes of a file's header between its magic number and its link type: the version, two fields that are always zero,
/// and the snapshot length.
const PASSED_OVER: usize = 16;

/// The link type has 28 bits; the others tell of a frame check sequence.
const LINK_TYPE: u32 = 0x0fff_ffff;

pub fn read(source: &mut Source<impl Read>, contents: &mut Contents) -> Result<(), Stop> {
    source.begin(FILE_HEADER, "the file's header")?;
    let (magic, rest) = source.piece().split_at(4);
    let order = if magic[0] == 0xa1 { Order::Big } else { Order::Little };
    let has_nanoseconds = magic.contains(&0x4d);
    let link_type = header(Fields::new(rest, order));
    let link_type = link_type.ok_or_else(|| Stop::Broken("the file's header makes no sense".to_owned()))?;
    loop {
        let (number, start) = (contents.total + 1, source.at());
        let what = format!("packet {number}");
        if !source.begin(PACKET_HEADER, &what)? {
            return Ok(());
        }
        let Some([seconds, fraction, length, crossed]) = numbers(Fields::new(source.piece(), order)) else {
            return Err(Stop::Broken(format!("{what}, at byte {start}, makes no sense")));
        };
        if length > LARGEST {
            let why = format!(
                "{what}, at byte {start}, says that it has {length} bytes: the file is damaged there"
            );
            return Err(Stop::Broken(why));
        }
        source.extend(length.into(), &what)?;
        let fraction = if has_nanoseconds {
            Duration::from_nanos(fraction.into())
        } else {
            Duration::from_micros(fraction.into())
        };
        let time = Duration::from_secs(seconds.into()) + fraction;
        let data = &source.piece()[PACKET_HEADER as usize..];
        if !contents.take(link_type, time, data, crossed as usize) {
            return Ok(());
        }
    }
}

/// The link type of a file's header, behind its magic number.
fn header(mut fields: Fields) -> Option<u32> {
    fields.bytes(PASSED_OVER)?;
    Some(fields.four()? & LINK_TYPE)
}

/// The four numbers of a packet's header: seconds, their fraction, bytes kept, bytes that crossed.
fn numbers(mut fields: Fields) -> Option<[u32; 4]> {
    Some([fields.four()?, fields.four()?, fields.four()?, fields.four()?])
}
