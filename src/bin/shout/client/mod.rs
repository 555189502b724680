//! The client of the three services: it talks to any server of the kind, checks what it says, and explains what went
//! wrong.
//!
//! [`link`] is one TCP connection and what is to be told of it, [`tcp`] the uppercase client in its three
//! manners (messages, a prompt, a pipe), [`udp`] and [`http`] the other two. Every failure is a
//! [`Trouble`](shoutd::trouble::Trouble): what happened, and what to try. Blocking sockets and at most two
//! threads: a client has nobody to keep waiting.

pub mod awaited;
pub mod http;
pub mod link;
pub mod place;
pub mod repeated;
pub mod report;
pub mod resolve;
pub mod tcp;
pub mod udp;
