//! The command line of `shout http`.

use super::request::field;
use super::url::read;
use crate::client::report::Telling;
use ::url::Url;
use clap::Args;
use std::time::Duration;

/// `shout http`.
#[derive(Debug, Args)]
pub struct Http {
    /// What to get; http:// may be left out
    #[arg(required = true, value_name = "URL", value_parser = read)]
    pub urls: Vec<Url>,
    /// Get all of them N times over
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub times: u32,
    /// Wait this long between two requests
    #[arg(long, value_name = "DURATION", default_value = "0", value_parser = shoutd::values::duration)]
    pub gap: Duration,
    /// Stay this long after the last response, or until the server closes
    #[arg(long, value_name = "DURATION", default_value = "0", value_parser = shoutd::values::duration)]
    pub linger: Duration,
    /// Print the heads of the responses too
    #[arg(short, long)]
    pub include: bool,
    /// Send HEAD instead of GET
    #[arg(long)]
    pub head: bool,
    /// Follow redirects, up to ten
    #[arg(short, long)]
    pub follow: bool,
    /// A further field of each request
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = field)]
    pub fields: Vec<(String, String)>,
    /// Give up after this long without a byte
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = shoutd::values::patience)]
    pub timeout: Duration,
    /// How to tell what it was like.
    #[command(flatten)]
    pub telling: Telling,
}
