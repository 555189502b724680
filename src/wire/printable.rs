//! Bytes of strangers as text that is safe to print: nothing in it moves the cursor, changes colours or
//! turns the direction of writing, and every character is one column wide.

/// The beginning of a payload between quotation marks, at most so many columns of it. `length` is that of
/// all of it: where that is more, the text ends with an ellipsis.
pub fn excerpt(bytes: &[u8], length: usize, columns: usize) -> String {
    // Nobody needs more bytes than there are columns; a character has at most four.
    let head = &bytes[..bytes.len().min(columns * 4)];
    let mut text = String::new();
    let (mut used, mut taken) = (0, 0);
    'head: for chunk in head.utf8_chunks() {
        let good = chunk.valid().chars().map(|char| (escaped(char), char.len_utf8()));
        let bad = chunk.invalid().iter().map(|byte| (format!("\\x{byte:02x}"), 1));
        for (piece, size) in good.chain(bad) {
            let width = piece.chars().count();
            if used + width > columns {
                break 'head;
            }
            text += &piece;
            used += width;
            taken += size;
        }
    }
    let ellipsis = if taken < length { "…" } else { "" };
    format!("\"{text}{ellipsis}\"")
}

/// The same without quotation marks and for text that is shown whole, such as a file's name.
pub fn line(text: &str) -> String {
    text.chars().map(escaped).collect()
}

/// One character, as it is or escaped. Outside ASCII only scripts whose characters are known to stand for
/// themselves and to take one column are let through.
fn escaped(char: char) -> String {
    let plain = matches!(char,
        ' '..='~' | '\u{a1}'..='\u{ac}' | '\u{ae}'..='\u{24f}' | '\u{370}'..='\u{482}' | '\u{48a}'..='\u{52f}'
            | '–' | '—' | '‘'..='”' | '…' | '€');
    match char {
        '"' | '\\' => format!("\\{char}"),
        _ if plain => char.to_string(),
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        '\0'..='\u{ff}' => format!("\\x{:02x}", u32::from(char)),
        _ => format!("\\u{{{:x}}}", u32::from(char)),
    }
}
