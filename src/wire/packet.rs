//! One packet, from its IP header on: who sent it to whom, when, and what its headers say.

use std::net::SocketAddr;
use std::time::Duration;

/// A packet as it was seen, or read from a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Its place, from 1 on.
    pub number: usize,
    /// Since the first packet.
    pub time: Duration,
    /// Who sent it; the port is 0 where there are no ports.
    pub source: SocketAddr,
    /// Whom it was sent to.
    pub destination: SocketAddr,
    /// What it is, with what its header says.
    pub kind: Kind,
    /// Bytes of payload that it carried, captured or not.
    pub length: usize,
    /// Its first bytes as they were captured, from the IP header on.
    pub frame: Vec<u8>,
    /// How many bytes it had when it crossed, from the IP header on.
    pub frame_length: usize,
    /// Where in `frame` the payload begins, and where what was captured of it ends.
    pub(super) payload: (usize, usize),
}

/// What a packet is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A TCP segment, or several in one where the kernel leaves the splitting to the network card.
    Tcp(Segment),
    /// A UDP datagram.
    Udp,
    /// An ICMP message: a packet of ours did not get where it was sent.
    Unreachable(Unreachable),
    /// A piece of an IP packet that was too large for some link; only the first has the ports.
    Fragment,
    /// Another protocol: its number (IANA, protocol numbers).
    Other(u8),
    /// Its headers were not captured whole, or make no sense.
    Cut,
}

/// The header of a TCP segment (RFC 9293 section 3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    /// The sender asks to begin, or agrees to.
    pub syn: bool,
    /// The sender will send nothing more.
    pub fin: bool,
    /// The connection is over at once.
    pub rst: bool,
    /// The receiver's program should have this now.
    pub psh: bool,
    /// The acknowledgement number counts.
    pub ack: bool,
    /// There is urgent data.
    pub urg: bool,
    /// The number of its first byte, as it crossed.
    pub seq: u32,
    /// The number of the byte expected next from the other side, as it crossed.
    pub ack_number: u32,
    /// How much may be sent to the sender, not yet scaled.
    pub window: u16,
    /// Of a SYN: the most bytes that a segment to its sender may carry.
    pub mss: Option<u16>,
    /// Of a SYN: the power of two that later windows are to be multiplied with (RFC 7323 section 2).
    pub window_scale: Option<u8>,
    /// Of a SYN: whether its sender understands selective acknowledgements (RFC 2018).
    pub sack_permitted: bool,
    /// What else has come although something before it is missing, as it crossed.
    pub sack: Option<(u32, u32)>,
}

/// What an ICMP message says about an earlier packet (RFC 792, RFC 4443).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreachable {
    /// Who had sent that packet.
    pub from: SocketAddr,
    /// Where it was to go.
    pub about: SocketAddr,
    /// Its protocol: 6 is TCP, 17 is UDP.
    pub protocol: u8,
    /// What could not be reached.
    pub what: &'static str,
}

impl Packet {
    /// What was captured of the payload.
    pub fn payload(&self) -> &[u8] {
        &self.frame[self.payload.0..self.payload.1]
    }

    /// Its TCP header, if it has one.
    pub fn segment(&self) -> Option<&Segment> {
        match &self.kind {
            Kind::Tcp(segment) => Some(segment),
            _ => None,
        }
    }
}

impl Segment {
    /// Its flags as capture tools write them: `SYN ACK`, `PSH ACK`, or `-` if there is none.
    pub fn flags(&self) -> String {
        let names = [
            (self.syn, "SYN"),
            (self.fin, "FIN"),
            (self.rst, "RST"),
            (self.psh, "PSH"),
            (self.urg, "URG"),
            (self.ack, "ACK"),
        ];
        let set: Vec<&str> = names.iter().filter(|(set, _)| *set).map(|(_, name)| *name).collect();
        if set.is_empty() { "-".to_owned() } else { set.join(" ") }
    }

    /// The sequence numbers that it takes: its payload, and one each for SYN and FIN.
    pub fn span(&self, length: usize) -> i64 {
        length as i64 + i64::from(self.syn) + i64::from(self.fin)
    }

    /// Whether it only acknowledges.
    pub fn is_bare(&self, length: usize) -> bool {
        length == 0 && self.ack && !self.syn && !self.fin && !self.rst
    }
}
