//! A listing as JSON, with the members that nginx gives them, so that what reads those reads ours.

use super::Row;
use std::io::Write;

/// Appends one member of the array.
pub fn row(piece: &mut Vec<u8>, row: &Row, is_first: bool) {
    piece.extend_from_slice(if is_first { b"\n" } else { b",\n" });
    piece.extend_from_slice(b"{ \"name\":\"");
    for character in String::from_utf8_lossy(row.name).chars() {
        let _ = match character {
            '"' | '\\' => write!(piece, "\\{character}"),
            '\0'..' ' => write!(piece, "\\u{:04x}", u32::from(character)),
            _ => write!(piece, "{character}"),
        };
    }
    let kind = if row.is_directory { "directory" } else { "file" };
    let _ = write!(piece, "\", \"type\":\"{kind}\"");
    if let Some(modified) = &row.modified {
        piece.extend_from_slice(b", \"mtime\":\"");
        piece.extend_from_slice(modified.as_bytes());
        piece.push(b'"');
    }
    if let Some(size) = row.size.filter(|_| !row.is_directory) {
        let _ = write!(piece, ", \"size\":{size}");
    }
    piece.extend_from_slice(b" }");
}
