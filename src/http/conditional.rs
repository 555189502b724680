//! Conditional requests (RFC 9110 section 13): is the client's copy still good, is the file still the
//! one it means?

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What identifies the state of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validators {
    /// The strong entity tag, with its quotes.
    pub etag: Box<[u8]>,
    /// Seconds since 1970 of its last change, as `Last-Modified` says it; `None` where it says nothing.
    pub modified: Option<u64>,
    /// Seconds since 1970 before which a client may have had other content with that time: an earlier date
    /// proves nothing. 0 where there was none.
    pub current_since: u64,
}

impl Validators {
    /// Whether who has known it since `date`, in seconds, has what it is now.
    fn is_current_at(&self, date: u64) -> bool {
        self.modified.is_some_and(|modified| modified <= date) && self.current_since <= date
    }
}

/// The lines of a list field. More of them than this nobody honest sends.
const LINES: usize = 4;

/// The preconditions of a request, as they were written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conditions<'a> {
    if_match: Lines<'a>,
    if_none_match: Lines<'a>,
    if_modified_since: Option<&'a [u8]>,
    if_unmodified_since: Option<&'a [u8]>,
    if_range: Option<&'a [u8]>,
    /// Whether there is any of them, so that most requests are done with one look.
    any: bool,
}

/// What the preconditions say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Answer as if there were none.
    Proceed,
    /// The client has it already: 304.
    NotModified,
    /// It is not what the client thought: 412.
    Failed,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Lines<'a> {
    lines: [&'a [u8]; LINES],
    count: usize,
}

impl<'a> Conditions<'a> {
    /// Takes note of a field if it is one of these.
    pub fn note(&mut self, name: &str, value: &'a [u8]) {
        match name.len() {
            8 if name.eq_ignore_ascii_case("if-match") => self.if_match.push(value),
            8 if name.eq_ignore_ascii_case("if-range") => self.if_range = Some(value),
            13 if name.eq_ignore_ascii_case("if-none-match") => self.if_none_match.push(value),
            17 if name.eq_ignore_ascii_case("if-modified-since") => self.if_modified_since = Some(value),
            19 if name.eq_ignore_ascii_case("if-unmodified-since") => self.if_unmodified_since = Some(value),
            _ => return,
        }
        self.any = true;
    }

    /// Evaluates them for a GET or HEAD, in the order of section 13.2.2.
    pub fn evaluate(&self, current: &Validators) -> Outcome {
        if !self.any {
            return Outcome::Proceed;
        }
        if self.if_match.count > 0 {
            if !self.if_match.names(&current.etag, false) {
                return Outcome::Failed;
            }
        } else if let Some(date) = self.if_unmodified_since.and_then(seconds)
            && (current.modified.is_some_and(|modified| modified > date) || current.current_since > date)
        {
            return Outcome::Failed;
        }
        if self.if_none_match.count > 0 {
            if self.if_none_match.names(&current.etag, true) {
                return Outcome::NotModified;
            }
        } else if let Some(date) = self.if_modified_since.and_then(seconds)
            && current.is_current_at(date)
        {
            return Outcome::NotModified;
        }
        Outcome::Proceed
    }

    /// Whether a `Range` counts: without If-Range always, with it only for the very state that it names
    /// (section 13.1.5). A date must be the exact one, and old enough to be a strong validator.
    pub fn allow_range(&self, current: &Validators, now: SystemTime) -> bool {
        match self.if_range {
            None => true,
            Some(value) if value.starts_with(b"\"") => *value == *current.etag,
            Some(value) => {
                let Some(date) = seconds(value) else { return false };
                let settled = Duration::from_secs(date.saturating_add(1));
                current.modified == Some(date)
                    && current.is_current_at(date)
                    && now.duration_since(UNIX_EPOCH).is_ok_and(|now| now > settled)
            }
        }
    }
}

impl<'a> Lines<'a> {
    fn push(&mut self, value: &'a [u8]) {
        // What stands on further lines matches nothing, which at worst sends the file once more, or not.
        if let Some(line) = self.lines.get_mut(self.count) {
            *line = value;
        }
        self.count += 1;
    }

    /// Whether the list has this tag, or is `*`. A weak tag (`W/`) is equal only where weak comparison is
    /// enough (section 8.8.3.2).
    fn names(&self, etag: &[u8], weak: bool) -> bool {
        self.lines.iter().take(self.count).any(|line| line.trim_ascii() == b"*" || has_tag(line, etag, weak))
    }
}

fn has_tag(list: &[u8], etag: &[u8], weak: bool) -> bool {
    let mut rest = list;
    loop {
        rest = rest.trim_ascii_start();
        while let Some(behind) = rest.strip_prefix(b",") {
            rest = behind.trim_ascii_start();
        }
        let (is_weak, tag) = match rest.strip_prefix(b"W/") {
            Some(tag) => (true, tag),
            None => (false, rest),
        };
        // A tag may hold commas, so it ends at its closing quote and nowhere else.
        let Some(length) =
            tag.strip_prefix(b"\"").and_then(|inside| inside.iter().position(|&byte| byte == b'"'))
        else {
            return false;
        };
        let (tag, behind) = tag.split_at(length + 2);
        if tag == etag && (weak || !is_weak) {
            return true;
        }
        rest = behind;
    }
}

