//! Request targets: from `/caf%C3%A9/?q=1` to a path that a site can be asked for (RFC 9112 section 3.2).
//!
//! There is one resolver, used for every request, and it decodes exactly once. What comes out has no
//! `.` or `..` segment, no hidden one, no empty one, no NUL and no control byte; and a `%2F` never
//! becomes a separator. Beneath the root the kernel guards the rest ([`crate::site::directory`]).

use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_encode, utf8_percent_encode};
use std::borrow::Cow;
use std::fmt::Display;

/// What stands unencoded in a path: the `pchar` of RFC 3986 section 3.3, and the slash.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@')
    .remove(b'/');

/// A path that may be looked for, and the query that came with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// Decoded; begins with a slash, and ends with one if the request's did.
    pub path: Cow<'a, [u8]>,
    /// What followed the `?`, as it was written.
    pub query: Option<&'a str>,
}

/// Why a target is not looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It breaks the grammar: 400.
    Malformed,
    /// It names something that is never served: 404.
    Hidden,
}

impl<'a> Target<'a> {
    /// Reads a target in origin form (`/path?query`) or absolute form (`http://host/path?query`).
    pub fn parse(text: &'a str) -> Result<Target<'a>, Refused> {
        let text = if text.starts_with('/') { text } else { without_authority(text)? };
        if text.contains('#') {
            return Err(Refused::Malformed);
        }
        let (path, query) = match text.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (text, None),
        };
        let path = if path.is_empty() { "/" } else { path };
        if is_plain(path.as_bytes()) {
            return Ok(Target { path: Cow::Borrowed(path.as_bytes()), query });
        }
        Ok(Target { path: Cow::Owned(resolve(path.as_bytes())?), query })
    }

    /// This path with a slash at its end, and the query, encoded for a `Location` field. As a resolved
    /// path has no empty segment and a backslash is encoded, it can't begin like another host's name.
    pub fn location_of_directory(&self) -> String {
        let mut location: String = percent_encode(&self.path, ENCODED).collect();
        location.push('/');
        location + &self.query_suffix()
    }

    /// The query with its question mark, ready to follow a path in a `Location`; empty if there is none.
    pub fn query_suffix(&self) -> String {
        let Some(query) = self.query else { return String::new() };
        std::iter::once("?").chain(utf8_percent_encode(query, CONTROLS)).collect()
    }
}

/// Writes path bytes so that they can stand in a URL.
pub fn encode(path: &[u8]) -> impl Display {
    percent_encode(path, ENCODED)
}

/// Writes a target so that it can stand in a log: nothing in it can end the line or move the cursor.
pub fn printable(target: &str) -> impl Display {
    utf8_percent_encode(target, CONTROLS)
}

/// The rest of an absolute-form target behind its scheme and authority. RFC 9112 section 3.2.2: a server
/// must accept this form, whatever the `Host` field says.
fn without_authority(text: &str) -> Result<&str, Refused> {
    let (scheme, rest) = text.split_once("://").ok_or(Refused::Malformed)?;
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return Err(Refused::Malformed);
    }
    let end = rest.bytes().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    if is_authority(&rest[..end], false) { Ok(&rest[end..]) } else { Err(Refused::Malformed) }
}

/// Whether a byte may stand in a host, or before and in its port: `unreserved`, `sub-delims`, percent and what
/// an IPv6 address needs (RFC 3986 section 3.2.2).
pub fn may_be_in_host(byte: u8) -> bool {
    // A bit for each, as a head may have thousands of them.
    const BYTES: u128 = {
        let (punctuation, mut set, mut at) = (b"-._~!$&'()*+,;=:[]%", 0, 0);
        while at < punctuation.len() {
            set |= 1 << punctuation[at];
            at += 1;
        }
        set
    };
    byte.is_ascii_alphanumeric() || (byte.is_ascii() && BYTES >> byte & 1 == 1)
}

/// Whether a text is a host with a port, or one that may go without (RFC 3986 section 3.2). No host may be
/// empty, and user information is an error in a request (RFC 9110 sections 4.2.1 and 4.2.4).
pub fn is_authority(text: &str, with_port: bool) -> bool {
    let bytes = text.as_bytes();
    let colon = bytes.iter().rposition(|&byte| byte == b':' || byte == b']');
    let (host, port) = match colon.filter(|&at| bytes[at] == b':') {
        Some(at) => (&bytes[..at], Some(&text[at + 1..])),
        None => (bytes, None),
    };
    let is_host = match host {
        [b'[', inside @ .., b']'] => {
            !inside.is_empty() && inside.iter().all(|&b| b.is_ascii_alphanumeric() || b":.".contains(&b))
        }
        _ => host.iter().all(|&byte| byte != b':' && may_be_in_host(byte)),
    };
    let is_port = match port {
        None => !with_port,
        Some(port) => {
            port.bytes().all(|byte| byte.is_ascii_digit()) && (!with_port || port.parse::<u16>().is_ok())
        }
    };
    is_host && is_port && !host.is_empty()
}

/// Whether [`resolve`] would return these bytes as they are: nothing encoded, no control byte, no segment that is
/// empty or begins with a dot. Most paths are, and then nothing is copied.
fn is_plain(path: &[u8]) -> bool {
    let mut previous = 0;
    for &byte in path {
        if byte == b'%' || byte.is_ascii_control() || (previous == b'/' && (byte == b'/' || byte == b'.')) {
            return false;
        }
        previous = byte;
    }
    path.first() == Some(&b'/')
}

