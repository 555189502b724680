//! Who waits for a turn, in two lines.
//!
//! In the first are those of whom the kernel has said something since their last turn, in the second those
//! who spent their whole budget in it and could go on. Most guests need little and seldom, some always have
//! more. Each lap serves the first line, then the second, each for a bounded time: so a short request
//! doesn't queue behind a thousand streams, and the streams still get their half.
//!
//! Sockets that many share (listeners, UDP, bells) go to the head of the first line when they are heard of. Their
//! turns are short, and one that has more to do goes to the end of that line like everybody else.

use super::slots::Id;
use std::collections::VecDeque;

/// One of the two lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// Those who were heard of.
    Heard,
    /// Those who have more to do.
    Busy,
}

/// The two lines. Nobody stands in them twice: the guest itself knows whether it is queued.
#[derive(Debug, Default)]
pub struct Queue {
    heard: VecDeque<Id>,
    busy: VecDeque<Id>,
}

impl Queue {
    /// Puts somebody at the end of a line.
    pub fn push(&mut self, line: Line, id: Id) {
        self.line(line).push_back(id);
    }

    /// Puts somebody at the head of the first line.
    pub fn push_first(&mut self, id: Id) {
        self.heard.push_front(id);
    }

    /// Takes whoever is next in a line.
    pub fn pop(&mut self, line: Line) -> Option<Id> {
        self.line(line).pop_front()
    }

    /// How many stand in a line.
    pub fn len(&self, line: Line) -> usize {
        match line {
            Line::Heard => self.heard.len(),
            Line::Busy => self.busy.len(),
        }
    }

    /// Whether nobody waits for a turn.
    pub fn is_empty(&self) -> bool {
        self.heard.is_empty() && self.busy.is_empty()
    }

    /// Gives memory back that a crowd has left.
    pub fn shrink(&mut self) {
        self.heard.shrink_to(64);
        self.busy.shrink_to(64);
    }

    fn line(&mut self, line: Line) -> &mut VecDeque<Id> {
        match line {
            Line::Heard => &mut self.heard,
            Line::Busy => &mut self.busy,
        }
    }
}
