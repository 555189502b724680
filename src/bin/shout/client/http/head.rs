//! Heads of responses: what they say, how the body behind them ends, and whether the connection stays
//! (RFC 9112 sections 5, 6 and 9.3).

use std::borrow::Cow;

/// Whether a connection can carry another request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// It can.
    Yes,
    /// It can't, and this is why.
    No(String),
}

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

/// A head that has come whole.
pub struct Head<'a> {
    /// What it says, the bytes of its body not counted yet.
    pub response: Response,
    /// How the body behind it ends.
    pub framing: Framing,
    /// Bytes of it, as they came.
    pub length: usize,
    /// Its lines, those that were folded joined by a space.
    pub text: Cow<'a, [u8]>,
}

/// Why bytes are no head.
#[derive(Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// They aren't HTTP/1.
    NotHttp(String),
    /// It is one, and contradicts itself.
    Wrong(String),
}

/// Reads the head that bytes begin with; `None` while it is incomplete. `is_head`: in answer to HEAD, so that no body
/// follows.
pub fn read(bytes: &[u8], is_head: bool) -> Result<Option<Head<'_>>, Unreadable> {
    let length = length(bytes).unwrap_or(bytes.len());
    let text = joined(&bytes[..length]);
    // As many as there are lines, which the caller bounds by bounding the bytes.
    let lines = text.iter().filter(|&&byte| byte == b'\n').count();
    let mut fields = vec![httparse::EMPTY_HEADER; lines];
    let mut parsed = httparse::Response::new(&mut fields);
    match parsed.parse(&text) {
        Ok(httparse::Status::Complete(_)) => {
            let (response, framing) = understand(&parsed, is_head).map_err(Unreadable::Wrong)?;
            Ok(Some(Head { response, framing, length, text }))
        }
        Ok(httparse::Status::Partial) => Ok(None),
        Err(error) => Err(Unreadable::NotHttp(error.to_string())),
    }
}

/// A head, its folded lines joined by a space (RFC 9112 section 5.2). Without its end, its last line may still
/// go on.
fn joined(head: &[u8]) -> Cow<'_, [u8]> {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    if !head.windows(2).any(|pair| pair[0] == b'\n' && is_blank(&pair[1])) {
        return Cow::Borrowed(head);
    }
    let mut joined: Vec<u8> = Vec::with_capacity(head.len());
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
    Cow::Owned(joined)
}

/// Where a head ends: behind its first empty line. Those before its first line don't count (RFC 9112 section 2.2).
fn length(bytes: &[u8]) -> Option<usize> {
    let (mut length, mut has_begun) = (0, false);
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        length += line.len();
        match line {
            b"\r\n" | b"\n" if has_begun => return Some(length),
            b"\r\n" | b"\n" => {}
            _ => has_begun = true,
        }
    }
    None
}

/// What a head says, the bytes of its body not counted yet; or what is wrong with it.
fn understand(parsed: &httparse::Response, is_head: bool) -> Result<(Response, Framing), String> {
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
        Framing::Length(number.flatten().ok_or_else(|| format!("{length:?} is not a length"))?)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_has_the_bytes_that_came_and_its_lines_joined() {
        let bytes = b"\r\n\nHTTP/1.1 200 OK\r\nA: b\r\n\t c\r\nContent-Length: 2\r\n\r\nhi";
        let head = read(bytes, false).unwrap().unwrap();
        assert_eq!(bytes[head.length..], b"hi"[..]);
        assert_eq!(head.text.trim_ascii_start(), b"HTTP/1.1 200 OK\r\nA: b c\r\nContent-Length: 2\r\n\r\n");
        assert_eq!((head.response.status, head.framing), (200, Framing::Length(2)));
        for end in 0..head.length {
            assert!(read(&bytes[..end], false).unwrap().is_none(), "of {end} bytes");
        }
    }

    #[test]
    fn what_is_no_head_and_what_contradicts_itself_are_told_apart() {
        let why = |bytes: &[u8]| read(bytes, false).err();
        assert!(matches!(why(b"220 mail.example\r\n\r\n"), Some(Unreadable::NotHttp(_))));
        let twice = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n";
        assert!(matches!(why(twice), Some(Unreadable::Wrong(_))));
    }
}
