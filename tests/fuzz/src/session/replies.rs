//! What a client of HTTP/1.1 makes of the bytes that it got, and what it had asked for.

use super::super::chunked::simple;
use super::site::{FILE, Invented, LARGE, pattern};
use shoutd::http::head::{Scan, leading_empty_lines, scan};
use shoutd::http::request::{Framing, Method, Request, Subject, parse, settle_version};
use shoutd::session::http::HttpOptions;

/// A request of the stream.
#[derive(Debug)]
pub struct Asked {
    head: bool,
    /// The path, where it is one of the site's that is answered with content.
    path: Option<Vec<u8>>,
    /// Of `POST /upper`: the body as far as it is right and complete, and whether it is.
    upper: Option<(Vec<u8>, bool)>,
    minor: u8,
    /// It is nothing that a server understands.
    refused: bool,
}

/// Reads a stream of requests, up to the one behind which nobody could know what comes next. Whether one more is
/// begun.
pub fn asked(stream: &[u8], options: &HttpOptions, site: &Invented) -> (Vec<Asked>, bool) {
    let (mut rest, mut all) = (stream, Vec::new());
    loop {
        rest = &rest[leading_empty_lines(rest)..];
        let refused =
            Asked { head: rest.starts_with(b"HEAD "), path: None, upper: None, minor: 1, refused: true };
        let length = match scan(rest, &mut 0) {
            Scan::Complete(length) => length,
            Scan::Partial => return (all, !rest.is_empty()),
            _ => {
                all.push(refused);
                return (all, false);
            }
        };
        let (head, behind) = rest.split_at(length);
        let mut head = head.to_vec();
        settle_version(&mut head);
        let Ok(request) = parse(&head) else {
            all.push(refused);
            return (all, false);
        };
        let path = match &request.subject {
            Subject::Path(target) => Some(target.path.to_vec()),
            _ => None,
        };
        let is_upper = options.upper && !site.upper_is_file && path.as_deref() == Some(b"/upper");
        let upper = (is_upper && request.method == Method::Post).then(|| body(&request, behind));
        all.push(Asked {
            head: request.method == Method::Head,
            path: path.filter(|_| matches!(request.method, Method::Get | Method::Head)),
            upper: upper.as_ref().map(|(body, end)| (body.clone(), end.is_some())),
            minor: request.minor,
            refused: false,
        });
        rest = match (upper, request.body) {
            (Some((_, Some(end))), _) => &behind[end..],
            (None, Framing::Length(length)) if length <= behind.len() as u64 => &behind[length as usize..],
            _ => return (all, false),
        };
    }
}

/// A body, and where it ends.
fn body(request: &Request, behind: &[u8]) -> (Vec<u8>, Option<usize>) {
    match request.body {
        Framing::Length(length) => {
            let there = usize::try_from(length).unwrap_or(usize::MAX).min(behind.len());
            (behind[..there].to_vec(), (there as u64 == length).then_some(there))
        }
        Framing::Chunked => match simple(behind) {
            Ok((content, left)) => (content, left.map(|left| behind.len() - left)),
            Err(content) => (content, None),
        },
    }
}

#[derive(Debug, PartialEq, Eq)]
pub struct Reply {
    status: u16,
    /// Without the date.
    fields: Vec<(String, String)>,
    body: Vec<u8>,
    /// Whether all of it came, as far as its head tells.
    complete: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Replies(Vec<Reply>);

impl Reply {
    fn field(&self, wanted: &str) -> Option<&str> {
        self.fields.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str())
    }

    fn closes(&self) -> bool {
        self.field("connection") == Some("close")
    }
}

impl Replies {
    /// Reads what was sent, all of which must be replies.
    pub fn read(sent: &[u8], asked: &[Asked], site: &Invented) -> Replies {
        let (mut rest, mut replies) = (sent, Vec::<Reply>::new());
        while !rest.is_empty() {
            assert!(
                replies.last().is_none_or(|last| last.complete && !last.closes()),
                "more behind the last reply"
            );
            let Some(end) = rest.windows(4).position(|four| four == b"\r\n\r\n") else { break };
            let (head, behind) = rest.split_at(end + 4);
            rest = behind;
            let (status, fields) = fields(std::str::from_utf8(&head[..end]).expect("heads are ASCII"));
            if status == 100 {
                assert!(asked[replies.len()].upper.is_some() && fields.is_empty(), "100 to no one");
                continue;
            }
            let of = asked.get(replies.len());
            assert!(of.is_some() || matches!(status, 408), "{status} to no request");
            let mut reply = Reply { status, fields, body: Vec::new(), complete: true };
            let dates = reply.fields.iter().filter(|(name, _)| name == "date").count();
            assert_eq!(dates, 1, "{reply:?}");
            reply.fields.retain(|(name, _)| name != "date");
            let bare = of.is_some_and(|asked| asked.head) || matches!(status, 204 | 304);
            rest = if bare { rest } else { take_body(&mut reply, rest, site) };
            replies.push(reply);
        }
        Replies(replies)
    }

