//! Numbers that look random and come from a seed, so that a run can be had again.

/// A generator (xorshift, 64 bits).
#[derive(Clone, Debug)]
pub struct Random(u64);

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

    /// A number for whoever needs many of their own.
    pub fn fork(&mut self) -> Random {
        Random::new(self.next())
    }

    /// Some bytes, letters in them.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| b"abcdefghijklmnopqrstuvwxyzABC XYZ09!\n\xe4\0"[self.range(0, 38)]).collect()
    }
}
