//! Who talks to whom: packets sorted into conversations, each with its client and its server.
//!
//! Who sent the SYN is the client. Where that was not captured, who asks in HTTP is, or whose port is the
//! higher one: systems give their clients high ports. With UDP it is who spoke first.

use super::packet::{Kind, Packet, Segment};
use super::stream::{Stream, View};
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

/// Requests of a UDP conversation that are remembered while they have no answer.
const UNANSWERED: usize = 1024;

/// What a conversation is held in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP, and ICMP messages about it.
    Udp,
    /// Anything else between two hosts.
    Other,
}

/// One conversation.
#[derive(Clone, Debug)]
pub struct Conversation {
    /// What it is held in.
    pub protocol: Protocol,
    /// Who began.
    pub client: SocketAddr,
    /// With whom.
    pub server: SocketAddr,
    /// Its packets, as places in the list of all.
    pub packets: Vec<usize>,
    /// Of a TCP conversation: whether its beginning was captured.
    pub from_start: bool,
    /// Whether HTTP/1 is talked in it.
    pub http: bool,
    /// Bytes of payload that the client sent, each counted once.
    pub client_bytes: u64,
    /// Bytes of payload that the server sent, each counted once.
    pub server_bytes: u64,
    /// Who ended it first, and how.
    pub ended: Option<End>,
}

/// How a TCP conversation began to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// Whether it was the client who did it.
    pub by_client: bool,
    /// With a reset; otherwise with a FIN.
    pub reset: bool,
}

/// What a packet is in its conversation.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The conversation, as a place in the list.
    pub conversation: usize,
    /// Whether its client sent it.
    pub from_client: bool,
    /// How long after the packet before it in that conversation.
    pub since: Duration,
    /// Of a TCP segment: what it is.
    pub tcp: Option<View>,
    /// Of a datagram or an ICMP message: the packet that it probably answers, as a place in the list of all.
    pub answers: Option<usize>,
    /// Of a datagram: whether an answer was seen.
    pub answered: bool,
}

/// All conversations of a capture.
#[derive(Clone, Debug, Default)]
pub struct Conversations {
    /// They, in the order of their first packets.
    pub list: Vec<Conversation>,
    /// What each packet is, in the order of the packets.
    pub seen: Vec<Seen>,
}

impl Conversations {
    /// Sorts packets, which stand in the order of their time.
    pub fn of(packets: &[Packet]) -> Conversations {
        let mut all = Conversations::default();
        let mut latest = HashMap::new();
        for (place, packet) in packets.iter().enumerate() {
            let conversation = all.find(packet, packets, &mut latest);
            all.list[conversation].packets.push(place);
            let since = Duration::ZERO;
            all.seen.push(Seen {
                conversation,
                from_client: true,
                since,
                tcp: None,
                answers: None,
                answered: false,
            });
        }
        for conversation in &mut all.list {
            conversation.settle(packets, &mut all.seen);
        }
        all
    }

    /// The conversation that a packet belongs to, which may be a new one.
    fn find(
        &mut self,
        packet: &Packet,
        packets: &[Packet],
        latest: &mut HashMap<(Protocol, SocketAddr, SocketAddr), usize>,
    ) -> usize {
        let (protocol, client, server) = match &packet.kind {
            Kind::Tcp(_) => (Protocol::Tcp, packet.source, packet.destination),
            Kind::Udp => (Protocol::Udp, packet.source, packet.destination),
            Kind::Unreachable(refusal) if refusal.protocol == 6 => {
                (Protocol::Tcp, refusal.from, refusal.about)
            }
            Kind::Unreachable(refusal) if refusal.protocol == 17 => {
                (Protocol::Udp, refusal.from, refusal.about)
            }
            _ => (Protocol::Other, packet.source, packet.destination),
        };
        let key = (protocol, client.min(server), client.max(server));
        if let Some(&known) = latest.get(&key)
            && !self.list[known].is_begun_anew(packet, packets)
        {
            return known;
        }
        self.list.push(Conversation {
            protocol,
            client,
            server,
            packets: Vec::new(),
            from_start: packet.segment().is_some_and(|segment| segment.syn && !segment.ack),
            http: false,
            client_bytes: 0,
            server_bytes: 0,
            ended: None,
        });
        latest.insert(key, self.list.len() - 1);
        self.list.len() - 1
    }
}

impl Conversation {
    /// Whether a packet between the same two begins another conversation: a SYN that isn't the repetition of
    /// the first one.
    fn is_begun_anew(&self, packet: &Packet, packets: &[Packet]) -> bool {
        let Some(Segment { syn: true, ack: false, seq, .. }) = packet.segment() else { return false };
        let first = self.packets.first().map(|place| &packets[*place]);
        let Some((first, begun)) = first.and_then(|first| Some((first, first.segment()?))) else {
            return false;
        };
        let repeated = begun.syn && first.source == packet.source && begun.seq == *seq;
        let from_both = begun.syn && first.source != packet.source && self.packets.len() < 3;
        !repeated && !from_both
    }

