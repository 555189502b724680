//! URLs as the command line has them, and where they lead.

use crate::client::resolve;
use ::url::Url;
use shoutd::trouble::Trouble;

/// A host and port, as the URL and the Host field have them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// A name or an address, IPv6 in brackets.
    pub name: String,
    /// The port.
    pub port: u16,
}

impl Host {
    /// Where a URL leads.
    pub fn of(url: &Url) -> Result<Host, Trouble> {
        match (url.host_str(), url.port_or_known_default()) {
            (Some(name), Some(port)) => Ok(Host { name: name.to_owned(), port }),
            _ => Err(Trouble::new(format!("{url} names no host"), "")),
        }
    }
}

/// Reads a URL of the command line; `http://` may be left out.
pub fn read(text: &str) -> Result<Url, String> {
    let before_path = text.split(['/', '?', '#']).next().unwrap_or_default();
    let has_scheme = text[before_path.len()..].starts_with("//") && before_path.ends_with(':');
    let full = if has_scheme { text.to_owned() } else { format!("http://{text}") };
    if let Some((scheme @ ("tcp" | "udp"), place)) = full.split_once("://") {
        return Err(format!("only http:// URLs: for this one there is shout {scheme} {place}"));
    }
    let authority = if has_scheme { full.split('/').nth(2).unwrap_or_default() } else { before_path };
    let (host, port) = authority.rsplit_once(':').unwrap_or((authority, ""));
    if !has_scheme && host.is_empty() && !port.is_empty() {
        return Err(format!("no host: for this machine say localhost{text}"));
    }
    let is_number = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    if !has_scheme && !is_number && authority.contains(':') && ["http", "https"].contains(&host) {
        return Err(format!("two slashes come behind {host}: a URL is http://HOST[:PORT]/PATH"));
    }
    if let Some(slip) = resolve::slip(host) {
        return Err(slip);
    }
    if authority.parse::<std::net::Ipv6Addr>().is_ok() {
        return Err(format!(
            "an IPv6 address stands in brackets, and the port behind them: [{authority}]:8080"
        ));
    }
    let url = Url::parse(&full).map_err(|error| format!("{error}: a URL is http://HOST[:PORT]/PATH"))?;
    checked(url)
}

/// The URL, if shout can ask for it; or why it can't.
pub fn checked(url: Url) -> Result<Url, String> {
    match url.scheme() {
        "http" if !url.username().is_empty() || url.password().is_some() => Err(
            "shout sends no name and password of a URL: say -H 'Authorization: Basic …' with both in Base64"
                .to_owned(),
        ),
        "http" if url.has_host() => Ok(url),
        "https" => Err(format!(
            "shout speaks HTTP without TLS: use curl -v {url}, or http:// if the server has that too"
        )),
        scheme => Err(format!("only http:// URLs, not {scheme}://: curl knows many others")),
    }
}
