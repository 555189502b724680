//! Programs that are run: none outlives its handle, none is waited for without a deadline.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Set when somebody has asked to stop: Ctrl-C, or a signal to end.
pub type Interrupted = AtomicBool;

/// A child that is killed when its handle goes away.
pub struct Killed(pub Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a program to its end and returns what it printed on both outputs. An error says what kept it from
/// ending.
pub fn run(
    mut command: Command,
    limit: Duration,
    interrupted: &Interrupted,
) -> Result<(ExitStatus, String, String), String> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = Killed(command.spawn().map_err(|error| format!("can't run {program}: {error}"))?);
    let stdout = collect(child.0.stdout.take());
    let stderr = collect(child.0.stderr.take());
    let end = Instant::now() + limit;
    let status = loop {
        match child.0.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if interrupted.load(Ordering::Relaxed) => return Err("interrupted".to_owned()),
            Ok(None) if Instant::now() > end => {
                return Err(format!("it did not end within {} s", limit.as_secs()));
            }
            // Often enough for samples of half a second, and little enough to be no load.
            Ok(None) => thread::sleep(Duration::from_millis(5)),
            Err(error) => return Err(format!("can't wait for {program}: {error}")),
        }
    };
    let text =
        |output: Option<JoinHandle<String>>| output.and_then(|output| output.join().ok()).unwrap_or_default();
    Ok((status, text(stdout), text(stderr)))
}

fn collect(stream: Option<impl Read + Send + 'static>) -> Option<JoinHandle<String>> {
    let mut stream = stream?;
    Some(thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }))
}

/// The lines of a stream as they come, until its end.
pub fn lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            // Whoever listened has gone: what is said now interests nobody, but must not fill the pipe.
            let _ = sender.send(line);
        }
    });
    receiver
}

/// What a program said last on standard error, after it has ended or been killed.
pub fn last_words(stderr: Option<ChildStderr>) -> Option<String> {
    let lines = lines(stderr?);
    let mut last = None;
    let end = Instant::now() + Duration::from_secs(1);
    loop {
        match lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(line) if line.trim().is_empty() => {}
            Ok(line) => last = Some(line),
            Err(RecvTimeoutError::Disconnected | RecvTimeoutError::Timeout) => return last,
        }
    }
}
