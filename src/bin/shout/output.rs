//! Standard output, in one place: what comes back from a server goes there, byte for byte.
//!
//! Not std's own, which would keep what follows the last newline until more comes, and at the exit nobody
//! would learn of its failure. On a terminal both streams share a screen, so what is said on standard error
//! begins on a line of its own.

use rustix::io::{Errno, write as write_some};
use shoutd::trouble::Trouble;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the last byte that was written is something else than a newline.
static IN_A_LINE: AtomicBool = AtomicBool::new(false);

/// Whether both streams end on a screen.
static SHARED: LazyLock<bool> = LazyLock::new(|| io::stdout().is_terminal() && io::stderr().is_terminal());

/// Writes all of it at once.
pub fn write(bytes: &[u8]) -> Result<(), Trouble> {
    put(bytes)?;
    if let Some(&last) = bytes.last() {
        IN_A_LINE.store(last != b'\n', Ordering::Relaxed);
    }
    Ok(())
}

/// Asks for a line at a terminal, whose user will end the line.
pub fn ask(question: &str) -> Result<(), Trouble> {
    put(question.as_bytes())
}

/// Writes a line of its own, whatever was written before.
pub fn write_line(line: &str) -> Result<(), Trouble> {
    let begin = if IN_A_LINE.load(Ordering::Relaxed) { "\n" } else { "" };
    write(format!("{begin}{line}\n").as_bytes())
}

/// Says something on standard error, on a line of its own. If nobody can hear it, that is no reason to stop.
pub fn say(text: impl fmt::Display) {
    let _ = writeln!(io::stderr(), "{}{text}", line_break());
}

/// What must be said first on standard error, so that what follows begins on a line of its own.
fn line_break() -> &'static str {
    if *SHARED && IN_A_LINE.swap(false, Ordering::Relaxed) { "\n" } else { "" }
}

fn put(mut bytes: &[u8]) -> Result<(), Trouble> {
    while !bytes.is_empty() {
        match write_some(io::stdout(), bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(Errno::INTR) => {}
            Err(error) => return Err(Trouble::output(&error.into())),
        }
    }
    Ok(())
}
