//! Clients that read slowly: each asks for a large file, and takes some kilobytes a second of it, as over a bad
//! mobile connection. Nobody is malicious here; they are many, that is all.

use crate::folder::LARGE;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// What each of them asks the kernel to hold for it, bytes: little, so that it is the server who has to
/// wait.
const RECEIVE_BUFFER: usize = 4096;
/// How often each reads.
const EVERY: Duration = Duration::from_millis(100);
/// And how much, bytes: 4 KB a second.
const BYTES: usize = 400;
/// How long to wait until each has its first bytes. Whoever has none by then is waited for no longer: some
/// servers never come to them.
const SETTLE: Duration = Duration::from_millis(600);

/// All of them, until the handle goes away.
pub struct SlowClients {
    stop: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
}

impl SlowClients {
    /// Connects so many, has each ask for the large file, and waits until they are being served or clearly
    /// are not.
    pub fn start(server: SocketAddr, count: u32) -> io::Result<SlowClients> {
        let mut streams = (0..count).map(|_| connect(server)).collect::<io::Result<Vec<TcpStream>>>()?;
        let request = format!("GET /{LARGE} HTTP/1.1\r\nHost: {server}\r\n\r\n");
        for stream in &mut streams {
            stream.write_all(request.as_bytes())?;
            stream.set_nonblocking(true)?;
        }
        let end = Instant::now() + SETTLE;
        while Instant::now() < end && !streams.iter().all(|stream| stream.peek(&mut [0]).is_ok()) {
            thread::sleep(Duration::from_millis(5));
        }
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let reader = thread::spawn(move || read_slowly(streams, &stopped));
        Ok(SlowClients { stop, reader: Some(reader) })
    }
}

impl Drop for SlowClients {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

fn connect(server: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(server), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    socket.connect_timeout(&SockAddr::from(server), Duration::from_secs(5))?;
    Ok(socket.into())
}

/// A little of each, again and again. Those that the server has closed are over.
fn read_slowly(mut streams: Vec<TcpStream>, stop: &AtomicBool) {
    let mut buffer = [0; BYTES];
    while !stop.load(Ordering::Relaxed) {
        let next = Instant::now() + EVERY;
        streams.retain_mut(|stream| match stream.read(&mut buffer) {
            Ok(count) => count > 0,
            Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
        });
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}
