//! The sockets that are bound at start: TCP, UDP and Unix.
//!
//! Each function binds one, or fails with the kernel's error, which the caller knows how to explain.
//! None of them blocks afterwards.

mod unix_path;

use crate::limits;
use crate::sys;
use socket2::{Domain, Protocol, Socket, Type};
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs, UdpSocket};
use std::os::fd::AsFd;
use std::path::PathBuf;

pub use unix_path::{UnixPath, bind_unix};

/// Where a listener is to be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// At an IP address.
    Ip(SocketAddr),
    /// At every address that a name has, each with this port.
    Name(String, u16),
    /// At a path (unix(7)).
    Unix(PathBuf),
}

impl Place {
    /// The address, if it is one of IP.
    pub fn ip(&self) -> Option<SocketAddr> {
        match self {
            Place::Ip(address) => Some(*address),
            Place::Name(..) | Place::Unix(_) => None,
        }
    }

    /// The places that can be bound: for a name all that the resolver says (getaddrinfo(3)), each once, and
    /// otherwise the place itself. Fails where the name stands for nothing. May wait for a name server.
    pub fn resolve(&self) -> io::Result<Vec<Place>> {
        let Place::Name(name, port) = self else { return Ok(vec![self.clone()]) };
        let mut places = Vec::new();
        for address in (name.as_str(), *port).to_socket_addrs()? {
            if !places.contains(&address.into()) {
                places.push(address.into());
            }
        }
        if places.is_empty() { Err(ErrorKind::NotFound.into()) } else { Ok(places) }
    }
}

impl From<SocketAddr> for Place {
    fn from(address: SocketAddr) -> Place {
        Place::Ip(address)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Place::Ip(address) => address.fmt(f),
            Place::Name(name, port) => write!(f, "{name}:{port}"),
            Place::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Opens a socket for an address. `[::]` takes IPv4 as well, whatever the system's default; where there
/// is no IPv6 at all, every interface means every IPv4 interface.
fn open(address: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<(Socket, SocketAddr)> {
    match Socket::new(Domain::for_address(address), kind, Some(protocol)) {
        Ok(socket) => {
            if address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) {
                socket.set_only_v6(false)?;
            }
            Ok((socket, address))
        }
        Err(_) if address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) => {
            let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port()));
            Ok((Socket::new(Domain::IPV4, kind, Some(protocol))?, address))
        }
        Err(error) => Err(error),
    }
}

/// Connections inherit the options of their listener, which saves setting them on each.
pub fn bind_tcp(address: SocketAddr, is_http: bool) -> io::Result<TcpListener> {
    let (socket, address) = open(address, Type::STREAM, Protocol::TCP)?;
    // Otherwise the port is taken for a minute after a restart, by connections that are long over.
    socket.set_reuse_address(true)?;
    // Replies are written whole, so there is nothing for Nagle's algorithm to wait for.
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_notsent_lowat(if is_http { limits::NOT_SENT } else { limits::NOT_SENT_STREAM })?;
    socket.bind(&address.into())?;
    socket.listen(limits::BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// A UDP socket, with a large receive buffer where the system allows it.
pub fn bind_udp(address: SocketAddr) -> io::Result<UdpSocket> {
    if address.ip().to_canonical().is_multicast() || is_broadcast(address) {
        return Err(io::Error::new(ErrorKind::AddrNotAvailable, "datagrams to many are not answered"));
    }
    let (socket, address) = open(address, Type::DGRAM, Protocol::UDP)?;
    // Less than asked for is fine: the system has its own limit.
    let _ = socket.set_recv_buffer_size(limits::UDP_RECEIVE);
    if address.ip().is_unspecified() {
        sys::report_destination(socket.as_fd(), address.is_ipv6())?;
    }
    socket.bind(&address.into())?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Whether an address is the broadcast address of one of our networks: the kernel refuses to connect a
/// plain UDP socket to it, which sends nothing (EACCES of connect(2)).
fn is_broadcast(address: SocketAddr) -> bool {
    let IpAddr::V4(ip) = address.ip().to_canonical() else { return false };
    let probe = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0));
    let refused = probe.and_then(|probe| probe.connect((ip, 9)));
    !ip.is_unspecified() && refused.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
}
