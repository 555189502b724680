//! Responses: where they end, what they say of the connection, and their bodies (RFC 9112 section 6).

use super::connection::{Connection, Reuse};
use crate::client::options::Http;
use crate::client::output;
use crate::client::trouble::{Trouble, quoted};
use std::borrow::Cow;
use std::mem;

/// Bytes of a response head that are read before it is given up.
const HEAD: usize = 64 * 1024;

/// Bytes of a chunk's size line.
const SIZE_LINE: usize = 1024;

/// A response, its body already printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The words behind it.
    pub reason: String,
    /// Where it redirects to.
    pub location: Option<String>,
    /// Bytes of its body, decoded.
    pub length: u64,
    /// Whether the connection can carry another request.
    pub reuse: Reuse,
}

/// How the end of a body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is none.
    Nothing,
    /// It has so many bytes.
    Length(u64),
    /// It comes in chunks.
    Chunked,
    /// It ends with the connection.
    ToTheEnd,
}

impl Response {
    /// Receives a response; its body, and its head if that is asked for, go to standard output.
    pub fn receive(connection: &mut Connection, options: &Http) -> Result<Response, Trouble> {
        loop {
            let (mut response, framing, head) = receive_head(connection, options.head)?;
            if options.include || options.head {
                output::write(&head)?;
            }
            if (100..200).contains(&response.status) && response.status != 101 {
                continue; // an interim one: the real one follows
            }
            let mut body = Body { connection, length: 0 };
            match framing {
                Framing::Nothing => {}
                Framing::Length(length) => body.exactly(length)?,
                Framing::Chunked => body.chunks()?,
                Framing::ToTheEnd => body.until_the_end()?,
            }
            response.length = body.length;
            return Ok(response);
        }
    }
}

fn receive_head(connection: &mut Connection, is_head: bool) -> Result<(Response, Framing, Vec<u8>), Trouble> {
    loop {
        let received = unfolded(&connection.buffer);
        // As many as there are lines, which HEAD bounds.
        let lines = received.iter().filter(|&&byte| byte == b'\n').count();
        let mut fields = vec![httparse::EMPTY_HEADER; lines];
        let mut parsed = httparse::Response::new(&mut fields);
        match parsed.parse(&received) {
            Ok(httparse::Status::Complete(length)) => {
                let (response, framing) = understand(&parsed, is_head)
                    .map_err(|why| Trouble::new(format!("{}: {why}", connection.peer()), ""))?;
                let head = received[..length].to_vec();
                connection.buffer = received[length..].to_vec();
                return Ok((response, framing, head));
            }
            Ok(httparse::Status::Partial) if connection.buffer.len() < HEAD => {}
            Ok(httparse::Status::Partial) => return Err(not_http(connection, "a head without end")),
            Err(error) => return Err(not_http(connection, &error.to_string())),
        }
        if !connection.receive()? {
            let got = connection.buffer.len();
            return Err(Trouble::new(
                format!("{} closed the connection after {got} bytes of a response's head", connection.peer()),
                "Either it isn't an HTTP server, or it could not cope with the request.",
            ));
        }
    }
}

/// Bytes that begin with a head, its folded lines joined by a space (RFC 9112 section 5.2). Without an end of
/// the head, its last line may still go on.
fn unfolded(bytes: &[u8]) -> Cow<'_, [u8]> {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let end = head_length(bytes).unwrap_or(bytes.len());
    let (head, rest) = bytes.split_at(end);
    if !head.windows(2).any(|pair| pair[0] == b'\n' && is_blank(&pair[1])) {
        return Cow::Borrowed(bytes);
    }
    let mut joined: Vec<u8> = Vec::with_capacity(bytes.len());
    for (number, line) in head.split_inclusive(|&byte| byte == b'\n').enumerate() {
        // What follows the status line is its first field, however it begins.
        if number > 1 && line.first().is_some_and(is_blank) {
            joined.truncate(joined.trim_ascii_end().len());
            joined.push(b' ');
            joined.extend(line.iter().skip_while(|byte| is_blank(byte)));
        } else {
            joined.extend_from_slice(line);
        }
    }
    joined.extend_from_slice(rest);
    Cow::Owned(joined)
}

/// Where a head ends: behind its first empty line.
fn head_length(bytes: &[u8]) -> Option<usize> {
    let mut length = 0;
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        length += line.len();
        if line == b"\r\n" || line == b"\n" {
            return Some(length);
        }
    }
    None
}

