//! A pipe: bytes both ways at once, half-close at the end of the input, exactly the reply to the output.
//!
//! One thread reads standard input and sends; this one receives and writes. Neither waits for the other,
//! so there is no pace of the server at which the two sides block each other, and memory stays what two
//! buffers take. With `--check` what was sent and not yet answered is kept: as much as the sockets hold.

use crate::client::link::Link;
use crate::client::options::Tcp;
use crate::client::trouble::Trouble;
use crate::sys;
use crate::uppercase::uppercase;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

const BUFFER: usize = 64 * 1024;

/// How long the sending thread may take, once the connection is over, to notice that its input has ended
/// too. A naive server closes right after its reply, when whoever wrote our input may still be ending.
const GRACE: Duration = Duration::from_millis(500);

/// What the sending thread tells.
#[derive(Default)]
struct Sender {
    sent: AtomicU64,
    /// All of the input is sent.
    done: AtomicBool,
    /// Our FIN is sent, and the server's had not come before.
    closed_first: AtomicBool,
    /// What went wrong, if it was the input and not the connection.
    trouble: Mutex<Option<Trouble>>,
    /// How sending failed. The kernel tells a reset only once, to whichever thread asks first.
    failure: Mutex<Option<io::Error>>,
    /// What must come back, if that is to be checked.
    expected: Mutex<VecDeque<u8>>,
}

/// Streams standard input to the server and its reply to standard output.
pub fn run(options: &Tcp) -> Result<(), Trouble> {
    let mut link = Link::open(&options.peer.host, options.peer.port, options.timeout)?;
    let sender = Arc::new(Sender::default());
    let stream = link.stream.try_clone().map_err(|error| link.failed(&error))?;
    let (theirs, check) = (sender.clone(), options.check);
    // Not joined: where the server closes early this thread may be waiting for input that never comes.
    // Its end of the channel goes away when it ends.
    let (alive, ended) = mpsc::channel::<()>();
    thread::spawn(move || {
        let _alive = alive;
        send(&theirs, stream, check);
    });

    let bar = progress_bar();
    let result = receive(options, &mut link, &sender, &bar, &ended);
    bar.finish_and_clear();
    link.sent = sender.sent.load(Ordering::Acquire);
    let told = options.telling.reporter().tell(&link.report());
    result.and(told)
}

fn send(sender: &Sender, mut stream: TcpStream, check: bool) {
    let mut input = io::stdin().lock();
    let mut buffer = vec![0; BUFFER];
    loop {
        let count = match input.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => {
                *lock(&sender.trouble) = Some(Trouble::input(&error));
                break;
            }
        };
        if check {
            let mut expected = buffer[..count].to_vec();
            uppercase(&mut expected);
            lock(&sender.expected).extend(expected);
        }
        let mut rest = &buffer[..count];
        while !rest.is_empty() {
            match stream.write(rest) {
                Ok(count) => {
                    sender.sent.fetch_add(count as u64, Ordering::Release);
                    rest = &rest[count..];
                }
                // A server may be slow for as long as it likes, if only it reads or answers at times;
                // the receiving side knows when nothing happens any more.
                Err(error) if [ErrorKind::Interrupted, ErrorKind::WouldBlock].contains(&error.kind()) => {}
                // What was still answered comes first; then the receiving side looks here.
                Err(error) => {
                    *lock(&sender.failure) = Some(error);
                    return;
                }
            }
        }
    }
    let server_was_first = sys::tcp_info(stream.as_fd()).is_ok_and(|info| info.peer_has_closed);
    let closed_first = stream.shutdown(Shutdown::Write).is_ok() && !server_was_first;
    sender.closed_first.store(closed_first, Ordering::Release);
    sender.done.store(true, Ordering::Release);
}

