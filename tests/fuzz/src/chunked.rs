//! Chunked bodies: decoded at once, in pieces, and by the simplest means; and what is written is read again.
//!
//! Input: the size of the pieces, how much padding (64 bytes a unit) is put in and where, then the body.

use super::input::Input;
use shoutd::buffer::Buffer;
use shoutd::http::chunked::{AROUND, Decoder, LAST_CHUNK, Malformed, Piece, Then, put};
use shoutd::limits;

/// The content, and how many bytes are left behind the body; `None` while it isn't complete.
type Outcome = Result<(Vec<u8>, Option<usize>), Vec<u8>>;

pub fn check(data: &[u8]) {
    let mut input = Input(data);
    let step = usize::from(input.byte()) + 1;
    let (place, padding) = (usize::from(input.byte()), usize::from(input.byte()) * 64);
    let mut body = input.0.to_vec();
    let place = place % (body.len() + 1);
    body.splice(place..place, std::iter::repeat_n(b'a', padding));

    let whole = decode(&body, body.len().max(1));
    assert_eq!(whole, decode(&body, step), "{step} bytes at a time");
    assert_eq!(whole, decode_pieces(&body, step), "a piece at a time");
    assert_eq!(whole, decode_pieces(&body, body.len().max(1)), "a piece at a time");
    match (&whole, simple(&body)) {
        // The bound is the decoder's alone.
        (Err(_), _) if body.len() > limits::CHUNK_OVERHEAD => {}
        (_, expected) => assert_eq!(whole, expected),
    }
    round_trip(&body, step);
}

fn decode(body: &[u8], step: usize) -> Outcome {
    let mut decoder = Decoder::new();
    let (mut content, mut start) = (Vec::new(), 0);
    while start < body.len() {
        let mut piece = body[start..(start + step).min(body.len())].to_vec();
        let decoded = decoder.decode(&mut piece);
        assert!(decoded.content <= decoded.consumed && decoded.consumed <= piece.len());
        content.extend_from_slice(&piece[..decoded.content]);
        start += decoded.consumed;
        match decoded.then {
            Then::More => assert_eq!(decoded.consumed, piece.len(), "something was left"),
            Then::Done => return Ok((content, Some(body.len() - start))),
            Then::Malformed => return Err(content),
        }
    }
    Ok((content, None))
}

fn decode_pieces(body: &[u8], step: usize) -> Outcome {
    let mut decoder = Decoder::new();
    let (mut content, mut start) = (Vec::new(), 0);
    while start < body.len() {
        let input = &body[start..(start + step).min(body.len())];
        match decoder.next(input) {
            Ok(Piece::Framing(count)) => start += count,
            Ok(Piece::Content(count)) => {
                assert!(count > 0, "no progress");
                content.extend_from_slice(&input[..count]);
                start += count;
            }
            Ok(Piece::Done(count)) => return Ok((content, Some(body.len() - start - count))),
            Err(Malformed) => return Err(content),
        }
    }
    Ok((content, None))
}

/// What RFC 9112 section 7.1 says, line by line. A line that isn't complete yet is judged by what there is of it.
pub fn simple(body: &[u8]) -> Outcome {
    let (mut content, mut at) = (Vec::new(), 0);
    loop {
        let (line, behind) = line(body, at);
        let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let extension = &line[digits..];
        let size = line[..digits].iter().try_fold(0u64, |size, &digit| {
            let digit = u64::from(char::from(digit).to_digit(16).unwrap());
            size.checked_mul(16).map(|size| size + digit)
        });
        let begins_well = matches!(extension.first(), None | Some(b';' | b' ' | b'\t'));
        let (Some(size), true, true) = (size, begins_well, is_text(extension)) else { return Err(content) };
        if digits == 0 && (behind.is_some() || !line.is_empty() || ends_in_return(body, at)) {
            return Err(content);
        }
        let Some(behind) = behind else { return incomplete(body, at, line, content) };
        at = behind;
        if size == 0 {
            break;
        }
        let length = usize::try_from(size).unwrap_or(usize::MAX).min(body.len() - at);
        content.extend_from_slice(&body[at..at + length]);
        at += length;
        if length as u64 != size {
            return Ok((content, None));
        }
        match &body[at..] {
            [] | [b'\r'] => return Ok((content, None)),
            [b'\r', b'\n', ..] => at += 2,
            _ => return Err(content),
        }
    }
    loop {
        let (line, behind) = line(body, at);
        if !is_text(line) {
            return Err(content);
        }
        let Some(behind) = behind else { return incomplete(body, at, line, content) };
        at = behind;
        if line.is_empty() {
            return Ok((content, Some(body.len() - at)));
        }
    }
}

/// A line up to its CR or the end, and what is behind its CR LF if it has one.
fn line(body: &[u8], at: usize) -> (&[u8], Option<usize>) {
    let rest = &body[at..];
    let length = rest.iter().position(|&byte| byte == b'\r').unwrap_or(rest.len());
    let behind = rest[length..].starts_with(b"\r\n").then_some(at + length + 2);
    (&rest[..length], behind)
}

fn ends_in_return(body: &[u8], at: usize) -> bool {
    body[at..].contains(&b'\r')
}

/// The line has no CR LF: it isn't complete, or its CR is followed by something else.
fn incomplete(body: &[u8], at: usize, line: &[u8], content: Vec<u8>) -> Outcome {
    if body.len() - at - line.len() <= 1 { Ok((content, None)) } else { Err(content) }
}

fn is_text(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f))
}

fn round_trip(content: &[u8], step: usize) {
    let chunks = content.chunks(step);
    let mut written = Buffer::with_room(content.len() + chunks.len() * AROUND + LAST_CHUNK.len());
    for chunk in chunks {
        let before = written.len();
        put(chunk, &mut written);
        assert!(written.len() - before <= chunk.len() + AROUND);
    }
    written.put(LAST_CHUNK);
    assert_eq!(decode(written.filled(), step), Ok((content.to_vec(), Some(0))));
}
