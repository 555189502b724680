//! What is to be said of TCP segments. The teller follows one conversation and remembers of it what makes
//! the next segment mean what it means.

use super::{http, quoted};
use crate::units::seconds;
use crate::wire::conversation::{Conversation, Seen};
use crate::wire::packet::{Packet, Segment};
use crate::wire::stream::View;
use std::time::Duration;

/// Bytes of the client that are remembered.
const REMEMBERED: usize = 1 << 16;

/// What has happened so far.
pub(super) struct Teller {
    http: bool,
    server_port: u16,
    begun: bool,
    from_start: bool,
    asked: Option<Duration>,
    agreed: bool,
    /// Whether the client, and the server, have sent a FIN.
    finished: [bool; 2],
    /// The beginning of what the client has sent, as far as it was captured without a gap.
    said: Vec<u8>,
    /// When the client sent the request that is being answered.
    request: Option<Duration>,
}

impl Teller {
    pub(super) fn new(conversation: &Conversation) -> Teller {
        Teller {
            http: conversation.http,
            server_port: conversation.server.port(),
            begun: false,
            from_start: conversation.from_start,
            asked: None,
            agreed: false,
            finished: [false; 2],
            said: Vec::new(),
            request: None,
        }
    }

    /// A phrase for the next segment of the conversation.
    pub(super) fn tell(&mut self, packet: &Packet, segment: &Segment, seen: &Seen) -> String {
        let fallback = View::default();
        let view = seen.tcp.as_ref().unwrap_or(&fallback);
        let side = if seen.from_client { Side::Client } else { Side::Server };
        let mut text = if segment.rst {
            self.reset(view, side)
        } else if segment.syn {
            self.beginning(packet, segment, view, side)
        } else if view.keep_alive {
            format!("keep-alive: is {} still there?", side.other().name())
        } else if view.probes_window {
            format!("window probe: has {} room again?", side.other().name())
        } else if packet.length > 0 {
            self.data(packet, view, side)
        } else if segment.fin {
            self.end(view, side)
        } else if segment.ack {
            self.acknowledgement(segment, view, side)
        } else {
            "no flags: no TCP sends this".to_owned()
        };
        if packet.length > 0 && segment.fin {
            text += &format!("; the FIN rides with it: {}", self.closes(view, side));
        }
        if view.gap > 0 {
            text += &format!("; {} bytes before it are missing here", view.gap);
        }
        if view.zero_window {
            text += &format!(" (window 0: {} has no room left)", side.name());
        }
        if !self.begun && !self.from_start && !segment.syn {
            text = format!("(begun before the capture) {text}");
        }
        self.begun = true;
        if packet.length > 0 && seen.from_client && !view.again {
            self.remember(packet.payload(), view);
            if http::request(packet).is_some() {
                self.request = Some(packet.time);
            }
        }
        if segment.fin {
            self.finished[side as usize] = true;
        }
        text
    }

    fn beginning(&mut self, packet: &Packet, segment: &Segment, view: &View, side: Side) -> String {
        if segment.ack {
            self.agreed = true;
            return if view.again {
                format!("SYN ACK again: {} heard nothing of the first", side.name())
            } else {
                format!("SYN ACK: {} agrees", side.name())
            };
        }
        let asked = *self.asked.get_or_insert(packet.time);
        if view.again {
            return format!("SYN again after {}: no answer came", seconds(packet.time.saturating_sub(asked)));
        }
        format!("SYN: {} asks for a connection", side.name())
    }

    fn reset(&self, view: &View, side: Side) -> String {
        if side == Side::Server && self.asked.is_some() && !self.agreed {
            return format!("RST: refused at once, nothing listens on port {}", self.server_port);
        }
        if self.finished[side as usize] {
            return format!("RST: {} has closed already, nobody reads this any more", side.name());
        }
        if view.unheard && !self.from_start && !self.begun {
            return "RST: the connection is over".to_owned();
        }
        format!("RST: {} gives up at once; what is unread or unsent is lost", side.name())
    }

