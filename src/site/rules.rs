//! The rules of a `_redirects` file, in the form that static hosts read: `/from /to [status]`, one a
//! line, `#` before a comment.
//!
//! Rules apply where no file does, the first that matches wins, and a slash at the end makes no
//! difference. What isn't understood is an error at start, with the line: a rule that is silently
//! ignored is a redirect that somebody misses.

use crate::http::response::Status;
use crate::http::target::Target;
use std::collections::HashMap;
use std::fmt;

/// Redirects by the path they apply to.
#[derive(Debug, Default)]
pub struct Rules {
    exact: HashMap<Vec<u8>, Redirect>,
}

#[derive(Debug)]
struct Redirect {
    status: Status,
    location: String,
}

/// A line that can't be a rule.
#[derive(Debug, PartialEq, Eq)]
pub struct RuleError {
    line: usize,
    why: &'static str,
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "_redirects, line {}: {}", self.line, self.why)
    }
}

impl std::error::Error for RuleError {}

impl Rules {
    /// Reads the text of a `_redirects` file.
    pub fn parse(text: &str) -> Result<Rules, RuleError> {
        let mut rules = Rules::default();
        for (number, line) in text.lines().enumerate() {
            let mut words = line.split_whitespace().take_while(|word| !word.starts_with('#'));
            let Some(from) = words.next() else { continue };
            let rule = parse_rule(from, words.next(), words.next(), words.next());
            let (path, redirect) = rule.map_err(|why| RuleError { line: number + 1, why })?;
            rules.exact.entry(path).or_insert(redirect);
        }
        Ok(rules)
    }

    /// Where the rules send a request for this target. The query goes along, unless the rule has one.
    pub fn find(&self, target: &Target) -> Option<(Status, String)> {
        if self.exact.is_empty() {
            return None;
        }
        let redirect = self.exact.get(without_end_slash(&target.path))?;
        let mut location = redirect.location.clone();
        if !location.contains('?') {
            location += &target.query_suffix();
        }
        Some((redirect.status, location))
    }
}

fn parse_rule(
    from: &str,
    to: Option<&str>,
    status: Option<&str>,
    more: Option<&str>,
) -> Result<(Vec<u8>, Redirect), &'static str> {
    if more.is_some() {
        return Err("more than a path, a destination and a status");
    }
    if from.contains(['*', ':']) {
        return Err("only exact paths are supported, no * and no :placeholder");
    }
    let to = to.ok_or("a rule needs a destination: /from /to [status]")?;
    let path = Target::parse(from).map_err(|_| "not a path that could be asked for")?;
    if !from.starts_with('/') || path.query.is_some() {
        return Err("the path must begin with / and have no query");
    }
    let host = ["http://", "https://"].iter().any(|scheme| to.starts_with(scheme));
    if !host && (!to.starts_with('/') || to.starts_with("//") || to.starts_with("/\\")) {
        return Err("the destination must begin with one /, or with http:// or https://");
    }
    if !to.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("the destination must be written in ASCII, other characters as %XX");
    }
    let status = match status {
        None | Some("301") => Status::MOVED_PERMANENTLY,
        Some("302") => Status::FOUND,
        Some("303") => Status::SEE_OTHER,
        Some("307") => Status::TEMPORARY_REDIRECT,
        Some("308") => Status::PERMANENT_REDIRECT,
        Some(_) => return Err("the status must be 301, 302, 303, 307 or 308"),
    };
    Ok((without_end_slash(&path.path).to_vec(), Redirect { status, location: to.to_owned() }))
}

fn without_end_slash(path: &[u8]) -> &[u8] {
    path.strip_suffix(b"/").unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(rules: &str, target: &str) -> Option<(u16, String)> {
        let rules = Rules::parse(rules).unwrap();
        rules.find(&Target::parse(target).unwrap()).map(|(status, location)| (status.code, location))
    }

    #[test]
    fn rules_send_paths_elsewhere() {
        let rules =
            "# moved\n\n/redirect /result.html 301\n/a https://example.org/b?c 302 # why\n/caf%C3%A9 /x\n";
        assert_eq!(location(rules, "/redirect"), Some((301, "/result.html".into())));
        assert_eq!(location(rules, "/redirect/"), Some((301, "/result.html".into())));
        assert_eq!(location(rules, "//redirect?x=1"), Some((301, "/result.html?x=1".into())));
        assert_eq!(location(rules, "/a?x=1"), Some((302, "https://example.org/b?c".into())));
        assert_eq!(location(rules, "/caf\u{e9}"), Some((301, "/x".into())));
        assert_eq!(location(rules, "/other"), None);
        assert_eq!(location("/a /1\n/a /2", "/a"), Some((301, "/1".into())));
        assert_eq!(location("/ /home", "/"), Some((301, "/home".into())));
    }

    #[test]
    fn mistakes_name_their_line() {
        for bad in [
            "/a",
            "/a b",
            "a /b",
            "/a //evil.example",
            "/a /\\evil.example",
            "/a /b 200",
            "/a /b 301 c",
            "/* /b",
            "/:x /b",
            "/a javascript:x",
            "/a /caf\u{e9}",
            "/a?b /c",
            "/a#b /c",
            "/../a /b",
            "/%00 /b",
        ] {
            let error = Rules::parse(&format!("/ok /fine\n{bad}\n")).expect_err(bad);
            assert_eq!(error.line, 2, "{bad}");
            assert!(error.to_string().starts_with("_redirects, line 2: "));
        }
    }
}
