//! A packet as a row: what the table, the report and JSON say of it alike.

use super::conversation::Seen;
use super::packet::{Kind, Packet};
use std::time::Duration;

/// A row of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// The packet's number.
    pub number: usize,
    /// Since the first packet.
    pub time: Duration,
    /// Whether the client sent it.
    pub from_client: bool,
    /// The flags of a segment, or what else it is.
    pub flags: String,
    /// The relative sequence number of a segment.
    pub seq: Option<i64>,
    /// Its relative acknowledgement number.
    pub ack: Option<i64>,
    /// Bytes of payload.
    pub length: usize,
    /// A few words.
    pub words: &'a str,
}

impl Row<'_> {
    /// The row of a packet.
    pub fn of<'a>(packet: &Packet, seen: &Seen, words: &'a str) -> Row<'a> {
        let flags = match &packet.kind {
            Kind::Tcp(segment) => segment.flags(),
            Kind::Udp => "UDP".to_owned(),
            Kind::Unreachable(_) => "ICMP".to_owned(),
            Kind::Fragment => "fragment".to_owned(),
            Kind::Other(protocol) => format!("IP {protocol}"),
            Kind::Cut => "cut".to_owned(),
        };
        Row {
            number: packet.number,
            time: packet.time,
            from_client: seen.from_client,
            flags,
            seq: seen.tcp.as_ref().map(|view| view.seq),
            ack: seen.tcp.as_ref().and_then(|view| view.ack),
            length: packet.length,
            words,
        }
    }

    /// Its time in seconds, to the microsecond, as capture tools show it.
    pub fn seconds(&self) -> String {
        format!("{}.{:06}", self.time.as_secs(), self.time.subsec_micros())
    }

    /// Who sent it to whom.
    pub fn direction(&self) -> &'static str {
        if self.from_client { "C → S" } else { "C ← S" }
    }
}
