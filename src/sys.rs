//! Datagrams by the batch, and what the kernel knows of a connection: the one file with unsafe code.
//!
//! Why there is any: `recvmmsg(2)` and `sendmmsg(2)`, because one pair of system calls for up to 64 datagrams saves a fifth of the CPU that
//! `recvfrom` and `sendto` take, and no safe wrapper lets each reply carry its own source address, which
//! a socket bound to every interface needs (ip(7), IP_PKTINFO). The unsafe code is three things: building
//! the kernel's structures from buffers that outlive the call, reading addresses the kernel wrote, and
//! the two calls. And TCP_INFO (tcp(7)), which no safe wrapper reads as far as the segment counts, and the
//! ring of packets that a capture shares with the kernel, which has none.
#![allow(unsafe_code, reason = "the structures of recvmmsg and sendmmsg hold pointers")]

#[cfg(not(target_os = "linux"))]
compile_error!("shoutd needs Linux: epoll's edges, openat2, sendfile, recvmmsg");

use crate::limits;
use std::io;
use std::mem::{self, MaybeUninit};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Room for one datagram: the largest there is, and 192 bytes more so that the starts of neighbours
/// don't all fall into the same set of the processor's cache.
const STRIDE: usize = 65_536 + 192;

/// Room for the control message that carries the destination, IPv4 and IPv6 both.
type Control = [u64; 12];

/// A batch of received datagrams, some of which are to be answered with their own, changed, payload.
pub struct Datagrams {
    payloads: Vec<u8>,
    sources: Vec<libc::sockaddr_storage>,
    controls: Vec<Control>,
    sizes: Vec<Sizes>,
    received: usize,
    /// Places of the datagrams to be sent back, in order.
    answers: Vec<usize>,
    answered: usize,
    wants_destination: bool,
}

#[derive(Clone, Copy, Default)]
struct Sizes {
    payload: usize,
    source: u32,
    control: usize,
}

/// One received datagram.
pub struct Datagram<'a> {
    /// Its content, to be changed in place.
    pub payload: &'a mut [u8],
    /// Who sent it; `None` for an address family that isn't IP.
    pub source: Option<SocketAddr>,
    /// Whether it was sent to us and not to many: not to a broadcast or multicast address. Sockets bound
    /// to one address receive no others.
    pub to_us_alone: bool,
}

impl Datagrams {
    /// Room for [`limits::DATAGRAMS`] datagrams. Memory is used only as datagrams fill it. With
    /// `wants_destination` the socket must have the options that report it, see [`report_destination`].
    pub fn new(wants_destination: bool) -> Datagrams {
        // SAFETY: a socket address of zeros is a valid one, of the family AF_UNSPEC.
        let nobody: libc::sockaddr_storage = unsafe { mem::zeroed() };
        Datagrams {
            payloads: vec![0; STRIDE * limits::DATAGRAMS],
            sources: vec![nobody; limits::DATAGRAMS],
            controls: vec![Control::default(); if wants_destination { limits::DATAGRAMS } else { 0 }],
            sizes: vec![Sizes::default(); limits::DATAGRAMS],
            received: 0,
            answers: Vec::with_capacity(limits::DATAGRAMS),
            answered: 0,
            wants_destination,
        }
    }

    /// Receives what is there, up to a batch, in place of the batch before. Returns how many.
    /// Never waits: WouldBlock if there is none. Other errors are those of recvmmsg(2).
    pub fn receive(&mut self, socket: BorrowedFd) -> io::Result<usize> {
        self.receive_with(socket, libc::MSG_DONTWAIT)
    }

    /// The same for a socket that blocks: waits for the first datagram, as long as SO_RCVTIMEO allows, and
    /// takes what else is there. WouldBlock if the time is over.
    pub fn receive_waiting(&mut self, socket: BorrowedFd) -> io::Result<usize> {
        self.receive_with(socket, libc::MSG_WAITFORONE)
    }

