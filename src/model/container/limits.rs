//! How much work a file may ask for: derivation of keys is made slow on purpose, and a file says how slow.

use crate::model::{Error, Result};

/// What a file may ask for before it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Iterations of key derivation, all parts of a file together; ten million take a second or two. GnuTLS asks
    /// for 600,000 a certificate.
    pub iterations: u64,
    /// Bytes of memory for one derivation with scrypt.
    pub memory: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { iterations: 50_000_000, memory: 256 << 20 }
    }
}

/// A PFX file larger than this is refused (bytes): a thousand certificates are 2 MiB.
pub const MAX_PFX: usize = 64 << 20;

/// More problems than this of one file are not kept: the first tell what is wrong.
pub const MAX_PROBLEMS: usize = 1000;

/// What is left of the [`Limits`] while one file is opened.
#[derive(Debug)]
pub(super) struct Budget {
    limits: Limits,
    left: u64,
}

impl Budget {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, left: limits.iterations }
    }

    /// Takes the iterations of one derivation, which happens then.
    pub(super) fn take(&mut self, iterations: u64, memory: u64) -> Result<()> {
        if memory > self.limits.memory {
            let most = self.limits.memory >> 20;
            return Err(Error::Limit(format!(
                "it asks for {} MiB of memory to derive a key; at most {most} are taken",
                memory >> 20
            )));
        }
        match self.left.checked_sub(iterations) {
            Some(left) => self.left = left,
            None => {
                return Err(Error::Limit(format!(
                    "it asks for more than {} iterations of key derivation; no more are computed",
                    crate::text::grouped(self.limits.iterations)
                )));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_parts_ask_for_together_counts() {
        let mut budget = Budget::new(Limits { iterations: 1000, memory: 1 << 20 });
        budget.take(600, 0).unwrap();
        budget.take(400, 1 << 20).unwrap();
        assert!(budget.take(1, 0).unwrap_err().to_string().contains("more than 1,000 iterations"));
        let memory = budget.take(0, 2 << 20).unwrap_err();
        assert!(memory.to_string().contains("2 MiB of memory"), "{memory}");
    }
}
