//! What an experiment is: data that says what is served and predicted, and one function that is the client.

use super::facts::Facts;
use super::prediction::Expect;
use super::stage::{Change, Stage};
use crate::client::trouble::Trouble;
use std::time::Duration;

/// One experiment of the catalogue.
#[derive(Clone, Copy)]
pub struct Experiment {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What it belongs to.
    pub group: Group,
    /// What it shows, in a line.
    pub line: &'static str,
    /// What listens, in order; the client asks for them by their place.
    pub serves: &'static [Serves],
    /// What the client does, in a line.
    pub client: &'static str,
    /// What will happen and why, before it does.
    pub because: &'static str,
    /// The packets that will cross, in the order of each connection.
    pub expected: &'static [Expect],
    /// The client. What it finds it tells the stage; it fails only where nothing can be found.
    pub run: fn(&mut Stage) -> Result<(), Trouble>,
    /// What else the packets must show, which a list of them can't say.
    pub judge: Option<fn(&mut Facts)>,
    /// Why it happened as it did, with the numbers of this run.
    pub why: fn(&Facts) -> String,
    /// What a teacher might ask, and the answers.
    pub questions: &'static [(&'static str, &'static str)],
}

/// The parts of the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// TCP uppercase.
    Tcp,
    /// UDP uppercase.
    Udp,
    /// Nobody listens, or elsewhere.
    Refused,
    /// HTTP.
    Web,
    /// File size against packets.
    Transfer,
    /// What TCP and UDP do by themselves.
    Further,
}

impl Group {
    /// All of them, in their order.
    pub const ALL: [Group; 6] =
        [Group::Tcp, Group::Udp, Group::Refused, Group::Web, Group::Transfer, Group::Further];

    /// Its title.
    pub fn title(self) -> &'static str {
        match self {
            Group::Tcp => "TCP uppercase",
            Group::Udp => "UDP uppercase",
            Group::Refused => "Refused and lost",
            Group::Web => "Web server",
            Group::Transfer => "File size against packets",
            Group::Further => "What the kernel does by itself",
        }
    }
}

/// Something that listens on a port of the loopback interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serves {
    /// shoutd's TCP uppercase, with these options of a listener.
    Tcp(&'static str),
    /// shoutd's UDP uppercase.
    Udp,
    /// shoutd's HTTP with its built-in site, which keeps connections for a second.
    Web {
        /// Whether replies of 300 or above close their connection.
        close_on_error: bool,
    },
    /// shoutd's HTTP with the files of `transfer`.
    Files,
    /// A receiver that reads and never answers, and holds its acknowledgements back.
    Mute,
    /// A listener from which nobody accepts until the client says so, with room for so many.
    Backlog(i32),
    /// Nothing: a port that is free.
    Nothing,
}

impl Serves {
    /// How one would start it by hand, with other options where they were asked for.
    fn command(self, change: &Change) -> Option<String> {
        match self {
            Serves::Tcp(options) => {
                let options = if change.tcp.is_some() { change.tcp_words() } else { options.to_owned() };
                let comma = if options.is_empty() { "" } else { "," };
                Some(format!("--tcp 12000{comma}{options}"))
            }
            Serves::Udp => Some("--udp 12000".to_owned()),
            Serves::Web { close_on_error } => {
                let keep_alive = change.keep_alive_words().map(|words| format!(" --keep-alive {words}"));
                let closes = change.close_on_error.unwrap_or(close_on_error);
                let close = if closes { " --close-on-error" } else { "" };
                Some(format!("--http 8080{}{close}", keep_alive.unwrap_or_default()))
            }
            Serves::Files => Some("--http 8080 --root DIR".to_owned()),
            Serves::Mute | Serves::Backlog(_) | Serves::Nothing => None,
        }
    }
}

impl Experiment {
    /// The server, as one would start it by hand; or what stands in for it.
    pub fn server(&self, change: &Change) -> String {
        let options: Vec<String> = self.serves.iter().filter_map(|serves| serves.command(change)).collect();
        if !options.is_empty() {
            return format!("shoutd {}", options.join(" "));
        }
        match self.serves.first() {
            Some(Serves::Mute) => "a receiver of the lab's own, which reads and never answers",
            Some(Serves::Backlog(_)) => "a listener of the lab's own, which doesn't accept",
            _ => "none: nothing listens on that port",
        }
        .to_owned()
    }

    /// The command that runs it so again.
    pub fn command(&self, change: &Change) -> String {
        let server =
            if change.words.is_empty() { String::new() } else { format!(" --server {}", change.words) };
        format!("shout lab {}{server}", self.name)
    }

    /// How long it waits where it goes as predicted, one connection after the other: what it is to show takes
    /// its time.
    pub fn waits(&self) -> Duration {
        let waits = self.expected.iter().filter_map(|expect| expect.wait);
        Duration::from_millis(waits.map(|wait| u64::from(wait.about)).sum())
    }
}
