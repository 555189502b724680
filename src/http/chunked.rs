//! The chunked transfer coding (RFC 9112 section 7.1), decoded as it comes.
//!
//! The decoder says how much of its input it has consumed, and moves the content to the front of it; it keeps
//! a few numbers and no bytes. Strict, because a proxy in front may see the same bytes otherwise:
//! lines end in CR LF, sizes are digits only, and what may be of any length (extensions, trailers) is
//! skipped within a bound.

use crate::buffer::Buffer;
use crate::limits;
use std::io::Write;

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

/// What became of some input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// Bytes of the input that were understood.
    pub consumed: usize,
    /// Bytes of content among them, which now stand at the front of the input.
    pub content: usize,
    /// How it goes on.
    pub then: Then,
}

/// How a body goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// More of it has to come.
    More,
    /// The body is complete.
    Done,
    /// What follows isn't a chunked body.
    Malformed,
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
            return Ok(Piece::Content(self.content(input.len())));
        }
        let length = self.frame(input)?;
        Ok(if self.at == At::Done { Piece::Done(length) } else { Piece::Framing(length) })
    }

    /// Decodes all of the input, or up to the end of the body, moving the content of all chunks to the front.
    /// Chunks may be as small as their sender likes, so none costs much more than its bytes.
    pub fn decode(&mut self, input: &mut [u8]) -> Decoded {
        let (mut consumed, mut content) = (0, 0);
        let then = loop {
            if self.at == At::Content {
                let length = self.content(input.len() - consumed);
                move_down(input, consumed, content, length);
                consumed += length;
                content += length;
            }
            match self.frame(&input[consumed..]) {
                Ok(length) => consumed += length,
                Err(Malformed) => break Then::Malformed,
            }
            match self.at {
                At::Done => break Then::Done,
                At::Content if consumed < input.len() => {}
                _ => break Then::More,
            }
        };
        Decoded { consumed, content, then }
    }

    /// How many of so many bytes are content, which begins with the first of them.
    fn content(&mut self, most: usize) -> usize {
        let length = usize::try_from(self.size).unwrap_or(usize::MAX).min(most);
        self.size -= length as u64;
        self.overhead = 0;
        if self.size == 0 {
            self.at = At::ContentEnd;
        }
        length
    }

    /// Reads what isn't content, up to where some begins or the body is done. Returns how many bytes that were.
    fn frame(&mut self, input: &[u8]) -> Result<usize, Malformed> {
        // The end of a chunk and a size of one digit, as small chunks have them, are read as one.
        if self.at == At::ContentEnd
            && let [b'\r', b'\n', digit @ (b'1'..=b'9' | b'a'..=b'f' | b'A'..=b'F'), b'\r', b'\n', ..] =
                *input
        {
            self.at = At::Content;
            self.size = char::from(digit).to_digit(16).map_or(0, u64::from);
            return Ok(5);
        }
        let mut rest = input;
        while let Some((&byte, behind)) = rest.split_first() {
            rest = behind;
            self.step(byte)?;
            // What may be long is passed over at once.
            let more = match self.at {
                At::Extension | At::InTrailer => rest.iter().position(|&byte| !is_text(byte)),
                At::MoreSize if self.size == 0 => rest.iter().position(|&byte| byte != b'0'),
                _ => Some(0),
            };
            rest = &rest[more.unwrap_or(rest.len())..];
            if self.overhead + (input.len() - rest.len()) > limits::CHUNK_OVERHEAD {
                return Err(Malformed);
            }
            if self.at == At::Done || self.at == At::Content {
                break;
            }
        }
        let length = input.len() - rest.len();
        self.overhead += length;
        Ok(length)
    }

    fn step(&mut self, byte: u8) -> Result<(), Malformed> {
        self.at = match (self.at, byte) {
            (At::Size | At::MoreSize, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                // A size that doesn't fit is no size: with a wrong one, content would become framing.
                self.size = self.size.checked_mul(16).ok_or(Malformed)?;
                self.size += char::from(byte).to_digit(16).map_or(0, u64::from);
                At::MoreSize
            }
            (At::MoreSize | At::Extension, b'\r') => At::SizeEnd,
            (At::MoreSize, b';' | b' ' | b'\t') => At::Extension,
            (At::Extension, byte) if is_text(byte) => At::Extension,
            (At::SizeEnd, b'\n') if self.size == 0 => At::Trailer,
            (At::SizeEnd, b'\n') => At::Content,
            (At::ContentEnd, b'\r') => At::ContentLineFeed,
            (At::ContentLineFeed, b'\n') => At::Size,
            (At::Trailer, b'\r') => At::LastLineFeed,
            (At::Trailer | At::InTrailer, byte) if is_text(byte) => At::InTrailer,
            (At::InTrailer, b'\r') => At::TrailerEnd,
            (At::TrailerEnd, b'\n') => At::Trailer,
            (At::LastLineFeed, b'\n') => At::Done,
            _ => return Err(Malformed),
        };
        Ok(())
    }
}

