//! A listing as a page: a table with breadcrumbs above it, for light and dark, wide and narrow.
//!
//! Names are written into HTML and into links, and escaped for each. The links are relative, so the page
//! also works behind a proxy that puts a prefix before our paths.

use super::Row;
use crate::html::{self, Escaped};
use crate::http::target::encode;
use crate::now::Date;
use std::io::Write;

/// What every such page begins with, up to its style.
const HEAD: &str = "\
<!DOCTYPE html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<meta name=\"color-scheme\" content=\"light dark\">
<style>
";

/// Its style, behind that of the family.
const STYLE: &str = include_str!("style.css");

/// A path of more segments than this has no links: with each, every link grows.
const CRUMBS: usize = 32;

/// Appends everything before the first row, for a path that ends in a slash.
pub fn open(piece: &mut Vec<u8>, path: &[u8]) {
    for text in [HEAD, html::STYLE, STYLE, "</style>\n<title>"] {
        piece.extend_from_slice(text.as_bytes());
    }
    escape(piece, path);
    piece.extend_from_slice(b"</title>\n</head>\n<body>\n<h1>");
    let segments: Vec<&[u8]> = path.split(|&byte| byte == b'/').filter(|name| !name.is_empty()).collect();
    let depth = segments.len();
    let _ = write!(piece, "<a href=\"./{}\">/</a>", "../".repeat(depth));
    for (place, segment) in segments.into_iter().enumerate() {
        if place > 0 {
            piece.extend_from_slice(b"/");
        }
        if place + 1 == depth || depth > CRUMBS {
            escape(piece, segment);
        } else {
            let _ = write!(piece, "<a href=\"./{}\">", "../".repeat(depth - 1 - place));
            escape(piece, segment);
            piece.extend_from_slice(b"</a>");
        }
    }
    piece.extend_from_slice(
        b"</h1>\n<table>\n<thead><tr><th>Name<th>Size<th>Changed (UTC)</thead>\n<tbody>\n",
    );
}

/// Appends one row.
pub fn row(piece: &mut Vec<u8>, row: &Row) {
    let slash = if row.is_directory { "/" } else { "" };
    // The name may have a colon, which without the dot would end a scheme.
    let _ = write!(piece, "<tr><td><a href=\"./");
    escape(piece, encode(row.name).to_string().as_bytes());
    let _ = write!(piece, "{slash}\">");
    escape(piece, row.name);
    let _ = write!(piece, "{slash}</a><td>");
    if let Some(bytes) = row.size.filter(|_| !row.is_directory) {
        size(piece, bytes);
    }
    piece.extend_from_slice(b"<td>");
    if let Some(modified) = &row.modified {
        date(piece, modified);
    }
    piece.push(b'\n');
}

/// Appends everything behind the last row.
pub fn close(piece: &mut Vec<u8>, count: usize, truncated: bool, unseen: usize) {
    piece.extend_from_slice(b"</tbody>\n</table>\n<footer>");
    let _ = match (count, truncated) {
        (0, _) => write!(piece, "Nothing is here."),
        (1, _) => write!(piece, "1 name"),
        (_, false) => write!(piece, "{count} names"),
        (_, true) => write!(piece, "The first {count} names that were read; the directory has more."),
    };
    let _ = match unseen {
        0 => Ok(()),
        _ => write!(piece, " {unseen} more can't be read now."),
    };
    piece.extend_from_slice(b"</footer>\n</body>\n</html>\n");
}

/// Bytes as people read them, and exactly when pointed at.
fn size(piece: &mut Vec<u8>, bytes: u64) {
    const UNITS: [&str; 7] = ["", "k", "M", "G", "T", "P", "E"];
    let (mut whole, mut tenth, mut unit) = (bytes, None, 0);
    while whole >= 1000 && unit + 1 < UNITS.len() {
        tenth = Some(whole / 100 % 10);
        whole /= 1000;
        unit += 1;
    }
    let _ = write!(piece, "<data value=\"{bytes}\" title=\"{bytes} bytes\">{whole}");
    if let Some(tenth) = tenth {
        let _ = write!(piece, ".{tenth}");
    }
    let _ = write!(piece, " {}B</data>", UNITS[unit]);
}

/// From `Sun, 06 Nov 1994 08:49:37 GMT` to `1994-11-06 08:49`.
fn date(piece: &mut Vec<u8>, date: &Date) {
    let date = date.as_bytes();
    let names = b"JanFebMarAprMayJunJulAugSepOctNovDec".chunks(3);
    let month = names.take_while(|name| *name != &date[8..11]).count() + 1;
    piece.extend_from_slice(&date[12..16]);
    let _ = write!(piece, "-{month:02}-");
    piece.extend_from_slice(&date[5..7]);
    piece.push(b' ');
    piece.extend_from_slice(&date[17..22]);
}

/// Writes text so that HTML reads it as text. Bytes that aren't UTF-8 are shown as such.
fn escape(piece: &mut Vec<u8>, text: &[u8]) {
    let _ = write!(piece, "{}", Escaped(&String::from_utf8_lossy(text)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut piece = Vec::new();
        write(&mut piece);
        String::from_utf8(piece).unwrap()
    }

    #[test]
    fn sizes_and_dates_are_for_people() {
        for (bytes, expected) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (1999, "1.9 kB"),
            (35_257, "35.2 kB"),
            (999_999, "999.9 kB"),
            (1_000_000, "1.0 MB"),
            (u64::MAX, "18.4 EB"),
        ] {
            let expected = format!("<data value=\"{bytes}\" title=\"{bytes} bytes\">{expected}</data>");
            assert_eq!(written(|piece| size(piece, bytes)), expected);
        }
        let noon = Date::new(UNIX_EPOCH + Duration::from_secs(784_111_777));
        assert_eq!(written(|piece| date(piece, &noon)), "1994-11-06 08:49");
    }

    #[test]
    fn names_are_text_and_never_tags() {
        let modified = Some(Date::new(UNIX_EPOCH));
        let evil = b"<b>\"a'&:\xff";
        let text = written(|piece| {
            row(piece, &Row { name: evil, is_directory: false, size: Some(1), modified });
            open(piece, b"/<i>/\"x\"/");
        });
        assert!(
            text.contains("href=\"./%3Cb%3E%22a&#39;&amp;:%FF\">&lt;b&gt;&quot;a&#39;&amp;:\u{fffd}</a>"),
            "{text}"
        );
        assert!(!text.contains("<i>") && !text.contains("\"x\""), "{text}");
    }

    #[test]
    fn breadcrumbs_lead_up_by_relative_links() {
        let text = written(|piece| open(piece, b"/a/b c/"));
        assert!(text.contains("<h1><a href=\"./../../\">/</a><a href=\"./../\">a</a>/b c</h1>"), "{text}");
        assert!(written(|piece| open(piece, b"/")).contains("<h1><a href=\"./\">/</a></h1>"));
    }
}
