//! How to show packets on a terminal: how wide, whether in colour, and how many.

use std::env;
use std::io::IsTerminal;
use std::mem;

/// Rows of a conversation that are shown unless all are asked for.
const ROWS: usize = 60;

/// Escape sequences for a style, and back from it.
const RESET: &str = "\x1b[0m";

/// How to show packets.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Columns that there are.
    pub width: usize,
    /// Whether to use colours.
    pub colour: bool,
    /// How many rows of a conversation are shown. Of a longer one it is the first half and the last half.
    pub rows: usize,
}

/// What a text is, for its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Of the client.
    Client,
    /// Of the server.
    Server,
    /// A reset, or another failure.
    Alarm,
    /// Less important.
    Faint,
    /// A heading.
    Heading,
}

impl Style {
    /// As it suits what standard output is: a terminal of this width and in colour, or 100 plain columns.
    pub fn of_stdout(all: bool) -> Style {
        let terminal = std::io::stdout().is_terminal();
        let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok().filter(|_| terminal);
        let width = size.map_or(100, |size| usize::from(size.ws_col));
        let plain = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let colour = terminal && !plain && env::var_os("TERM").is_none_or(|name| name != "dumb");
        let width = if width == 0 { 80 } else { width.max(60) };
        Style { width, colour, rows: if all { usize::MAX } else { ROWS } }
    }

    /// Without colours.
    pub fn plain(width: usize) -> Style {
        Style { width, colour: false, rows: ROWS }
    }

    /// A text in the colour of its role.
    pub fn paint(&self, role: Role, text: &str) -> String {
        let code = match role {
            Role::Client => "\x1b[36m",
            Role::Server => "\x1b[33m",
            Role::Alarm => "\x1b[31m",
            Role::Faint => "\x1b[2m",
            Role::Heading => "\x1b[1m",
        };
        if self.colour && !text.trim().is_empty() { format!("{code}{text}{RESET}") } else { text.to_owned() }
    }

    /// Which of so many rows are left out: from one to before another.
    pub fn left_out(&self, rows: usize) -> (usize, usize) {
        if rows <= self.rows { (rows, rows) } else { (self.rows / 2, rows - (self.rows - self.rows / 2)) }
    }
}

/// Breaks a text into lines of at most so many columns, between words where it can.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(8);
    let (mut lines, mut line, mut used) = (Vec::new(), String::new(), 0);
    for word in text.split(' ') {
        let chars: Vec<char> = word.chars().collect();
        if used > 0 && used + 1 + chars.len() > width {
            lines.push(mem::take(&mut line));
            used = 0;
        }
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        for (index, piece) in chars.chunks(width).enumerate() {
            if index > 0 {
                lines.push(mem::take(&mut line));
                used = 0;
            }
            line.extend(piece);
            used += piece.len();
        }
    }
    lines.push(line);
    lines
}