/// A date of any of the three forms that RFC 9110 section 5.6.7 has clients send.
fn seconds(value: &[u8]) -> Option<u64> {
    let date = httpdate::parse_http_date(std::str::from_utf8(value).ok()?).ok()?;
    date.duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sun, 06 Nov 1994 08:49:37 GMT.
    const MODIFIED: u64 = 784_111_777;

    fn current() -> Validators {
        Validators { etag: b"\"a,b\"".as_slice().into(), modified: Some(MODIFIED), current_since: 0 }
    }

    fn conditions<'a>(fields: &[(&str, &'a str)]) -> Conditions<'a> {
        let mut conditions = Conditions::default();
        for (name, value) in fields {
            conditions.note(name, value.as_bytes());
        }
        conditions
    }

    fn outcome(fields: &[(&str, &str)]) -> Outcome {
        conditions(fields).evaluate(&current())
    }

    #[test]
    fn tags_are_compared_as_the_rfc_says() {
        for (list, weak, strong) in [
            ("\"a,b\"", true, true),
            ("*", true, true),
            ("W/\"a,b\"", true, false),
            ("\"x\", \"a,b\" ,\"y\"", true, true),
            (",, \"a,b\"", true, true),
            ("\"x\",W/\"a,b\"", true, false),
            ("\"a\"", false, false),
            ("a,b", false, false),
            ("\"a,b", false, false),
            ("w/\"a,b\"", false, false),
            ("", false, false),
        ] {
            let none_match = outcome(&[("If-None-Match", list)]);
            assert_eq!(none_match, if weak { Outcome::NotModified } else { Outcome::Proceed }, "{list}");
            let matches = outcome(&[("If-Match", list)]);
            assert_eq!(matches, if strong { Outcome::Proceed } else { Outcome::Failed }, "{list}");
        }
    }

    #[test]
    fn lists_may_have_several_lines_but_not_any_number() {
        assert_eq!(
            outcome(&[("If-None-Match", "\"x\""), ("if-none-match", "\"a,b\"")]),
            Outcome::NotModified
        );
        let many = [("If-None-Match", "\"x\""); 5];
        assert_eq!(outcome(&many), Outcome::Proceed);
    }

    #[test]
    fn dates_count_only_without_tags() {
        let (before, exact, after) =
            ("Sun, 06 Nov 1994 08:49:36 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:38 1994");
        for (date, since, unmodified) in [
            (before, Outcome::Proceed, Outcome::Failed),
            (exact, Outcome::NotModified, Outcome::Proceed),
            (after, Outcome::NotModified, Outcome::Proceed),
            ("yesterday", Outcome::Proceed, Outcome::Proceed),
        ] {
            assert_eq!(outcome(&[("If-Modified-Since", date)]), since, "{date}");
            assert_eq!(outcome(&[("If-Unmodified-Since", date)]), unmodified, "{date}");
        }
        assert_eq!(outcome(&[("If-Modified-Since", after), ("If-None-Match", "\"x\"")]), Outcome::Proceed);
        assert_eq!(outcome(&[("If-Unmodified-Since", before), ("If-Match", "\"a,b\"")]), Outcome::Proceed);
        assert_eq!(outcome(&[("If-Match", "\"x\""), ("If-None-Match", "\"a,b\"")]), Outcome::Failed);
        assert_eq!(outcome(&[("If-Match", "*"), ("If-None-Match", "*")]), Outcome::NotModified);
    }

    #[test]
    fn dates_prove_nothing_where_other_content_had_them() {
        let (exact, after) = ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:39 GMT");
        let replaced = Validators { current_since: MODIFIED + 2, ..current() };
        let undated = Validators { modified: None, ..current() };
        let later = UNIX_EPOCH + Duration::from_secs(MODIFIED + 60);
        for (validators, date, since, unmodified, range) in [
            (&current(), exact, Outcome::NotModified, Outcome::Proceed, true),
            (&replaced, exact, Outcome::Proceed, Outcome::Failed, false),
            (&replaced, after, Outcome::NotModified, Outcome::Proceed, false),
            (&undated, exact, Outcome::Proceed, Outcome::Proceed, false),
            (&undated, after, Outcome::Proceed, Outcome::Proceed, false),
        ] {
            assert_eq!(conditions(&[("If-Modified-Since", date)]).evaluate(validators), since);
            assert_eq!(conditions(&[("If-Unmodified-Since", date)]).evaluate(validators), unmodified);
            assert_eq!(conditions(&[("If-Range", date)]).allow_range(validators, later), range);
        }
    }

    #[test]
    fn ranges_continue_only_what_has_not_changed() {
        let later = UNIX_EPOCH + Duration::from_secs(MODIFIED + 60);
        let allowed = |value| conditions(&[("If-Range", value)]).allow_range(&current(), later);
        assert!(allowed("\"a,b\""));
        assert!(allowed("Sun, 06 Nov 1994 08:49:37 GMT"));
        for other in
            ["\"x\"", "W/\"a,b\"", "Sun, 06 Nov 1994 08:49:38 GMT", "Sun, 06 Nov 1994 08:49:36 GMT", ""]
        {
            assert!(!allowed(other), "{other}");
        }
        assert!(conditions(&[]).allow_range(&current(), later));
        let same_second = UNIX_EPOCH + Duration::from_secs(MODIFIED);
        let dated = conditions(&[("If-Range", "Sun, 06 Nov 1994 08:49:37 GMT")]);
        assert!(!dated.allow_range(&current(), same_second), "it might change again within the second");
    }
}