    fn receive_with(&mut self, socket: BorrowedFd, flags: libc::c_int) -> io::Result<usize> {
        self.forget();
        let mut pieces = [const { MaybeUninit::<libc::iovec>::uninit() }; limits::DATAGRAMS];
        let mut headers = [const { MaybeUninit::<libc::mmsghdr>::uninit() }; limits::DATAGRAMS];
        let mut controls = self.controls.iter_mut();
        let places = self.payloads.chunks_exact_mut(STRIDE).zip(&mut self.sources);
        for ((payload, source), (piece, header)) in places.zip(pieces.iter_mut().zip(&mut headers)) {
            let piece =
                piece.write(libc::iovec { iov_base: payload.as_mut_ptr().cast(), iov_len: payload.len() });
            let length = mem::size_of::<libc::sockaddr_storage>() as libc::socklen_t;
            let control = controls.next();
            let control_length = control.as_ref().map_or(0, |control| mem::size_of_val(*control));
            header.write(envelope(source, length, piece, control.map(ptr::from_mut), control_length));
        }
        let most = limits::DATAGRAMS as libc::c_uint;
        // SAFETY: the first `most` headers are initialised; they point into vectors of self and into
        // `pieces`, all of which live and stay where they are until the call returns.
        let count = unsafe {
            let headers = headers.as_mut_ptr().cast();
            libc::recvmmsg(socket.as_raw_fd(), headers, most, flags as _, ptr::null_mut())
        };
        self.received = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
        for (header, sizes) in headers.iter().zip(&mut self.sizes).take(self.received) {
            // SAFETY: it was initialised above.
            let header = unsafe { header.assume_init_ref() };
            #[allow(clippy::unnecessary_cast, reason = "with musl it is an u32")]
            let control = header.msg_hdr.msg_controllen as usize;
            *sizes = Sizes { payload: header.msg_len as usize, source: header.msg_hdr.msg_namelen, control };
        }
        Ok(self.received)
    }

