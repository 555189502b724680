//! The command line of shoutd: what may be said, and what it means.

pub mod options;
pub mod values;
