//! The same scripts against the real kernel, over loopback sockets: a check that the simulated one tells the truth.
//!
//! The server runs in a thread of its own; the peers run here, one after the other, each at its time. Only kinds
//! that take some seconds come, and nobody knows what the kernel knows: when a connection was accepted, or that a
//! reset is to be expected.

use crate::folder::Folder;
use crate::peers::datagrams::{self, Caller};
use crate::peers::requests::Files;
use crate::peers::upper::{self, Shouter};
use crate::peers::web::{self, Visitor};
use crate::peers::{Found, Network, Peer, Service, Status};
use crate::random::Random;
use shoutd::event_loop::answers::Answers;
use shoutd::event_loop::listener::{self, Listener};
use shoutd::event_loop::udp::Udp;
use shoutd::event_loop::{EventLoop, Ring};
use shoutd::kernel::linux::{Linux, read_clock};
use shoutd::limits::Limits;
use shoutd::session::http::HttpOptions;
use shoutd::session::upper::UpperOptions;
use shoutd::site::Site;
use shoutd::sockets;
use socket2::SockRef;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long both services let a client be silent.
const SILENCE: Duration = Duration::from_secs(2);

/// When all peers must be done, on a machine that does other things as well.
const END: Duration = Duration::from_secs(60);

/// What runs in the server's thread, and where.
struct Server {
    addresses: [SocketAddr; 3],
    ringer: UnixStream,
    thread: JoinHandle<io::Result<()>>,
}

impl Server {
    fn start(folder: &Folder) -> Server {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let tcp = sockets::bind_tcp(any, false).expect("a port");
        let http = sockets::bind_tcp(any, true).expect("a port");
        let udp = sockets::bind_udp(any).expect("a port");
        let addresses =
            [tcp.local_addr(), http.local_addr(), udp.local_addr()].map(|address| address.unwrap());
        let (bell, ringer) = UnixStream::pair().expect("a pair of sockets");
        bell.set_nonblocking(true).unwrap();
        let root = folder.site();
        let thread = thread::spawn(move || {
            let now = read_clock();
            // Few events at a time, little memory and small buffers, as in some of the simulated worlds.
            let limits = Limits { events: 16, buffer: 20_000, ..Limits::default() };
            let site = Site::in_directory(&root, true, &now)?;
            let mut event_loop = EventLoop::new(Linux::new(limits.events)?, site, limits);
            let options = UpperOptions { idle: SILENCE, read: limits.buffer, ..UpperOptions::default() };
            event_loop
                .add_listener(Listener::new(tcp.into(), listener::Service::Upper(Arc::new(options))))?;
            let (keep_alive, close_on_error, upper, logged) = (SILENCE, false, true, false);
            let options = HttpOptions { keep_alive, close_on_error, upper, logged };
            event_loop
                .add_listener(Listener::new(http.into(), listener::Service::Http(Arc::new(options))))?;
            event_loop.add_udp(Udp::new(udp.into(), Answers::new(vec![], false, &now)))?;
            event_loop.add_bell(bell.into(), Ring::Stop)?;
            event_loop.run()
        });
        Server { addresses, ringer, thread }
    }
}

struct Connection {
    stream: TcpStream,
    connected: Duration,
    finished: bool,
    reset: bool,
}

/// The real network, as the scripts see it.
struct Loopback {
    start: Instant,
    addresses: [SocketAddr; 3],
    connections: Vec<Option<Connection>>,
    callers: HashMap<u16, UdpSocket>,
    agenda: BinaryHeap<Reverse<(Duration, usize)>>,
}

impl Loopback {
    fn connection(&mut self, socket: usize) -> Option<&mut Connection> {
        self.connections[socket].as_mut()
    }

    fn caller(&mut self, port: u16) -> &UdpSocket {
        let server = self.addresses[2];
        self.callers.entry(port).or_insert_with(|| {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
            socket.connect(server).and_then(|()| socket.set_nonblocking(true)).expect("a UDP socket");
            socket
        })
    }

    /// Lets everybody act at their times until all are done.
    fn run(&mut self, mut peers: Vec<Box<dyn Peer>>) {
        while let Some(Reverse((at, peer))) = self.agenda.pop() {
            thread::sleep(at.saturating_sub(self.now()));
            peers[peer].act(peer, self);
            let unfinished = || -> Vec<String> {
                peers.iter().filter(|peer| !peer.is_done()).map(|peer| peer.story()).collect()
            };
            assert!(self.now() < END, "not done in time: {:#?}", unfinished());
        }
        assert!(peers.iter().all(|peer| peer.is_done()));
    }
}

impl Network for Loopback {
    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn wake(&mut self, peer: usize, after: Duration) {
        self.agenda.push(Reverse((self.now() + after, peer)));
    }

    fn late(&self) -> Duration {
        Duration::from_secs(10)
    }

    fn early(&self) -> Duration {
        Duration::from_millis(20)
    }

    fn late_answers(&self) -> Duration {
        self.late()
    }

    fn is_stopping(&self) -> bool {
        false
    }

    fn may_be_unheard(&self) -> bool {
        false
    }

