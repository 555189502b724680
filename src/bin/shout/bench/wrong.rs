//! A wrong reply: what is wrong with it, and the first difference.

use std::fmt;

/// Bytes shown of what was expected and of what came.
const SHOWN: usize = 12;

/// Why a reply is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    what: String,
    detail: String,
}

impl Wrong {
    /// It isn't what was expected. `got` is where it begins to be compared with `expected`.
    pub fn differs(what: String, expected: &[u8], got: &[u8]) -> Wrong {
        let at = Wrong::first_difference(expected, got);
        let (expected, got) = (shown(&expected[at..]), shown(&got[at..]));
        Wrong { what, detail: format!("From there on {expected} was expected, and {got} came.") }
    }

    /// There is more than was expected.
    pub fn unasked(what: String, got: &[u8]) -> Wrong {
        Wrong { what, detail: format!("They begin with {}.", shown(got)) }
    }

    /// It ended too early.
    pub fn ended(what: String) -> Wrong {
        Wrong { what, detail: String::new() }
    }

    /// With a sentence of advice.
    pub fn with(self, advice: &str) -> Wrong {
        let detail = format!("{} {advice}", self.detail);
        Wrong { detail: detail.trim_start().to_owned(), ..self }
    }

    /// Where two byte strings differ first: at the end of the shorter one if nowhere before.
    pub fn first_difference(one: &[u8], other: &[u8]) -> usize {
        one.iter().zip(other).position(|(a, b)| a != b).unwrap_or(one.len().min(other.len()))
    }

    /// What happened.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// The bytes.
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} {}", self.what, self.detail)
    }
}

/// A number of bytes in words.
pub fn bytes(count: impl Into<u64>) -> String {
    match count.into() {
        1 => "1 byte".to_owned(),
        count => format!("{count} bytes"),
    }
}

/// The first bytes in hexadecimal and as text.
fn shown(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "nothing".to_owned();
    }
    let first = &bytes[..bytes.len().min(SHOWN)];
    let hex: Vec<String> = first.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{} \"{}\"", hex.join(" "), first.escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_shown_in_both_ways() {
        let wrong = Wrong::differs("it differs".to_owned(), b"HELLO", b"HElLO");
        assert_eq!(
            wrong.to_string(),
            "it differs From there on 4c 4c 4f \"LLO\" was expected, and 6c 4c 4f \"lLO\" came."
        );
        assert!(Wrong::differs(String::new(), b"ab", b"a\x1b\n").detail().contains("1b 0a \"\\x1b\\n\""));
        assert!(Wrong::differs(String::new(), b"ab", b"a").detail().contains("nothing came"));
    }
}
