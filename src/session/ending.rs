//! How a connection ends: the same for every session.
//!
//! A close with unread input makes the kernel send a reset, and a reset can overtake and destroy the
//! reply that was sent just before it. So a session that ends first sends its FIN, then reads and throws
//! away what still comes until the peer's FIN, within bounds, and only then closes (RFC 9112 section 9.6).

use super::Need;
use crate::limits;
use std::time::Instant;

/// The last steps of a session.
#[derive(Clone, Copy, Debug)]
pub enum Ending {
    /// Everything is sent: half-close.
    Shutdown,
    /// Our FIN is sent; waiting for the peer's.
    Lingering {
        /// When to stop waiting.
        until: Instant,
        /// How many bytes may still be thrown away.
        left: usize,
    },
    /// Nothing more is to come from either side.
    Close,
    /// The peer had its time.
    Abort,
}

impl Ending {
    /// What the driver should do.
    pub fn need(&self) -> Need {
        match self {
            Ending::Shutdown => Need::Shutdown,
            Ending::Lingering { .. } => Need::Read,
            Ending::Close => Need::Close,
            Ending::Abort => Need::Abort,
        }
    }

    /// When waiting for the peer's FIN ends.
    pub fn deadline(&self) -> Option<Instant> {
        match self {
            Ending::Lingering { until, .. } => Some(*until),
            _ => None,
        }
    }

    /// The half-close was done.
    pub fn shut(&mut self, now: Instant) {
        *self = Ending::Lingering { until: now + limits::LINGER_TIME, left: limits::LINGER };
    }

    /// So many bytes came that nobody wants; 0 is the peer's FIN.
    pub fn received(&mut self, count: usize) {
        if let Ending::Lingering { left, .. } = self {
            *left = left.saturating_sub(count);
            if count == 0 || *left == 0 {
                *self = Ending::Close;
            }
        }
    }

    /// The wait is over.
    pub fn expired(&mut self) {
        *self = Ending::Close;
    }
}
