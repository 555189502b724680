//! Ranges, preconditions and weights: which part of a file, whether at all, and in which form.
//!
//! Input: the length and times of a file, then fields up to a zero byte each.

use super::input::Input;
use shoutd::http::accept::Accepts;
use shoutd::http::coding::{Coding, Codings, choose};
use shoutd::http::conditional::{Conditions, Outcome, Validators};
use shoutd::http::range::{Selection, select};
use shoutd::now::Date;
use std::time::{Duration, UNIX_EPOCH};

const NAMES: [&str; 5] =
    ["If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range"];

/// Times far beyond what a date can say aren't dates.
const YEAR_9999: u64 = 253_402_300_799;

pub fn check(data: &[u8]) {
    let mut input = Input(data);
    let length = input.long() >> (input.byte() % 64);
    let modified = input.flag().then_some(input.long() % YEAR_9999);
    let (earlier, now) = (input.number(), input.number());
    let current_since = modified.map_or(0, |modified| (modified + now).saturating_sub(earlier));
    let etag = format!("\"{}\"", tag(input.until_zero()));
    let current = Validators { etag: etag.as_bytes().into(), modified, current_since };

    ranges(input.until_zero(), length);
    weights(input.until_zero(), input.byte());
    let mut fields = Vec::new();
    while !input.0.is_empty() && fields.len() < 32 {
        let name = NAMES[usize::from(input.byte()) % NAMES.len()];
        fields.push((name, input.until_zero()));
    }
    preconditions(&fields, &current);
    lists(&fields, &etag);
    dates(&current, now);
}

/// Text of what a tag may be made of.
fn tag(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|&byte| if byte.is_ascii_graphic() && byte != b'"' { char::from(byte) } else { ',' })
        .collect()
}

fn ranges(value: &[u8], length: u64) {
    let selected = select(value, length);
    assert_eq!(selected, simple_range(value, length).unwrap_or(Selection::Whole), "{value:?} of {length}");
    if let Selection::Part { start, end } = selected {
        assert!(start < end && end <= length);
        for again in [format!("bytes={start}-{}", end - 1), format!("Bytes = {start}-{}", end - 1)] {
            assert_eq!(select(again.as_bytes(), length), selected);
        }
        assert_eq!(
            select(format!("bytes={start}-").as_bytes(), length),
            Selection::Part { start, end: length }
        );
        let suffix = format!("bytes=-{}", length - start);
        assert_eq!(select(suffix.as_bytes(), length), Selection::Part { start, end: length });
    }
}

/// RFC 9110 section 14.1.2 with numbers that don't overflow: as long as they are, they are compared as text.
fn simple_range(value: &[u8], length: u64) -> Option<Selection> {
    let (unit, range) = std::str::from_utf8(value).ok()?.split_once('=')?;
    let (first, last) = range.trim().split_once('-')?;
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !unit.trim().eq_ignore_ascii_case("bytes") || !is_number(first) || !is_number(last) {
        return None;
    }
    // Larger than any file is all that counts of a large one, and which of two is larger.
    let number =
        |text: &str| text.bytes().fold(0u128, |n, digit| (n * 10 + u128::from(digit - b'0')).min(1 << 100));
    let of_u64 = |number: u128| u64::try_from(number).unwrap_or(u64::MAX);
    let whole = u128::from(length);
    match (first, last) {
        ("", "") => None,
        ("", suffix) if number(suffix) == 0 || length == 0 => Some(Selection::Unsatisfiable),
        ("", suffix) => {
            Some(Selection::Part { start: length - of_u64(number(suffix).min(whole)), end: length })
        }
        (first, last) => {
            let (start, end) = (number(first), if last.is_empty() { whole } else { number(last) + 1 });
            if !last.is_empty() && of_u64(number(last)) < of_u64(start) {
                return None;
            }
            let end = end.min(whole);
            if start >= end {
                return Some(Selection::Unsatisfiable);
            }
            Some(Selection::Part { start: of_u64(start), end: of_u64(end) })
        }
    }
}

