//! Numbers that look random and come from a seed, so that a run can be had again.

use std::sync::LazyLock;

/// A generator (xorshift, 64 bits).
#[derive(Clone, Debug)]
pub struct Random(u64);

/// What a peer says, and what must come back. Part of one long text, so nobody waits for it to be made.
#[derive(Clone, Copy, Debug)]
pub struct Text {
    pub plain: &'static [u8],
    pub upper: &'static [u8],
}

/// Bytes of the long text: two peers hardly ever say the same.
const POOL: usize = 2 << 20;

static PLAIN: LazyLock<Vec<u8>> = LazyLock::new(|| {
    const LETTERS: &[u8; 64] =
        b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJK XYZ0189!?.,;:\n\r\t\xe4\xc3\x9f\0{}@[`^";
    let mut random = Random::new(1);
    let mut bytes = Vec::with_capacity(POOL);
    while bytes.len() < POOL {
        let many = random.next();
        bytes
            .extend_from_slice(&[0, 6, 12, 18, 24, 30, 36, 42].map(|at| LETTERS[(many >> at) as usize % 64]));
    }
    bytes
});

static UPPER: LazyLock<Vec<u8>> = LazyLock::new(|| PLAIN.to_ascii_uppercase());

impl Random {
    /// The generator of a seed.
    pub fn new(seed: u64) -> Random {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        (0..8).for_each(|_| _ = random.next());
        random
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11
    }

    /// A number from `low` to `high`, both possible.
    pub fn range(&mut self, low: usize, high: usize) -> usize {
        low + (self.next() % (high - low + 1) as u64) as usize
    }

    /// True once in so many times; never for 0.
    pub fn one_in(&mut self, times: usize) -> bool {
        times > 0 && self.range(1, times) == 1
    }

    /// One of these.
    pub fn pick<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.range(0, choices.len() - 1)].clone()
    }

    /// A generator for a peer of its own.
    pub fn fork(&mut self) -> Random {
        Random::new(self.next())
    }

    /// A text of so many bytes.
    pub fn text(&mut self, length: usize) -> Text {
        let start = self.range(0, POOL - length);
        Text { plain: &PLAIN[start..start + length], upper: &UPPER[start..start + length] }
    }
}
