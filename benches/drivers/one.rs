//! One client at a time: the server that everybody writes first, and the one of the networking labs.
//!
//! **Who waits where.** Accept, serve to the end, accept the next. While a client thinks, the server sleeps in
//! `recv` for it, and everybody else waits in the kernel's backlog: their handshake is complete, their
//! request has even arrived, and nobody looks at it. The labs had a program for each service; so here each
//! listener has its thread, and a TCP client doesn't wait for a web browser.
//!
//! **What it costs.** Nothing: one stack, two buffers, no lock that anybody else wants, and for a single client the
//! shortest way there is from its request to its reply.
//!
//! **What a slow client does to others.** Everything. A browser that opens two connections and uses the second
//! waits a second for the keep-alive time of the first; the experiment `slow-reader`, five seconds.

use super::House;
use super::conversation;
use super::lobby::Entrance;
use shoutd::buffer::Desk;
use std::net::TcpListener;

/// Accepts one, serves it, and so on.
pub fn serve(listener: &TcpListener, entrance: &Entrance, house: &House) {
    let mut desk = Desk::default();
    while let Some(guest) = super::acceptor::next(listener, entrance, &house.lobby) {
        conversation::hold(&guest, &mut desk, house);
        house.lobby.leave(&guest);
    }
}
