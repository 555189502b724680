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
    let is_silent = connection.link.received == received;
    let unanswered = is_silent && connection.link.is_closed();
    result.map_err(|trouble| Lost { trouble: fell_silent(trouble, is_silent), unanswered })
}

/// Says of a server that says nothing more whether it has begun to answer.
pub fn fell_silent(trouble: Trouble, is_silent: bool) -> Trouble {
    if !trouble.is_silence() {
        return trouble;
    }
    trouble.advising(if is_silent {
        "The connection stands, but no response came: the server may be busy with somebody else (some serve one client \
         at a time), or it isn't an HTTP server. --timeout changes how long to wait."
    } else {
        "Only part of the response came: the server has stopped in the middle of it, or promised more than it has. \
         --timeout changes how long to wait."
    })
}
