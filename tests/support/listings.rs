//! Listings of directories, read as strictly as a browser or a program would have to.
#![allow(dead_code, reason = "each test file uses its own part of it")]

use crate::support::*;
use std::io::Write;
use std::net::SocketAddr;

/// A row of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What people read.
    pub text: String,
    /// Where it leads; empty in JSON.
    pub href: String,
    /// Whether it is a directory.
    pub is_directory: bool,
    /// Bytes, of a file.
    pub size: Option<u64>,
    /// The time of the last change, as it is written.
    pub modified: String,
}

/// The request for a listing.
pub fn asking(path: &str, accept: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\nAccept: {accept}\r\n\r\n")
}

/// Asks for a listing on a connection of its own: its head, and its body.
pub fn listing(address: SocketAddr, path: &str, accept: &str) -> (Response, String) {
    let mut stream = std::io::BufReader::new(connect(address));
    stream.get_mut().write_all(asking(path, accept).as_bytes()).unwrap();
    let head = read_response(&mut stream, true);
    assert_eq!((head.status, head.field("transfer-encoding")), (200, Some("chunked")), "{path}");
    let body = String::from_utf8(read_chunked(&mut stream)).expect("UTF-8");
    (head, body)
}

/// The rows of a page that is listed.
pub fn page(address: SocketAddr, path: &str) -> Vec<Row> {
    rows_of_page(&listing(address, path, "text/html").1)
}

/// The rows of a listing in JSON.
pub fn json(address: SocketAddr, path: &str) -> Vec<Row> {
    rows_of_json(&listing(address, path, "application/json").1)
}

/// The rows of a complete page.
pub fn rows_of_page(page: &str) -> Vec<Row> {
    assert!(page.starts_with("<!doctype html>") || page.starts_with("<!DOCTYPE html>"), "{page}");
    let (_, rest) = page.split_once("<tbody>\n").expect("a table");
    let (rows, end) = rest.split_once("</tbody>\n").expect("its end");
    assert!(end.ends_with("</html>\n"), "{end}");
    rows.lines().map(row_of_page).collect()
}

fn row_of_page(line: &str) -> Row {
    let parts = || -> Option<Row> {
        let (href, rest) = line.strip_prefix("<tr><td><a href=\"")?.split_once("\">")?;
        let (text, rest) = rest.split_once("</a><td>")?;
        let (size, modified) = rest.split_once("<td>")?;
        let size = match size {
            "" => None,
            size => Some(size.strip_prefix("<data value=\"")?.split_once('"')?.0.parse().ok()?),
        };
        let (href, text) = (unescape(href)?, unescape(text)?);
        let is_directory = size.is_none();
        assert_eq!((href.ends_with('/'), text.ends_with('/')), (is_directory, is_directory), "{line}");
        let modified = modified.to_owned();
        let text = text.strip_suffix('/').filter(|_| is_directory).unwrap_or(&text).to_owned();
        Some(Row { text, href, is_directory, size, modified })
    };
    parts().unwrap_or_else(|| panic!("no row: {line:?}"))
}

/// Reads text as HTML does. `None` where something stands in it that isn't text.
fn unescape(text: &str) -> Option<String> {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['<', '>', '"', '\'', '&']) {
        plain += &rest[..at];
        let (entity, after) = rest[at..].strip_prefix('&')?.split_once(';')?;
        plain.push(match entity {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "#39" => '\'',
            _ => return None,
        });
        rest = after;
    }
    Some(plain + rest)
}

/// The rows of a complete array. Its strings are read as RFC 8259 says.
pub fn rows_of_json(text: &str) -> Vec<Row> {
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix("\n]\n")).expect("an array");
    if inner.is_empty() {
        return Vec::new();
    }
    let lines = inner.strip_prefix('\n').expect("a line a row").split('\n');
    let count = lines.clone().count();
    let row = |(n, line): (usize, &str)| {
        let line = if n + 1 < count { line.strip_suffix(',').expect("a comma") } else { line };
        row_of_json(line).unwrap_or_else(|| panic!("no row: {line:?}"))
    };
    lines.enumerate().map(row).collect()
}

fn row_of_json(line: &str) -> Option<Row> {
    let (text, rest) = string(line.strip_prefix("{ \"name\":")?)?;
    let (kind, rest) = string(rest.strip_prefix(", \"type\":")?)?;
    let (modified, rest) = string(rest.strip_prefix(", \"mtime\":")?)?;
    let size = match rest {
        " }" => None,
        rest => Some(rest.strip_prefix(", \"size\":")?.strip_suffix(" }")?.parse().ok()?),
    };
    let is_directory = kind == "directory";
    (is_directory == size.is_none() && (is_directory || kind == "file")).then_some(())?;
    Some(Row { text, href: String::new(), is_directory, size, modified })
}

fn string(text: &str) -> Option<(String, &str)> {
    let mut characters = text.strip_prefix('"')?.char_indices();
    let mut plain = String::new();
    loop {
        match characters.next()? {
            (at, '"') => return Some((plain, &text[at + 2..])),
            (_, '\\') => match characters.next()?.1 {
                escaped @ ('"' | '\\' | '/') => plain.push(escaped),
                'u' => {
                    let digits: String = characters.by_ref().take(4).map(|(_, digit)| digit).collect();
                    plain.push(char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?);
                }
                _ => return None,
            },
            (_, character) if character < ' ' => return None,
            (_, character) => plain.push(character),
        }
    }
}
