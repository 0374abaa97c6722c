//! Exit codes (a contract: scripts depend on them).

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// 0: yes, or done.
    Yes,
    /// 3: pending at the CA, or the outcome is unknown: run it again later.
    Pending,
    /// 1: the answer is not yes: invalid, incomplete, denied, refused, expired.
    No,
    /// 2: it could not be done: usage, unreadable input, network, logon refused.
    CouldNot,
}

impl Outcome {
    /// The process's exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Yes => 0,
            Self::No => 1,
            Self::CouldNot => 2,
            Self::Pending => 3,
        }
    }

    /// Several at once: 2, then 1, then 3.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.max(other)
    }
}

#[cfg(test)]
mod tests {
    use super::Outcome::*;

    #[test]
    fn several_at_once_are_2_then_1_then_3() {
        assert_eq!(Pending.and(No).and(CouldNot).code(), 2);
        assert_eq!(Pending.and(No).and(Yes).code(), 1);
        assert_eq!(Yes.and(Pending).code(), 3);
    }
}
