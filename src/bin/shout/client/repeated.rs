//! How often each message is sent, and how fast: the same options for TCP and UDP.

use clap::Args;
use std::thread;
use std::time::Duration;

/// How often, and how fast.
#[derive(Debug, Args)]
pub struct Repeated {
    /// Send each message N times
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub times: u32,
    /// Wait this long between two messages
    #[arg(long, value_name = "DURATION", default_value = "0", value_parser = shoutd::values::duration)]
    pub every: Duration,
}

impl Repeated {
    /// Waits as long as is to be waited between two messages.
    pub fn wait(&self) {
        if !self.every.is_zero() {
            thread::sleep(self.every);
        }
    }
}
