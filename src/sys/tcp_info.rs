//! What the kernel knows of a connection: TCP_INFO (tcp(7)), which no safe wrapper reads as far as the segment
//! counts, and how much of what was sent hasn't been taken yet.

use std::io;
use std::mem;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;
use std::time::Duration;

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
fn unsent(socket: BorrowedFd) -> io::Result<u64> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: the kernel writes one int.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, ptr::from_mut(&mut bytes)) };
    if result == 0 { Ok(u64::try_from(bytes).unwrap_or(0)) } else { Err(io::Error::last_os_error()) }
}

/// A count that grows as the peer takes what was sent, and stands still while nothing is taken; 0 where nobody knows.
/// A Unix socket doesn't count what was taken, but what was not: so it is one only while nothing is added.
pub fn taken_by_peer(socket: BorrowedFd) -> u64 {
    tcp_info(socket)
        .map(|info| info.bytes_acknowledged)
        .or_else(|_| unsent(socket).map(|unsent| u64::MAX - unsent))
        .unwrap_or(0)
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
