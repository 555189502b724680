//! The command line of `shout lab`.

use super::serves::Change;
use clap::Args;
use std::path::PathBuf;

/// `shout lab`.
#[derive(Debug, Args)]
#[command(
    after_help = "Without a NAME it lists the experiments. The exit status is 1 where what happened is not \
                        what the experiment predicts."
)]
pub struct Lab {
    /// The experiment, or "all"
    pub name: Option<String>,
    /// Write the packets, with the explanations as comments, as pcapng for Wireshark
    #[arg(long, value_name = "FILE")]
    pub pcap: Option<PathBuf>,
    /// Print a line of JSON for each experiment, and nothing else
    #[arg(long, conflicts_with = "markdown")]
    pub json: bool,
    /// Print a report in Markdown
    #[arg(long)]
    pub markdown: bool,
    /// Write a small site: an index, and a page for each experiment. In one that is there other pages stay
    #[arg(long, value_name = "DIR")]
    pub html: Option<PathBuf>,
    /// In the pictures of the site, let the room between packets be the time between them
    #[arg(long, requires = "html")]
    pub to_scale: bool,
    /// Report what the server did between the packets, on the same time line
    #[arg(long)]
    pub trace: bool,
    /// Show every packet of a long conversation
    #[arg(long)]
    pub all: bool,
    /// Give the server other options than the experiment does, to see which rows of the prediction fail:
    /// those of a TCP listener (read=5), keep-alive=DURATION, close-on-error=no
    #[arg(long, value_name = "OPTION=VALUE,...", value_parser = Change::parse)]
    pub server: Option<Change>,
}
