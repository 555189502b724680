//! What is sent, and what must come back.
//!
//! One ring of random text and the same in capitals. A connection sends the ring from a place of its own,
//! round and round, so that its reply at every position is known without being remembered, and so that
//! the replies of two connections, or two replies of one, aren't alike.

use shoutd::uppercase::uppercase;

/// Bytes of the ring, about: more than a message needs, and little enough for a processor's cache.
const RING: usize = 1 << 20;

/// Bytes from any place of the ring that are contiguous in memory, at least.
pub const CONTIGUOUS: usize = 256 * 1024;

/// Up to this length each message is whole text (UTF-8), for servers that decode what they receive.
/// Longer ones arrive in pieces anyway.
const WHOLE: usize = 64 * 1024;

/// Characters that no kind of uppercasing changes, some of several bytes.
const UNCHANGED: [&str; 12] = ["0", "7", "9", " ", "-", "~", "€", "→", "世", "界", "✓", "🦀"];

/// The ring.
#[derive(Debug)]
pub struct Payload {
    lower: Vec<u8>,
    upper: Vec<u8>,
    ring: usize,
    unit: usize,
    starts: usize,
}

impl Payload {
    /// A ring for messages of `size` bytes.
    pub fn new(size: usize) -> Payload {
        let unit = size.clamp(1, WHOLE);
        // An odd number of units, as 17 at least, so that small steps don't fall into the same places.
        let units = (RING / unit).max(16) | 1;
        let ring = unit * units;
        let mut lower = Vec::with_capacity(ring + CONTIGUOUS);
        let mut random = Random(size as u64);
        while lower.len() < ring {
            text(unit, &mut random, &mut lower);
        }
        for place in 0..CONTIGUOUS {
            lower.push(lower[place]);
        }
        let mut upper = lower.clone();
        uppercase(&mut upper);
        Payload { lower, upper, ring, unit, starts: 0 }
    }

    /// A place for a connection to start from, each time another one. A message begins there.
    pub fn start(&mut self) -> usize {
        self.starts += 1;
        // 7919 is a prime: no place comes again before each had its turn, unless the ring divides by it.
        self.starts.wrapping_mul(7919) % (self.ring / self.unit) * self.unit
    }

    /// What to send at a position of a stream that started at 0: up to `most` bytes, some at least.
    pub fn lower(&self, position: u64, most: u64) -> &[u8] {
        slice(&self.lower, self.ring, position, most)
    }

    /// What must come back there.
    pub fn upper(&self, position: u64, most: u64) -> &[u8] {
        slice(&self.upper, self.ring, position, most)
    }
}

fn slice(bytes: &[u8], ring: usize, position: u64, most: u64) -> &[u8] {
    let place = (position % ring as u64) as usize;
    let length = most.min(CONTIGUOUS as u64) as usize;
    &bytes[place..place + length]
}

/// Adds text of `length` bytes: small letters for the most part, capitals, and characters that stay.
fn text(length: usize, random: &mut Random, into: &mut Vec<u8>) {
    let end = into.len() + length;
    // So that uppercasing changes every message.
    into.push(b'a' + (random.next() % 26) as u8);
    while into.len() < end {
        let number = random.next();
        let letter = (number >> 8) % 26;
        match number % 8 {
            0 => into.push(b'A' + letter as u8),
            1 | 2 => {
                let character = UNCHANGED[(number >> 8) as usize % UNCHANGED.len()].as_bytes();
                if into.len() + character.len() <= end {
                    into.extend_from_slice(character);
                }
            }
            _ => into.push(b'a' + letter as u8),
        }
    }
}

/// SplitMix64: the same numbers each time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_message_is_whole_text_that_uppercasing_changes_as_ascii_and_unicode_do() {
        for size in [11, 64, 1024, WHOLE] {
            let payload = Payload::new(size);
            for place in (0..payload.ring).step_by(size) {
                let lower = std::str::from_utf8(&payload.lower[place..place + size]).unwrap();
                assert_eq!(lower.to_uppercase().as_bytes(), &payload.upper[place..place + size]);
                assert_ne!(lower.as_bytes(), &payload.upper[place..place + size]);
            }
        }
    }

    #[test]
    fn the_ring_closes_and_any_stretch_of_it_is_contiguous() {
        let payload = Payload::new(100);
        let (ring, last) = (payload.ring as u64, payload.ring as u64 - 1);
        assert_eq!(payload.lower(ring, 50), payload.lower(0, 50));
        assert_eq!(payload.lower(last, u64::MAX).len(), CONTIGUOUS);
        assert_eq!(payload.upper(last, 10)[1..], payload.upper(0, 10)[..9]);
    }

    #[test]
    fn connections_start_from_different_places() {
        let mut payload = Payload::new(64);
        let starts: HashSet<usize> = (0..10_000).map(|_| payload.start()).collect();
        assert_eq!(starts.len(), 10_000);
        assert!(starts.iter().all(|start| start % 64 == 0));
    }
}