    /// Takes datagrams from elsewhere in place of a socket: as many as are there, up to a batch. Returns how many.
    pub fn load<'a>(&mut self, datagrams: impl Iterator<Item = (&'a [u8], SocketAddr)>) -> usize {
        self.forget();
        for (place, (payload, source)) in datagrams.take(limits::DATAGRAMS).enumerate() {
            let length = payload.len().min(STRIDE);
            self.payloads[place * STRIDE..][..length].copy_from_slice(&payload[..length]);
            let source = socket2::SockAddr::from(source);
            // SAFETY: it points to a whole sockaddr_storage, which is plain bytes.
            self.sources[place] = unsafe { source.as_ptr().cast::<libc::sockaddr_storage>().read() };
            self.sizes[place] = Sizes { payload: length, source: source.len(), control: 0 };
            self.received = place + 1;
        }
        self.received
    }

    /// The first of those still to be sent back, and where to; for who sends it in place of a socket, and then
    /// [skips](Self::skip) it.
    pub fn first_unsent(&self) -> Option<(&[u8], SocketAddr)> {
        let &place = self.answers.get(self.answered)?;
        let payload = &self.payloads[place * STRIDE..][..self.sizes[place].payload];
        Some((payload, address(&self.sources[place])?))
    }

    fn forget(&mut self) {
        self.received = 0;
        self.answers.clear();
        self.answered = 0;
    }

    /// One of those that [`receive`](Self::receive) counted.
    pub fn get(&mut self, place: usize) -> Datagram<'_> {
        assert!(place < self.received, "no such datagram");
        let to_us_alone = !self.wants_destination || self.settle_destination(place);
        let start = place * STRIDE;
        Datagram {
            payload: &mut self.payloads[start..start + self.sizes[place].payload],
            source: address(&self.sources[place]),
            to_us_alone,
        }
    }

    /// Puts a datagram, as it is now, on the list of those to be sent back.
    pub fn answer(&mut self, place: usize) {
        assert!(place < self.received, "no such datagram");
        self.answers.push(place);
    }

    /// How many are still to be sent back.
    pub fn unsent(&self) -> usize {
        self.answers.len() - self.answered
    }

    /// Sends some back. Never waits: WouldBlock if the socket has no room for the first. Any other error
    /// belongs to the first one, which may then be [skipped](Self::skip).
    pub fn send(&mut self, socket: BorrowedFd) -> io::Result<()> {
        let mut pieces = [const { MaybeUninit::<libc::iovec>::uninit() }; limits::DATAGRAMS];
        let mut headers = [const { MaybeUninit::<libc::mmsghdr>::uninit() }; limits::DATAGRAMS];
        let places = &self.answers[self.answered..];
        let (payloads, sources) = (self.payloads.as_mut_ptr(), self.sources.as_mut_ptr());
        let controls = self.controls.as_mut_ptr();
        for (&place, (piece, header)) in places.iter().zip(pieces.iter_mut().zip(&mut headers)) {
            let sizes = self.sizes[place];
            // SAFETY: `answer` let only places of received datagrams in, and the vectors have all of those;
            // where there are no control buffers, the length of each is 0 and the pointer isn't used.
            let (base, source, control) =
                unsafe { (payloads.add(place * STRIDE), sources.add(place), controls.wrapping_add(place)) };
            let piece = piece.write(libc::iovec { iov_base: base.cast(), iov_len: sizes.payload });
            header.write(envelope(source, sizes.source, piece, Some(control), sizes.control));
        }
        let count = places.len().min(limits::DATAGRAMS) as libc::c_uint;
        // SAFETY: the first `count` headers are initialised; they point into vectors of self and into
        // `pieces`, all of which live and stay where they are until the call returns.
        let sent = unsafe {
            let headers = headers.as_mut_ptr().cast();
            libc::sendmmsg(socket.as_raw_fd(), headers, count, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL)
        };
        self.answered += usize::try_from(sent).map_err(|_| io::Error::last_os_error())?;
        Ok(())
    }

    /// Gives up the first one still to be sent back.
    pub fn skip(&mut self) {
        self.answered = (self.answered + 1).min(self.answers.len());
    }

    /// Reads where a datagram was sent to, and whether that is one of our own addresses. The control
    /// message is what the reply needs to leave from there, but for the interface, which routing chooses.
    fn settle_destination(&mut self, place: usize) -> bool {
        let control = &mut self.controls[place];
        // SAFETY: all of its fields may be 0.
        let mut envelope: libc::msghdr = unsafe { mem::zeroed() };
        envelope.msg_control = control.as_mut_ptr().cast();
        envelope.msg_controllen = self.sizes[place].control as _;
        let mut ours = true;
        // SAFETY: the kernel wrote `msg_controllen` bytes of control messages there, aligned as u64 is,
        // and the macros stay within them; each payload is of the type that its level and type say.
        unsafe {
            let mut message = libc::CMSG_FIRSTHDR(&envelope);
            while let Some(head) = message.as_ref() {
                match (head.cmsg_level, head.cmsg_type) {
                    (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                        let info = &mut *libc::CMSG_DATA(message).cast::<libc::in_pktinfo>();
                        // The address in the packet and our own differ for broadcast and multicast.
                        ours &= info.ipi_addr.s_addr == info.ipi_spec_dst.s_addr;
                        info.ipi_ifindex = 0;
                    }
                    (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                        let info = &mut *libc::CMSG_DATA(message).cast::<libc::in6_pktinfo>();
                        ours &= !is_for_many(Ipv6Addr::from(info.ipi6_addr.s6_addr).to_canonical());
                        info.ipi6_ifindex = 0;
                    }
                    _ => {}
                }
                message = libc::CMSG_NXTHDR(&envelope, message);
            }
        }
        ours
    }
}

/// A message header of these pointers. Making one is safe; a call that is given it reads and writes there.
fn envelope(
    source: *mut libc::sockaddr_storage,
    source_length: libc::socklen_t,
    piece: &mut libc::iovec,
    control: Option<*mut Control>,
    control_length: usize,
) -> libc::mmsghdr {
    // SAFETY: all fields of the header may be 0: no name, no pieces, no control messages.
    let mut header: libc::mmsghdr = unsafe { mem::zeroed() };
    header.msg_hdr.msg_name = source.cast();
    header.msg_hdr.msg_namelen = source_length;
    header.msg_hdr.msg_iov = piece;
    header.msg_hdr.msg_iovlen = 1;
    if let Some(control) = control.filter(|_| control_length > 0) {
        header.msg_hdr.msg_control = control.cast();
        header.msg_hdr.msg_controllen = control_length as _;
    }
    header
}

