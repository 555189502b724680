//! From what the command line says to a running loop: sockets are bound here, and nowhere else.
//!
//! [`Server::bind`] opens everything or fails with one error that says what to do; [`Server::run`]
//! serves. In between, [`Server::listening`] tells the ports that were really bound, so that port 0 can
//! be asked for.

use crate::event_loop::listener::{Listener, Service};
use crate::event_loop::udp::Udp;
use crate::event_loop::{EventLoop, clock};
use crate::limits;
use crate::session::http::HttpOptions;
use crate::session::upper::UpperOptions;
use crate::site::Site;
use crate::sys;
use rustix::process::{Resource, getrlimit, setrlimit};
use socket2::{Domain, Protocol, Socket, Type};
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What to serve and how.
#[derive(Clone, Debug)]
pub struct Config {
    /// TCP uppercase listeners.
    pub tcp: Vec<(SocketAddr, UpperOptions)>,
    /// UDP uppercase sockets.
    pub udp: Vec<SocketAddr>,
    /// HTTP listeners.
    pub http: Vec<SocketAddr>,
    /// How HTTP connections behave.
    pub http_options: HttpOptions,
    /// The directory that HTTP serves; the built-in site if `None`.
    pub root: Option<PathBuf>,
    /// Connections at once; if `None`, as many as the descriptor limit allows.
    pub max_connections: Option<usize>,
    /// How long replies under way have after a request to stop.
    pub drain: Duration,
}

/// Everything bound and ready to run.
pub struct Server {
    event_loop: EventLoop<Site>,
    listening: Vec<(&'static str, SocketAddr)>,
    bell: UnixStream,
}

/// Why the server can't start: what failed, why, and what to do, in one line.
#[derive(Debug)]
pub struct StartError {
    what: String,
    why: io::Error,
    advice: &'static str,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}: {}{}", self.what, self.why, self.advice)
    }
}

impl std::error::Error for StartError {}

impl Server {
    /// Binds every socket and opens the site.
    pub fn bind(config: &Config) -> Result<Server, StartError> {
        let now = clock::read();
        let site = match &config.root {
            Some(root) => Site::in_directory(root, &now).map_err(|error| root_error(root, error))?,
            None => Site::built_in(&now).map_err(|error| internal("the built-in site", error))?,
        };
        let max_connections = connection_limit(config.max_connections);
        let mut event_loop = EventLoop::new(site, max_connections, config.drain)
            .map_err(|error| internal("polling", error))?;
        let (bell, ringer) = UnixStream::pair().map_err(|error| internal("a socket pair", error))?;
        bell.set_nonblocking(true).map_err(|error| internal("a socket pair", error))?;
        event_loop
            .add_bell(mio::net::UnixStream::from_std(bell))
            .map_err(|error| internal("polling", error))?;
        let mut server = Server { event_loop, listening: Vec::new(), bell: ringer };

        for (address, options) in &config.tcp {
            server.listen("tcp", *address, Service::Upper(Arc::new(options.clone())))?;
        }
        let mut sockets = Vec::new();
        for address in &config.udp {
            let socket = bind_udp(*address).map_err(|error| bind_error("udp", *address, error))?;
            let bound = socket.local_addr().map_err(|error| bind_error("udp", *address, error))?;
            server.listening.push(("udp", bound));
            sockets.push((socket, bound));
        }
        let own_ports: Vec<u16> = sockets.iter().map(|(_, address)| address.port()).collect();
        for (socket, bound) in sockets {
            let everywhere = bound.ip().is_unspecified();
            let udp = Udp::new(mio::net::UdpSocket::from_std(socket), own_ports.clone(), everywhere, &now);
            server.event_loop.add_udp(udp).map_err(|error| bind_error("udp", bound, error))?;
        }
        let http_options = Arc::new(config.http_options.clone());
        for address in &config.http {
            server.listen("http", *address, Service::Http(http_options.clone()))?;
        }
        Ok(server)
    }

    /// Each socket in order: `tcp`, `udp` or `http`, and the address that was really bound.
    pub fn listening(&self) -> &[(&'static str, SocketAddr)] {
        &self.listening
    }

    /// A stream that stops the server: one byte written to it lets replies under way finish, a second
    /// one ends it at once. Signal handlers may write to it.
    pub fn stopper(&self) -> io::Result<UnixStream> {
        self.bell.try_clone()
    }

    /// Serves until it is stopped. Fails only if polling does.
    pub fn run(mut self) -> io::Result<()> {
        self.event_loop.run()
    }

    fn listen(
        &mut self,
        scheme: &'static str,
        address: SocketAddr,
        service: Service,
    ) -> Result<(), StartError> {
        let fail = |error| bind_error(scheme, address, error);
        let is_http = matches!(service, Service::Http(_));
        let socket = bind_tcp(address, is_http).map_err(fail)?;
        self.listening.push((scheme, socket.local_addr().map_err(fail)?));
        let listener = Listener::new(mio::net::TcpListener::from_std(socket), service);
        self.event_loop.add_listener(listener).map_err(fail)
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
fn bind_tcp(address: SocketAddr, is_http: bool) -> io::Result<TcpListener> {
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

fn bind_udp(address: SocketAddr) -> io::Result<UdpSocket> {
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

/// Raises the descriptor limit as far as it goes, and leaves some aside.
fn connection_limit(asked: Option<usize>) -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current < limit.maximum {
        let raised = rustix::process::Rlimit { current: limit.maximum, ..limit };
        if setrlimit(Resource::Nofile, raised).is_ok() {
            limit = getrlimit(Resource::Nofile);
        }
    }
    let descriptors = limit.current.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX));
    let possible = (descriptors - limits::SPARE_DESCRIPTORS.min(descriptors / 4)).max(1);
    match asked {
        Some(asked) if asked > possible => {
            log::warn!(
                "--max-connections {asked} is more than the descriptor limit leaves, {possible} (ulimit -n)"
            );
            asked
        }
        Some(asked) => asked,
        None => possible,
    }
}

fn bind_error(scheme: &str, address: SocketAddr, why: io::Error) -> StartError {
    let advice = match why.kind() {
        ErrorKind::AddrInUse => ": stop what listens there, or choose another port",
        ErrorKind::PermissionDenied if address.port() < 1024 => {
            ": ports below 1024 need root or CAP_NET_BIND_SERVICE; choose another port"
        }
        ErrorKind::AddrNotAvailable => ": choose an address of this machine",
        _ => "",
    };
    StartError { what: format!("can't listen on {scheme}://{address}"), why, advice }
}

fn root_error(root: &std::path::Path, why: io::Error) -> StartError {
    let advice = match why.kind() {
        ErrorKind::NotFound => ": create it, or name another directory with --root",
        ErrorKind::NotADirectory => ": name a directory with --root",
        ErrorKind::PermissionDenied => ": let this user read and enter it",
        _ => "",
    };
    StartError { what: format!("can't serve {}", root.display()), why, advice }
}

fn internal(what: &str, why: io::Error) -> StartError {
    StartError { what: format!("can't set up {what}"), why, advice: "" }
}
