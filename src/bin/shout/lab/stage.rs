//! The stage of an experiment: what listens, and what the client has found.
//!
//! The servers run in this process, each in a thread, on ports of their own. A client asks the stage for a
//! connection, talks with plain sockets, and tells the stage what it found.

mod mute;
mod servers;

use super::serves::{Change, Serves};
use super::verdict::{Mark, Row};
use servers::Running;
use shoutd::sys::{self, TcpInfo};
use shoutd::trouble::{Trouble, plain};
use socket2::SockRef;
use std::io::{self, ErrorKind, Read};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, Instant};

/// Every experiment is over long before, or it has failed.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// Longer than a server waits before it closes, where its prediction says that it does.
pub const LIMIT: Duration = Duration::from_secs(6);

/// What the client has to do with.
pub struct Stage {
    servers: Vec<Running>,
    places: Vec<SocketAddr>,
    /// What the client found besides packets.
    pub rows: Vec<Row>,
    told: Vec<(&'static str, usize)>,
    /// What the kernel has counted on each connection, as the client left it.
    pub counts: Vec<Counts>,
    /// What `transfer` has found.
    pub transfers: Vec<Transfer>,
}

/// What the kernel has counted on a connection, at the client's end.
#[derive(Clone, Copy, Debug)]
pub struct Counts {
    /// The client's end.
    pub local: SocketAddr,
    /// The counts.
    pub info: TcpInfo,
}

/// A file that crossed a connection of its own.
#[derive(Clone, Copy, Debug)]
pub struct Transfer {
    /// Bytes of the file.
    pub size: u64,
    /// Bytes that the client received, the head included.
    pub received: u64,
    /// From before the connection was opened to after it was closed.
    pub took: Duration,
    /// The client's end.
    pub local: SocketAddr,
    /// What the kernel has counted there.
    pub info: Option<TcpInfo>,
}

impl Stage {
    /// Starts what is to listen, changed as asked for.
    pub fn set_up(serves: &[Serves], change: &Change) -> Result<Stage, Trouble> {
        let mut stage = Stage {
            servers: Vec::new(),
            places: Vec::new(),
            rows: Vec::new(),
            told: Vec::new(),
            counts: Vec::new(),
            transfers: Vec::new(),
        };
        for serves in serves {
            let running = servers::start(*serves, None, change)?;
            stage.places.push(running.address);
            stage.servers.push(running);
        }
        Ok(stage)
    }

    /// All ports that belong to it.
    pub fn ports(&self) -> Vec<u16> {
        self.places.iter().map(SocketAddr::port).collect()
    }

    /// Where each server listens, in order.
    pub fn places(&self) -> &[SocketAddr] {
        &self.places
    }

    /// Where the server of this place listens, or where none does.
    pub fn address(&self, place: usize) -> SocketAddr {
        self.places[place]
    }

    /// Starts a server where nothing listened until now.
    pub fn start_late(&mut self, place: usize, serves: Serves) -> Result<(), Trouble> {
        let running = servers::start(serves, Some(self.places[place]), &Change::default())?;
        self.servers.push(running);
        Ok(())
    }

    /// Accepts from the listener that nobody else accepts from, if somebody waits there or comes soon.
    pub fn accept(&self, place: usize) -> io::Result<TcpStream> {
        let waiting = self.servers.get(place).and_then(|running| running.waiting.as_ref());
        let listener = waiting.ok_or(ErrorKind::NotFound)?;
        listener.set_nonblocking(true)?;
        let end = Instant::now() + Duration::from_secs(2);
        loop {
            match listener.accept() {
                Err(error) if error.kind() == ErrorKind::WouldBlock && Instant::now() < end => {
                    thread::sleep(Duration::from_millis(5));
                }
                result => return result.map(|(stream, _)| stream),
            }
        }
    }

