//! What the access log is to say of one connection, in the Combined Log Format that Apache and nginx
//! write and every log tool reads.
//!
//! A line tells how many bytes of a body were really sent, so it can only be written when the last of
//! them is out, or the connection is over. The replies of a connection are one stream of bytes: each
//! knows where in it it begins and ends, and the journal only has to count what was sent.

use crate::now::Date;
use std::collections::VecDeque;
use std::io::Write;
use std::net::IpAddr;

/// The replies of one connection that aren't logged yet.
#[derive(Debug)]
pub struct Journal {
    /// `None` for a Unix socket.
    peer: Option<IpAddr>,
    /// Bytes sent on this connection.
    sent: u64,
    replies: VecDeque<Reply>,
    /// Lines that are complete.
    lines: Vec<u8>,
}

#[derive(Debug)]
struct Reply {
    asked: Asked,
    status: u16,
    date: Date,
    /// Where its head begins in the stream.
    start: u64,
    /// The bytes of its head; 0 while even that is not written.
    head: u64,
    /// Where it ends, or `u64::MAX` while nobody knows.
    end: u64,
}

/// What a request said that is repeated in the log, as it was said.
#[derive(Debug, Default)]
pub struct Asked {
    line: Box<[u8]>,
    referer: Box<[u8]>,
    agent: Box<[u8]>,
}

impl Asked {
    /// What a head says, or what there is of it.
    pub fn of(head: &[u8]) -> Asked {
        let mut lines = head.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii_end);
        let is_complete = head.contains(&b'\n');
        let mut asked = Asked {
            line: lines.next().filter(|_| is_complete).unwrap_or_default().into(),
            ..Asked::default()
        };
        for line in lines {
            let Some(colon) = line.iter().position(|&byte| byte == b':') else { continue };
            let value = || line[colon + 1..].trim_ascii().into();
            if line[..colon].eq_ignore_ascii_case(b"referer") {
                asked.referer = value();
            } else if line[..colon].eq_ignore_ascii_case(b"user-agent") {
                asked.agent = value();
            }
        }
        asked
    }
}

impl Journal {
    /// The journal of a connection that was just accepted.
    pub fn new(peer: Option<IpAddr>) -> Journal {
        let peer = peer.map(|peer| peer.to_canonical());
        Journal { peer, sent: 0, replies: VecDeque::new(), lines: Vec::new() }
    }

    /// A reply begins behind `before` bytes that are still to be sent, and nobody knows its length yet.
    pub fn begin(&mut self, asked: Asked, date: Date, before: u64) {
        let start = self.sent + before;
        self.replies.push_back(Reply { asked, status: 200, date, start, head: 0, end: u64::MAX });
    }

    /// The head of the reply that was begun last has so many bytes.
    pub fn has_head(&mut self, bytes: u64) {
        if let Some(reply) = self.replies.back_mut() {
            reply.head = bytes;
        }
    }

    /// The reply that was begun last is written, and `unsent` bytes are to be sent up to its end.
    pub fn end(&mut self, status: u16, unsent: u64) {
        let end = self.sent + unsent;
        if let Some(reply) = self.replies.back_mut() {
            reply.status = status;
            reply.end = end;
        }
    }

    /// Whether the reply that was begun last is still being written.
    pub fn is_open(&self) -> bool {
        self.replies.back().is_some_and(|reply| reply.end == u64::MAX)
    }

    /// So many bytes were sent.
    pub fn sent(&mut self, bytes: u64) {
        self.sent += bytes;
        while self.replies.front().is_some_and(|reply| reply.end <= self.sent) {
            if let Some(reply) = self.replies.pop_front() {
                self.log(&reply);
            }
        }
    }

    /// Nothing more will be sent.
    pub fn over(&mut self) {
        while let Some(reply) = self.replies.pop_front() {
            if reply.head > 0 {
                self.log(&reply);
            }
        }
    }

