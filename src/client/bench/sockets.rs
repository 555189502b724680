//! Making sockets.

use mio::net::{TcpStream, UdpSocket};
use socket2::SockRef;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Begins to connect; the stream is writable once it is connected.
pub fn connect(address: SocketAddr, _source: Option<IpAddr>) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    // Each message is to leave at once, also one that is sent before the last was acknowledged.
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Another of this machine's addresses to connect from, where the server is on this machine as well.
pub fn another_source(_server: SocketAddr, _turn: u64) -> Option<IpAddr> {
    None
}

/// A UDP socket connected to an address, with room for `buffer` bytes of replies as far as the kernel
/// lets it (`net.core.rmem_max`).
pub fn datagram(address: SocketAddr, buffer: usize) -> io::Result<UdpSocket> {
    let any: IpAddr = match address {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0).into())?;
    let reference = SockRef::from(&socket);
    if reference.recv_buffer_size().is_ok_and(|size| size < buffer) {
        // As much as it gives is good enough.
        let _ = reference.set_recv_buffer_size(buffer);
    }
    socket.connect(address)?;
    Ok(socket)
}
