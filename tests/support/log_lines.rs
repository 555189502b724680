//! Lines of the access log, read as strictly as the tools that people read them with.
#![allow(dead_code, reason = "each test file uses its own part of it")]

use crate::support::*;
use std::io::{BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One line in the Combined Log Format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The client's address, or `unix:`.
    pub client: String,
    /// The time, as it stands between the brackets.
    pub time: String,
    /// The request line, with its escapes.
    pub request: String,
    /// The status.
    pub status: u16,
    /// Bytes behind the head; 0 for `-`.
    pub size: u64,
    /// The field Referer, with its escapes; `-` if there was none.
    pub referer: String,
    /// The field User-Agent, likewise.
    pub agent: String,
}

impl Line {
    /// Reads a line. Panics if it isn't one to the letter.
    pub fn parse(line: &str) -> Line {
        Line::read(line).unwrap_or_else(|| panic!("no line of the Combined Log Format: {line:?}"))
    }

    fn read(line: &str) -> Option<Line> {
        if !line.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return None;
        }
        let (client, rest) = line.split_once(" - - [")?;
        let (time, rest) = rest.split_once("] ")?;
        let (request, rest) = quoted(rest)?;
        let (status, rest) = rest.strip_prefix(' ')?.split_once(' ')?;
        let (size, rest) = rest.split_once(' ')?;
        let (referer, rest) = quoted(rest)?;
        let (agent, rest) = quoted(rest.strip_prefix(' ')?)?;
        let number = |text: &str| -> Option<u64> {
            (text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0')).then_some(())?;
            text.parse().ok()
        };
        let is_address = client == "unix:" || client.parse::<std::net::IpAddr>().is_ok();
        if !is_address || !is_time(time) || !rest.is_empty() || status.len() != 3 {
            return None;
        }
        Some(Line {
            client: client.to_owned(),
            time: time.to_owned(),
            request,
            status: number(status)? as u16,
            size: if size == "-" { 0 } else { number(size)? },
            referer,
            agent,
        })
    }
}

/// Takes a quoted string: what is in it, and what follows it. Only the escapes that there are may be in it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let text = text.strip_prefix('"')?;
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        match bytes.get(at)? {
            b'"' if at == 0 => return None, // nothing is written as `-`
            b'"' => return Some((text[..at].to_owned(), &text[at + 1..])),
            b'\\' => match bytes.get(at + 1)? {
                b'"' | b'\\' | b'n' | b'r' | b't' => at += 2,
                b'x' if bytes.get(at + 2..at + 4)?.iter().all(u8::is_ascii_hexdigit) => at += 4,
                _ => return None,
            },
            _ => at += 1,
        }
    }
}

/// Whether it looks like `21/Nov/2026:12:00:38 +0000`.
fn is_time(text: &str) -> bool {
    let months = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let digits = |range: std::ops::Range<usize>| text[range].bytes().all(|byte| byte.is_ascii_digit());
    text.len() == 26
        && [0..2, 7..11, 12..14, 15..17, 18..20].into_iter().all(digits)
        && months.find(&text[3..6]).is_some_and(|at| at % 3 == 0)
        && text.ends_with(" +0000")
        && [2, 6].iter().all(|&at| &text[at..=at] == "/")
        && [11, 14, 17].iter().all(|&at| &text[at..=at] == ":")
}

/// The time of a `Date` field, as the log writes it.
pub fn time_of(date: &str) -> String {
    let parts: Vec<&str> = date.split(' ').collect();
    format!("{}/{}/{}:{} +0000", parts[1], parts[2], parts[3], parts[4])
}

/// All lines of a file, of which the last must be complete.
pub fn read(path: &Path) -> Vec<Line> {
    let text = std::fs::read_to_string(path).expect("a log in ASCII");
    assert!(text.is_empty() || text.ends_with('\n'), "the last line is torn: {text:?}");
    text.lines().map(Line::parse).collect()
}

/// Waits until a file has so many lines, and returns them.
pub fn wait_for(path: &Path, count: usize) -> Vec<Line> {
    let text = || std::fs::read_to_string(path).unwrap_or_default();
    let complete = || text().matches('\n').count() >= count;
    eventually(complete, || format!("{} has fewer than {count} lines: {:?}", path.display(), text()));
    let lines = read(path);
    assert_eq!(lines.len(), count, "{lines:?}");
    lines
}

/// So many requests, numbered, in pipelines on one connection, all answered.
pub fn request(address: SocketAddr, from: usize, count: usize) {
    let mut stream = BufReader::new(connect(address));
    for start in (from..from + count).step_by(50) {
        let numbers = start..(start + 50).min(from + count);
        let text: String =
            numbers.clone().map(|n| format!("GET /none?{n} HTTP/1.1\r\nHost: a\r\n\r\n")).collect();
        stream.get_mut().write_all(text.as_bytes()).unwrap();
        for _ in numbers {
            assert_eq!(read_response(&mut stream, false).status, 404);
        }
    }
}

/// The number of a line's request.
pub fn number(line: &Line) -> usize {
    let text = line.request.strip_prefix("GET /none?").and_then(|rest| rest.strip_suffix(" HTTP/1.1"));
    text.and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("not our request: {line:?}"))
}

/// The lines of some text, each once and in order.
pub fn numbers(text: &[u8]) -> Vec<usize> {
    let text = std::str::from_utf8(text).expect("ASCII");
    assert!(text.is_empty() || text.ends_with('\n'), "the last line is torn");
    let numbers: Vec<usize> = text.lines().map(|line| number(&Line::parse(line))).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "out of order");
    numbers
}

/// How many lines a complaint says are lost.
pub fn lost(complaint: &str) -> usize {
    let words: Vec<&str> = complaint.split_ascii_whitespace().collect();
    let at = words.iter().position(|word| *word == "lines").unwrap_or_else(|| panic!("{complaint}"));
    words[at - 1].parse().unwrap_or_else(|_| panic!("{complaint}"))
}

/// A named pipe in a folder; without mkfifo(1) there is none.
pub fn fifo(folder: &Folder) -> Option<PathBuf> {
    let path = folder.path().join("pipe");
    match Command::new("mkfifo").arg(&path).status() {
        Ok(status) => assert!(status.success()),
        Err(error) => {
            skip(&format!("mkfifo: {error}"));
            return None;
        }
    }
    Some(path)
}
