//! What is to be measured, and how.

use super::sockets;
use crate::client::link::Link;
use shoutd::trouble::Trouble;
use std::net::SocketAddr;
use std::time::Duration;

/// The kind of server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// TCP uppercase.
    Tcp,
    /// UDP uppercase.
    Udp,
    /// HTTP/1.1, or 1.0.
    Http,
}

impl Service {
    /// As the command line has it.
    pub fn name(self) -> &'static str {
        match self {
            Service::Tcp => "tcp",
            Service::Udp => "udp",
            Service::Http => "http",
        }
    }
}

/// When measuring ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// After so long.
    After(Duration),
    /// After so many replies.
    Count(u64),
}

/// A measurement to be made.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The kind of server.
    pub service: Service,
    /// The server as the user has named it, a port included.
    pub target: String,
    /// Its addresses, the preferred one first.
    pub addresses: Vec<SocketAddr>,
    /// Connections or UDP sockets.
    pub connections: usize,
    /// Bytes of a message or datagram; 0 with HTTP, where the page decides.
    pub size: usize,
    /// The status of an HTTP reply that counts; without it, every 2xx does.
    pub status: Option<u16>,
    /// The request of an HTTP server, head and all; otherwise empty.
    pub request: Vec<u8>,
    /// Messages, requests or datagrams under way on each connection.
    pub depth: usize,
    /// Requests a second over all connections (open loop). Without it each reply is awaited before the
    /// next request (closed loop).
    pub rate: Option<f64>,
    /// Whether each request has a connection of its own.
    pub reconnect: bool,
    /// When to end.
    pub end: End,
    /// Load before measuring begins.
    pub warmup: Duration,
    /// How long to wait for a reply.
    pub timeout: Duration,
    /// The server's processes, where they are on this machine and known.
    pub pids: Vec<u32>,
}

/// Where a host has several addresses, as `localhost` has, leaves only one that accepts connections or
/// answers datagrams. A single one is not tried: the server should see nothing but what is measured.
pub fn settle_on_an_address(plan: &mut Plan) -> Result<(), Trouble> {
    if plan.addresses.len() > 1 {
        let chosen = if plan.service == Service::Udp {
            // If none answers, the run will say what is wrong.
            plan.addresses.iter().copied().find(|&one| sockets::answers(one)).unwrap_or(plan.addresses[0])
        } else {
            Link::to_any(&plan.target, &plan.addresses, plan.timeout)?.peer
        };
        plan.addresses = vec![chosen];
    }
    Ok(())
}
