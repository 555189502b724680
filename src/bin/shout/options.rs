//! The command line of shout.

use crate::bench::options::Bench;
use crate::client::http::options::Http;
use crate::client::tcp::options::Tcp;
use crate::client::udp::options::Udp;
use crate::explain::Explain;
use crate::lab::options::Lab;
use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use shoutd::slips;

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
    Bench(Bench),
    /// Run an experiment of a networking lab and show the packets that crossed; without a NAME, list them
    Lab(Lab),
}
