//! `shout explain`: what happens in a capture that someone else took.

use crate::output::say;
use clap::Args;
use shoutd::trouble::Trouble;
use shoutd::wire::conversation::Conversations;
use shoutd::wire::packet::Packet;
use shoutd::wire::reader::{self, Contents};
use shoutd::wire::style::{Role, Style};
use shoutd::wire::words::{self, count};
use shoutd::wire::{json, ladder, markdown, printable, table};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::PathBuf;

/// Conversations that are shown unless all are asked for.
const CONVERSATIONS: usize = 20;

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

/// Does what the options say. Where the file is damaged or cut, all that can be read is shown, and it is a
/// failure nevertheless: something is missing.
pub fn run(options: &Explain) -> Result<(), Trouble> {
    let contents = reader::read(&options.file)?;
    let packets = &contents.packets;
    let conversations = Conversations::of(packets);
    let words = words::explain(packets, &conversations);
    let name = match options.file.as_os_str() {
        dash if dash == "-" => "standard input".to_owned(),
        file => printable::line(&file.display().to_string()),
    };

    let mut out = BufWriter::new(io::stdout().lock());
    let shown = show(&mut out, options, &name, &contents, &conversations, &words).and_then(|()| out.flush());
    match shown {
        // Who reads it has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
        result => result.map_err(|error| Trouble::output(&error))?,
    }
    if contents.more {
        say(format_args!("shout: only the first {} packets of {name} were read", reader::MOST));
    }
    if contents.damaged > 0 {
        say(format_args!("shout: {} of {name} can't be read", count(contents.damaged, "damaged packet")));
    }
    match contents.broken {
        Some(why) => Err(Trouble::new(
            format!("{name} is not whole: {why}"),
            format!("What stands before that is explained: {}.", count(packets.len(), "packet")),
        )),
        None => Ok(()),
    }
}

fn show(
    out: &mut impl Write,
    options: &Explain,
    name: &str,
    contents: &Contents,
    conversations: &Conversations,
    words: &[String],
) -> io::Result<()> {
    let packets = &contents.packets;
    if options.json {
        return json::write(out, packets, conversations, words);
    }
    let summary = summary(name, contents, conversations);
    if options.markdown {
        writeln!(out, "{}\n", markdown::escaped(&summary))?;
        return write!(out, "{}", markdown::render(packets, conversations, words, options.all));
    }
    writeln!(out, "{summary}")?;
    let style = Style::of_stdout(options.all);
    let most = if options.all { usize::MAX } else { CONVERSATIONS };
    let both = options.table == options.ladder;
    for conversation in conversations.list.iter().take(most) {
        write!(out, "\n{}", table::headed(conversation, &style))?;
        if options.table || both {
            write!(out, "{}", table::one(conversation, packets, conversations, words, &style))?;
        }
        if both {
            writeln!(out)?;
        }
        if options.ladder || both {
            write!(out, "{}", ladder::one(conversation, packets, conversations, words, &style))?;
        }
    }
    let left = conversations.list.len().saturating_sub(most);
    if left > 0 {
        let text = format!("… {} (--all shows them)", count(left, "more conversation"));
        writeln!(out, "\n{}", style.paint(Role::Faint, &text))?;
    }
    Ok(())
}

/// What the file has, in a line.
fn summary(name: &str, contents: &Contents, conversations: &Conversations) -> String {
    let lasted = contents.packets.iter().map(|packet: &Packet| packet.time).max().unwrap_or_default();
    let mut text = format!(
        "{name}: {} in {:.6} s, {}",
        count(contents.total, "packet"),
        lasted.as_secs_f64(),
        count(conversations.list.len(), "conversation")
    );
    if contents.not_ip > 0 {
        text += &format!(" ({} not IP)", contents.not_ip);
    }
    text
}
