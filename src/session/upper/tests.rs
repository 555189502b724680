//! The TCP uppercase session, driven by hand: a socket of any size, and any time.

use super::*;
use std::time::SystemTime;

struct Driven {
    session: Upper,
    desk: Desk,
    now: Now,
}

impl Driven {
    fn new(options: UpperOptions) -> Driven {
        let now = Now::new(Instant::now(), SystemTime::now());
        Driven { session: Upper::new(Arc::new(options), &now), desk: Desk::default(), now }
    }

    fn receive(&mut self, bytes: &[u8]) -> usize {
        self.session.sit(&mut self.desk);
        let room = self.session.room();
        let count = room.len().min(bytes.len());
        room[..count].copy_from_slice(&bytes[..count]);
        self.session.received(count, &self.now);
        self.session.rise(&mut self.desk).unwrap();
        count
    }

    /// Sends at most `most` bytes, as a socket with so much room would.
    fn send(&mut self, most: usize) -> Vec<u8> {
        self.session.sit(&mut self.desk);
        let unsent = self.session.unsent();
        let bytes = unsent[..unsent.len().min(most)].to_vec();
        self.session.sent(bytes.len(), &self.now);
        self.session.rise(&mut self.desk).unwrap();
        bytes
    }

    fn pass(&mut self, time: Duration) {
        self.now.instant += time;
        assert!(self.session.deadline().is_some_and(|deadline| deadline <= self.now.instant));
        self.session.expired(&self.now);
    }
}

#[test]
fn a_message_comes_back_in_capitals() {
    let mut driven = Driven::new(UpperOptions::default());
    assert_eq!(driven.session.need(), Need::Read);
    driven.receive(b"hello, 1!");
    assert_eq!(driven.session.need(), Need::Write(Then::Nothing));
    assert_eq!(driven.send(5), b"HELLO");
    assert_eq!(driven.session.need(), Need::Write(Then::Nothing));
    assert_eq!(driven.send(100), b", 1!");
    assert_eq!(driven.session.need(), Need::Read);
    driven.receive(b"");
    assert_eq!(driven.session.need(), Need::Close);
}

#[test]
fn read_limits_the_message() {
    let mut driven = Driven::new(UpperOptions { read: 5, ..UpperOptions::default() });
    assert_eq!(driven.receive(b"abcdefgh"), 5);
    assert_eq!(driven.send(100), b"ABCDE");
}

#[test]
fn a_thousand_copies_leave_in_one_piece() {
    let mut driven = Driven::new(UpperOptions { repeat: 1000, ..UpperOptions::default() });
    driven.receive(b"hello, world\n");
    assert_eq!(driven.send(usize::MAX), "HELLO, WORLD\n".repeat(1000).as_bytes());
    assert_eq!(driven.session.need(), Need::Read);
}

#[test]
fn copies_join_wherever_the_socket_cuts_them() {
    for cut in [1, 2, 3, 7, 64, 65535, 65536] {
        for length in [1, 3, 10, 40_000, 65_536] {
            let repeat = if cut < 64 { 3 } else { 7 };
            if length > 1000 && cut < 64 {
                continue;
            }
            let mut driven = Driven::new(UpperOptions { repeat, ..UpperOptions::default() });
            let message: Vec<u8> = (0..length).map(|n| b'a' + (n % 26) as u8).collect();
            assert_eq!(driven.receive(&message), length);
            let mut got = Vec::new();
            while matches!(driven.session.need(), Need::Write(_)) {
                got.extend(driven.send(cut));
                assert!(driven.session.message.len() <= length, "only one message is kept");
            }
            let expected = message.to_ascii_uppercase().repeat(repeat as usize);
            assert!(got == expected, "{length} bytes, cut at {cut}");
        }
    }
}

#[test]
fn the_last_reply_goes_with_the_fin() {
    let mut driven = Driven::new(UpperOptions { messages: Some(2), ..UpperOptions::default() });
    driven.receive(b"a");
    assert_eq!(driven.session.need(), Need::Write(Then::Nothing));
    driven.send(1);
    driven.receive(b"b");
    assert_eq!(driven.session.need(), Need::Write(Then::Fin));
    driven.send(1);
    assert_eq!(driven.session.need(), Need::Shutdown);
    driven.session.shut(&driven.now);
    assert_eq!(driven.session.need(), Need::Read);
    driven.receive(b"too late");
    assert_eq!(driven.session.need(), Need::Read);
    driven.pass(limits::LINGER_TIME);
    assert_eq!(driven.session.need(), Need::Close);
}

#[test]
fn a_delay_comes_before_each_read() {
    let delay = Duration::from_secs(5);
    let mut driven = Driven::new(UpperOptions { delay, ..UpperOptions::default() });
    for _ in 0..3 {
        assert_eq!(driven.session.need(), Need::WaitUntil(driven.now.instant + delay));
        driven.pass(delay);
        assert_eq!(driven.session.need(), Need::Read);
        driven.receive(b"x");
        driven.send(1);
    }
}

#[test]
fn silence_and_stalling_end() {
    let idle = Duration::from_secs(60);
    let mut driven = Driven::new(UpperOptions { idle, ..UpperOptions::default() });
    driven.pass(idle);
    assert_eq!(driven.session.need(), Need::Shutdown);

    let mut driven = Driven::new(UpperOptions { idle: Duration::ZERO, ..UpperOptions::default() });
    assert_eq!(driven.session.deadline(), None);
    driven.receive(b"x");
    driven.pass(limits::WRITE_TIME);
    assert_eq!(driven.session.need(), Need::Abort);
}

#[test]
fn stopping_finishes_the_reply_under_way() {
    let mut driven = Driven::new(UpperOptions::default());
    driven.receive(b"abc");
    driven.session.stop(&driven.now);
    assert_eq!(driven.session.need(), Need::Write(Then::Fin));
    driven.send(100);
    assert_eq!(driven.session.need(), Need::Shutdown);
}

#[test]
fn stopping_ends_rest_and_gives_the_unheard_a_chance() {
    let mut resting = Driven::new(UpperOptions::default());
    resting.receive(b"abc");
    resting.send(100);
    resting.session.stop(&resting.now);
    resting.pass(Duration::ZERO);
    assert_eq!(resting.session.need(), Need::Close);

    let mut silent = Driven::new(UpperOptions::default());
    silent.session.stop(&silent.now);
    assert_eq!(silent.session.deadline(), Some(silent.now.instant + limits::LAST_CHANCE));
    silent.receive(b"abc");
    assert_eq!(silent.session.need(), Need::Write(Then::Fin));
}