fn weights(list: &[u8], which: u8) {
    let mut available = Codings::default();
    for (bit, coding) in Coding::ALL.into_iter().enumerate() {
        if which >> bit & 1 == 1 {
            available.add(coding);
        }
    }
    let chosen = choose(list, available);
    if let Some(coding) = chosen {
        assert!(available.has(coding));
        let names =
            |name: &str| list.to_ascii_lowercase().windows(name.len()).any(|part| part == name.as_bytes());
        assert!(names(coding.name()) || names("*"), "{coding:?} for {list:?}");
        // Of one that is refused first, nothing comes.
        let refused = [format!("{0};q=0, x-{0};q=0, ", coding.name()).as_bytes(), list].concat();
        assert_ne!(choose(&refused, available), Some(coding));
    }
    // Empty members and letters' case mean nothing.
    let spaced = [b", ,", list, b", ,"].concat();
    assert_eq!(choose(&spaced, available), chosen);
    assert_eq!(choose(&list.to_ascii_uppercase(), available), chosen);
    let prefers = |types: &[u8]| Accepts { types, encoding: b"" }.prefers_json();
    assert_eq!(prefers(&spaced), prefers(list));
    assert!(!prefers(&[b"application/json;q=0, application/*;q=0,", list].concat()));
}

fn preconditions(fields: &[(&str, &[u8])], current: &Validators) {
    let noted = |fields: &mut dyn Iterator<Item = &(&str, &'_ [u8])>| {
        let mut conditions = Conditions::default();
        fields.for_each(|(name, value)| conditions.note(name, value));
        conditions.evaluate(current)
    };
    let outcome = noted(&mut fields.iter());
    let has = |wanted: &str| fields.iter().any(|(name, _)| *name == wanted);
    match outcome {
        Outcome::Failed => assert!(has("If-Match") || has("If-Unmodified-Since")),
        Outcome::NotModified => assert!(has("If-None-Match") || has("If-Modified-Since")),
        Outcome::Proceed => {}
    }
    // Where a list is given, the date of the same kind is passed over (section 13.2.2).
    for (list, date) in [("If-Match", "If-Unmodified-Since"), ("If-None-Match", "If-Modified-Since")] {
        if has(list) {
            assert_eq!(noted(&mut fields.iter().filter(|(name, _)| *name != date)), outcome);
        }
    }
    // If-Range says nothing of whether.
    assert_eq!(noted(&mut fields.iter().filter(|(name, _)| *name != "If-Range")), outcome);
}

/// Lists made of tags: whether they name the one that is current is known.
fn lists(fields: &[(&str, &[u8])], etag: &str) {
    for (_, value) in fields {
        let (mut list, mut strong, mut weak) = (Vec::new(), false, false);
        for (place, inside) in value.split(|&byte| byte == b'|').enumerate() {
            let is_current = inside == b"current";
            let tag = if is_current { etag.to_owned() } else { format!("\"{}\"", tag(inside)) };
            let is_weak = inside.len() % 2 == 0;
            weak |= tag == etag;
            strong |= tag == etag && !is_weak;
            list.extend_from_slice([&b", "[..], b",", b" ,, ", b"\t,"][(place + inside.len()) % 4]);
            list.extend_from_slice(if is_weak { b"W/" } else { b"" });
            list.extend_from_slice(tag.as_bytes());
        }
        let current = Validators { etag: etag.as_bytes().into(), modified: None, current_since: 0 };
        let evaluate = |name: &str| {
            let mut conditions = Conditions::default();
            conditions.note(name, &list);
            conditions.evaluate(&current)
        };
        let expected = if strong { Outcome::Proceed } else { Outcome::Failed };
        assert_eq!(evaluate("if-match"), expected, "{:?}", String::from_utf8_lossy(&list));
        let expected = if weak { Outcome::NotModified } else { Outcome::Proceed };
        assert_eq!(evaluate("IF-NONE-MATCH"), expected, "{:?}", String::from_utf8_lossy(&list));
    }
}

/// A date that is written is the same when it is read.
fn dates(current: &Validators, offset: u64) {
    let Some(modified) = current.modified else { return };
    for said in [modified, modified.saturating_sub(offset), (modified + offset).min(YEAR_9999)] {
        let date = Date::new(UNIX_EPOCH + Duration::from_secs(said));
        let evaluate = |name: &str| {
            let mut conditions = Conditions::default();
            conditions.note(name, date.as_bytes());
            (
                conditions.evaluate(current),
                conditions.allow_range(current, UNIX_EPOCH + Duration::from_secs(said + 2)),
            )
        };
        let is_current = modified <= said && current.current_since <= said;
        let since = if is_current { Outcome::NotModified } else { Outcome::Proceed };
        assert_eq!(evaluate("If-Modified-Since").0, since, "{said} of {current:?}");
        let unmodified = if is_current { Outcome::Proceed } else { Outcome::Failed };
        assert_eq!(evaluate("If-Unmodified-Since").0, unmodified, "{said} of {current:?}");
        assert_eq!(evaluate("If-Range").1, said == modified && is_current, "{said} of {current:?}");
    }
}
