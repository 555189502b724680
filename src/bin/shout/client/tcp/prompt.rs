//! The prompt at a terminal: a sentence, its reply, and so on until Ctrl-D.

use super::options::Tcp;
use super::talk::Talk;
use crate::client::link::Link;
use crate::output;
use rustyline::error::ReadlineError;
use rustyline::history::MemHistory;
use rustyline::{Config, Editor};
use shoutd::trouble::Trouble;

/// Asks, sends, prints, until the input ends. Ctrl-D says good-bye properly: a FIN, and what the server
/// still had to say.
pub fn run(options: &Tcp) -> Result<(), Trouble> {
    let mut link = Link::open(&options.place.host, options.place.port(), options.timeout)?;
    let result = converse(options, &mut link);
    let told = options.telling.reporter().tell(&link.report());
    result.and(told)
}

fn converse(options: &Tcp, link: &mut Link) -> Result<(), Trouble> {
    let failed = |error: ReadlineError| Trouble::new(format!("the terminal failed: {error}"), "");
    let mut editor: Editor<(), MemHistory> =
        Editor::with_history(Config::default(), MemHistory::new()).map_err(failed)?;
    let mut talk = Talk::new(options, link);
    loop {
        match editor.readline("Input lowercase sentence: ") {
            Ok(line) if line.is_empty() => {} // TCP has no empty message
            Ok(line) => {
                let _ = editor.add_history_entry(&line);
                let message = line.as_bytes();
                talk.hears_nothing()?;
                talk.link.send(message)?;
                talk.hear(message, |reply| output::write(&[b"From Server: ", reply, b"\n"].concat()))?;
                talk.compare()?;
            }
            Err(ReadlineError::Eof | ReadlineError::Interrupted) => {
                talk.hears_nothing()?;
                let mut rest = talk.link.farewell();
                if rest.last().is_some_and(|&byte| byte != b'\n') {
                    rest.push(b'\n');
                }
                return output::write(&rest);
            }
            Err(error) => return Err(failed(error)),
        }
    }
}
