//! The command line of `shout tcp`.

use crate::client::place::Place;
use crate::client::repeated::Repeated;
use crate::client::report::Telling;
use clap::Args;
use std::time::Duration;

/// `shout tcp`.
#[derive(Debug, Args)]
pub struct Tcp {
    /// Where to.
    #[command(flatten)]
    pub place: Place,
    /// What to send: for each its reply is awaited and printed
    #[arg(value_name = "MESSAGE")]
    pub messages: Vec<String>,
    /// How often, and how fast.
    #[command(flatten)]
    pub repeated: Repeated,
    /// Send all messages before reading any reply
    #[arg(long)]
    pub at_once: bool,
    /// Expect each reply to be the message N times over (a server with repeat=N)
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub repeat: u32,
    /// Verify every byte, however long the stream: without this, letters beyond a to z may come back changed, as from
    /// a server that goes by its language
    #[arg(long)]
    pub check: bool,
    /// Give up after this long without a byte
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = shoutd::values::patience)]
    pub timeout: Duration,
    /// How to tell what it was like.
    #[command(flatten)]
    pub telling: Telling,
}

impl Tcp {
    /// Makes sense of the first words, and says what is wrong if it makes none.
    pub fn settle(&mut self) -> Result<(), String> {
        self.place.settle("tcp", &mut self.messages)?;
        match self.messages.iter().any(String::is_empty) {
            true => Err(
                "a message is empty: TCP is a stream, and of nothing it carries nothing (an empty datagram \
                         is sent by shout udp)"
                    .to_owned(),
            ),
            false => Ok(()),
        }
    }
}
