//! The servers that are compared, as processes of their own: started, waited for, and killed.
//!
//! The loop is the real program. Threads, the pool and one at a time are this very program, started again
//! with `serve`. Peers are whatever of their kind is installed.

use crate::child::{self, Interrupted, Killed};
use crate::cores::{Side, pinned};
use crate::peers::{self, Peer};
use crate::runs::{Cores, DRIVERS, Service};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

/// How long a server may take until it is ready.
const START: Duration = Duration::from_secs(10);

/// A server that is ready.
pub struct Server {
    process: Killed,
    address: SocketAddr,
}

impl Server {
    /// Starts a server of one service over the files in `root`, by the name of a driver or a peer.
    /// The error says why it did not become ready.
    pub fn start(
        name: &str,
        service: Service,
        cores: Cores,
        root: &Path,
        interrupted: &Interrupted,
    ) -> Result<Server, String> {
        match peers::KNOWN.iter().find(|peer| peer.name == name) {
            Some(peer) => start_peer(peer, cores, root, interrupted),
            None => start_driver(name, service, cores, root, interrupted),
        }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.0.id()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Bytes that it has read from a disk, not from the page cache (`proc_pid_io(5)`).
    pub fn bytes_from_disk(&self) -> Option<f64> {
        let text = std::fs::read_to_string(format!("/proc/{}/io", self.pid())).ok()?;
        text.lines().find_map(|line| line.strip_prefix("read_bytes: "))?.parse().ok()
    }
}

fn start_driver(
    name: &str,
    service: Service,
    cores: Cores,
    root: &Path,
    interrupted: &Interrupted,
) -> Result<Server, String> {
    let mut command = if name == DRIVERS[0] {
        Command::new(env!("CARGO_BIN_EXE_shoutd"))
    } else {
        let this = std::env::current_exe().map_err(|error| format!("can't find this program: {error}"))?;
        let mut command = Command::new(this);
        command.args(["serve", name]);
        command
    };
    for (variable, _) in std::env::vars_os() {
        if variable.to_string_lossy().starts_with("SHOUTD_") || variable == "RUST_LOG" {
            command.env_remove(variable);
        }
    }
    command.args([format!("--{}", service.name()).as_str(), "127.0.0.1:0", "--log", "error"]);
    if service == Service::Http {
        // As long as a sample may be: who waits for a slow server must not be taken for idle.
        command.args(["--keep-alive", "1m", "--root"]).arg(root);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = pinned(cores, Side::Server, || command.spawn())
        .map(Killed)
        .map_err(|error| format!("it can't be started: {error}"))?;
    let lines = child::lines(process.0.stdout.take().ok_or("its output is missing")?);
    let end = Instant::now() + START;
    let mut address = None;
    loop {
        if interrupted.load(Ordering::Relaxed) {
            return Err("interrupted".to_owned());
        }
        match lines.recv_timeout(Duration::from_millis(100)) {
            Ok(line) if line == "ready" => break,
            Ok(line) => address = line.rsplit_once("://").and_then(|(_, text)| text.parse().ok()).or(address),
            Err(RecvTimeoutError::Timeout) if Instant::now() < end => {}
            Err(_) => {
                let stderr = process.0.stderr.take();
                drop(process);
                let said = child::last_words(stderr).unwrap_or_else(|| "it said nothing".to_owned());
                return Err(format!("it did not become ready: {said}"));
            }
        }
    }
    // Nobody reads its log from here on, and at the level of errors it says nothing in a sane run.
    let stderr = process.0.stderr.take();
    drop(stderr.map(child::lines));
    let address = address.ok_or("it did not say where it listens")?;
    Ok(Server { process, address })
}

fn start_peer(peer: &Peer, cores: Cores, root: &Path, interrupted: &Interrupted) -> Result<Server, String> {
    let address = free_address().map_err(|error| format!("no free port: {error}"))?;
    let mut command = (peer.command)(root, address.port())?;
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut process = pinned(cores, Side::Server, || command.spawn())
        .map(Killed)
        .map_err(|error| format!("it can't be started: {error}"))?;
    let end = Instant::now() + START;
    while TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_err() {
        let ended = process.0.try_wait().is_ok_and(|status| status.is_some());
        if ended || Instant::now() > end || interrupted.load(Ordering::Relaxed) {
            let stderr = process.0.stderr.take();
            drop(process);
            let said = child::last_words(stderr).unwrap_or_else(|| "it said nothing".to_owned());
            return Err(format!("it did not become ready: {said}"));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let stderr = process.0.stderr.take();
    drop(stderr.map(child::lines));
    Ok(Server { process, address })
}

/// A port that nobody has at this moment. Peers can't be told to take any, and say which.
fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind(("127.0.0.1", 0))?.local_addr()
}
