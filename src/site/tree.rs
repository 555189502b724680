//! Patterns as a tree of path segments: what matches a path is found in one walk along it, however many
//! patterns there are, and nothing is allocated.
//!
//! A node is a place in a path. From it a segment leads on by its own name, or by a placeholder, which takes any;
//! so each level has at most two ways, and no node is visited twice.

use super::pattern::{Pattern, Segment};
use std::collections::BTreeMap;

/// Patterns, known by the order in which they were added.
#[derive(Debug)]
pub struct Tree {
    nodes: Vec<Node>,
    count: usize,
}

#[derive(Debug, Default)]
struct Node {
    named: BTreeMap<Box<[u8]>, usize>,
    placeholder: Option<usize>,
    /// Patterns that end here, and those that go on with `/*`; in order.
    ends: Vec<usize>,
    splats: Vec<usize>,
}

impl Default for Tree {
    fn default() -> Tree {
        Tree { nodes: vec![Node::default()], count: 0 }
    }
}

impl Tree {
    /// Adds a pattern. Its place is the number of those before it.
    pub fn push(&mut self, pattern: &Pattern) {
        let mut at = 0;
        for segment in pattern.segments() {
            let next = self.nodes.len();
            let node = &mut self.nodes[at];
            at = match segment {
                Segment::Exactly(bytes) => *node.named.entry(bytes.as_slice().into()).or_insert(next),
                Segment::Placeholder(_) => *node.placeholder.get_or_insert(next),
            };
            if at == next {
                self.nodes.push(Node::default());
            }
        }
        let node = &mut self.nodes[at];
        let places = if pattern.has_splat() { &mut node.splats } else { &mut node.ends };
        places.push(self.count);
        self.count += 1;
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The first pattern, of those from `from` on, that matches a resolved path.
    pub fn first(&self, path: &[u8], from: usize) -> Option<usize> {
        let mut first = None;
        self.walk(path, &mut |places| {
            let found = places.get(places.partition_point(|&place| place < from)).copied();
            first = [first, found].into_iter().flatten().min();
        });
        first
    }

    /// All patterns that match a resolved path, in order.
    pub fn all(&self, path: &[u8]) -> Vec<usize> {
        let mut all = Vec::new();
        self.walk(path, &mut |places| all.extend_from_slice(places));
        all.sort_unstable();
        all
    }

    fn walk(&self, path: &[u8], found: &mut impl FnMut(&[usize])) {
        if let Some(rest) = path.strip_prefix(b"/")
            && !self.is_empty()
        {
            self.step(0, rest, found);
        }
    }

    /// As deep as the deepest pattern at most.
    fn step(&self, at: usize, rest: &[u8], found: &mut impl FnMut(&[usize])) {
        let node = &self.nodes[at];
        if !node.splats.is_empty() {
            found(&node.splats);
        }
        if rest.is_empty() {
            if !node.ends.is_empty() {
                found(&node.ends);
            }
            return;
        }
        if node.named.is_empty() && node.placeholder.is_none() {
            return;
        }
        let end = rest.iter().position(|&byte| byte == b'/').unwrap_or(rest.len());
        let (segment, behind) = rest.split_at(end);
        let behind = behind.strip_prefix(b"/").unwrap_or(behind);
        if let Some(&next) = node.named.get(segment) {
            self.step(next, behind, found);
        }
        if let Some(next) = node.placeholder.filter(|_| !segment.is_empty()) {
            self.step(next, behind, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_finds_what_trying_each_pattern_finds() {
        let parts = ["a", "b", ":x", ":y", "*"];
        let mut patterns = vec!["/".to_owned(), "/*".to_owned()];
        for first in parts {
            for second in parts {
                for third in parts {
                    let text = format!("/{first}/{second}/{third}");
                    patterns.extend([text.clone(), text[..text.len() - 2].to_owned(), format!("/{first}")]);
                }
            }
        }
        // In an order that isn't that of the tree.
        let mut patterns: Vec<Pattern> =
            patterns.iter().filter_map(|text| Pattern::parse(text).ok()).collect();
        for n in 0..patterns.len() {
            patterns.swap(n, n * 7919 % (n + 1));
        }
        let mut tree = Tree::default();
        assert_eq!((tree.first(b"/a", 0), tree.all(b"/a")), (None, vec![]));
        patterns.iter().for_each(|pattern| tree.push(pattern));
        for path in ["/", "/a", "/a/", "/c/", "/a/b", "/a/b/a/", "/c/c/c", "/b/c/a/d", "/a/a/a/a/a", "", "a"]
        {
            let matching = |place: &usize| patterns[*place].matches(path.as_bytes()).is_some();
            let expected: Vec<usize> = (0..patterns.len()).filter(matching).collect();
            assert_eq!(tree.all(path.as_bytes()), expected, "{path}");
            for from in [0, 1, 5, 40, patterns.len()] {
                let expected = expected.iter().copied().find(|&place| place >= from);
                assert_eq!(tree.first(path.as_bytes(), from), expected, "{path} from {from}");
            }
        }
    }
}
