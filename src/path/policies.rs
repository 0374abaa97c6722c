//! Certificate policies (RFC 5280 section 6.1), with the policy *graph* of RFC 9618 in place of the tree: the
//! tree doubles with every certificate that maps policies onto each other, the graph has one node for each
//! policy and depth.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Certificate, Oid, oid};

use super::budget::{Budget, Spending};
use super::reason::{Failure, Reason};

/// The policy inputs of RFC 5280 section 6.1.1 (c), (e), (f), (g).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyInputs {
    /// The policies acceptable to the user; empty is any-policy.
    pub initial: Vec<Oid>,
    /// initial-explicit-policy: some policy has to hold.
    pub require_explicit: bool,
    /// initial-any-policy-inhibit.
    pub inhibit_any: bool,
    /// initial-policy-mapping-inhibit.
    pub inhibit_mapping: bool,
}

/// Judges the policies of a whole path, leaf first, anchor last (whose own policies are not looked at).
///
/// # Errors
/// The budget, once it is spent.
pub(super) fn check(
    path: &[&Certificate],
    inputs: &PolicyInputs,
    spending: &mut Spending<'_>,
    failures: &mut Vec<Failure>,
) -> Result<(), Budget> {
    let Some((_, certificates)) = path.split_last() else { return Ok(()) };
    let says_something = |c: &&Certificate| {
        let e = &c.extensions;
        e.certificate_policies.is_some() || e.policy_constraints.is_some() || e.policy_mappings.is_some()
    };
    // The usual path in this world says nothing about policies, and then nothing is required.
    if certificates.is_empty() || (!inputs.require_explicit && !certificates.iter().any(says_something)) {
        return Ok(());
    }
    let count = certificates.len() as u32;
    let initial = |zero: bool| if zero { 0 } else { count + 1 };
    let mut state = State {
        levels: vec![Level::from([(
            oid::ANY_POLICY,
            Node { parents: Vec::new(), expected: [oid::ANY_POLICY].into() },
        )])],
        explicit: initial(inputs.require_explicit),
        mapping: initial(inputs.inhibit_mapping),
        any: initial(inputs.inhibit_any),
    };
    for (at, certificate) in certificates.iter().enumerate().rev() {
        let mut fail = |reason| failures.push(Failure { at, reason });
        let last = at == 0;
        state.descend(certificate, last, spending)?;
        if state.explicit == 0 && state.is_null() {
            fail(Reason::NoPolicy);
            return Ok(());
        }
        if last {
            break;
        }
        if maps_any_policy(certificate) {
            fail(Reason::AnyPolicyMapped);
            return Ok(());
        }
        state.map(certificate, spending)?;
        state.count_down(certificate);
    }
    let leaf = certificates[0];
    state.explicit = state.explicit.saturating_sub(1);
    if leaf.extensions.policy_constraints.as_ref().is_some_and(|c| c.value.require_explicit == Some(0)) {
        state.explicit = 0;
    }
    if state.explicit == 0 && !state.acceptable(&inputs.initial) {
        failures.push(Failure { at: 0, reason: Reason::NoPolicy });
    }
    Ok(())
}

/// The nodes of one depth by their valid_policy.
type Level = BTreeMap<Oid, Node>;

struct Node {
    /// The policies of the nodes above that lead here.
    parents: Vec<Oid>,
    /// The policies that a certificate below may name to continue from here.
    expected: BTreeSet<Oid>,
}

struct State {
    levels: Vec<Level>,
    explicit: u32,
    mapping: u32,
    any: u32,
}

impl State {
    /// valid_policy_graph = NULL.
    fn is_null(&self) -> bool {
        self.levels.last().is_none_or(BTreeMap::is_empty)
    }

    /// Section 6.1.3 (d) and (e): the nodes of the next depth.
    fn descend(
        &mut self,
        certificate: &Certificate,
        last: bool,
        spending: &mut Spending<'_>,
    ) -> Result<(), Budget> {
        let mut level = Level::new();
        let above = self.levels.last();
        if let (Some(above), Some(policies)) = (above, &certificate.extensions.certificate_policies) {
            let mut continued: BTreeMap<&Oid, Vec<Oid>> = BTreeMap::new();
            for (policy, node) in above {
                for expected in &node.expected {
                    continued.entry(expected).or_default().push(policy.clone());
                }
            }
            for policy in policies.value.iter().filter(|policy| **policy != oid::ANY_POLICY) {
                let parents = match continued.get(policy) {
                    Some(parents) => parents.clone(),
                    None if above.contains_key(&oid::ANY_POLICY) => vec![oid::ANY_POLICY],
                    None => continue,
                };
                level.insert(policy.clone(), Node { parents, expected: [policy.clone()].into() });
            }
            let any_counts = self.any > 0 || (!last && certificate.is_self_issued());
            if any_counts && policies.value.contains(&oid::ANY_POLICY) {
                for (policy, parents) in continued {
                    level
                        .entry(policy.clone())
                        .or_insert_with(|| Node { parents, expected: [policy.clone()].into() });
                }
            }
        }
        spending.charge(Budget::PolicyNodes, level.len())?;
        self.levels.push(level);
        Ok(())
    }

