//! Request heads: what is asked for, and how its body is framed.
//!
//! A request that two readers could take for two different ones is refused here, because the reader in
//! front of us may be the other one (RFC 9112 section 11.2, request smuggling): both a length and a
//! transfer coding, two lengths, no host or two. Line ends were checked in [`crate::http::head`];
//! `httparse` itself refuses folded lines, space before a colon, and control bytes.

use crate::http::accept::Accepts;
use crate::http::conditional::Conditions;
use crate::http::response::Status;
use crate::http::target::{Refused, Target, is_authority, may_be_in_host};
use crate::limits;
use std::mem::MaybeUninit;

/// What a request head says, as far as this server wants to know it.
#[derive(Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// What to do.
    pub method: Method,
    /// To what, as it was written.
    pub target: &'a str,
    /// To what, as it is understood.
    pub subject: Subject<'a>,
    /// The minor version: 0 or 1.
    pub minor: u8,
    /// Whether the client wants to go on using the connection (RFC 9112 section 9.3).
    pub keep_alive: bool,
    /// What follows the head.
    pub body: Framing,
    /// What the client knows already, and when it wants the rest.
    pub conditions: Conditions<'a>,
    /// The part of the file that it wants.
    pub range: Option<&'a [u8]>,
    /// What it can read.
    pub accepts: Accepts<'a>,
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
    /// POST.
    Post,
    /// OPTIONS.
    Options,
    /// CONNECT, which only proxies have.
    Connect,
    /// One that RFC 9110 or RFC 5789 defines and a file doesn't have: 405.
    NotAllowed,
    /// One that nobody here has heard of: 501.
    Unknown,
}

/// What a request is about: the forms of a target (RFC 9112 section 3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject<'a> {
    /// A path, in origin form or absolute form.
    Path(Target<'a>),
    /// A path that is never looked for, such as that of a hidden file.
    Hidden,
    /// `*`, the server itself: of OPTIONS only.
    Server,
    /// The end of a tunnel, `host:port`: of CONNECT only.
    Authority,
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
    let mut conditions = Conditions::default();
    let mut range = None;
    let mut accepts = Accepts::default();
    for field in parsed.headers.iter() {
        seen.note(field.name, field.value)?;
        conditions.note(field.name, field.value);
        if field.name.len() == 15 && field.name.eq_ignore_ascii_case("accept-encoding") {
            accepts.encoding = field.value;
        }
        if field.name.len() == 6 && field.name.eq_ignore_ascii_case("accept") {
            accepts.types = field.value;
        }
        if field.name.len() == 5 && field.name.eq_ignore_ascii_case("range") {
            // Two of them contradict each other; the whole file is always right.
            range = if range.is_none() { Some(field.value) } else { Some(&b""[..]) };
        }
    }
    if seen.hosts == 0 && minor > 0 {
        return Err(Status::BAD_REQUEST);
    }
    let body = seen.framing(minor)?;
    if minor > 0 && seen.other_expectation {
        return Err(Status::EXPECTATION_FAILED);
    }
    let method = method_named(method);
    let subject = Subject::of(method, target).ok_or(Status::BAD_REQUEST)?;
    // Bytes behind a CONNECT may be meant for the tunnel, and then they must not be read as a request.
    let may_stay = !seen.close && method != Method::Connect;
    Ok(Request {
        method,
        target,
        subject,
        minor,
        keep_alive: may_stay && (minor > 0 || seen.keep_alive),
        body,
        conditions,
        range,
        accepts,
        expects_continue: minor > 0 && seen.expects_continue,
    })
}

impl Method {
    /// Its name, where a resource can have it.
    pub fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
            Method::Options => "OPTIONS",
            Method::Connect | Method::NotAllowed | Method::Unknown => "",
        }
    }
}

impl<'a> Subject<'a> {
    /// What a target means to a method; `None` for a malformed one. Whatever the method, that is refused:
    /// two readers might not agree what it is, and then not on what is behind it either.
    fn of(method: Method, target: &'a str) -> Option<Subject<'a>> {
        match (method, target) {
            (Method::Options, "*") => Some(Subject::Server),
            (Method::Connect, _) => is_authority(target, true).then_some(Subject::Authority),
            _ => match Target::parse(target) {
                Ok(target) => Some(Subject::Path(target)),
                Err(Refused::Hidden) => Some(Subject::Hidden),
                Err(Refused::Malformed) => None,
            },
        }
    }
}

/// Turns a later minor version into the one that we know, as RFC 9110 section 2.5 has a server read it:
/// `HTTP/1.2` and so on are answered as HTTP/1.1.
pub fn settle_version(head: &mut [u8]) {
    let Some(end) = head.iter().position(|&byte| byte == b'\r') else { return };
    if let [.., b' ', b'H', b'T', b'T', b'P', b'/', b'1', b'.', minor @ b'2'..=b'9'] = &mut head[..end] {
        *minor = b'1';
    }
}

fn method_named(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "OPTIONS" => Method::Options,
        "POST" => Method::Post,
        "CONNECT" => Method::Connect,
        "PUT" | "DELETE" | "TRACE" | "PATCH" => Method::NotAllowed,
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

    /// One host, not empty, of bytes that a host may have (RFC 9110 section 7.2).
    fn note_host(&mut self, value: &[u8]) -> Result<(), Status> {
        self.hosts += 1;
        let well_formed = value.iter().all(|&byte| may_be_in_host(byte));
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
mod tests;
