//! A request and its response, on a connection that is there.

use super::connection::Connection;
use super::head::Response;
use super::options::Http;
use super::{request, response};
use crate::client::report::Asked;
use ::url::Url;
use shoutd::trouble::Trouble;
use std::time::Instant;

/// A request without its response.
pub struct Lost {
    /// Why.
    pub trouble: Trouble,
    /// Whether the server closed before a byte of the response had come.
    pub unanswered: bool,
}

/// Sends a request for a URL and receives the response, its body going to standard output.
pub fn exchange(connection: &mut Connection, url: &Url, options: &Http) -> Result<Response, Lost> {
    let received = connection.link.received;
    let start = Instant::now();
    let head = request::head(if options.head { "HEAD" } else { "GET" }, url, &options.fields, false);
    let sent = connection.link.send(&head);
    let result = sent.and_then(|()| response::receive(connection, options));
    connection.rested_since = Instant::now();
    if options.telling.reporter().is_wanted() {
        let response = result.as_ref().ok();
        let (status, length) = (response.map(|one| one.status), response.map(|one| one.length));
        let lasted = connection.rested_since - start;
        connection.asked.push(Asked { url: url.to_string(), status, length, lasted });
    }
    let unanswered = connection.link.received == received && connection.link.is_closed();
    result.map_err(|trouble| Lost { trouble, unanswered })
}
