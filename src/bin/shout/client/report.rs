//! What a connection was like: `--report` for people, `--json` for programs.
//!
//! The segments are those the kernel has counted (TCP_INFO), from the SYN on. That needs no capture and
//! no privilege, and agrees with one.

use crate::output::{self, say};
use clap::Args;
use serde_json::{Value, json};
use shoutd::sys::TcpInfo;
use shoutd::trouble::{Trouble, plain};
use shoutd::units::seconds;
use std::fmt;
use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

/// Who ended a connection first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closer {
    /// Our FIN came first.
    Client,
    /// The server's FIN came first.
    Server,
    /// The server sent a reset.
    Reset,
}

/// The figures of one connection.
#[derive(Clone, Debug)]
pub struct Report {
    /// The server's address.
    pub peer: SocketAddr,
    /// Ours.
    pub local: Option<SocketAddr>,
    /// Bytes of payload sent.
    pub sent: u64,
    /// Bytes of payload received.
    pub received: u64,
    /// From our SYN to the server's SYN-ACK.
    pub handshake: Duration,
    /// From then to the first byte received.
    pub first_byte: Option<Duration>,
    /// From the handshake to the end.
    pub lasted: Duration,
    /// Who closed first, if somebody did.
    pub closer: Option<Closer>,
    /// What the kernel has counted.
    pub info: Option<TcpInfo>,
    /// What was asked for on it, where that is known: HTTP requests.
    pub requests: Option<Vec<Asked>>,
}

/// A request, and what came of it.
#[derive(Clone, Debug)]
pub struct Asked {
    /// What was asked for.
    pub url: String,
    /// The status of the response, if one came.
    pub status: Option<u16>,
    /// Bytes of its body.
    pub length: Option<u64>,
    /// From the request to the end of the response, or to its failure.
    pub lasted: Duration,
}

/// Where reports go.
#[derive(Clone, Debug, Default)]
pub struct Reporter {
    /// As a table on standard error.
    pub table: bool,
    /// As a line of JSON: to this file, `-` being standard output, and the empty name standard error.
    pub json: Option<String>,
}

/// How to tell what it was like.
#[derive(Debug, Args)]
pub struct Telling {
    /// Report bytes, segments, times and who closed first, on standard error
    #[arg(long)]
    report: bool,
    /// The same as a line of JSON: on standard error, or appended to FILE (- is standard output)
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    json: Option<String>,
}

impl Telling {
    /// Where reports go.
    pub fn reporter(&self) -> Reporter {
        Reporter { table: self.report, json: self.json.clone() }
    }
}

impl Reporter {
    /// Whether anybody wants to know.
    pub fn is_wanted(&self) -> bool {
        self.table || self.json.is_some()
    }

    /// Tells it.
    pub fn tell(&self, report: &Report) -> Result<(), Trouble> {
        if self.table {
            say(report.to_string().trim_end());
        }
        self.tell_json(&report.json())
    }

    /// Tells any figures as a line of JSON.
    pub fn tell_json(&self, value: &Value) -> Result<(), Trouble> {
        let Some(name) = &self.json else { return Ok(()) };
        match name.as_str() {
            "" => say(value),
            "-" => output::write_line(&value.to_string())?,
            name => File::options()
                .append(true)
                .create(true)
                .open(name)
                .and_then(|mut file| file.write_all(format!("{value}\n").as_bytes()))
                .map_err(|error| {
                    Trouble::new(format!("can't write the report to {name}: {}", plain(&error)), "")
                })?,
        }
        Ok(())
    }
}

impl Report {
    /// As an object. Times are in seconds.
    pub fn json(&self) -> Value {
        let mut value = json!({
            "protocol": "tcp",
            "peer": self.peer.to_string(),
            "local": self.local.map(|local| local.to_string()),
            "bytes_sent": self.sent,
            "bytes_received": self.received,
            "handshake_s": self.handshake.as_secs_f64(),
            "first_byte_s": self.first_byte.map(|time| time.as_secs_f64()),
            "seconds": self.lasted.as_secs_f64(),
            "closed_first": self.closer.map(|closer| match closer {
                Closer::Client => "client",
                Closer::Server | Closer::Reset => "server",
            }),
            "closed_by": self.closer.map(|closer| if closer == Closer::Reset { "reset" } else { "fin" }),
        });
        if let Some(info) = &self.info {
            value["segments_sent"] = info.segments_sent.into();
            value["segments_received"] = info.segments_received.into();
            value["data_segments_sent"] = info.data_segments_sent.into();
            value["data_segments_received"] = info.data_segments_received.into();
            value["retransmissions"] = info.retransmissions.into();
            value["mss"] = info.mss.into();
            value["rtt_s"] = info.round_trip.as_secs_f64().into();
        }
        if let Some(requests) = &self.requests {
            value["requests"] = requests.iter().map(Asked::json).collect();
        }
        value
    }
}

impl Asked {
    fn json(&self) -> Value {
        let (url, status, bytes) = (&self.url, self.status, self.length);
        json!({ "url": url, "status": status, "bytes": bytes, "seconds": self.lasted.as_secs_f64() })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let local = self.local.map_or(String::new(), |local| format!("{local} to "));
        writeln!(f, "connection          {local}{}", self.peer)?;
        writeln!(f, "bytes               {} sent, {} received", self.sent, self.received)?;
        match &self.info {
            Some(info) => {
                let with_data = |data| format!("{data} with data");
                writeln!(
                    f,
                    "segments            {} sent ({}), {} received ({})",
                    info.segments_sent,
                    with_data(info.data_segments_sent),
                    info.segments_received,
                    with_data(info.data_segments_received)
                )?;
                writeln!(f, "retransmissions     {}", info.retransmissions)?;
                writeln!(f, "segment size        at most {} bytes", info.mss)?;
                writeln!(f, "round trip          {} (smoothed)", seconds(info.round_trip))?;
            }
            None => writeln!(f, "segments            unknown: this system has no TCP_INFO that counts them")?,
        }
        writeln!(f, "handshake           {}", seconds(self.handshake))?;
        if let Some(first_byte) = self.first_byte {
            writeln!(f, "first byte          {} after it", seconds(first_byte))?;
        }
        writeln!(f, "lasted              {}", seconds(self.lasted))?;
        let closed = match self.closer {
            Some(Closer::Client) => "by this client, with a FIN",
            Some(Closer::Server) => "by the server, with a FIN",
            Some(Closer::Reset) => "by the server, with a reset",
            None => "by nobody yet",
        };
        writeln!(f, "closed first        {closed}")
    }
}