fn receive(
    options: &Tcp,
    link: &mut Link,
    sender: &Sender,
    bar: &ProgressBar,
    ended: &Receiver<()>,
) -> Result<(), Trouble> {
    // Not std's own, which would keep what follows the last newline until more comes.
    let output = io::stdout().as_fd().try_clone_to_owned().map_err(|error| Trouble::output(&error))?;
    let mut output = File::from(output);
    let mut buffer = vec![0; BUFFER];
    let mut last_sent = 0;
    loop {
        let count = match link.stream.read(&mut buffer) {
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error)
                if error.kind() == ErrorKind::WouldBlock
                    && last_sent != sender.sent.load(Ordering::Acquire) =>
            {
                last_sent = sender.sent.load(Ordering::Acquire);
                continue;
            }
            // Waiting for input isn't the server's fault.
            Err(error) if error.kind() == ErrorKind::WouldBlock && is_idle(link, sender) => continue,
            Err(error) => {
                settle(link, sender, ended);
                return Err(link.failed(&error));
            }
        };
        if count == 0 {
            break;
        }
        link.count_received(count);
        bar.set_position(link.received);
        if options.check {
            check(link, sender, &buffer[..count])?;
        }
        output.write_all(&buffer[..count]).map_err(|error| Trouble::output(&error))?;
    }
    finish(link, sender, ended)
}

/// Whether everything that was sent is answered and more input is awaited.
fn is_idle(link: &Link, sender: &Sender) -> bool {
    !sender.done.load(Ordering::Acquire) && sender.sent.load(Ordering::Acquire) <= link.received
}

/// The connection is over: lets the sending thread finish what it is about, and takes its figures.
fn settle(link: &mut Link, sender: &Sender, ended: &Receiver<()>) {
    let _ = ended.recv_timeout(GRACE);
    link.sent = sender.sent.load(Ordering::Acquire);
    if sender.closed_first.load(Ordering::Acquire) {
        link.closed_after_us(true);
    }
}

/// The server's FIN has come, or its reset, already told to the other thread: was it time for it?
fn finish(link: &mut Link, sender: &Sender, ended: &Receiver<()>) -> Result<(), Trouble> {
    settle(link, sender, ended);
    if let Some(trouble) = lock(&sender.trouble).take() {
        return Err(trouble);
    }
    // A broken pipe is a reset that came after the server's FIN: the FIN was first.
    if let Some(error) = lock(&sender.failure).take()
        && error.kind() != ErrorKind::BrokenPipe
    {
        return Err(link.failed(&error));
    }
    let done = sender.done.load(Ordering::Acquire);
    link.closed_after_us(false);
    let counts = format!("{} bytes sent, {} received", link.sent, link.received);
    if !done {
        return Err(Trouble::new(
            format!("{} closed the connection before the input had ended: {counts}", link.peer),
            "It sent its FIN first: some servers answer one message, or the first 1024 bytes, and close.",
        ));
    }
    if link.received < link.sent {
        return Err(Trouble::new(
            format!("{} answered less than was sent: {counts}", link.peer),
            "An uppercase server answers every byte, and those it has received also after our FIN.",
        ));
    }
    Ok(())
}

/// Compares what has just been received with what was sent.
fn check(link: &Link, sender: &Sender, reply: &[u8]) -> Result<(), Trouble> {
    let (peer, offset) = (link.peer, link.received - reply.len() as u64);
    let mut expected = lock(&sender.expected);
    let compared = reply.len().min(expected.len());
    if let Some(at) = expected.iter().zip(reply).position(|(wanted, got)| wanted != got) {
        let (wanted, got, offset) = (expected[at], reply[at], offset + at as u64);
        return Err(Trouble::new(
            format!(
                "the reply from {peer} is wrong at byte {offset}: {got:#04x} where {wanted:#04x} was expected"
            ),
            "Uppercase changes a-z to A-Z and nothing else.",
        ));
    }
    expected.drain(..compared);
    if compared < reply.len() {
        let offset = offset + compared as u64;
        return Err(Trouble::new(
            format!("the reply from {peer} goes on at byte {offset}, where nothing more was sent"),
            "The server repeats its replies, or says something of its own.",
        ));
    }
    Ok(())
}

/// A bar on standard error, if that is a terminal; with an end if the input is a file.
fn progress_bar() -> ProgressBar {
    let length =
        rustix::fs::fstat(io::stdin().as_fd()).ok().map(|stat| stat.st_size as u64).filter(|&size| size > 0);
    let template = match length {
        Some(_) => "{elapsed_precise} [{bar:30}] {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
        None => "{elapsed_precise} {bytes}, {bytes_per_sec}",
    };
    let bar = match length {
        Some(length) => ProgressBar::new(length),
        None => ProgressBar::new_spinner(),
    };
    // Its default target is hidden where standard error is no terminal; twice a second is enough to see.
    bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(2));
    ProgressStyle::with_template(template).map(|style| bar.clone().with_style(style)).unwrap_or(bar)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
