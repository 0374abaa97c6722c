//! Certificate policies (RFC 5280 sections 6.1.3 d to 6.1.5).

use super::*;

/// A policy question: the certificates between the anchor and the leaf, what the leaf says.
macro_rules! policy {
    ($says:literal, $law:literal, $asked:expr, [$($ca:expr),*], $leaf:expr, $fails:expr) => {
        row($says, $law, $asked, &[ROOT, $($ca,)* Cert("leaf", $leaf)], $fails)
    };
}

const ONE: &[With] = &[Policies(&[1])];
const P1: Cert = Cert("A", ONE);
const P1_SELF: Cert = Cert("A", ONE);
const P1_B: Cert = Cert("B", ONE);
const NO_POLICY: Fails = &[(0, "no-policy")];

pub const ROWS: &[Row] = &[
    policy!("a policy that all name", "6.1.3 d", EXPLICIT, [P1], ONE, VALID),
    policy!("the one that is wanted", "6.1.5 g", wanting(&[1]), [P1], ONE, VALID),
    policy!("one of those", "6.1.5 g", wanting(&[2, 1]), [P1], ONE, VALID),
    policy!("not that one", "6.1.5 g", wanting(&[2]), [P1], ONE, NO_POLICY),
    policy!(
        "wanted, but no policy is required",
        "6.1.5 g",
        Asked { explicit: false, ..wanting(&[2]) },
        [P1],
        ONE,
        VALID
    ),
    policy!("another than the CA's", "6.1.3 f", EXPLICIT, [P1], &[Policies(&[2])], NO_POLICY),
    policy!("a CA without any", "6.1.3 f", EXPLICIT, [A], ONE, &[(1, "no-policy")]),
    policy!("nobody requires one", "6.1.3 f", PLAIN, [P1], &[Policies(&[2])], VALID),
    policy!("any stands for all", "6.1.3 d 2", wanting(&[1]), [Cert("A", &[Policies(&[0])])], ONE, VALID),
    policy!("in the leaf too", "6.1.3 d 2", wanting(&[1]), [P1], &[Policies(&[0])], VALID),
    policy!(
        "but for those who inhibit it",
        "6.1.1 f",
        Asked { no_any: true, ..EXPLICIT },
        [Cert("A", &[Policies(&[0])])],
        ONE,
        &[(1, "no-policy")]
    ),
    policy!(
        "as a CA may",
        "6.1.4 j",
        EXPLICIT,
        [Cert("A", &[Policies(&[1]), InhibitAny(0)])],
        &[Policies(&[0])],
        NO_POLICY
    ),
    policy!(
        "one certificate later",
        "6.1.4 j",
        EXPLICIT,
        [Cert("A", &[Policies(&[1]), InhibitAny(1)])],
        &[Policies(&[0])],
        VALID
    ),
    policy!(
        "which has passed",
        "6.1.4 h",
        EXPLICIT,
        [Cert("A", &[Policies(&[1]), InhibitAny(1)]), P1_B],
        &[Policies(&[0])],
        NO_POLICY
    ),
    policy!(
        "a self-issued one may say any all the same",
        "6.1.3 d 2",
        EXPLICIT,
        [Cert("A", &[Policies(&[1]), InhibitAny(0)]), Cert("A", &[Policies(&[0])])],
        ONE,
        VALID
    ),
    policy!(
        "a CA requires a policy",
        "6.1.4 i",
        PLAIN,
        [Cert("A", &[Policies(&[1]), Demands(Some(0), None)])],
        &[],
        NO_POLICY
    ),
    policy!(
        "and has it",
        "6.1.4 i",
        PLAIN,
        [Cert("A", &[Policies(&[1]), Demands(Some(0), None)])],
        ONE,
        VALID
    ),
    policy!(
        "of the second certificate below",
        "6.1.5 a",
        PLAIN,
        [Cert("A", &[Policies(&[1]), Demands(Some(2), None)]), B],
        &[],
        NO_POLICY
    ),
    policy!(
        "not of the ones before",
        "6.1.4 h",
        PLAIN,
        [Cert("A", &[Policies(&[1]), Demands(Some(3), None)]), B],
        &[],
        VALID
    ),
    policy!(
        "where a self-issued one is not counted",
        "6.1.4 h",
        PLAIN,
        [Cert("A", &[Policies(&[1]), Demands(Some(1), None)]), P1_SELF, P1_B],
        &[],
        NO_POLICY
    ),
    policy!("a leaf requires one itself", "6.1.5 b", PLAIN, [A], &[Demands(Some(0), None)], NO_POLICY),
    policy!(
        "from the next on, of which there is none",
        "6.1.5 b",
        PLAIN,
        [A],
        &[Demands(Some(1), None)],
        VALID
    ),
    policy!(
        "a mapping",
        "6.1.4 b 1",
        wanting(&[1]),
        [Cert("A", &[Policies(&[1]), Maps(&[(1, 2)])])],
        &[Policies(&[2])],
        VALID
    ),
    policy!(
        "from what the user wants, not to it",
        "6.1.5 g",
        wanting(&[2]),
        [Cert("A", &[Policies(&[1]), Maps(&[(1, 2)])])],
        &[Policies(&[2])],
        NO_POLICY
    ),
    policy!(
        "what was mapped is gone",
        "6.1.4 b 1",
        EXPLICIT,
        [Cert("A", &[Policies(&[1]), Maps(&[(1, 2)])])],
        ONE,
        NO_POLICY
    ),
    policy!(
        "of a policy that nobody has",
        "6.1.4 b 1",
        EXPLICIT,
        [Cert("A", &[Policies(&[1]), Maps(&[(3, 2)])])],
        &[Policies(&[2])],
        NO_POLICY
    ),
    policy!(
        "onto two",
        "6.1.4 b 1",
        wanting(&[1]),
        [Cert("A", &[Policies(&[1]), Maps(&[(1, 2), (1, 3)])])],
        &[Policies(&[3])],
        VALID
    ),
    policy!(
        "out of any",
        "6.1.4 b 1",
        wanting(&[1]),
        [Cert("A", &[Policies(&[0]), Maps(&[(1, 2)])])],
        &[Policies(&[2])],
        VALID
    ),
    but(
        policy!(
            "out of any, for those who inhibit it",
            "6.1.4 b 1",
            Asked { no_any: true, ..EXPLICIT },
            [Cert("A", &[Policies(&[0]), Maps(&[(1, 2)])])],
            &[Policies(&[2])],
            &[(1, "no-policy")]
        ),
        &[(Openssl, "it maps out of an anyPolicy that does not count")],
    ),
    policy!(
        "twice",
        "6.1.4 b 1",
        wanting(&[1]),
        [Cert("A", &[Policies(&[1]), Maps(&[(1, 2)])]), Cert("B", &[Policies(&[2]), Maps(&[(2, 3)])])],
        &[Policies(&[3])],
        VALID
    ),
    policy!(
        "for those who inhibit it",
        "6.1.1 e",
        Asked { no_mapping: true, ..EXPLICIT },
        [Cert("A", &[Policies(&[1]), Maps(&[(1, 2)])])],
        &[Policies(&[2])],
        NO_POLICY
    ),
    policy!(
        "inhibited by a CA above",
        "6.1.4 b 2",
        EXPLICIT,
        [Cert("A", &[Policies(&[1]), Demands(None, Some(0))]), Cert("B", &[Policies(&[1]), Maps(&[(1, 2)])])],
        &[Policies(&[2])],
        NO_POLICY
    ),
    policy!(
        "one certificate too early for that",
        "6.1.4 i",
        EXPLICIT,
        [Cert("A", &[Policies(&[1]), Demands(None, Some(1))]), Cert("B", &[Policies(&[1]), Maps(&[(1, 2)])])],
        &[Policies(&[2])],
        VALID
    ),
    policy!(
        "from any",
        "6.1.4 a",
        PLAIN,
        [Cert("A", &[Policies(&[1]), Maps(&[(0, 2)])])],
        ONE,
        &[(1, "any-policy-mapped")]
    ),
    policy!(
        "to any",
        "6.1.4 a",
        PLAIN,
        [Cert("A", &[Policies(&[1]), Maps(&[(1, 0)])])],
        ONE,
        &[(1, "any-policy-mapped")]
    ),
];
