//! Sees every packet that crosses the loopback interface, through a packet socket (packet(7)), until it
//! is told to stop.
//!
//! The time of each is the kernel's own. A packet socket sees what crosses the loopback interface twice,
//! as it goes out and as it comes in. Only what goes out is kept: that is the order in which it was sent,
//! while on its way in one packet may overtake another, where two processors take them in. With segmentation
//! offload, which is the rule on loopback, a packet may hold up to 64 KiB of payload: the segments are never
//! made.

use super::namespace::barred;
use super::packet::{Kind, Packet};
use crate::sys::{PacketRing, RingPacket};
use crate::trouble::Trouble;
use nix::errno::Errno;
use nix::net::if_::if_nametoindex;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::{Domain, Protocol, SockFilter, Socket, Type};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Packets that may wait until we take them, a page of memory each. A transfer of 100 MB on the loopback
/// interface is some 4,000: it loses none even if we don't run at all meanwhile.
const WAITING: usize = 8192;

/// After so long without a packet a conversation is over: a delayed acknowledgement comes within 40 ms.
const QUIET: u16 = 120; // milliseconds

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
        let mut ring = open().map_err(|error| barred("a packet socket", &error))?;
        let stop = Arc::new(AtomicBool::new(false));
        let asked = stop.clone();
        let listen = move || listen(&mut ring, &ports, &asked);
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

fn open() -> io::Result<PacketRing> {
    const EVERY_PROTOCOL: u16 = 3; // ETH_P_ALL of linux/if_ether.h
    let protocol = Protocol::from(i32::from(EVERY_PROTOCOL.to_be()));
    let socket = Socket::new(Domain::PACKET, Type::DGRAM, Some(protocol))?;
    socket.attach_filter(&going_out_on(if_nametoindex("lo")?))?;
    PacketRing::new(socket.into(), WAITING)
}

/// A program for the kernel's packet filter: all of each packet that goes out on this interface. What the
/// kernel knows about a packet besides its bytes has addresses from -4096 on (linux/filter.h).
fn going_out_on(interface: u32) -> Vec<SockFilter> {
    const ABOUT: u32 = -4096_i32 as u32;
    const OUTGOING: u32 = 4;
    let (load, equal, end) = (0x20, 0x15, 0x06);
    vec![
        SockFilter::new(load, 0, 0, ABOUT + 8), // the interface
        SockFilter::new(equal, 0, 3, interface),
        SockFilter::new(load, 0, 0, ABOUT + 4), // coming in, going out, …
        SockFilter::new(equal, 0, 1, OUTGOING),
        SockFilter::new(end, 0, 0, u32::MAX),
        SockFilter::new(end, 0, 0, 0),
    ]
}

fn listen(ring: &mut PacketRing, ports: &Ports, stop: &AtomicBool) -> io::Result<Captured> {
    let mut captured = Captured { packets: Vec::new(), began: SystemTime::now(), dropped: 0 };
    let mut first = None;
    let mut end = None;
    loop {
        // Not for ever, in case somebody else floods the interface.
        (0..WAITING).map_while(|_| ring.next(|seen| captured.take(&seen, ports, &mut first))).for_each(drop);
        if end.is_none() && stop.load(Ordering::Acquire) {
            end = Some(Instant::now() + PATIENCE);
        }
        let quiet = match poll(&mut [PollFd::new(ring.socket(), PollFlags::POLLIN)], PollTimeout::from(QUIET))
        {
            Ok(ready) => ready == 0,
            Err(Errno::EINTR) => false,
            Err(error) => return Err(error.into()),
        };
        if end.is_some_and(|end| quiet || Instant::now() > end) {
            break;
        }
    }
    captured.began = UNIX_EPOCH + first.unwrap_or_default();
    captured.dropped = captured.dropped.saturating_add(ring.dropped()?);
    Ok(captured)
}

impl Captured {
    /// Keeps a packet if it is wanted; the first such one sets the time that the others count from.
    fn take(&mut self, seen: &RingPacket, ports: &Ports, first: &mut Option<Duration>) {
        let number = self.packets.len() + 1;
        let packet = Packet::of(number, Duration::ZERO, seen.bytes, seen.length);
        let Some(mut packet) = packet.filter(|packet| is_wanted(packet, ports)) else { return };
        packet.time = seen.time.saturating_sub(*first.get_or_insert(seen.time));
        if number <= MOST {
            self.packets.push(packet);
        } else {
            self.dropped = self.dropped.saturating_add(1);
        }
    }
}

fn is_wanted(packet: &Packet, ports: &Ports) -> bool {
    let Ports::Only(ports) = ports else { return true };
    let about = match &packet.kind {
        Kind::Unreachable(refusal) => [refusal.from, refusal.about],
        _ => [packet.source, packet.destination],
    };
    about.iter().any(|address| ports.contains(&address.port()))
}
