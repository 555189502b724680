//! Which datagrams are much the same, so that a service that repeats itself is known by what it says.
//!
//! Two are alike if they consist of the same pieces: all stretches of four characters of their first and last
//! [`limits::COMPARED`] bytes, with one digit for each number, in any order and any number of times. So it makes no
//! difference what a counter shows, how often a phrase is repeated, or where it was cut. But one word more, or
//! another one, is another likeness.

use crate::limits;

/// Bits of a likeness: four times the pieces that are compared at most.
const BITS: usize = 512;

/// The pieces of a content, as a set: one bit for each, so some may share one.
type Pieces = [u64; BITS / 64];

/// Finds likenesses.
#[derive(Debug)]
pub struct Likenesses {
    /// Nobody else knows it, so which pieces share a bit can't be foreseen.
    multiplier: u64,
}

impl Likenesses {
    /// With a secret number.
    pub fn new(secret: u64) -> Likenesses {
        Likenesses { multiplier: secret | 1 }
    }

    /// The likeness of a content, whose letters are capitals already. Two that are unlike have another one, as
    /// surely as chance allows.
    pub fn of(&self, capitals: &[u8]) -> u64 {
        let mut pieces = [0; BITS / 64];
        let head = capitals.len().min(limits::COMPARED);
        let tail = head.max(capitals.len().saturating_sub(limits::COMPARED));
        self.add(&capitals[..head], &mut pieces);
        self.add(&capitals[tail..], &mut pieces);
        pieces.iter().fold(0, |sum: u64, word| (sum.rotate_left(23) ^ word).wrapping_mul(self.multiplier))
    }

    fn add(&self, part: &[u8], pieces: &mut Pieces) {
        let (mut piece, mut length, mut was_digit) = (0_u32, 0, false);
        for &byte in part {
            let is_digit = byte.is_ascii_digit();
            if is_digit && was_digit {
                continue;
            }
            was_digit = is_digit;
            piece = piece << 8 | u32::from(if is_digit { b'0' } else { byte });
            length += 1;
            if length >= 4 {
                self.note(piece, pieces);
            }
        }
        // What doesn't come to four is a piece as well.
        if (1..4).contains(&length) {
            self.note(piece, pieces);
        }
    }

    #[inline(always)]
    fn note(&self, piece: u32, pieces: &mut Pieces) {
        let bit = (u64::from(piece) + 1).wrapping_mul(self.multiplier) >> (64 - BITS.ilog2());
        pieces[bit as usize / 64 % (BITS / 64)] |= 1 << (bit % 64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_in_more_than_numbers_is_not_alike() {
        let likenesses = Likenesses::new(0x9e37_79b9_7f4a_7c15);
        let alike = |a: &[u8], b: &[u8]| likenesses.of(a) == likenesses.of(b);
        assert!(alike(b"ERROR 9: NO", b"ERROR 10: NO"));
        assert!(alike(b"1", b"23456"));
        assert!(alike(b"YOU SAID: YOU SAID: X", b"YOU SAID: YOU SAID: YOU SAID: X"));
        assert!(alike(
            &[&[b'A'; 128][..], b"middle", &[b'B'; 128]].concat(),
            &[[b'A'; 128], [b'B'; 128]].concat()
        ));
        for other in [&b"ERROR 9: ON"[..], b"ERROR : NO", b"ERROR 9: NOT", b"ERROR 9", b""] {
            assert!(!alike(b"ERROR 9: NO", other), "{other:?}");
        }
        for (a, b) in [(&b"A"[..], &b"B"[..]), (b"A", b"AA"), (b"AB", b"BA"), (b"", b"1")] {
            assert!(!alike(a, b), "{a:?} {b:?}");
        }
    }
}
