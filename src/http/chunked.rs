//! The chunked transfer coding (RFC 9112 section 7.1), decoded as it comes.
//!
//! The decoder says how much of its input it has consumed and how many of those bytes are content; it
//! keeps a few numbers and no bytes. Strict, because a proxy in front may see the same bytes otherwise:
//! lines end in CR LF, sizes are digits only, and what may be of any length (extensions, trailers) is
//! skipped within a bound.

use crate::limits;

/// Reads one chunked body.
#[derive(Clone, Copy, Debug)]
pub struct Decoder {
    at: At,
    /// Bytes of content left in this chunk; while its size line is read, the size so far.
    size: u64,
    /// Bytes of size lines, extensions and trailers that are not content, since the last content.
    overhead: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// Before the first digit of a size.
    Size,
    /// Behind at least one digit.
    MoreSize,
    /// In what follows a size.
    Extension,
    /// Behind the CR of a size line.
    SizeEnd,
    Content,
    /// Behind the content of a chunk.
    ContentEnd,
    /// Behind the CR after the content of a chunk.
    ContentLineFeed,
    /// At the start of a trailer line.
    Trailer,
    /// In a trailer line.
    InTrailer,
    /// Behind the CR of a trailer line.
    TrailerEnd,
    /// Behind the CR of the empty line.
    LastLineFeed,
    Done,
}

/// What a piece of input amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// So many bytes to be passed over.
    Framing(usize),
    /// So many bytes of content.
    Content(usize),
    /// So many bytes to be passed over, and then the body is complete.
    Done(usize),
}

/// The input isn't a chunked body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl Decoder {
    /// At the start of a body.
    pub fn new() -> Decoder {
        Decoder { at: At::Size, size: 0, overhead: 0 }
    }

    /// Takes the next piece off the input, which must not be empty. Everything it counts is consumed.
    pub fn next(&mut self, input: &[u8]) -> Result<Piece, Malformed> {
        if self.at == At::Content {
            let count = input.len().min(usize::try_from(self.size).unwrap_or(usize::MAX));
            self.size -= count as u64;
            if self.size == 0 {
                self.at = At::ContentEnd;
            }
            self.overhead = 0;
            return Ok(Piece::Content(count));
        }
        for (consumed, &byte) in input.iter().enumerate() {
            self.step(byte)?;
            self.overhead += 1;
            if self.overhead > limits::CHUNK_OVERHEAD {
                return Err(Malformed);
            }
            match self.at {
                At::Done => return Ok(Piece::Done(consumed + 1)),
                At::Content => return Ok(Piece::Framing(consumed + 1)),
                _ => {}
            }
        }
        Ok(Piece::Framing(input.len()))
    }

    fn step(&mut self, byte: u8) -> Result<(), Malformed> {
        let digit = char::from(byte).to_digit(16).map(u64::from);
        self.at = match (self.at, byte) {
            (At::Size | At::MoreSize, _) if digit.is_some() => {
                // A size that doesn't fit is no size: with a wrong one, content would become framing.
                self.size = self.size.checked_mul(16).ok_or(Malformed)? + digit.unwrap_or(0);
                At::MoreSize
            }
            (At::MoreSize | At::Extension, b'\r') => At::SizeEnd,
            (At::MoreSize, b';' | b' ' | b'\t') => At::Extension,
            (At::Extension, b'\t' | b' '..=b'~' | 0x80..) => At::Extension,
            (At::SizeEnd, b'\n') if self.size == 0 => At::Trailer,
            (At::SizeEnd, b'\n') => At::Content,
            (At::ContentEnd, b'\r') => At::ContentLineFeed,
            (At::ContentLineFeed, b'\n') => At::Size,
            (At::Trailer, b'\r') => At::LastLineFeed,
            (At::Trailer | At::InTrailer, b'\t' | b' '..=b'~' | 0x80..) => At::InTrailer,
            (At::InTrailer, b'\r') => At::TrailerEnd,
            (At::TrailerEnd, b'\n') => At::Trailer,
            (At::LastLineFeed, b'\n') => At::Done,
            _ => return Err(Malformed),
        };
        Ok(())
    }
}

impl Default for Decoder {
    fn default() -> Decoder {
        Decoder::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes with the input cut into pieces of `step` bytes: the content and what is left behind it.
    fn decode(body: &[u8], step: usize) -> Result<(Vec<u8>, usize), Malformed> {
        let mut decoder = Decoder::new();
        let (mut content, mut start) = (Vec::new(), 0);
        while start < body.len() {
            let input = &body[start..(start + step).min(body.len())];
            match decoder.next(input)? {
                Piece::Framing(count) => start += count,
                Piece::Content(count) => {
                    content.extend_from_slice(&input[..count]);
                    start += count;
                }
                Piece::Done(count) => return Ok((content, body.len() - start - count)),
            }
        }
        Ok((content, usize::MAX)) // not complete
    }

    #[test]
    fn bodies_are_decoded_however_they_are_cut() {
        for (body, content, left) in [
            ("0\r\n\r\n", "", 0),
            ("5\r\nhello\r\n0\r\n\r\nGET", "hello", 3),
            ("1\r\na\r\n0a ; x=\"y\"\r\n0123456789\r\n000\r\nA: b\r\nC:\r\n\r\n", "a0123456789", 0),
            ("5;ext\r\n\r\n0\r\n\r\n0\r\n\r\n", "\r\n0\r\n", 0),
            ("5\r\nhello\r\n0\r\n", "hello", usize::MAX),
        ] {
            for step in 1..=body.len() {
                let expected = Ok((content.as_bytes().to_vec(), left));
                assert_eq!(decode(body.as_bytes(), step), expected, "{body:?}, {step} at a time");
            }
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for body in [
            "\r\n",
            "x\r\n",
            "5\nhello",
            "5\r\nhello0\r\n",
            "5\r\nhello\n0",
            "-1\r\n",
            "+1\r\n",
            "0x1\r\n",
            " 5\r\n",
            "10000000000000000\r\n",
            "5\rhello",
            "0\r\n\n",
            "0\r\nA: b\n\r\n",
            "5;a\nhello",
            "5;\u{1}\r\n",
        ] {
            for step in [1, 3, body.len()] {
                assert_eq!(decode(body.as_bytes(), step), Err(Malformed), "{body:?}");
            }
        }
        assert!(Decoder::new().next(b"ffffffffffffffff\r\n").is_ok(), "the largest size there is");
    }

    #[test]
    fn framing_without_content_is_bounded() {
        let endless = [b"5;".as_slice(), &vec![b'a'; limits::CHUNK_OVERHEAD]].concat();
        assert_eq!(decode(&endless, 100), Err(Malformed));
        let trailers = ["0\r\n", &"A: b\r\n".repeat(limits::CHUNK_OVERHEAD)].concat();
        assert_eq!(decode(trailers.as_bytes(), 100), Err(Malformed));
    }
}
