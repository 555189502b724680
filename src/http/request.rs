//! Request heads: what is asked for, and how its body is framed.
//!
//! A request that two readers could take for two different ones is refused here, because the reader in
//! front of us may be the other one (RFC 9112 section 11.2, request smuggling): both a length and a
//! transfer coding, two lengths, no host or two. Line ends were checked in [`crate::http::head`];
//! `httparse` itself refuses folded lines, space before a colon, and control bytes.

use crate::http::response::Status;
use crate::limits;
use std::mem::MaybeUninit;

/// What a request head says, as far as this server wants to know it.
#[derive(Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// What to do.
    pub method: Method,
    /// To what, undecoded.
    pub target: &'a str,
    /// The minor version: 0 or 1.
    pub minor: u8,
    /// Whether the client wants to go on using the connection (RFC 9112 section 9.3).
    pub keep_alive: bool,
    /// What follows the head.
    pub body: Framing,
    /// Whether the client waits for a 100 (RFC 9110 section 10.1.1) before it sends the body.
    pub expects_continue: bool,
}

/// The methods that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET.
    Get,
    /// HEAD.
    Head,
    /// One that RFC 9110 or RFC 5789 defines and a file doesn't have: 405.
    NotAllowed,
    /// One that nobody here has heard of: 501.
    Unknown,
}

/// How long the body is (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// So many bytes; 0 where the head says nothing.
    Length(u64),
    /// Chunked transfer coding.
    Chunked,
}

/// Reads a complete head. An error is the status of the refusal; the connection can't be used after it,
/// because nobody knows where the next request would begin.
pub fn parse(head: &[u8]) -> Result<Request<'_>, Status> {
    let mut fields = [const { MaybeUninit::uninit() }; limits::FIELDS];
    let mut parsed = httparse::Request::new(&mut []);
    match parsed.parse_with_uninit_headers(head, &mut fields) {
        Ok(httparse::Status::Complete(length)) if length == head.len() => {}
        Ok(_) => return Err(Status::BAD_REQUEST),
        Err(httparse::Error::TooManyHeaders) => return Err(Status::REQUEST_HEADER_FIELDS_TOO_LARGE),
        Err(httparse::Error::Version) if names_other_version(head) => {
            return Err(Status::HTTP_VERSION_NOT_SUPPORTED);
        }
        Err(_) => return Err(Status::BAD_REQUEST),
    }
    let (Some(method), Some(target), Some(minor)) = (parsed.method, parsed.path, parsed.version) else {
        return Err(Status::BAD_REQUEST);
    };

    let mut seen = Fields::default();
    for field in parsed.headers.iter() {
        seen.note(field.name, field.value)?;
    }
    if seen.hosts == 0 && minor > 0 {
        return Err(Status::BAD_REQUEST);
    }
    let body = seen.framing(minor)?;
    if minor > 0 && seen.other_expectation {
        return Err(Status::EXPECTATION_FAILED);
    }
    Ok(Request {
        method: method_named(method),
        target,
        minor,
        keep_alive: !seen.close && (minor > 0 || seen.keep_alive),
        body,
        expects_continue: minor > 0 && seen.expects_continue,
    })
}

fn method_named(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" | "PUT" | "DELETE" | "CONNECT" | "OPTIONS" | "TRACE" | "PATCH" => Method::NotAllowed,
        _ => Method::Unknown,
    }
}

