//! The command line of `shout udp`.

use crate::client::place::Place;
use crate::client::report::Telling;
use clap::Args;
use std::time::Duration;

/// `shout udp`.
#[derive(Debug, Args)]
pub struct Udp {
    /// Where to.
    #[command(flatten)]
    pub place: Place,
    /// What to send, a datagram each ("" sends an empty one)
    #[arg(value_name = "MESSAGE")]
    pub messages: Vec<String>,
    /// Send each message so many times
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub times: u32,
    /// Wait so long between two messages
    #[arg(long, value_name = "DURATION", default_value = "0", value_parser = shoutd::values::duration)]
    pub every: Duration,
    /// Verify every byte: without this, letters beyond a to z may come back changed, as from a server that goes by
    /// its language
    #[arg(long)]
    pub check: bool,
    /// How long to wait for each reply
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = shoutd::values::patience)]
    pub timeout: Duration,
    /// How to tell what it was like.
    #[command(flatten)]
    pub telling: Telling,
}
