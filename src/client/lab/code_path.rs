//! Which functions of shoutd make a packet of the server: from the wire to the code.
//!
//! The names are those of the source, and a test looks them up there, so a renamed function is noticed.

use super::events::Kind;
use super::experiment::Serves;

/// How a packet of the server came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path {
    /// In words, where no function of ours did it, or what to know about those that did.
    pub words: &'static str,
    /// The functions, in the order of the calls.
    pub functions: &'static [&'static str],
}

const KERNEL_REFUSES: Path =
    Path { words: "the kernel alone: no program listens on that port", functions: &[] };

const KERNEL_SPEAKS: Path = Path { words: "the kernel alone: no program is asked", functions: &[] };

const STAND_IN: Path = Path { words: "the lab's own stand-in for a server, not shoutd", functions: &[] };

const HANDSHAKE: Path = Path {
    words: "the kernel, for a socket that listens; the program learns of the connection after the handshake",
    functions: &["sockets::bind_tcp", "EventLoop::note", "EventLoop::drive", "EventLoop::accept"],
};

const UPPER_REPLY: Path = Path {
    words: "",
    functions: &[
        "EventLoop::drive",
        "Connection::drive",
        "Connection::satisfy",
        "Connection::receive",
        "Upper::received",
        "uppercase::uppercase",
        "Connection::send",
    ],
};

const UPPER_LATE_REPLY: Path = Path {
    words: "a timer woke the connection, and then it read",
    functions: &[
        "Timers::due",
        "EventLoop::expire",
        "Connection::drive",
        "Upper::expired",
        "Connection::receive",
        "Upper::received",
        "Connection::send",
    ],
};

const UPPER_LAST_REPLY: Path = Path {
    words: "the cork holds the reply back until its FIN can go with it",
    functions: &[
        "Connection::drive",
        "Connection::receive",
        "Upper::received",
        "Upper::need",
        "Connection::cork",
        "Connection::send",
        "Upper::sent",
        "Ending::shut",
    ],
};

const UPPER_END: Path = Path {
    words: "a read returned 0: the client's FIN; and closing sends ours",
    functions: &[
        "Connection::drive",
        "Connection::receive",
        "Upper::received",
        "Ending::need",
        "EventLoop::close",
    ],
};

const HTTP_REPLY: Path = Path {
    words: "",
    functions: &[
        "EventLoop::drive",
        "Connection::drive",
        "Connection::receive",
        "Http::received",
        "Http::advance",
        "request::parse",
        "Exchange::answer",
        "Site::find",
        "Exchange::part",
        "Connection::send",
    ],
};

const HTTP_FILE: Path = Path {
    words: "a large file goes from the page cache to the socket, not through our memory",
    functions: &[
        "Connection::drive",
        "Http::received",
        "Exchange::answer",
        "Site::find",
        "Exchange::part",
        "Connection::send_file",
        "Http::file_sent",
    ],
};

const HTTP_LAST_REPLY: Path = Path {
    words: "the cork holds the reply back until its FIN can go with it",
    functions: &[
        "Connection::drive",
        "Http::received",
        "Exchange::answer",
        "Exchange::reply",
        "Connection::cork",
        "Connection::send",
        "Http::sent",
        "Ending::shut",
    ],
};

const HTTP_IDLE: Path = Path {
    words: "the timer of an idle connection",
    functions: &[
        "Timers::due",
        "EventLoop::expire",
        "Connection::drive",
        "Http::expired",
        "Ending::need",
        "Connection::satisfy",
    ],
};

const HTTP_END: Path = Path {
    words: "a read returned 0: the client's FIN; and closing sends ours",
    functions: &["Connection::drive", "Connection::receive", "Http::received", "EventLoop::close"],
};

const UDP_REPLY: Path = Path {
    words: "",
    functions: &[
        "EventLoop::drive",
        "Udp::drive",
        "Datagrams::receive",
        "Answers::consider",
        "uppercase::uppercase",
        "Udp::flush",
        "Answers::send",
        "Datagrams::send",
    ],
};