    /// Decides who is the client, and then what each packet is.
    fn settle(&mut self, packets: &[Packet], seen: &mut [Seen]) {
        let own = self.packets.iter().map(|place| &packets[*place]);
        self.http = own.clone().any(|packet| is_request(packet.payload()) || is_response(packet.payload()));
        if self.protocol == Protocol::Tcp
            && let Some((client, server)) = own.clone().find_map(asks).or_else(|| self.by_ports())
        {
            (self.client, self.server) = (client, server);
        }
        let mut stream = Stream::default();
        let mut unanswered = VecDeque::new();
        let mut before = None;
        for &place in &self.packets {
            let packet = &packets[place];
            let this = &mut seen[place];
            this.since = packet.time.saturating_sub(before.unwrap_or(packet.time));
            before = Some(packet.time);
            this.from_client = match &packet.kind {
                Kind::Unreachable(refusal) => refusal.from != self.client,
                _ => packet.source == self.client,
            };
            let from_client = this.from_client;
            let mut fresh = packet.length as u64;
            match &packet.kind {
                Kind::Tcp(segment) => {
                    let view = stream.follow(segment, packet.length, from_client, packet.time);
                    fresh = view.fresh as u64;
                    if (segment.fin || segment.rst) && self.ended.is_none() {
                        self.ended = Some(End { by_client: from_client, reset: segment.rst });
                    }
                    this.tcp = Some(view);
                }
                Kind::Udp if from_client => {
                    unanswered.push_back(place);
                    if unanswered.len() > UNANSWERED {
                        unanswered.pop_front();
                    }
                }
                Kind::Udp | Kind::Unreachable(_) => {
                    if matches!(packet.kind, Kind::Unreachable(_)) {
                        fresh = 0;
                    }
                    this.answers = answered(packet, packets, &mut unanswered);
                    if let Some(request) = this.answers {
                        seen[request].answered = true;
                    }
                }
                _ => {}
            }
            let bytes = if from_client { &mut self.client_bytes } else { &mut self.server_bytes };
            *bytes = bytes.saturating_add(fresh);
        }
    }

    /// Client and server by their ports, where they say something.
    fn by_ports(&self) -> Option<(SocketAddr, SocketAddr)> {
        let (a, b) = (self.client, self.server);
        match a.port().cmp(&b.port()) {
            std::cmp::Ordering::Less => Some((b, a)),
            std::cmp::Ordering::Greater => Some((a, b)),
            std::cmp::Ordering::Equal => None,
        }
    }
}

/// Client and server, where a packet shows who they are.
fn asks(packet: &Packet) -> Option<(SocketAddr, SocketAddr)> {
    let segment = packet.segment()?;
    if (segment.syn && !segment.ack) || is_request(packet.payload()) {
        Some((packet.source, packet.destination))
    } else if segment.syn || is_response(packet.payload()) {
        Some((packet.destination, packet.source))
    } else {
        None
    }
}

/// Whether a payload begins as a request of HTTP/1 does.
pub(super) fn is_request(payload: &[u8]) -> bool {
    const METHODS: [&str; 8] = ["GET ", "HEAD ", "POST ", "PUT ", "DELETE ", "OPTIONS ", "PATCH ", "TRACE "];
    METHODS.iter().any(|method| payload.starts_with(method.as_bytes()))
        && first_line(payload).windows(6).any(|part| part == b"HTTP/1")
}

/// Whether a payload begins as a response of HTTP/1 does.
pub(super) fn is_response(payload: &[u8]) -> bool {
    payload.starts_with(b"HTTP/1.")
}

/// What stands before the first line break.
pub(super) fn first_line(payload: &[u8]) -> &[u8] {
    payload.split(|byte| *byte == b'\r' || *byte == b'\n').next().unwrap_or_default()
}

/// The request that a datagram answers: one that it is the uppercase of, or else the oldest.
fn answered(reply: &Packet, packets: &[Packet], unanswered: &mut VecDeque<usize>) -> Option<usize> {
    let fits = |place: &usize| is_uppercase_of(reply, &packets[*place]);
    let found = unanswered.iter().position(fits).unwrap_or(0);
    unanswered.remove(found)
}

/// Whether a payload is another one in capitals, as far as both were captured.
pub(super) fn is_uppercase_of(reply: &Packet, request: &Packet) -> bool {
    let mut both = reply.payload().iter().zip(request.payload());
    reply.length == request.length && both.all(|(reply, request)| *reply == request.to_ascii_uppercase())
}