/// Whether an address stands for many hosts or for none, so that nothing should be sent to it.
pub fn is_for_many(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_broadcast() || v4.is_multicast() || v4.is_unspecified(),
        IpAddr::V6(v6) => v6.is_multicast() || v6.is_unspecified(),
    }
}

fn address(storage: &libc::sockaddr_storage) -> Option<SocketAddr> {
    match i32::from(storage.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says so, and the storage is large enough and aligned for every family.
            let v4 = unsafe { &*ptr::from_ref(storage).cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
            Some(SocketAddrV4::new(ip, u16::from_be(v4.sin_port)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let v6 = unsafe { &*ptr::from_ref(storage).cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
            Some(SocketAddrV6::new(ip, u16::from_be(v6.sin6_port), 0, v6.sin6_scope_id).into())
        }
        _ => None,
    }
}

/// Asks the kernel to report with each datagram where it was sent to (ip(7), ipv6(7)). An IPv6 socket is
/// asked for both kinds, because it may receive IPv4 as well.
pub fn report_destination(socket: BorrowedFd, is_ipv6: bool) -> io::Result<()> {
    let on: libc::c_int = 1;
    let set = |level, option| {
        let length = mem::size_of_val(&on) as libc::socklen_t;
        // SAFETY: the value is a c_int that lives through the call, and its length is right.
        let result =
            unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, ptr::from_ref(&on).cast(), length) };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    };
    if is_ipv6 {
        set(libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO)?;
    }
    set(libc::IPPROTO_IP, libc::IP_PKTINFO)
}

/// Gives back to the system what start-up has allocated and freed: some 100 KB of the heap, which would
/// stay resident for good (malloc_trim(3)).
pub fn release_freed_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it only returns pages that the allocator itself knows to be free.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// What the kernel has counted on a TCP connection since its first SYN (tcp(7), TCP_INFO; the counts are
/// those of RFC 4898).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpInfo {
    /// Segments sent, those without data and retransmissions included.
    pub segments_sent: u32,
    /// Segments received, those without data included.
    pub segments_received: u32,
    /// Segments sent with data.
    pub data_segments_sent: u32,
    /// Segments received with data.
    pub data_segments_received: u32,
    /// Bytes that the peer has acknowledged.
    pub bytes_acknowledged: u64,
    /// Segments sent again.
    pub retransmissions: u32,
    /// Bytes that a segment to the peer may hold.
    pub mss: u32,
    /// Smoothed round-trip time.
    pub round_trip: Duration,
    /// Whether the peer's FIN has come and ours has not been sent (the state CLOSE-WAIT).
    pub peer_has_closed: bool,
}

/// The beginning of the kernel's `struct tcp_info`, as of Linux 4.6 (`linux/tcp.h`). It only ever grows.
#[repr(C)]
#[derive(Default)]
struct RawTcpInfo {
    bytes: [u8; 8],
    words: [u32; 24],
    pacing_and_bytes: [u64; 4],
    segs_out: u32,
    segs_in: u32,
    notsent_bytes: u32,
    min_rtt: u32,
    data_segs_in: u32,
    data_segs_out: u32,
}

/// Bytes that were sent and that the peer has not taken yet (SIOCOUTQ of unix(7) and tcp(7)). Of a Unix socket
/// whole buffers of up to 64 KiB count until they are read to their end.
pub fn unsent(socket: BorrowedFd) -> io::Result<u64> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: the kernel writes one int.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, ptr::from_mut(&mut bytes)) };
    if result == 0 { Ok(u64::try_from(bytes).unwrap_or(0)) } else { Err(io::Error::last_os_error()) }
}

