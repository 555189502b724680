//! Byte ranges (RFC 9110 section 14): which part of a file is asked for.
//!
//! One range is answered by that part. Several would need a body in parts, which a server may decline;
//! like a range that isn't understood they are answered by the whole file.

/// What a `Range` field asks of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All of it: the field is to be ignored.
    Whole,
    /// The bytes from `start` up to, not including, `end`; at least one.
    Part {
        /// The first byte.
        start: u64,
        /// The one behind the last.
        end: u64,
    },
    /// Nothing that it has: 416.
    Unsatisfiable,
}

/// Reads a `Range` value for a file of `length` bytes. No sum of attacker's numbers is ever computed.
pub fn select(value: &[u8], length: u64) -> Selection {
    let Some((first, last)) = parse(value) else { return Selection::Whole };
    let (start, end) = match (first, last) {
        (Some(first), last) => (first, last.map_or(length, |last| last.saturating_add(1).min(length))),
        (None, Some(suffix)) => (length.saturating_sub(suffix), length),
        (None, None) => return Selection::Whole,
    };
    if start < end { Selection::Part { start, end } } else { Selection::Unsatisfiable }
}

/// The numbers of `bytes=first-last`, either of which may be missing; `None` for anything else. A last
/// below the first makes the whole field invalid.
fn parse(value: &[u8]) -> Option<(Option<u64>, Option<u64>)> {
    let text = std::str::from_utf8(value).ok()?;
    let (unit, range) = text.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = range.trim().split_once('-')?;
    let (first, last) = (number(first)?, number(last)?);
    match (first, last) {
        (Some(first), Some(last)) if last < first => None,
        both => Some(both),
    }
}

/// Digits, or nothing. A number too large for us is larger than any file.
fn number(text: &str) -> Option<Option<u64>> {
    if text.is_empty() {
        return Some(None);
    }
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| Some(text.parse().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(start: u64, end: u64) -> Selection {
        Selection::Part { start, end }
    }

    #[test]
    fn ranges_select_parts() {
        for (value, expected) in [
            ("bytes=0-0", part(0, 1)),
            ("bytes=0-99", part(0, 100)),
            ("bytes=0-100", part(0, 100)),
            ("bytes=10-19", part(10, 20)),
            ("bytes=99-", part(99, 100)),
            ("bytes=-1", part(99, 100)),
            ("bytes=-100", part(0, 100)),
            ("bytes=-101", part(0, 100)),
            ("BYTES = 1-2", part(1, 3)),
            ("bytes=0-18446744073709551615", part(0, 100)),
            ("bytes=1-99999999999999999999999", part(1, 100)),
            ("bytes=-18446744073709551616", part(0, 100)),
            ("bytes=100-", Selection::Unsatisfiable),
            ("bytes=100-200", Selection::Unsatisfiable),
            ("bytes=-0", Selection::Unsatisfiable),
            ("bytes=18446744073709551615-", Selection::Unsatisfiable),
            ("bytes=18446744073709551615-18446744073709551615", Selection::Unsatisfiable),
            ("bytes=99999999999999999999999-", Selection::Unsatisfiable),
        ] {
            assert_eq!(select(value.as_bytes(), 100), expected, "{value}");
        }
    }

    #[test]
    fn what_is_not_one_valid_range_is_ignored() {
        for value in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=2-1",
            "bytes=1-2,4-5",
            "bytes=+1-2",
            "bytes=1--2",
            "bytes=0x1-2",
            "lines=1-2",
            "bytes 1-2",
            "bytes=1 -2",
            "bytes=1",
        ] {
            assert_eq!(select(value.as_bytes(), 100), Selection::Whole, "{value}");
        }
        assert_eq!(select(b"bytes=\xff-", 100), Selection::Whole);
    }

    #[test]
    fn an_empty_file_has_no_parts() {
        for value in ["bytes=0-", "bytes=-1", "bytes=0-0"] {
            assert_eq!(select(value.as_bytes(), 0), Selection::Unsatisfiable, "{value}");
        }
    }
}
