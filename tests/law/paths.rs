//! Dates, numbers, extensions, what makes a CA, how deep a path may be, what for.

use super::*;

pub const ROWS: &[Row] = &[
    // Validity.
    row(
        "both forms of time, whatever the year",
        "4.1.2.5",
        PLAIN,
        &[ROOT, Cert("leaf", &[Valid((0x18, "20200101000000Z"), (0x18, "20300101000000Z"))])],
        VALID,
    ),
    but(
        row(
            "a UTCTime of 50 is 1950, one of 49 is 2049",
            "4.1.2.5.1",
            PLAIN,
            &[ROOT, Cert("leaf", &[Valid((0x17, "500101000000Z"), (0x17, "491231235959Z"))])],
            VALID,
        ),
        &[(Webpki, "its time begins in 1970")],
    ),
    row(
        "no end that anybody knows",
        "4.1.2.5",
        PLAIN,
        &[ROOT, Cert("leaf", &[Valid((0x17, "200101000000Z"), (0x18, "99991231235959Z"))])],
        VALID,
    ),
    row(
        "a UTCTime without seconds",
        "4.1.2.5.1",
        PLAIN,
        &[ROOT, Cert("leaf", &[Valid((0x17, "2001010000Z"), (0x17, "400101000000Z"))])],
        &[(0, "defect")],
    ),
    row(
        "a GeneralizedTime with a fraction",
        "4.1.2.5.2",
        PLAIN,
        &[ROOT, Cert("leaf", &[Valid((0x17, "200101000000Z"), (0x18, "20400101000000.5Z"))])],
        &[(0, "defect")],
    ),
    but(
        row(
            "the second that notAfter names lasts to its end",
            "4.1.2.5",
            Asked { at: datetime!(2030-01-01 0:00:00.999 UTC), ..PLAIN },
            &[ROOT, Cert("leaf", &[Valid((0x17, "200101000000Z"), (0x17, "300101000000Z"))])],
            VALID,
        ),
        &[(Openssl, "it takes notAfter itself for over")],
    ),
    row(
        "and then it is over",
        "4.1.2.5",
        Asked { at: datetime!(2030-01-01 0:00:01 UTC), ..PLAIN },
        &[ROOT, Cert("leaf", &[Valid((0x17, "200101000000Z"), (0x17, "300101000000Z"))])],
        &[(0, "expired")],
    ),
    row(
        "the second that notBefore names has not begun",
        "4.1.2.5",
        Asked { at: datetime!(2029-12-31 23:59:59.999 UTC), ..PLAIN },
        &[ROOT, Cert("leaf", &[Valid((0x17, "300101000000Z"), (0x17, "400101000000Z"))])],
        &[(0, "not-yet-valid")],
    ),
    // Serial numbers, versions, identifiers, the second algorithm.
    row("serial number zero", "4.1.2.2", PLAIN, &[ROOT, Cert("leaf", &[Serial(&[0])])], VALID),
    row("a negative serial number", "4.1.2.2", PLAIN, &[ROOT, Cert("leaf", &[Serial(&[0x80])])], VALID),
    row("30 octets of serial number", "4.1.2.2", PLAIN, &[ROOT, Cert("leaf", &[Serial(&[1; 30])])], VALID),
    but(
        row("a unique identifier", "4.1.2.8", PLAIN, &[ROOT, Cert("leaf", &[Unique])], VALID),
        &[(Webpki, "it does not read any")],
    ),
    but(
        row("a leaf of version 1", "4.1.2.1", PLAIN, &[ROOT, Cert("leaf", &[Version(0)])], VALID),
        &[(Webpki, "it reads version 3 alone")],
    ),
    but(
        row(
            "extensions in version 2",
            "4.1.2.9",
            PLAIN,
            &[ROOT, Cert("leaf", &[Version(1), Names(&[Dns("a.foo.com")])])],
            &[(0, "defect")],
        ),
        &[(Openssl, "it does not compare")],
    ),
    row(
        "an intermediate of version 1",
        "6.1.4 k",
        PLAIN,
        &[ROOT, Cert("A", &[Version(0), Without(CONSTRAINTS), Without(KEY_USAGE)]), LEAF],
        &[(1, "not-a-ca")],
    ),
    row(
        "another algorithm outside than inside",
        "4.1.1.2",
        PLAIN,
        &[ROOT, Cert("leaf", &[Outer])],
        &[(0, "defect"), (0, "signature-wrong")],
    ),
    but(
        row("in the anchor too", "4.1.1.2", PLAIN, &[Cert("Root", &[Outer]), LEAF], &[(1, "defect")]),
        &[(Openssl, "an anchor is a name and a key to it")],
    ),
    row(
        "a signature that does not verify",
        "6.1.3 a 1",
        PLAIN,
        &[ROOT, A, Cert("leaf", &[Forged])],
        &[(0, "signature-wrong")],
    ),
    row(
        "nor an intermediate's",
        "6.1.3 a 1",
        PLAIN,
        &[ROOT, Cert("A", &[Forged]), LEAF],
        &[(1, "signature-wrong")],
    ),
    row("an anchor's is not looked at", "6.1.1 d", PLAIN, &[Cert("Root", &[Forged]), LEAF], VALID),
    // Names chain.
    but(
        row(
            "the issuer's name in another string type and case, with more spaces",
            "7.1",
            PLAIN,
            &[ROOT, Cert("Issuing  CA", &[]), Cert("leaf", &[IssuedBy(0x13, " ISSUING ca ")])],
            VALID,
        ),
        &[(Webpki, "it compares names byte by byte")],
    ),
    row(
        "another name with the same key",
        "6.1.3 a 4",
        PLAIN,
        &[ROOT, A, Cert("leaf", &[IssuedBy(0x0c, "AA")])],
        &[(0, "issuer-not-found")],
    ),
    row(
        "an empty issuer",
        "4.1.2.4",
        PLAIN,
        &[ROOT, Cert("leaf", &[IssuedBy(0x0c, "")])],
        &[(0, "empty-issuer"), (0, "issuer-not-found")],
    ),
    // Extensions in general.
    row("an unknown extension", "4.2", PLAIN, &[ROOT, Cert("leaf", &[Raw(UNKNOWN, false, &[])])], VALID),
    row(
        "critical, in a leaf",
        "6.1.5 f",
        PLAIN,
        &[ROOT, Cert("leaf", &[Raw(UNKNOWN, true, &[])])],
        &[(0, "critical-extension")],
    ),
    row(
        "critical, in a CA",
        "6.1.4 o",
        PLAIN,
        &[ROOT, Cert("A", &[Raw(UNKNOWN, true, &[])]), LEAF],
        &[(1, "critical-extension")],
    ),
    but(
        row(
            "critical, in an anchor",
            "6.1.4 o",
            PLAIN,
            &[Cert("Root", &[Raw(UNKNOWN, true, &[])]), LEAF],
            &[(1, "critical-extension")],
        ),
        &[(Webpki, "an anchor is a name and a key to it")],
    ),
    but(
        row(
            "the same twice",
            "4.2",
            PLAIN,
            &[ROOT, Cert("leaf", &[Raw(UNKNOWN, false, &[]), Raw(UNKNOWN, false, &[])])],
            &[(0, "defect")],
        ),
        &[(Openssl, "it looks only at what it knows"), (Webpki, "it looks only at what it knows")],
    ),
    row(
        "alternative names that are none",
        "4.2",
        PLAIN,
        &[ROOT, Cert("leaf", &[Raw(SAN, false, b"foo.com")])],
        &[(0, "defect")],
    ),
    row(
        "critical ones with an empty subject",
        "4.2.1.6",
        PLAIN,
        &[ROOT, Cert("", &[Raw(SAN, true, b"\x30\x07\x82\x05a.foo")])],
        VALID,
    ),
    row(
        "an extension whose identifier is none",
        "6.1.5 f",
        PLAIN,
        &[ROOT, Cert("leaf", &[Bytes(b"\x30\x09\x06\x01\x80\x01\x01\xff\x04\x01\x00")])],
        &[(0, "defect")],
    ),
    // One value and nothing behind it; what the parser passes over is refused.
    but(
        row(
            "a byte behind basicConstraints",
            "4.2",
            PLAIN,
            &[ROOT, Cert("A", &[Raw(CONSTRAINTS, true, b"\x30\x03\x01\x01\xff\x00")]), LEAF],
            &[(1, "defect"), (1, "not-a-ca")],
        ),
        &[(Openssl, NO_LOOK)],
    ),
    but(
        row(
            "behind the alternative names",
            "4.2",
            PLAIN,
            &[ROOT, Cert("leaf", &[Raw(SAN, true, b"\x30\x07\x82\x05a.foo\x00")])],
            &[(0, "defect")],
        ),
        &[(Openssl, NO_LOOK)],
    ),
    row(
        "a negative pathLenConstraint",
        "4.2.1.9",
        PLAIN,
        &[ROOT, Cert("A", &[Raw(CONSTRAINTS, true, b"\x30\x06\x01\x01\xff\x02\x01\xff")]), LEAF],
        &[(1, "defect"), (1, "not-a-ca")],
    ),
    row(
        "two of them",
        "4.2.1.9",
        PLAIN,
        &[ROOT, Cert("A", &[Raw(CONSTRAINTS, true, b"\x30\x09\x01\x01\xff\x02\x01\x00\x02\x01\x05")]), LEAF],
        &[(1, "defect"), (1, "not-a-ca")],
    ),
    // basicConstraints and keyUsage.
    row(
        "a CA that does not say so",
        "6.1.4 k",
        PLAIN,
        &[ROOT, Cert("A", &[Without(CONSTRAINTS)]), LEAF],
        &[(1, "not-a-ca")],
    ),
    row(
        "one that denies it",
        "6.1.4 k",
        PLAIN,
        &[ROOT, Cert("A", &[Ca(false, None, true)]), LEAF],
        &[(1, "not-a-ca")],
    ),
    but(
        row(
            "an anchor that does not say so",
            "6.1.4 k",
            PLAIN,
            &[Cert("Root", &[Without(CONSTRAINTS)]), LEAF],
            &[(1, "not-a-ca")],
        ),
        &[(Openssl, "keyCertSign alone is enough for it"), (Webpki, "an anchor is a name and a key to it")],
    ),
    row(
        "one that does not say so critically",
        "6.1.4 k",
        PLAIN,
        &[ROOT, Cert("A", &[Ca(true, None, false)]), LEAF],
        VALID,
    ),
    but(
        row("a CA as the leaf", "6.1.4", PLAIN, &[ROOT, Cert("A", &[Ca(true, None, true)])], VALID),
        &[(Webpki, "a CA is no end entity to it")],
    ),
    row("a CA without keyUsage", "6.1.4 n", PLAIN, &[ROOT, Cert("A", &[Without(KEY_USAGE)]), LEAF], VALID),
    but(
        row(
            "one that may sign CRLs alone",
            "6.1.4 n",
            PLAIN,
            &[ROOT, Cert("A", &[Usage(SIGNS_CRLS)]), LEAF],
            &[(1, "no-key-cert-sign")],
        ),
        &[(Webpki, "it does not look at the key usage of CAs")],
    ),
    but(
        row(
            "an anchor that may",
            "6.1.4 n",
            PLAIN,
            &[Cert("Root", &[Usage(SIGNS_CRLS)]), LEAF],
            &[(1, "no-key-cert-sign")],
        ),
        &[(Webpki, "it does not look at the key usage of CAs")],
    ),
    // pathLenConstraint, and the limit that was asked for.
    row("no CA may follow, and none does", "6.1.4 l", PLAIN, &[ROOT, LAST, LEAF], VALID),
    row("one does", "6.1.4 l", PLAIN, &[ROOT, LAST, B, LEAF], &[(2, "path-length")]),
    but(
        row(
            "a CA in the leaf's place is no intermediate",
            "4.2.1.9",
            PLAIN,
            &[ROOT, LAST, Cert("B", &[Ca(true, Some(0), true)])],
            VALID,
        ),
        &[(Webpki, "a CA is no end entity to it")],
    ),
    but(
        row("self-issued ones are not counted", "6.1.4 l", PLAIN, &[ROOT, LAST, A, LEAF], VALID),
        &[(Webpki, "it counts them")],
    ),
    row("what stands above them is", "6.1.4 l", PLAIN, &[ROOT, LAST, A, B, LEAF], &[(3, "path-length")]),
    row(
        "a self-issued one that allows none",
        "6.1.4 m",
        PLAIN,
        &[ROOT, A, LAST, B, LEAF],
        &[(2, "path-length")],
    ),
    row(
        "a length may grow again, and means nothing",
        "6.1.4 m",
        PLAIN,
        &[ROOT, Cert("A", &[Ca(true, Some(1), true)]), Cert("B", &[Ca(true, Some(2), true)]), LEAF],
        VALID,
    ),
    but(
        row(
            "the anchor's counts",
            "6.1.4 l",
            PLAIN,
            &[Cert("Root", &[Ca(true, Some(0), true)]), A, LEAF],
            &[(2, "path-length")],
        ),
        &[(Webpki, "an anchor is a name and a key to it")],
    ),
    row("no intermediate allowed, none there", "6.1", depth(0), &[ROOT, LEAF], VALID),
    row("one there", "6.1", depth(0), &[ROOT, A, LEAF], &[(0, "too-deep")]),
    row("two there, one allowed", "6.1", depth(1), &[ROOT, A, B, LEAF], &[(1, "too-deep")]),
    but(
        row("a CA and its next key are one", "6.1.4 l", depth(1), &[ROOT, A, A, LEAF], VALID),
        &[(Openssl, "its limit counts certificates")],
    ),
    but(
        row("an anchor's next key is none", "6.1.4 l", depth(0), &[ROOT, ROOT, LEAF], VALID),
        &[(Openssl, "its limit counts certificates")],
    ),
    // extKeyUsage.
    row("no usages are all", "4.2.1.12", SERVER, &[ROOT, LEAF], VALID),
    row("servers", "4.2.1.12", SERVER, &[ROOT, Cert("leaf", &[For(&[1, 2])])], VALID),
    but(
        row("any", "4.2.1.12", SERVER, &[ROOT, Cert("leaf", &[For(&[0])])], VALID),
        &[(Openssl, "it wants the usage by name"), (Webpki, "it wants the usage by name")],
    ),
    row("clients alone", "4.2.1.12", SERVER, &[ROOT, Cert("leaf", &[For(&[2])])], &[(0, "usage")]),
    row(
        "a CA for clients alone",
        "4.2.1.12",
        SERVER,
        &[ROOT, Cert("A", &[For(&[2])]), LEAF],
        &[(1, "usage")],
    ),
];

const NO_LOOK: &str = "it does not look behind a value";
