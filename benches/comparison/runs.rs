//! The cells of the comparison: who serves what, where, and what is asked of it.

use serde_json::{Value, json};
use std::fmt;

/// The drivers that are compared, in the order in which they're named.
pub const DRIVERS: [&str; 4] = ["loop", "threads", "pool", "one"];

/// What is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// TCP uppercase, messages of 64 bytes.
    Tcp,
    /// UDP uppercase, datagrams of 64 bytes.
    Udp,
    /// HTTP, GETs of a file of 600 bytes.
    Http,
}

impl Service {
    /// All of them.
    pub const ALL: [Service; 3] = [Service::Tcp, Service::Udp, Service::Http];

    /// As in options and URLs.
    pub fn name(self) -> &'static str {
        match self {
            Service::Tcp => "tcp",
            Service::Udp => "udp",
            Service::Http => "http",
        }
    }

    /// As in prose.
    pub fn title(self) -> &'static str {
        match self {
            Service::Tcp => "TCP",
            Service::Udp => "UDP",
            Service::Http => "HTTP",
        }
    }
}

/// Where server and load generator run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cores {
    /// The server on one core, the load generator on another.
    One,
    /// Both wherever the kernel puts them.
    All,
}

/// What else goes on while somebody wants short replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Beside {
    /// Nothing, for comparison.
    Nothing,
    /// So many clients that read slowly.
    SlowClients(u32),
    /// So many clients that want files which are not in the page cache.
    ColdFiles(u32),
    /// The same, on a disk that is held to so many reads a second.
    SlowDisk {
        /// The clients.
        clients: u32,
        /// Reads a second.
        reads: u32,
    },
}

/// What the load generator does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Load {
    /// So many connections, on each of which the next request follows the reply.
    Closed(u32),
    /// So many clients, each request on a connection of its own.
    Reconnect(u32),
    /// Requests at a fixed rate, whether the server keeps up or not.
    Open {
        /// Over so many connections.
        connections: u32,
        /// Requests a second, all together.
        rate: u32,
    },
    /// Requests at a fixed rate while something else goes on.
    Waiting(Beside),
}

/// One cell of the comparison.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Run {
    /// What is served.
    pub service: Service,
    /// Where it runs.
    pub cores: Cores,
    /// What is asked.
    pub load: Load,
    /// Who serves: `loop`, `threads`, `pool`, `one`, or the name of a peer.
    pub server: String,
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} {}: ", self.service.name(), self.server)?;
        match self.load {
            Load::Closed(n) => write!(f, "{n} connection{}", if n == 1 { "" } else { "s" })?,
            Load::Reconnect(n) => {
                write!(f, "{n} client{}, a connection a request", if n == 1 { "" } else { "s" })?
            }
            Load::Open { rate, .. } => write!(f, "{rate} requests a second")?,
            Load::Waiting(Beside::Nothing) => write!(f, "short replies, nothing else")?,
            Load::Waiting(Beside::SlowClients(n)) => write!(f, "short replies beside {n} slow clients")?,
            Load::Waiting(Beside::ColdFiles(n)) => {
                write!(f, "short replies beside {n} readers of cold files")?
            }
            Load::Waiting(Beside::SlowDisk { clients, reads }) => {
                write!(f, "short replies beside {clients} readers of a disk of {reads} reads a second")?;
            }
        }
        f.write_str(if self.cores == Cores::One { ", one core" } else { ", all cores" })
    }
}

impl Load {
    /// What goes on beside, in a scenario.
    pub fn beside(self) -> Option<Beside> {
        if let Load::Waiting(beside) = self { Some(beside) } else { None }
    }

    /// As JSON.
    pub fn to_json(self) -> Value {
        match self {
            Load::Closed(connections) => json!({"kind": "closed", "connections": connections}),
            Load::Reconnect(clients) => json!({"kind": "reconnect", "connections": clients}),
            Load::Open { connections, rate } => {
                json!({"kind": "open", "connections": connections, "rate": rate})
            }
            Load::Waiting(Beside::Nothing) => json!({"kind": "waiting"}),
            Load::Waiting(Beside::SlowClients(clients)) => {
                json!({"kind": "waiting", "slow_clients": clients})
            }
            Load::Waiting(Beside::ColdFiles(clients)) => json!({"kind": "waiting", "cold_readers": clients}),
            Load::Waiting(Beside::SlowDisk { clients, reads }) => {
                json!({"kind": "waiting", "cold_readers": clients, "disk_reads_a_second": reads})
            }
        }
    }
}
