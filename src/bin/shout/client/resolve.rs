//! From a host and a port to addresses: names resolve, IPv4 and IPv6.

use shoutd::trouble::{Trouble, plain};
use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs};

/// What is wrong with a number in the place of a host, and what was meant. To the resolver it is an IPv4 address in a
/// form that hardly anybody means: 127 is 0.0.0.127, and 1.2.3 is 1.2.0.3 (inet_aton(3)). 0 alone is this machine.
pub fn slip(host: &str) -> Option<String> {
    let last = host.strip_suffix('.').unwrap_or(host).rsplit('.').next().unwrap_or_default();
    let hexadecimal = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    let is_number = match hexadecimal {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()),
    };
    if !is_number || host == "0" || host.parse::<Ipv4Addr>().is_ok() {
        return None;
    }
    let number = match hexadecimal {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => host.parse(),
    };
    let meant = match number {
        _ if host.contains('.') => {
            "an IPv4 address is four numbers from 0 to 255, as in 127.0.0.1".to_owned()
        }
        Ok(port @ 1..=0xffff) if hexadecimal.is_none() => {
            format!("for that port of this machine say localhost:{port}")
        }
        Ok(number @ 0x0100_0000..) => format!("for that address say {}", Ipv4Addr::from(number)),
        _ => "say a name or an address".to_owned(),
    };
    Some(format!("{host} is not a host: {meant}"))
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
