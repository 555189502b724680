//! One HTTP connection: requests out, responses in, and how it came to its end.

use super::response::Response;
use crate::client::link::Link;
use crate::client::options::Http;
use crate::client::report::{Asked, Report, seconds};
use crate::client::trouble::Trouble;
use std::io::ErrorKind;
use std::time::{Duration, Instant};
use url::Url;

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

/// Whether a connection can carry another request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// It can.
    Yes,
    /// It can't, and this is why.
    No(String),
}

/// A request without its response.
pub struct Lost {
    /// Why.
    pub trouble: Trouble,
    /// Whether the server closed before a byte of the response had come.
    pub unanswered: bool,
}

/// A connection to a host.
pub struct Connection {
    /// Where it leads.
    pub host: Host,
    link: Link,
    /// Received and not yet understood.
    pub(super) buffer: Vec<u8>,
    rested_since: Instant,
    timeout: Duration,
    asked: Vec<Asked>,
}

impl Connection {
    /// Connects.
    pub fn open(host: &Host, timeout: Duration) -> Result<Connection, Trouble> {
        let link = Link::open(&host.name, host.port, timeout)?;
        let (host, buffer, rested_since, asked) = (host.clone(), Vec::new(), Instant::now(), Vec::new());
        Ok(Connection { host, link, buffer, rested_since, timeout, asked })
    }

    /// Sends a request for a URL and receives the response, its body going to standard output.
    pub fn request(&mut self, url: &Url, options: &Http) -> Result<Response, Lost> {
        let received = self.link.received;
        let start = Instant::now();
        let result = self.exchange(url, options);
        self.rested_since = Instant::now();
        if options.telling.reporter().is_wanted() {
            let response = result.as_ref().ok();
            let (status, length) = (response.map(|one| one.status), response.map(|one| one.length));
            let lasted = self.rested_since - start;
            self.asked.push(Asked { url: url.to_string(), status, length, lasted });
        }
        let unanswered = self.link.received == received && self.link.is_closed();
        result.map_err(|trouble| Lost { trouble, unanswered })
    }

    fn exchange(&mut self, url: &Url, options: &Http) -> Result<Response, Trouble> {
        let method = if options.head { "HEAD" } else { "GET" };
        let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
        let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
        let mut head = format!("{method} {target} HTTP/1.1\r\n");
        let given = |name: &str| options.fields.iter().any(|(given, _)| given.eq_ignore_ascii_case(name));
        let usual = [("Host", host), ("User-Agent", "shout"), ("Accept", "*/*")];
        for (name, value) in usual.into_iter().filter(|(name, _)| !given(name)) {
            head += &format!("{name}: {value}\r\n");
        }
        for (name, value) in &options.fields {
            head += &format!("{name}: {value}\r\n");
        }
        head += "\r\n";
        self.link.send(head.as_bytes())?;
        Response::receive(self, options)
    }

    /// Receives more into the buffer; false at the server's FIN.
    pub(super) fn receive(&mut self) -> Result<bool, Trouble> {
        let mut room = [0; 16 * 1024];
        let count = self.link.receive(&mut room)?;
        self.buffer.extend_from_slice(&room[..count]);
        Ok(count > 0)
    }

    /// Stays idle for `gap`, or until the server closes; says so if it did.
    pub fn rest(&mut self, gap: Duration) -> Option<String> {
        let stream = &self.link.stream;
        let end = Instant::now() + gap;
        let closed = loop {
            if !self.buffer.is_empty() {
                break Some("said something unasked on the last one after");
            }
            let left = end.saturating_duration_since(Instant::now());
            let waiting = if left.is_zero() {
                stream.set_nonblocking(true)
            } else {
                stream.set_read_timeout(Some(left))
            };
            let result = waiting.and_then(|()| stream.peek(&mut [0]));
            let _ = stream.set_nonblocking(false);
            match result {
                Ok(0) => break Some("closed the last one after"),
                Ok(_) => break Some("said something unasked on the last one after"),
                Err(error) if error.kind() == ErrorKind::WouldBlock && left.is_zero() => break None,
                Err(error) if [ErrorKind::WouldBlock, ErrorKind::Interrupted].contains(&error.kind()) => {}
                Err(_) => break Some("reset the last one after"),
            }
        };
        let _ = stream.set_read_timeout(Some(self.timeout));
        closed.map(|what| format!("the server {what} {}", seconds(self.rested_since.elapsed())))
    }

    /// What came behind the last response, unasked.
    pub fn unasked(&mut self) -> Vec<u8> {
        let mut said = std::mem::take(&mut self.buffer);
        said.extend(self.link.unasked());
        said
    }

    /// Says good-bye. What it was like.
    pub fn close(&mut self) -> Report {
        Report { requests: Some(std::mem::take(&mut self.asked)), ..self.link.report() }
    }

    /// How the server is called in complaints.
    pub(super) fn peer(&self) -> String {
        self.link.peer.to_string()
    }
}
