//! What the tests of shout share: the built client as a child with a deadline, and small servers in
//! threads that behave as badly as real ones do.
#![allow(dead_code, reason = "each test file uses its own part of it")]

use crate::support::*;
use std::io::{Read, Write};
use std::mem;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// shout, its three streams piped.
pub fn shout(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shout"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What a run of shout came to.
#[derive(Debug)]
pub struct Outcome {
    /// The exit status; `None` if a signal ended it.
    pub status: Option<i32>,
    /// What it wrote to standard output.
    pub stdout: Vec<u8>,
    /// What it said.
    pub stderr: String,
}

impl Outcome {
    /// What it printed, where it has succeeded and had nothing to complain of.
    pub fn printed(&self) -> String {
        assert_eq!((self.status, self.complaint()), (Some(0), String::new()), "{self:?}");
        String::from_utf8(self.stdout.clone()).expect("text")
    }

    /// Asserts that it has failed, and said why in one line and at most one more of advice, with these words.
    pub fn fails(&self, words: &[&str]) {
        assert_eq!(self.status, Some(1), "{self:?}");
        let complaint = self.complaint();
        assert!(complaint.starts_with("shout: "), "{self:?}");
        assert!(self.stderr.ends_with(&complaint), "the reason comes last: {self:?}");
        let lines: Vec<&str> = complaint.lines().collect();
        assert!(lines.len() <= 2 && lines[1..].iter().all(|line| line.starts_with("  ")), "{self:?}");
        for word in words {
            assert!(complaint.contains(word), "no {word:?} in {complaint:?}");
        }
    }

    /// Asserts that it has done nothing but explain how it is used.
    pub fn is_wrong_usage(&self) {
        assert_eq!(self.status, Some(2), "{self:?}");
        assert!(self.stdout.is_empty() && self.stderr.starts_with("error: "), "{self:?}");
        assert!(!self.stderr.contains("panicked"), "{self:?}");
    }

    /// The last line that begins with `shout:`, and all after it.
    fn complaint(&self) -> String {
        assert!(!self.stderr.contains("panicked") && !self.stderr.contains("backtrace"), "{self:?}");
        let start = self.stderr.rfind("shout: ").unwrap_or(self.stderr.len());
        self.stderr[start..].to_owned()
    }

    /// The lines it said.
    pub fn lines(&self) -> Vec<&str> {
        self.stderr.lines().collect()
    }
}

/// Runs shout without input.
pub fn run(arguments: &[&str]) -> Outcome {
    run_with_input(arguments, Vec::new())
}

/// Runs `shout tcp` or `shout udp` with an address and what follows it.
pub fn talk(protocol: &str, address: SocketAddr, rest: &[&str]) -> Outcome {
    run_with_input(&line(protocol, address, rest), Vec::new())
}

/// Runs `shout tcp` or `shout udp` with all of this on its standard input.
pub fn stream(protocol: &str, address: SocketAddr, rest: &[&str], input: Vec<u8>) -> Outcome {
    run_with_input(&line(protocol, address, rest), input)
}

/// A command line: the protocol, the address in two words, and the rest.
pub fn line<'a>(protocol: &'a str, address: SocketAddr, rest: &[&'a str]) -> Vec<&'a str> {
    let [host, port] = [address.ip().to_string(), address.port().to_string()].map(|word| &*word.leak());
    [&[protocol, host, port], rest].concat()
}

fn run_with_input(arguments: &[&str], input: Vec<u8>) -> Outcome {
    let mut child = shout(arguments).spawn().expect("shout can be started");
    let mut stdin = child.stdin.take().expect("piped");
    // It may end without having read all.
    thread::spawn(move || drop(stdin.write_all(&input)));
    finish(child)
}

/// Waits for a child to end, taking what it writes.
pub fn finish(mut child: Child) -> Outcome {
    let stdout = child.stdout.take().map(in_background);
    let stderr = child.stderr.take().map(in_background);
    let status = wait_for_end(&mut child);
    let taken = |thread: Option<JoinHandle<Vec<u8>>>| thread.map_or(Vec::new(), |t| t.join().unwrap());
    Outcome { status, stdout: taken(stdout), stderr: String::from_utf8(taken(stderr)).expect("text") }
}

/// A running shout, whose streams are used while it runs. It is killed when its handle goes away.
pub struct Running {
    child: Option<Child>,
    stdin: Option<ChildStdin>,
    /// Bounded, so that what isn't read here fills the pipe.
    stdout: Receiver<Vec<u8>>,
    unread: Vec<u8>,
}

impl Running {
    /// Starts `shout tcp` or `shout udp` with an address and what follows it.
    pub fn start(protocol: &str, address: SocketAddr, rest: &[&str]) -> Running {
        let mut child = shout(&line(protocol, address, rest)).spawn().expect("shout can be started");
        let mut stream = child.stdout.take().expect("piped");
        let (sender, stdout) = mpsc::sync_channel(0);
        thread::spawn(move || {
            let mut room = vec![0; 64 * 1024];
            while let Ok(count @ 1..) = stream.read(&mut room) {
                if sender.send(room[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Running { stdin: child.stdin.take(), child: Some(child), stdout, unread: Vec::new() }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// Its standard input.
    pub fn stdin(&mut self) -> &mut ChildStdin {
        self.stdin.as_mut().expect("its input is open")
    }

    /// The same, to be closed by the caller.
    pub fn take_stdin(&mut self) -> ChildStdin {
        self.stdin.take().expect("its input is open")
    }

    /// Reads so many bytes of its output.
    pub fn reads(&mut self, count: usize) -> Vec<u8> {
        while self.unread.len() < count {
            let more = self.stdout.recv_timeout(PATIENCE);
            self.unread.extend(more.unwrap_or_else(|error| panic!("{error}: {} bytes", self.unread.len())));
        }
        self.unread.drain(..count).collect()
    }

    /// Nobody will read its output any more.
    pub fn closes_its_output(&mut self) {
        self.stdout = mpsc::sync_channel(0).1;
    }

    /// Closes its input and waits for its end. Its output is what wasn't read before.
    pub fn finish(mut self) -> Outcome {
        drop(self.stdin.take());
        self.ends()
    }

    /// Waits for its end while its input stays open.
    pub fn ends(&mut self) -> Outcome {
        let child = self.child.take().expect("it runs");
        let mut stdout = mem::take(&mut self.unread);
        let rest = mem::replace(&mut self.stdout, mpsc::sync_channel(0).1);
        let rest = thread::spawn(move || rest.iter().flatten().collect::<Vec<u8>>());
        let outcome = finish(child);
        stdout.extend(rest.join().expect("its output"));
        Outcome { stdout, ..outcome }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Reads a stream to its end in a thread.
pub fn in_background(mut stream: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || read_to_end(&mut stream))
}

/// A server in a thread, which ends by itself and has seen something.
pub struct Peer<T> {
    /// Where it listens.
    pub address: SocketAddr,
    thread: JoinHandle<T>,
}

impl<T> Peer<T> {
    /// Waits for its end. What it has seen.
    pub fn saw(self) -> T {
        self.thread.join().expect("the server got what it expected")
    }
}

/// A server that treats its listener so.
pub fn listening<T: Send + 'static>(behave: impl FnOnce(TcpListener) -> T + Send + 'static) -> Peer<T> {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    // Linux heeds it in accept(2) too.
    socket2::SockRef::from(&listener).set_read_timeout(Some(PATIENCE)).unwrap();
    let address = listener.local_addr().unwrap();
    Peer { address, thread: thread::spawn(move || behave(listener)) }
}

/// A server that treats its only connection so.
pub fn once<T: Send + 'static>(behave: impl FnOnce(TcpStream) -> T + Send + 'static) -> Peer<T> {
    listening(move |listener| behave(accept(&listener)))
}

/// The next connection, with deadlines.
pub fn accept(listener: &TcpListener) -> TcpStream {
    let stream = listener.accept().expect("a connection").0;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// What one `recv` of so many bytes gives, as the labs' servers do it.
pub fn recv(stream: &mut TcpStream, room: usize) -> Vec<u8> {
    let mut bytes = vec![0; room];
    let count = stream.read(&mut bytes).expect("something, or a FIN");
    bytes.truncate(count);
    bytes
}

/// A server that answers each `recv` with this, until the client closes. It has seen what came in each.
pub fn answering(answer: impl Fn(&[u8]) -> Vec<u8> + Send + 'static) -> Peer<Vec<Vec<u8>>> {
    once(move |mut stream| {
        let mut seen = Vec::new();
        loop {
            let bytes = recv(&mut stream, 1024);
            if bytes.is_empty() {
                return seen;
            }
            stream.write_all(&answer(&bytes)).unwrap();
            seen.push(bytes);
        }
    })
}

/// Closes a connection with a reset.
pub fn reset(stream: TcpStream) {
    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
}

/// A TCP port that refuses, and that nobody else can get meanwhile: bound, but not listening.
pub fn refusing() -> (socket2::Socket, SocketAddr) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, address)
}

/// What an HTTP server does with a connection when its replies are used up.
pub enum Then {
    /// It closes.
    Close,
    /// It waits for one more request, or the client's FIN, and closes without a word.
    CloseAtTheNext,
    /// It reads on until the client closes, and never answers.
    KeepSilent,
}

/// A server that gives one connection after another these replies, one a request, whatever they are. It
/// has seen the heads of the requests on each.
pub fn http_server(connections: Vec<(Vec<Vec<u8>>, Then)>) -> Peer<Vec<Vec<String>>> {
    let serve = |mut stream: TcpStream, replies: Vec<Vec<u8>>, then: Then| {
        let mut seen = Vec::new();
        for reply in replies {
            let Some(request) = read_request(&mut stream) else { return seen };
            seen.push(request);
            let _ = stream.write_all(&reply); // it may not be read to its end
        }
        match then {
            Then::Close => {}
            Then::CloseAtTheNext => seen.extend(read_request(&mut stream)),
            Then::KeepSilent => seen.extend(std::iter::from_fn(|| read_request(&mut stream))),
        }
        seen
    };
    listening(move |listener| {
        connections.into_iter().map(|(replies, then)| serve(accept(&listener), replies, then)).collect()
    })
}

/// The head of a request; `None` if the client has closed instead.
pub fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        match stream.read(&mut byte).expect("a byte, or a FIN") {
            0 => return None,
            _ => head.push(byte[0]),
        }
    }
    Some(String::from_utf8(head).expect("a head in ASCII"))
}

/// A response with a length.
pub fn ok(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}
