//! Every key that a federation file may hold: one table that the reader, the JSON Schema and the page of keys are
//! made from, so that they cannot disagree.

/// A table of the file and its keys.
#[derive(Debug)]
pub struct Table {
    /// Its name between the brackets (`ocs.pool`).
    pub name: &'static str,
    /// What it describes.
    pub about: &'static str,
    /// True for `[[name]]`, which may be repeated.
    pub repeated: bool,
    /// Its keys, in the order they are explained.
    pub keys: &'static [Key],
}

/// One key.
#[derive(Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What its value may be.
    pub kind: Kind,
    /// When it has to be there.
    pub need: Need,
    /// What it means, for the page of keys and for editors.
    pub about: &'static str,
}

/// What a value may be.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Any text.
    Text,
    /// Several texts.
    Texts,
    /// A fully qualified domain name.
    Fqdn,
    /// Several of them.
    Fqdns,
    /// An IPv4 or IPv6 address.
    Ip,
    /// A file, relative to the folder of the federation file.
    Path,
    /// Several files or folders.
    Paths,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// `true` or `false`.
    Bool,
    /// A whole number of days.
    Days,
    /// The address of a CA's web enrollment pages.
    Url,
    /// Several inline tables.
    Hosts(&'static [Key]),
}

/// When a key has to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Always.
    Required,
    /// Never; this is what holds without it, as it would be written, or nothing.
    Optional(Option<&'static str>),
    /// In the cases that this says.
    When(&'static str),
}

impl Kind {
    /// What to write, for messages and the page of keys.
    pub fn wanted(self) -> String {
        match self {
            Self::Text => "text in quotes".into(),
            Self::Texts => "a list of texts: [\"..\", \"..\"]".into(),
            Self::Fqdn => "a host name with its domain, in quotes".into(),
            Self::Fqdns => "a list of host names: [\"..\", \"..\"]".into(),
            Self::Ip => "an IP address in quotes".into(),
            Self::Path => "the path of a file, in quotes".into(),
            Self::Paths => "a list of files or folders: [\"..\", \"..\"]".into(),
            Self::Choice(words) => format!("one of \"{}\"", words.join("\", \"")),
            Self::Bool => "true or false".into(),
            Self::Days => "a whole number of days".into(),
            Self::Url => "an address, as in \"https://ca.foo.com/certsrv\"".into(),
            Self::Hosts(keys) => {
                let names: Vec<String> = keys.iter().map(|key| format!("{} = ..", key.name)).collect();
                format!("a list of servers: [{{ {} }}, ..]", names.join(", "))
            }
        }
    }
}

/// The products, each the name of a profile of `verify`.
pub const PRODUCTS: &[&str] = &["ocs2007r2", "lync2013", "sfb2019"];
/// How SIP travels between the two sides.
pub const TRANSPORTS: &[&str] = &["tls", "tcp"];
/// The kinds of CAs.
pub const CA_KINDS: &[&str] = &["microsoft-standalone", "microsoft-enterprise", "file"];
/// The ways to log on to a CA: those of `submit --auth`.
pub const LOGONS: &[&str] = &["auto", "none", "negotiate", "ntlm", "basic"];
/// The kinds of keys: those of `csr --key-type`.
pub const KEY_TYPES: &[&str] = &["rsa2048", "rsa3072", "rsa4096", "p256", "p384"];
/// The kinds of PFX files: those of `export --for`.
pub const PFX_TARGETS: &[&str] = &["windows2003", "windows2016", "modern"];

const HOST: &[Key] = &[FQDN, IP];

const FQDN: Key =
    Key { name: "fqdn", kind: Kind::Fqdn, need: Need::Required, about: "The server's own name in DNS." };

const IP: Key = Key {
    name: "ip",
    kind: Kind::Ip,
    need: Need::Required,
    about: "Its address: host authorizations, access lists and the firewall need it beside the name.",
};

/// The whole file.
pub const TABLES: &[Table] = &[
    Table {
        name: "federation",
        about: "What both sides have in common.",
        repeated: false,
        keys: &[
            Key {
                name: "sip_domain",
                kind: Kind::Fqdn,
                need: Need::Required,
                about: "The SIP domain that both systems serve, each for some of the users.",
            },
            Key {
                name: "transport",
                kind: Kind::Choice(TRANSPORTS),
                need: Need::Optional(Some("\"tls\"")),
                about: "How SIP travels between the two sides: mutual TLS on port 5061, or plain TCP on port 5060, \
                        which only OCS offers and which needs no certificates.",
            },
            Key {
                name: "product",
                kind: Kind::Choice(PRODUCTS),
                need: Need::Optional(Some("\"ocs2007r2\"")),
                about: "What runs on the Microsoft side. It decides what `verify` demands and which steps the \
                        runbook has; the next older one is right for a release that is not named.",
            },
        ],
    },
    Table {
        name: "ocs.standard",
        about: "A Standard Edition server: its certificate carries its own name.",
        repeated: true,
        keys: HOST,
    },
    Table {
        name: "ocs.pool",
        about: "An Enterprise pool: each front end gets a key of its own, and every certificate carries the pool's \
                name.",
        repeated: true,
        keys: &[
            Key {
                name: "fqdn",
                kind: Kind::Fqdn,
                need: Need::Required,
                about: "The pool's name: the subject CN of every front end's certificate.",
            },
            Key {
                name: "ip",
                kind: Kind::Ip,
                need: Need::Optional(None),
                about: "The virtual address of the pool's load balancer, where there is one.",
            },
            Key {
                name: "front_ends",
                kind: Kind::Hosts(HOST),
                need: Need::Required,
                about: "The servers of the pool, at least one.",
            },
        ],
    },
    Table {
        name: "imp.node",
        about: "An IM and Presence node.",
        repeated: true,
        keys: &[
            FQDN,
            IP,
            Key {
                name: "certificate",
                kind: Kind::Path,
                need: Need::Optional(None),
                about: "The node's own certificate (purpose `cup`), exported from the node: with it both \
                        directions are judged.",
            },
            Key {
                name: "route_target",
                kind: Kind::Bool,
                need: Need::When("there are several nodes: `true` at exactly one"),
                about: "OCS's static route goes to this node. It takes one next hop and knows no failover.",
            },
        ],
    },
    Table {
        name: "imp",
        about: "What is configured on IM and Presence already.",
        repeated: false,
        keys: &[Key {
            name: "tls_peer_subjects",
            kind: Kind::Fqdns,
            need: Need::Optional(None),
            about: "The TLS peer subjects that are configured there. Every certificate's CN has to be among them; \
                    without this key that is not checked.",
        }],
    },
    Table {
        name: "ca",
        about: "The CA that signs the servers' certificates. Needed where the transport is TLS.",
        repeated: false,
        keys: &[
            Key {
                name: "kind",
                kind: Kind::Choice(CA_KINDS),
                need: Need::Required,
                about: "A standalone Microsoft CA (requests pend until an administrator issues them), an enterprise \
                        one (issues from templates), or `file`: any other CA. Then the requests are files to hand \
                        in, and the certificates are put into the servers' folders or the inbox.",
            },
            Key {
                name: "url",
                kind: Kind::Url,
                need: Need::When("the CA is Microsoft's"),
                about: "Its web enrollment pages.",
            },
            Key {
                name: "template",
                kind: Kind::Text,
                need: Need::When("the CA is an enterprise CA"),
                about: "The template to ask for: its name, not its display name. It must have server and client \
                        authentication.",
            },
            Key {
                name: "tls_roots",
                kind: Kind::Paths,
                need: Need::Optional(None),
                about: "The roots to trust for the pages' own TLS, instead of the system's.",
            },
            Key {
                name: "user",
                kind: Kind::Text,
                need: Need::Optional(None),
                about: "Who logs on, as 'DOMAIN\\name' in single quotes, or as \"name@REALM\". Without it: the current \
                        logon.",
            },
            Key {
                name: "password_file",
                kind: Kind::Path,
                need: Need::Optional(None),
                about: "The file with the user's password. Without it you are asked.",
            },
            Key {
                name: "auth",
                kind: Kind::Choice(LOGONS),
                need: Need::Optional(Some("\"auto\"")),
                about: "How to log on, as `submit --auth`.",
            },
            Key {
                name: "allow_http",
                kind: Kind::Bool,
                need: Need::Optional(Some("false")),
                about: "Allow a `url` with http, and a logon over it: anybody on the way can then read and change what \
                        is sent. Basic goes over https alone.",
            },
        ],
    },
    Table {
        name: "trust",
        about: "What each side's trust store holds: files with certificates, or folders of them. With both, `enroll` \
                and `status` judge each side by what the other really trusts; without, by the root of the CA's chain.",
        repeated: false,
        keys: &[
            Key {
                name: "ocs",
                kind: Kind::Paths,
                need: Need::Optional(None),
                about: "The Trusted Root Certification Authorities of the OCS servers.",
            },
            Key {
                name: "imp",
                kind: Kind::Paths,
                need: Need::Optional(None),
                about: "`cup-trust` of the IM and Presence nodes.",
            },
        ],
    },
    Table {
        name: "defaults",
        about: "How keys, requests and PFX files are made.",
        repeated: false,
        keys: &[
            Key {
                name: "key_type",
                kind: Kind::Choice(KEY_TYPES),
                need: Need::Optional(Some("\"rsa2048\"")),
                about: "The kind of key. OCS 2007 R2 needs RSA.",
            },
            Key {
                name: "renew_before_days",
                kind: Kind::Days,
                need: Need::Optional(Some("30")),
                about: "`enroll` renews with a new key when fewer days than this are left.",
            },
            Key {
                name: "pfx",
                kind: Kind::Choice(PFX_TARGETS),
                need: Need::Optional(Some("\"modern\"")),
                about: "Which systems must be able to import the PFX files: `windows2003` and `windows2016` mean \
                        this one and all later, `modern` Server 2019 and later.",
            },
            Key {
                name: "pfx_password_file",
                kind: Kind::Path,
                need: Need::Optional(None),
                about: "The file with the password that closes the PFX files. Without it you are asked; where nobody \
                        can be asked, `enroll` stops before the PFX and says so.",
            },
            Key {
                name: "organization",
                kind: Kind::Text,
                need: Need::Optional(None),
                about: "O in the subject, 64 characters at most.",
            },
            Key {
                name: "organizational_units",
                kind: Kind::Texts,
                need: Need::Optional(None),
                about: "OU in the subject, in this order.",
            },
            Key {
                name: "locality",
                kind: Kind::Text,
                need: Need::Optional(None),
                about: "L in the subject: the city.",
            },
            Key { name: "state", kind: Kind::Text, need: Need::Optional(None), about: "ST in the subject." },
            Key {
                name: "country",
                kind: Kind::Text,
                need: Need::Optional(None),
                about: "C in the subject: two letters.",
            },
            Key {
                name: "email",
                kind: Kind::Text,
                need: Need::Optional(None),
                about: "An email address in the subject.",
            },
            Key {
                name: "sip_name",
                kind: Kind::Bool,
                need: Need::Optional(Some("false")),
                about: "Add `sip.` and the SIP domain to every certificate's names.",
            },
            Key {
                name: "extra_names",
                kind: Kind::Fqdns,
                need: Need::Optional(None),
                about: "Further host names for every certificate.",
            },
        ],
    },
];

/// The table of this name.
pub fn table(name: &str) -> Option<&'static Table> {
    TABLES.iter().find(|table| table.name == name)
}