    fn data(&self, packet: &Packet, view: &View, side: Side) -> String {
        if view.again {
            return match view.unacknowledged {
                Some(waited) => format!("sent again: no ACK for {}", seconds(waited)),
                None => "sent again, although it was acknowledged".to_owned(),
            };
        }
        let mut text = self.content(packet, view, side);
        if view.fills_gap {
            text = format!("fills the gap, late or sent again: {text}");
        }
        if view.fills_window {
            text += &format!("; {}'s window is full now", side.other().name());
        }
        if self.finished[side.other() as usize] && !self.finished[side as usize] {
            text += &format!("; sent after {}'s FIN", side.other().name());
        }
        text
    }

    fn content(&self, packet: &Packet, view: &View, side: Side) -> String {
        if side == Side::Client {
            let more = if self.http { "more of the request: " } else { "data: " };
            return http::request(packet).unwrap_or_else(|| format!("{more}{}", quoted(packet)));
        }
        let since = self.request.map(|request| packet.time.saturating_sub(request));
        if let Some(response) = http::response(packet, since) {
            return response;
        }
        let what = match self.http {
            true => "more of the response",
            false if self.is_in_capitals(packet.payload(), view) => "the reply, in capitals",
            false => "data",
        };
        format!("{what}: {}", quoted(packet))
    }

    /// Keeps what the client says, to know it again in the reply.
    fn remember(&mut self, payload: &[u8], view: &View) {
        let room = REMEMBERED - self.said.len();
        if view.seq == self.said.len() as i64 + 1 {
            self.said.extend_from_slice(&payload[..payload.len().min(room)]);
        }
    }

    /// Whether the server's bytes are those that the client has sent at the same place of its stream, in
    /// capitals. Without a letter among them, nobody can tell.
    fn is_in_capitals(&self, payload: &[u8], view: &View) -> bool {
        let start = usize::try_from(view.seq - 1).unwrap_or(usize::MAX);
        let Some(said) = self.said.get(start..) else { return false };
        let shared = payload.len().min(said.len());
        let (said, reply) = (&said[..shared], &payload[..shared]);
        said != reply && said.to_ascii_uppercase() == reply
    }

    fn end(&self, view: &View, side: Side) -> String {
        if view.again {
            "FIN again: it was not acknowledged".to_owned()
        } else {
            format!("FIN: {}", self.closes(view, side))
        }
    }

    fn closes(&self, view: &View, side: Side) -> String {
        let order = if view.closes_first { "first" } else { "too" };
        format!("{} closes {order}", side.name())
    }

    fn acknowledgement(&self, segment: &Segment, view: &View, side: Side) -> String {
        let other = side.other().name();
        let number = view.ack.unwrap_or_default();
        if view.completes_handshake {
            return "ACK: the handshake is complete".to_owned();
        }
        if view.acks_fin {
            return if self.finished[side as usize] {
                "ACK of the FIN: the connection is over".to_owned()
            } else {
                format!("ACK of the FIN: {} may still send", side.name())
            };
        }
        if view.answers_probe {
            return format!("ACK: {} answers", side.name());
        }
        if let Some((from, to)) = segment.sack.filter(|_| view.duplicate_ack > 0) {
            let size = to.wrapping_sub(from);
            return format!(
                "duplicate ACK {}: byte {number} is missing, {size} bytes after it came",
                view.duplicate_ack
            );
        }
        if view.duplicate_ack > 0 {
            return format!("duplicate ACK {}: still waits for byte {number}", view.duplicate_ack);
        }
        if view.window_update {
            return format!("window update: room for {} bytes now", view.window);
        }
        if let Some(waited) = view.delayed {
            return format!("delayed ACK, {} after the data: no reply to ride with", seconds(waited));
        }
        if view.newly_acked > 0 {
            return format!("ACK: {} has all up to byte {}", side.name(), number - 1);
        }
        if !self.begun && !self.from_start {
            return "an ACK".to_owned();
        }
        format!("ACK: nothing new for {other}")
    }
}

/// Who sent a segment.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Client,
    Server,
}

impl Side {
    fn name(self) -> &'static str {
        match self {
            Side::Client => "the client",
            Side::Server => "the server",
        }
    }

    fn other(self) -> Side {
        match self {
            Side::Client => Side::Server,
            Side::Server => Side::Client,
        }
    }
}
