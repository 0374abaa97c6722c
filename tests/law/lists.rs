//! Revocation by CRLs (RFC 5280 sections 5 and 6.3): Root, A, a leaf, and lists. Root's list says that A is good, unless
//! the row has one of Root's own.

use ocscert::model::Crl;
use ocscert::path::{Crls, RevocationStatus};

use super::*;

/// Who signs a list, or whose certificates an entry is about.
#[derive(Clone, Copy, PartialEq)]
enum By {
    Root,
    A,
    /// The certificate beside the path.
    Lister,
    /// A key that nobody certified, under A's name.
    Nobody,
}
use By::*;

#[derive(Clone, Copy)]
struct List {
    by: By,
    /// thisUpdate and nextUpdate.
    dates: [&'static str; 2],
    /// Serial numbers with their entry extensions.
    entries: &'static [(&'static [u8], &'static [Said])],
    says: &'static [Said],
}

const APRIL: [&str; 2] = ["260401000000Z", "260501000000Z"];
const MAY: [&str; 2] = ["260501000000Z", "260701000000Z"];
const EMPTY: List = List { by: By::A, dates: MAY, entries: &[], says: &[Number(5)] };
/// The leaf's serial number is its place in the path.
const LISTED: List = List { entries: &[(&[3], &[])], ..EMPTY };

const fn scoped(scope: &'static [Said]) -> List {
    List { says: scope, ..EMPTY }
}

/// An extension of a list or of an entry.
#[derive(Clone, Copy)]
enum Said {
    Number(u8),
    /// deltaCRLIndicator.
    Since(u8),
    Reason(u8),
    /// issuingDistributionPoint: its fields, in order.
    Scope(&'static [Field]),
    /// certificateIssuer.
    Of(By),
    /// freshestCRL.
    Fresh,
    /// A critical one whose identifier is none.
    Nameless,
    /// Something that nobody knows; is it critical?
    Strange(bool),
}
use Said::*;

/// A field of a distribution point, or of an issuing one.
#[derive(Clone, Copy)]
enum Field {
    /// A URI.
    At(&'static str),
    /// nameRelativeToCRLIssuer: a common name.
    Under(&'static str),
    Users,
    Cas,
    Attributes,
    /// Unused bits, then the bits.
    Reasons(&'static [u8]),
    Indirect,
    /// cRLIssuer.
    From(By),
}
use Field::*;

struct Question {
    says: &'static str,
    law: &'static str,
    /// Distribution points of the leaf.
    points: &'static [&'static [Field]],
    /// A certificate under A, beside the path; and its distribution point.
    other: Option<(Cert, &'static [Field])>,
    lists: &'static [List],
    answer: Answer,
    /// Why openssl sees it otherwise.
    differs: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Answer {
    Good,
    Revoked,
    /// Nothing that can be relied on is known: not good, and not revoked.
    Unclear,
}
use Answer::*;

const fn ask(says: &'static str, law: &'static str, lists: &'static [List], answer: Answer) -> Question {
    Question { says, law, points: &[], other: None, lists, answer, differs: None }
}

const fn at(points: &'static [&'static [Field]], question: Question) -> Question {
    Question { points, ..question }
}

const fn with(other: Cert, point: &'static [Field], question: Question) -> Question {
    Question { other: Some((other, point)), ..question }
}

const fn unlike(why: &'static str, question: Question) -> Question {
    Question { differs: Some(why), ..question }
}

/// Whose distribution point names the lister, which A certified and has a list of its own for.
const fn listed(says: &'static str, law: &'static str, lists: &'static [List], answer: Answer) -> Question {
    Question { other: Some((LISTER, THERE)), ..at(&[LISTERS], ask(says, law, lists, answer)) }
}

const THERE: &[Field] = &[At("http://foo.com/lister.crl")];
/// A's list for the lister alone.
const WORD: List = scoped(&[Number(5), Scope(THERE)]);
const HERE: &[&[Field]] = &[&[At("http://foo.com/1.crl")]];
/// The CRL issuer under A, and what names it.
const LISTER: Cert = Cert("Lister", &[Without(CONSTRAINTS), Usage(SIGNS_CRLS)]);
const LISTERS: &[Field] = &[From(Lister)];
const INDIRECT: &[Said] = &[Number(5), Scope(&[Indirect])];
const OTHERS: List = List { by: Lister, dates: MAY, entries: &[], says: INDIRECT };

const QUESTIONS: &[Question] = &[
    ask("no list", "6.3.3", &[], Unclear),
    ask("one that names nobody", "6.3.3 j", &[EMPTY], Good),
    ask("one that names it", "6.3.3 j", &[LISTED], Revoked),
    ask(
        "whatever the date of its revocation",
        "5.3",
        &[List { entries: &[(&[3], &[Reason(1)])], ..EMPTY }],
        Revoked,
    ),
    ask(
        "the next number",
        "6.3.3 j",
        &[List { entries: &[(&[4], &[]), (&[2], &[]), (&[3, 3], &[])], ..EMPTY }],
        Good,
    ),
    ask(
        "of another issuer",
        "6.3.3 b 1",
        &[List { by: By::Root, entries: &[(&[3], &[])], ..EMPTY }, EMPTY],
        Good,
    ),
    ask("of its name, by another key", "6.3.3 g", &[List { by: Nobody, ..EMPTY }], Unclear),
    unlike(
        "it takes one list of a name and asks no other",
        ask("beside the right one", "6.3.3 g", &[List { by: Nobody, ..LISTED }, EMPTY], Good),
    ),
    ask("of next month", "6.3.3 a", &[List { dates: ["260701000000Z", "260801000000Z"], ..EMPTY }], Unclear),
    ask("of last month", "6.3.3 a", &[List { dates: APRIL, ..EMPTY }], Unclear),
    ask("of last month, which named it", "6.3.3 a", &[List { dates: APRIL, ..LISTED }], Unclear),
    unlike(
        "it takes nextUpdate itself for over",
        ask(
            "due this second",
            "5.1.2.5",
            &[List { dates: ["260501000000Z", "260601120000Z"], ..EMPTY }],
            Good,
        ),
    ),
    ask(
        "due a second ago",
        "5.1.2.5",
        &[List { dates: ["260501000000Z", "260601115959Z"], ..EMPTY }],
        Unclear,
    ),
    ask("a list of before and one that names it", "5.2.3", &[EMPTY, LATER_LISTED], Revoked),
    ask("in whichever order", "5.2.3", &[LATER_LISTED, EMPTY], Revoked),
    ask("named by the one of before alone", "5.2.3", &[LISTED, LATER], Good),
    ask("in whichever order too", "5.2.3", &[LATER, LISTED], Good),
    with(
        Cert("A", &[Without(CONSTRAINTS), Usage(SIGNS_CRLS)]),
        &[],
        ask(
            "by another key of that name, which does not know better",
            "5.2.3",
            &[LISTED, List { by: Lister, ..LATER }],
            Revoked,
        ),
    ),
    unlike(
        "it takes one list of a name and asks no other",
        ask(
            "a later list of another scope, which does not know better",
            "5.2.5",
            &[List { entries: &[(&[3], &[])], ..scoped(&[Number(5), Scope(&[Users])]) }, LATER],
            Revoked,
        ),
    ),
    ask("an earlier one that is over named it", "5.2.3", &[EMPTY, List { says: &[Number(4)], ..OVER }], Good),
    unlike(
        "it takes one list of a name and asks no other",
        ask(
            "a later one that is over named it",
            "5.2.3",
            &[EMPTY, List { says: &[Number(6)], ..OVER }],
            Unclear,
        ),
    ),
    ask(
        "an earlier one of another scope that is over named it",
        "6.3.3",
        &[EMPTY, List { says: &[Number(5), Scope(&[Users])], ..OVER }],
        Good,
    ),
    unlike(
        "it takes one list of a name and asks no other",
        ask("a later one of another scope that is over named it", "6.3.3", &[EMPTY, OVER_USERS], Unclear),
    ),
    unlike(
        "it takes one list of a name and asks no other",
        ask(
            "and a still later one for some reasons does not",
            "6.3.3",
            &[EMPTY, OVER_USERS, List { dates: LATER.dates, ..HIGH }],
            Unclear,
        ),
    ),
    ask(
        "and two for all reasons do not",
        "6.3.3",
        &[OVER_USERS, List { dates: LATER.dates, ..LOW }, List { dates: LATER.dates, ..HIGH }],
        Good,
    ),
    ask("with something strange", "5.2", &[scoped(&[Number(5), Strange(false)])], Good),
    ask("critically", "5.2", &[scoped(&[Number(5), Strange(true)])], Unclear),
    ask(
        "with something strange at the leaf's number",
        "5.3",
        &[List { entries: &[(&[3], &[Strange(false)])], ..EMPTY }],
        Revoked,
    ),
    ask(
        "critically, at another's",
        "5.3",
        &[List { entries: &[(&[9], &[Strange(true)])], ..EMPTY }],
        Unclear,
    ),
    ask("with what has no name, there", "5.3", &[List { entries: &[(&[9], &[Nameless])], ..EMPTY }], Unclear),
    ask("or anywhere", "5.2", &[scoped(&[Number(5), Nameless])], Unclear),
    // Scopes.
    ask("a list of end entities", "6.3.3 b 2 ii", &[scoped(&[Number(5), Scope(&[Users])])], Good),
    ask("of CAs", "6.3.3 b 2 iii", &[scoped(&[Number(5), Scope(&[Cas])])], Unclear),
    ask("of attributes", "6.3.3 b 2 iv", &[scoped(&[Number(5), Scope(&[Attributes])])], Unclear),
    ask(
        "of a place that the leaf does not name",
        "6.3.3 b 2 i",
        &[scoped(&[Number(5), Scope(&[At("http://foo.com/1.crl")])])],
        Unclear,
    ),
    at(
        HERE,
        ask(
            "that it names",
            "6.3.3 b 2 i",
            &[scoped(&[Number(5), Scope(&[At("http://foo.com/1.crl")])])],
            Good,
        ),
    ),
    at(
        HERE,
        ask(
            "another one",
            "6.3.3 b 2 i",
            &[scoped(&[Number(5), Scope(&[At("http://foo.com/2.crl")])])],
            Unclear,
        ),
    ),
    at(HERE, ask("of no place, so of all", "6.3.3 b 2 i", &[EMPTY], Good)),
    at(
        &[&[Under("1")]],
        ask(
            "of a place below the issuer's name",
            "6.3.3 b 2 i",
            &[scoped(&[Number(5), Scope(&[Under("1")])])],
            Good,
        ),
    ),
    at(
        &[&[Under("1")]],
        ask("of the next", "6.3.3 b 2 i", &[scoped(&[Number(5), Scope(&[Under("2")])])], Unclear),
    ),
    ask("for some reasons", "6.3.3 l", &[LOW], Unclear),
    ask("for the others too", "6.3.3 e", &[LOW, HIGH], Good),
    ask("which name it", "6.3.3 e", &[LOW, List { entries: &[(&[3], &[Reason(6)])], ..HIGH }], Revoked),
    // Indirect lists.
    listed("another's list, without a word on the lister", "6.3.3 f", &[OTHERS], Unclear),
    listed("with A's word", "6.3.3 f", &[OTHERS, WORD], Good),
    listed("A's word is against it", "6.3.3 f", &[OTHERS, List { entries: &[(&[9], &[])], ..WORD }], Unclear),
    listed("it names A's", "5.3.3", &[WORD, List { entries: &[(&[3], &[Of(By::A)])], ..OTHERS }], Revoked),
    listed(
        "from one entry on",
        "5.3.3",
        &[WORD, List { entries: &[(&[7], &[Of(By::A)]), (&[3], &[])], ..OTHERS }],
        Revoked,
    ),
    listed("Root's number 3", "5.3.3", &[WORD, List { entries: &[(&[3], &[Of(By::Root)])], ..OTHERS }], Good),
    listed("its own number 3", "5.3.3", &[WORD, List { entries: &[(&[3], &[])], ..OTHERS }], Good),
    listed(
        "it does not say that it is another's",
        "6.3.3 b 1",
        &[WORD, List { says: &[Number(5)], ..OTHERS }],
        Unclear,
    ),
    listed("A's own list names it, which nobody has to ask", "6.3.3", &[OTHERS, WORD, LISTED], Revoked),
    unlike(
        "its command passes over what is wrong with a lister",
        with(
            Cert("Lister", &[Usage(SIGNS_CERTIFICATES)]),
            THERE,
            listed("a lister who may not", "6.3.3 f", &[OTHERS, WORD], Unclear),
        ),
    ),
    unlike(
        "it does not look where it has begun",
        with(LISTER, LISTERS, listed("a lister that A leaves to its own list", "6.3.3 f", &[OTHERS], Good)),
    ),
    with(
        LISTER,
        LISTERS,
        listed("which names it", "6.3.3 f", &[List { entries: &[(&[9], &[Of(By::A)])], ..OTHERS }], Unclear),
    ),
    with(
        Cert("A", &[Without(CONSTRAINTS), Usage(SIGNS_CRLS)]),
        &[],
        ask("A's key for lists, without such a word", "6.3.3 f", &[List { by: Lister, ..EMPTY }], Unclear),
    ),
    // Deltas.
    ask(
        "a delta that adds it",
        "6.3.3 i",
        &[BASE, List { entries: &[(&[3], &[Reason(1)])], ..DELTA }],
        Revoked,
    ),
    ask("that takes it off", "6.3.3 k", &[HELD, List { entries: &[(&[3], &[Reason(8)])], ..DELTA }], Good),
    ask("that does not speak of it", "6.3.3 j", &[HELD, DELTA], Revoked),
    ask(
        "to a later list",
        "5.2.4 c",
        &[HELD, List { entries: &[(&[3], &[Reason(8)])], says: &[Number(9), Since(8)], ..DELTA }],
        Revoked,
    ),
    ask(
        "to a list of next month",
        "6.3.3 a",
        &[List { dates: ["260701000000Z", "260801000000Z"], ..BASE }, DELTA],
        Unclear,
    ),
    with(
        Cert("A", &[Without(CONSTRAINTS), Usage(SIGNS_CRLS)]),
        &[],
        ask(
            "by another key of that name",
            "5.2.4",
            &[HELD, List { by: Lister, entries: &[(&[3], &[Reason(8)])], ..DELTA }],
            Revoked,
        ),
    ),
    ask(
        "that is over and added it",
        "6.3.3 c",
        &[BASE, List { entries: &[(&[3], &[Reason(1)])], dates: APRIL, ..DELTA }],
        Unclear,
    ),
    unlike(
        "a delta to another list is not read",
        ask(
            "that adds it to a later list",
            "5.2.4 c",
            &[BASE, List { entries: &[(&[3], &[Reason(1)])], says: &[Number(9), Since(8)], ..DELTA }],
            Unclear,
        ),
    ),
    ask("to no list", "5.2.4", &[DELTA], Unclear),
];

const OVER: List = List { dates: APRIL, ..LISTED };
const OVER_USERS: List =
    List { dates: ["260510000000Z", "260520000000Z"], says: &[Number(5), Scope(&[Users])], ..LISTED };
const LATER: List = List { dates: ["260515000000Z", "260715000000Z"], says: &[Number(6)], ..EMPTY };
const LATER_LISTED: List = List { entries: &[(&[3], &[])], ..LATER };
/// keyCompromise to superseded, and the rest.
const LOW: List = scoped(&[Number(5), Scope(&[Reasons(&[0, 0b0111_1000])])]);
const HIGH: List = scoped(&[Number(5), Scope(&[Reasons(&[7, 0b0000_0111, 0b1000_0000])])]);
const BASE: List = scoped(&[Number(5), Fresh]);
const HELD: List = List { entries: &[(&[3], &[Reason(6)])], ..BASE };
const DELTA: List = List { says: &[Number(6), Since(5)], ..EMPTY };

/// The certificates and lists of a question.
struct Case {
    made: Made,
    crls: Vec<Vec<u8>>,
}

impl Case {
    fn new(question: &Question) -> Self {
        let mut path = Made::new(&[ROOT, super::A, LEAF]);
        let others = Entity::new(question.other.as_ref().map_or("Lister", |(cert, _)| cert.0));
        let mut nobody = Entity::new("A");
        nobody.name = path.entities[1].name.clone();
        let entity = |by: By| match by {
            By::Root => &path.entities[0],
            By::A => &path.entities[1],
            Lister => &others,
            Nobody => &nobody,
        };
        let points = |points: &[&[Field]]| {
            let points: Vec<_> = points.iter().map(|fields| point(fields, &entity)).collect();
            extension("2.5.29.31", false, &seq(&points))
        };
        let issue = |cert: &Cert, serial, ca, fields: &[&[Field]], subject| {
            let mut draft = draft(cert, serial, ca);
            if !fields.is_empty() {
                draft.extensions.push(points(fields));
            }
            draft.sign(subject, &path.entities[1])
        };
        let leaf = issue(&LEAF, 3, false, question.points, &path.entities[2]);
        let other = question.other.as_ref().map(|(cert, fields)| {
            let fields = if fields.is_empty() { vec![] } else { vec![*fields] };
            issue(cert, 9, true, &fields, &others)
        });
        let good = List { by: By::Root, ..EMPTY };
        let roots = question.lists.iter().any(|list| list.by == By::Root);
        let lists = question.lists.iter().chain((!roots).then_some(&good));
        let crls = lists.map(|list| {
            let entries = list.entries.iter().map(|(serial, says)| {
                issued::entry(serial, &says.iter().map(|said| said.extension(&entity)).collect::<Vec<_>>())
            });
            let says: Vec<_> = list.says.iter().map(|said| said.extension(&entity)).collect();
            issued::crl(entity(list.by), list.dates, &entries.collect::<Vec<_>>(), &says)
        });
        let crls = crls.collect();
        path.ders[2] = leaf;
        path.beside.extend(other);
        Self { made: path, crls }
    }
}

impl Said {
    fn extension<'e>(&self, entity: &dyn Fn(By) -> &'e Entity) -> Vec<u8> {
        match *self {
            Number(n) => extension("2.5.29.20", false, &element_of(0x02, &[n])),
            Since(n) => extension("2.5.29.27", true, &element_of(0x02, &[n])),
            Reason(n) => extension("2.5.29.21", false, &element_of(0x0a, &[n])),
            Scope(fields) => {
                let fields: Vec<_> = fields.iter().map(|field| field.der(true, entity)).collect();
                extension("2.5.29.28", true, &seq(&fields))
            }
            Of(by) => extension("2.5.29.29", true, &seq(&[element_of(0xa4, &entity(by).name)])),
            Fresh => extension("2.5.29.46", false, &seq(&[point(&[At("http://foo.com/d.crl")], entity)])),
            Nameless => b"\x30\x09\x06\x01\x80\x01\x01\xff\x04\x01\x00".to_vec(),
            Strange(critical) => extension(UNKNOWN, critical, &[0x05, 0]),
        }
    }
}

fn point<'e>(fields: &[Field], entity: &dyn Fn(By) -> &'e Entity) -> Vec<u8> {
    seq(&fields.iter().map(|field| field.der(false, entity)).collect::<Vec<_>>())
}

impl Field {
    fn der<'e>(&self, issuing: bool, entity: &dyn Fn(By) -> &'e Entity) -> Vec<u8> {
        let name = |inner: Vec<u8>| element_of(0xa0, &inner);
        match *self {
            At(uri) => name(element_of(0xa0, &Uri(uri).der())),
            Under(text) => name(element_of(0xa1, &issued::attribute("2.5.4.3", 0x0c, text))),
            Users => vec![0x81, 1, 0xff],
            Cas => vec![0x82, 1, 0xff],
            Reasons(bits) => element_of(if issuing { 0x83 } else { 0x81 }, bits),
            Indirect => vec![0x84, 1, 0xff],
            Attributes => vec![0x85, 1, 0xff],
            From(by) => element_of(0xa2, &element_of(0xa4, &entity(by).name)),
        }
    }
}

#[test]
fn every_list_is_read_as_the_law_says() {
    let mut wrong = Vec::new();
    for question in QUESTIONS {
        let case = Case::new(question);
        let lists = case.crls.iter().map(|der| Arc::new(Crl::from_der(der.clone()).unwrap()));
        let options = Options { crls: Some(Arc::new(Crls::new(lists))), ..options(&PLAIN) };
        let found = search(&case.made, &options);
        let answer = match found.revocation.first() {
            Some(RevocationStatus::Good) => Good,
            Some(RevocationStatus::Revoked { .. }) => Revoked,
            _ => Unclear,
        };
        let outcome = match question.answer {
            Good => Outcome::Valid,
            Revoked => Outcome::Invalid,
            Unclear => Outcome::Incomplete,
        };
        if answer != question.answer || found.outcome != outcome {
            let (says, law) = (question.says, question.law);
            wrong.push(format!("{says} ({law}): {answer:?} {:?} {:?}", found.outcome, found.revocation));
        }
    }
    assert!(wrong.is_empty(), "{} rows:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn openssl_reads_every_list_alike_or_the_reason_is_written() {
    let Some(openssl) = peer::require("openssl") else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    for question in QUESTIONS {
        let case = Case::new(question);
        let lists: String = case.crls.iter().map(|der| pem("X509 CRL", der)).collect();
        fs::write(folder.path().join("lists"), lists).unwrap();
        let more = "-crl_check_all -extended_crl -use_deltas -CRLfile lists";
        let accepted = openssls(&openssl, folder.path(), &case.made, &PLAIN, more);
        if (accepted != (question.answer == Good)) != question.differs.is_some() {
            let which = if question.differs.is_some() { "stale: no longer differs" } else { "differs" };
            wrong.push(format!("{which}: {} ({})", question.says, question.law));
        }
    }
    assert!(wrong.is_empty(), "{} answers:\n{}", wrong.len(), wrong.join("\n"));
}
