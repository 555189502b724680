//! Who waits for a turn, in three lines.
//!
//! In the first are sockets that many share: listeners, UDP, bells. Their turns are short. In the second are the
//! connections of which the kernel has said something since their last turn, in the third those that spent their
//! whole budget in it and could go on. Most connections need little and seldom, some always have more. Each lap
//! serves the lines in turn, each for a bounded time: so a short request doesn't queue behind a thousand
//! streams, the streams still get their part, and a newcomer waits for one lap.

use super::slots::Id;
use std::collections::VecDeque;

/// One of the lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// Those that many share.
    Shared,
    /// Those who were heard of.
    Heard,
    /// Those who have more to do.
    Busy,
}

impl Line {
    /// All of them, in the order in which a lap serves them.
    pub const ALL: [Line; 3] = [Line::Shared, Line::Heard, Line::Busy];
}

/// The lines. Nobody stands in them twice: the guest itself knows whether it is queued.
#[derive(Debug, Default)]
pub struct Queue {
    lines: [VecDeque<Id>; 3],
}

impl Queue {
    /// Puts somebody at the end of a line.
    pub fn push(&mut self, line: Line, id: Id) {
        self.lines[line as usize].push_back(id);
    }

    /// Takes whoever is next in a line.
    pub fn pop(&mut self, line: Line) -> Option<Id> {
        self.lines[line as usize].pop_front()
    }

    /// How many stand in a line.
    pub fn len(&self, line: Line) -> usize {
        self.lines[line as usize].len()
    }

    /// Whether nobody waits for a turn.
    pub fn is_empty(&self) -> bool {
        self.lines.iter().all(VecDeque::is_empty)
    }

    /// Gives memory back that a crowd has left.
    pub fn shrink(&mut self) {
        self.lines.iter_mut().for_each(|line| line.shrink_to(64));
    }
}