    /// Bytes that it keeps besides itself.
    pub fn held(&self) -> usize {
        let asked = |reply: &Reply| {
            reply.asked.line.len() + reply.asked.referer.len() + reply.asked.agent.len() + size_of::<Reply>()
        };
        self.replies.iter().map(asked).sum::<usize>() + self.lines.capacity()
    }

    /// Moves the lines that are complete to where they are collected, and keeps no room for others: most connections
    /// rest most of the time.
    pub fn move_to(&mut self, lines: &mut Vec<u8>) {
        lines.append(&mut self.lines);
        self.lines = Vec::new();
        if self.replies.is_empty() {
            self.replies = VecDeque::new();
        }
    }

    fn log(&mut self, reply: &Reply) {
        let lines = &mut self.lines;
        let body = self.sent.min(reply.end).saturating_sub(reply.start + reply.head);
        let _ = match &self.peer {
            Some(peer) => write!(lines, "{peer}"),
            None => write!(lines, "unix:"),
        };
        lines.extend_from_slice(b" - - [");
        // From `Sun, 06 Nov 1994 08:49:37 GMT` to `06/Nov/1994:08:49:37 +0000`.
        let date = reply.date.as_bytes();
        for (part, behind) in [(5..7, "/"), (8..11, "/"), (12..16, ":"), (17..25, " +0000] ")] {
            lines.extend_from_slice(&date[part]);
            lines.extend_from_slice(behind.as_bytes());
        }
        quote(lines, &reply.asked.line);
        let _ = match body {
            0 => write!(lines, " {} - ", reply.status),
            _ => write!(lines, " {} {body} ", reply.status),
        };
        quote(lines, &reply.asked.referer);
        lines.push(b' ');
        quote(lines, &reply.asked.agent);
        lines.push(b'\n');
    }
}

/// Writes what a client said so that nobody can forge a line with it or move the cursor of a terminal. Every
/// byte of a head may need it, so runs of a kind are written together.
fn quote(lines: &mut Vec<u8>, text: &[u8]) {
    lines.push(b'"');
    if text.is_empty() {
        lines.push(b'-');
    }
    let mut rest = text;
    while let Some(&first) = rest.first() {
        let kind = Kind::of(first);
        let length = rest.iter().position(|&byte| Kind::of(byte) != kind).unwrap_or(rest.len());
        let (run, behind) = rest.split_at(length);
        rest = behind;
        match kind {
            Kind::Plain => lines.extend_from_slice(run),
            Kind::Escaped => put_escaped(lines, run),
            Kind::Numbered => put_numbered(lines, run),
        }
    }
    lines.push(b'"');
}

/// How a byte is quoted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    /// As a backslash and a letter.
    Escaped,
    /// As `\x` and two digits.
    Numbered,
}

impl Kind {
    fn of(byte: u8) -> Kind {
        match byte {
            b'"' | b'\\' | b'\n' | b'\r' | b'\t' => Kind::Escaped,
            b' '..=b'~' => Kind::Plain,
            _ => Kind::Numbered,
        }
    }
}

fn put_escaped(lines: &mut Vec<u8>, run: &[u8]) {
    for &byte in run {
        let letter = match byte {
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            byte => byte,
        };
        lines.extend_from_slice(&[b'\\', letter]);
    }
}