    fn connect(&mut self, service: Service) -> Option<usize> {
        let connected = self.now();
        let stream = TcpStream::connect(self.addresses[usize::from(service == Service::Web)]).ok()?;
        stream.set_nonblocking(true).expect("a socket that doesn't wait");
        self.connections.push(Some(Connection { stream, connected, finished: false, reset: false }));
        Some(self.connections.len() - 1)
    }

    fn send(&mut self, socket: usize, bytes: &[u8]) -> Option<usize> {
        match self.connection(socket)?.stream.write(bytes) {
            Ok(count) => Some(count),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Some(0),
            Err(_) => None,
        }
    }

    fn send_urgent(&mut self, socket: usize) {
        if let Some(connection) = self.connection(socket) {
            let _ = SockRef::from(&connection.stream).send_out_of_band(b"!");
        }
    }

    fn receive(&mut self, socket: usize, most: usize) -> Found {
        let Some(connection) = self.connection(socket) else { return Found::Reset };
        let mut bytes = vec![0; most];
        match connection.stream.read(&mut bytes) {
            Ok(0) => {
                connection.finished = true;
                Found::Fin
            }
            Ok(count) => {
                bytes.truncate(count);
                Found::Bytes(bytes)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Found::Nothing,
            Err(_) => {
                connection.reset = true;
                Found::Reset
            }
        }
    }

    fn finish(&mut self, socket: usize) {
        if let Some(connection) = self.connection(socket) {
            let _ = connection.stream.shutdown(Shutdown::Write);
        }
    }

    fn reset(&mut self, socket: usize) {
        if let Some(connection) = self.connections[socket].take() {
            let _ = SockRef::from(&connection.stream).set_linger(Some(Duration::ZERO));
        }
    }

    fn status(&mut self, socket: usize) -> Status {
        let now = self.now();
        let known = self.connection(socket);
        Status {
            accepted: known.as_ref().map(|connection| connection.connected),
            finished: known.as_ref().is_some_and(|connection| connection.finished),
            reset: known.as_ref().is_none_or(|connection| connection.reset),
            may_be_reset: false,
            written: now,
        }
    }

    fn datagram(&mut self, port: u16, bytes: &[u8]) -> bool {
        self.caller(port).send(bytes).is_ok()
    }

    fn answers(&mut self, port: u16) -> Vec<Vec<u8>> {
        let mut bytes = [0; 2000];
        let socket = self.caller(port);
        std::iter::from_fn(|| socket.recv(&mut bytes).ok().map(|count| bytes[..count].to_vec())).collect()
    }

    fn lost(&mut self, _: u16) -> Vec<Vec<u8>> {
        Vec::new()
    }

    fn answered(&mut self) {}
}

/// Some of each kind that doesn't take long.
fn peers(random: &mut Random, files: &Files) -> Vec<Box<dyn Peer>> {
    let mut peers: Vec<Box<dyn Peer>> = Vec::new();
    for _ in 0..6 {
        for kind in [upper::Kind::Whole, upper::Kind::Patient, upper::Kind::Resets, upper::Kind::Vanishes] {
            peers.push(Box::new(Shouter::new(kind, random.fork(), SILENCE, 1).hurrying()));
        }
        let kinds = [
            web::Kind::Asks,
            web::Kind::HalfCloses,
            web::Kind::Newcomer,
            web::Kind::Returns,
            web::Kind::Resets,
            web::Kind::Vanishes,
        ];
        for kind in kinds {
            peers.push(Box::new(Visitor::new(kind, random.fork(), files, SILENCE).hurrying()));
        }
    }
    for kind in [upper::Kind::Busy, upper::Kind::Rests, upper::Kind::LastMoment, upper::Kind::Silent] {
        peers.push(Box::new(Shouter::new(kind, random.fork(), SILENCE, 1).hurrying()));
    }
    for kind in [web::Kind::Rests, web::Kind::LastMoment, web::Kind::Silent, web::Kind::Drips] {
        peers.push(Box::new(Visitor::new(kind, random.fork(), files, SILENCE).hurrying()));
    }
    for (number, kind) in
        [datagrams::Kind::Asks, datagrams::Kind::Asks, datagrams::Kind::Repeats].into_iter().enumerate()
    {
        peers.push(Box::new(Caller::new(kind, random.fork(), number as u16)));
    }
    peers
}

/// Everything that the scripts know to be right in the simulated world is right in the real one.
pub fn run(seed: u64) {
    let mut random = Random::new(seed);
    let files = crate::scenario::files(&mut random);
    let folder = Folder::new("loopback", &files);
    folder.add_many();
    let Server { addresses, mut ringer, thread } = Server::start(&folder);
    let (connections, callers, agenda) = (Vec::new(), HashMap::new(), BinaryHeap::new());
    let mut network = Loopback { start: Instant::now(), addresses, connections, callers, agenda };
    let peers = peers(&mut random, &files);
    for peer in 0..peers.len() {
        network.wake(peer, Duration::from_millis(random.range(0, 500) as u64));
    }
    network.run(peers);
    let took = network.now();
    ringer.write_all(b"!").expect("the server is there");
    drop(network);
    thread.join().expect("the server doesn't panic").expect("the server doesn't fail");
    println!("over loopback sockets: {took:?}");
}
