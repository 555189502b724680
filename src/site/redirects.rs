//! The rules of a `_redirects` file, in the form that static hosts read: `/from /to [status]`, one a
//! line, `#` before a comment.
//!
//! A rule applies where no file does, unless its status ends in `!`; the first that matches wins. Besides
//! redirects there are rewrites, which answer with another file: with 200 (a single-page application is
//! `/* /index.html 200`), 404 or 410. What isn't understood is an error, with the line: a rule that is
//! silently ignored is a redirect that somebody misses.

use super::pattern::{Captures, Pattern, TooLong};
use super::tree::Tree;
use crate::http::response::Status;
use crate::http::target::Target;
use std::fmt;

/// The rules, in order.
#[derive(Debug, Default)]
pub struct Redirects {
    rules: Vec<Rule>,
    /// Where in `rules` what matches a path is.
    tree: Tree,
    any_forced: bool,
}

#[derive(Debug)]
struct Rule {
    from: Pattern,
    to: String,
    status: Status,
    forced: bool,
}

/// What a rule says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// Go there.
    Redirect(Status, String),
    /// Answer with the file of that path, and this status.
    Rewrite(Status, String),
    /// The rule makes too much of that path.
    TooLong,
}

/// A line of a rule file that isn't understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleError {
    /// The file.
    pub file: &'static str,
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong.
    pub why: &'static str,
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}, line {}: {}", self.file, self.line, self.why)
    }
}

impl std::error::Error for RuleError {}

impl Redirects {
    /// Reads the text of a `_redirects` file.
    pub fn parse(text: &str) -> Result<Redirects, RuleError> {
        let mut redirects = Redirects::default();
        for (number, line) in text.lines().enumerate() {
            let mut words = line.split_whitespace().take_while(|word| !word.starts_with('#'));
            let Some(from) = words.next() else { continue };
            let rule = Rule::parse(from, words.next(), words.next(), words.next());
            redirects.add(rule.map_err(|why| RuleError { file: "_redirects", line: number + 1, why })?);
        }
        Ok(redirects)
    }

    fn add(&mut self, rule: Rule) {
        self.tree.push(&rule.from);
        self.any_forced |= rule.forced;
        self.rules.push(rule);
    }

    /// What the rules say of a target: the forced ones, or all. The query goes along with a redirect,
    /// unless the rule has one.
    pub fn find(&self, target: &Target, forced_only: bool) -> Option<Ruling> {
        if forced_only && !self.any_forced {
            return None;
        }
        let rule = &self.rules[self.tree.first(&target.path, 0)?];
        if forced_only && !rule.forced {
            return None;
        }
        let captures = rule.from.matches(&target.path)?;
        Some(rule.ruling(&captures, target).unwrap_or(Ruling::TooLong))
    }
}

