//! The rules of a `_headers` file, in the form that static hosts read: a path pattern on a line of its
//! own, and indented below it the fields for the files of such paths.
//!
//! Every pattern that matches adds its fields. One that the server would send itself, such as
//! `Cache-Control`, replaces it; twice the same name from the rules is sent twice joined by a comma, as
//! HTTP means lists. Fields that frame a message can't be set: they would break it.

use super::pattern::{Pattern, TooLong};
use super::redirects::RuleError;
use super::tree::Tree;
use crate::limits;

/// What no rule may say: the server knows it better.
const FRAMING: [&str; 13] = [
    "connection",
    "content-length",
    "content-range",
    "date",
    "etag",
    "keep-alive",
    "last-modified",
    "location",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Fields of requests that carry secrets. In a response they protect nothing and tell the secret to everybody.
const CREDENTIALS: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

/// The rules, in order.
#[derive(Debug, Default)]
pub struct Headers {
    rules: Vec<(Pattern, Vec<(String, String)>)>,
    /// Where in `rules` what matches a path is.
    tree: Tree,
    /// Bytes that the fields of every path have, whatever the path is.
    everywhere: usize,
    /// Bytes that the last rule adds to them, and the most that one of all adds.
    own: usize,
    most: usize,
}

impl Headers {
    /// Reads the text of a `_headers` file.
    pub fn parse(text: &str) -> Result<Headers, RuleError> {
        let mut headers = Headers::default();
        for (number, line) in text.lines().enumerate() {
            let content = line.trim();
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            let understood = if line.starts_with([' ', '\t']) {
                headers.add_field(content)
            } else {
                Pattern::parse(content).map(|pattern| headers.add_path(pattern))
            };
            understood.map_err(|why| RuleError { file: "_headers", line: number + 1, why })?;
        }
        Ok(headers)
    }

    fn add_path(&mut self, pattern: Pattern) {
        self.tree.push(&pattern);
        self.rules.push((pattern, Vec::new()));
        self.own = 0;
    }

    fn add_field(&mut self, text: &str) -> Result<(), &'static str> {
        let (name, value) = text.split_once(':').ok_or("a field is Name: value, indented below its path")?;
        let (name, value) = (name.trim_end(), value.trim());
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(token) {
            return Err("the name of a field has only letters, digits and !#$%&'*+-.^_`|~");
        }
        if !value.bytes().all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f)) {
            return Err("the value of a field has no control characters");
        }
        if FRAMING.iter().any(|framing| name.eq_ignore_ascii_case(framing)) {
            return Err("the server sets this field itself");
        }
        if name.eq_ignore_ascii_case("basic-auth") {
            return Err("Basic-Auth isn't supported: as a field it would tell the password to everybody");
        }
        if CREDENTIALS.iter().any(|field| name.eq_ignore_ascii_case(field)) {
            return Err("this is a field of requests: in a response it would tell a secret to everybody");
        }
        let (pattern, fields) = self.rules.last_mut().ok_or("a field must stand below a path")?;
        pattern.check_template(value)?;
        let length = length(name, pattern.literal(value));
        if pattern.is_everything() {
            self.everywhere += length;
        } else {
            self.own += length;
            self.most = self.most.max(self.own);
        }
        if self.everywhere + self.most > limits::EXPANDED {
            return Err("with this there is a path whose fields have more than 16384 bytes");
        }
        fields.push((name.to_owned(), value.to_owned()));
        Ok(())
    }

    /// The fields for a path, each name once but for `Set-Cookie`, which is no list (RFC 9110 section 5.3). They
    /// have at most [`limits::EXPANDED`] bytes.
    pub fn for_path(&self, path: &[u8]) -> Result<Vec<(String, String)>, TooLong> {
        let mut all: Vec<(String, String)> = Vec::new();
        let mut bytes = 0;
        for place in self.tree.all(path) {
            let (pattern, fields) = &self.rules[place];
            let Some(captures) = pattern.matches(path) else { continue };
            for (name, value) in fields {
                let value = captures.fill(value)?;
                bytes += length(name, value.len());
                if bytes > limits::EXPANDED {
                    return Err(TooLong);
                }
                match all.iter_mut().find(|(other, _)| other.eq_ignore_ascii_case(name)) {
                    Some((_, list)) if !name.eq_ignore_ascii_case("Set-Cookie") => {
                        list.push_str(", ");
                        list.push_str(&value);
                    }
                    _ => all.push((name.clone(), value)),
                }
            }
        }
        Ok(all)
    }
}

