//! Path patterns of rule files: `/blog/:year/*`, and templates that use what they matched: `/news/:splat`.

use crate::http::target::{Refused, Target, encode};
use crate::limits;
use std::fmt::{self, Write};

/// The most segments of a pattern. A path has more of them than anybody means only to make work.
const SEGMENTS: usize = 255;

/// What a path must look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    segments: Vec<Segment>,
    /// Whether anything may follow, `/*` at the end.
    splat: bool,
}

/// What one segment of a path must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// These bytes.
    Exactly(Vec<u8>),
    /// Anything, which templates then know by this name.
    Placeholder(String),
}

/// What a path has where the pattern left it open. Pieces of a resolved path: no empty segments in them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captures<'p> {
    named: Vec<(&'p str, &'p [u8])>,
}

/// What a template makes of a path is longer than anybody may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

impl Pattern {
    /// Reads a pattern. `*` may stand as the last segment only, `:name` as any whole one.
    pub fn parse(text: &str) -> Result<Pattern, &'static str> {
        let path = text.strip_prefix('/').ok_or("a path must begin with /")?;
        if path.contains(['?', '#']) {
            return Err("a path has no query and no fragment");
        }
        let mut pattern = Pattern { segments: Vec::new(), splat: false };
        for segment in path.split('/').filter(|segment| !segment.is_empty()) {
            if pattern.splat {
                return Err("* may only be the last part of a path");
            }
            if pattern.segments.len() == SEGMENTS {
                return Err("a path has at most 255 parts");
            }
            pattern.push(segment)?;
        }
        Ok(pattern)
    }

    fn push(&mut self, segment: &str) -> Result<(), &'static str> {
        if segment == "*" {
            self.splat = true;
        } else if let Some(name) = segment.strip_prefix(':') {
            if name.is_empty()
                || name == "splat"
                || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            {
                return Err("a placeholder is : and a name of letters, digits and _");
            }
            self.segments.push(Segment::Placeholder(name.to_owned()));
        } else if segment.contains('*') {
            return Err("* must be a whole part of a path");
        } else {
            let path = format!("/{segment}");
            let target = Target::parse(&path).map_err(|refused| match refused {
                Refused::Malformed => "the path is malformed",
                Refused::Hidden => "a path like that is never served",
            })?;
            self.segments.push(Segment::Exactly(target.path[1..].to_vec()));
        }
        Ok(())
    }

    /// What the segments of a path must be, up to a `*`.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Whether anything may follow them.
    pub fn has_splat(&self) -> bool {
        self.splat
    }

    /// Matches a resolved path. A slash at its end makes no difference.
    pub fn matches<'p>(&'p self, path: &'p [u8]) -> Option<Captures<'p>> {
        let mut captures = Captures::default();
        let mut rest = path.strip_prefix(b"/")?;
        for segment in &self.segments {
            let end = rest.iter().position(|&byte| byte == b'/').unwrap_or(rest.len());
            let (part, behind) = rest.split_at(end);
            match segment {
                Segment::Exactly(bytes) if bytes == part => {}
                Segment::Placeholder(name) if !part.is_empty() => captures.named.push((name, part)),
                _ => return None,
            }
            rest = behind.strip_prefix(b"/").unwrap_or(behind);
        }
        if self.splat {
            captures.named.push(("splat", rest));
        } else if !rest.is_empty() {
            return None;
        }
        Some(captures)
    }

    /// Checks a template for what this matches: its length, and how much it can make of a path.
    pub fn check_template(&self, template: &str) -> Result<(), &'static str> {
        let uses = template
            .match_indices(':')
            .filter(|(at, _)| self.names().any(|name| starts_with_name(&template[at + 1..], name)));
        if template.len() > limits::TEMPLATE {
            Err("longer than 8192 bytes")
        } else if uses.count() > limits::TEMPLATE_USES {
            Err("more than 32 times :splat or a :placeholder")
        } else {
            Ok(())
        }
    }

    /// How many bytes of a template are the same for all that this matches.
    pub fn literal(&self, template: &str) -> usize {
        let behind = |at: usize| &template[at + 1..];
        let names = template.match_indices(':').filter_map(|(at, _)| {
            self.names().find(|name| starts_with_name(behind(at), name)).map(|name| 1 + name.len())
        });
        template.len() - names.sum::<usize>()
    }

    /// Whether this matches every path.
    pub fn is_everything(&self) -> bool {
        self.segments.is_empty() && self.splat
    }

    /// The names that a template may use.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let named = self.segments.iter().filter_map(|segment| match segment {
            Segment::Placeholder(name) => Some(name.as_str()),
            Segment::Exactly(_) => None,
        });
        named.chain(self.splat.then_some("splat"))
    }
}

