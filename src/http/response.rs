//! Response heads (RFC 9112 section 4).

use crate::buffer::Buffer;
use crate::now::Date;

/// A status code that this server sends, with its reason (RFC 9110 section 15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// The three digits.
    pub code: u16,
    /// The words for people.
    pub reason: &'static str,
    /// The status line and the name of the field that always comes first.
    start: &'static str,
}

macro_rules! statuses {
    ($($name:ident = $code:literal $reason:literal;)*) => {
        #[allow(missing_docs, reason = "the name, the code and the reason say it")]
        impl Status {
            $(pub const $name: Status = Status {
                code: $code,
                reason: $reason,
                start: concat!("HTTP/1.1 ", $code, " ", $reason, "\r\nDate: "),
            };)*
        }
    };
}

statuses! {
    OK = 200 "OK";
    NO_CONTENT = 204 "No Content";
    PARTIAL_CONTENT = 206 "Partial Content";
    MOVED_PERMANENTLY = 301 "Moved Permanently";
    FOUND = 302 "Found";
    SEE_OTHER = 303 "See Other";
    NOT_MODIFIED = 304 "Not Modified";
    TEMPORARY_REDIRECT = 307 "Temporary Redirect";
    PERMANENT_REDIRECT = 308 "Permanent Redirect";
    BAD_REQUEST = 400 "Bad Request";
    FORBIDDEN = 403 "Forbidden";
    NOT_FOUND = 404 "Not Found";
    METHOD_NOT_ALLOWED = 405 "Method Not Allowed";
    REQUEST_TIMEOUT = 408 "Request Timeout";
    GONE = 410 "Gone";
    PRECONDITION_FAILED = 412 "Precondition Failed";
    CONTENT_TOO_LARGE = 413 "Content Too Large";
    URI_TOO_LONG = 414 "URI Too Long";
    RANGE_NOT_SATISFIABLE = 416 "Range Not Satisfiable";
    EXPECTATION_FAILED = 417 "Expectation Failed";
    REQUEST_HEADER_FIELDS_TOO_LARGE = 431 "Request Header Fields Too Large";
    INTERNAL_SERVER_ERROR = 500 "Internal Server Error";
    NOT_IMPLEMENTED = 501 "Not Implemented";
    SERVICE_UNAVAILABLE = 503 "Service Unavailable";
    HTTP_VERSION_NOT_SUPPORTED = 505 "HTTP Version Not Supported";
}

/// What a response says about its connection (RFC 9112 section 9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// It stays open, and an HTTP/1.1 client knows that without being told.
    Persistent,
    /// It stays open, and an HTTP/1.0 client must be told.
    KeepAlive,
    /// It is closed after this response.
    Close,
}

impl Connection {
    /// What to say to a client of HTTP/1.`minor` whose connection is `kept` or not.
    pub fn after(kept: bool, minor: u8) -> Connection {
        match (kept, minor) {
            (false, _) => Connection::Close,
            (true, 0) => Connection::KeepAlive,
            (true, _) => Connection::Persistent,
        }
    }

    fn field(self) -> &'static str {
        match self {
            Connection::Persistent => "\r\n",
            Connection::KeepAlive => "Connection: keep-alive\r\n\r\n",
            Connection::Close => "Connection: close\r\n\r\n",
        }
    }
}

/// Writes a response head to `output` if there is room for it and for `body` bytes more.
/// Returns whether there was; if not, nothing was written.
#[must_use]
pub fn put_head(
    output: &mut Buffer,
    status: Status,
    date: &Date,
    fields: [&[u8]; 2],
    connection: Connection,
    body: usize,
) -> bool {
    let connection = connection.field().as_bytes();
    let date = date.as_bytes();
    let length = status.start.len() + date.len() + 2 + fields[0].len() + fields[1].len() + connection.len();
    if length + body > output.room_left() {
        return false;
    }
    output.put(status.start.as_bytes());
    output.put(date);
    output.put(b"\r\n");
    output.put(fields[0]);
    output.put(fields[1]);
    output.put(connection);
    true
}

/// The fields that describe a body.
pub fn entity_fields(content_type: &str, length: u64) -> String {
    format!("Content-Type: {content_type}\r\nContent-Length: {length}\r\n")
}

/// A page for a status that has none of its own: one line of plain text. Nothing of the request is
/// repeated in it, so nothing needs escaping.
pub fn plain_page(status: Status) -> (String, String) {
    let text = format!("{} {}\n", status.code, status.reason);
    (entity_fields("text/plain; charset=utf-8", text.len() as u64), text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    fn date() -> Date {
        Date::new(UNIX_EPOCH + Duration::from_secs(784_111_777))
    }

    #[test]
    fn a_head_is_written_as_the_rfc_says() {
        let mut output = Buffer::with_room(1000);
        let (fields, text) = plain_page(Status::NOT_FOUND);
        assert!(put_head(
            &mut output,
            Status::NOT_FOUND,
            &date(),
            [fields.as_bytes(), b""],
            Connection::Close,
            0
        ));
        let expected = "HTTP/1.1 404 Not Found\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
            Content-Type: text/plain; charset=utf-8\r\nContent-Length: 14\r\nConnection: close\r\n\r\n";
        assert_eq!(std::str::from_utf8(output.filled()), Ok(expected));
        assert_eq!(text, "404 Not Found\n");
    }

    #[test]
    fn without_room_nothing_is_written() {
        let head = "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nA: b\r\nConnection: keep-alive\r\n\r\n".len();
        for room in 0..200 {
            let mut output = Buffer::with_room(room);
            let fits =
                put_head(&mut output, Status::OK, &date(), [b"A: b\r\n", b""], Connection::KeepAlive, 10);
            assert_eq!(fits, room >= head + 10, "{room}");
            assert_eq!(output.len(), if fits { head } else { 0 });
        }
    }
}
