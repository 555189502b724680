//! The loop of the load generator.
//!
//! A turn has three parts: ask the kernel who is ready and let each go on; begin what is due; look at the
//! clock. The run has three phases: opening the connections, warming up, measuring. Requests are sent in the
//! last two, and only the last one counts.

use super::crowd::Crowd;
use super::ending;
use super::failure::Kind;
use super::outcome::{self, Outcome, Times};
use super::pace::Pace;
use super::plan::{End, Plan, Service};
use super::presence::Gone;
use super::process::Snapshots;
use super::progress::Progress;
use super::run::{Clock, Run};
use super::tally::Tally;
use super::wrong::Wrong;
use super::{internal, wrong_reply};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use shoutd::trouble::Trouble;
use shoutd::units::seconds;
use std::io::ErrorKind;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Events taken from the kernel in a turn.
const EVENTS: usize = 1024;

/// How often waits are looked at, and the longest time the loop sleeps: an interrupt is obeyed that fast.
const TICK: Duration = Duration::from_millis(50);

/// How long somebody who has interrupted it waits for datagrams that are under way.
const IMPATIENT: Duration = Duration::from_millis(500);

/// A pause of the loop that shows in latencies.
const NOTICEABLE: Duration = Duration::from_millis(1);

/// The timer of an open loop. No socket has this number.
const TIMER: Token = Token(usize::MAX);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Opening,
    WarmingUp { until: u64 },
    Measuring { since: u64 },
}

/// The loop.
pub struct Engine<'a> {
    poll: Poll,
    timer: OwnedFd,
    run: Run<'a>,
    phase: Phase,
    next_tick: u64,
    interrupted: bool,
    reduced: Vec<String>,
}

impl<'a> Engine<'a> {
    /// A loop for a plan. `reduced` is what had to be changed in it.
    pub fn new(plan: &'a Plan, reduced: Vec<String>) -> Result<Engine<'a>, Trouble> {
        let poll = Poll::new().map_err(|error| internal("a poller", &error))?;
        let registry = poll.registry().try_clone().map_err(|error| internal("a poller", &error))?;
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)
            .map_err(|error| internal("a timer", &error.into()))?;
        registry
            .register(&mut SourceFd(&timer.as_raw_fd()), TIMER, Interest::READABLE)
            .map_err(|error| internal("a timer", &error))?;
        let run = Run {
            plan,
            clock: Clock(Instant::now()),
            registry,
            pace: Pace::new(plan.rate),
            tally: Tally::new(),
            operations_left: None,
        };
        Ok(Engine { poll, timer, run, phase: Phase::Opening, next_tick: 0, interrupted: false, reduced })
    }

    /// Runs to the end.
    pub fn run(
        mut self,
        crowd: &mut impl Crowd,
        stop: &AtomicBool,
        progress: &mut Progress,
    ) -> Result<Outcome, Trouble> {
        let mut snapshots = Snapshots::new(&self.run.plan.pids)?;
        stop.store(false, Ordering::Relaxed);
        let mut events = Events::with_capacity(EVENTS);
        let (mut busy, mut heard) = (false, 0);
        let finished = loop {
            self.wait(&mut events, busy)?;
            busy = self.turn(&events, crowd).map_err(|wrong| wrong_reply(self.run.plan, &wrong))?;
            let now = self.run.clock.now();
            if self.phase == Phase::Opening && crowd.is_settled(now) {
                // Nothing is sent before the next turn: without a warm-up, what is counted is all there is.
                self.run.pace.start(now);
                self.phase = Phase::WarmingUp { until: now + self.run.plan.warmup.as_nanos() as u64 };
            }
            match self.phase {
                Phase::WarmingUp { until } if now >= until => {
                    let took = if snapshots.has_first() {
                        None
                    } else {
                        Some(snapshots.first(self.run.tally.ever)?)
                    };
                    match took.filter(|&took| took > NOTICEABLE && !self.run.plan.warmup.is_zero()) {
                        // Nobody was served meanwhile, which is to be over when measuring begins.
                        Some(took) => {
                            let until = self.run.clock.now() + took.max(TICK).as_nanos() as u64;
                            self.phase = Phase::WarmingUp { until };
                        }
                        None => {
                            self.tell_who_is_missing(crowd);
                            let now = self.run.clock.now();
                            self.reduced.extend(ending::tell_the_backlog(&self.run, now));
                            self.begin_measuring(crowd);
                            self.phase = Phase::Measuring { since: self.run.clock.now() };
                        }
                    }
                }
                Phase::Measuring { since } => {
                    if self.run.tally.last > heard && now.saturating_sub(heard) >= TICK.as_nanos() as u64 {
                        snapshots.heard();
                        heard = now;
                    }
                    if let Some(end) = self.end(since, now) {
                        break end;
                    }
                }
                _ => {}
            }
            if stop.load(Ordering::Relaxed) {
                self.interrupted = true;
                self.reduced.push("interrupted: these are the figures until then".to_owned());
                break now;
            }
            if self.run.tally.ever == 0 && crowd.is_hopeless() {
                break now;
            }
            let since = if let Phase::Measuring { since } = self.phase { Some(since) } else { None };
            progress.show(now, since, &self.run.tally, crowd.population());
        };
        progress.clear();
        self.conclude(crowd, snapshots, finished, stop)
    }

