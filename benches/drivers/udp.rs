//! A thread for each UDP socket, in every model: UDP has no connections that could have threads of their own.
//!
//! What is answered, and by which pair of system calls, is the loop's own code. The thread sleeps in
//! `recvmmsg` itself, where the loop asks `epoll_wait` first: one call less for each batch.

use super::clock::Clock;
use super::lobby::Lobby;
use log::{debug, error, trace, warn};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use shoutd::event_loop::answers::Answers;
use shoutd::event_loop::fate::Fate;
use shoutd::limits;
use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::thread;
use std::time::Duration;

/// How long a thread may sleep before it looks whether it is time to go.
const LOOK: Duration = Duration::from_millis(200);

/// Answers datagrams until it is time to go.
pub fn serve(socket: &UdpSocket, mut answers: Answers, lobby: &Lobby) {
    let mut clock = Clock::new();
    if let Err(error) = socket.set_read_timeout(Some(LOOK)) {
        debug!("udp: no timeout: {error}");
    }
    while !lobby.is_stopping() {
        match answers.receive_waiting(socket.as_fd()) {
            Ok(count) => {
                trace!("udp: received {count} datagrams");
                answers.consider(count, "udp", clock.read());
            }
            Err(error) => match Fate::of(&error) {
                Fate::Nothing | Fate::Again => trace!("udp: receiving: {error}"),
                Fate::Later => {
                    warn!("udp: receiving datagrams pauses: {error}");
                    thread::sleep(limits::ACCEPT_PAUSE);
                }
                Fate::Over => return error!("udp: no more datagrams are answered here: {error}"),
            },
        }
        while answers.unsent() > 0 && !lobby.is_stopping() {
            match answers.send(socket.as_fd(), "udp") {
                Ok(count) => trace!("udp: sent {count} datagrams"),
                Err(_) => wait_for_room(socket),
            }
        }
    }
}

fn wait_for_room(socket: &UdpSocket) {
    let most = Timespec { tv_sec: 0, tv_nsec: LOOK.subsec_nanos().into() };
    let _ = poll(&mut [PollFd::new(socket, PollFlags::OUT)], Some(&most));
}
