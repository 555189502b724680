//! The names of a directory, sorted a little at a time.
//!
//! A hundred thousand names are sorted in some 20 ms, which is longer than a loop may be away. So this is a
//! merge sort that can stop anywhere: runs of names that came in order are merged, pass after pass of
//! neighbours, until one run is left. The bytes of all names lie in one allocation.

use std::cmp::Ordering;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// A directory, or a link to one.
    pub is_directory: bool,
    /// What a symbolic link leads to, as it was when the directory was read. To follow it again for its row
    /// would cost as much as all the rest.
    pub target: Option<Target>,
}

/// The file or directory behind a symbolic link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Bytes.
    pub size: u64,
    /// Seconds since 1970.
    pub modified: i64,
}

/// The bits of the first byte of a name.
const IS_FILE: u8 = 2;
const IS_LINK: u8 = 1;

/// Names in the order of a listing: directories first, then by their bytes.
#[derive(Debug, Default)]
pub struct Names {
    /// For each name its kind, its length, its bytes, and of a link two numbers more.
    bytes: Vec<u8>,
    /// Where each begins.
    order: Vec<u32>,
    /// Where each sorted run of `order` ends.
    runs: Vec<u32>,
    merge: Merge,
}

/// A pass that is under way.
#[derive(Debug, Default)]
struct Merge {
    merged: Vec<u32>,
    runs: Vec<u32>,
    /// How many of the runs of `order` are merged or being merged.
    taken: usize,
    left: std::ops::Range<usize>,
    right: std::ops::Range<usize>,
}

impl Names {
    /// Adds a name of at most 255 bytes.
    pub fn push(&mut self, kind: Kind, name: &[u8]) {
        let Ok(length) = u8::try_from(name.len()) else { return };
        let Ok(start) = u32::try_from(self.bytes.len()) else { return };
        let bits = if kind.is_directory { 0 } else { IS_FILE };
        let bits = bits | if kind.target.is_some() { IS_LINK } else { 0 };
        self.bytes.extend_from_slice(&[bits, length]);
        self.bytes.extend_from_slice(name);
        if let Some(Target { size, modified }) = kind.target {
            self.bytes.extend_from_slice(&size.to_ne_bytes());
            self.bytes.extend_from_slice(&modified.to_ne_bytes());
        }
        // A name that comes in order makes the last run longer.
        let in_order = self.order.last().is_some_and(|&last| compare(&self.bytes, last, start).is_le());
        self.order.push(start);
        match self.runs.last_mut() {
            Some(end) if in_order => *end += 1,
            _ => self.runs.push(self.order.len() as u32),
        }
    }

    /// Goes on sorting, moving at most so many names. Returns whether all are in order.
    pub fn sort(&mut self, most: usize) -> bool {
        for _ in 0..most {
            if self.runs.len() <= 1 {
                self.merge = Merge::default();
                return true;
            }
            self.merge_one();
        }
        false
    }

    /// One step of a pass: moves a name, or goes on to the next pair of runs.
    fn merge_one(&mut self) {
        let merge = &mut self.merge;
        let take_left = match (merge.left.is_empty(), merge.right.is_empty()) {
            (true, true) => return self.next_pair(),
            (left, right) if left || right => right,
            _ => {
                let (left, right) = (self.order[merge.left.start], self.order[merge.right.start]);
                compare(&self.bytes, left, right).is_le()
            }
        };
        let from = if take_left { &mut merge.left } else { &mut merge.right };
        merge.merged.push(self.order[from.start]);
        from.start += 1;
    }

    fn next_pair(&mut self) {
        let merge = &mut self.merge;
        if merge.taken > 0 {
            merge.runs.push(merge.merged.len() as u32);
        }
        if merge.taken >= self.runs.len() {
            // The pass is over.
            std::mem::swap(&mut self.order, &mut merge.merged);
            std::mem::swap(&mut self.runs, &mut merge.runs);
            merge.merged.clear();
            merge.runs.clear();
            merge.taken = 0;
            return;
        }
        let end = |run: usize| self.runs.get(run).map_or(self.order.len(), |&end| end as usize);
        let start = if merge.taken == 0 { 0 } else { end(merge.taken - 1) };
        merge.left = start..end(merge.taken);
        merge.right = end(merge.taken)..end(merge.taken + 1);
        merge.taken += 2;
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// The bytes that they take, sorting included.
    pub fn bytes(&self) -> usize {
        self.bytes.len() + self.order.len() * 2 * size_of::<u32>()
    }

    /// The name at a place in the order.
    pub fn get(&self, place: usize) -> Option<(Kind, &[u8])> {
        let start = *self.order.get(place)?;
        let (bits, name) = (self.bytes[start as usize], name(&self.bytes, start));
        let behind = &self.bytes[start as usize + 2 + name.len()..];
        let target = match behind.first_chunk::<16>() {
            Some(numbers) if bits & IS_LINK != 0 => {
                let (size, modified) = numbers.split_at(8);
                Some(Target {
                    size: u64::from_ne_bytes(size.try_into().ok()?),
                    modified: i64::from_ne_bytes(modified.try_into().ok()?),
                })
            }
            _ => None,
        };
        Some((Kind { is_directory: bits & IS_FILE == 0, target }, name))
    }
}

fn name(bytes: &[u8], start: u32) -> &[u8] {
    let start = start as usize;
    &bytes[start + 2..start + 2 + usize::from(bytes[start + 1])]
}

fn compare(bytes: &[u8], a: u32, b: u32) -> Ordering {
    let is_file = |start: u32| bytes[start as usize] & IS_FILE;
    is_file(a).cmp(&is_file(b)).then_with(|| name(bytes, a).cmp(name(bytes, b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(count: usize, step: usize) -> (Vec<(bool, String)>, usize) {
        let mut names = Names::default();
        let mut seed = 7_u32;
        for _ in 0..count {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let target =
                (seed & 512 == 0).then(|| Target { size: seed.into(), modified: -i64::from(seed >> 12) });
            let kind = Kind { is_directory: seed & 256 == 0, target };
            names.push(kind, format!("{}", seed >> 12).as_bytes());
        }
        let mut steps = 1;
        while !names.sort(step) {
            steps += 1;
        }
        let all = (0..names.len()).filter_map(|place| names.get(place));
        let all = all.map(|(kind, name)| {
            let name = String::from_utf8(name.to_vec()).unwrap();
            assert!(kind.target.is_none_or(|target| name == (-target.modified).to_string()), "{name}");
            (!kind.is_directory, name)
        });
        (all.collect(), steps)
    }

    #[test]
    fn directories_come_first_and_everything_is_in_order() {
        for count in [0, 1, 2, 3, 5, 7, 64, 1000, 3701] {
            let (names, _) = sorted(count, 10);
            assert_eq!(names.len(), count);
            assert!(names.is_sorted(), "{count}");
            assert!(names.len() < 50 || names.iter().any(|name| name.0) && !names[0].0);
        }
    }

    #[test]
    fn no_step_moves_more_names_than_it_may() {
        let (_, steps) = sorted(32_000, 1000);
        // Half as many runs as names, so 14 passes over 32,000 names, each with its changes of runs.
        assert!((14 * 32..14 * 32 + 40).contains(&steps), "{steps}");
    }
}