    /// A connection to the server of this place. What is sent on it leaves at once.
    pub fn connect(&self, place: usize) -> Result<TcpStream, Trouble> {
        let stream =
            TcpStream::connect_timeout(&self.places[place], PATIENCE).map_err(failed("connecting"))?;
        let ready = stream.set_nodelay(true).and_then(|()| patient(&stream));
        ready.map_err(failed("a socket's options"))?;
        Ok(stream)
    }

    /// A UDP socket, not connected to anybody.
    pub fn udp(&self) -> Result<UdpSocket, Trouble> {
        let socket = UdpSocket::bind("127.0.0.1:0").map_err(failed("a UDP socket"))?;
        socket.set_read_timeout(Some(PATIENCE)).map_err(failed("a socket's options"))?;
        Ok(socket)
    }

    /// Closes a connection, after looking at what the kernel has counted on it.
    pub fn close(&mut self, stream: TcpStream) {
        if let (Ok(local), Ok(info)) = (stream.local_addr(), sys::tcp_info(stream.as_fd())) {
            self.counts.push(Counts { local, info });
        }
    }

    /// Remembers a number of bytes under a name that the prediction knows.
    pub fn tell(&mut self, name: &'static str, bytes: usize) {
        self.told.push((name, bytes));
    }

    /// A number of bytes that was told.
    pub fn told(&self, name: &str) -> Option<usize> {
        self.told.iter().find(|(told, _)| *told == name).map(|(_, bytes)| *bytes)
    }

    /// Compares what the client got with what it should have got.
    pub fn check(&mut self, what: &str, predicted: &[u8], got: &[u8]) {
        let row =
            Row::check(format!("{what}: {}", excerpt(predicted)), excerpt(got), Mark::of(predicted == got));
        self.rows.push(row);
    }

    /// Says whether something was as it should be.
    pub fn note(&mut self, predicted: impl Into<String>, measured: impl Into<String>, agreed: bool) {
        self.rows.push(Row::check(predicted, measured, Mark::of(agreed)));
    }

    /// Ends the servers.
    pub fn tear_down(&mut self) {
        self.servers.drain(..).for_each(Running::stop);
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.tear_down();
    }
}

fn excerpt(bytes: &[u8]) -> String {
    shoutd::wire::printable::excerpt(bytes, bytes.len(), 40)
}

fn patient(stream: &TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))
}

/// Makes a trouble of an error, for `map_err`.
pub fn failed(what: &'static str) -> impl Fn(io::Error) -> Trouble {
    move |error| Trouble::new(format!("the client of the experiment failed: {what}: {}", plain(&error)), "")
}

/// Reads so many bytes, or fewer where the server closes before or says nothing for too long. So a wrong
/// server makes a wrong reply, not a failed experiment.
pub fn read(stream: &mut TcpStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    let mut filled = 0;
    while filled < count {
        match stream.read(&mut bytes[filled..]) {
            Ok(0) => break,
            Ok(more) => filled += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    bytes.truncate(filled);
    bytes
}

/// Waits for the server's FIN, throwing away what comes before. Returns whether it came, and after how long.
pub fn wait_for_fin(stream: &mut TcpStream, limit: Duration) -> (bool, Duration) {
    let start = Instant::now();
    let mut room = [0; 4096];
    loop {
        let left = limit.saturating_sub(start.elapsed());
        if left.is_zero() || stream.set_read_timeout(Some(left)).is_err() {
            return (false, start.elapsed());
        }
        match stream.read(&mut room) {
            Ok(0) => return (true, start.elapsed()),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return (false, start.elapsed()),
        }
    }
}

/// A socket with a receive buffer of this size, connected.
pub fn connect_with_small_buffer(address: SocketAddr, bytes: usize) -> io::Result<TcpStream> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    // Before connecting: the window of the SYN says how much there is.
    socket.set_recv_buffer_size(bytes)?;
    socket.connect_timeout(&address.into(), PATIENCE)?;
    let stream = TcpStream::from(socket);
    SockRef::from(&stream).set_tcp_nodelay(true)?;
    patient(&stream)?;
    Ok(stream)
}
