//! Where to: the words HOST PORT, or both in one.

use super::resolve;
use clap::Args;
use std::net::Ipv6Addr;

/// A host and a port.
#[derive(Debug, Args)]
pub struct Place {
    /// A name or an address, or both words in one: HOST:PORT
    pub host: String,
    /// The port
    #[arg(value_name = "PORT")]
    second: Option<String>,
    #[arg(skip)]
    port: u16,
}

impl Place {
    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Makes sense of the first words of `shout tcp` or `shout udp`: where the first has the port as well, the
    /// second is the first message. Says what is wrong, if it makes none.
    pub fn settle(&mut self, protocol: &str, messages: &mut Vec<String>) -> Result<(), String> {
        let scheme = format!("{protocol}://");
        // So shoutd prints it.
        let word = self.host.strip_prefix(&scheme).unwrap_or(&self.host);
        if let Some((scheme, rest)) = word.split_once("://") {
            return Err(format!(
                "{word:?} is a URL, and shout {protocol} takes HOST PORT{}",
                match scheme {
                    "http" | "https" => format!(": for HTTP there is shout http {word}"),
                    "tcp" | "udp" => format!(": for that there is shout {scheme} {rest}"),
                    _ => String::new(),
                }
            ));
        }
        let (host, port) = parted(word)?;
        if host.is_empty() {
            return Err(format!("{word:?} names no host: for this machine say localhost{word}"));
        }
        if let Some(slip) = resolve::slip(host) {
            return Err(slip);
        }
        let (host, port) = (host.to_owned(), port.map(str::to_owned));
        let port = match (port, self.second.take()) {
            (None, None) if word.contains(':') => {
                return Err(format!("{word:?} names no port: say HOST PORT, or [{host}]:PORT in one word"));
            }
            (None, None) => return Err(format!("{word:?} names no port: say HOST PORT or HOST:PORT")),
            (None, Some(second)) => second,
            (Some(port), second) => {
                messages.splice(..0, second);
                port
            }
        };
        let number = port.parse().ok().filter(|&number| number > 0);
        self.port = number
            .ok_or_else(|| format!("{port:?} is not a port of {host}: ports are numbers from 1 to 65535"))?;
        self.host = host;
        Ok(())
    }
}

/// The host, without brackets, and the port of a word, if it has one.
fn parted(word: &str) -> Result<(&str, Option<&str>), String> {
    let is_ipv6 = |text: &str| text.split('%').next().unwrap_or_default().parse::<Ipv6Addr>().is_ok();
    if let Some(rest) = word.strip_prefix('[') {
        return match rest.split_once(']') {
            Some((address, "")) if is_ipv6(address) => Ok((address, None)),
            Some((address, port)) if is_ipv6(address) && port.starts_with(':') => {
                Ok((address, Some(&port[1..])))
            }
            _ => Err(format!(
                "{word:?} is not an address: in brackets belongs an IPv6 address, as in [::1]:12000"
            )),
        };
    }
    if is_ipv6(word) {
        return Ok((word, None));
    }
    match word.split_once(':') {
        None => Ok((word, None)),
        Some((host, port)) if !port.contains(':') => Ok((host, Some(port))),
        Some(_) => Err(format!(
            "{word:?} is neither HOST:PORT nor an IPv6 address: with a port it stands in brackets, [::1]:12000"
        )),
    }
}
