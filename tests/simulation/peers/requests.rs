//! Requests of HTTP, what must come back, and how responses are taken apart.

use crate::random::Random;
use std::rc::Rc;

/// The files of the site, by path.
pub type Files = Rc<Vec<(&'static str, Vec<u8>)>>;

/// A file that becomes shorter while it is sent.
pub const SHRINKING: &str = "/shrinking.bin";

/// A directory that may be listed.
pub const MANY: &str = "/many/";

/// What a response must be.
#[derive(Debug)]
pub struct Expected {
    pub status: u16,
    pub body: Body,
    pub is_head: bool,
    pub may_be_cut: bool,
}

/// What its body must be.
#[derive(Debug)]
pub enum Body {
    Exactly(Vec<u8>),
    /// It isn't known in advance.
    Anything,
    /// A listing of [`MANY`], or that there is none.
    Listing,
}

/// One that is complete.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub body: Vec<u8>,
    /// It says that the connection is closed.
    pub closes: bool,
    /// How long it was.
    pub length: usize,
}

/// The kinds of [`request`].
pub const CHOICES: usize = 10;

/// A request, and what must come back.
pub fn request(choice: usize, random: &mut Random, files: &Files) -> (Vec<u8>, Expected) {
    let get = |method: &str, path: &str| format!("{method} {path} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes();
    let whole = |body: Body| Expected { status: 200, body, is_head: false, may_be_cut: false };
    match choice {
        0 => {
            let (path, content) = files.iter().max_by_key(|(_, content)| content.len()).expect("files");
            (get("GET", path), whole(Body::Exactly(content.clone())))
        }
        1..=3 => {
            let (path, content) = random.pick(files);
            (get("GET", path), whole(Body::Exactly(content)))
        }
        4 => {
            let (path, _) = random.pick(files);
            (get("HEAD", path), Expected { is_head: true, ..whole(Body::Anything) })
        }
        5 => (get("GET", "/missing"), Expected { status: 404, ..whole(Body::Anything) }),
        6 => {
            let length = random.pick(&[0, 1, 500, 100_000]);
            let body = random.text(length);
            let head = format!("POST /upper HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
            ([head.as_bytes(), body.plain].concat(), whole(Body::Exactly(body.upper.to_vec())))
        }
        7 => {
            let length = random.range(1, 5000);
            let body = random.text(length);
            let mut request =
                b"POST /upper HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
            let mut rest = body.plain;
            while !rest.is_empty() {
                let (chunk, behind) = rest.split_at(random.range(1, rest.len().min(900)));
                request.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                request.extend_from_slice(chunk);
                request.extend_from_slice(b"\r\n");
                rest = behind;
            }
            request.extend_from_slice(b"0\r\n\r\n");
            (request, whole(Body::Exactly(body.upper.to_vec())))
        }
        8 => (get("GET", MANY), Expected { status: 0, ..whole(Body::Listing) }),
        9 => (get("GET", SHRINKING), Expected { may_be_cut: true, ..whole(Body::Anything) }),
        _ => (get("GET", "/old"), Expected { status: 0, ..whole(Body::Anything) }), // the rules change
    }
}

impl Expected {
    pub fn check(&self, response: &Response) {
        let (status, body) = (response.status, &response.body);
        assert!(self.status == 0 || status == self.status, "the status {status} in place of {}", self.status);
        match &self.body {
            Body::Exactly(right) => {
                assert!(body == right, "a wrong body: {} bytes, not {}", body.len(), right.len());
            }
            Body::Listing => {
                assert!([200, 404].contains(&status), "the status {status} for a listing");
                let text = String::from_utf8_lossy(body);
                assert!(status != 200 || text.contains("name-0") && text.contains("name-119"), "{text}");
            }
            Body::Anything => {}
        }
    }
}

/// Takes the first response apart; else says how many bytes there must be at least.
pub fn response(bytes: &[u8], is_head: bool) -> Result<Response, usize> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").ok_or(bytes.len() + 1)?;
    let head = std::str::from_utf8(&bytes[..end]).expect("a head in ASCII");
    let status: u16 = head[9..12].parse().expect("a status");
    let field = |name: &str| {
        let line = head.lines().find(|line| {
            line.get(..name.len() + 1)
                .is_some_and(|start| start.ends_with(':') && start[..name.len()].eq_ignore_ascii_case(name))
        })?;
        Some(line[name.len() + 1..].trim())
    };
    let start = end + 4;
    let (body, length) = match (field("content-length"), field("transfer-encoding")) {
        _ if is_head || status == 204 || status == 100 => (Vec::new(), start),
        (Some(length), None) => {
            let end = start + length.parse::<usize>().expect("a length");
            (bytes.get(start..end).ok_or(end)?.to_vec(), end)
        }
        (None, Some(_)) => unchunk(bytes, start)?,
        other => panic!("a body without an end: {other:?}"),
    };
    Ok(Response { status, body, closes: field("connection") == Some("close"), length })
}

/// The content of a chunked body and where it ends; else how many bytes there must be at least.
fn unchunk(bytes: &[u8], mut at: usize) -> Result<(Vec<u8>, usize), usize> {
    let mut body = Vec::new();
    loop {
        let line = bytes[at..].iter().take(20).position(|&byte| byte == b'\n').ok_or(bytes.len() + 1)?;
        let size = std::str::from_utf8(&bytes[at..at + line - 1]).expect("a chunk size");
        let size = usize::from_str_radix(size, 16).expect("a chunk size");
        at += line + 1;
        let end = at + size + 2;
        let chunk = bytes.get(at..end).ok_or(end)?;
        assert!(chunk.ends_with(b"\r\n"), "a chunk without an end");
        body.extend_from_slice(&chunk[..size]);
        at = end;
        if size == 0 {
            return Ok((body, at));
        }
    }
}