/// Bytes of a field's line.
fn length(name: &str, value: usize) -> usize {
    name.len() + ": \r\n".len() + value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_matching_pattern_adds_its_fields() {
        let text = "# ours\n/*\n  X-Frame-Options: DENY\n\tX-List: a\n\n/img/*\n  Cache-Control: max-age=60\n  x-list: b\n\
                    /p/:who/*\n  Link: </a/:who/:splat>; rel=x\n";
        let headers = Headers::parse(text).unwrap();
        let for_path = |path: &str| {
            let fields = headers.for_path(path.as_bytes()).unwrap();
            fields.into_iter().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>()
        };
        assert_eq!(for_path("/"), ["X-Frame-Options: DENY", "X-List: a"]);
        assert_eq!(
            for_path("/img/a.png"),
            ["X-Frame-Options: DENY", "X-List: a, b", "Cache-Control: max-age=60"]
        );
        assert_eq!(for_path("/p/me/a b")[2], "Link: </a/me/a%20b>; rel=x");
    }

    #[test]
    fn cookies_stay_apart() {
        let headers = Headers::parse("/*\n  Set-Cookie: a=1\n  set-cookie: b=2\n").unwrap();
        assert_eq!(headers.for_path(b"/").unwrap().len(), 2);
    }

    #[test]
    fn all_fields_of_a_path_together_are_bounded() {
        let fields = |count| format!("  X: {}\n", "x".repeat(995)).repeat(count);
        let half = fields(10);
        // Which other paths several rules are for is only seen when one of those is asked for.
        let headers = Headers::parse(&format!("/a/*\n{half}/a/b\n{half}")).unwrap();
        assert_eq!(headers.for_path(b"/a/b"), Err(TooLong));
        assert_eq!(headers.for_path(b"/b"), Ok(vec![]));
        assert!(headers.for_path(b"/a/c").is_ok());
        for (bad, line) in [
            (format!("/a\n{}", fields(20)), 18),
            (format!("/*\n{}", fields(20)), 18),
            (format!("/*\n{half}/b/*\n  X: y\n/a\n{half}"), 21),
            (format!("/a\n{half}/b\n  X: y\n/*\n{half}"), 21),
            (format!("/*\n{half}/*\n{half}"), 19),
        ] {
            let error = Headers::parse(&bad).unwrap_err();
            assert_eq!(error.line, line, "{error}");
        }
        assert!(Headers::parse(&format!("/a\n{half}/b\n{half}/*\n  X: y\n/c/:d\n{half}")).is_ok());
        let exactly = |more| {
            let last = limits::EXPANDED - 16 * 1000 - "X: \r\n".len() + more;
            Headers::parse(&format!("/:a/*\n{}  X: {}:splat\n", fields(16), "x".repeat(last)))
        };
        assert!(exactly(0).is_ok());
        assert_eq!(exactly(1).unwrap_err().line, 18);
    }

    #[test]
    fn mistakes_name_their_line() {
        for bad in [
            "  X: y",
            "x\n",
            "/a\n  no field",
            "/a\n  : x",
            "/a\n  A b: c",
            "/a\n  Content-Length: 3",
            "/a\n  date: x",
            "/a\n  X: y\n  Basic-Auth: tea:cup",
            "/a\n  Authorization: Basic dGVhOmN1cA==",
            "/a\n  X: a\u{1}b",
            "/*/b\n",
            &format!("/*\n  X: {}", ":splat".repeat(33)),
        ] {
            let error = Headers::parse(bad).expect_err(bad);
            assert_eq!(error.line, bad.trim_end().lines().count(), "{bad}");
        }
    }
}
