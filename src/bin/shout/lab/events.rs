//! Packets as the experiments write them: `C SYN`, `S PSH 29`, `S PSH+FIN 29`; bare acknowledgements left
//! out.

use shoutd::wire::conversation::Conversations;
use shoutd::wire::packet::{Kind as Wire, Packet};
use std::time::Duration;

/// A packet that says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its place in the list of all packets.
    pub packet: usize,
    /// Since the first packet of the capture.
    pub time: Duration,
    /// Whether the client sent it.
    pub from_client: bool,
    /// What it is.
    pub kind: Kind,
    /// Whether it has PSH.
    pub push: bool,
    /// Bytes of payload.
    pub bytes: usize,
    /// Those of them that were not sent before.
    pub fresh: usize,
}

/// What a packet is to an experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A SYN alone.
    Syn,
    /// A SYN with ACK.
    SynAck,
    /// Data.
    Data,
    /// Data and FIN.
    DataFin,
    /// A FIN without data.
    Fin,
    /// A reset.
    Reset,
    /// A datagram.
    Datagram,
    /// An ICMP message: it didn't get there.
    Unreachable,
    /// Something that no experiment expects.
    Other,
}

/// The events of one conversation, in order.
pub fn of(conversation: usize, packets: &[Packet], conversations: &Conversations) -> Vec<Event> {
    let places = conversations.list.get(conversation).map_or(&[][..], |found| &found.packets);
    let mut ends = [0; 2];
    let mut found = Vec::new();
    for &place in places {
        if let Some(mut event) = event(place, packets, conversations) {
            event.fresh = fresh(&event, &mut ends[usize::from(event.from_client)], conversations);
            found.push(event);
        }
    }
    found
}

/// How many bytes of an event lie behind all that its side has sent before.
fn fresh(event: &Event, end: &mut i64, conversations: &Conversations) -> usize {
    let Some(tcp) = &conversations.seen[event.packet].tcp else { return event.bytes };
    let length = event.bytes as i64;
    let before = std::mem::replace(end, (*end).max(tcp.seq + length));
    if tcp.fills_gap {
        event.bytes
    } else {
        (tcp.seq + length - tcp.seq.max(before)).clamp(0, length) as usize
    }
}

fn event(place: usize, packets: &[Packet], conversations: &Conversations) -> Option<Event> {
    let packet = packets.get(place)?;
    let seen = conversations.seen.get(place)?;
    let mut push = false;
    let kind = match &packet.kind {
        Wire::Tcp(segment) => {
            if segment.is_bare(packet.length) {
                return None;
            }
            push = segment.psh;
            match (segment.rst, segment.syn, segment.ack, segment.fin, packet.length) {
                (true, ..) => Kind::Reset,
                (_, true, false, false, 0) => Kind::Syn,
                (_, true, true, false, 0) => Kind::SynAck,
                (_, false, _, true, 0) => Kind::Fin,
                (_, false, _, true, _) => Kind::DataFin,
                (_, false, _, false, 1..) => Kind::Data,
                _ => Kind::Other,
            }
        }
        Wire::Udp => Kind::Datagram,
        Wire::Unreachable(_) => Kind::Unreachable,
        _ => Kind::Other,
    };
    let (time, from_client, bytes) = (packet.time, seen.from_client, packet.length);
    Some(Event { packet: place, time, from_client, kind, push, bytes, fresh: bytes })
}

impl Event {
    /// It in the words of the experiments.
    pub fn text(&self) -> String {
        let side = if self.from_client { "C" } else { "S" };
        let bytes = self.bytes;
        let what = match self.kind {
            Kind::Syn => "SYN".to_owned(),
            Kind::SynAck => "SYN-ACK".to_owned(),
            Kind::Data if self.push => format!("PSH {bytes}"),
            Kind::Data => format!("data {bytes}"),
            Kind::DataFin => format!("PSH+FIN {bytes}"),
            Kind::Fin => "FIN".to_owned(),
            Kind::Reset => "RST".to_owned(),
            Kind::Datagram => format!("datagram {bytes}"),
            Kind::Unreachable => "ICMP".to_owned(),
            Kind::Other => format!("something else, {bytes} bytes"),
        };
        format!("{side} {what}")
    }
}
