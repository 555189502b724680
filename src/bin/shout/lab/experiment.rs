//! What an experiment is: data that says what is served and predicted, and one function that is the client.

use super::facts::Facts;
use super::prediction::Expect;
use super::serves::{Change, Serves};
use super::stage::Stage;
use shoutd::trouble::Trouble;
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
    /// its time. Zero with other options of the server, as nothing is predicted of those.
    pub fn waits(&self, change: &Change) -> Duration {
        if !change.words.is_empty() {
            return Duration::ZERO;
        }
        let waits = self.expected.iter().filter_map(|expect| expect.wait);
        Duration::from_millis(waits.map(|wait| u64::from(wait.about)).sum())
    }
}
