//! Reads the headers of a packet. A captured packet may be cut anywhere, and one in a file may be
//! anything: what makes no sense becomes [`Kind::Cut`], and only what isn't IP at all is left out.

use super::packet::{Kind, Packet, Segment, Unreachable};
use etherparse::{
    Icmpv4Slice, Icmpv6Slice, IpNumber, LaxIpSlice, LaxSlicedPacket, TcpOptionElement, TcpSlice,
    TransportSlice, UdpSlice,
};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// The length of a TCP header without options (RFC 9293 section 3.1).
const TCP_HEADER: usize = 20;

/// The length of a UDP header (RFC 768).
const UDP_HEADER: usize = 8;

impl Packet {
    /// Reads a packet from its IP header on. `crossed` is how long it was on the wire, where less was
    /// captured. `None` if it isn't IP.
    pub fn of(number: usize, time: Duration, frame: &[u8], crossed: usize) -> Option<Packet> {
        let (ip, _) = LaxIpSlice::from_slice(frame).ok()?;
        let (source, destination) = (ip.source_addr(), ip.destination_addr());
        let crossed = length_of(&ip).unwrap_or(crossed).max(frame.len().min(crossed));
        let packet = |kind, ports: (u16, u16), header: usize| {
            let payload = ip.payload().payload;
            let headers = offset(frame, payload) + header;
            let start = headers.min(frame.len());
            let end = (offset(frame, payload) + payload.len()).max(start);
            let whole = length_of(&ip).unwrap_or(crossed);
            Packet {
                number,
                time,
                source: SocketAddr::new(source, ports.0),
                destination: SocketAddr::new(destination, ports.1),
                kind,
                length: whole.saturating_sub(headers).max(end - start),
                frame: frame.to_vec(),
                frame_length: crossed,
                payload: (start, end),
            }
        };
        if ip.payload().fragmented {
            return Some(packet(Kind::Fragment, (0, 0), 0));
        }
        let transport = LaxSlicedPacket::from_ip(frame).ok().and_then(|layers| layers.transport);
        Some(match transport {
            Some(TransportSlice::Tcp(tcp)) => {
                let ports = (tcp.source_port(), tcp.destination_port());
                packet(Kind::Tcp(segment(&tcp)), ports, tcp.header_slice().len())
            }
            Some(TransportSlice::Udp(udp)) => {
                let ports = (udp.source_port(), udp.destination_port());
                let mut packet = packet(Kind::Udp, ports, UDP_HEADER);
                packet.limit(datagram_length(&udp));
                packet
            }
            // What follows their headers is the beginning of another packet, and no payload.
            Some(TransportSlice::Icmpv4(icmp)) => packet(refusal_v4(&icmp), (0, 0), icmp.slice().len()),
            Some(TransportSlice::Icmpv6(icmp)) => packet(refusal_v6(&icmp), (0, 0), icmp.slice().len()),
            _ => {
                let protocol = ip.payload_ip_number();
                let known = [IpNumber::TCP, IpNumber::UDP, IpNumber::ICMP, IpNumber::IPV6_ICMP];
                let mended = (protocol == IpNumber::TCP).then(|| mended(ip.payload().payload)).flatten();
                match mended.as_deref().and_then(|header| TcpSlice::from_slice(header).ok()) {
                    Some(tcp) => {
                        let ports = (tcp.source_port(), tcp.destination_port());
                        packet(Kind::Tcp(segment(&tcp)), ports, tcp.header_slice().len())
                    }
                    None if known.contains(&protocol) => packet(Kind::Cut, (0, 0), 0),
                    None => packet(Kind::Other(protocol.0), (0, 0), 0),
                }
            }
        })
    }

    /// Makes the payload no longer than that: whatever follows it in the packet is padding.
    fn limit(&mut self, length: Option<usize>) {
        if let Some(length) = length.filter(|length| *length < self.length) {
            self.length = length;
            self.payload.1 = self.payload.1.min(self.payload.0 + length);
        }
    }
}

/// A TCP header that was cut among its options, with zeros for those that are not whole: they end the list.
/// `None` if what must be there of a header is not.
fn mended(header: &[u8]) -> Option<Vec<u8>> {
    let length = usize::from(header.get(TCP_HEADER - 1).and(header.get(12))? >> 4) * 4;
    let mut end = TCP_HEADER;
    while let Some(&kind) = header.get(end) {
        // The end of the list and the option that does nothing are one byte long, the others say how long.
        let size =
            if kind <= 1 { 1 } else { header.get(end + 1).map_or(usize::MAX, |size| (*size).max(2).into()) };
        match end.checked_add(size).filter(|next| *next <= header.len()) {
            Some(next) => end = next,
            None => break,
        }
    }
    let mut whole = header[..end].to_vec();
    whole.resize(length.max(TCP_HEADER), 0);
    Some(whole)
}

