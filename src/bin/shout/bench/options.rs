//! The command line of `shout bench`.

use super::plan::{End, Plan, Service};
use crate::client::http::request::{self, field};
use crate::client::http::url::{self, Host};
use crate::client::resolve;
use ::url::Url;
use clap::error::ErrorKind;
use clap::{Args, Subcommand};
use shoutd::trouble::Trouble;
use shoutd::values::{duration, patience, positive};
use std::net::SocketAddr;
use std::time::Duration;

/// `shout bench`.
#[derive(Debug, Args)]
pub struct Bench {
    /// What to measure.
    #[command(subcommand)]
    target: Target,
}

#[derive(Debug, Subcommand)]
enum Target {
    /// A TCP uppercase server
    #[command(after_help = AFTER_HELP)]
    Tcp {
        #[command(flatten)]
        peer: Peer,
        /// Bytes of a message
        #[arg(long, short, value_name = "BYTES", default_value_t = 64)]
        size: usize,
        #[command(flatten)]
        stream: Stream,
        #[command(flatten)]
        load: Load,
    },
    /// A UDP uppercase server
    #[command(after_help = AFTER_HELP)]
    Udp {
        #[command(flatten)]
        peer: Peer,
        /// Bytes of a datagram
        #[arg(long, short, value_name = "BYTES", default_value_t = 64)]
        size: usize,
        /// Keep this many datagrams under way on each socket
        #[arg(long, value_name = "N", default_value = "1", value_parser = up_to::<DEEPEST>)]
        window: usize,
        #[command(flatten)]
        load: Load,
    },
    /// A web server
    #[command(after_help = AFTER_HELP)]
    Http {
        /// What to get; http:// may be left out
        #[arg(value_parser = url::read)]
        url: Url,
        /// A further field of each request
        #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = field)]
        fields: Vec<(String, String)>,
        /// Count the replies with this status, such as 404, instead of those with 200 to 299
        #[arg(long, value_name = "CODE", value_parser = clap::value_parser!(u16).range(200..=999))]
        status: Option<u16>,
        #[command(flatten)]
        stream: Stream,
        #[command(flatten)]
        load: Load,
    },
}

#[derive(Debug, Args)]
struct Peer {
    /// A name or an address, or both in one word: HOST:PORT
    host: String,
    /// The port
    port: Option<u16>,
}

#[derive(Debug, Args)]
struct Stream {
    /// Keep this many messages or requests under way on each connection
    #[arg(long, value_name = "DEPTH", default_value = "1", value_parser = up_to::<DEEPEST>)]
    pipeline: usize,
    /// Open a new connection for each message or request
    #[arg(long, conflicts_with = "pipeline")]
    reconnect: bool,
}

#[derive(Debug, Args)]
struct Load {
    /// Connections, or UDP sockets
    #[arg(long, short, value_name = "N", default_value = "64", value_parser = up_to::<MOST>)]
    connections: usize,
    /// Measure for this long
    #[arg(long, short, value_name = "DURATION", default_value = "5s", value_parser = patience)]
    duration: Duration,
    /// Measure N replies instead, those with an HTTP status that doesn't count included
    #[arg(long, value_name = "N", value_parser = positive, conflicts_with = "duration")]
    count: Option<usize>,
    /// Send this many a second over all connections, whether or not replies have come, and count each
    /// latency from the time it was due; without it, a reply is awaited before the next is sent
    #[arg(long, short, value_name = "PER_SECOND", value_parser = rate)]
    rate: Option<f64>,
    /// Run for this long before measuring
    #[arg(long, value_name = "DURATION", default_value = "300ms", value_parser = duration)]
    warmup: Duration,
    /// Wait this long for a reply [default: 5s; a datagram 500ms]
    #[arg(long, value_name = "DURATION", value_parser = patience)]
    timeout: Option<Duration>,
    /// The process ids of the server, if it is on this machine: tells what they cost together. Name the
    /// server before this option
    #[arg(long, value_name = "PID", num_args = 1.., value_delimiter = ',', value_parser = process)]
    pid: Vec<u32>,
    /// Print the result as one line of JSON
    #[arg(long)]
    json: bool,
}

/// The rule of the exit status: see [`super::verdict`].
const AFTER_HELP: &str = "\
Each request is counted once: as a verified reply, or as an error (refused, timeout, reset, closed, a status
that doesn't count, other), or as a datagram that was lost.
Exit status: 0 if there was no error; 1 if there was one, if the server died, or if a reply was wrong; 2 for
wrong usage. Lost datagrams alone are no error. With 1 there are the figures so far, unless a reply was wrong
or none came.";

/// Bytes of the longest TCP message. Nothing of that length is held in memory; it is a bound on nonsense.
const LONGEST: usize = 1 << 30;

/// Requests under way on one connection, or datagrams on one socket: more than any server works ahead.
const DEEPEST: usize = 65_536;

