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
//! Some words, as they are used here:
//!
//! - **session**: the state machine of one connection, without socket and clock ([`session::Session`]).
//! - **need**: the one thing that a session waits for ([`session::Need`]).
//! - **driver**: what does what is needed; the event loop is one, a thread with a blocking socket another.
//! - **desk**: the pair of large buffers that a driver lends to a session for a turn ([`buffer::Desk`]).
//! - **guest**: what the loop looks after: a connection, a listener, a UDP socket or a bell.
//! - **bell**: a stream whose bytes ask the loop for something, such as to stop ([`event_loop::Ring`]).
//! - **latch**: what the kernel has said of a socket and nobody has used up yet ([`kernel::Readiness`]).
//! - **turn**: what a guest may do before the others, within a budget ([`limits::TURN`]); also one round of the
//!   loop ([`event_loop::EventLoop::turn`]).
//! - **lap**: the part of such a round in which everybody in the queue has a turn, within a time
//!   ([`limits::LAP`]).
//! - **hint**: when the loop should look at a guest; whether it is time, its session's deadline tells
//!   ([`event_loop::timers`]).
//! - **ending**: how a connection closes without losing its last reply ([`session::ending`]).
//! - **content**, **site**: what HTTP answers from ([`http::content::Content`]), and the one that is made of files
//!   ([`site::Site`]).
//!
//! Where to begin reading: [`event_loop::EventLoop::turn`] is the heart, [`session::Need`] is the one idea.

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
