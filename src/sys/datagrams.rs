//! Datagrams by the batch.
//!
//! One pair of `recvmmsg(2)` and `sendmmsg(2)` for up to 64 datagrams saves a fifth of the CPU that `recvfrom` and
//! `sendto` take, and no safe wrapper lets each reply carry its own source address, which a socket bound to every
//! interface needs (ip(7), IP_PKTINFO). The unsafe code is three things: building the kernel's structures from
//! buffers that outlive the call, reading addresses the kernel wrote, and the two calls.

use crate::limits;
use std::io;
use std::mem::{self, MaybeUninit};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

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
    /// `wants_destination` the socket must have the options that report it, see [`report_destination`](super::report_destination).
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
