//! What the tests over real sockets share: the built program as a child, and clients with deadlines.
//!
//! Every server listens on ports that the kernel chose, every wait has a deadline, and every child is
//! killed by its process id when its handle goes away.
#![allow(dead_code, reason = "each test file uses its own part of it")]

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

/// Long enough for a loaded machine, short enough to notice a hang.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A running shoutd.
pub struct Shoutd {
    child: Child,
    listening: Vec<(String, SocketAddr)>,
    /// The Unix sockets it listens on, as they were printed: `unix:PATH`.
    pub unix: Vec<String>,
    stderr: Receiver<String>,
}

/// The program with a clean environment.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shoutd"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SHOUTD_") || name == "RUST_LOG" {
            command.env_remove(name);
        }
    }
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

impl Shoutd {
    /// Starts it and waits until it is ready. Name listeners with port 0.
    pub fn start(arguments: &[&str]) -> Shoutd {
        Shoutd::spawn(command(arguments))
    }

    /// The same for a command that was changed.
    pub fn spawn(mut command: Command) -> Shoutd {
        let mut child = command.spawn().expect("shoutd can be started");
        // A test may have put its stderr elsewhere.
        let stderr = child.stderr.take().map_or_else(|| mpsc::channel().1, lines_of);
        let stdout = lines_of(child.stdout.take().expect("piped"));
        let (mut listening, mut unix) = (Vec::new(), Vec::new());
        loop {
            let line = match stdout.recv_timeout(PATIENCE) {
                Ok(line) => line,
                Err(error) => {
                    let _ = child.kill();
                    let _ = child.wait();
                    let said: Vec<String> = stderr.iter().collect();
                    panic!("shoutd is not ready: {error}; it said {said:?}");
                }
            };
            if line == "ready" {
                return Shoutd { child, listening, unix, stderr };
            }
            let url = line.strip_prefix("listening on ").expect("a listening line");
            let (scheme, address) = url.split_once("://").expect("a URL");
            match address.strip_prefix("unix:") {
                Some(_) => unix.push(address.to_owned()),
                None => listening.push((scheme.to_owned(), address.parse().expect("an address"))),
            }
        }
    }

    /// The address of the `n`th listener of a scheme, as one that can be connected to.
    pub fn nth(&self, scheme: &str, n: usize) -> SocketAddr {
        let mut of_scheme = self.listening.iter().filter(|(name, _)| name == scheme);
        let mut address = of_scheme.nth(n).unwrap_or_else(|| panic!("no {scheme} listener {n}")).1;
        if address.ip().is_unspecified() {
            address.set_ip([127, 0, 0, 1].into());
        }
        address
    }

    /// The first TCP uppercase listener.
    pub fn tcp(&self) -> SocketAddr {
        self.nth("tcp", 0)
    }

    /// The first UDP socket.
    pub fn udp(&self) -> SocketAddr {
        self.nth("udp", 0)
    }

    /// The first HTTP listener.
    pub fn http(&self) -> SocketAddr {
        self.nth("http", 0)
    }

    /// All listening lines, in order: scheme and address as they were printed.
    pub fn listening(&self) -> &[(String, SocketAddr)] {
        &self.listening
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal by name, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status();
        assert!(status.expect("kill can be run").success(), "the process is gone");
    }

    /// Waits for it to end by itself.
    pub fn wait(&mut self) -> ExitStatus {
        self.wait_for(PATIENCE)
    }

    /// Waits for it to end by itself within `limit`.
    pub fn wait_for(&mut self, limit: Duration) -> ExitStatus {
        let end = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                return status;
            }
            assert!(Instant::now() < end, "shoutd did not end");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Whether it still runs.
    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().expect("a child can be waited for").is_none()
    }

    /// The next line on stderr.
    pub fn stderr_line(&self) -> String {
        self.stderr.recv_timeout(PATIENCE).expect("a line on stderr")
    }

    /// Waits for a line on stderr that contains `part`.
    pub fn wait_for_log(&self, part: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.stderr.recv_timeout(left) {
                Ok(line) if line.contains(part) => return line,
                Ok(_) => {}
                Err(_) => panic!("no line with {part:?} on stderr"),
            }
        }
    }

    /// How many descriptors it has open.
    pub fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.pid())).expect("procfs").count()
    }

    /// Waits until it has just so many descriptors open: nothing leaked.
    pub fn wait_for_descriptors(&self, expected: usize) {
        let open = || self.descriptors();
        eventually(|| open() == expected, || format!("{} descriptors are open, not {expected}", open()));
    }

    /// Its resident memory in KiB.
    pub fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("procfs");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("VmRSS");
        line.split_ascii_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("a number")
    }

    /// CPU seconds it has used so far, in hundredths.
    pub fn cpu_ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).expect("procfs");
        let after = stat.rsplit_once(')').expect("a name").1;
        let numbers: Vec<&str> = after.split_ascii_whitespace().collect();
        numbers[11].parse::<u64>().unwrap() + numbers[12].parse::<u64>().unwrap()
    }
}

