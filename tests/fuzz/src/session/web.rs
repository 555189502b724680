//! HTTP: a session driven in small steps says the same as one that got everything at once, and both say what the
//! requests ask for.

use super::Input;
use super::driver::Driver;
use super::replies::{Replies, asked};
use super::site::Invented;
use shoutd::limits;
use shoutd::now::Now;
use shoutd::session::Session;
use shoutd::session::http::{Http, HttpOptions};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

/// Bytes that a byte 1 of the stream stands for, and how many of those do. So a short input can have long bodies.
const WIDE: usize = 3000;
const MOST_WIDE: usize = 8;

pub fn check(mut input: Input) {
    let room = limits::HEAD + input.number() as usize % (limits::BUFFER - limits::HEAD);
    let flags = input.byte();
    let flag = |bit: u8| flags >> bit & 1 == 1;
    let options = HttpOptions {
        keep_alive: Duration::from_millis(if flag(0) { 0 } else { 500 }),
        close_on_error: flag(1),
        upper: !flag(2),
        logged: flag(3),
    };
    let pieces = input.byte() % 8;
    // None of them larger than the smallest room for one.
    let pieces: Vec<u8> = input.take(pieces.into()).iter().map(|length| length % 192).collect();
    let site = Invented::new(flag(4), &pieces, flag(5));
    let operations = input.byte();
    let mut decisions = Input(input.take(2 * usize::from(operations)));
    let stream = &*widened(input.0);

    let drive = |operations: u8, decisions: &mut Input| {
        let now = Now::new(Instant::now(), UNIX_EPOCH);
        let mut http = Http::new(Arc::new(options.clone()), &now);
        if options.logged {
            http = http.logged(Some(Ipv4Addr::LOCALHOST.into()));
        }
        let mut driver = Driver::new(Session::Http(http), site.clone(), room, now, stream);
        driver.is_logged = options.logged;
        driver.rest = if options.keep_alive.is_zero() { limits::HEAD_TIME } else { options.keep_alive };
        for _ in 0..operations {
            driver.operate(decisions);
        }
        driver.finish();
        driver
    };
    let (stepwise, at_once) = (drive(operations, &mut decisions), drive(0, &mut Input(b"")));

    let (asked, is_begun) = asked(stream, &options, &site);
    let expected = Replies::read(&at_once.sent, &asked, &site);
    let replies = Replies::read(&stepwise.sent, &asked, &site);
    expected.are_as_asked(&asked, &site, &options);
    if stepwise.disturbed {
        replies.begin_like(&expected, asked.len() + usize::from(is_begun));
    } else {
        assert_eq!(replies, expected);
    }
    if options.logged {
        expected.are_logged(&at_once.lines);
        if !stepwise.disturbed {
            replies.are_logged(&stepwise.lines);
        }
        for line in String::from_utf8(stepwise.lines).expect("what isn't ASCII is escaped").lines() {
            assert!(line.starts_with("127.0.0.1 - - [01/Jan/1970:00:00:00 +0000] \""), "{line}");
            assert!(line.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{line:?}");
        }
    }
}

fn widened(stream: &[u8]) -> Vec<u8> {
    let (mut wide, mut left) = (Vec::new(), MOST_WIDE);
    for &byte in stream {
        if byte == 1 && left > 0 {
            left -= 1;
            wide.extend((0..WIDE).map(|at| b'a' + (at % 26) as u8));
        } else {
            wide.push(byte);
        }
    }
    wide
}
