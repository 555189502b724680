//! The least of a browser: asks for a path on a connection, reads the response, and stays or goes.

use super::stage::{LIMIT, Stage, failed, wait_for_fin};
use crate::client::http::head::{self, Framing};
use shoutd::trouble::Trouble;
use shoutd::units::seconds;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

/// A response.
#[derive(Clone, Debug, Default)]
pub struct Response {
    /// The status code; 0 where there was no response.
    pub status: u16,
    /// Where it sends the browser.
    pub location: Option<String>,
    /// All of its bytes, head and body.
    pub bytes: usize,
    /// The body.
    pub body: Vec<u8>,
}

/// The request for a path, as it is sent: what a browser says besides is left out.
pub fn request(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

/// Asks for a path and reads the response. What is wrong with that shows in the response.
pub fn get(stream: &mut TcpStream, path: &str) -> Result<Response, Trouble> {
    stream.write_all(request(path).as_bytes()).map_err(failed("sending"))?;
    Ok(receive(stream))
}

fn receive(stream: &mut TcpStream) -> Response {
    let mut bytes = Vec::new();
    let mut room = [0; 65_536];
    let mut closed = false;
    loop {
        if let Ok(Some(head)) = head::read(&bytes, false) {
            let length = if let Framing::Length(length) = head.framing { length as usize } else { 0 };
            let end = head.length.saturating_add(length);
            if closed || bytes.len() >= end {
                let (status, location) = (head.response.status, head.response.location);
                let body = bytes[head.length..end.min(bytes.len())].to_vec();
                return Response { status, location, bytes: bytes.len(), body };
            }
        } else if closed {
            return Response { bytes: bytes.len(), ..Response::default() };
        }
        match stream.read(&mut room) {
            Ok(count @ 1..) => bytes.extend_from_slice(&room[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => closed = true,
        }
    }
}

/// Asks, tells the stage the sizes under the path's name, and checks the status.
pub fn ask(
    stage: &mut Stage,
    socket: &mut TcpStream,
    path: &'static str,
    status: u16,
) -> Result<Response, Trouble> {
    let response = get(socket, path)?;
    let (asked, answered) = names(path);
    stage.tell(asked, request(path).len());
    stage.tell(answered, response.bytes);
    let got = format!("{}, {} bytes", response.status, response.bytes);
    stage.note(format!("GET {path} is answered by {status}"), got, response.status == status);
    Ok(response)
}

/// Under which names the sizes of a path's request and response are told.
fn names(path: &str) -> (&'static str, &'static str) {
    match path {
        "/" => ("GET /", "its page"),
        "/favicon.ico" => ("GET icon", "the icon"),
        "/back1.jpg" => ("GET image", "the image"),
        "/redirect" => ("GET redirect", "the redirect"),
        "/result.html" => ("GET result", "the result"),
        _ => ("GET nope", "the error page"),
    }
}

/// Stays until the server closes.
pub fn stay(stage: &mut Stage, mut socket: TcpStream) {
    let (closed, after) = wait_for_fin(&mut socket, LIMIT);
    let measured = if closed { format!("it did, after {}", seconds(after)) } else { "it did not".to_owned() };
    stage.note("the server closes first", measured, closed);
    stage.close(socket);
}
