//! Request heads: where one ends, and what it says.
//!
//! Input: the size of the pieces, where and how much (64 bytes a unit) padding is put in, then the bytes received.

use super::input::Input;
use shoutd::http::head::{Scan, leading_empty_lines, scan};
use shoutd::http::request::{Framing, Method, Request, Subject, parse, settle_version};
use shoutd::limits;

pub fn check(data: &[u8]) {
    let mut input = Input(data);
    let step = usize::from(input.byte()) + 1;
    let (place, padding) = (input.number() as usize, usize::from(input.byte()) * 64);
    let mut bytes = input.0.to_vec();
    let place = place % (bytes.len() + 1);
    bytes.splice(place..place, std::iter::repeat_n(b'a', padding));

    let bytes = &bytes[leading_empty_lines(&bytes)..];
    let found = scan(bytes, &mut 0);
    assert_eq!(found, in_pieces(bytes, step), "{step} bytes at a time");
    match found {
        Scan::Complete(length) => understand(&bytes[..length]),
        Scan::Partial => assert!(bytes.len() < limits::HEAD),
        Scan::TargetTooLong | Scan::TooLong => assert!(bytes.len() >= limits::HEAD),
        Scan::BareLineFeed => {
            let feed =
                bytes.iter().enumerate().position(|(at, &b)| b == b'\n' && !bytes[..at].ends_with(b"\r"));
            assert!(feed.is_some_and(|at| at < limits::HEAD));
        }
    }
}

fn in_pieces(bytes: &[u8], step: usize) -> Scan {
    let (mut end, mut scanned) = (0, 0);
    loop {
        end = (end + step).min(bytes.len());
        match scan(&bytes[..end], &mut scanned) {
            Scan::Partial if end < bytes.len() => {}
            found => return found,
        }
    }
}

fn understand(head: &[u8]) {
    assert!(head.len() <= limits::HEAD && head.ends_with(b"\r\n\r\n"), "{head:?}");
    assert!(!head[..head.len() - 4].windows(4).any(|four| four == b"\r\n\r\n"), "two heads in one");
    let mut settled = head.to_vec();
    settle_version(&mut settled);
    let mut twice = settled.clone();
    settle_version(&mut twice);
    assert_eq!(settled, twice);
    match parse(&settled) {
        Ok(request) => compare(&request, &settled),
        Err(status) => assert!([400, 417, 431, 501, 505].contains(&status.code), "{status:?}"),
    }
}

/// Holds what was understood against the lines of the head, read by the simplest means.
fn compare(request: &Request, head: &[u8]) {
    let text = head.strip_suffix(b"\r\n\r\n").unwrap();
    let mut lines = text.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let first = lines.next().unwrap();
    let fields: Vec<(String, &[u8])> = lines
        .map(|line| {
            let colon = line.iter().position(|&byte| byte == b':').expect("every line is a field");
            let name = std::str::from_utf8(&line[..colon]).expect("the name of a field is ASCII");
            assert!(!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic()), "{name:?}");
            (name.to_ascii_lowercase(), line[colon + 1..].trim_ascii())
        })
        .collect();
    let all = |wanted: &str| -> Vec<&[u8]> {
        fields.iter().filter(|(name, _)| name == wanted).map(|(_, value)| *value).collect()
    };
    let list = |wanted: &str| -> Vec<Vec<u8>> {
        let values = all(wanted);
        let members =
            values.iter().flat_map(|value| value.split(|&byte| byte == b',')).map(<[u8]>::trim_ascii);
        members.filter(|member| !member.is_empty()).map(<[u8]>::to_ascii_lowercase).collect()
    };

    let line = format!("{} HTTP/1.{}", request.target, request.minor);
    assert!(first.ends_with(line.as_bytes()), "{first:?} has {line:?}");
    assert!(request.target.bytes().all(|byte| byte > b' ' && byte != 0x7f), "{:?}", request.target);
    if let Subject::Path(target) = &request.subject {
        assert!(target.path.starts_with(b"/") && !target.path.iter().any(u8::is_ascii_control));
    }

    let (hosts, lengths, codings) = (all("host"), all("content-length"), list("transfer-encoding"));
    assert!(hosts.len() == 1 || (hosts.is_empty() && request.minor == 0), "{hosts:?}");
    match request.body {
        Framing::Length(length) => {
            assert!(all("transfer-encoding").is_empty() && lengths.len() <= 1, "{fields:?}");
            let said = lengths.first().map_or(0, |digits| {
                assert!(!digits.is_empty() && digits.iter().all(u8::is_ascii_digit), "{digits:?}");
                digits
                    .iter()
                    .fold(0u128, |sum, digit| sum.saturating_mul(10).saturating_add(u128::from(digit - b'0')))
            });
            assert_eq!(u128::from(length), said);
        }
        Framing::Chunked => {
            assert!(lengths.is_empty() && request.minor == 1, "{fields:?}");
            assert_eq!(codings, [b"chunked"]);
        }
    }
    let options = list("connection");
    let says = |option: &[u8]| options.iter().any(|said| said == option);
    let kept =
        !says(b"close") && request.method != Method::Connect && (request.minor == 1 || says(b"keep-alive"));
    assert_eq!(request.keep_alive, kept, "{options:?}");

    // What is added at the end is heeded, or makes no difference.
    let room = fields.len() < limits::FIELDS;
    let with = |field: &str| [text, b"\r\n", field.as_bytes(), b"\r\n\r\n"].concat();
    if room {
        assert_eq!(parse(&with("X-Unknown: a, b")).as_ref(), Ok(request));
        assert!(parse(&with("Host: second")).is_err() || hosts.is_empty(), "two hosts");
        let framed = !lengths.is_empty() || !all("transfer-encoding").is_empty();
        assert!(parse(&with("Content-Length: 1")).is_err() || !framed, "two lengths");
        assert!(parse(&with("Connection: close")).is_ok_and(|request| !request.keep_alive));
    }
}
