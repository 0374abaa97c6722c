//! Limits, so that nobody can make a search run for ever with certificates made for it.

use std::fmt;

/// A limit that ends a search before it is finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Budget {
    /// Different signatures verified.
    Signatures,
    /// Candidate issuers looked at.
    Candidates,
    /// Comparisons of a name with a name constraint.
    NameConstraints,
    /// Nodes of the valid-policy graph.
    PolicyNodes,
    /// Intermediates in one path.
    Depth,
    /// Whole paths validated.
    Paths,
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Signatures => "signature checks",
            Self::Candidates => "candidate issuers",
            Self::NameConstraints => "name constraint comparisons",
            Self::PolicyNodes => "policy nodes",
            Self::Depth => "intermediates",
            Self::Paths => "whole paths",
        })
    }
}

/// How much one search may do. The defaults are far above what an honest pool needs, and end the worst one in
/// well under 100 ms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budgets {
    /// See [`Budget::Signatures`].
    pub signatures: usize,
    /// See [`Budget::Candidates`].
    pub candidates: usize,
    /// See [`Budget::NameConstraints`].
    pub name_constraints: usize,
    /// See [`Budget::PolicyNodes`].
    pub policy_nodes: usize,
    /// See [`Budget::Depth`].
    pub depth: usize,
    /// See [`Budget::Paths`].
    pub paths: usize,
}

impl Default for Budgets {
    fn default() -> Self {
        Self {
            signatures: 100,
            candidates: 5_000,
            name_constraints: 250_000,
            policy_nodes: 10_000,
            depth: 30,
            paths: 100,
        }
    }
}

impl Budgets {
    /// The limit of one kind.
    pub fn limit(&self, budget: Budget) -> usize {
        match budget {
            Budget::Signatures => self.signatures,
            Budget::Candidates => self.candidates,
            Budget::NameConstraints => self.name_constraints,
            Budget::PolicyNodes => self.policy_nodes,
            Budget::Depth => self.depth,
            Budget::Paths => self.paths,
        }
    }
}

/// What one search has spent.
#[derive(Debug)]
pub(super) struct Spending<'a> {
    budgets: &'a Budgets,
    spent: [usize; 6],
    /// The first limit that was hit.
    pub(super) hit: Option<Budget>,
}

impl<'a> Spending<'a> {
    pub(super) fn new(budgets: &'a Budgets) -> Self {
        Self { budgets, spent: [0; 6], hit: None }
    }

    /// Spends, unless that would exceed the limit.
    pub(super) fn charge(&mut self, budget: Budget, amount: usize) -> Result<(), Budget> {
        let spent = &mut self.spent[budget as usize];
        *spent = spent.saturating_add(amount);
        if *spent > self.budgets.limit(budget) {
            self.hit.get_or_insert(budget);
            return Err(budget);
        }
        Ok(())
    }
}