/// What an extension or a trailer may be made of.
fn is_text(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~' | 0x80..)
}

/// Moves `length` bytes from one place down to another. A few are moved one by one: asking the system's
/// memmove costs more than that.
fn move_down(bytes: &mut [u8], from: usize, to: usize, length: usize) {
    if from == to {
        return;
    }
    if length <= 4 {
        for at in 0..length {
            bytes[to + at] = bytes[from + at];
        }
    } else {
        bytes.copy_within(from..from + length, to);
    }
}

/// What ends a chunked body that has no trailers.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// The most bytes that [`put`] adds to the content.
pub const AROUND: usize = 16 + 4;

/// Writes content, which must not be empty, as one chunk. The caller has checked the room, with [`AROUND`].
pub fn put(content: &[u8], output: &mut Buffer) {
    let mut line = [0; AROUND];
    let mut unused = &mut line[..];
    let fits = write!(unused, "{:x}\r\n", content.len()).is_ok();
    debug_assert!(fits && !content.is_empty(), "an empty chunk would be the last");
    let unused = unused.len();
    output.put(&line[..AROUND - unused]);
    output.put(content);
    output.put(b"\r\n");
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
            let mut input = body[start..(start + step).min(body.len())].to_vec();
            let decoded = decoder.decode(&mut input);
            content.extend_from_slice(&input[..decoded.content]);
            start += decoded.consumed;
            match decoded.then {
                Then::More => assert_eq!(decoded.consumed, input.len()),
                Then::Done => return Ok((content, body.len() - start)),
                Then::Malformed => return Err(Malformed),
            }
        }
        Ok((content, usize::MAX)) // not complete
    }

    /// The same a piece at a time.
    fn decode_pieces(body: &[u8], step: usize) -> Result<(Vec<u8>, usize), Malformed> {
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
                assert_eq!(decode_pieces(body.as_bytes(), step), expected, "{body:?}, {step} at a time");
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
                assert_eq!(decode_pieces(body.as_bytes(), step), Err(Malformed), "{body:?}");
            }
        }
        assert!(decode(b"ffffffffffffffff\r\n", 100).is_ok(), "the largest size there is");
    }

    #[test]
    fn framing_without_content_is_bounded() {
        let endless = [b"5;".as_slice(), &vec![b'a'; limits::CHUNK_OVERHEAD]].concat();
        assert_eq!(decode(&endless, 100), Err(Malformed));
        assert_eq!(decode_pieces(&endless, 100), Err(Malformed));
        let trailers = ["0\r\n", &"A: b\r\n".repeat(limits::CHUNK_OVERHEAD)].concat();
        assert_eq!(decode(trailers.as_bytes(), 100), Err(Malformed));
    }
    #[test]
    fn what_is_put_is_read_again() {
        for length in [1, 9, 10, 15, 16, 17, 255, 256, 4096, 70_000] {
            let content = vec![b'x'; length];
            let mut output = Buffer::with_room(length + AROUND + LAST_CHUNK.len());
            put(&content, &mut output);
            assert!(output.len() <= length + AROUND);
            output.put(LAST_CHUNK);
            for step in [1, 1000, usize::MAX / 2] {
                assert_eq!(decode(output.filled(), step), Ok((content.clone(), 0)), "{length} bytes");
            }
        }
    }

    #[test]
    fn chunks_of_every_size_are_put_together() {
        let mut body = Vec::new();
        let mut content = Vec::new();
        for size in (1..40).chain([200, 1, 1, 5000, 2]) {
            let piece: Vec<u8> = (0..size).map(|n: u32| b'a' + (n % 26) as u8).collect();
            body.extend_from_slice(format!("{size:X}\r\n").as_bytes());
            body.extend_from_slice(&piece);
            body.extend_from_slice(b"\r\n");
            content.extend_from_slice(&piece);
        }
        body.extend_from_slice(LAST_CHUNK);
        for step in (1..100).chain([body.len()]) {
            assert_eq!(decode(&body, step), Ok((content.clone(), 0)), "{step} at a time");
        }
    }
}
