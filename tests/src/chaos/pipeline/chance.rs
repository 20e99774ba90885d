//! Chance that comes again with its seed.

/// A generator of numbers: SplitMix64, by Steele, Lea and Flood (2014).
#[derive(Clone, Debug)]
pub(super) struct Chance(u64);

impl Chance {
    /// The numbers of `seed` for one purpose: each has a sequence of its own, so that one may draw more without changing
    /// another.
    pub(super) fn of(seed: u64, purpose: &str) -> Self {
        purpose.bytes().fold(Self(seed), |chance, byte| Self(chance.0 ^ u64::from(byte)).mixed())
    }

    fn mixed(mut self) -> Self {
        Self(self.number())
    }

    /// The next number.
    pub(super) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is at least 1.
    pub(super) fn below(&mut self, end: usize) -> usize {
        // The remainder favours small numbers by less than one in a billion.
        (self.number() % end.max(1) as u64) as usize
    }

    /// Whether something is so that is so once in `times`.
    pub(super) fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of these, which are at least one.
    pub(super) fn of_these<T: Copy>(&mut self, these: &[T]) -> T {
        these[self.below(these.len())]
    }

    /// Puts them in another order.
    pub(super) fn shuffle<T>(&mut self, these: &mut [T]) {
        for last in (1..these.len()).rev() {
            these.swap(last, self.below(last + 1));
        }
    }
}
