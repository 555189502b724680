//! The prompt at a terminal: a sentence, its reply, and so on until Ctrl-D.

use super::messages::Reply;
use crate::client::link::Link;
use crate::client::options::Tcp;
use crate::client::trouble::Trouble;
use rustyline::error::ReadlineError;
use rustyline::history::MemHistory;
use rustyline::{Config, Editor};
use std::io::{self, Write};

/// Asks, sends, prints, until the input ends. Ctrl-D says good-bye properly: a FIN, and what the server
/// still had to say.
pub fn run(options: &Tcp) -> Result<(), Trouble> {
    let mut link = Link::open(&options.peer.host, options.peer.port, options.timeout)?;
    let result = converse(options, &mut link);
    let told = options.telling.reporter().tell(&link.report());
    result.and(told)
}

fn converse(options: &Tcp, link: &mut Link) -> Result<(), Trouble> {
    let failed = |error: ReadlineError| Trouble::new(format!("the terminal failed: {error}"), "");
    let mut editor: Editor<(), MemHistory> =
        Editor::with_history(Config::default(), MemHistory::new()).map_err(failed)?;
    loop {
        match editor.readline("Input lowercase sentence: ") {
            Ok(line) if line.is_empty() => {} // TCP has no empty message
            Ok(line) => {
                let _ = editor.add_history_entry(&line);
                let message = line.as_bytes();
                link.send(message)?;
                let reply = Reply { options, link, message }.receive()?;
                let mut out = io::stdout().lock();
                let written = out
                    .write_all(b"From Server: ")
                    .and_then(|()| out.write_all(&reply))
                    .and_then(|()| out.write_all(b"\n"))
                    .and_then(|()| out.flush());
                written.map_err(|error| Trouble::output(&error))?;
            }
            Err(ReadlineError::Eof | ReadlineError::Interrupted) => {
                let mut rest = link.farewell();
                if rest.last().is_some_and(|&byte| byte != b'\n') {
                    rest.push(b'\n');
                }
                return io::stdout().write_all(&rest).map_err(|error| Trouble::output(&error));
            }
            Err(error) => return Err(failed(error)),
        }
    }
}
