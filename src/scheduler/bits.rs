//! A set of accounts as bits. The accounts that may be chosen are found by a few word operations however large the pool
//! is, and two lists of candidates are compared in the same way.

use crate::ids::AccountIx;

/// A set of accounts of one pool. All sets that are combined have the same length.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bits {
    words: Vec<u64>,
}

impl Bits {
    /// The empty set over `accounts` accounts.
    pub(crate) fn none(accounts: usize) -> Self {
        Self { words: vec![0; accounts.div_ceil(64)] }
    }

    /// Puts an account in or takes it out; one that the pool does not have is ignored.
    pub(crate) fn set(&mut self, account: AccountIx, member: bool) {
        if let Some(word) = self.words.get_mut(account.at() / 64) {
            let bit = 1 << (account.at() % 64);
            *word = if member { *word | bit } else { *word & !bit };
        }
    }

    /// Becomes the intersection of these sets.
    pub(crate) fn become_intersection(&mut self, sets: [&Self; 4]) {
        let [a, b, c, d] = sets;
        let inputs = a.words.iter().zip(&b.words).zip(c.words.iter().zip(&d.words));
        for (word, ((a, b), (c, d))) in self.words.iter_mut().zip(inputs) {
            *word = a & b & c & d;
        }
    }

    /// Whether an account is in it.
    #[inline]
    pub(crate) fn contains(&self, account: AccountIx) -> bool {
        self.words.get(account.at() / 64).is_some_and(|word| word >> (account.at() % 64) & 1 == 1)
    }

    /// Keeps those that are also in `other`.
    pub(crate) fn keep_only(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word &= other;
        }
    }

    /// Takes out those that are in `other`.
    pub(crate) fn leave_out(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word &= !other;
        }
    }

    /// Becomes empty.
    pub(crate) fn clear(&mut self) {
        self.words.fill(0);
    }

    /// Becomes a copy of `other`, without a new allocation.
    pub(crate) fn copy_from(&mut self, other: &Self) {
        self.words.clone_from(&other.words);
    }

    /// A hash of the members.
    pub(crate) fn fingerprint(&self) -> u64 {
        self.words.iter().fold(0, |hash, word| (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29))
    }

    /// Whether it is empty.
    pub(crate) fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }

    /// The members in ascending order, which is the order of account ids.
    pub(crate) fn iter(&self) -> impl Iterator<Item = AccountIx> + '_ {
        self.words.iter().zip(0u32..).flat_map(|(&word, at)| {
            std::iter::successors(Some(word), |rest| Some(rest & rest.wrapping_sub(1)))
                .take_while(|&rest| rest != 0)
                .map(move |rest| AccountIx(at * 64 + rest.trailing_zeros()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_come_out_in_ascending_order_across_words() {
        let mut set = Bits::none(200);
        for ix in [199, 0, 63, 64, 65, 127, 128] {
            set.set(AccountIx(ix), true);
        }
        set.set(AccountIx(65), false);
        set.set(AccountIx(5_000), true); // not of this pool
        assert_eq!(set.iter().map(|ix| ix.0).collect::<Vec<_>>(), [0, 63, 64, 127, 128, 199]);
        assert!(set.contains(AccountIx(64)) && !set.contains(AccountIx(65)) && !set.contains(AccountIx(5_000)));
        let mut few = Bits::none(200);
        few.set(AccountIx(63), true);
        few.set(AccountIx(66), true);
        few.keep_only(&set);
        assert_eq!(few.iter().map(|ix| ix.0).collect::<Vec<_>>(), [63]);
        set.leave_out(&few);
        assert!(!set.contains(AccountIx(63)) && set.contains(AccountIx(64)));
        few.clear();
        assert!(few.is_empty());
        assert!(!set.is_empty() && Bits::none(200).is_empty());
    }
}