impl Drop for Shoutd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines_of(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

/// Waits until `condition` holds; says what is wrong if it never does.
pub fn eventually(condition: impl Fn() -> bool, complaint: impl Fn() -> String) {
    let end = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < end, "{}", complaint());
        thread::sleep(Duration::from_millis(5));
    }
}

/// A connection whose reads and writes fail after [`PATIENCE`].
pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, PATIENCE).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Reads exactly so many bytes.
pub fn read_exactly(stream: &mut impl Read, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes).expect("so many bytes");
    bytes
}

/// Reads to the FIN.
pub fn read_to_end(stream: &mut impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("an end without an error");
    bytes
}

/// Whether the peer says nothing for `time`.
pub fn is_silent(stream: &TcpStream, time: Duration) -> bool {
    stream.set_read_timeout(Some(time)).unwrap();
    let result = loop {
        match stream.peek(&mut [0]) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => break result,
        }
    };
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    matches!(result, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

/// A UDP socket connected to `address`, whose receives fail after [`PATIENCE`].
pub fn udp_to(address: SocketAddr) -> UdpSocket {
    let any: SocketAddr =
        if address.is_ipv4() { ([127, 0, 0, 1], 0).into() } else { "[::1]:0".parse().unwrap() };
    let socket = UdpSocket::bind(any).expect("a UDP socket");
    socket.connect(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// A response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Field names in lower case, with their values, in order.
    pub fields: Vec<(String, String)>,
    /// The content, by Content-Length.
    pub body: Vec<u8>,
    /// The head as it came, its empty line included.
    pub head: String,
}

impl Response {
    /// The value of a field, which must not stand there twice.
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut values =
            self.fields.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str());
        let value = values.next();
        assert_eq!(values.next(), None, "{name} stands twice");
        value
    }
}

/// Reads one response, its body by Content-Length unless the request was a HEAD.
pub fn read_response(stream: &mut impl Read, is_head: bool) -> Response {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        let count = match stream.read(&mut byte) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            result => result.expect("a head"),
        };
        assert_eq!(count, 1, "closed in the middle of a head: {:?}", String::from_utf8_lossy(&head));
        head.push(byte[0]);
        assert!(head.len() < 64 * 1024, "a head without end");
    }
    let head = String::from_utf8(head).expect("a head in ASCII");
    let mut lines = head.trim_end_matches("\r\n").split("\r\n");
    let status_line = lines.next().unwrap();
    let status =
        status_line.strip_prefix("HTTP/1.1 ").expect("an HTTP/1.1 status line")[..3].parse().unwrap();
    let fields: Vec<(String, String)> = lines
        .map(|line| line.split_once(": ").unwrap_or_else(|| panic!("no field: {line:?}")))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let mut response = Response { status, fields, body: Vec::new(), head };
    if !is_head {
        let length = response.field("content-length").expect("a length").parse().unwrap();
        response.body = read_exactly(stream, length);
    }
    response
}

/// Sends bytes and reads one response, on a connection of its own.
pub fn exchange(address: SocketAddr, request: impl AsRef<[u8]>) -> Response {
    let request = request.as_ref();
    let mut stream = connect(address);
    stream.write_all(request).expect("the request can be sent");
    read_response(&mut stream, request.starts_with(b"HEAD "))
}

