//! Making sockets.

use mio::net::{TcpStream, UdpSocket};
use shoutd::sys;
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, Type};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsFd;
use std::time::Duration;

/// Addresses of this machine that connections to a server on it are spread over. A port that was used a
/// moment ago rests for a while (TIME-WAIT), and one address has only 28,000 of them.
const SOURCES: u64 = 64;

/// Time for an answer to the datagram that tries an address.
const TRIAL: Duration = Duration::from_millis(200);

/// Begins to connect; the stream is writable once it is connected.
pub fn connect(address: SocketAddr, source: Option<IpAddr>) -> io::Result<TcpStream> {
    let stream = match source {
        None => TcpStream::connect(address)?,
        Some(source) => {
            let socket =
                Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
            sys::choose_port_late(socket.as_fd())?;
            socket.bind(&SocketAddr::new(source, 0).into())?;
            begin(&socket, &address.into())?;
            TcpStream::from_std(socket.into())
        }
    };
    // Each message is to leave at once, also one that is sent before the last was acknowledged.
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn begin(socket: &Socket, address: &SockAddr) -> io::Result<()> {
    match socket.connect(address) {
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => Ok(()),
        result => result,
    }
}

/// Another of this machine's addresses to connect from, where the server is on this machine as well.
pub fn another_source(server: SocketAddr, turn: u64) -> Option<IpAddr> {
    let is_here = matches!(server.ip(), IpAddr::V4(ip) if ip.is_loopback());
    is_here.then(|| Ipv4Addr::new(127, 0, 0, 2 + (turn % SOURCES) as u8).into())
}

/// A UDP socket connected to an address, with room for `buffer` bytes of replies as far as the kernel
/// lets it (`net.core.rmem_max`).
pub fn datagram(address: SocketAddr, buffer: usize) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(any(address))?;
    let reference = SockRef::from(&socket);
    if reference.recv_buffer_size().is_ok_and(|size| size < buffer) {
        // As much as it gives is good enough.
        let _ = reference.set_recv_buffer_size(buffer);
    }
    socket.connect(address)?;
    Ok(socket)
}

/// Whether a datagram to this address is answered soon.
pub fn answers(address: SocketAddr) -> bool {
    let attempt = || -> io::Result<usize> {
        let socket = std::net::UdpSocket::bind(any(address))?;
        socket.connect(address)?;
        socket.set_read_timeout(Some(TRIAL))?;
        socket.send(b"shout")?;
        socket.recv(&mut [0; 16])
    };
    attempt().is_ok()
}

fn any(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    }
}
