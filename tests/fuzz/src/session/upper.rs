//! TCP uppercase: each read is answered in capitals, repeated as the options say, and nothing else is sent.

use super::Input;
use super::driver::Driver;
use super::site::Invented;
use shoutd::limits;
use shoutd::now::Now;
use shoutd::session::Session;
use shoutd::session::upper::{Upper, UpperOptions};
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

/// Bytes that are sent in all, so that a run ends soon.
const MOST: usize = 300_000;

pub fn check(mut input: Input) {
    let room = 1 + input.number() as usize % limits::BUFFER;
    let mut options = UpperOptions {
        read: 1 + input.number() as usize % room,
        repeat: 1 + u64::from(input.byte()),
        delay: Duration::from_millis(u64::from(input.byte())),
        messages: input.flag().then_some(1 + u64::from(input.byte())),
        idle: Duration::from_secs(u64::from(input.byte())),
    };
    let operations = input.byte();
    let mut decisions = Input(input.take(2 * usize::from(operations)));
    let stream = input.take(4096);
    options.repeat = options.repeat.min(1 + (MOST / stream.len().max(1)) as u64);

    let now = Now::new(Instant::now(), UNIX_EPOCH);
    let session = Session::Upper(Upper::new(Arc::new(options.clone()), &now));
    let mut driver = Driver::new(session, Invented::new(false, b"", false), room, now, stream);
    for _ in 0..operations {
        driver.operate(&mut decisions);
    }
    driver.finish();

    let mut expected = Vec::new();
    let (mut at, mut replies) = (0, 0);
    for &count in &driver.received {
        assert!(count <= options.read);
        if count > 0 && replies < options.messages.unwrap_or(u64::MAX) {
            let reply = stream[at..at + count].to_ascii_uppercase();
            expected.extend(reply.repeat(options.repeat as usize));
            replies += 1;
        }
        at += count;
    }
    if driver.disturbed {
        assert!(expected.starts_with(&driver.sent), "something else was sent");
    } else {
        assert!(driver.sent == expected, "{} bytes were sent, not {}", driver.sent.len(), expected.len());
        assert!(at == stream.len() || replies == options.messages.unwrap_or(u64::MAX), "not all was read");
    }
}
