//! The command line of `shout udp`.

use crate::client::place::Place;
use crate::client::repeated::Repeated;
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
    /// How often, and how fast.
    #[command(flatten)]
    pub repeated: Repeated,
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
