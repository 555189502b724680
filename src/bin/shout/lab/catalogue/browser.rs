//! The least of a browser: asks for a path on a connection, reads the response, and stays or goes.

use crate::lab::stage::{LIMIT, Stage, failed, wait_for_fin};
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
    let mut end = None;
    loop {
        if end.is_none()
            && let Some(head) = bytes.windows(4).position(|four| four == b"\r\n\r\n")
        {
            let length = field(&bytes[..head], "content-length").and_then(|length| length.parse().ok());
            end = Some(head + 4 + length.unwrap_or(0));
        }
        if end.is_some_and(|end| bytes.len() >= end) {
            break;
        }
        let mut room = [0; 65_536];
        match stream.read(&mut room) {
            Ok(count @ 1..) => bytes.extend_from_slice(&room[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => break,
        }
    }
    let Some(end) = end else { return Response { bytes: bytes.len(), ..Response::default() } };
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(0);
    let status = bytes.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
    Response {
        status: status.unwrap_or(0),
        location: field(&bytes[..head], "location"),
        bytes: bytes.len(),
        body: bytes[(head + 4).min(bytes.len())..end.min(bytes.len())].to_vec(),
    }
}

/// The value of a field in a head.
fn field(head: &[u8], name: &str) -> Option<String> {
    let head = String::from_utf8_lossy(head);
    let mut fields = head.split("\r\n").filter_map(|line| line.split_once(':'));
    fields.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
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
