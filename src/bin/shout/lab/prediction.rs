//! Predictions: the packets that an experiment expects, as data.
//!
//! Each connection has its own list, in order. Bare acknowledgements are left out: when they are sent is
//! the kernel's business, and may differ from run to run. What the server itself decides (order, flags, the
//! size of a reply) is predicted exactly; where the kernel may cut or join, only the sum is.

use super::events::{Event, Kind};
use std::fmt;
use std::time::Duration;

/// One packet that is expected.
#[derive(Clone, Copy, Debug)]
pub struct Expect {
    /// Which connection it belongs to, from 1 on, in the order in which they begin.
    pub connection: usize,
    /// Whether the client sends it.
    pub from_client: bool,
    /// What it is.
    pub what: What,
    /// How long after the packet expected before it.
    pub wait: Option<Wait>,
    /// Whether it may be missing.
    pub maybe: bool,
    /// What it means.
    pub note: &'static str,
}

/// What a packet is expected to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The first segment of a connection.
    Syn,
    /// The answer to it.
    SynAck,
    /// One segment with data and PSH.
    Data(Size),
    /// So many bytes in one segment or more.
    Bytes(Size),
    /// One segment with the last data and the FIN.
    DataFin(Size),
    /// A FIN alone.
    Fin,
    /// A reset.
    Reset,
    /// A datagram.
    Datagram(Size),
    /// An ICMP message that a port is closed.
    Unreachable,
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// Known before.
    Just(usize),
    /// As many as the client has told the stage under this name.
    Told(&'static str),
}

/// How long something takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// What is predicted, in milliseconds.
    pub about: u32,
    /// How much later it may be and still be that: a busy machine is late, never early.
    pub late: u32,
}

/// The client sends it.
pub const fn client(what: What) -> Expect {
    Expect { connection: 1, from_client: true, what, wait: None, maybe: false, note: "" }
}

/// The server sends it.
pub const fn server(what: What) -> Expect {
    Expect { connection: 1, from_client: false, what, wait: None, maybe: false, note: "" }
}

impl Expect {
    /// In another connection than the first.
    pub const fn on(self, connection: usize) -> Expect {
        Expect { connection, ..self }
    }

    /// So many milliseconds after the packet expected before it.
    pub const fn after(self, about: u32) -> Expect {
        Expect { wait: Some(Wait { about, late: 1500 }), ..self }
    }

    /// It need not come.
    pub const fn maybe(self) -> Expect {
        Expect { maybe: true, ..self }
    }

    /// What it means.
    pub const fn note(self, note: &'static str) -> Expect {
        Expect { note, ..self }
    }

    /// Whether an event is this one, as far as its side, flags and size are concerned.
    pub fn is(&self, event: &Event, told: &dyn Fn(&str) -> Option<usize>) -> bool {
        let bytes = |size: Size| size.bytes(told) == Some(event.bytes);
        let fits = match self.what {
            What::Syn => event.kind == Kind::Syn,
            What::SynAck => event.kind == Kind::SynAck,
            What::Data(size) => event.kind == Kind::Data && event.push && bytes(size),
            What::Bytes(size) => {
                event.kind == Kind::Data && size.bytes(told).is_some_and(|most| event.bytes <= most)
            }
            What::DataFin(size) => event.kind == Kind::DataFin && bytes(size),
            What::Fin => event.kind == Kind::Fin,
            What::Reset => event.kind == Kind::Reset,
            What::Datagram(size) => event.kind == Kind::Datagram && bytes(size),
            What::Unreachable => event.kind == Kind::Unreachable,
        };
        fits && event.from_client == self.from_client
    }

    /// It in the words of a capture, with the sizes that the client has told.
    pub fn text(&self, told: &dyn Fn(&str) -> Option<usize>) -> String {
        let side = if self.from_client { "C" } else { "S" };
        let size = |size: Size| size.bytes(told).map_or("?".to_owned(), |bytes| bytes.to_string());
        let what = match self.what {
            What::Syn => "SYN".to_owned(),
            What::SynAck => "SYN-ACK".to_owned(),
            What::Data(bytes) => format!("PSH {}", size(bytes)),
            What::Bytes(bytes) => format!("{} in all", size(bytes)),
            What::DataFin(bytes) => format!("PSH+FIN {}", size(bytes)),
            What::Fin => "FIN".to_owned(),
            What::Reset => "RST".to_owned(),
            What::Datagram(bytes) => format!("datagram {}", size(bytes)),
            What::Unreachable => "ICMP".to_owned(),
        };
        match self.wait {
            Some(wait) => format!("{side} {what}, {wait} later"),
            None => format!("{side} {what}"),
        }
    }
}

impl Size {
    /// The number, if it is known.
    pub fn bytes(self, told: &dyn Fn(&str) -> Option<usize>) -> Option<usize> {
        match self {
            Size::Just(bytes) => Some(bytes),
            Size::Told(name) => told(name),
        }
    }
}

impl Wait {
    /// Whether a time is about that.
    pub fn is(self, time: Duration) -> bool {
        let about = Duration::from_millis(self.about.into());
        // The kernel's clocks that wake us and that date packets may differ by a tick.
        time + about / 20 >= about && time <= about + Duration::from_millis(self.late.into())
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.about {
            about @ ..1000 => write!(f, "{about} ms"),
            about if about % 1000 == 0 => write!(f, "{} s", about / 1000),
            about => write!(f, "{:.1} s", f64::from(about) / 1e3),
        }
    }
}
