//! shoutd: one process, one thread, one readiness loop; uppercase over TCP and UDP, and HTTP/1.1.
//!
//! The library is everything but `main`. It is built in floors, and each floor knows only the
//! ones below it (`tests/floors.rs` checks that):
//!
//! | floor | modules | knows |
//! | --- | --- | --- |
//! | 0 | [`uppercase`], [`limits`], [`buffer`], [`loop_guard`], [`html`]; `units` | bytes |
//! | 1 | [`http`], [`now`] | bytes and `httparse`; no sockets, no clock |
//! | 2 | [`session`] | what a protocol needs next; the time comes as an argument |
//! | 3 | [`site`], [`outlet`], [`access_log`] | files; never a socket |
//! | 4 | [`kernel`], [`event_loop`], [`sockets`], [`sys`] | sockets, readiness, the clock |
//! | 5 | [`server`], [`values`], [`slips`], [`cli`], `main.rs`; `client`, `bin/shout.rs` | everything above, as arguments |
//!
//! Where to begin reading: [`event_loop::EventLoop::turn`] is the heart, [`session::Need`] is the one idea.
#![deny(unsafe_code)]
#![warn(missing_docs)]

pub mod access_log;
pub mod buffer;
pub mod cli;
#[cfg(feature = "client")]
pub mod client;
pub mod event_loop;
pub mod html;
pub mod http;
pub mod kernel;
pub mod limits;
pub mod loop_guard;
pub mod now;
pub mod outlet;
pub mod server;
pub mod session;
pub mod site;
pub mod slips;
pub mod sockets;
pub mod sys;
#[cfg(feature = "client")]
pub mod units;
pub mod uppercase;
pub mod values;