    /// Section 6.1.4 (b).
    fn map(&mut self, certificate: &Certificate, spending: &mut Spending<'_>) -> Result<(), Budget> {
        let Some(mappings) = &certificate.extensions.policy_mappings else { return Ok(()) };
        spending.charge(Budget::PolicyNodes, mappings.value.len())?;
        let mut by_issuer: BTreeMap<&Oid, BTreeSet<Oid>> = BTreeMap::new();
        for mapping in &mappings.value {
            by_issuer.entry(&mapping.issuer).or_default().insert(mapping.subject.clone());
        }
        let allowed = self.mapping > 0;
        let Some(level) = self.levels.last_mut() else { return Ok(()) };
        let any = level.contains_key(&oid::ANY_POLICY);
        for (issuer, expected) in by_issuer {
            match level.get_mut(issuer) {
                _ if !allowed => {
                    level.remove(issuer);
                }
                Some(node) => node.expected = expected,
                None if any => {
                    level.insert(issuer.clone(), Node { parents: vec![oid::ANY_POLICY], expected });
                }
                None => {}
            }
        }
        Ok(())
    }

    /// Section 6.1.4 (h) to (j).
    fn count_down(&mut self, certificate: &Certificate) {
        if !certificate.is_self_issued() {
            for counter in [&mut self.explicit, &mut self.mapping, &mut self.any] {
                *counter = counter.saturating_sub(1);
            }
        }
        let constraints = certificate.extensions.policy_constraints.as_ref().map(|c| c.value);
        let limits = [
            (&mut self.explicit, constraints.and_then(|c| c.require_explicit)),
            (&mut self.mapping, constraints.and_then(|c| c.inhibit_mapping)),
            (&mut self.any, certificate.extensions.inhibit_any_policy.as_ref().map(|e| e.value)),
        ];
        for (counter, limit) in limits {
            *counter = limit.map_or(*counter, |limit| limit.min(*counter));
        }
    }

    /// Section 6.1.5 (g): does a policy hold for the whole path that is one of these?
    fn acceptable(&self, initial: &[Oid]) -> bool {
        let any = initial.is_empty() || initial.contains(&oid::ANY_POLICY);
        let Some(last) = self.levels.last().filter(|level| !level.is_empty()) else { return false };
        if any || last.contains_key(&oid::ANY_POLICY) {
            return true;
        }
        // A policy is the authority's own word where it follows from anyPolicy; below that it may be mapped.
        let mut alive: BTreeSet<&Oid> = last.keys().collect();
        for level in self.levels.iter().skip(1).rev() {
            let mut above = BTreeSet::new();
            for policy in alive {
                let Some(node) = level.get(policy) else { continue };
                if *policy != oid::ANY_POLICY
                    && node.parents.contains(&oid::ANY_POLICY)
                    && initial.contains(policy)
                {
                    return true;
                }
                above.extend(&node.parents);
            }
            alive = above;
        }
        false
    }
}

/// Section 6.1.4 (a).
fn maps_any_policy(certificate: &Certificate) -> bool {
    certificate
        .extensions
        .policy_mappings
        .iter()
        .flat_map(|mappings| &mappings.value)
        .any(|mapping| mapping.issuer == oid::ANY_POLICY || mapping.subject == oid::ANY_POLICY)
}

#[cfg(test)]
mod tests {
    use rcgen::CertificateParams;

    use super::super::testing::{Ca, NOW, der, der_oid, extension, failures, root, search};
    use super::super::{Options, Outcome};
    use super::*;

    fn policy(n: usize) -> Oid {
        Oid::parse(&format!("1.2.3.{n}")).unwrap()
    }

    fn policies(p: &mut CertificateParams, policies: &[Oid]) {
        let list: Vec<_> = policies.iter().map(|p| der(0x30, &[der_oid(p)])).collect();
        p.custom_extensions.push(extension(&oid::CERTIFICATE_POLICIES, false, der(0x30, &list)));
    }

    fn mappings(p: &mut CertificateParams, pairs: &[(Oid, Oid)]) {
        let list: Vec<_> = pairs.iter().map(|(a, b)| der(0x30, &[der_oid(a), der_oid(b)])).collect();
        p.custom_extensions.push(extension(&oid::POLICY_MAPPINGS, true, der(0x30, &list)));
    }

    /// What a path over these CAs, top down, to a leaf with these policies fails by.
    fn judge(root: &Ca, cas: &[&Ca], leaf: &[Oid], inputs: PolicyInputs) -> Vec<(usize, &'static str)> {
        let issuer = cas.last().copied().unwrap_or(root);
        let leaf = issuer.leaf_with("a.foo.com", &|p| {
            if !leaf.is_empty() {
                policies(p, leaf);
            }
        });
        let pool: Vec<_> = cas.iter().map(|ca| &ca.certificate).collect();
        let options = Options { policies: inputs, ..Options::new(NOW) };
        let found = search(&leaf, &pool, &[&root.certificate], &options);
        assert_eq!(found.outcome == Outcome::Valid, found.failures.is_empty());
        failures(&found)
    }

