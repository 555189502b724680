//! Packets and conversations as JSON, for programs. Times are in seconds.

use super::conversation::{Conversation, Conversations, Protocol};
use super::packet::{Kind, Packet};
use super::row::Row;
use serde_json::{Value, json};
use std::io::{self, Write};

/// Writes one object on one line: `conversations`, and `packets` with their words. One by one, as
/// there may be many.
pub fn write(
    out: &mut impl Write,
    packets: &[Packet],
    conversations: &Conversations,
    words: &[String],
) -> io::Result<()> {
    let comma = |place| if place == 0 { "" } else { "," };
    write!(out, "{{\"conversations\":[")?;
    for (place, one) in conversations.list.iter().enumerate() {
        write!(out, "{}{}", comma(place), conversation(one, packets))?;
    }
    write!(out, "],\"packets\":[")?;
    for (place, words) in words.iter().enumerate() {
        write!(out, "{}{}", comma(place), packet(packets, place, conversations, words))?;
    }
    writeln!(out, "]}}")
}

/// A conversation: who, how much, and how it ended.
pub fn conversation(one: &Conversation, packets: &[Packet]) -> Value {
    json!({
        "protocol": match one.protocol {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Other => "other",
        },
        "http": one.http,
        "client": one.client.to_string(),
        "server": one.server.to_string(),
        "packets": one.packets.iter().map(|place| packets[*place].number).collect::<Vec<_>>(),
        "from_start": one.from_start,
        "client_bytes": one.client_bytes,
        "server_bytes": one.server_bytes,
        "ended_by": one.ended.map(|end| if end.by_client { "client" } else { "server" }),
        "ended_with": one.ended.map(|end| if end.reset { "reset" } else { "fin" }),
    })
}

/// A packet, by its place in the list.
pub fn packet(packets: &[Packet], place: usize, conversations: &Conversations, words: &str) -> Value {
    let one = &packets[place];
    let seen = &conversations.seen[place];
    let row = Row::of(one, seen, words);
    let view = seen.tcp.as_ref();
    json!({
        "number": one.number,
        "time": one.time.as_secs_f64(),
        "conversation": seen.conversation,
        "source": one.source.to_string(),
        "destination": one.destination.to_string(),
        "from": if seen.from_client { "client" } else { "server" },
        "protocol": match one.kind {
            Kind::Tcp(_) => "tcp",
            Kind::Udp => "udp",
            Kind::Unreachable(_) => "icmp",
            Kind::Fragment => "fragment",
            Kind::Other(_) => "other",
            Kind::Cut => "cut",
        },
        "flags": one.segment().map(|segment| segment.flags()),
        "seq": row.seq,
        "ack": row.ack,
        "window": view.map(|view| view.window),
        "mss": one.segment().and_then(|segment| segment.mss),
        "length": one.length,
        "retransmission": view.map(|view| view.again),
        "answers": seen.answers.map(|answered| packets[answered].number),
        "words": words,
    })
}
