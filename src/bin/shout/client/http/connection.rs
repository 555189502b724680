//! One HTTP connection: what comes on it, how long it rests, and how it came to its end.

use super::url::Host;
use crate::client::link::Link;
use crate::client::report::{Asked, Report};
use shoutd::trouble::Trouble;
use shoutd::units::seconds;
use std::io::ErrorKind;
use std::time::{Duration, Instant};

/// A connection to a host.
pub struct Connection {
    /// Where it leads.
    pub host: Host,
    pub(super) link: Link,
    /// Received and not yet understood.
    pub(super) buffer: Vec<u8>,
    /// When the last response was over.
    pub(super) rested_since: Instant,
    timeout: Duration,
    /// What was asked for on it, where somebody wants to know.
    pub(super) asked: Vec<Asked>,
}

impl Connection {
    /// Connects.
    pub fn open(host: &Host, timeout: Duration) -> Result<Connection, Trouble> {
        let link = Link::open(&host.name, host.port, timeout)?;
        let (host, buffer, rested_since, asked) = (host.clone(), Vec::new(), Instant::now(), Vec::new());
        Ok(Connection { host, link, buffer, rested_since, timeout, asked })
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
