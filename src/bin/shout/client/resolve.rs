//! From a host and a port to addresses: names resolve, IPv4 and IPv6.

use shoutd::trouble::{Trouble, plain};
use std::net::{SocketAddr, ToSocketAddrs};

/// What is wrong with a number in the place of a host, and what was meant. To the resolver it is an IPv4 address
/// (inet_aton(3)), and below 2^24 one of 0.0.0.0/8, where no host can be (RFC 6890). 0 alone is this machine.
pub fn slip(host: &str) -> Option<String> {
    let number = host.parse::<u32>().ok().filter(|number| (1..1 << 24).contains(number))?;
    let meant = if number <= u32::from(u16::MAX) {
        format!("for that port of this machine say localhost:{number}")
    } else {
        "say a name or an address".to_owned()
    };
    host.bytes().all(|byte| byte.is_ascii_digit()).then(|| format!("{host} is a number and no host: {meant}"))
}

/// Every address of a host, in the order the system prefers. An IPv6 address may stand in brackets.
pub fn addresses(host: &str, port: u16) -> Result<Vec<SocketAddr>, Trouble> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if let Some(slip) = slip(bare) {
        return Err(Trouble::new(slip, ""));
    }
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
