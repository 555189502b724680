//! The HTTP client: GETs URLs in order, on one connection where the server lets it, and says whether it
//! did. The bodies go to standard output, everything about them to standard error.

mod connection;
pub mod exchange;
pub mod head;
pub mod options;
pub mod request;
mod response;
pub mod url;

use self::url::{Host, checked};
use crate::output::say;
use ::url::Url;
use connection::Connection;
use exchange::exchange;
use head::{Response, Reuse};
use options::Http;
use shoutd::trouble::{Trouble, quoted};
use shoutd::units::seconds;
use std::thread;
use std::time::Instant;

/// Redirects followed for one URL.
const REDIRECTS: u32 = 10;

struct Client<'a> {
    options: &'a Http,
    connection: Option<Connection>,
    /// Why the last connection can't be used again, if that is known.
    over: Option<String>,
    requests: u64,
    /// Whether more came than was asked for, which is told already.
    had_surplus: bool,
}

/// Does what the options say.
pub fn run(options: &Http) -> Result<(), Trouble> {
    let mut client = Client { options, connection: None, over: None, requests: 0, had_surplus: false };
    for _ in 0..options.times {
        for url in &options.urls {
            client.get(url.clone())?;
        }
    }
    client.linger();
    client.leave()?;
    if client.had_surplus { Err(Trouble::told()) } else { Ok(()) }
}

impl Client<'_> {
    /// Gets a URL, and what it redirects to if that is asked for.
    fn get(&mut self, mut url: Url) -> Result<(), Trouble> {
        for _ in 0..=REDIRECTS {
            let response = self.exchange(&url)?;
            match response.location.filter(|_| self.options.follow && (300..400).contains(&response.status)) {
                None => return Ok(()),
                Some(location) => {
                    let next = url.join(&location).map_err(|error| {
                        Trouble::new(
                            format!("{url} redirects to {location:?}: {error}"),
                            "The server's mistake.",
                        )
                    })?;
                    url = checked(next)
                        .map_err(|why| Trouble::new(format!("{url} redirects to {location:?}: {why}"), ""))?;
                }
            }
        }
        Err(Trouble::new(
            format!("more than {REDIRECTS} redirects, the last to {url}"),
            "They may go round in a circle: look at each with -i, without --follow.",
        ))
    }

    fn exchange(&mut self, url: &Url) -> Result<Response, Trouble> {
        let host = Host::of(url)?;
        let wait_began = Instant::now();
        if self.requests > 0
            && let Some(connection) = &mut self.connection
        {
            // Meanwhile the server may close: to know when, the wait is on the socket.
            self.over = connection.rest(self.options.gap);
            if self.over.is_some() {
                self.leave()?;
            }
        }
        if self.requests > 0 {
            thread::sleep(self.options.gap.saturating_sub(wait_began.elapsed()));
        }
        self.requests += 1;

        let (mut connection, mut which) = self.connection_to(&host).map_err(|trouble| match url.port() {
            Some(_) => trouble,
            None => trouble.and(
                "The URL names no port, so it is 80: another stands behind the host, as in localhost:8080.",
            ),
        })?;
        let start = Instant::now();
        let mut outcome = exchange(&mut connection, url, self.options);
        if matches!(&outcome, Err(lost) if lost.unanswered) && which == "same connection" {
            // The request crossed the server's FIN. A GET may be sent again (RFC 9110 section 9.2.2).
            self.options.telling.reporter().tell(&connection.close())?;
            connection = Connection::open(&host, self.options.timeout)?;
            which = "new connection: the server closed the last one as the request was sent".to_owned();
            outcome = exchange(&mut connection, url, self.options);
        }
        let response = match outcome {
            Ok(response) => response,
            Err(lost) => {
                self.options.telling.reporter().tell(&connection.close())?;
                return Err(lost.trouble);
            }
        };
        let (status, reason, length) = (response.status, &response.reason, response.length);
        say(format_args!(
            "{url}: {status} {reason}, {length} bytes in {}, {which}",
            seconds(start.elapsed())
        ));
        match response.reuse.clone() {
            Reuse::Yes => self.connection = Some(connection),
            Reuse::No(why) => {
                self.over = Some(why);
                self.connection = Some(connection);
                self.leave()?;
            }
        }
        Ok(response)
    }

    /// The last connection if it leads to this host, or a new one; and which of the two, in words.
    fn connection_to(&mut self, host: &Host) -> Result<(Connection, String), Trouble> {
        match self.connection.take() {
            Some(connection) if connection.host == *host => {
                return Ok((connection, "same connection".to_owned()));
            }
            Some(connection) => {
                self.connection = Some(connection);
                self.over = Some("another host".to_owned());
                self.leave()?;
            }
            None => {}
        }
        let which = match self.over.take() {
            Some(why) => format!("new connection: {why}"),
            None => "new connection".to_owned(),
        };
        Ok((Connection::open(host, self.options.timeout)?, which))
    }

    /// Stays a while after the last response, or until the server closes.
    fn linger(&mut self) {
        if let Some(connection) = &mut self.connection {
            connection.rest(self.options.linger);
        }
    }

    /// Closes the connection, if there is one, and tells what it was like.
    fn leave(&mut self) -> Result<(), Trouble> {
        let Some(mut connection) = self.connection.take() else { return Ok(()) };
        let more = connection.unasked();
        if !more.is_empty() {
            // A server may say so before it closes an idle connection (RFC 9110 section 15.5.9).
            let is_408 =
                ["HTTP/1.1 408 ", "HTTP/1.0 408 "].iter().any(|line| more.starts_with(line.as_bytes()));
            self.had_surplus |= !is_408;
            say(format_args!(
                "shout: more came from {} than was expected: {} bytes behind the response, {}",
                connection.peer(),
                more.len(),
                quoted(&more)
            ));
        }
        self.options.telling.reporter().tell(&connection.close())
    }
}