fn put_numbered(lines: &mut Vec<u8>, run: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let start = lines.len();
    lines.resize(start + 4 * run.len(), b'x');
    for (place, &byte) in lines[start..].chunks_exact_mut(4).zip(run) {
        place[0] = b'\\';
        place[2] = DIGITS[usize::from(byte >> 4)];
        place[3] = DIGITS[usize::from(byte & 15)];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    fn date() -> Date {
        Date::new(UNIX_EPOCH + Duration::from_secs(784_111_777))
    }

    fn lines(journal: &mut Journal) -> String {
        let mut lines = Vec::new();
        journal.move_to(&mut lines);
        String::from_utf8(lines).unwrap()
    }

    #[test]
    fn a_line_is_the_combined_log_format_and_comes_with_the_last_byte() {
        let mut journal = Journal::new(Some([192, 0, 2, 1].into()));
        let head = b"GET /a?b HTTP/1.1\r\nHost: c\r\nReferer: http://d/\r\nUSER-AGENT:  e f \r\n\r\n";
        journal.begin(Asked::of(head), date(), 10);
        journal.has_head(100);
        journal.end(200, 10 + 100 + 50);
        journal.sent(159);
        assert_eq!(lines(&mut journal), "");
        journal.sent(1);
        let expected =
            "192.0.2.1 - - [06/Nov/1994:08:49:37 +0000] \"GET /a?b HTTP/1.1\" 200 50 \"http://d/\" \"e f\"\n";
        assert_eq!(lines(&mut journal), expected);
        journal.over();
        assert_eq!(lines(&mut journal), "");
    }

    #[test]
    fn what_was_cut_off_is_logged_with_what_was_sent() {
        let mapped = "::ffff:192.0.2.1".parse().unwrap();
        for (sent, bytes) in [(0, "-"), (100, "-"), (101, "1"), (149, "49")] {
            let mut journal = Journal::new(Some(mapped));
            journal.begin(Asked::of(b"GET / HTTP/1.1\r\n\r\n"), date(), 0);
            journal.has_head(100);
            journal.end(404, 150);
            journal.sent(sent);
            journal.over();
            let line = lines(&mut journal);
            assert!(line.starts_with("192.0.2.1 - - "), "{line}");
            assert!(line.ends_with(&format!("\"GET / HTTP/1.1\" 404 {bytes} \"-\" \"-\"\n")), "{line}");
        }
    }

    #[test]
    fn a_journal_at_rest_keeps_nothing() {
        let mut journal = Journal::new(None);
        let head = [b"GET / HTTP/1.1\r\nReferer: ".as_slice(), &[b'x'; 5000], b"\r\n\r\n"].concat();
        for _ in 0..30 {
            journal.begin(Asked::of(&head), date(), 0);
            journal.end(200, 1);
        }
        assert!(journal.held() > 30 * 5000);
        journal.sent(1);
        assert!(lines(&mut journal).len() > 30 * 5000);
        assert_eq!((journal.held(), journal.replies.capacity()), (0, 0));
    }

    #[test]
    fn a_reply_that_never_began_is_none() {
        let mut journal = Journal::new(None);
        journal.begin(Asked::of(b"POST /upper HTTP/1.1\r\n\r\n"), date(), 0);
        assert!(journal.is_open());
        journal.over();
        assert_eq!(lines(&mut journal), "");
    }

    #[test]
    fn nothing_that_a_client_says_ends_a_line() {
        let mut quoted = Vec::new();
        quote(&mut quoted, b"a\"b\\c\r\n\td\x1b[2J\x7f\xc3\xa9\0");
        assert_eq!(quoted, br#""a\"b\\c\r\n\td\x1b[2J\x7f\xc3\xa9\x00""#);
        for byte in 0..=255 {
            let mut quoted = Vec::new();
            quote(&mut quoted, &[b'a', byte, byte, b'z']);
            let expected = match byte {
                b'"' => r#"a\"\"z"#.to_owned(),
                b'\\' => r"a\\\\z".to_owned(),
                b'\n' | b'\r' | b'\t' => format!("a{0}{0}z", char::from(byte).escape_default()),
                b' '..=b'~' => format!("a{0}{0}z", char::from(byte)),
                _ => format!("a\\x{byte:02x}\\x{byte:02x}z"),
            };
            assert_eq!(String::from_utf8(quoted).unwrap(), format!("\"{expected}\""), "{byte:#x}");
        }
        let unfinished = Asked::of(b"GET /never-ended");
        assert_eq!(*unfinished.line, b""[..]);
    }
}
