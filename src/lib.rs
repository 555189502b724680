//! shoutd: one process, one thread, one readiness loop; uppercase over TCP and UDP, and HTTP/1.1.
//!
//! The library is the server, but for `main`. It is built in floors, and each floor knows only the
//! ones below it (`tests/floors.rs` checks that):
//!
//! | floor | modules | knows |
//! | --- | --- | --- |
//! | 0 | [`uppercase`], [`limits`], [`buffer`], [`html`], [`likeness`], [`loop_guard`] | bytes |
//! | 1 | [`http`], [`now`] | bytes and `httparse`; no sockets, no clock |
//! | 2 | [`session`] | what a protocol needs next; the time comes as an argument |
//! | 3 | [`site`], [`outlet`], [`access_log`] | files; never a socket |
//! | 4 | [`kernel`], [`event_loop`], [`sockets`], [`descriptors`], [`sys`] | sockets, readiness, the clock |
//! | 5 | [`server`], [`values`], [`slips`], [`cli`], `main.rs` | everything above, as arguments |
//!
//! What only the program `shout` needs, and its tests, is behind the feature `client`: `units` and `trouble` (how figures
//! and failures are put into words) on floor 0, and `wire` (packets: captured, read and explained) on floor 5. The rest of
//! that program stands above, in rooms of its own: see `src/bin/shout/main.rs`.
//!
//! Where to begin reading: [`event_loop::EventLoop::turn`] is the heart, [`session::Need`] is the one idea.
#![deny(unsafe_code)]
#![warn(missing_docs)]

pub mod access_log;
pub mod buffer;
pub mod cli;
pub mod descriptors;
pub mod event_loop;
pub mod html;
pub mod http;
pub mod kernel;
pub mod likeness;
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
pub mod trouble;
#[cfg(feature = "client")]
pub mod units;
pub mod uppercase;
pub mod values;
#[cfg(feature = "client")]
pub mod wire;
