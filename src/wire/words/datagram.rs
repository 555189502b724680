//! What is to be said of datagrams and of ICMP messages about them.

use super::quoted;
use crate::units::seconds;
use crate::wire::conversation::{Seen, is_uppercase_of};
use crate::wire::packet::{Packet, Unreachable};

pub(super) fn tell(packet: &Packet, seen: &Seen, packets: &[Packet]) -> String {
    let content = if packet.length == 0 { "empty, as UDP allows".to_owned() } else { quoted(packet) };
    if seen.from_client {
        let lost = if seen.answered { "" } else { "; no answer was seen" };
        return format!("datagram: {content}{lost}");
    }
    match seen.answers.map(|place| &packets[place]) {
        Some(request) => {
            let capitals = packet.length > 0 && is_uppercase_of(packet, request);
            let manner = if capitals { " in capitals" } else { "" };
            let later = seconds(packet.time.saturating_sub(request.time));
            format!("reply{manner} to {}, {later} later: {content}", request.number)
        }
        None => format!("a reply to nothing seen: {content}"),
    }
}

pub(super) fn refused(refusal: &Unreachable) -> String {
    const TCP: u8 = 6;
    match refusal.what {
        "port" => {
            let server = if refusal.protocol == TCP { "TCP" } else { "UDP" };
            format!("ICMP port unreachable: no {server} server has port {}", refusal.about.port())
        }
        what => format!("ICMP unreachable: the {what}"),
    }
}
