//! A server that reads and never answers. It shows what the kernel does where no reply can carry the
//! acknowledgement.

use socket2::SockRef;
use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Such a server, running.
pub struct Mute {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Mute {
    /// Starts one behind a listener.
    pub fn start(listener: TcpListener) -> std::io::Result<Mute> {
        let address = listener.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = thread::Builder::new().name("mute".to_owned()).spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if stopped.load(Ordering::Acquire) {
                    break;
                }
                swallow(stream);
            }
        })?;
        Ok(Mute { address, stop, thread })
    }

    /// Ends it: a last connection wakes it up.
    pub fn stop(self) {
        self.stop.store(true, Ordering::Release);
        if TcpStream::connect_timeout(&self.address, Duration::from_secs(1)).is_ok() {
            let _ = self.thread.join();
        }
    }
}

/// Reads to the end of one connection.
fn swallow(mut stream: TcpStream) {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(3)));
    let mut room = [0; 4096];
    loop {
        // A connection begins with acknowledging at once, and goes back to that after every delay: so it is
        // asked each time to hold acknowledgements back, as it would in a conversation (TCP_QUICKACK, tcp(7)).
        let _ = SockRef::from(&stream).set_tcp_quickack(false);
        if !matches!(stream.read(&mut room), Ok(1..)) {
            return;
        }
    }
}
