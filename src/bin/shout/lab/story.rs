//! The server's own story, taken down as it tells it: what `shoutd --log trace` says on standard error.

use log::{Level, LevelFilter, Log, Metadata, Record};
use std::sync::Mutex;
use std::time::SystemTime;

/// A line of the story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When it was told, by the clock that dates the packets.
    pub time: SystemTime,
    /// Whether it is a detail of a step: trace.
    pub is_detail: bool,
    /// What it says.
    pub text: String,
}

/// Lines that are kept: the rest of a long story is left out.
const MOST: usize = 20_000;

struct Listener(Mutex<Vec<Line>>);

static LISTENER: Listener = Listener(Mutex::new(Vec::new()));

impl Log for Listener {
    fn enabled(&self, metadata: &Metadata) -> bool {
        metadata.target().starts_with("shoutd")
    }

    fn log(&self, record: &Record) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let time = SystemTime::now();
        if let Ok(mut lines) = self.0.lock()
            && lines.len() < MOST
        {
            let is_detail = record.level() == Level::Trace;
            lines.push(Line { time, is_detail, text: record.args().to_string() });
        }
    }

    fn flush(&self) {}
}

/// Listens from now on, if nobody else does.
pub fn listen() {
    if log::set_logger(&LISTENER).is_ok() {
        log::set_max_level(LevelFilter::Trace);
    }
}

/// What was told since the last time this was asked.
pub fn take() -> Vec<Line> {
    LISTENER.0.lock().map(|mut lines| std::mem::take(&mut *lines)).unwrap_or_default()
}