/// How a packet of the server came to be: what it is, who listened there, and whether the client's FIN had
/// come before.
pub fn of(kind: Option<Kind>, bytes: usize, serves: Serves, client_has_closed: bool) -> Path {
    let Some(kind) = kind else { return KERNEL_SPEAKS };
    match (serves, kind) {
        (_, Kind::Reset | Kind::Unreachable) => KERNEL_REFUSES,
        (Serves::Mute | Serves::Backlog(_), _) => STAND_IN,
        (_, Kind::SynAck) => HANDSHAKE,
        (Serves::Udp | Serves::Nothing, _) => UDP_REPLY,
        (Serves::Tcp(options), Kind::Data) if options.starts_with("delay") => UPPER_LATE_REPLY,
        (Serves::Tcp(_), Kind::Data) => UPPER_REPLY,
        (Serves::Tcp(_), Kind::DataFin) => UPPER_LAST_REPLY,
        (Serves::Tcp(_), _) => UPPER_END,
        (Serves::Files, Kind::Data) if bytes > 32 * 1024 => HTTP_FILE,
        (Serves::Web { .. } | Serves::Files, Kind::Data) => HTTP_REPLY,
        (Serves::Web { .. } | Serves::Files, Kind::DataFin) => HTTP_LAST_REPLY,
        (Serves::Web { .. } | Serves::Files, _) if client_has_closed => HTTP_END,
        (Serves::Web { .. } | Serves::Files, _) => HTTP_IDLE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::PathBuf;

    /// All sources of the server, each with its path.
    fn sources() -> Vec<(PathBuf, String)> {
        let mut folders = vec![PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src")];
        let mut found = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() && !path.ends_with("client") {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    found.push((path.clone(), fs::read_to_string(path).unwrap()));
                }
            }
        }
        found
    }

    /// Whether there is a function of this name: in a module, or in an implementation for a type.
    fn exists(name: &str, sources: &[(PathBuf, String)]) -> bool {
        let (place, function) = name.split_once("::").expect("PLACE::FUNCTION");
        let is_type = place.starts_with(char::is_uppercase);
        let has_function = |text: &str| {
            let start = format!("fn {function}");
            let after = |rest: &str| rest.starts_with('(') || rest.starts_with('<');
            text.match_indices(&start).any(|(at, _)| after(&text[at + start.len()..]))
        };
        sources.iter().any(|(path, text)| {
            let in_place = if is_type {
                let implements = |line: &str| {
                    line.starts_with("impl")
                        && line.split(|c: char| !c.is_alphanumeric()).any(|word| word == place)
                };
                text.lines().any(implements)
            } else {
                path.ends_with(format!("{place}.rs")) || path.ends_with(format!("{place}/mod.rs"))
            };
            in_place && has_function(text)
        })
    }

    #[test]
    fn every_function_on_a_path_is_in_the_source() {
        let sources = sources();
        let paths = [
            HANDSHAKE,
            UPPER_REPLY,
            UPPER_LATE_REPLY,
            UPPER_LAST_REPLY,
            UPPER_END,
            HTTP_REPLY,
            HTTP_FILE,
            HTTP_LAST_REPLY,
            HTTP_IDLE,
            HTTP_END,
            UDP_REPLY,
        ];
        for function in paths.iter().flat_map(|path| path.functions) {
            assert!(exists(function, &sources), "{function} is not in the source");
        }
        for missing in ["Connection::nowhere", "Nobody::drive", "uppercase::titlecase"] {
            assert!(!exists(missing, &sources), "{missing}");
        }
    }

    #[test]
    fn who_closes_first_decides_the_path_of_a_fin() {
        let web = Serves::Web { close_on_error: false };
        assert_eq!(of(Some(Kind::Fin), 0, web, false), HTTP_IDLE);
        assert_eq!(of(Some(Kind::Fin), 0, web, true), HTTP_END);
        assert_eq!(of(Some(Kind::Reset), 0, Serves::Nothing, false), KERNEL_REFUSES);
        assert_eq!(of(None, 0, web, false), KERNEL_SPEAKS);
    }
}