    /// Each is what its request asked for, the connection being left alone.
    pub fn are_as_asked(&self, asked: &[Asked], site: &Invented, options: &HttpOptions) {
        for (reply, asked) in self.0.iter().zip(asked) {
            assert!(asked.refused <= (reply.status >= 400 && reply.closes()), "{reply:?} to {asked:?}");
            assert!(!options.close_on_error || reply.status < 300 || reply.closes(), "{reply:?}");
            assert!(!options.keep_alive.is_zero() || reply.closes(), "{reply:?}");
            if let Some((body, complete)) = &asked.upper {
                assert_eq!(reply.complete, *complete || reply.status == 400, "{reply:?} to {asked:?}");
                let expected = if reply.status == 200 { body.to_ascii_uppercase() } else { Vec::new() };
                assert!(reply.status == 400 || reply.body == expected, "{reply:?} to {asked:?}");
            }
            let length = match asked.path.as_deref() {
                Some(b"/large") => LARGE,
                Some(b"/file") => FILE,
                Some(b"/small") => 5,
                Some(b"/list") => site.listed(),
                _ => continue,
            };
            let (start, length) = match (reply.status, reply.field("content-range")) {
                (200, None) => (0, length),
                (206, Some(range)) => part(range, length),
                (304 | 412 | 413 | 416, _) => continue,
                _ => panic!("{reply:?} to {asked:?}"),
            };
            if !asked.head {
                let content = (start..start + length).map(pattern);
                assert!(reply.body.iter().copied().eq(content), "{} bytes to {asked:?}", reply.body.len());
                let breaks = site.breaks && asked.path.as_deref() == Some(b"/list");
                assert_eq!(reply.complete, !(breaks && asked.minor > 0), "{asked:?}");
            }
        }
        // Nobody waits for ever: what wasn't answered lay behind a reply that closes, or wasn't whole.
        let last = self.0.last();
        let is_cut = |asked: &Asked| asked.upper.as_ref().is_some_and(|(_, complete)| !complete);
        let is_over = last.is_some_and(|last| last.closes() || !last.complete);
        assert!(
            self.0.len() >= asked.len() || is_over || asked.last().is_some_and(is_cut),
            "{self:?} to {asked:?}"
        );
    }

    /// They are like the others as far as they go; a stop or a deadline may cut them, or end them with a 408.
    /// Of those there are at most as many as requests were begun.
    pub fn begin_like(&self, others: &Replies, begun: usize) {
        assert!(self.0.len() <= begun, "{self:?} to {begun} requests");
        for (place, reply) in self.0.iter().enumerate() {
            let is_last = place + 1 == self.0.len();
            match others.0.get(place) {
                _ if is_last && reply.status == 408 => assert!(reply.closes()),
                Some(other) => {
                    assert_eq!(reply.status, other.status);
                    assert!(other.body.starts_with(&reply.body) && (is_last || reply.body == other.body));
                }
                None => panic!("{reply:?}, and nothing was to be answered"),
            }
        }
    }

    /// The access log has a line for each, with its status, and the bytes of its body where its head says them.
    pub fn are_logged(&self, lines: &[u8]) {
        let lines = std::str::from_utf8(lines).expect("what isn't ASCII is escaped");
        let logged: Vec<(&str, &str)> = lines
            .lines()
            .map(|line| {
                let quote =
                    line.match_indices('"').map(|(at, _)| at).filter(|&at| !is_escaped(line, at)).nth(1);
                let mut words = line[quote.expect("a request line") + 1..].split_whitespace();
                (words.next().unwrap(), words.next().unwrap())
            })
            .collect();
        let statuses: Vec<String> = self.0.iter().map(|reply| reply.status.to_string()).collect();
        assert_eq!(logged.iter().map(|(status, _)| *status).collect::<Vec<_>>(), statuses, "{lines}");
        for (reply, (_, size)) in self.0.iter().zip(logged) {
            if reply.field("transfer-encoding").is_none() {
                let expected =
                    if reply.body.is_empty() { "-".to_owned() } else { reply.body.len().to_string() };
                assert_eq!(size, expected, "{lines}");
            }
        }
    }
}

/// The backslashes before it are of an odd number.
fn is_escaped(line: &str, at: usize) -> bool {
    line[..at].bytes().rev().take_while(|&byte| byte == b'\\').count() % 2 == 1
}

fn fields(head: &str) -> (u16, Vec<(String, String)>) {
    let mut lines = head.split("\r\n");
    let (version, status) = lines.next().unwrap().split_at(9);
    assert!(version == "HTTP/1.1 " && status.len() > 4 && status.as_bytes()[3] == b' ', "{head}");
    let fields = lines.map(|line| {
        let (name, value) = line.split_once(": ").expect("a field");
        assert!(!value.contains(char::is_control), "{line:?}");
        (name.to_ascii_lowercase(), value.to_owned())
    });
    (status[..3].parse().unwrap(), fields.collect())
}

/// Takes the body of a reply off what was sent.
fn take_body<'a>(reply: &mut Reply, rest: &'a [u8], site: &Invented) -> &'a [u8] {
    match (reply.field("content-length"), reply.field("transfer-encoding")) {
        (Some(length), None) => {
            let length: usize = length.parse().unwrap();
            let (body, behind) = rest.split_at(length.min(rest.len()));
            (reply.body, reply.complete) = (body.to_vec(), body.len() == length);
            behind
        }
        (None, Some("chunked")) => {
            let (content, left) = simple(rest).expect("right chunks");
            (reply.body, reply.complete) = (content, left.is_some());
            &rest[rest.len() - left.unwrap_or(0)..]
        }
        (None, None) => {
            // Of HTTP/1.0 only: its end is that of the connection.
            assert!(
                reply.closes() && !site.pieces.is_empty() | site.breaks | reply.body.is_empty(),
                "{reply:?}"
            );
            reply.body = rest.to_vec();
            &[]
        }
        both => panic!("{both:?}"),
    }
}

/// Where a part begins and how long it is.
fn part(range: &str, whole: u64) -> (u64, u64) {
    let (range, length) = range.strip_prefix("bytes ").and_then(|range| range.split_once('/')).unwrap();
    let (first, last) = range.split_once('-').unwrap();
    let (first, last): (u64, u64) = (first.parse().unwrap(), last.parse().unwrap());
    assert!(first <= last && last < whole && length.parse() == Ok(whole), "{range}");
    (first, last + 1 - first)
}
