//! Receives responses, their bodies going to standard output as they come.

use super::connection::Connection;
use super::head::{self, Framing, Response, Unreadable};
use super::options::Http;
use crate::output;
use shoutd::http::chunked::{Decoder, Piece};
use shoutd::trouble::{Trouble, quoted};
use std::mem;

/// Bytes of a response head that are read before it is given up.
const HEAD: usize = 64 * 1024;

/// Receives a response; its body, and its head if that is asked for, go to standard output.
pub fn receive(connection: &mut Connection, options: &Http) -> Result<Response, Trouble> {
    loop {
        let (mut response, framing, head) = receive_head(connection, options.head)?;
        if options.include || options.head {
            output::write(&head)?;
        }
        if (100..200).contains(&response.status) && response.status != 101 {
            continue; // an interim one: the real one follows
        }
        let mut body = Body { connection, length: 0 };
        match framing {
            Framing::Nothing => {}
            Framing::Length(length) => body.exactly(length)?,
            Framing::Chunked => body.chunks()?,
            Framing::ToTheEnd => body.until_the_end()?,
        }
        response.length = body.length;
        return Ok(response);
    }
}

fn receive_head(connection: &mut Connection, is_head: bool) -> Result<(Response, Framing, Vec<u8>), Trouble> {
    loop {
        match head::read(&connection.buffer, is_head) {
            Ok(Some(head)) => {
                let (response, framing, length, text) =
                    (head.response, head.framing, head.length, head.text.into_owned());
                connection.buffer.drain(..length);
                return Ok((response, framing, text));
            }
            Ok(None) if connection.buffer.len() < HEAD => {}
            Ok(None) => return Err(not_http(connection, "a head without end")),
            Err(Unreadable::NotHttp(why)) => return Err(not_http(connection, &why)),
            Err(Unreadable::Wrong(why)) => {
                return Err(Trouble::new(format!("{}: {why}", connection.peer()), ""));
            }
        }
        if !connection.receive()? {
            let got = connection.buffer.len();
            return Err(Trouble::new(
                format!("{} closed the connection after {got} bytes of a response's head", connection.peer()),
                "Either it isn't an HTTP server, or it could not cope with the request.",
            ));
        }
    }
}

fn not_http(connection: &Connection, why: &str) -> Trouble {
    let start = &connection.buffer;
    // A record of TLS, an alert or a handshake, of any version 3.x (RFC 8446 section 5.1).
    let is_tls = matches!(start[..], [21 | 22, 3, ..]);
    Trouble::new(
        format!("{} did not answer in HTTP/1: {why} in {}", connection.peer(), quoted(start)),
        if is_tls {
            "It speaks TLS: shout doesn't, so use curl -v https://…"
        } else {
            "Another service may be listening on that port."
        },
    )
}

struct Body<'a> {
    connection: &'a mut Connection,
    length: u64,
}

impl Body<'_> {
    fn exactly(&mut self, length: u64) -> Result<(), Trouble> {
        let mut left = length;
        while left > 0 {
            if self.connection.buffer.is_empty() && !self.connection.receive()? {
                return Err(self.cut(&format!("of {length} that it promised")));
            }
            let buffer = &mut self.connection.buffer;
            let count = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            output::write(&buffer[..count])?;
            buffer.drain(..count);
            left -= count as u64;
            self.length += count as u64;
        }
        Ok(())
    }

    fn until_the_end(&mut self) -> Result<(), Trouble> {
        loop {
            let bytes = mem::take(&mut self.connection.buffer);
            self.length += bytes.len() as u64;
            output::write(&bytes)?;
            if !self.connection.receive()? {
                return Ok(());
            }
        }
    }

    fn chunks(&mut self) -> Result<(), Trouble> {
        let mut decoder = Decoder::new();
        loop {
            if self.connection.buffer.is_empty() && !self.connection.receive()? {
                return Err(self.cut("of a chunked body"));
            }
            let buffer = &mut self.connection.buffer;
            let count = match decoder.next(buffer) {
                Ok(Piece::Framing(count)) => count,
                Ok(Piece::Content(count)) => {
                    output::write(&buffer[..count])?;
                    self.length += count as u64;
                    count
                }
                Ok(Piece::Done(count)) => {
                    buffer.drain(..count);
                    return Ok(());
                }
                Err(_) => return Err(not_http(self.connection, "a chunked body that isn't one")),
            };
            buffer.drain(..count);
        }
    }

    fn cut(&self, of_what: &str) -> Trouble {
        Trouble::new(
            format!("{} closed the connection after {} bytes {of_what}", self.connection.peer(), self.length),
            "What was printed is not all of it: the server gave up, or its file became shorter meanwhile.",
        )
    }
}