    /// Sleeps until a socket is ready, a request is due, or it is time for a tick.
    fn wait(&mut self, events: &mut Events, busy: bool) -> Result<(), Trouble> {
        let mut timeout = if busy { Duration::ZERO } else { TICK };
        if let Some(wake) = self.run.pace.wake() {
            let left = wake.saturating_sub(self.run.clock.now());
            if left == 0 {
                timeout = Duration::ZERO;
            } else if Duration::from_nanos(left) < timeout {
                // The poller's own timeout counts in milliseconds.
                self.set_timer(left)?;
            }
        }
        match self.poll.poll(events, Some(timeout)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                events.clear();
                Ok(())
            }
            result => result.map_err(|error| internal("waiting", &error)),
        }
    }

    fn set_timer(&self, nanoseconds: u64) -> Result<(), Trouble> {
        let none = Timespec { tv_sec: 0, tv_nsec: 0 };
        let value = Timespec {
            tv_sec: (nanoseconds / 1_000_000_000) as i64,
            tv_nsec: (nanoseconds % 1_000_000_000) as _,
        };
        let times = Itimerspec { it_interval: none, it_value: value };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &times)
            .map(drop)
            .map_err(|error| internal("a timer", &error.into()))
    }

    /// One turn. Returns whether somebody has more to do at once.
    fn turn(&mut self, events: &Events, crowd: &mut impl Crowd) -> Result<bool, Wrong> {
        let mut busy = crowd.resume(&mut self.run)?;
        for event in events {
            if event.token() != TIMER {
                crowd.note(event, &mut self.run)?;
            }
        }
        crowd.open(&mut self.run)?;
        let now = self.run.clock.now();
        // Only what was due at the start of this: the sockets are to be heard in between.
        while let Some((place, due)) = self.run.pace.match_up(now) {
            crowd.begin(place, due, &mut self.run)?;
        }
        if now >= self.next_tick {
            crowd.tick(now, &mut self.run)?;
            self.next_tick = now + TICK.as_nanos() as u64;
            busy = true; // a tick may have opened or begun something
        }
        Ok(busy)
    }

    fn tell_who_is_missing(&mut self, crowd: &impl Crowd) {
        let (plan, tally) = (self.run.plan, &self.run.tally);
        let missing = plan.connections.saturating_sub(crowd.population());
        if missing == 0 || plan.reconnect || tally.reconnects > 0 {
            return;
        }
        self.reduced.push(match tally.failures.chief() {
            Some(Kind::Closed | Kind::Reset) if tally.ever > 0 => {
                "the server closes a connection after some replies: --reconnect asks it once on each"
                    .to_owned()
            }
            chief => {
                let why = chief.map_or("the server hasn't accepted them", Kind::name);
                format!(
                    "{missing} of {} connections weren't open when measuring began: {why}",
                    plan.connections
                )
            }
        });
    }

    fn begin_measuring(&mut self, crowd: &impl Crowd) {
        self.run.tally.begin(crowd.bytes_under_way());
        if let End::Count(count) = self.run.plan.end {
            self.run.operations_left = Some(count);
            self.run.pace.limit(count.saturating_sub(crowd.under_way().count() as u64));
        }
    }

    /// When measuring has ended, if it has.
    fn end(&mut self, since: u64, now: u64) -> Option<u64> {
        let tally = &self.run.tally;
        // A server that is gone must not be waited for for ever.
        let quiet = now.saturating_sub(since.max(tally.last));
        let gone = self.run.gone(now);
        let is_quiet = quiet > self.run.patience();
        match self.run.plan.end {
            End::After(duration) => {
                let is_over = now - since >= duration.as_nanos() as u64;
                (is_over || (is_quiet && gone.is_some())).then_some(now)
            }
            End::Count(count) => {
                if tally.operations + tally.failures.of(Kind::Status) + tally.lost >= count {
                    return Some(if tally.last > since { tally.last } else { now });
                }
                let is_dead = matches!(gone, Some((_, Gone::Refused))) && quiet > self.run.least_patience();
                (is_quiet || is_dead).then(|| {
                    // Of one that is gone that is told anyway.
                    if gone.is_none() {
                        let quiet = seconds(Duration::from_nanos(quiet));
                        self.reduced.push(format!("ended before {count} replies: none came for {quiet}"));
                    }
                    now
                })
            }
        }
    }

    /// The result.
    fn conclude(
        mut self,
        crowd: &mut impl Crowd,
        snapshots: Snapshots,
        finished: u64,
        stop: &AtomicBool,
    ) -> Result<Outcome, Trouble> {
        if self.run.tally.ever == 0 {
            return Err(ending::nothing_worked(&self.run, crowd, finished, self.interrupted));
        }
        let Phase::Measuring { since } = self.phase else {
            return Err(Trouble::new(
                format!("{}: interrupted before measuring began", self.run.plan.target),
                "",
            ));
        };
        // It may have been interrupted in the very turn in which measuring began.
        let mut finished = finished.max(since);
        let gone = self.run.gone(finished);
        if let Some((at, why)) = gone {
            if at < since {
                return Err(ending::gone_before(&self.run, at, why));
            }
            // The figures are those of the time in which there was a server.
            finished = at;
        }
        let told = ending::tell_when_it_was_gone(&self.run, since, finished, gone);
        self.reduced.extend(told);
        ending::count_the_waiting(&mut self.run, crowd, since, finished, &mut self.reduced);
        self.count_the_lost(crowd, &mut Events::with_capacity(EVENTS), stop)?;
        let seconds = |at: u64| Duration::from_nanos(at.saturating_sub(since));
        let absences = self.run.tally.presence.absences();
        let times = Times {
            elapsed: seconds(finished),
            gone: gone.map(|(at, why)| (seconds(at), why)),
            absences: absences.iter().map(|&(from, to)| (seconds(from), seconds(to))).collect(),
        };
        Ok(outcome::conclude(self.run.plan, times, self.run.tally, snapshots, self.reduced))
    }

    /// Datagrams that are still under way are lost or not: waits until that is known, sending no more.
    fn count_the_lost(
        &mut self,
        crowd: &mut impl Crowd,
        events: &mut Events,
        stop: &AtomicBool,
    ) -> Result<(), Trouble> {
        if self.run.plan.service != Service::Udp {
            return Ok(());
        }
        let failed = |tally: &Tally| tally.lost + tally.failures.total();
        let (under_way, before) = (self.run.tally.under_way, failed(&self.run.tally));
        self.run.pace.stop();
        self.run.operations_left = Some(0);
        // Whoever has interrupted it waits no longer than that.
        let patience = if self.interrupted { IMPATIENT } else { self.run.plan.timeout + 2 * TICK };
        stop.store(false, Ordering::Relaxed);
        let end = self.run.clock.now().saturating_add(patience.as_nanos() as u64);
        let mut busy = true;
        while crowd.under_way().next().is_some()
            && self.run.clock.now() < end
            && !stop.load(Ordering::Relaxed)
        {
            self.wait(events, busy)?;
            busy = self.turn(events, crowd).map_err(|wrong| wrong_reply(self.run.plan, &wrong))?;
        }
        // Of those under way, some have now been found to be lost; the others were answered too late to count.
        let since = failed(&self.run.tally).saturating_sub(before);
        self.run.tally.under_way = under_way.saturating_sub(since);
        Ok(())
    }
}
