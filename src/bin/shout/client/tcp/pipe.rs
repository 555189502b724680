//! A pipe: bytes both ways at once, half-close at the end of the input, exactly the reply to the output.
//!
//! One thread reads standard input and sends; this one receives and writes. Neither waits for the other,
//! so there is no pace of the server at which the two sides block each other, and memory stays what two
//! buffers and a bounded window of what was sent and not yet answered take; `--check` keeps all of that. A
//! wrong reply is written as well, as it is what the server said, and complained of at the end; with `--check` it
//! is the end.

use super::comparison::Comparison;
use super::options::Tcp;
use super::window::Window;
use crate::client::link::Link;
use crate::output;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use shoutd::sys;
use shoutd::trouble::Trouble;
use shoutd::uppercase::uppercase;
use std::io::{self, ErrorKind, IsTerminal, Read, Write};
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
    /// What must come back.
    owed: Mutex<Window>,
}

impl Sender {
    fn new(options: &Tcp) -> Sender {
        Sender {
            sent: AtomicU64::new(0),
            done: AtomicBool::new(false),
            closed_first: AtomicBool::new(false),
            trouble: Mutex::new(None),
            failure: Mutex::new(None),
            owed: Mutex::new(Window::new(options.repeat, options.check)),
        }
    }
}

/// Streams standard input to the server and its reply to standard output.
pub fn run(options: &Tcp) -> Result<(), Trouble> {
    let mut link = Link::open(&options.place.host, options.place.port(), options.timeout)?;
    let sender = Arc::new(Sender::new(options));
    let stream = link.stream.try_clone().map_err(|error| link.failed(&error))?;
    let theirs = sender.clone();
    // Not joined: where the server closes early this thread may be waiting for input that never comes.
    // Its end of the channel goes away when it ends.
    let (alive, ended) = mpsc::channel::<()>();
    thread::spawn(move || {
        let _alive = alive;
        send(&theirs, stream);
    });

    let bar = progress_bar();
    let result = receive(options, &mut link, &sender, &bar, &ended);
    bar.finish_and_clear();
    link.sent = sender.sent.load(Ordering::Acquire);
    let told = options.telling.reporter().tell(&link.report());
    result.and(told)
}

fn send(sender: &Sender, mut stream: TcpStream) {
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
        let mut owed = buffer[..count].to_vec();
        uppercase(&mut owed);
        lock(&sender.owed).promise(owed);
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
    let mut buffer = vec![0; BUFFER];
    let mut last_sent = 0;
    let mut comparison = Comparison::default();
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
                let failed = link.failed(&error);
                return Err(wrong(&comparison, link, sender).unwrap_or(failed));
            }
        };
        if count == 0 {
            break;
        }
        let came = &buffer[..count];
        link.count_received(count);
        bar.set_position(link.received);
        comparison.take(came, &mut lock(&sender.owed));
        if options.check && comparison.is_wrong() {
            break;
        }
        output::write(came)?;
    }
    if options.check
        && let Some(trouble) = wrong(&comparison, link, sender)
    {
        return Err(trouble);
    }
    let ending = finish(link, sender, ended);
    wrong(&comparison, link, sender).map_or(ending, Err)
}

/// What was wrong with the replies so far, which explains more than what became of the connection.
fn wrong(comparison: &Comparison, link: &Link, sender: &Sender) -> Option<Trouble> {
    comparison.trouble(&link.peer, sender.sent.load(Ordering::Acquire), &lock(&sender.owed))
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
    if lock(&sender.owed).owes() {
        return Err(Trouble::new(
            format!("{} answered less than was sent: {counts}", link.peer),
            "An uppercase server answers every byte, and those it has received also after our FIN.",
        ));
    }
    Ok(())
}

/// A bar on standard error, if only that is a terminal; with an end if the input is a file.
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
    // Hidden where standard error is no terminal; and where the reply goes to the same screen, whose last line
    // it would draw over. Twice a second is enough to see.
    bar.set_draw_target(match io::stdout().is_terminal() {
        true => ProgressDrawTarget::hidden(),
        false => ProgressDrawTarget::stderr_with_hz(2),
    });
    ProgressStyle::with_template(template).map(|style| bar.clone().with_style(style)).unwrap_or(bar)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
