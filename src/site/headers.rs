//! The rules of a `_headers` file, in the form that static hosts read: a path pattern on a line of its
//! own, and indented below it the fields for the files of such paths.
//!
//! Every pattern that matches adds its fields. One that the server would send itself, such as
//! `Cache-Control`, replaces it; twice the same name from the rules is sent twice joined by a comma, as
//! HTTP means lists. Fields that frame a message can't be set: they would break it.

use super::pattern::Pattern;
use super::redirects::RuleError;

/// What no rule may say: the server knows it better.
const FRAMING: [&str; 10] = [
    "connection",
    "content-length",
    "content-range",
    "date",
    "etag",
    "keep-alive",
    "last-modified",
    "location",
    "transfer-encoding",
    "upgrade",
];

/// The rules, in order.
#[derive(Debug, Default)]
pub struct Headers {
    rules: Vec<(Pattern, Vec<(String, String)>)>,
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
                Pattern::parse(content).map(|pattern| headers.rules.push((pattern, Vec::new())))
            };
            understood.map_err(|why| RuleError { file: "_headers", line: number + 1, why })?;
        }
        Ok(headers)
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
        let (_, fields) = self.rules.last_mut().ok_or("a field must stand below a path")?;
        fields.push((name.to_owned(), value.to_owned()));
        Ok(())
    }

    /// The fields for a path, each name once but for `Set-Cookie`, which is no list (RFC 9110 section 5.3).
    pub fn for_path(&self, path: &[u8]) -> Vec<(String, String)> {
        let mut all: Vec<(String, String)> = Vec::new();
        for (pattern, fields) in &self.rules {
            let Some(captures) = pattern.matches(path) else { continue };
            for (name, value) in fields {
                let value = captures.fill(value);
                match all.iter_mut().find(|(other, _)| other.eq_ignore_ascii_case(name)) {
                    Some((_, list)) if !name.eq_ignore_ascii_case("Set-Cookie") => {
                        *list = format!("{list}, {value}")
                    }
                    _ => all.push((name.clone(), value)),
                }
            }
        }
        all
    }
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
            let fields = headers.for_path(path.as_bytes());
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
        assert_eq!(headers.for_path(b"/").len(), 2);
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
            "/a\n  X: a\u{1}b",
            "/*/b\n",
        ] {
            let error = Headers::parse(bad).expect_err(bad);
            assert_eq!(error.line, bad.trim_end().lines().count(), "{bad}");
        }
    }
}
