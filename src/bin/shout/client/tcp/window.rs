//! What a server still owes for a stream, to be compared with what it sends.
//!
//! The sending thread promises each block before it is sent, and the receiving one compares. Memory is
//! bounded: where a server is further behind than that, what is promised meanwhile is only counted, and of its
//! reply no more is known than that it has no lowercase letters.

use shoutd::uppercase::has_lowercase;
use std::collections::VecDeque;

/// Bytes that are kept to be compared, unless every byte is to be.
const KEPT: usize = 1 << 20;

/// What is owed, in order.
pub struct Window {
    blocks: VecDeque<Block>,
    /// Bytes in the blocks that are kept.
    kept: usize,
    strict: bool,
    repeat: u64,
    /// Bytes promised, how often each is to come counted.
    promised: u64,
    compared: u64,
    /// Bytes of letters beyond a to z that are owed.
    others: u64,
    /// One of them may have been changed, as by a server that goes by a language. From there on its reply may be
    /// shifted.
    may_be_shifted: bool,
    /// It is shifted.
    is_shifted: bool,
    /// The first bytes that were owed.
    first: Vec<u8>,
}

/// Bytes by which the beginning of a reply is recognised.
const FIRST: usize = 64;

enum Block {
    /// These, from a place on.
    Kept(Vec<u8>, usize),
    /// So many.
    Counted(u64),
}

/// A difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// At this byte of the stream this came where that was to come.
    Wrong { at: u64, got: u8, wanted: u8 },
    /// At this byte of the stream a lowercase letter came.
    Lowercase { at: u64 },
    /// From this byte of the stream on there is more than was sent.
    Surplus { at: u64 },
}

impl Difference {
    /// The byte of the stream.
    pub fn place(&self) -> u64 {
        match *self {
            Difference::Wrong { at, .. } | Difference::Lowercase { at } | Difference::Surplus { at } => at,
        }
    }
}

impl Window {
    /// Nothing is owed yet. Each byte will come `repeat` times; `strict` keeps and compares every one.
    pub fn new(repeat: u32, strict: bool) -> Window {
        Window {
            blocks: VecDeque::new(),
            kept: 0,
            strict,
            repeat: repeat.into(),
            promised: 0,
            compared: 0,
            others: 0,
            may_be_shifted: false,
            is_shifted: false,
            first: Vec::new(),
        }
    }

    /// Bytes are about to be sent, and this is their uppercase.
    pub fn promise(&mut self, owed: Vec<u8>) {
        let length = owed.len() as u64 * self.repeat;
        self.promised += length;
        let room = FIRST - self.first.len();
        self.first.extend_from_slice(&owed[..owed.len().min(room)]);
        if !self.strict && !owed.is_ascii() {
            self.others += owed.iter().filter(|byte| !byte.is_ascii()).count() as u64;
        }
        // In which pieces a server repeats is its own affair.
        if self.repeat == 1 && (self.strict || self.kept + owed.len() <= KEPT) {
            self.kept += owed.len();
            self.blocks.push_back(Block::Kept(owed, 0));
        } else {
            self.may_be_shifted |= !self.strict && !owed.is_ascii();
            match self.blocks.back_mut() {
                Some(Block::Counted(count)) => *count += length,
                _ => self.blocks.push_back(Block::Counted(length)),
            }
        }
    }

    /// Compares what has come next. Nothing more is compared after a difference.
    pub fn compare(&mut self, mut reply: &[u8]) -> Result<(), Difference> {
        while !reply.is_empty() {
            let at = self.compared;
            let may_be_longer = at + reply.len() as u64 <= self.most();
            let count = match self.blocks.front_mut() {
                _ if self.is_shifted && may_be_longer => reply.len(),
                None if self.may_be_shifted && may_be_longer => {
                    self.is_shifted = true;
                    continue;
                }
                _ if self.is_shifted => return Err(Difference::Surplus { at }),
                None => return Err(Difference::Surplus { at }),
                Some(Block::Counted(left)) => {
                    let count = reply.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                    *left -= count as u64;
                    let is_used_up = *left == 0;
                    if is_used_up {
                        self.blocks.pop_front();
                    }
                    count
                }
                Some(Block::Kept(owed, start)) => {
                    let count = reply.len().min(owed.len() - *start);
                    let (owed_now, came) = (&owed[*start..*start + count], &reply[..count]);
                    match first_wrong(owed_now, came, self.strict, &mut self.may_be_shifted) {
                        None => {}
                        Some(place) if self.may_be_shifted && !came[place].is_ascii_lowercase() => {
                            self.is_shifted = true;
                        }
                        Some(place) => {
                            let (got, wanted) = (came[place], owed_now[place]);
                            return Err(Difference::Wrong { at: at + place as u64, got, wanted });
                        }
                    }
                    *start += count;
                    if *start == owed.len() {
                        self.kept -= owed.len();
                        self.blocks.pop_front();
                    }
                    count
                }
            };
            let is_compared = !self.is_shifted && self.strict && self.repeat == 1;
            if !is_compared
                && has_lowercase(&reply[..count])
                && let Some(place) = reply.iter().position(u8::is_ascii_lowercase)
            {
                return Err(Difference::Lowercase { at: at + place as u64 });
            }
            self.compared += count as u64;
            reply = &reply[count..];
        }
        Ok(())
    }

    /// Bytes that may come at the most: the uppercase of a letter takes up to three times its bytes (ΐ).
    fn most(&self) -> u64 {
        self.promised + 2 * self.others * self.repeat
    }

    /// Whether more was promised than has come.
    pub fn owes(&self) -> bool {
        !self.is_shifted && self.compared < self.promised
    }

    /// Whether a reply to this begins so.
    pub fn may_begin(&self, reply: &[u8]) -> bool {
        let count = reply.len().min(self.first.len());
        count > 0 && reply[..count] == self.first[..count]
    }

    /// Whether nothing was promised.
    pub fn is_unused(&self) -> bool {
        self.promised == 0
    }
}

/// The first byte that is no reply to what was sent. `changed` becomes true where a letter beyond a to z has come
/// back as another up to there, which only `strict` forbids.
fn first_wrong(owed: &[u8], came: &[u8], strict: bool, changed: &mut bool) -> Option<usize> {
    if owed == came {
        return None;
    }
    let is_wrong = |(&wanted, &got): (&u8, &u8)| {
        let may_be = !strict && wanted >= 0x80 && !got.is_ascii_lowercase();
        *changed |= may_be && wanted != got;
        wanted != got && !may_be
    };
    owed.iter().zip(came).position(is_wrong)
}
