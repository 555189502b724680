//! The lines that the loop writes: of the access log, on their way from the sessions to the file, and what
//! standard output and standard error didn't take at once.

use super::EventLoop;
use super::guest::{Guest, What};
use crate::http::content::Content;
use crate::kernel::Kernel;
use crate::limits;
use crate::now::Now;
use crate::outlet::{self, Outlet, ServerLog};
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

impl<K: Kernel, C: Content> EventLoop<K, C> {
    /// Looks after the server's own log, so that what a reader of it takes late is written late.
    pub fn look_after(&mut self, log: ServerLog) {
        self.own_log = Some(log);
    }

    /// Writes lines to standard output, in front of an access log there. That nobody reads them is no reason
    /// not to serve: what can't be written now is written when somebody does.
    pub fn announce(&mut self, lines: &str) {
        let now = self.kernel.now().instant;
        match &mut self.log {
            Some(log) if log.is_on_stdout() => log.announce(lines.as_bytes(), now),
            _ => {
                let stdout = io::stdout();
                let now = if stdout.is_terminal() {
                    0
                } else {
                    outlet::write_now(stdout.as_fd(), lines.as_bytes())
                };
                if now < lines.len() {
                    self.stdout = Outlet::shared_with(stdout.as_fd()).ok();
                    self.stdout.iter_mut().for_each(|out| out.append(&lines.as_bytes()[now..], usize::MAX));
                    self.write_stdout();
                }
            }
        }
    }

    /// When to try again what couldn't be written.
    pub(super) fn unwritten(&self, now: Instant) -> Option<Instant> {
        let own = self.own_log.as_ref().and_then(|log| log.due(now));
        own.or(self.stdout.as_ref().map(|_| now + limits::LOG_PAUSE))
    }

    fn write_stdout(&mut self) {
        let blocked = |error: &io::Error| error.kind() == io::ErrorKind::WouldBlock;
        let waits = |stdout: &mut Outlet| stdout.write(Duration::ZERO).is_err_and(|error| blocked(&error));
        if !self.stdout.as_mut().is_some_and(waits) {
            self.stdout = None; // all is written, or never can be
        }
    }

    /// Collects the lines of this turn, and writes them when it is time.
    pub(super) fn write_log(&mut self, now: &Now) {
        if let Some(log) = &self.own_log {
            log.write_rest(Duration::ZERO);
        }
        if self.stdout.is_some() {
            self.write_stdout();
        }
        let Some(log) = &mut self.log else { return };
        for desk in [&mut self.desk, &mut self.small_desk] {
            if !desk.lines.is_empty() {
                log.append(&mut desk.lines, now.instant);
            }
        }
        if log.due().is_some_and(|due| due <= now.instant) {
            log.write(now.instant);
        }
    }

    /// The loop ends. What those who are still here were sent is logged too.
    pub(super) fn cut_off(&mut self, now: &Now) {
        for id in self.guests.ids() {
            if let Some(Guest { what: What::Connection(connection), .. }) = self.guests.get(id) {
                connection.over(&mut self.kernel, &mut self.desk);
            }
        }
        self.write_log(now);
        if let Some(log) = &self.own_log {
            log.write_rest(limits::LOG_FAREWELL);
        }
    }
}