impl Rule {
    fn parse(
        from: &str,
        to: Option<&str>,
        status: Option<&str>,
        more: Option<&str>,
    ) -> Result<Rule, &'static str> {
        if more.is_some() {
            return Err("more than a path, a destination and a status");
        }
        let to = to.ok_or("a rule needs a destination: /from /to [status]")?.to_owned();
        let from = Pattern::parse(from)?;
        let status = status.unwrap_or("301");
        let (digits, forced) = match status.strip_suffix('!') {
            Some(digits) => (digits, true),
            None => (status, false),
        };
        let status = match digits {
            "200" => Status::OK,
            "301" => Status::MOVED_PERMANENTLY,
            "302" => Status::FOUND,
            "303" => Status::SEE_OTHER,
            "307" => Status::TEMPORARY_REDIRECT,
            "308" => Status::PERMANENT_REDIRECT,
            "404" => Status::NOT_FOUND,
            "410" => Status::GONE,
            _ => return Err("the status must be 200, 301, 302, 303, 307, 308, 404 or 410"),
        };
        let rule = Rule { from, to, status, forced };
        rule.check_destination()?;
        Ok(rule)
    }

    fn is_redirect(&self) -> bool {
        (300..400).contains(&self.status.code)
    }

    fn check_destination(&self) -> Result<(), &'static str> {
        let to = self.to.as_str();
        self.from.check_template(to)?;
        if !to.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("the destination must be written in ASCII, other characters as %XX");
        }
        match to.strip_prefix("https://").or_else(|| to.strip_prefix("http://")) {
            Some(_) if !self.is_redirect() => {
                Err("only a file of this site can be answered with that status")
            }
            Some(rest) => {
                let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
                let open = self.from.names().any(|name| host.contains(&format!(":{name}")));
                if host.is_empty() || open { Err("the host of a destination must be fixed") } else { Ok(()) }
            }
            None if !to.starts_with('/') || to.starts_with("//") || to.starts_with("/\\") => {
                Err("the destination must begin with one /, or with http:// or https://")
            }
            None => Ok(()),
        }
    }

    fn ruling(&self, captures: &Captures, target: &Target) -> Result<Ruling, TooLong> {
        let mut to = captures.fill(&self.to)?;
        if !self.is_redirect() {
            return Ok(Ruling::Rewrite(self.status, to));
        }
        // What was filled in may be empty: `/:splat/x` must not become `//x`, which names a host.
        while to.starts_with("//") || to.starts_with("/\\") {
            to.remove(1);
        }
        if !to.contains('?') {
            let fragment = to.find('#').unwrap_or(to.len());
            to.insert_str(fragment, &target.query_suffix());
        }
        Ok(Ruling::Redirect(self.status, to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ruling(rules: &str, target: &str) -> Option<(u16, String)> {
        let rules = Redirects::parse(rules).unwrap();
        rules.find(&Target::parse(target).unwrap(), false).map(|ruling| match ruling {
            Ruling::Redirect(status, to) | Ruling::Rewrite(status, to) => (status.code, to),
            Ruling::TooLong => (414, String::new()),
        })
    }

    fn to(code: u16, to: &str) -> Option<(u16, String)> {
        Some((code, to.to_owned()))
    }

    #[test]
    fn rules_send_paths_elsewhere() {
        let rules = "# moved\n\n/redirect /result.html\n/a https://example.org/b?c 302 # why\n/caf%C3%A9 /x 308\n\
                     /blog/:year/* /news/:year/:splat 303\n/app/* /app.html 200\n/old/* /gone.html 410\n";
        assert_eq!(ruling(rules, "/redirect"), to(301, "/result.html"));
        assert_eq!(ruling(rules, "/redirect/"), to(301, "/result.html"));
        assert_eq!(ruling(rules, "//redirect?x=1"), to(301, "/result.html?x=1"));
        assert_eq!(ruling(rules, "/a?x=1"), to(302, "https://example.org/b?c"));
        assert_eq!(ruling(rules, "/caf\u{e9}"), to(308, "/x"));
        assert_eq!(ruling(rules, "/blog/2026/a/b?q"), to(303, "/news/2026/a/b?q"));
        assert_eq!(ruling(rules, "/app/x?q"), to(200, "/app.html"));
        assert_eq!(ruling(rules, "/old/x"), to(410, "/gone.html"));
        assert_eq!(ruling(rules, "/other"), None);
        assert_eq!(ruling("/a /b#c", "/a?q"), to(301, "/b?q#c"));
    }

    #[test]
    fn the_first_rule_wins_whatever_its_kind() {
        assert_eq!(ruling("/a /1\n/a /2", "/a"), to(301, "/1"));
        assert_eq!(ruling("/* /1\n/a /2", "/a"), to(301, "/1"));
        assert_eq!(ruling("/a /1\n/* /2", "/a"), to(301, "/1"));
        assert_eq!(ruling("/x/* /0\n/:a /1\n/a /2", "/a"), to(301, "/1"));
    }

    #[test]
    fn locations_stay_where_the_rule_says() {
        assert_eq!(ruling("/* /:splat/x", "/"), to(301, "/x"));
        assert_eq!(ruling("/go/* /:splat", "/go//evil.example"), to(301, "/evil.example"));
        assert_eq!(ruling("/go/* /:splat", "/go/%5Cevil.example"), to(301, "/%5Cevil.example"));
        assert_eq!(
            ruling("/* https://b.example/:splat", "/@evil.example"),
            to(301, "https://b.example/@evil.example")
        );
    }

    #[test]
    fn forced_rules_come_before_files() {
        let rules = Redirects::parse("/a /b 301!\n/c /d").unwrap();
        let forced = |path| rules.find(&Target::parse(path).unwrap(), true).is_some();
        assert!(forced("/a") && !forced("/c"));
    }

    #[test]
    fn mistakes_name_their_line() {
        for bad in [
            "/a",
            "/a b",
            "a /b",
            "/a //evil.example",
            "/a /\\evil.example",
            "/a /b 201",
            "/a /b 301 c",
            "/*x /b",
            "/a javascript:x",
            "/a /caf\u{e9}",
            "/a?b /c",
            "/a#b /c",
            "/../a /b",
            "/%00 /b",
            "/a https://x/ 200",
            "/:h https://:h/",
            "/a https://",
            "/a /b !",
        ] {
            let error = Redirects::parse(&format!("/ok /fine\n{bad}\n")).expect_err(bad);
            assert_eq!(error.line, 2, "{bad}");
            assert!(error.to_string().starts_with("_redirects, line 2: "));
        }
    }
}