/// Asks for the counts of a connection. Fails where the socket isn't TCP or the kernel is older than 4.6.
pub fn tcp_info(socket: BorrowedFd) -> io::Result<TcpInfo> {
    const CLOSE_WAIT: u8 = 8;
    let (snd_mss, rtt, total_retrans) = (2, 15, 23); // their places among the words
    let mut raw = RawTcpInfo::default();
    let mut length = mem::size_of::<RawTcpInfo>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes to `raw`, and all its fields may hold any value.
    let result = unsafe {
        let value = ptr::from_mut(&mut raw).cast();
        libc::getsockopt(socket.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_INFO, value, &mut length)
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    if (length as usize) < mem::size_of::<RawTcpInfo>() {
        return Err(io::Error::from(io::ErrorKind::Unsupported));
    }
    Ok(TcpInfo {
        segments_sent: raw.segs_out,
        segments_received: raw.segs_in,
        data_segments_sent: raw.data_segs_out,
        data_segments_received: raw.data_segs_in,
        bytes_acknowledged: raw.pacing_and_bytes[2],
        retransmissions: raw.words[total_retrans],
        mss: raw.words[snd_mss],
        round_trip: Duration::from_micros(raw.words[rtt].into()),
        peer_has_closed: raw.bytes[0] == CLOSE_WAIT,
    })
}

/// Packets that a packet socket has seen, in memory shared with the kernel (packet(7), PACKET_RX_RING). A
/// packet takes one place in it however large it was, where the socket's own queue counts all of its bytes,
/// and is full after three or four of the largest unless the system's limit is raised.
pub struct PacketRing {
    socket: OwnedFd,
    start: ptr::NonNull<u8>,
    places: usize,
    next: usize,
}

// SAFETY: the memory is the ring's alone, whichever thread has it.
unsafe impl Send for PacketRing {}

/// A packet in the ring.
pub struct RingPacket<'a> {
    /// Its first bytes, as many as have room.
    pub bytes: &'a [u8],
    /// How long it was.
    pub length: usize,
    /// When it crossed, since 1970.
    pub time: Duration,
}

impl PacketRing {
    /// Bytes of a place: a page, as is usual. The header that the kernel puts into it takes less than 128.
    const PLACE: usize = 4096;
    /// Places in a piece of memory that the kernel takes at once.
    const PLACES: usize = 64;