/// Decodes %XX, strictly and once, and joins the segments that aren't empty: one pass, whatever the path is
/// made of. Control bytes are refused: the NUL that ends a C string, and the line ends that would forge a
/// log line.
fn resolve(path: &[u8]) -> Result<Vec<u8>, Refused> {
    let mut rest = path.strip_prefix(b"/").ok_or(Refused::Malformed)?;
    let mut resolved = Vec::with_capacity(path.len());
    resolved.push(b'/');
    let (mut segment, mut hidden) = (1, false);
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        let byte = match byte {
            b'/' => {
                if segment < resolved.len() {
                    hidden |= is_hidden(&resolved, segment);
                    resolved.push(b'/');
                    segment = resolved.len();
                }
                continue;
            }
            b'%' => {
                let (&[high, low], behind) = rest.split_first_chunk().ok_or(Refused::Malformed)?;
                rest = behind;
                let digit = |byte: u8| char::from(byte).to_digit(16).ok_or(Refused::Malformed);
                let decoded = (digit(high)? << 4 | digit(low)?) as u8;
                // A byte of the name, and no file name has it.
                hidden |= decoded == b'/';
                decoded
            }
            byte => byte,
        };
        if byte.is_ascii_control() {
            return Err(Refused::Malformed);
        }
        resolved.push(byte);
    }
    hidden |= is_hidden(&resolved, segment);
    if hidden { Err(Refused::Hidden) } else { Ok(resolved) }
}

/// Whether what begins at `segment` is a hidden file, `.` and `..` alike. Clients resolve dot segments before
/// they ask.
fn is_hidden(resolved: &[u8], segment: usize) -> bool {
    let name = &resolved[segment..];
    name.first() == Some(&b'.') && !(segment == 1 && name == b".well-known")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Result<String, Refused> {
        Target::parse(text).map(|target| String::from_utf8(target.path.into_owned()).unwrap())
    }

    #[test]
    fn ordinary_paths_are_themselves() {
        for plain in ["/", "/index.html", "/a/b/", "/a.b/c..d", "/a\\b", "/caf\u{e9}"] {
            assert_eq!(path(plain).as_deref(), Ok(plain));
            assert!(matches!(Target::parse(plain).unwrap().path, Cow::Borrowed(_)), "{plain} was copied");
        }
    }

    #[test]
    fn queries_are_cut_off_and_kept() {
        let target = Target::parse("/a?b=%2e%2e/?c").unwrap();
        assert_eq!((&*target.path, target.query), (&b"/a"[..], Some("b=%2e%2e/?c")));
        assert_eq!(Target::parse("/?").unwrap().query, Some(""));
    }

    #[test]
    fn encodings_are_decoded_once() {
        assert_eq!(path("/caf%C3%A9%20x").as_deref(), Ok("/caf\u{e9} x"));
        assert_eq!(path("/%2541").as_deref(), Ok("/%41"));
        assert_eq!(path("/a%5Cb").as_deref(), Ok("/a\\b"));
        assert_eq!(path("/%3Fa%23").as_deref(), Ok("/?a#"));
    }

    #[test]
    fn repeated_slashes_are_one() {
        assert_eq!(path("//").as_deref(), Ok("/"));
        assert_eq!(path("//a///b//").as_deref(), Ok("/a/b/"));
        assert_eq!(path("//evil.example/x").as_deref(), Ok("/evil.example/x"));
    }

    #[test]
    fn nothing_hidden_and_nothing_above_is_looked_for() {
        for hidden in [
            "/.git/config",
            "/a/.htaccess",
            "/..",
            "/../etc/passwd",
            "/a/../b",
            "/./a",
            "/%2e%2e/etc/passwd",
            "/.%2e/x",
            "/a/%2E%2E",
            "/a%2Fb",
            "/..%2f..%2fetc",
            "/%2fetc/passwd",
            "/.well-known/.secret",
            "/a/.well-known/b",
            "//evil.example/%2e%2e",
            "/.well-knownx",
        ] {
            assert_eq!(path(hidden), Err(Refused::Hidden), "{hidden}");
        }
        assert_eq!(path("/.well-known/security.txt").as_deref(), Ok("/.well-known/security.txt"));
        assert_eq!(path("/%2ewell-known/x").as_deref(), Ok("/.well-known/x"));
    }

    #[test]
    fn malformed_targets_are_told_apart() {
        for bad in [
            "",
            "*",
            "a",
            "index.html",
            "/%",
            "/%4",
            "/%zz",
            "/%00",
            "/a.txt%00.html",
            "/%0a",
            "/%7f",
            "/a#b",
            "/%e",
            "ftp://a/b",
            "http:///a",
            "example.org:443",
            "/.git/%00",
            "/a\u{1}b",
            "/a\u{7f}",
        ] {
            assert_eq!(path(bad), Err(Refused::Malformed), "{bad}");
        }
    }

    #[test]
    fn the_absolute_form_is_a_path_too() {
        assert_eq!(path("http://example.org/a/b").as_deref(), Ok("/a/b"));
        assert_eq!(path("HTTP://example.org:8080").as_deref(), Ok("/"));
        assert_eq!(path("http://example.org?x").as_deref(), Ok("/"));
        assert_eq!(path("http://example.org//b").as_deref(), Ok("/b"));
    }

    #[test]
    fn locations_stay_on_this_host() {
        for (target, expected) in [
            ("/a", "/a/"),
            ("//evil.example/a", "/evil.example/a/"),
            ("/%5Cevil.example", "/%5Cevil.example/"),
            ("/\\evil.example", "/%5Cevil.example/"),
            ("/a b%0", "malformed"),
            ("/a%20b?x=%0d", "/a%20b/?x=%0d"),
            ("/%3Fx", "/%3Fx/"),
        ] {
            let location = Target::parse(target).map_or("malformed".into(), |t| t.location_of_directory());
            assert_eq!(location, expected);
        }
    }
}
