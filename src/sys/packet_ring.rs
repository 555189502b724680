//! The ring of packets that a capture shares with the kernel, which has no safe wrapper.

use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

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
