//! Sees every packet that crosses the loopback interface, through a packet socket (packet(7)), until it
//! is told to stop.
//!
//! The time of each is the kernel's own. A packet socket sees what crosses the loopback interface twice,
//! as it goes out and as it comes in; only what comes in is kept. With segmentation offload, which is the
//! rule on loopback, a packet may hold up to 64 KiB of payload: the segments are never made.

use super::namespace::barred;
use super::packet::{Kind, Packet, SNAP};
use crate::client::trouble::Trouble;
use crate::sys;
use nix::cmsg_space;
use nix::errno::Errno;
use nix::net::if_::if_nametoindex;
use nix::sys::socket::sockopt::{RcvBufForce, ReceiveTimestampns};
use nix::sys::socket::{ControlMessageOwned, LinkAddr, MsgFlags, recvmsg, setsockopt};
use nix::sys::time::TimeSpec;
use socket2::{Domain, Protocol, SockFilter, Socket, Type};
use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What may wait in the socket until we take it. The kernel counts a packet whole however little of it we
/// want, so this is some 4,000 of the largest.
const ROOM: usize = 256 << 20;

/// After so long without a packet a conversation is over: a delayed acknowledgement comes within 40 ms.
const QUIET: Duration = Duration::from_millis(120);

/// How long to wait for that.
const PATIENCE: Duration = Duration::from_secs(2);

/// Packets to keep. More are counted as dropped.
const MOST: usize = 200_000;

/// Which packets to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ports {
    /// All of them: for a network of our own.
    All,
    /// Those from or to these ports, and ICMP messages about them.
    Only(Vec<u16>),
}

/// A capture that goes on until [`finish`](Self::finish), or until it is dropped.
#[derive(Debug)]
pub struct Capture {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<io::Result<Captured>>>,
}

/// What was seen.
#[derive(Clone, Debug)]
pub struct Captured {
    /// The packets in the order in which they crossed.
    pub packets: Vec<Packet>,
    /// When the first of them did, by the system's clock.
    pub began: SystemTime,
    /// Packets that came faster than they could be taken. 0 means that nothing is missing.
    pub dropped: u32,
}

impl Capture {
    /// Begins to capture on the loopback interface. What is sent after this has returned is seen.
    ///
    /// Fails without CAP_NET_RAW in this network, which [`namespace::enter`](super::namespace::enter) gives.
    pub fn start(ports: Ports) -> Result<Capture, Trouble> {
        let socket = open().map_err(|error| barred("a packet socket", &error))?;
        let stop = Arc::new(AtomicBool::new(false));
        let asked = stop.clone();
        let listen = move || listen(&socket, &ports, &asked);
        let thread = thread::Builder::new().name("capture".to_owned()).spawn(listen);
        let thread = thread.map_err(|error| barred("a thread", &error))?;
        Ok(Capture { stop, thread: Some(thread) })
    }

    /// Waits until nothing more comes, or for two seconds, and returns what has come.
    pub fn finish(mut self) -> Result<Captured, Trouble> {
        self.stop.store(true, Ordering::Release);
        let captured = match self.thread.take().map(JoinHandle::join) {
            Some(Ok(captured)) => captured,
            _ => Err(io::Error::other("its thread has died")),
        };
        captured.map_err(|error| Trouble::new(format!("capturing failed: {error}"), ""))
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
    }
}

fn open() -> io::Result<Socket> {
    const EVERY_PROTOCOL: u16 = 3; // ETH_P_ALL of linux/if_ether.h
    let protocol = Protocol::from(i32::from(EVERY_PROTOCOL.to_be()));
    let socket = Socket::new(Domain::PACKET, Type::DGRAM, Some(protocol))?;
    socket.attach_filter(&coming_in_on(if_nametoindex("lo")?))?;
    setsockopt(&socket, ReceiveTimestampns, &true)?;
    // Outside a network of our own it takes CAP_NET_ADMIN to exceed the system's limit.
    if setsockopt(&socket, RcvBufForce, &ROOM).is_err() {
        let _ = socket.set_recv_buffer_size(ROOM);
    }
    socket.set_read_timeout(Some(QUIET))?;
    Ok(socket)
}

