//! A few words on each packet that teach what it is for, from what the conversation was at that moment.

mod datagram;
mod http;
mod segment;

use super::conversation::{Conversation, Conversations, Protocol};
use super::packet::{Kind, Packet};
use super::printable;
use segment::Teller;

/// Columns of a payload that are shown.
const EXCERPT: usize = 32;

/// One phrase a packet, in the order of the packets.
pub fn explain(packets: &[Packet], conversations: &Conversations) -> Vec<String> {
    let mut words = vec![String::new(); packets.len()];
    for conversation in &conversations.list {
        let mut teller = Teller::new(conversation);
        for &place in &conversation.packets {
            let (packet, seen) = (&packets[place], &conversations.seen[place]);
            words[place] = match &packet.kind {
                Kind::Tcp(segment) => teller.tell(packet, segment, seen),
                Kind::Udp => datagram::tell(packet, seen, packets),
                Kind::Unreachable(refusal) => datagram::refused(refusal),
                Kind::Fragment => "a fragment: a piece of a packet too large for some link".to_owned(),
                Kind::Other(protocol) => format!("{}: not explained here", name_of(*protocol)),
                Kind::Cut => "cut short: its headers were not captured whole".to_owned(),
            };
        }
    }
    words
}

/// What a conversation was, in a line: with whom, how much, and who ended it.
pub fn heading(conversation: &Conversation) -> String {
    let Conversation { client, server, .. } = conversation;
    let name = match conversation.protocol {
        Protocol::Tcp if conversation.http => "HTTP over TCP",
        Protocol::Tcp => "TCP",
        Protocol::Udp => "UDP",
        Protocol::Other => return format!("{} to {}: neither TCP nor UDP", client.ip(), server.ip()),
    };
    let mut text = format!("{name} from the client {client} to the server {server}");
    text += &format!(
        ": {}, {} bytes there and {} back",
        count(conversation.packets.len(), "packet"),
        conversation.client_bytes,
        conversation.server_bytes
    );
    if conversation.protocol == Protocol::Tcp {
        if !conversation.from_start {
            text += ", begun before the capture";
        }
        text += match conversation.ended {
            None => ", not ended in it",
            Some(end) => match (end.by_client, end.reset) {
                (true, false) => ", closed first by the client with a FIN",
                (false, false) => ", closed first by the server with a FIN",
                (true, true) => ", ended by the client with a reset",
                (false, true) => ", ended by the server with a reset",
            },
        };
    }
    text
}

/// A number of things.
pub fn count(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// The beginning of what a packet carries.
fn quoted(packet: &Packet) -> String {
    printable::excerpt(packet.payload(), packet.length, EXCERPT)
}

/// Protocols that are met on a network now and then (IANA, protocol numbers).
fn name_of(protocol: u8) -> String {
    match protocol {
        1 => "ICMP".to_owned(),
        2 => "IGMP".to_owned(),
        47 => "GRE".to_owned(),
        50 | 51 => "IPsec".to_owned(),
        58 => "ICMPv6".to_owned(),
        89 => "OSPF".to_owned(),
        132 => "SCTP".to_owned(),
        number => format!("protocol {number}"),
    }
}
