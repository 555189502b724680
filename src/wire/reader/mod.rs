//! Reads a capture file: pcap in both byte orders, with micro- or nanoseconds, and pcapng.
//!
//! A file may be cut, damaged, or made to do harm. Nothing in it is believed: no length makes us allocate
//! more than the file really has, and where it makes no sense any more, reading ends there. What came
//! before is still good.

mod fields;
mod pcap;
mod pcapng;
mod source;

use super::layers;
use super::packet::Packet;
use crate::trouble::{Trouble, plain};
use source::Source;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Packets that are kept in memory, some 200 MB of them at most. The rest of a larger file is not read.
pub const MOST: usize = 200_000;

/// Bytes of each that are kept: its headers and the beginning of what it carries.
const KEPT: usize = 512;

/// The largest packet or block. Captures have packets of up to 256 KiB (the greatest snapshot length of
/// tcpdump), blocks a little more.
const LARGEST: u32 = 16 << 20;

/// What a file has.
#[derive(Debug, Default)]
pub struct Contents {
    /// Its IP packets, under the numbers that they have in the file.
    pub packets: Vec<Packet>,
    /// When the first packet crossed, since 1970.
    began: Option<Duration>,
    /// How many packets there were, of all kinds.
    pub total: usize,
    /// How many were not IP.
    pub not_ip: usize,
    /// How many could not be read although their neighbours could.
    pub damaged: usize,
    /// Whether there were more than [`MOST`].
    pub more: bool,
    /// Why reading has ended before the end of the file, and where.
    pub broken: Option<String>,
    /// A link type of which nothing is known.
    unknown_link: Option<u32>,
}

/// Reads a file; `-` is standard input. Fails where nothing at all can be read of it: it isn't there, isn't
/// a capture, or is of an unknown kind of network. A file that ends too early or is damaged in the middle
/// is not a failure: [`Contents::broken`] says so.
pub fn read(path: &Path) -> Result<Contents, Trouble> {
    let name = super::printable::line(&path.display().to_string());
    let failed = |error: &io::Error| Trouble::new(format!("can't read {name}: {}", plain(error)), "");
    if path.as_os_str() == "-" {
        return read_from(io::stdin().lock(), "standard input");
    }
    let file = File::open(path).map_err(|error| failed(&error))?;
    if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        return Err(Trouble::new(format!("{name} is a directory"), "Name the capture file in it."));
    }
    read_from(file, &name)
}

/// Reads what a reader has; `name` is for error messages.
pub fn read_from(reader: impl Read, name: &str) -> Result<Contents, Trouble> {
    let mut contents = Contents::default();
    let failed = |error: io::Error| Trouble::new(format!("can't read {name}: {}", plain(&error)), "");
    let mut source = Source::new(reader).map_err(failed)?;
    let read = match source.magic() {
        [0x0a, 0x0d, 0x0d, 0x0a] => pcapng::read(&mut source, &mut contents),
        [0xa1, 0xb2, 0xc3, 0xd4] | [0xd4, 0xc3, 0xb2, 0xa1] => pcap::read(&mut source, &mut contents),
        [0xa1, 0xb2, 0x3c, 0x4d] | [0x4d, 0x3c, 0xb2, 0xa1] => pcap::read(&mut source, &mut contents),
        other => return Err(foreign(other, source.is_short(), name)),
    };
    match read {
        Err(Stop::Io(error)) => return Err(failed(error)),
        Err(Stop::Broken(why)) => contents.broken = Some(why),
        Ok(()) => {}
    }
    match contents.unknown_link {
        Some(link) if contents.packets.is_empty() => Err(Trouble::new(
            format!("{name} is of a kind of network that shout doesn't know (link type {link})"),
            "It knows Ethernet, loopback, raw IP and Linux's \"any\" device. Wireshark knows them all.",
        )),
        _ => Ok(contents),
    }
}

/// Why reading ends before the end of the file.
enum Stop {
    /// The file can't be read.
    Io(io::Error),
    /// It makes no sense, or it ends, where it shouldn't.
    Broken(String),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Stop {
        Stop::Io(error)
    }
}

/// It isn't a capture; says what it may be.
fn foreign(magic: [u8; 4], short: bool, name: &str) -> Trouble {
    let advice = match magic {
        _ if short => "It has fewer than four bytes: nothing was captured, or it was not written yet.",
        [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd] | [0xfd, b'7', b'z', b'X'] | [b'B', b'Z', b'h', _] => {
            "It is compressed: unpack it first (gunzip, unzstd, unxz, bunzip2)."
        }
        [0xa1, 0xb2, 0xcd, 0x34] | [0x34, 0xcd, 0xb2, 0xa1] => {
            "It is a modified pcap of old systems: convert it with editcap -F pcapng IN OUT."
        }
        [b's', b'n', b'o', b'o'] => "It is a snoop file: convert it with editcap -F pcapng IN OUT.",
        _ => "Such a file is written by tcpdump -w FILE, by Wireshark, or by shout lab NAME --pcap FILE.",
    };
    Trouble::new(format!("{name} is neither a pcap nor a pcapng file"), advice)
}

impl Contents {
    /// When the first packet crossed.
    pub fn began(&self) -> SystemTime {
        UNIX_EPOCH.checked_add(self.began.unwrap_or_default()).unwrap_or(UNIX_EPOCH)
    }

    /// Takes a packet as it stands in the file. `crossed` is how long it was. Returns whether there is room
    /// for another.
    fn take(&mut self, link_type: u32, time: Duration, frame: &[u8], crossed: usize) -> bool {
        if self.packets.len() >= MOST {
            self.more = true;
            return false;
        }
        self.total += 1;
        if !layers::is_known(link_type) {
            self.unknown_link = Some(link_type);
        }
        let packet = layers::ip_offset(link_type, frame).and_then(|start| {
            let bytes = &frame[start..];
            let began = self.began.unwrap_or(time);
            let crossed = crossed.max(frame.len()) - start;
            let kept = &bytes[..bytes.len().min(KEPT)];
            Packet::of(self.total, time.saturating_sub(began), kept, crossed)
        });
        match packet {
            Some(packet) => {
                self.began.get_or_insert(time);
                self.packets.push(packet);
            }
            None => self.not_ip += 1,
        }
        true
    }
}
