//! `_redirects` and `_headers`: read, and then asked for any paths.
//!
//! What a tree of patterns finds is held against trying each pattern, and everything that rules make is bounded
//! and can stand in a response.
//!
//! Input: the text of `_redirects`, that of `_headers`, and targets, each up to a zero byte.

use super::input::Input;
use shoutd::http::target::Target;
use shoutd::limits;
use shoutd::site::headers::Headers;
use shoutd::site::pattern::Pattern;
use shoutd::site::redirects::{Redirects, RuleError, Ruling};
use std::collections::BTreeSet;

pub fn check(data: &[u8]) {
    let mut input = Input(data);
    let redirects = String::from_utf8_lossy(input.until_zero());
    let headers = String::from_utf8_lossy(input.until_zero());
    let parsed = (Redirects::parse(&redirects), Headers::parse(&headers));
    is_somewhere_in(&parsed.0.as_ref().err(), &redirects);
    is_somewhere_in(&parsed.1.as_ref().err(), &headers);
    let rules: Vec<Rule> =
        parsed.0.is_ok().then(|| redirects.lines().filter_map(Rule::of)).into_iter().flatten().collect();
    let blocks = if parsed.1.is_ok() { blocks(&headers) } else { Vec::new() };

    let mut asked = 0;
    while !input.0.is_empty() && asked < 32 {
        asked += 1;
        let text: String = String::from_utf8_lossy(input.until_zero())
            .chars()
            .filter(|c| !c.is_control() && *c != ' ')
            .collect();
        let Ok(target) = Target::parse(&text) else { continue };
        if let Ok(redirects) = &parsed.0 {
            ask_redirects(redirects, &rules, &target);
        }
        if let Ok(headers) = &parsed.1 {
            ask_headers(headers, &blocks, &target.path);
        }
    }
}

fn is_somewhere_in(error: &Option<&RuleError>, text: &str) {
    if let Some(error) = error {
        assert!((1..=text.lines().count()).contains(&error.line), "{error}");
        assert!(!error.to_string().contains(char::is_control), "{error}");
    }
}

/// A line of `_redirects`, as far as it decides who is meant.
struct Rule {
    from: Pattern,
    status: u16,
    forced: bool,
}

impl Rule {
    fn of(line: &str) -> Option<Rule> {
        let words: Vec<&str> = line.split_whitespace().take_while(|word| !word.starts_with('#')).collect();
        let status = words.get(2).unwrap_or(&"301");
        let from = Pattern::parse(words.first()?).expect("a rule that was taken");
        Some(Rule {
            from,
            status: status.trim_end_matches('!').parse().unwrap(),
            forced: status.ends_with('!'),
        })
    }
}

fn ask_redirects(redirects: &Redirects, rules: &[Rule], target: &Target) {
    let first = rules.iter().find(|rule| rule.from.matches(&target.path).is_some());
    let ruling = redirects.find(target, false);
    assert_eq!(first.is_some(), ruling.is_some(), "{target:?}");
    let Some((first, ruling)) = first.zip(ruling) else { return };
    assert_eq!(redirects.find(target, true), first.forced.then(|| ruling.clone()));
    match ruling {
        Ruling::Redirect(status, to) => {
            assert_eq!(status.code, first.status);
            assert!(to.bytes().all(|byte| byte.is_ascii_graphic()), "{to:?}");
            assert!(to.len() <= limits::EXPANDED + target.query_suffix().len());
            let is_path = to.starts_with('/') && !to.starts_with("//") && !to.starts_with("/\\");
            assert!(is_path || to.starts_with("http://") || to.starts_with("https://"), "{to:?}");
        }
        Ruling::Rewrite(status, to) => {
            assert_eq!(status.code, first.status);
            assert!(to.len() <= limits::EXPANDED && to.starts_with('/'), "{to:?}");
        }
        Ruling::TooLong => {}
    }
}

/// The patterns of `_headers`, each with the names and values below it.
type Block<'a> = (Pattern, Vec<(&'a str, &'a str)>);

fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty() && !line.trim().starts_with('#')) {
        if line.starts_with([' ', '\t']) {
            let (name, value) = line.split_once(':').unwrap();
            blocks.last_mut().unwrap().1.push((name.trim(), value.trim()));
        } else {
            blocks.push((Pattern::parse(line.trim()).unwrap(), Vec::new()));
        }
    }
    blocks
}

fn ask_headers(headers: &Headers, blocks: &[Block], path: &[u8]) {
    let Ok(fields) = headers.for_path(path) else { return };
    let length: usize = fields.iter().map(|(name, value)| name.len() + value.len() + ": \r\n".len()).sum();
    assert!(length <= limits::EXPANDED, "{length} bytes");
    let mut names = BTreeSet::new();
    for (name, value) in &fields {
        let lower = name.to_ascii_lowercase();
        assert!(!["content-length", "transfer-encoding", "connection", "date"].contains(&&*lower), "{name}");
        assert!(!value.contains(['\r', '\n', '\0']), "{value:?}");
        assert!(names.insert(lower.clone()) || lower == "set-cookie", "{name} twice");
    }

    let mut expected: Vec<(String, String)> = Vec::new();
    for (pattern, below) in blocks {
        let Some(captures) = pattern.matches(path) else { continue };
        for (name, value) in below {
            let value = captures.fill(value).expect("all of it fits");
            let same = |other: &&mut (String, String)| other.0.eq_ignore_ascii_case(name);
            match expected.iter_mut().find(same) {
                Some(list) if !name.eq_ignore_ascii_case("set-cookie") => {
                    list.1 = format!("{}, {value}", list.1)
                }
                _ => expected.push(((*name).to_owned(), value)),
            }
        }
    }
    assert_eq!(fields, expected);
}