    fn required(initial: &[usize]) -> PolicyInputs {
        PolicyInputs {
            initial: initial.iter().map(|n| policy(*n)).collect(),
            require_explicit: true,
            ..PolicyInputs::default()
        }
    }

    const NONE: &[(usize, &str)] = &[];

    /// A policy that every certificate of the path names holds; one that somebody leaves out does not.
    #[test]
    fn a_policy_holds_where_the_whole_path_names_it() {
        let root = root("Root");
        let ca = root.ca_with("CA", &|p| policies(p, &[policy(1), policy(2)]));
        assert_eq!(judge(&root, &[&ca], &[policy(1)], required(&[])), NONE);
        assert_eq!(judge(&root, &[&ca], &[policy(1)], required(&[1])), NONE);
        assert_eq!(judge(&root, &[&ca], &[policy(1)], required(&[2])), [(0, "no-policy")]);
        assert_eq!(judge(&root, &[&ca], &[policy(3)], required(&[])), [(0, "no-policy")]);
        assert_eq!(judge(&root, &[&ca], &[], required(&[])), [(0, "no-policy")]);
        // Nobody requires one: nothing to fail by.
        assert_eq!(judge(&root, &[&ca], &[policy(3)], PolicyInputs::default()), NONE);
    }

    #[test]
    fn any_policy_stands_for_all_unless_inhibited() {
        let root = root("Root");
        let ca = root.ca_with("CA", &|p| policies(p, &[oid::ANY_POLICY]));
        assert_eq!(judge(&root, &[&ca], &[policy(1)], required(&[1])), NONE);
        let inhibited = PolicyInputs { inhibit_any: true, ..required(&[1]) };
        assert_eq!(judge(&root, &[&ca], &[policy(1)], inhibited), [(1, "no-policy")]);
    }

    /// The CA says that its policy 1 is what the leaf calls 2: the user, who knows 1, is content.
    #[test]
    fn mappings_carry_a_policy_over() {
        let root = root("Root");
        let ca = root.ca_with("CA", &|p| {
            policies(p, &[policy(1)]);
            mappings(p, &[(policy(1), policy(2))]);
        });
        assert_eq!(judge(&root, &[&ca], &[policy(2)], required(&[1])), NONE);
        assert_eq!(judge(&root, &[&ca], &[policy(2)], required(&[2])), [(0, "no-policy")]);
        assert_eq!(judge(&root, &[&ca], &[policy(1)], required(&[1])), [(0, "no-policy")]);
        let inhibited = PolicyInputs { inhibit_mapping: true, ..required(&[1]) };
        assert_eq!(judge(&root, &[&ca], &[policy(2)], inhibited), [(0, "no-policy")]);
        let any = root.ca_with("Any", &|p| mappings(p, &[(oid::ANY_POLICY, policy(2))]));
        assert_eq!(judge(&root, &[&any], &[policy(2)], PolicyInputs::default()), [(1, "any-policy-mapped")]);
    }

    /// policyConstraints in a CA makes a policy necessary although the user asks for none.
    #[test]
    fn a_ca_may_require_a_policy() {
        let root = root("Root");
        let required_at_once = der(0x30, &[vec![0x80, 1, 0]]);
        let ca = root.ca_with("CA", &|p| {
            policies(p, &[policy(1)]);
            p.custom_extensions.push(extension(&oid::POLICY_CONSTRAINTS, true, required_at_once.clone()));
        });
        assert_eq!(judge(&root, &[&ca], &[policy(1)], PolicyInputs::default()), NONE);
        assert_eq!(judge(&root, &[&ca], &[], PolicyInputs::default()), [(0, "no-policy")]);
    }

    /// Ten CAs that map twenty policies all onto each other: the tree of RFC 5280 would have 20^10 leaves, the
    /// graph has twenty nodes for each CA and stays within its budget.
    #[test]
    fn mappings_do_not_explode() {
        let all: Vec<Oid> = (0..20).map(policy).collect();
        let pairs: Vec<_> = all.iter().flat_map(|a| all.iter().map(|b| (a.clone(), b.clone()))).collect();
        let root = root("Root");
        let mut cas: Vec<Ca> = Vec::new();
        for n in 0..10 {
            let issuer = cas.last().unwrap_or(&root);
            cas.push(issuer.ca_with(&format!("CA {n}"), &|p| {
                policies(p, &all);
                mappings(p, &pairs);
            }));
        }
        let cas: Vec<&Ca> = cas.iter().collect();
        assert_eq!(judge(&root, &cas, &[policy(3)], required(&[19])), NONE);
        assert_eq!(judge(&root, &cas, &[policy(3)], required(&[77])), [(0, "no-policy")]);
    }
}
