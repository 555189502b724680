//! TCP uppercase: a stream out, the same stream in capitals back, cut into messages only by our count.

use super::dialogue::{Dialogue, Fin, Progress};
use super::payload::Payload;
use super::wrong::{Wrong, bytes};

/// What all connections share.
#[derive(Debug)]
pub struct Text {
    /// The bytes.
    pub payload: Payload,
    /// Bytes of a message.
    pub size: u64,
}

/// One connection. Positions count from the start of its stream.
#[derive(Clone, Copy, Debug)]
pub struct Upper {
    /// Where in the payload its stream starts.
    start: u64,
    asked: u64,
    sent: u64,
    received: u64,
}

impl Dialogue for Upper {
    type Shared = Text;

    fn new(shared: &mut Text) -> Upper {
        Upper { start: shared.payload.start() as u64, asked: 0, sent: 0, received: 0 }
    }

    fn reply_bytes(shared: &Text) -> u64 {
        shared.size
    }

    fn ask(&mut self, shared: &Text) {
        self.asked += shared.size;
    }

    fn unsent<'a>(&self, shared: &'a Text) -> &'a [u8] {
        shared.payload.lower(self.start + self.sent, self.asked - self.sent)
    }

    fn sent(&mut self, count: usize) {
        self.sent += count as u64;
    }

    fn unanswered(&self, shared: &Text) -> u64 {
        self.sent - self.received / shared.size * shared.size
    }

    fn received(&mut self, bytes: &[u8], shared: &mut Text) -> Result<Progress, Wrong> {
        let (before, mut rest) = (self.received, bytes);
        while !rest.is_empty() {
            // A reply can't be longer than what was sent so far.
            let due = self.sent - self.received;
            let expected = shared.payload.upper(self.start + self.received, due.min(rest.len() as u64));
            let (piece, more) = rest.split_at(expected.len());
            if piece != expected || expected.is_empty() {
                return Err(self.wrong(expected, rest, shared));
            }
            self.received += piece.len() as u64;
            rest = more;
        }
        let replies = (self.received / shared.size - before / shared.size) as usize;
        Ok(Progress { replies, ..Progress::default() })
    }

    fn ended(&mut self, shared: &mut Text) -> Result<Fin, Wrong> {
        let rest = self.received % shared.size;
        if rest != 0 {
            let number = self.received / shared.size + 1;
            return Ok(Fin::Cut(format!("after {rest} of {} of reply {number}", bytes(shared.size))));
        }
        Ok(Fin::Unannounced)
    }

    fn is_over(&self) -> bool {
        false
    }
}

impl Upper {
    fn wrong(&self, expected: &[u8], got: &[u8], shared: &Text) -> Wrong {
        if expected.is_empty() {
            let count = bytes(got.len() as u64);
            let what = match self.sent {
                0 => format!("it sent {count} before it was asked anything"),
                _ => format!("it sent {count} more than it was asked for"),
            };
            return Wrong::unasked(what, got);
        }
        let at = self.received + Wrong::first_difference(expected, got) as u64;
        let (number, offset) = (at / shared.size + 1, at % shared.size);
        let wrong =
            Wrong::differs(format!("reply {number} on a connection differs at byte {offset}"), expected, got);
        if got.starts_with(b"HTTP/1.") { wrong.with("It speaks HTTP: shout bench http.") } else { wrong }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn talk() -> (Text, Upper, Vec<u8>) {
        let mut text = Text { payload: Payload::new(10), size: 10 };
        let mut upper = Upper::new(&mut text);
        upper.ask(&text);
        upper.ask(&text);
        let sent = upper.unsent(&text).to_vec();
        assert_eq!(sent.len(), 20);
        upper.sent(20);
        assert!(upper.unsent(&text).is_empty());
        let reply = sent.to_ascii_uppercase();
        (text, upper, reply)
    }

    #[test]
    fn replies_are_counted_however_they_are_cut() {
        for cut in 1..20 {
            let (mut text, mut upper, reply) = talk();
            let first = upper.received(&reply[..cut], &mut text).unwrap();
            let second = upper.received(&reply[cut..], &mut text).unwrap();
            assert_eq!((first.replies, first.replies + second.replies), (cut / 10, 2));
            assert_eq!(upper.ended(&mut text), Ok(Fin::Unannounced));
        }
    }

    #[test]
    fn a_flipped_byte_a_missing_byte_and_a_byte_too_many_are_wrong() {
        for place in 0..20 {
            let (mut text, mut upper, mut reply) = talk();
            reply[place] ^= 0x20;
            let wrong = upper.received(&reply, &mut text).unwrap_err().to_string();
            let expected = format!("reply {} on a connection differs at byte {}", place / 10 + 1, place % 10);
            assert!(wrong.contains(&expected), "{wrong}");
        }
        let (mut text, mut upper, mut reply) = talk();
        reply.remove(3);
        assert!(upper.received(&reply, &mut text).is_err());
        let (mut text, mut upper, mut reply) = talk();
        reply.push(b'X');
        assert!(upper.received(&reply, &mut text).unwrap_err().to_string().contains("1 byte more"));
        let (mut text, mut upper, reply) = talk();
        upper.received(&reply[..13], &mut text).unwrap();
        assert_eq!(upper.unanswered(&text), 10);
        assert_eq!(upper.ended(&mut text), Ok(Fin::Cut("after 3 of 10 bytes of reply 2".to_owned())));
    }
}
