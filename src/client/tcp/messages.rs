//! Messages from the command line, each answered before the next is sent, or all sent at once.
//!
//! TCP has no messages. What tells the end of a reply is its length, which an uppercase server gives
//! away: as long as what was sent, or so many times as long where the server repeats.

use crate::client::link::Link;
use crate::client::options::Tcp;
use crate::client::trouble::Trouble;
use crate::uppercase::uppercase;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::thread;

/// Sends the messages and prints the replies, one a line.
pub fn run(options: &Tcp) -> Result<(), Trouble> {
    let mut link = Link::open(&options.peer.host, options.peer.port, options.timeout)?;
    let result = converse(options, &mut link);
    let told = options.telling.reporter().tell(&link.report());
    result.and(told)
}

fn converse(options: &Tcp, link: &mut Link) -> Result<(), Trouble> {
    let times = options.times as usize;
    let messages =
        || options.messages.iter().flat_map(|message| std::iter::repeat_n(message.as_bytes(), times));
    for (number, message) in messages().enumerate() {
        if number > 0 && !options.every.is_zero() {
            thread::sleep(options.every);
        }
        link.send(message)?;
        if !options.at_once {
            print_reply(options, link, message)?;
        }
    }
    for message in messages().take_while(|_| options.at_once) {
        print_reply(options, link, message)?;
    }
    let rest = link.farewell();
    if options.check && !rest.is_empty() {
        return Err(Trouble::new(
            format!("{} bytes came from {} after the last reply", rest.len(), link.peer),
            "The server repeats its replies (--repeat N), or says something of its own.",
        ));
    }
    Ok(())
}

fn print_reply(options: &Tcp, link: &mut Link, message: &[u8]) -> Result<(), Trouble> {
    let reply = Reply { options, link, message }.receive()?;
    let mut out = io::stdout().lock();
    let written = out.write_all(&reply).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush());
    written.map_err(|error| Trouble::output(&error))
}

/// A reply to be awaited.
pub struct Reply<'a> {
    /// How.
    pub options: &'a Tcp,
    /// From where.
    pub link: &'a mut Link,
    /// To what.
    pub message: &'a [u8],
}

impl Reply<'_> {
    /// Receives all of it, and checks it if that is asked for.
    pub fn receive(self) -> Result<Vec<u8>, Trouble> {
        let length = self.message.len() * self.options.repeat as usize;
        // It grows as it comes: --repeat may promise more than there is memory.
        let mut reply = Vec::new();
        let mut room = [0; 16 * 1024];
        while reply.len() < length {
            let left = room.len().min(length - reply.len());
            let count = self.link.receive(&mut room[..left])?;
            if count == 0 {
                return Err(closed_early(self.link, length, reply.len()));
            }
            reply.extend_from_slice(&room[..count]);
        }
        if self.options.check {
            check(self.link.peer, self.message, &reply)?;
        }
        Ok(reply)
    }
}

fn closed_early(link: &Link, expected: usize, got: usize) -> Trouble {
    Trouble::new(
        format!(
            "{} closed the connection after {got} of {expected} bytes of a reply ({} bytes sent, {} received in all)",
            link.peer, link.sent, link.received
        ),
        "It sent its FIN first: some servers answer one message, or the first 1024 bytes, and close.",
    )
}

fn check(peer: SocketAddr, message: &[u8], reply: &[u8]) -> Result<(), Trouble> {
    let mut expected = message.to_vec();
    uppercase(&mut expected);
    let different = expected.iter().cycle().zip(reply).position(|(expected, got)| expected != got);
    match different {
        None => Ok(()),
        Some(at) => {
            let (expected, got) = (expected[at % expected.len()], reply[at]);
            Err(Trouble::new(
                format!(
                    "the reply from {peer} is wrong at byte {at}: {got:#04x} where {expected:#04x} was expected"
                ),
                "Uppercase changes a-z to A-Z and nothing else.",
            ))
        }
    }
}