/// Connections or sockets: more than the ports of one address, and the descriptors of most machines.
const MOST: usize = 1_000_000;

/// Requests under way in all: each is remembered, and beginning so many takes seconds.
const UNDER_WAY: usize = 1 << 20;

impl Bench {
    /// What is to be done. Fails where the host can't be found; ends the program with exit status 2 where
    /// the options contradict each other.
    pub fn plan(&self) -> Result<Plan, Trouble> {
        match &self.target {
            Target::Tcp { peer, size, stream, load } => {
                load.check("--pipeline", stream.pipeline);
                if !(1..=LONGEST).contains(size) {
                    wrong_usage(&format!("--size {size}: a TCP message has 1 to {LONGEST} bytes"));
                }
                let (target, addresses) = peer.find()?;
                let plan = load.plan(Service::Tcp, target, addresses, Duration::from_secs(5));
                Ok(Plan { size: *size, depth: stream.pipeline, reconnect: stream.reconnect, ..plan })
            }
            Target::Udp { peer, size, window, load } => {
                load.check("--window", *window);
                let (target, addresses) = peer.find()?;
                let most = if addresses.iter().all(SocketAddr::is_ipv6) { 65_527 } else { 65_507 };
                if *size > most {
                    wrong_usage(&format!("--size {size}: a datagram has at most {most} bytes"));
                }
                let plan = load.plan(Service::Udp, target, addresses, Duration::from_millis(500));
                Ok(Plan { size: *size, depth: *window, ..plan })
            }
            Target::Http { url, fields, status, stream, load } => {
                load.check("--pipeline", stream.pipeline);
                let host = Host::of(url)?;
                let addresses = resolve::addresses(&host.name, host.port)?;
                let plan = load.plan(Service::Http, url.to_string(), addresses, Duration::from_secs(5));
                let request = request::head("GET", url, fields, stream.reconnect);
                let (depth, reconnect, status) = (stream.pipeline, stream.reconnect, *status);
                Ok(Plan { request, status, depth, reconnect, ..plan })
            }
        }
    }

    /// Whether the result is to be JSON.
    pub fn wants_json(&self) -> bool {
        let (Target::Tcp { load, .. } | Target::Udp { load, .. } | Target::Http { load, .. }) = &self.target;
        load.json
    }
}

impl Peer {
    /// The target in one word, and its addresses.
    fn find(&self) -> Result<(String, Vec<SocketAddr>), Trouble> {
        let (host, port) = match (self.port, self.host.rsplit_once(':')) {
            (Some(port), _) => (self.host.as_str(), port),
            (None, Some((host, port))) if !host.is_empty() => match port.parse() {
                Ok(port) => (host, port),
                Err(_) => wrong_usage(&format!("{port:?} is not a port: they go from 0 to 65535")),
            },
            (None, Some((_, port))) => {
                wrong_usage(&format!("{:?} names no host: for this machine say localhost:{port}", self.host))
            }
            (None, None) => {
                let no_port = || format!("{:?} names no port: say HOST PORT or HOST:PORT", self.host);
                wrong_usage(&resolve::slip(&self.host).unwrap_or_else(no_port))
            }
        };
        if let Some(slip) = resolve::slip(host) {
            wrong_usage(&slip);
        }
        let is_bare_ipv6 = host.contains(':') && !host.starts_with('[');
        let target = if is_bare_ipv6 { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        Ok((target, resolve::addresses(host, port)?))
    }
}

impl Load {
    /// Ends the program where so many connections with so many requests under way on each are too much.
    fn check(&self, option: &str, depth: usize) {
        if self.connections.saturating_mul(depth) > UNDER_WAY {
            wrong_usage(&format!(
                "--connections {} times {option} {depth}: at most {UNDER_WAY} may be under way in all",
                self.connections
            ));
        }
    }

    fn plan(&self, service: Service, target: String, addresses: Vec<SocketAddr>, timeout: Duration) -> Plan {
        Plan {
            service,
            target,
            addresses,
            connections: self.connections,
            size: 0,
            status: None,
            request: Vec::new(),
            depth: 1,
            rate: self.rate,
            reconnect: false,
            end: self.count.map_or(End::After(self.duration), |count| End::Count(count as u64)),
            warmup: self.warmup,
            timeout: self.timeout.unwrap_or(timeout),
            pids: self.pid.clone(),
        }
    }
}

fn up_to<const MOST: usize>(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if (1..=MOST).contains(&number) => Ok(number),
        _ => Err(format!("must be a number from 1 to {MOST}")),
    }
}

fn process(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| "a process id is a number; the server is named before --pid".to_owned())
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (0.001..=1e9).contains(&rate) => Ok(rate),
        _ => Err("a rate is a number of requests a second, from 0.001 to 1000000000".to_owned()),
    }
}

fn wrong_usage(why: &str) -> ! {
    clap::Error::raw(ErrorKind::ValueValidation, format!("{why}\n")).exit()
}
