//! The command line of shout.

use super::place::Place;
use super::report::Reporter;
use crate::slips;
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use std::path::PathBuf;
use std::time::Duration;
use url::Url;

/// Talks to TCP uppercase, UDP uppercase and HTTP servers, and explains what happens.
#[derive(Debug, Parser)]
#[command(name = "shout", version)]
pub struct Options {
    /// What to talk.
    #[command(subcommand)]
    pub command: Command,
}

impl Options {
    /// Reads the command line of this process. Wrong usage ends it, with exit status 2.
    pub fn read() -> Options {
        let matches = slips::matches(Options::command(), std::env::args_os());
        let mut options = Options::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
        let (name, settled) = match &mut options.command {
            Command::Tcp(tcp) => ("tcp", tcp.settle()),
            Command::Udp(udp) => ("udp", udp.place.settle("udp", &mut udp.messages)),
            _ => return options,
        };
        if let Err(why) = settled {
            let hint = format!("{why}\n\nFor more information, try 'shout {name} --help'.\n");
            clap::Error::raw(ErrorKind::ValueValidation, hint).exit();
        }
        options
    }
}

/// The protocols.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Send messages over one TCP connection; without one, read lines or a stream from standard input
    Tcp(Tcp),
    /// Send each message as one UDP datagram; without one, each line of standard input
    Udp(Udp),
    /// GET URLs in order, on one connection where the server lets us
    Http(Http),
    /// Explain the packets of a capture file: a table, a ladder, and a few words on each
    Explain(Explain),
    /// Measure a server under load, verifying every reply
    Bench(super::bench::options::Bench),
    /// Run an experiment of a networking lab and show the packets that crossed; without a NAME, list them
    Lab(super::lab::options::Lab),
}

/// How to tell what it was like.
#[derive(Debug, Args)]
pub struct Telling {
    /// Tell bytes, segments, times and who closed first, on standard error
    #[arg(long)]
    report: bool,
    /// The same as a line of JSON: on standard error, or appended to FILE (- is standard output)
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    json: Option<String>,
}

impl Telling {
    /// Where reports go.
    pub fn reporter(&self) -> Reporter {
        Reporter { table: self.report, json: self.json.clone() }
    }
}

/// `shout tcp`.
#[derive(Debug, Args)]
pub struct Tcp {
    /// Where to.
    #[command(flatten)]
    pub place: Place,
    /// What to send: for each its reply is awaited and printed
    #[arg(value_name = "MESSAGE")]
    pub messages: Vec<String>,
    /// Send each message so many times
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub times: u32,
    /// Wait so long between two messages
    #[arg(long, value_name = "DURATION", default_value = "0", value_parser = crate::values::duration)]
    pub every: Duration,
    /// Send all messages before reading any reply
    #[arg(long)]
    pub at_once: bool,
    /// Expect each reply to be the message so many times over (a server with repeat=N)
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub repeat: u32,
    /// Verify every byte, however long the stream: without this, letters beyond a to z may come back changed, as from
    /// a server that goes by its language
    #[arg(long)]
    pub check: bool,
    /// Give up after so long without a byte
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = crate::values::patience)]
    pub timeout: Duration,
    /// How to tell what it was like.
    #[command(flatten)]
    pub telling: Telling,
}

impl Tcp {
    fn settle(&mut self) -> Result<(), String> {
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
    #[arg(long, value_name = "DURATION", default_value = "0", value_parser = crate::values::duration)]
    pub every: Duration,
    /// Verify every byte: without this, letters beyond a to z may come back changed, as from a server that goes by
    /// its language
    #[arg(long)]
    pub check: bool,
    /// How long to wait for each reply
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = crate::values::patience)]
    pub timeout: Duration,
    /// How to tell what it was like.
    #[command(flatten)]
    pub telling: Telling,
}

/// `shout http`.
#[derive(Debug, Args)]
pub struct Http {
    /// What to get; http:// may be left out
    #[arg(required = true, value_name = "URL", value_parser = super::http::url)]
    pub urls: Vec<Url>,
    /// Get all of them so many times over
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub times: u32,
    /// Wait so long between two requests
    #[arg(long, value_name = "DURATION", default_value = "0", value_parser = crate::values::duration)]
    pub gap: Duration,
    /// Stay so long after the last response, or until the server closes
    #[arg(long, value_name = "DURATION", default_value = "0", value_parser = crate::values::duration)]
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
    /// Give up after so long without a byte
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = crate::values::patience)]
    pub timeout: Duration,
    /// How to tell what it was like.
    #[command(flatten)]
    pub telling: Telling,
}

/// `shout explain`.
#[derive(Debug, Args)]
pub struct Explain {
    /// A pcap or pcapng file, as tcpdump and Wireshark write it (- is standard input)
    pub file: PathBuf,
    /// Only the tables
    #[arg(long)]
    pub table: bool,
    /// Only the ladders
    #[arg(long)]
    pub ladder: bool,
    /// As Markdown, for a report
    #[arg(long)]
    pub markdown: bool,
    /// As a line of JSON
    #[arg(long, conflicts_with_all = ["markdown", "table", "ladder"])]
    pub json: bool,
    /// Leave nothing out of long conversations, or of many
    #[arg(long)]
    pub all: bool,
}

/// Reads `NAME: VALUE`.
pub(super) fn field(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("a field is NAME: VALUE")?;
    let value = value.trim();
    let token = !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b));
    if !token || value.bytes().any(|byte| byte.is_ascii_control()) {
        return Err("a field is NAME: VALUE, without control characters".to_owned());
    }
    Ok((name.to_owned(), value.to_owned()))
}
