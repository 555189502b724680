//! What is to be said of segments that begin with a request or a response of HTTP/1.

use crate::units::seconds;
use crate::wire::conversation::{first_line, is_request, is_response};
use crate::wire::packet::Packet;
use crate::wire::printable;
use std::time::Duration;

/// Columns of a request line that are shown.
const LINE: usize = 40;

/// The request or the requests at the beginning of a payload, if there is one.
pub(super) fn request(packet: &Packet) -> Option<String> {
    let payload = packet.payload();
    if !is_request(payload) {
        return None;
    }
    let line = first_line(payload);
    let line = &line[..line.windows(6).position(|part| part == b" HTTP/").unwrap_or(line.len())];
    let line = unquoted(line);
    let others = ends_of_heads(payload).filter(|end| is_request(&payload[*end..])).count();
    Some(match others {
        0 => format!("request: {line}"),
        others => format!("{} requests at once, the first: {line}", others + 1),
    })
}

/// The response at the beginning of a payload, if there is one, and how long after its request it came.
pub(super) fn response(packet: &Packet, since_request: Option<Duration>) -> Option<String> {
    let payload = packet.payload();
    if !is_response(payload) {
        return None;
    }
    let line = first_line(payload);
    let status = unquoted(line.splitn(2, |byte| *byte == b' ').nth(1).unwrap_or_default());
    let others = ends_of_heads(payload).filter(|end| is_response(&payload[*end..])).count();
    let later = since_request.map_or(String::new(), |time| format!(", {} after the request", seconds(time)));
    let more = if others == 0 { String::new() } else { format!(", and {others} more") };
    Some(format!("response: {status}{more}{later}"))
}

/// Where the empty lines after heads end.
fn ends_of_heads(payload: &[u8]) -> impl Iterator<Item = usize> {
    payload.windows(4).enumerate().filter(|(_, part)| part == b"\r\n\r\n").map(|(at, _)| at + 4)
}

fn unquoted(line: &[u8]) -> String {
    let text = printable::excerpt(line, line.len(), LINE);
    text.trim_matches('"').to_owned()
}