impl Captures<'_> {
    /// The template with what was matched in the place of `:name` and `:splat`, percent-encoded, so that
    /// nothing of a request can end a line, begin a query or name another host. It has at most
    /// [`limits::EXPANDED`] bytes.
    pub fn fill(&self, template: &str) -> Result<String, TooLong> {
        let mut filled = String::with_capacity(template.len());
        let mut rest = template;
        while let Some(at) = rest.find(':') {
            let (before, from) = rest.split_at(at);
            filled += before;
            let found = self.named.iter().find(|(name, _)| starts_with_name(&from[1..], name));
            match found {
                // The least that it can take, before it is written.
                Some((_, value)) if filled.len() + value.len() > limits::EXPANDED => return Err(TooLong),
                Some((name, value)) => {
                    let _ = write!(filled, "{}", encode(value));
                    rest = &from[1 + name.len()..];
                }
                None => {
                    filled.push(':');
                    rest = &from[1..];
                }
            }
        }
        filled += rest;
        if filled.len() > limits::EXPANDED { Err(TooLong) } else { Ok(filled) }
    }
}

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "the rules make more than {} bytes of it", limits::EXPANDED)
    }
}

/// Whether `text` begins with this name and the name ends there.
fn starts_with_name(text: &str, name: &str) -> bool {
    text.strip_prefix(name)
        .is_some_and(|behind| !behind.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(pattern: &str, path: &str, template: &str) -> Option<String> {
        Pattern::parse(pattern)
            .unwrap()
            .matches(path.as_bytes())
            .map(|captures| captures.fill(template).unwrap())
    }

    #[test]
    fn patterns_match_and_fill() {
        for (pattern, path, template, expected) in [
            ("/a", "/a", "/b", Some("/b")),
            ("/a/", "/a", "/b", Some("/b")),
            ("/a", "/a/", "/b", Some("/b")),
            ("/a", "/a/b", "/b", None),
            ("/", "/", "/b", Some("/b")),
            ("/", "/a", "/b", None),
            ("/*", "/", "/x/:splat", Some("/x/")),
            ("/*", "/a/b/", "/x/:splat", Some("/x/a/b/")),
            ("/a/*", "/a", "/x/:splat", Some("/x/")),
            ("/a/*", "/ab", "/x", None),
            (
                "/n/:year/:month/*",
                "/n/2026/11/x y",
                "/:month-:year/:splat?:year",
                Some("/11-2026/x%20y?2026"),
            ),
            ("/:a", "/", "/b", None),
            ("/:year", "/1", "/:years/:year_/:year", Some("/:years/:year_/1")),
            ("/caf%C3%A9", "/caf\u{e9}", "/b", Some("/b")),
            ("/*", "/a?b#c", "/:splat", Some("/a%3Fb%23c")),
        ] {
            assert_eq!(filled(pattern, path, template).as_deref(), expected, "{pattern} on {path}");
        }
    }

    #[test]
    fn what_a_template_has_of_itself_is_counted() {
        let pattern = Pattern::parse("/:a/:b/*").unwrap();
        for (template, expected) in [("", 0), ("abc", 3), (":a:b", 0), ("x:splat:c", 3), (":ab:a_ :a-", 8)] {
            assert_eq!(pattern.literal(template), expected, "{template}");
        }
    }

    #[test]
    fn mistakes_are_refused() {
        for bad in [
            "",
            "a",
            "/a*",
            "/*/a",
            "/:",
            "/:splat",
            "/:a-b",
            "/a?b",
            "/../a",
            "/%00",
            "/.git",
            &"/x".repeat(256),
        ] {
            assert!(Pattern::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_a_template_makes_of_a_path_is_bounded() {
        let pattern = Pattern::parse("/:a/*").unwrap();
        let uses = |count| "/".to_owned() + &":splat".repeat(count);
        assert_eq!(pattern.check_template(&uses(32)), Ok(()));
        assert!(pattern.check_template(&uses(33)).is_err());
        assert!(pattern.check_template(&(uses(16) + &":a".repeat(17))).is_err());
        assert_eq!(pattern.check_template(&":nothing".repeat(100)), Ok(()));
        assert!(pattern.check_template(&"x".repeat(8193)).is_err());
        let path = format!("/b/{}", "x".repeat(8000));
        let fill = |template: &str, path: &str| {
            pattern.matches(path.as_bytes()).unwrap().fill(template).map(|filled| filled.len())
        };
        assert_eq!(fill(&uses(2), &path), Ok(16_001));
        assert_eq!(fill(&uses(3), &path), Err(TooLong));
        assert_eq!(fill(&uses(32), &path), Err(TooLong));
        // Each of these takes three bytes.
        assert_eq!(fill(&uses(1), &format!("/b/{}", "\u{e9}".repeat(3000))), Err(TooLong));
    }
}
