//! The command line of shoutd: what may be said, and what it means.
//!
//! A table: each option has its name, its words for people, and what it sets in the [`Config`]. clap does
//! the rest. (Its derive macro writes code for each option, 20 KB of it for this table.)

use crate::access_log::Destination;
use crate::limits;
use crate::server::Config;
use crate::session::http::HttpOptions;
use crate::session::upper::UpperOptions;
use crate::slips;
use crate::sockets::Place;
use crate::values;
use clap::builder::ValueParser;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use std::ffi::{OsStr, OsString};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

/// What the command line says: what to serve, and what to tell of it.
#[derive(Clone, Debug)]
pub struct Options {
    /// What to serve.
    pub config: Config,
    /// What to say on stderr, in the words of RUST_LOG.
    pub log: Option<String>,
}

/// The one argument that is no option.
pub const DIR: &str = "DIR";

struct Setting {
    name: &'static str,
    variable: &'static str,
    value: Value,
    help: &'static str,
    /// Sets it, or says what is wrong with the value.
    set: fn(&mut Options, &OsStr) -> Result<(), String>,
}

enum Value {
    /// One, of this kind.
    One(&'static str),
    /// One of this kind, and what it is if nothing is said.
    Default(&'static str, &'static str),
    /// Any number of this kind.
    Many(&'static str),
    /// None: the option alone says it.
    Flag,
}

const SETTINGS: &[Setting] = &[
    Setting {
        name: "tcp",
        variable: "SHOUTD_TCP",
        value: Value::Many("ADDR[,OPTION=VALUE]..."),
        help: "A TCP uppercase listener. OPTIONs: read=BYTES, repeat=N, delay=DURATION, messages=N, idle=DURATION",
        set: |options, text| values::tcp_listener(utf8(text)?).map(|value| options.config.tcp.push(value)),
    },
    Setting {
        name: "udp",
        variable: "SHOUTD_UDP",
        value: Value::Many("ADDR"),
        help: "A UDP uppercase socket",
        set: |options, text| values::address(utf8(text)?).map(|value| options.config.udp.push(value)),
    },
    Setting {
        name: "http",
        variable: "SHOUTD_HTTP",
        value: Value::Many("ADDR"),
        help: "An HTTP listener. ADDR is IP:PORT, [IPv6]:PORT, NAME:PORT (all its addresses), :PORT (every interface), \
            PORT (loopback) or unix:PATH",
        set: |options, text| values::http_listener(utf8(text)?).map(|value| options.config.http.push(value)),
    },
    Setting {
        name: "root",
        variable: "SHOUTD_ROOT",
        value: Value::One("DIR"),
        help: "The directory that HTTP serves [default: the site built into the program]",
        set: |options, path| {
            options.config.root = Some(path.into());
            Ok(())
        },
    },
    Setting {
        name: "autoindex",
        variable: "SHOUTD_AUTOINDEX",
        value: Value::Flag,
        help: "List directories that have no index.html",
        set: |options, text| values::yes_or_no(utf8(text)?).map(|value| options.config.autoindex = value),
    },
    Setting {
        name: "keep-alive",
        variable: "SHOUTD_KEEP_ALIVE",
        value: Value::Default("DURATION", "1s"),
        help: "Idle time after which an HTTP connection is closed: 500ms, 5s, 10m; 0 closes after each reply",
        set: |options, text| {
            values::duration(utf8(text)?).map(|value| options.config.http_options.keep_alive = value)
        },
    },
    Setting {
        name: "close-on-error",
        variable: "SHOUTD_CLOSE_ON_ERROR",
        value: Value::Flag,
        help: "Close the connection after every HTTP reply of 300 or above",
        set: |options, text| {
            values::yes_or_no(utf8(text)?).map(|value| options.config.http_options.close_on_error = value)
        },
    },
    Setting {
        name: "no-upper",
        variable: "SHOUTD_NO_UPPER",
        value: Value::Flag,
        help: "Don't answer POST /upper",
        set: |options, text| {
            values::yes_or_no(utf8(text)?).map(|value| options.config.http_options.upper = !value)
        },
    },
    Setting {
        name: "access-log",
        variable: "SHOUTD_ACCESS_LOG",
        value: Value::One("FILE"),
        help: "Log each HTTP response there in the Combined Log Format; - is standard output",
        set: |options, path| {
            let is_stdout = path == "-";
            let destination = if is_stdout { Destination::Stdout } else { Destination::File(path.into()) };
            options.config.http_options.logged = true;
            options.config.access_log = Some(destination);
            Ok(())
        },
    },
    Setting {
        name: "max-connections",
        variable: "SHOUTD_MAX_CONNECTIONS",
        value: Value::One("N"),
        help: "Connections at once; more wait in the backlog [default: from the descriptor limit]",
        set: |options, text| {
            values::positive(utf8(text)?).map(|value| options.config.max_connections = Some(value))
        },
    },
    Setting {
        name: "memory",
        variable: "SHOUTD_MEMORY",
        value: Value::Default("SIZE", "32m"),
        help: "What half-read requests and unsent replies may hold together: 512k, 32m; at least 256k",
        set: |options, text| values::size(utf8(text)?).map(|value| options.config.memory = value),
    },
    Setting {
        name: "drain",
        variable: "SHOUTD_DRAIN",
        value: Value::Default("DURATION", "10s"),
        help: "How long SIGTERM waits for replies under way",
        set: |options, text| values::duration(utf8(text)?).map(|value| options.config.drain = value),
    },
    Setting {
        name: "log",
        variable: "SHOUTD_LOG",
        value: Value::One("LEVEL"),
        help: "What to say on stderr: error, warn, info, debug, trace or off, or as RUST_LOG [default: info]",
        set: |options, text| {
            options.log = Some(values::log_filter(utf8(text)?)?.to_owned());
            Ok(())
        },
    },
];

/// The first line of the help, and the rest of it.
const ABOUT: &str = "Serves three things at once from one thread: TCP uppercase, UDP uppercase and HTTP/1.1.";
const MORE: &str = "Without any listener named it opens all three on the loopback interface: TCP and UDP on port 12000, \
    HTTP on 8080; with DIR only HTTP. With one named, only what is named. Every option can come from the environment as \
    SHOUTD_NAME; several listeners are separated by a space there.";

impl Options {
    /// Reads the command line and the environment. For `--help`, `--version` and wrong usage it ends the
    /// program, as clap does.
    pub fn parse() -> Options {
        Options::parse_from(std::env::args_os())
    }

    /// The same for these words, of which the first is the program's name.
    pub fn parse_from(words: impl IntoIterator<Item: Into<OsString>>) -> Options {
        Options::of(&slips::matches(command(), words))
    }

    /// What was matched by [`command`], or by a command that has its arguments and others.
    pub fn of(matches: &ArgMatches) -> Options {
        let mut options = Options::nothing();
        for setting in SETTINGS {
            set_all(&mut options, setting, matches);
        }
        if let Some(directory) = matches.get_one::<OsString>(DIR) {
            options.serve(directory, matches);
        }
        options.name_defaults();
        options
    }

    /// `shoutd DIR`: short for `--root DIR`, and where no listener is named only HTTP is opened.
    fn serve(&mut self, directory: &OsStr, matches: &ArgMatches) {
        if matches.value_source("root") == Some(ValueSource::CommandLine) {
            refuse(ErrorKind::ArgumentConflict, "DIR and --root both name the directory: give one of them");
        }
        let is_address = directory.to_str().is_some_and(|text| values::http_listener(text).is_ok());
        if is_address && !Path::new(directory).exists() {
            let address = directory.display();
            let what =
                format!("'{address}' is not a directory; to listen there: --http {address}, --tcp or --udp");
            refuse(ErrorKind::InvalidValue, &what);
        }
        self.config.root = Some(directory.into());
        if self.names_no_listener() {
            self.config.http.push(loopback(8080));
        }
    }

    fn names_no_listener(&self) -> bool {
        self.config.tcp.is_empty() && self.config.udp.is_empty() && self.config.http.is_empty()
    }

    fn nothing() -> Options {
        let http_options =
            HttpOptions { keep_alive: Duration::ZERO, close_on_error: false, upper: true, logged: false };
        let config = Config {
            tcp: Vec::new(),
            udp: Vec::new(),
            http: Vec::new(),
            http_options,
            root: None,
            autoindex: false,
            access_log: None,
            max_connections: None,
            memory: limits::MEMORY,
            drain: Duration::ZERO,
        };
        Options { config, log: None }
    }

    /// Without any listener named, all three services are.
    fn name_defaults(&mut self) {
        if self.names_no_listener() {
            self.config.tcp.push((loopback(12000), UpperOptions::default()));
            self.config.udp.push(loopback(12000));
            self.config.http.push(loopback(8080));
        }
    }
}

fn loopback(port: u16) -> Place {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into()
}

/// What clap is to understand.
pub fn command() -> Command {
    let directory = Arg::new(DIR).value_name(DIR).value_parser(ValueParser::os_string());
    let command = Command::new("shoutd").version(env!("CARGO_PKG_VERSION")).about(ABOUT);
    let command = command.arg(directory.help("The directory that HTTP serves: short for --root DIR"));
    SETTINGS.iter().fold(command.long_about(format!("{ABOUT}\n\n{MORE}")), |command, setting| {
        let arg = Arg::new(setting.name).long(setting.name).env(setting.variable).help(setting.help);
        let checked =
            move |text: &str| (setting.set)(&mut Options::nothing(), text.as_ref()).map(|()| text.to_owned());
        command.arg(match setting.value {
            Value::One(kind @ ("DIR" | "FILE")) => {
                arg.value_name(kind).value_parser(ValueParser::os_string())
            }
            Value::One(kind) => arg.value_name(kind).value_parser(checked),
            Value::Default(kind, value) => arg.value_name(kind).default_value(value).value_parser(checked),
            Value::Many(kind) => {
                arg.value_name(kind).value_delimiter(' ').action(ArgAction::Append).value_parser(checked)
            }
            Value::Flag => arg.action(ArgAction::SetTrue).value_parser(values::yes_or_no),
        })
    })
}

fn set_all(options: &mut Options, setting: &Setting, matches: &ArgMatches) {
    for value in matches.get_raw(setting.name).into_iter().flatten() {
        if let Err(error) = (setting.set)(options, value) {
            refuse(ErrorKind::InvalidValue, &error);
        }
    }
}

/// Ends the program for wrong usage.
fn refuse(kind: ErrorKind, what: &str) -> ! {
    command().error(kind, what).exit()
}

fn utf8(text: &OsStr) -> Result<&str, String> {
    text.to_str().ok_or_else(|| "that is not UTF-8".to_owned())
}