/// A program for the kernel's packet filter: all of each packet that comes in on this interface. What the
/// kernel knows about a packet besides its bytes has addresses from -4096 on (linux/filter.h).
fn coming_in_on(interface: u32) -> Vec<SockFilter> {
    const ABOUT: u32 = -4096_i32 as u32;
    const OUTGOING: u32 = 4;
    let (load, equal, end) = (0x20, 0x15, 0x06);
    vec![
        SockFilter::new(load, 0, 0, ABOUT + 8), // the interface
        SockFilter::new(equal, 0, 3, interface),
        SockFilter::new(load, 0, 0, ABOUT + 4), // coming in, going out, …
        SockFilter::new(equal, 1, 0, OUTGOING),
        SockFilter::new(end, 0, 0, u32::MAX),
        SockFilter::new(end, 0, 0, 0),
    ]
}

fn listen(socket: &Socket, ports: &Ports, stop: &AtomicBool) -> io::Result<Captured> {
    let mut captured = Captured { packets: Vec::new(), began: SystemTime::now(), dropped: 0 };
    let mut first = None;
    let mut end = None;
    loop {
        if end.is_none() && stop.load(Ordering::Acquire) {
            end = Some(Instant::now() + PATIENCE);
        }
        match receive(socket) {
            Ok(Some(seen)) => {
                let number = captured.packets.len() + 1;
                let packet = Packet::of(number, Duration::ZERO, &seen.frame, seen.crossed);
                if let Some(mut packet) = packet.filter(|packet| is_wanted(packet, ports)) {
                    let first = *first.get_or_insert(seen.time);
                    packet.time = seen.time.saturating_sub(first);
                    if number <= MOST {
                        captured.packets.push(packet);
                    } else {
                        captured.dropped = captured.dropped.saturating_add(1);
                    }
                }
            }
            Ok(None) if end.is_some() => break,
            Ok(None) => {}
            Err(error) => return Err(error),
        }
        if end.is_some_and(|end| Instant::now() > end) {
            break;
        }
    }
    captured.began = UNIX_EPOCH + first.unwrap_or_default();
    captured.dropped = captured.dropped.saturating_add(sys::packets_dropped(socket.as_fd())?);
    Ok(captured)
}

/// A packet as the kernel hands it out.
struct Seen {
    /// Since 1970.
    time: Duration,
    frame: Vec<u8>,
    crossed: usize,
}

/// Waits for a packet, but not for long. What was waiting before the filter was there is left out.
fn receive(socket: &Socket) -> io::Result<Option<Seen>> {
    let mut frame = vec![0; SNAP];
    let mut control = cmsg_space!(TimeSpec);
    let mut pieces = [IoSliceMut::new(&mut frame)];
    // With MSG_TRUNC the kernel says how long the packet was, not how much of it had room.
    let received =
        recvmsg::<LinkAddr>(socket.as_raw_fd(), &mut pieces, Some(&mut control), MsgFlags::MSG_TRUNC);
    let (crossed, time) = match received {
        Ok(message) => {
            let time = message.cmsgs()?.find_map(|control| match control {
                ControlMessageOwned::ScmTimestampns(time) => Some(Duration::from(time)),
                _ => None,
            });
            (message.bytes, time)
        }
        Err(Errno::EAGAIN | Errno::EINTR) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    frame.truncate(crossed);
    frame.shrink_to_fit();
    let time = time.or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).ok());
    Ok(Some(Seen { time: time.unwrap_or_default(), frame, crossed }))
}

fn is_wanted(packet: &Packet, ports: &Ports) -> bool {
    let Ports::Only(ports) = ports else { return true };
    let about = match &packet.kind {
        Kind::Unreachable(refusal) => [refusal.from, refusal.about],
        _ => [packet.source, packet.destination],
    };
    about.iter().any(|address| ports.contains(&address.port()))
}
