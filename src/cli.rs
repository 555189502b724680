//! The command line of shoutd: what may be said, and what it means.

use crate::access_log::Destination;
use crate::server::Config;
use crate::session::http::HttpOptions;
use crate::session::upper::UpperOptions;
use crate::sockets::Place;
use crate::values;
use clap::Parser;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// Serves three things at once from one thread: TCP uppercase, UDP uppercase and HTTP/1.1.
///
/// Without any listener named it opens all three on the loopback interface: TCP and UDP on port 12000,
/// HTTP on 8080. With one named, only what is named. Every option can come from the environment as
/// SHOUTD_NAME; several listeners are separated by a space there.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Options {
    /// A TCP uppercase listener. OPTIONs: read=BYTES, repeat=N, delay=DURATION, messages=N, idle=DURATION
    #[arg(long, value_name = "ADDR[,OPTION=VALUE]...", env = "SHOUTD_TCP", value_delimiter = ' ', value_parser = values::tcp_listener)]
    tcp: Vec<(SocketAddr, UpperOptions)>,

    /// A UDP uppercase socket
    #[arg(long, value_name = "ADDR", env = "SHOUTD_UDP", value_delimiter = ' ', value_parser = values::address)]
    udp: Vec<SocketAddr>,

    /// An HTTP listener. ADDR is IP:PORT, [IPv6]:PORT, :PORT (every interface), PORT (loopback) or unix:PATH
    #[arg(long, value_name = "ADDR", env = "SHOUTD_HTTP", value_delimiter = ' ', value_parser = values::http_listener)]
    http: Vec<Place>,

    /// The directory that HTTP serves [default: the site built into the program]
    #[arg(long, value_name = "DIR", env = "SHOUTD_ROOT")]
    root: Option<PathBuf>,

    /// Idle time after which an HTTP connection is closed: 500ms, 5s, 10m; 0 closes after each reply
    #[arg(long, value_name = "DURATION", env = "SHOUTD_KEEP_ALIVE", default_value = "1s", value_parser = values::duration)]
    keep_alive: Duration,

    /// Close the connection after every HTTP reply of 300 or above
    #[arg(long, env = "SHOUTD_CLOSE_ON_ERROR", value_parser = values::yes_or_no)]
    close_on_error: bool,

    /// Don't answer POST /upper
    #[arg(long, env = "SHOUTD_NO_UPPER", value_parser = values::yes_or_no)]
    no_upper: bool,

    /// Log each HTTP response there in the Combined Log Format; - is standard output
    #[arg(long, value_name = "FILE", env = "SHOUTD_ACCESS_LOG")]
    access_log: Option<PathBuf>,

    /// Connections at once; more wait in the backlog [default: from the descriptor limit]
    #[arg(long, value_name = "N", env = "SHOUTD_MAX_CONNECTIONS", value_parser = values::positive)]
    max_connections: Option<usize>,

    /// How long SIGTERM waits for replies under way
    #[arg(long, value_name = "DURATION", env = "SHOUTD_DRAIN", default_value = "10s", value_parser = values::duration)]
    drain: Duration,

    /// What to say on stderr: error, warn, info, debug or trace, or as RUST_LOG [default: info]
    #[arg(long, value_name = "LEVEL", env = "SHOUTD_LOG")]
    pub log: Option<String>,
}

impl Options {
    /// What they mean.
    pub fn into_config(self) -> Config {
        let nothing_named = self.tcp.is_empty() && self.udp.is_empty() && self.http.is_empty();
        let loopback = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Config {
            tcp: if nothing_named { vec![(loopback(12000), UpperOptions::default())] } else { self.tcp },
            udp: if nothing_named { vec![loopback(12000)] } else { self.udp },
            http: if nothing_named { vec![loopback(8080).into()] } else { self.http },
            http_options: HttpOptions {
                keep_alive: self.keep_alive,
                close_on_error: self.close_on_error,
                upper: !self.no_upper,
                logged: self.access_log.is_some(),
            },
            root: self.root,
            access_log: self.access_log.map(|path| {
                if path.as_os_str() == "-" { Destination::Stdout } else { Destination::File(path) }
            }),
            max_connections: self.max_connections,
            drain: self.drain,
        }
    }
}
