//! Path patterns of rule files: `/blog/:year/*`, and templates that use what they matched: `/news/:splat`.

use crate::http::target::{Refused, Target, encode};
use std::fmt::Write;

/// What a path must look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    segments: Vec<Segment>,
    /// Whether anything may follow, `/*` at the end.
    splat: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Exactly(Vec<u8>),
    Placeholder(String),
}

/// What a path has where the pattern left it open. Pieces of a resolved path: no empty segments in them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captures<'p> {
    named: Vec<(&'p str, Vec<u8>)>,
}

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

    /// The path, if it is the only one that matches: without a slash at its end.
    pub fn exact(&self) -> Option<Vec<u8>> {
        let mut path = Vec::new();
        for segment in &self.segments {
            let Segment::Exactly(bytes) = segment else { return None };
            path.push(b'/');
            path.extend_from_slice(bytes);
        }
        (!self.splat).then_some(path)
    }

    /// Matches a resolved path. A slash at its end makes no difference.
    pub fn matches(&self, path: &[u8]) -> Option<Captures<'_>> {
        let mut captures = Captures::default();
        let mut rest = path.strip_prefix(b"/")?;
        for segment in &self.segments {
            let end = rest.iter().position(|&byte| byte == b'/').unwrap_or(rest.len());
            let (part, behind) = rest.split_at(end);
            match segment {
                Segment::Exactly(bytes) if bytes == part => {}
                Segment::Placeholder(name) if !part.is_empty() => captures.named.push((name, part.to_vec())),
                _ => return None,
            }
            rest = behind.strip_prefix(b"/").unwrap_or(behind);
        }
        if self.splat {
            captures.named.push(("splat", rest.to_vec()));
        } else if !rest.is_empty() {
            return None;
        }
        Some(captures)
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
    /// nothing of a request can end a line, begin a query or name another host.
    pub fn fill(&self, template: &str) -> String {
        let mut filled = String::with_capacity(template.len());
        let mut rest = template;
        while let Some(at) = rest.find(':') {
            let (before, from) = rest.split_at(at);
            filled += before;
            let found = self.named.iter().find(|(name, _)| starts_with_name(&from[1..], name));
            match found {
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
        filled + rest
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
        Pattern::parse(pattern).unwrap().matches(path.as_bytes()).map(|captures| captures.fill(template))
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
    fn mistakes_are_refused() {
        for bad in ["", "a", "/a*", "/*/a", "/:", "/:splat", "/:a-b", "/a?b", "/../a", "/%00", "/.git"] {
            assert!(Pattern::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn exact_patterns_are_known() {
        let exact = |text| Pattern::parse(text).unwrap().exact();
        assert_eq!(exact("/a//b/"), Some(b"/a/b".to_vec()));
        assert_eq!(exact("/"), Some(b"".to_vec()));
        assert_eq!((exact("/a/*"), exact("/:a")), (None, None));
    }
}
