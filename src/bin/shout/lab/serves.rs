//! What may listen in an experiment, and with which other options than its own.

use shoutd::session::upper::UpperOptions;
use shoutd::values;
use std::time::Duration;

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
    pub fn command(self, change: &Change) -> Option<String> {
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

/// Options of shoutd that are to replace those of the experiment, to see its prediction fail.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// Of the TCP listener.
    pub tcp: Option<UpperOptions>,
    /// How long HTTP keeps a connection.
    pub keep_alive: Option<Duration>,
    /// Whether HTTP closes after a status of 300 or above.
    pub close_on_error: Option<bool>,
    /// All of it, as it was said.
    pub words: String,
}

impl Change {
    /// Reads `OPTION=VALUE,…`: those of a TCP listener, or `keep-alive=DURATION` and `close-on-error=YES`.
    pub fn parse(text: &str) -> Result<Change, String> {
        let mut change = Change { words: text.to_owned(), ..Change::default() };
        let mut rest = Vec::new();
        for part in text.split(',') {
            match part.split_once('=') {
                Some(("keep-alive", value)) => change.keep_alive = Some(values::duration(value)?),
                Some(("close-on-error", value)) => change.close_on_error = Some(values::yes_or_no(value)?),
                _ => rest.push(part),
            }
        }
        if !rest.is_empty() {
            change.tcp = Some(values::tcp_listener(&format!("0,{}", rest.join(",")))?.1);
        }
        Ok(change)
    }

    /// What was said of a TCP listener.
    pub fn tcp_words(&self) -> String {
        let of_web = |part: &&str| part.starts_with("keep-alive=") || part.starts_with("close-on-error=");
        self.words.split(',').filter(|part| !of_web(part)).collect::<Vec<_>>().join(",")
    }

    /// How long HTTP keeps a connection, as it was said.
    pub fn keep_alive_words(&self) -> Option<&str> {
        self.words.split(',').filter_map(|part| part.strip_prefix("keep-alive=")).next_back()
    }

    /// Whether one of these servers has the options that are to be changed.
    pub fn applies_to(&self, serves: &[Serves]) -> bool {
        let tcp = serves.iter().any(|serves| matches!(serves, Serves::Tcp(_)));
        let web = serves.iter().any(|serves| matches!(serves, Serves::Web { .. }));
        let of_web = self.keep_alive.is_some() || self.close_on_error.is_some();
        (tcp || self.tcp.is_none()) && (web || !of_web)
    }
}