/// Whether the request line ends in a version that is well formed and not ours.
fn names_other_version(head: &[u8]) -> bool {
    let line = head.split(|&byte| byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|&byte| byte == b' ').skip(1);
    let (Some(target), Some(version), None) = (words.next(), words.next(), words.next()) else {
        return false;
    };
    let well_formed = matches!(version, [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
        if major.is_ascii_digit() && minor.is_ascii_digit());
    well_formed && !target.is_empty()
}

/// What the fields say that decide how the connection goes on.
#[derive(Default)]
struct Fields {
    hosts: u32,
    length: Option<u64>,
    codings: u32,
    chunked: u32,
    chunked_last: bool,
    transfer_encoding: bool,
    close: bool,
    keep_alive: bool,
    expects_continue: bool,
    other_expectation: bool,
}

impl Fields {
    fn note(&mut self, name: &str, value: &[u8]) -> Result<(), Status> {
        // The length tells most names apart before any letter is compared.
        match name.len() {
            4 if name.eq_ignore_ascii_case("host") => self.note_host(value),
            6 if name.eq_ignore_ascii_case("expect") => {
                let usual = value.eq_ignore_ascii_case(b"100-continue");
                self.expects_continue |= usual;
                self.other_expectation |= !usual;
                Ok(())
            }
            10 if name.eq_ignore_ascii_case("connection") => {
                for option in list(value) {
                    self.close |= option.eq_ignore_ascii_case(b"close");
                    self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
                }
                Ok(())
            }
            14 if name.eq_ignore_ascii_case("content-length") => self.note_length(value),
            17 if name.eq_ignore_ascii_case("transfer-encoding") => {
                self.transfer_encoding = true;
                for coding in list(value) {
                    let chunked = coding.eq_ignore_ascii_case(b"chunked");
                    self.chunked += u32::from(chunked);
                    self.codings += u32::from(!chunked);
                    self.chunked_last = chunked;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// One host, not empty, of bytes that a host may have (RFC 9110 section 7.2, RFC 3986 section 3.2.2).
    fn note_host(&mut self, value: &[u8]) -> Result<(), Status> {
        self.hosts += 1;
        let well_formed =
            value.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:[]%".contains(byte));
        if self.hosts == 1 && !value.is_empty() && well_formed { Ok(()) } else { Err(Status::BAD_REQUEST) }
    }

    /// One length, of digits only. The RFC allows a list of equal ones; nobody honest sends that.
    fn note_length(&mut self, value: &[u8]) -> Result<(), Status> {
        if self.length.is_some() || value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
            return Err(Status::BAD_REQUEST);
        }
        let length = std::str::from_utf8(value).ok().and_then(|digits| digits.parse().ok());
        self.length = Some(length.ok_or(Status::BAD_REQUEST)?);
        Ok(())
    }

    fn framing(&self, minor: u8) -> Result<Framing, Status> {
        if !self.transfer_encoding {
            return Ok(Framing::Length(self.length.unwrap_or(0)));
        }
        // An HTTP/1.0 proxy in front would not have understood the coding (RFC 9112 section 6.1).
        if self.length.is_some() || minor == 0 || self.chunked != 1 || !self.chunked_last {
            return Err(Status::BAD_REQUEST);
        }
        if self.codings > 0 { Err(Status::NOT_IMPLEMENTED) } else { Ok(Framing::Chunked) }
    }
}

/// The members of a comma-separated field value (RFC 9110 section 5.6.1).
fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|member| !member.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(head: &str) -> u16 {
        parse(head.as_bytes())
            .map_or_else(|status| status.code, |request| panic!("{head:?} gave {request:?}"))
    }

    fn with(fields: &str) -> String {
        format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n")
    }

    #[test]
    fn a_plain_request() {
        let request = parse(b"GET /a?b HTTP/1.1\r\nHost: example.org:80\r\nAccept: */*\r\n\r\n");
        let expected = Request {
            method: Method::Get,
            target: "/a?b",
            minor: 1,
            keep_alive: true,
            body: Framing::Length(0),
            expects_continue: false,
        };
        assert_eq!(request, Ok(expected));
    }

    #[test]
    fn persistence_follows_version_and_connection() {
        for (version, connection, expected) in [
            ("1.1", "", true),
            ("1.1", "close", false),
            ("1.1", "Upgrade, CLOSE", false),
            ("1.1", "keep-alive, close", false),
            ("1.0", "", false),
            ("1.0", "Keep-Alive", true),
            ("1.0", "keep-alive, close", false),
        ] {
            let head = format!("GET / HTTP/{version}\r\nHost: a\r\nConnection: {connection}\r\n\r\n");
            assert_eq!(parse(head.as_bytes()).unwrap().keep_alive, expected, "{head}");
        }
    }

    #[test]
    fn methods_are_told_apart() {
        for (name, expected) in [
            ("GET", Method::Get),
            ("HEAD", Method::Head),
            ("POST", Method::NotAllowed),
            ("get", Method::Unknown),
            ("BREW", Method::Unknown),
        ] {
            let head = format!("{name} / HTTP/1.0\r\n\r\n");
            assert_eq!(parse(head.as_bytes()).unwrap().method, expected);
        }
    }

    #[test]
    fn hosts_must_be_one_and_make_sense() {
        assert_eq!(refused("GET / HTTP/1.1\r\n\r\n"), 400);
        for fields in ["Host: a\r\n", "Host:\r\n"] {
            assert_eq!(refused(&with(fields)), 400, "{fields}");
        }
        for host in ["", "a b", "a/b", "a@b", "caf\u{e9}", "a\"b"] {
            assert_eq!(refused(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")), 400, "{host}");
        }
        for host in ["a", "a.b-c:8080", "[::1]:80", "127.0.0.1"] {
            assert!(parse(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()).is_ok(), "{host}");
        }
        assert!(parse(b"GET / HTTP/1.0\r\n\r\n").is_ok(), "HTTP/1.0 had no Host");
        assert_eq!(refused("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"), 400);
    }

    #[test]
    fn bodies_are_framed_in_one_way_only() {
        let framing = |fields: &str| parse(with(fields).as_bytes()).map(|request| request.body);
        assert_eq!(framing("Content-Length: 42\r\n"), Ok(Framing::Length(42)));
        assert_eq!(framing("Content-Length: 18446744073709551615\r\n"), Ok(Framing::Length(u64::MAX)));
        assert_eq!(framing("Transfer-Encoding: Chunked\r\n"), Ok(Framing::Chunked));
        for (fields, status) in [
            ("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", 400),
            ("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", 400),
            ("Content-Length: 3\r\nContent-Length: 3\r\n", 400),
            ("Content-Length: 3, 3\r\n", 400),
            ("Content-Length: +3\r\n", 400),
            ("Content-Length: -1\r\n", 400),
            ("Content-Length: 0x3\r\n", 400),
            ("Content-Length: 3 4\r\n", 400),
            ("Content-Length:\r\n", 400),
            ("Content-Length: 18446744073709551616\r\n", 400),
            ("Transfer-Encoding: identity\r\n", 400),
            ("Transfer-Encoding: chunked, gzip\r\n", 400),
            ("Transfer-Encoding: chunked, chunked\r\n", 400),
            ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400),
            ("Transfer-Encoding: xchunked\r\n", 400),
            ("Transfer-Encoding:\r\n", 400),
            ("Transfer-Encoding: gzip, chunked\r\n", 501),
        ] {
            assert_eq!(refused(&with(fields)), status, "{fields}");
        }
        assert_eq!(refused("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
    }

    #[test]
    fn what_httparse_must_refuse_for_us() {
        for fields in [
            "A : b\r\n",
            "A: b\r\n folded\r\n",
            "A: b\rc\r\n",
            "A: b\0c\r\n",
            ": b\r\n",
            "A b\r\n",
            "A\u{e9}: b\r\n",
        ] {
            assert_eq!(refused(&with(fields)), 400, "{fields:?}");
        }
        for line in [
            "GET  / HTTP/1.1",
            "GET /  HTTP/1.1",
            "GET /",
            " GET / HTTP/1.1",
            "GET\t/ HTTP/1.1",
            "GET /a b HTTP/1.1",
            "GET / HTTP/1.1 ",
            "GET / FTP/1.1",
            "GET / HTTP/11",
            "GET / http/1.1",
        ] {
            assert_eq!(refused(&format!("{line}\r\nHost: a\r\n\r\n")), 400, "{line:?}");
        }
    }

    #[test]
    fn other_versions_are_named() {
        for version in ["2.0", "1.2", "3.0", "0.9"] {
            assert_eq!(refused(&format!("GET / HTTP/{version}\r\nHost: a\r\n\r\n")), 505, "{version}");
        }
    }

    #[test]
    fn expectations() {
        assert!(parse(with("Expect: 100-Continue\r\n").as_bytes()).unwrap().expects_continue);
        assert_eq!(refused(&with("Expect: a-pony\r\n")), 417);
        assert!(parse(b"GET / HTTP/1.0\r\nExpect: a-pony\r\n\r\n").is_ok(), "HTTP/1.0 had no Expect");
    }

    #[test]
    fn a_hundred_fields_and_no_more() {
        let fields = |count: usize| with(&"A: b\r\n".repeat(count - 1));
        assert!(parse(fields(limits::FIELDS).as_bytes()).is_ok());
        assert_eq!(refused(&fields(limits::FIELDS + 1)), 431);
    }
}
