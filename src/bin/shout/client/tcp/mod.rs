//! The TCP client in three manners: messages from the command line, a prompt at a terminal, a pipe.

mod comparison;
mod messages;
pub mod options;
mod pipe;
mod prompt;
mod talk;
mod window;

use options::Tcp;
use shoutd::trouble::Trouble;
use std::io::{self, IsTerminal};

/// Does what the options say.
pub fn run(options: &Tcp) -> Result<(), Trouble> {
    if !options.messages.is_empty() {
        messages::run(options)
    } else if io::stdin().is_terminal() && io::stdout().is_terminal() {
        prompt::run(options)
    } else {
        pipe::run(options)
    }
}