fn not_http(connection: &Connection, why: &str) -> Trouble {
    let start = &connection.buffer;
    // A record of TLS, an alert or a handshake, of any version 3.x (RFC 8446 section 5.1).
    let is_tls = matches!(start[..], [21 | 22, 3, ..]);
    Trouble::new(
        format!("{} did not answer in HTTP/1: {why} in {}", connection.peer(), quoted(start)),
        if is_tls {
            "It speaks TLS: shout doesn't, so use curl -v https://…"
        } else {
            "Another service may be listening on that port."
        },
    )
}

/// What a head says, the bytes of its body not counted yet; or what is wrong with it.
pub fn understand(parsed: &httparse::Response, is_head: bool) -> Result<(Response, Framing), String> {
    let status = parsed.code.unwrap_or(0);
    let values = |name: &'static str| {
        let named = parsed.headers.iter().filter(move |field| field.name.eq_ignore_ascii_case(name));
        named.map(|field| String::from_utf8_lossy(field.value).into_owned())
    };
    let has = |name, option: &str| {
        values(name).any(|value| value.split(',').any(|one| one.trim().eq_ignore_ascii_case(option)))
    };
    let mut lengths = values("content-length");
    let length = lengths.next();
    if lengths.any(|other| Some(&other) != length.as_ref()) {
        return Err("the response has two different lengths".to_owned());
    }
    let framing = if is_head || (100..200).contains(&status) || status == 204 || status == 304 {
        Framing::Nothing
    } else if has("transfer-encoding", "chunked") {
        Framing::Chunked
    } else if let Some(length) = length {
        let digits = length.trim();
        let number = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok());
        Framing::Length(number.flatten().ok_or_else(|| format!("{length:?} is no length"))?)
    } else {
        Framing::ToTheEnd
    };
    let reuse = if has("connection", "close") {
        Reuse::No("the server closed the last one, as it said it would".to_owned())
    } else if matches!(framing, Framing::ToTheEnd) {
        Reuse::No("the last response had no length, so its end was the server's FIN".to_owned())
    } else if parsed.version == Some(0) && !has("connection", "keep-alive") {
        Reuse::No("HTTP/1.0 closes after each response".to_owned())
    } else {
        Reuse::Yes
    };
    let reason = parsed.reason.unwrap_or_default().to_owned();
    Ok((Response { status, reason, location: values("location").next(), length: 0, reuse }, framing))
}

struct Body<'a> {
    connection: &'a mut Connection,
    length: u64,
}

impl Body<'_> {
    fn exactly(&mut self, length: u64) -> Result<(), Trouble> {
        let mut left = length;
        while left > 0 {
            if self.connection.buffer.is_empty() && !self.connection.receive()? {
                return Err(self.cut(&format!("of {length} that it promised")));
            }
            let buffer = &mut self.connection.buffer;
            let count = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            output::write(&buffer[..count])?;
            buffer.drain(..count);
            left -= count as u64;
            self.length += count as u64;
        }
        Ok(())
    }

    fn until_the_end(&mut self) -> Result<(), Trouble> {
        loop {
            let bytes = mem::take(&mut self.connection.buffer);
            self.length += bytes.len() as u64;
            output::write(&bytes)?;
            if !self.connection.receive()? {
                return Ok(());
            }
        }
    }

    fn chunks(&mut self) -> Result<(), Trouble> {
        loop {
            let line = self.line()?;
            let digits = line.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
            let size = std::str::from_utf8(digits)
                .ok()
                .filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
            let Some(size) = size.and_then(|digits| u64::from_str_radix(digits, 16).ok()) else {
                return Err(not_http(self.connection, "a chunk without a size"));
            };
            if size == 0 {
                while !self.line()?.is_empty() {} // trailers
                return Ok(());
            }
            self.exactly(size)?;
            if !self.line()?.is_empty() {
                return Err(not_http(self.connection, "a chunk longer than its size"));
            }
        }
    }

    /// Takes a line out of the buffer, without its end.
    fn line(&mut self) -> Result<Vec<u8>, Trouble> {
        loop {
            if let Some(end) = self.connection.buffer.iter().position(|&byte| byte == b'\n') {
                let mut line: Vec<u8> = self.connection.buffer.drain(..=end).collect();
                line.truncate(line.trim_ascii_end().len());
                return Ok(line);
            }
            if self.connection.buffer.len() > SIZE_LINE {
                return Err(not_http(self.connection, "a chunk without a size"));
            }
            if !self.connection.receive()? {
                return Err(self.cut("of a chunked body"));
            }
        }
    }

    fn cut(&self, of_what: &str) -> Trouble {
        Trouble::new(
            format!("{} closed the connection after {} bytes {of_what}", self.connection.peer(), self.length),
            "What was printed is not all of it: the server gave up, or its file became shorter meanwhile.",
        )
    }
}
