//! The identity of a datagram: which one a reply belongs to.
//!
//! Datagrams get lost, overtake each other and come twice, so each says which one it is, in letters that
//! survive uppercasing: a small letter, and digits as far as there is room. The small letter also makes
//! sure that the reply differs from the datagram: a server may refuse to answer what looks like the reply
//! of another server.

use super::payload::Payload;
use super::wrong::Wrong;

/// Digits behind the letter, at most: two thousand million datagrams of a socket can be told apart.
const DIGITS: usize = 8;

/// Makes datagrams and recognises replies.
#[derive(Debug)]
pub struct Identity {
    size: usize,
    digits: usize,
    /// Numbers that can be told apart.
    modulus: u64,
    payload: Payload,
}

impl Identity {
    /// For datagrams of `size` bytes.
    pub fn new(size: usize) -> Identity {
        let digits = size.saturating_sub(1).min(DIGITS);
        let modulus = if size == 0 { 1 } else { 26 * 10_u64.pow(digits as u32) };
        Identity { size, digits, modulus, payload: Payload::new((size.saturating_sub(1 + digits)).max(1)) }
    }

    /// Bytes of a datagram.
    pub fn size(&self) -> usize {
        self.size
    }

    /// How many numbers can be told apart: 1 means none.
    pub fn modulus(&self) -> u64 {
        self.modulus
    }

    /// A place in the payload for a socket.
    pub fn start(&mut self) -> usize {
        self.payload.start()
    }

    /// Writes the datagram of a number into `room`, for a socket with this start.
    pub fn datagram<'a>(&self, start: usize, number: u64, room: &'a mut Vec<u8>) -> &'a [u8] {
        self.write(start, number, room, b'a', Payload::lower)
    }

    /// Writes the reply that is expected to it.
    pub fn reply<'a>(&self, start: usize, number: u64, room: &'a mut Vec<u8>) -> &'a [u8] {
        self.write(start, number, room, b'A', Payload::upper)
    }

    fn write<'a>(
        &self,
        start: usize,
        number: u64,
        room: &'a mut Vec<u8>,
        letter: u8,
        text: fn(&Payload, u64, u64) -> &[u8],
    ) -> &'a [u8] {
        room.clear();
        if self.size > 0 {
            room.push(letter + (number % 26) as u8);
            room.resize(1 + self.digits, b'0');
            let mut rest = number / 26;
            for digit in room[1..].iter_mut().rev() {
                *digit = b'0' + (rest % 10) as u8;
                rest /= 10;
            }
            let left = self.size - room.len();
            room.extend_from_slice(text(&self.payload, self.place(start, number), left as u64));
        }
        room
    }

    /// The number of the datagram that this is the reply to, `next` being the number of the next one to be
    /// sent and at least 1. `None` where it is no such reply, or where numbers can't be told apart.
    pub fn number(&self, start: usize, reply: &[u8], next: u64) -> Option<u64> {
        if reply.len() != self.size || self.modulus == 1 {
            return None;
        }
        let letter = reply[0].checked_sub(b'A').filter(|letter| *letter < 26)?;
        let mut number = 0;
        for digit in &reply[1..=self.digits] {
            number = number * 10 + u64::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?);
        }
        let residue = number * 26 + u64::from(letter);
        let newest = next - 1;
        let back = (newest % self.modulus + self.modulus - residue) % self.modulus;
        let number = newest.checked_sub(back)?;
        let rest = &reply[1 + self.digits..];
        let expected = self.payload.upper(self.place(start, number), rest.len() as u64);
        (rest == expected).then_some(number)
    }

    /// What is wrong with a reply that has no number, where the one to `number` was due.
    pub fn wrong(&self, start: usize, number: u64, reply: &[u8]) -> Wrong {
        let mut room = Vec::new();
        let expected = self.reply(start, number, &mut room);
        let at = Wrong::first_difference(expected, reply);
        let lengths = if reply.len() == expected.len() {
            String::new()
        } else {
            format!(" ({} bytes long, not {})", reply.len(), expected.len())
        };
        Wrong::differs(format!("a reply{lengths} differs at byte {at} from what was due"), expected, reply)
    }

    fn place(&self, start: usize, number: u64) -> u64 {
        let unit = self.size.saturating_sub(1 + self.digits) as u64;
        start as u64 + number.wrapping_mul(unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_tells_which_datagram_it_answers_as_far_as_there_is_room() {
        for size in [1, 2, 3, 8, 9, 10, 64, 1472, 65_507] {
            let mut identity = Identity::new(size);
            let start = identity.start();
            let mut room = Vec::new();
            for number in (0..50).chain([1_000, 123_456_789]) {
                let datagram = identity.datagram(start, number, &mut room).to_vec();
                let reply = identity.reply(start, number, &mut room).to_vec();
                assert_eq!((datagram.len(), &reply), (size, &datagram.to_ascii_uppercase()));
                assert_ne!(datagram, reply);
                assert_eq!(identity.number(start, &reply, number + 1), Some(number));
                let later = number + identity.modulus().min(5);
                assert_eq!(identity.number(start, &reply, later), Some(number), "{size}");
            }
        }
    }

    #[test]
    fn a_reply_with_any_byte_changed_is_no_reply() {
        let mut identity = Identity::new(40);
        let start = identity.start();
        let mut room = Vec::new();
        let reply = identity.reply(start, 777, &mut room).to_vec();
        for place in 0..reply.len() {
            let mut wrong = reply.clone();
            wrong[place] ^= 0x20;
            assert_eq!(identity.number(start, &wrong, 778), None);
            assert!(identity.wrong(start, 777, &wrong).what().contains(&format!("byte {place} ")));
        }
        assert_eq!(identity.number(start, &reply[..39], 778), None);
        assert_eq!(identity.number(start, &[&reply[..], b"X"].concat(), 778), None);
        assert_eq!(identity.number(start, &reply, 777), None, "that one was never sent");
        assert_eq!(identity.number(start + 27, &reply, 778), None, "that one is another socket's");
    }
}
