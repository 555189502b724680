//! Drives a session, as the event loop does, and checks its contract at every step.

use super::Input;
use super::site::{Invented, pattern};
use shoutd::buffer::Desk;
use shoutd::limits;
use shoutd::now::Now;
use shoutd::session::{Need, Session, Then};
use std::time::{Duration, Instant};

/// What the journal of a connection may keep: the replies of a batch, each with what a head said.
const JOURNAL: usize = (limits::REQUESTS + 2) * (limits::HEAD + 256);

pub struct Driver<'a> {
    pub session: Session,
    site: Invented,
    desk: Desk,
    room: usize,
    now: Now,
    sitting: bool,
    /// What the peer still has to send; then comes its FIN.
    stream: &'a [u8],
    fin: bool,
    /// The sizes of what was received at a time.
    pub received: Vec<usize>,
    pub sent: Vec<u8>,
    pub lines: Vec<u8>,
    /// Something came between that may change or cut the replies: a stop, a deadline, a file that ends early.
    pub disturbed: bool,
    pub over: bool,
    pub is_logged: bool,
    /// How long it may rest before it is looked at again.
    pub rest: Duration,
}

impl<'a> Driver<'a> {
    pub fn new(session: Session, site: Invented, room: usize, now: Now, stream: &'a [u8]) -> Driver<'a> {
        Driver {
            session,
            site,
            desk: Desk::new(room),
            room,
            now,
            sitting: false,
            stream,
            fin: false,
            received: Vec::new(),
            sent: Vec::new(),
            lines: Vec::new(),
            disturbed: false,
            over: false,
            is_logged: false,
            rest: Duration::MAX,
        }
    }

    /// Does what an operation of two bytes says.
    pub fn operate(&mut self, input: &mut Input) {
        let (what, amount) = (input.byte(), input.byte());
        match what % 16 {
            0..=9 => self.satisfy(scaled(amount)),
            10 => self.pass(Duration::from_millis(u64::from(amount) * 40)),
            11 => self.expire(),
            12 if what >= 128 => self.stop(),
            13 if what >= 128 => self.lose_file(),
            14 => self.taken(),
            _ => self.rise(),
        }
        self.check();
    }

    /// Does all that is needed, in large steps, until the session is over.
    pub fn finish(&mut self) {
        // Each step moves a byte at least, or makes a piece, or is one of a few at the end.
        let most = 1000 + self.stream.len() * 600;
        for _ in 0..most {
            if self.over {
                return;
            }
            self.satisfy(usize::MAX);
            self.check();
        }
        panic!("{most} steps, and {:?} is needed", self.session.need());
    }

    /// Does the one thing that is needed, as much of it as `most` bytes.
    fn satisfy(&mut self, most: usize) {
        if self.over {
            return;
        }
        self.sit();
        match self.session.need() {
            Need::Read => {
                assert!(!self.fin, "a need to read behind the peer's FIN");
                let room = self.session.room();
                assert!(!room.is_empty(), "a need to read without room");
                let count = room.len().min(most).min(self.stream.len());
                room[..count].copy_from_slice(&self.stream[..count]);
                self.stream = &self.stream[count..];
                self.fin = count == 0;
                self.received.push(count);
                self.session.received(count, &self.now, &mut self.site);
            }
            Need::Write(then) => {
                let unsent = self.session.unsent();
                assert!(!unsent.is_empty(), "a need to write nothing");
                let (count, all) = (unsent.len().min(most), unsent.len());
                self.sent.extend_from_slice(&unsent[..count]);
                self.session.sent(count, &self.now, &mut self.site);
                if count == all {
                    self.follows(then);
                }
            }
            Need::SendFile { last } => {
                let (_, at, left) = self.session.file().expect("a file to send from");
                assert!(left > 0, "a need to send nothing of a file");
                let count = left.min(most as u64);
                self.sent.extend((at..at + count).map(pattern));
                self.session.file_sent(count, &self.now, &mut self.site);
                if count == left && last {
                    self.follows(Then::Fin);
                }
            }
            Need::Work => self.session.work(&self.now, &mut self.site),
            Need::WaitUntil(time) => {
                assert_eq!(self.session.deadline(), Some(time));
                self.now.instant = self.now.instant.max(time);
                self.session.expired(&self.now);
            }
            Need::Shutdown => self.session.shut(&self.now),
            Need::Close | Need::Abort => {
                self.rise();
                self.session.over(&mut self.desk);
                self.lines.append(&mut self.desk.lines);
                self.over = true;
            }
        }
    }

    /// What was announced behind the last bytes comes.
    fn follows(&self, then: Then) {
        let need = self.session.need();
        let kept = match then {
            Then::Nothing => true,
            Then::More => matches!(need, Need::Write(_) | Need::SendFile { .. }),
            // TCP uppercase has the rest of a reply that is repeated to send before.
            Then::Fin => matches!(need, Need::Shutdown | Need::Write(Then::Fin)),
        };
        assert!(kept, "{then:?} was announced, and {need:?} came");
    }

    fn sit(&mut self) {
        if !std::mem::replace(&mut self.sitting, true) {
            self.session.sit(&mut self.desk);
        }
    }

    fn rise(&mut self) {
        if std::mem::replace(&mut self.sitting, false) {
            self.session.rise(&mut self.desk).expect("there is memory");
            assert!(
                self.desk.input.is_empty() && self.desk.output.is_empty(),
                "something was left on the desk"
            );
            self.lines.append(&mut self.desk.lines);
            let held = self.session.held();
            assert!(held <= 2 * self.room + JOURNAL, "{held} bytes are held");
            let journal = if self.is_logged { JOURNAL } else { 0 };
            // The CR of an empty line, at most.
            assert!(
                !self.session.is_resting() || held <= 1 + journal,
                "{held} bytes are held by one that rests"
            );
        }
    }

    /// Time passes, but no deadline.
    fn pass(&mut self, time: Duration) {
        let later = self.now.instant + time;
        self.now.instant =
            self.session.deadline().map_or(later, |deadline| later.min(deadline)).max(self.now.instant);
    }

    fn expire(&mut self) {
        let Some(deadline) = self.session.deadline().filter(|_| !self.over) else { return };
        self.now.instant = self.now.instant.max(deadline);
        self.disturbed = true;
        self.sit();
        self.session.expired(&self.now);
        let acts = matches!(self.session.need(), Need::Shutdown | Need::Close | Need::Abort);
        let moved = self.session.deadline().is_none_or(|deadline| deadline > self.now.instant);
        assert!(acts || moved, "its time is up, and nothing comes of it");
    }

    fn stop(&mut self) {
        self.disturbed = true;
        self.session.stop(&self.now);
    }

    fn taken(&mut self) {
        if matches!(self.session.need(), Need::Write(_) | Need::SendFile { .. }) && !self.over {
            self.sit();
            self.session.taken(&self.now);
            assert_eq!(self.session.deadline(), Some(self.now.instant + limits::WRITE_TIME));
        }
    }

    fn lose_file(&mut self) {
        if let Need::SendFile { .. } = self.session.need() {
            self.disturbed = true;
            self.sit();
            self.session.file_sent(0, &self.now, &mut self.site);
            assert!(!matches!(self.session.need(), Need::SendFile { .. }), "the file has ended");
        }
    }

    fn check(&mut self) {
        let need = self.session.need();
        assert_eq!(need, self.session.need(), "asking changes nothing");
        if self.over {
            return;
        }
        let is_past = |time: Option<Instant>| time.is_some_and(|time| time < self.now.instant);
        assert!(!is_past(self.session.deadline()), "{need:?} has a deadline in the past");
        if let Some(since) = self.session.waits_since() {
            assert!(since <= self.now.instant, "it waits since a time to come");
        }
        if self.session.is_resting() && self.rest < Duration::MAX {
            let rest = self.session.deadline().map(|deadline| deadline - self.now.instant);
            assert!(rest.is_some_and(|rest| rest <= self.rest), "it rests for {rest:?}");
        }
        if matches!(need, Need::Write(_) | Need::SendFile { .. }) {
            assert!(self.session.deadline().is_some(), "a peer that doesn't read would stay for ever");
        }
    }
}

/// Small amounts byte by byte, and large ones up to what a session gets at once.
fn scaled(amount: u8) -> usize {
    match amount {
        0..128 => usize::from(amount) + 1,
        _ => (usize::from(amount) - 127) * 520,
    }
}