/// GETs a path on a connection of its own.
pub fn get(address: SocketAddr, path: &str) -> Response {
    exchange(address, format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"))
}

/// A directory that goes away with its handle.
pub struct Folder(std::path::PathBuf);

impl Folder {
    /// An empty one.
    pub fn new() -> Folder {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("shoutd-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).expect("a new directory");
        Folder(path)
    }

    /// Where it is.
    pub fn path(&self) -> &std::path::Path {
        &self.0
    }

    /// The same as text, for an argument.
    pub fn as_str(&self) -> &str {
        self.0.to_str().expect("a path in UTF-8")
    }

    /// Writes a file in it, with the directories on the way.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Sends bytes on a connection of its own, half-closes, and returns all that comes until the FIN. Only for
/// what the server takes without being read from; otherwise both sides would wait for each other.
pub fn conversation(address: SocketAddr, bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut stream = connect(address);
    stream.write_all(bytes.as_ref()).expect("all of it can be sent");
    stream.shutdown(std::net::Shutdown::Write).expect("a half-close");
    read_to_end(&mut stream)
}

/// Bytes without a pattern, the same ones for the same seed (SplitMix64).
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)).to_le_bytes()
    };
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        bytes.extend_from_slice(&next());
    }
    bytes.truncate(length);
    bytes
}

impl Shoutd {
    /// The lines on stderr that have come so far and that nobody has taken. Doesn't wait.
    pub fn said(&self) -> Vec<String> {
        self.stderr.try_iter().collect()
    }
}

/// Says why a test can't be made here, for its caller to return. With CI set nothing may be left out.
pub fn skip(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "can't be left out with CI set: {why}");
    eprintln!("skipped: {why}");
}

/// The next datagram that a UDP socket receives, whole. With a timeout set, a signal interrupts the call
/// (signal(7)), and children that stop, go on or end send us one.
pub fn udp_reply(socket: &UdpSocket) -> Vec<u8> {
    let mut buffer = vec![0; 65_536];
    loop {
        match socket.recv(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => {
                buffer.truncate(result.expect("a datagram"));
                return buffer;
            }
        }
    }
}

/// Whether a UDP socket has nothing to receive now. On loopback a datagram arrives before `send` returns,
/// so ask after the answer to a later one has come, and there is nothing to wait for.
pub fn has_no_datagram(socket: &UdpSocket) -> bool {
    socket.set_nonblocking(true).unwrap();
    let result = socket.recv(&mut [0; 16]);
    socket.set_nonblocking(false).unwrap();
    matches!(result, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

/// The bytes of replies with every `Date` blanked, to be compared with others.
pub fn undated(mut bytes: Vec<u8>) -> Vec<u8> {
    let name = b"\r\nDate: ";
    let starts: Vec<usize> = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(name)).collect();
    starts.into_iter().for_each(|at| bytes[at + name.len()..at + name.len() + 29].fill(b'.'));
    bytes
}

/// Waits for a child to end by itself, and returns its exit status; `None` if a signal ended it.
pub fn wait_for_end(child: &mut Child) -> Option<i32> {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            return status.code();
        }
        if Instant::now() > end {
            let _ = child.kill().and_then(|()| child.wait());
            panic!("it runs, and should have ended");
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// A child that is killed when its handle goes away, as [`Shoutd`] is.
pub struct Killed(pub Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Shoutd {
    /// The most resident memory that it has ever had, in KiB.
    pub fn peak(&self) -> u64 {
        self.status("VmHWM:")
    }

    /// How often it has gone to sleep. Each time but the last something has woken it up.
    pub fn sleeps(&self) -> u64 {
        self.status("voluntary_ctxt_switches:")
    }

    fn status(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("procfs");
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("such a line");
        line.split_ascii_whitespace().next().and_then(|number| number.parse().ok()).expect("a number")
    }
}

/// Reads a body in chunks, strictly and to its end (RFC 9112 section 7.1).
pub fn read_chunked(stream: &mut impl Read) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            line.extend(read_exactly(stream, 1));
            assert!(line.len() <= 18, "no chunk size: {:?}", String::from_utf8_lossy(&line));
        }
        let digits = std::str::from_utf8(&line[..line.len() - 2]).expect("a chunk size in ASCII");
        let size = usize::from_str_radix(digits, 16).expect("a chunk size");
        body.extend(read_exactly(stream, size));
        assert_eq!(read_exactly(stream, 2), b"\r\n", "the end of a chunk");
        if size == 0 {
            return body;
        }
    }
}
