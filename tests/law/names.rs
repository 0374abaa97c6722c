//! Name constraints (RFC 5280 section 4.2.1.10).

use super::*;

/// A name of the leaf under constraints of the anchor.
macro_rules! named {
    ($says:literal, $names:expr, $permitted:expr, $excluded:expr, $fails:expr) => {
        row(
            $says,
            "4.2.1.10",
            PLAIN,
            &[Cert("Root", &[Within($permitted, $excluded)]), Cert("leaf", &[Names($names)])],
            $fails,
        )
    };
}

/// Constraints that cannot be read, where none of the leaf's names is concerned.
macro_rules! malformed {
    ($says:literal, $value:expr, $differs:expr) => {
        but(
            row(
                $says,
                "4.2.1.10",
                PLAIN,
                &[Cert("Root", &[Raw(NAME_CONSTRAINTS, true, $value)]), LEAF],
                &[(1, "defect")],
            ),
            $differs,
        )
    };
}

const OPENSSL_READS: &[(Judge, &str)] = &[(Openssl, "it does not look behind a value")];

pub const ROWS: &[Row] = &[
    // Name constraints: hosts.
    named!("the host that is permitted", &[Dns("foo.com")], &[Dns("foo.com")], &[], VALID),
    named!("in any case", &[Dns("FOO.com")], &[Dns("foo.COM")], &[], VALID),
    named!("and what is below it", &[Dns("a.b.foo.com")], &[Dns("foo.com")], &[], VALID),
    named!("not what ends alike", &[Dns("xfoo.com")], &[Dns("foo.com")], &[], &[(0, "name-not-permitted")]),
    named!(
        "one name of two",
        &[Dns("foo.com"), Dns("bar.com")],
        &[Dns("foo.com")],
        &[],
        &[(0, "name-not-permitted")]
    ),
    named!(
        "permitted and excluded",
        &[Dns("foo.com")],
        &[Dns("foo.com")],
        &[Dns("foo.com")],
        &[(0, "name-excluded")]
    ),
    named!(
        "excluded below what is permitted",
        &[Dns("a.b.foo.com")],
        &[Dns("foo.com")],
        &[Dns("b.foo.com")],
        &[(0, "name-excluded")]
    ),
    named!("everything excluded", &[Dns("foo.com")], &[], &[Dns("")], &[(0, "name-excluded")]),
    named!("a wildcard within", &[Dns("*.foo.com")], &[Dns("foo.com")], &[], VALID),
    named!(
        "a wildcard that stands for more than is permitted",
        &[Dns("*.foo.com")],
        &[Dns("a.foo.com")],
        &[],
        &[(0, "name-not-permitted")]
    ),
    but(
        named!(
            "a wildcard that stands for what is excluded",
            &[Dns("*.foo.com")],
            &[],
            &[Dns("a.foo.com")],
            &[(0, "name-excluded")]
        ),
        &[(Openssl, "a wildcard is a name like others to it")],
    ),
    but(
        named!("a name that is none", &[Dns(".foo.com")], &[Dns("foo.com")], &[], &[(0, "name-malformed")]),
        &[(Openssl, "it compares the ends of names")],
    ),
    named!(
        "a constraint that is none",
        &[Dns("a.foo.com")],
        &[Dns("*.foo.com")],
        &[],
        &[(1, "name-constraint-malformed")]
    ),
    but(
        named!(
            "behind one that would do",
            &[Dns("a.foo.com")],
            &[Dns("foo.com"), Dns("*.foo.com")],
            &[],
            &[(1, "name-constraint-malformed")]
        ),
        &[(Openssl, "it stops at the first that holds the name")],
    ),
    named!(
        "a constraint on another form",
        &[Dns("foo.com")],
        &[Email("bar.com")],
        &[Ip(&[10, 0, 0, 0, 255, 0, 0, 0])],
        VALID
    ),
    // Addresses.
    named!("an address in the net", &[Ip(&[10, 1, 2, 3])], &[Ip(&[10, 1, 0, 0, 255, 255, 0, 0])], &[], VALID),
    named!(
        "in the next one",
        &[Ip(&[10, 2, 2, 3])],
        &[Ip(&[10, 1, 0, 0, 255, 255, 0, 0])],
        &[],
        &[(0, "name-not-permitted")]
    ),
    named!(
        "excluded",
        &[Ip(&[10, 1, 2, 3])],
        &[],
        &[Ip(&[10, 1, 2, 3, 255, 255, 255, 255])],
        &[(0, "name-excluded")]
    ),
    named!(
        "of the other kind, under what is permitted",
        &[Ip(&[0; 16])],
        &[Ip(&[0; 8])],
        &[],
        &[(0, "name-not-permitted")]
    ),
    named!("of the other kind, under what is excluded", &[Ip(&[0; 16])], &[], &[Ip(&[0; 8])], VALID),
    but(
        named!(
            "a mask with a hole",
            &[Ip(&[10, 1, 2, 3])],
            &[Ip(&[10, 0, 0, 3, 255, 0, 0, 255])],
            &[],
            &[(1, "name-constraint-malformed")]
        ),
        &[(Openssl, "it takes any mask")],
    ),
    named!(
        "a constraint without a mask",
        &[Ip(&[10, 1, 2, 3])],
        &[Ip(&[10, 1, 2, 3])],
        &[],
        &[(1, "name-constraint-malformed")]
    ),
    named!(
        "an address with a mask",
        &[Ip(&[10, 1, 0, 0, 255, 255, 0, 0])],
        &[Ip(&[10, 1, 0, 0, 255, 255, 0, 0])],
        &[],
        &[(0, "name-malformed")]
    ),
    // Mailboxes.
    named!("the mailbox that is permitted", &[Email("a@FOO.com")], &[Email("a@foo.com")], &[], VALID),
    named!(
        "with another local part",
        &[Email("A@foo.com")],
        &[Email("a@foo.com")],
        &[],
        &[(0, "name-not-permitted")]
    ),
    named!(
        "a star is a star",
        &[Email("a@foo.com")],
        &[Email("*@foo.com")],
        &[],
        &[(0, "name-not-permitted")]
    ),
    named!("all of a host", &[Email("a@foo.com")], &[Email("foo.com")], &[], VALID),
    named!(
        "not those of the hosts below",
        &[Email("a@b.foo.com")],
        &[Email("foo.com")],
        &[],
        &[(0, "name-not-permitted")]
    ),
    named!("those of the hosts below alone", &[Email("a@b.foo.com")], &[Email(".foo.com")], &[], VALID),
    named!(
        "not the host itself",
        &[Email("a@foo.com")],
        &[Email(".foo.com")],
        &[],
        &[(0, "name-not-permitted")]
    ),
    but(
        named!("two ats", &[Email("a@b@foo.com")], &[Email("foo.com")], &[], &[(0, "name-malformed")]),
        &[(Openssl, "it looks behind the last one")],
    ),
    row(
        "one in the subject",
        "4.2.1.10",
        PLAIN,
        &[WITHIN_FOO_COM, Cert("E=a@bar.com/CN=leaf", &[])],
        &[(0, "name-not-permitted")],
    ),
    row(
        "beside an alternative name, where the section does not ask for it and openssl does",
        "4.2.1.10",
        PLAIN,
        &[WITHIN_FOO_COM, Cert("E=a@bar.com/CN=leaf", &[Names(&[Dns("a.foo.com")])])],
        &[(0, "name-not-permitted")],
    ),
    // URIs.
    named!("a URI of the host", &[Uri("sip://foo.com:5061/x")], &[Uri("foo.com")], &[], VALID),
    named!(
        "of a host below",
        &[Uri("https://a.foo.com")],
        &[Uri("foo.com")],
        &[],
        &[(0, "name-not-permitted")]
    ),
    named!("of the hosts below alone", &[Uri("https://a.foo.com")], &[Uri(".foo.com")], &[], VALID),
    but(
        named!(
            "excluded behind a user",
            &[Uri("https://foo.com@bar.com/")],
            &[],
            &[Uri("bar.com")],
            &[(0, "name-excluded")]
        ),
        &[(Openssl, "it takes the user for a part of the host")],
    ),
    named!("a URI without a host", &[Uri("urn:foo")], &[], &[Uri("bar.com")], &[(0, "name-malformed")]),
    but(
        named!(
            "a URI with an address",
            &[Uri("https://10.0.0.1/")],
            &[],
            &[Uri("bar.com")],
            &[(0, "name-malformed")]
        ),
        &[(Openssl, "it takes an address for a host")],
    ),
    but(
        named!(
            "a URI with an address of IPv6",
            &[Uri("https://[::1]/")],
            &[],
            &[Uri("bar.com")],
            &[(0, "name-malformed")]
        ),
        &[(Openssl, "it takes an address for a host")],
    ),
    // Directory names: the subject's too.
    row("a subject within", "4.2.1.10", PLAIN, &[WITHIN_FOO, Cert("OU=Foo/CN=leaf", &[])], VALID),
    row("in another case", "7.1", PLAIN, &[WITHIN_FOO, Cert("OU= FOO/CN=leaf", &[])], VALID),
    row(
        "not one that begins alike",
        "7.1",
        PLAIN,
        &[WITHIN_FOO, Cert("OU=Foo Bar/CN=leaf", &[])],
        &[(0, "name-not-permitted")],
    ),
    row(
        "a subject within, an alternative name without",
        "4.2.1.10",
        PLAIN,
        &[WITHIN_FOO, Cert("OU=Foo/CN=leaf", &[Names(&[Dn("OU=Bar")])])],
        &[(0, "name-not-permitted")],
    ),
    row(
        "an alternative name within, the subject without",
        "4.2.1.10",
        PLAIN,
        &[WITHIN_FOO, Cert("OU=Bar/CN=leaf", &[Names(&[Dn("OU=Foo")])])],
        &[(0, "name-not-permitted")],
    ),
    row(
        "an empty subject is in nobody's way",
        "4.2.1.10",
        PLAIN,
        &[WITHIN_FOO, Cert("", &[Names(&[Dns("a.foo.com")])])],
        VALID,
    ),
    row(
        "a subject excluded",
        "4.2.1.10",
        PLAIN,
        &[Cert("Root", &[Within(&[], &[Dn("OU=Foo/OU=Bar")])]), Cert("OU=Foo/OU=Bar/CN=leaf", &[])],
        &[(0, "name-excluded")],
    ),
    row(
        "its parent not",
        "4.2.1.10",
        PLAIN,
        &[Cert("Root", &[Within(&[], &[Dn("OU=Foo/OU=Bar")])]), Cert("OU=Foo/CN=leaf", &[])],
        VALID,
    ),
    row(
        "every CA narrows, none widens",
        "6.1.4 g",
        PLAIN,
        &[
            WITHIN_FOO,
            Cert("OU=Foo", &[Within(&[Dn("OU=Foo"), Dn("OU=Bar")], &[])]),
            Cert("OU=Bar/CN=leaf", &[]),
        ],
        &[(0, "name-not-permitted")],
    ),
    row(
        "two CAs that share nothing",
        "6.1.4 g",
        PLAIN,
        &[WITHIN_FOO, Cert("OU=Foo", &[Within(&[Dn("OU=Bar")], &[])]), Cert("OU=Foo/CN=leaf", &[])],
        &[(0, "name-not-permitted")],
    ),
    row(
        "an intermediate's name",
        "6.1.3 b",
        PLAIN,
        &[WITHIN_FOO, Cert("OU=Bar", &[]), Cert("OU=Foo/CN=leaf", &[])],
        &[(1, "name-not-permitted")],
    ),
    row(
        "a self-issued one is let pass",
        "6.1.3 b",
        PLAIN,
        &[ROOT, BAR, BAR_FOO, Cert("OU=Bar", &[]), Cert("OU=Foo/CN=leaf", &[])],
        VALID,
    ),
    row(
        "not as the leaf",
        "6.1.3 b",
        PLAIN,
        &[ROOT, BAR_FOO, Cert("OU=Bar", &[])],
        &[(0, "name-not-permitted")],
    ),
    // Forms that are not processed.
    named!(
        "an otherName under a constraint on its type",
        &[Other(1)],
        &[],
        &[Other(1)],
        &[(0, "name-constraint-unsupported")]
    ),
    but(
        named!("without such a constraint", &[Other(2)], &[], &[Other(1)], VALID),
        &[(Webpki, "it refuses whatever it does not process")],
    ),
    named!("without such a name", &[Dns("foo.com")], &[Dns("foo.com")], &[Other(1)], VALID),
    but(
        row(
            "a constraint with a minimum",
            "4.2.1.10",
            PLAIN,
            &[
                Cert(
                    "Root",
                    &[Raw(NAME_CONSTRAINTS, true, b"\x30\x0a\xa0\x08\x30\x06\x82\x01a\x80\x01\x01")],
                ),
                LEAF,
            ],
            &[(1, "defect")],
        ),
        &[(Openssl, "where no name is concerned it does not look")],
    ),
    but(
        row(
            "a list of nothing that is permitted",
            "4.2.1.10",
            PLAIN,
            &[Cert("Root", &[Raw(NAME_CONSTRAINTS, true, b"\x30\x02\xa0\x00")]), LEAF],
            &[(1, "defect")],
        ),
        &[(Openssl, "it takes it for no list"), (Webpki, "it takes it for no list")],
    ),
    malformed!("a byte behind the constraints", b"\x30\x07\xa0\x05\x30\x03\x82\x01a\x00", OPENSSL_READS),
    malformed!("another kind of list", b"\x30\x07\xa2\x05\x30\x03\x82\x01a", &[]),
    malformed!("a list twice", b"\x30\x0e\xa1\x05\x30\x03\x82\x01a\xa1\x05\x30\x03\x82\x01b", &[]),
    malformed!(
        "the lists in the wrong order",
        b"\x30\x0e\xa1\x05\x30\x03\x82\x01a\xa0\x05\x30\x03\x82\x01b",
        &[]
    ),
    malformed!("a subtree of another kind", b"\x30\x07\xa1\x05\x31\x03\x82\x01a", &[]),
    row(
        "constraints that are none",
        "4.2",
        PLAIN,
        &[Cert("Root", &[Raw(NAME_CONSTRAINTS, false, b"\x30\x03\xa0")]), LEAF],
        &[(1, "defect")],
    ),
];

const WITHIN_FOO: Cert = Cert("Root", &[Within(&[Dn("OU=Foo")], &[])]);
const BAR: Cert = Cert("OU=Bar", &[]);
/// A CA outside of what it permits below.
const BAR_FOO: Cert = Cert("OU=Bar", &[Within(&[Dn("OU=Foo")], &[])]);
const WITHIN_FOO_COM: Cert = Cert("Root", &[Within(&[Email("foo.com")], &[])]);