    /// Makes a ring for a packet socket, with room for so many packets, rounded up. What has come to the
    /// socket before is lost. Fails where it isn't one, or without memory.
    pub fn new(socket: OwnedFd, packets: usize) -> io::Result<PacketRing> {
        let blocks = packets.div_ceil(Self::PLACES).max(1);
        let places = blocks * Self::PLACES;
        let request = libc::tpacket_req {
            tp_block_size: (Self::PLACE * Self::PLACES) as libc::c_uint,
            tp_block_nr: blocks as libc::c_uint,
            tp_frame_size: Self::PLACE as libc::c_uint,
            tp_frame_nr: places as libc::c_uint,
        };
        set_packet_option(
            socket.as_fd(),
            libc::PACKET_VERSION,
            &(libc::tpacket_versions::TPACKET_V2 as libc::c_int),
        )?;
        set_packet_option(socket.as_fd(), libc::PACKET_RX_RING, &request)?;
        let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED);
        // SAFETY: the kernel chooses a free address for the ring that it has just made, of this size.
        let start = unsafe {
            libc::mmap(ptr::null_mut(), places * Self::PLACE, protection, flags, socket.as_raw_fd(), 0)
        };
        match ptr::NonNull::new(start.cast()).filter(|_| start != libc::MAP_FAILED) {
            Some(start) => Ok(PacketRing { socket, start, places, next: 0 }),
            None => Err(io::Error::last_os_error()),
        }
    }

    /// The socket, to wait until it is readable.
    pub fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Hands the next packet to `take` and returns what that makes of it. Never waits: `None` if there is none.
    pub fn next<R>(&mut self, take: impl FnOnce(RingPacket) -> R) -> Option<R> {
        let in_kernel = libc::TP_STATUS_KERNEL;
        // SAFETY: `next` is below `places`, each of which is mapped until `self` is dropped, begins with a
        // status that both sides read and write as a whole, and is ours while that isn't the kernel's.
        let (place, status) = unsafe {
            let place = self.start.as_ptr().add(self.next * Self::PLACE);
            (place, AtomicU32::from_ptr(place.cast()))
        };
        if status.load(Ordering::Acquire) == in_kernel {
            return None;
        }
        // SAFETY: the kernel has written its header there, and leaves the place alone until the status says
        // otherwise. What the header says of the packet's place and length is kept within the place.
        let (header, bytes) = unsafe {
            let header = place.cast::<libc::tpacket2_hdr>().read();
            let start = usize::from(header.tp_mac).min(Self::PLACE);
            let length = (header.tp_snaplen as usize).min(Self::PLACE - start);
            (header, std::slice::from_raw_parts(place.add(start), length))
        };
        let time = Duration::new(header.tp_sec.into(), header.tp_nsec);
        let taken = take(RingPacket { bytes, length: header.tp_len as usize, time });
        status.store(in_kernel, Ordering::Release);
        self.next = (self.next + 1) % self.places;
        Some(taken)
    }

    /// How many packets have come since this was last asked that there was no room for (PACKET_STATISTICS).
    pub fn dropped(&self) -> io::Result<u32> {
        let mut seen_and_dropped = [0 as libc::c_uint; 2];
        let mut length = mem::size_of_val(&seen_and_dropped) as libc::socklen_t;
        // SAFETY: the kernel writes at most `length` bytes to it, and both numbers may have any value.
        let result = unsafe {
            let value = seen_and_dropped.as_mut_ptr().cast();
            let (level, option) = (libc::SOL_PACKET, libc::PACKET_STATISTICS);
            libc::getsockopt(self.socket.as_raw_fd(), level, option, value, &mut length)
        };
        if result == 0 { Ok(seen_and_dropped[1]) } else { Err(io::Error::last_os_error()) }
    }
}

impl Drop for PacketRing {
    fn drop(&mut self) {
        // SAFETY: it was mapped with this address and size, and nothing borrows from it any more.
        unsafe {
            libc::munmap(self.start.as_ptr().cast(), self.places * Self::PLACE);
        }
    }
}

/// Sets an option of a packet socket (packet(7)); the value must be of the type that it wants.
fn set_packet_option<T: Copy>(socket: BorrowedFd, option: libc::c_int, value: &T) -> io::Result<()> {
    let length = mem::size_of::<T>() as libc::socklen_t;
    let value = ptr::from_ref(value).cast();
    // SAFETY: the value lives through the call, and its length is right.
    let result = unsafe { libc::setsockopt(socket.as_raw_fd(), libc::SOL_PACKET, option, value, length) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The CPU time that a process has used with all its threads, those that have ended included, to the
/// nanosecond (clock_getcpuclockid(3)). Needs no privilege; fails where there is no such process.
pub fn cpu_time(process: u32) -> io::Result<Duration> {
    let process = libc::pid_t::try_from(process).map_err(|_| io::Error::from_raw_os_error(libc::ESRCH))?;
    let mut clock: libc::clockid_t = 0;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: both calls write one value each to what they are given, which lives until they return.
    unsafe {
        match libc::clock_getcpuclockid(process, &mut clock) {
            0 => {}
            error => return Err(io::Error::from_raw_os_error(error)),
        }
        if libc::clock_gettime(clock, &mut time) != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
}

/// Lets the kernel choose the local port when the socket connects and not when it is bound to an address
/// (ip(7), IP_BIND_ADDRESS_NO_PORT): then one port serves for connections to several servers.
pub fn choose_port_late(socket: BorrowedFd) -> io::Result<()> {
    let on: libc::c_int = 1;
    let length = mem::size_of_val(&on) as libc::socklen_t;
    let option = libc::IP_BIND_ADDRESS_NO_PORT;
    // SAFETY: the value is a c_int that lives through the call, and its length is right.
    let result = unsafe {
        libc::setsockopt(socket.as_raw_fd(), libc::IPPROTO_IP, option, ptr::from_ref(&on).cast(), length)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
