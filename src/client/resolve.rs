//! From a host and a port to addresses: names resolve, IPv4 and IPv6.

use super::trouble::{Trouble, plain};
use std::net::{SocketAddr, ToSocketAddrs};

/// Every address of a host, in the order the system prefers. An IPv6 address may stand in brackets.
pub fn addresses(host: &str, port: u16) -> Result<Vec<SocketAddr>, Trouble> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let found: Vec<SocketAddr> = (bare, port)
        .to_socket_addrs()
        .map_err(|error| {
            Trouble::new(
                format!("can't find the host {bare}: {}", plain(&error)),
                "Check its spelling, or give its address. Without a network only localhost and addresses work.",
            )
        })?
        .collect();
    if found.is_empty() {
        Err(Trouble::new(format!("the host {bare} has no address"), ""))
    } else {
        Ok(found)
    }
}
