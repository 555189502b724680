//! Finds the end of a request head, and refuses line ends that others might read differently.
//!
//! `httparse` accepts a bare LF as a line end, as RFC 9112 section 2.2 allows. A proxy in front that
//! doesn't would see other requests than we do, so here a line ends in CR LF or the request is refused.
//! Everything else that `httparse` lets through and we don't is checked in [`crate::http::request`].

use crate::limits;
use std::io::BufRead;

/// What the bytes received so far amount to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scan {
    /// No head yet; more has to come.
    Partial,
    /// A head of so many bytes, its empty line included.
    Complete(usize),
    /// A line that doesn't end in CR LF: 400.
    BareLineFeed,
    /// More than [`limits::HEAD`] bytes, and all of them are its first line: 414.
    TargetTooLong,
    /// More than [`limits::HEAD`] bytes: 431.
    TooLong,
}

/// Looks for the end of a head at the start of `bytes`.
///
/// `scanned` belongs to the head: 0 for a new one, and left alone between calls while the bytes only
/// grow. It remembers the start of the line that isn't complete, so a head that drips in one byte at a
/// time costs each line only its own length.
pub fn scan(bytes: &[u8], scanned: &mut usize) -> Scan {
    let window = &bytes[..bytes.len().min(limits::HEAD)];
    let mut line = *scanned;
    while let Some(length) = line_length(&window[line..]) {
        if length < 2 || window[line + length - 2] != b'\r' {
            return Scan::BareLineFeed;
        }
        line += length;
        if length == 2 {
            return Scan::Complete(line);
        }
    }
    *scanned = line;
    match (bytes.len() >= limits::HEAD, line) {
        (false, _) => Scan::Partial,
        (true, 0) => Scan::TargetTooLong,
        (true, _) => Scan::TooLong,
    }
}

/// The length of the first line, its LF included, if it is complete.
fn line_length(bytes: &[u8]) -> Option<usize> {
    // Of all ways that std has to look for a byte, this one is memchr(3).
    let length = { bytes }.skip_until(b'\n').ok()?;
    (length > 0 && bytes[length - 1] == b'\n').then_some(length)
}

/// How many bytes of `bytes` are empty lines before a request, which RFC 9112 section 2.2 says to ignore.
pub fn leading_empty_lines(bytes: &[u8]) -> usize {
    bytes.chunks_exact(2).take_while(|pair| pair == b"\r\n").count() * 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_once(bytes: &[u8]) -> Scan {
        scan(bytes, &mut 0)
    }

    #[test]
    fn a_head_ends_at_its_empty_line() {
        assert_eq!(at_once(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /2"), Scan::Complete(27));
        assert_eq!(at_once(b"GET / HTTP/1.1\r\nHost: a\r\n\r"), Scan::Partial);
        assert_eq!(at_once(b""), Scan::Partial);
    }

    #[test]
    fn bare_line_feeds_are_refused_wherever_they_are() {
        for bad in
            [&b"GET / HTTP/1.1\n"[..], b"\n", b"GET / HTTP/1.1\r\nHost: a\n\r\n", b"GET / HTTP/1.1\r\n\n"]
        {
            assert_eq!(at_once(bad), Scan::BareLineFeed, "{bad:?}");
        }
    }

    #[test]
    fn however_it_is_cut_the_answer_is_the_same() {
        for head in [&b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n"[..], b"GET / HTTP/1.1\r\nA: b\n\r\n"] {
            let whole = at_once(head);
            for step in 1..head.len() {
                let mut scanned = 0;
                let mut end = 0;
                let last = loop {
                    end = (end + step).min(head.len());
                    match scan(&head[..end], &mut scanned) {
                        Scan::Partial if end < head.len() => {}
                        other => break other,
                    }
                };
                assert_eq!(last, whole, "{step} bytes at a time");
            }
        }
    }

    #[test]
    fn long_heads_are_told_from_long_targets() {
        let long = vec![b'a'; limits::HEAD];
        assert_eq!(at_once(&long), Scan::TargetTooLong);
        assert_eq!(at_once(&long[1..]), Scan::Partial);
        let fields = [b"GET / HTTP/1.1\r\nX: ".as_slice(), &long, b"\r\n\r\n"].concat();
        assert_eq!(at_once(&fields), Scan::TooLong);
        let mut just = [b"GET / HTTP/1.1\r\nX: ".as_slice(), &long].concat();
        just.truncate(limits::HEAD - 4);
        just.extend_from_slice(b"\r\n\r\n");
        assert_eq!(at_once(&just), Scan::Complete(limits::HEAD));
        just.insert(20, b'a');
        assert_eq!(at_once(&just), Scan::TooLong);
    }

    #[test]
    fn empty_lines_before_a_request_are_counted() {
        assert_eq!(leading_empty_lines(b"\r\n\r\nGET"), 4);
        assert_eq!(leading_empty_lines(b"\r"), 0);
        assert_eq!(leading_empty_lines(b"GET\r\n"), 0);
    }
}
