//! The client `shout`: it talks to any server of the kind, checks what it says, and explains what went
//! wrong.
//!
//! [`link`] is one TCP connection and what is to be told of it, [`tcp`] the uppercase client in its three
//! manners (messages, a prompt, a pipe), [`udp`] and [`http`] the other two. Every failure is a
//! [`Trouble`](trouble::Trouble): what happened, and what to try. Blocking sockets and at most two
//! threads: a client has nobody to keep waiting. Only [`mod@bench`], which measures a server by thousands of
//! connections, has a readiness loop of its own. [`wire`] captures and explains packets, and [`lab`] runs
//! experiments with them.

pub mod awaited;
pub mod bench;
pub mod http;
pub mod lab;
pub mod link;
pub mod options;
pub mod output;
pub mod place;
pub mod report;
pub mod resolve;
pub mod tcp;
pub mod trouble;
pub mod udp;
pub mod wire;
