//! How connections come in: one blocking `accept` after the other.
//!
//! The loop accepts only while there is a place. A thread inside `accept` can't know that, so here one
//! connection for each listener is accepted and then waits for its place; all others wait in the backlog.
//!
//! A blocking accept(2) also reserves its descriptor before it sleeps. Where they have run out, a listener to
//! which nobody comes can so hold the one that another listener needs.

use super::lobby::{Guest, Lobby};
use log::debug;
use rustix::net::{Shutdown, SocketFlags};
use shoutd::event_loop::listener::{Service, is_of_one_connection};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

/// The next connection that was let in; `None` when it is time to go.
pub fn next(listener: &TcpListener, service: &Service, lobby: &Lobby) -> Option<Arc<Guest>> {
    while !lobby.is_stopping() {
        match rustix::net::acceptfrom_with(listener, SocketFlags::CLOEXEC) {
            Ok((stream, peer)) => {
                let peer = peer.and_then(|peer| SocketAddr::try_from(peer).ok());
                let peer = peer.map_or_else(|| "a Unix socket".to_owned(), |peer| peer.to_string());
                debug!("connection from {peer}");
                // Whether it is TCP or Unix makes no difference to what is done with it.
                return lobby.enter(TcpStream::from(stream), peer, service.clone());
            }
            Err(error) if is_of_one_connection(error) || lobby.is_stopping() => debug!("accept: {error}"),
            Err(error) => lobby.pause(&error),
        }
    }
    None
}

/// Stops listening, and wakes who waits in `accept` (with EINVAL, on Linux).
pub fn close(listener: &TcpListener) {
    let _ = rustix::net::shutdown(listener, Shutdown::Read);
}
