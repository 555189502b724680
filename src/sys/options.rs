//! Options of sockets that the wrappers don't know.

use std::io;
use std::mem;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

/// Sets an option that is on or off.
fn turn_on(socket: BorrowedFd, level: libc::c_int, option: libc::c_int) -> io::Result<()> {
    let on: libc::c_int = 1;
    let length = mem::size_of_val(&on) as libc::socklen_t;
    // SAFETY: the value is a c_int that lives through the call, and its length is right.
    let result =
        unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, ptr::from_ref(&on).cast(), length) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Asks the kernel to report with each datagram where it was sent to (ip(7), ipv6(7)). An IPv6 socket is
/// asked for both kinds, because it may receive IPv4 as well.
pub fn report_destination(socket: BorrowedFd, is_ipv6: bool) -> io::Result<()> {
    if is_ipv6 {
        turn_on(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO)?;
    }
    turn_on(socket, libc::IPPROTO_IP, libc::IP_PKTINFO)
}

/// Lets the kernel choose the local port when the socket connects and not when it is bound to an address
/// (ip(7), IP_BIND_ADDRESS_NO_PORT): then one port serves for connections to several servers.
#[cfg(feature = "client")]
pub fn choose_port_late(socket: BorrowedFd) -> io::Result<()> {
    turn_on(socket, libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT)
}
