//! Errors that teach: what happened and to whom in one line, what to try in a second.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

/// Why the client has failed.
#[derive(Debug, PartialEq, Eq)]
pub struct Trouble {
    what: String,
    advice: String,
    nobody_reads: bool,
    is_silence: bool,
}

impl Trouble {
    /// What happened, and what to try.
    pub fn new(what: impl Into<String>, advice: impl Into<String>) -> Trouble {
        Trouble { what: what.into(), advice: advice.into(), nobody_reads: false, is_silence: false }
    }

    /// A TCP connection could not be opened.
    pub fn connecting(address: SocketAddr, error: &io::Error) -> Trouble {
        let advice = match error.kind() {
            ErrorKind::ConnectionRefused => {
                "Nothing listens on that address: its host answered the SYN with a reset. A TCP server must be \
                 started before its client; check that it runs, and its port."
            }
            ErrorKind::TimedOut | ErrorKind::WouldBlock => {
                "The SYN was not answered at all: the host is down, or a firewall drops what is sent to that port."
            }
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
                "There is no way to that host: check the address and this machine's network."
            }
            _ => "Check the address and the port.",
        };
        Trouble::new(format!("can't connect to {address} over TCP: {}", plain(error)), advice)
    }

    /// Nor could one be opened to another address of the same host.
    pub fn nor(earlier: Trouble, address: SocketAddr, error: &io::Error) -> Trouble {
        Trouble { what: format!("{}, nor to {address}: {}", earlier.what, plain(error)), ..earlier }
    }

    /// Something has failed, and all of it is told already.
    pub fn told() -> Trouble {
        Trouble::new("", "")
    }

    /// Whether there is nothing left to tell.
    pub fn is_told(&self) -> bool {
        self.what.is_empty()
    }

    /// A connection failed while it was used, after `sent` and `received` bytes.
    pub fn on_the_way(address: SocketAddr, error: &io::Error, sent: u64, received: u64) -> Trouble {
        let counts = format!("after {sent} bytes sent and {received} received");
        match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                let what = if received == 0 { "no reply" } else { "no more" };
                let silence = Trouble::new(
                    format!("{address} has said nothing for too long, {counts}"),
                    format!(
                        "The connection stands, but {what} came: the server may be busy with somebody else (some serve \
                         one client at a time), or wait for more, such as the end of a line. --timeout changes how long \
                         to wait."
                    ),
                );
                Trouble { is_silence: true, ..silence }
            }
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => Trouble::new(
                format!("{address} has reset the connection, {counts}"),
                "The server closed without reading everything, or it died. What was on its way is lost.",
            ),
            _ => Trouble::new(format!("the connection to {address} failed, {counts}: {}", plain(error)), ""),
        }
    }

    /// The server takes nothing more, after `sent` and `received` bytes.
    pub fn stuck(address: SocketAddr, sent: u64, received: u64) -> Trouble {
        Trouble::new(
            format!(
                "{address} has taken nothing for too long, after {sent} bytes sent and {received} received"
            ),
            "The server doesn't read: it is busy, or it waits until its replies are read (--at-once reads none before \
             all is sent; a pipe does both).",
        )
    }

    /// The same, with one more piece of advice.
    pub fn and(mut self, advice: &str) -> Trouble {
        self.advice = format!("{} {advice}", self.advice);
        self
    }

    /// Whether the other side has said nothing for too long, on a connection that stands.
    pub fn is_silence(&self) -> bool {
        self.is_silence
    }

    /// The same with another piece of advice.
    pub fn advising(self, advice: impl Into<String>) -> Trouble {
        Trouble { advice: advice.into(), ..self }
    }

    /// What was received could not be written to standard output. Where its reader has closed the pipe
    /// (`| head`), that is nothing to complain of.
    pub fn output(error: &io::Error) -> Trouble {
        if error.kind() == ErrorKind::BrokenPipe {
            return Trouble { nobody_reads: true, ..Trouble::told() };
        }
        Trouble::new(format!("can't write to standard output: {}", plain(error)), "")
    }

    /// Whether it is only that nobody reads the output any more: the reader has what it wanted.
    pub fn is_no_failure(&self) -> bool {
        self.nobody_reads
    }

    /// Standard input could not be read.
    pub fn input(error: &io::Error) -> Trouble {
        Trouble::new(format!("can't read standard input: {}", plain(error)), "")
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.what)?;
        if !self.advice.is_empty() {
            write!(f, "\n  {}", self.advice)?;
        }
        Ok(())
    }
}

impl std::error::Error for Trouble {}

/// The start of some bytes, quoted so that a terminal shows them and doesn't obey them.
pub fn quoted(bytes: &[u8]) -> String {
    const SHOWN: usize = 40;
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN)]).escape_debug().to_string();
    format!("\"{start}{}\"", if bytes.len() > SHOWN { "…" } else { "" })
}

/// The error in the system's words, without the number.
pub fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((words, _)) => words.to_lowercase(),
        None => text,
    }
}