/// How long the IP header says that the packet is. `None` where it says nothing: a packet that the
/// kernel has made larger than the field can tell (`ip link set gso_max_size`) has 0 there.
fn length_of(ip: &LaxIpSlice) -> Option<usize> {
    match ip {
        LaxIpSlice::Ipv4(v4) => {
            let length = usize::from(v4.header().total_len());
            (length >= v4.header().slice().len()).then_some(length)
        }
        LaxIpSlice::Ipv6(v6) => {
            let length = usize::from(v6.header().payload_length());
            (length > 0).then_some(length + v6.header().slice().len())
        }
    }
}

/// Where in a packet a part of it begins. The parser hands out parts without their place.
fn offset(whole: &[u8], part: &[u8]) -> usize {
    part.as_ptr().addr().saturating_sub(whole.as_ptr().addr()).min(whole.len())
}

fn segment(tcp: &TcpSlice) -> Segment {
    let mut segment = Segment {
        syn: tcp.syn(),
        fin: tcp.fin(),
        rst: tcp.rst(),
        psh: tcp.psh(),
        ack: tcp.ack(),
        urg: tcp.urg(),
        seq: tcp.sequence_number(),
        ack_number: tcp.acknowledgment_number(),
        window: tcp.window_size(),
        ..Segment::default()
    };
    for option in tcp.options_iterator().map_while(Result::ok) {
        match option {
            TcpOptionElement::MaximumSegmentSize(mss) if segment.syn => segment.mss = Some(mss),
            TcpOptionElement::WindowScale(scale) if segment.syn => segment.window_scale = Some(scale),
            TcpOptionElement::SelectiveAcknowledgementPermitted => segment.sack_permitted = segment.syn,
            TcpOptionElement::SelectiveAcknowledgement(first, _) => segment.sack = Some(first),
            _ => {}
        }
    }
    segment
}

/// The payload's length by the datagram's own header; 0 there says nothing (RFC 2675 section 4).
fn datagram_length(udp: &UdpSlice) -> Option<usize> {
    usize::from(udp.length()).checked_sub(UDP_HEADER)
}

/// Destination unreachable (RFC 792), or another message.
fn refusal_v4(icmp: &Icmpv4Slice) -> Kind {
    const UNREACHABLE: u8 = 3;
    let what = match icmp.code_u8() {
        0 | 6 => "network",
        1 | 7 => "host",
        2 => "protocol",
        3 => "port",
        4 => "next link, for its size",
        _ => "destination, by someone's rule",
    };
    let about = if icmp.type_u8() == UNREACHABLE { quoted(icmp.payload(), what) } else { None };
    about.unwrap_or(Kind::Other(IpNumber::ICMP.0))
}

/// Destination unreachable (RFC 4443 section 3.1), or another message.
fn refusal_v6(icmp: &Icmpv6Slice) -> Kind {
    const UNREACHABLE: u8 = 1;
    let what = match icmp.code_u8() {
        0 => "network",
        3 => "host",
        4 => "port",
        _ => "destination, by someone's rule",
    };
    let about = if icmp.type_u8() == UNREACHABLE { quoted(icmp.payload(), what) } else { None };
    about.unwrap_or(Kind::Other(IpNumber::IPV6_ICMP.0))
}

/// What the beginning of a packet that came back with an ICMP message tells of that packet. It may be as
/// little as the ports.
fn quoted(packet: &[u8], what: &'static str) -> Option<Kind> {
    let (ip, _) = LaxIpSlice::from_slice(packet).ok()?;
    let port = |at: usize| {
        let bytes = ip.payload().payload.get(at..at + 2)?;
        Some(u16::from_be_bytes([bytes[0], bytes[1]]))
    };
    let address = |ip: IpAddr, at| SocketAddr::new(ip, port(at).unwrap_or(0));
    Some(Kind::Unreachable(Unreachable {
        from: address(ip.source_addr(), 0),
        about: address(ip.destination_addr(), 2),
        protocol: ip.payload_ip_number().0,
        what,
    }))
}
