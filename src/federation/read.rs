//! From the checked values to a federation: what belongs together must fit together.

use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::document::{At, Document, Faults, Fields, Reader};
use super::{Ca, Defaults, Federation, Host, MicrosoftCa, Node, Pool, Product, SUBJECT, Transport};
use crate::make::key::KeyType;
use crate::make::pkcs12::target;
use crate::model::name::check_attribute;
use crate::model::{Fqdn, oid};
use crate::wire::certsrv::TemplateName;

/// Reads the text of a federation file. Relative paths in it are taken from `folder`, the file's own.
///
/// # Errors
/// All that is wrong with it, each with its place.
pub fn read(text: &str, folder: &Path) -> Result<Federation, Faults> {
    let mut reader = Reader::new(text);
    let document = reader.document();
    let mut build =
        Build { reader, document: &document, folder, names: HashMap::new(), addresses: HashMap::new() };
    let federation = build.federation();
    match (build.reader.finish(), federation) {
        (None, Some(federation)) => Ok(federation),
        (Some(faults), _) => Err(faults),
        // Nothing can be missing without a fault; were it so, an empty list would still be no federation.
        (None, None) => Err(Faults(Vec::new())),
    }
}

struct Build<'a> {
    reader: Reader<'a>,
    document: &'a Document,
    folder: &'a Path,
    /// What each name and address is already, and where.
    names: HashMap<Fqdn, (String, Range<usize>)>,
    addresses: HashMap<IpAddr, (Fqdn, Range<usize>)>,
}

impl Build<'_> {
    fn federation(&mut self) -> Option<Federation> {
        let document = self.document;
        let head = document.one("federation");
        if head.is_none() {
            self.reader.fault(0..0, "the table [federation] is missing: it names the sip_domain");
        }
        let transport = match head.and_then(|head| head.choice("transport")).map(|at| at.value) {
            Some("tcp") => Transport::Tcp,
            _ => Transport::Tls,
        };
        let product = match head.and_then(|head| head.choice("product")).map(|at| at.value) {
            Some("lync2013") => Product::Lync2013,
            Some("sfb2019") => Product::Sfb2019,
            _ => Product::Ocs2007R2,
        };
        if let (Some(head), Transport::Tcp, true) = (head, transport, product != Product::Ocs2007R2) {
            let place = head.place("transport").unwrap_or_default();
            self.reader.fault(place, "Lync Server and later federate over TLS only");
        }
        let standard = self.standard();
        let pools = self.pools();
        let nodes = self.nodes();
        if document.all("ocs.standard").is_empty() && document.all("ocs.pool").is_empty() {
            let what = "there is no OCS server: add [[ocs.standard]] or [[ocs.pool]]";
            self.reader.fault(0..0, what);
        }
        let ca = self.ca(transport);
        let defaults =
            self.defaults(head.and_then(|head| head.fqdn("sip_domain")).map(|at| at.value), product);
        let trust = document.one("trust");
        let peer_subjects = document.one("imp").and_then(|imp| imp.fqdns("tls_peer_subjects"));
        Some(Federation {
            sip_domain: head?.fqdn("sip_domain")?.value,
            transport,
            product,
            standard,
            pools,
            nodes,
            peer_subjects: peer_subjects.map(|list| values(list.value)),
            ca,
            ocs_trust: self.paths(trust, "ocs"),
            imp_trust: self.paths(trust, "imp"),
            defaults: defaults?,
        })
    }

    fn standard(&mut self) -> Vec<Host> {
        let hosts = self.document.all("ocs.standard").iter();
        hosts.filter_map(|fields| self.host(fields, "a Standard Edition server", true)).collect()
    }

    fn pools(&mut self) -> Vec<Pool> {
        let mut pools = Vec::new();
        for fields in self.document.all("ocs.pool") {
            let fqdn = fields.fqdn("fqdn");
            if let Some(fqdn) = &fqdn {
                self.name(fqdn, "a pool", true);
            }
            let ip = fields.ip("ip");
            if let (Some(fqdn), Some(ip)) = (&fqdn, &ip) {
                self.address(ip, &fqdn.value);
            }
            let what = match &fqdn {
                Some(fqdn) => format!("a front end of {}", fqdn.value),
                None => "a front end".to_string(),
            };
            let mut front_ends = Vec::new();
            if let Some(hosts) = fields.hosts("front_ends") {
                if hosts.value.is_empty() {
                    self.reader.fault(hosts.span.clone(), "`front_ends` is empty: a pool has one at least");
                }
                front_ends = hosts.value.iter().filter_map(|host| self.host(host, &what, false)).collect();
            }
            if let Some(fqdn) = fqdn {
                pools.push(Pool { fqdn: fqdn.value, ip: ip.map(|ip| ip.value), front_ends });
            }
        }
        pools
    }

    fn nodes(&mut self) -> Vec<Node> {
        let tables = self.document.all("imp.node");
        let mut nodes = Vec::new();
        let mut target: Option<Range<usize>> = None;
        for fields in tables {
            let flag = fields.flag("route_target");
            if let Some(flag) = flag.as_ref().filter(|flag| flag.value) {
                match &target {
                    Some(first) => {
                        let line = self.reader.line(first);
                        let what = format!(
                            "OCS's route takes one next hop, and line {line} names another node already"
                        );
                        self.reader.fault(flag.span.clone(), what);
                    }
                    None => target = Some(flag.span.clone()),
                }
            }
            let certificate = fields.text("certificate").map(|path| self.folder.join(path.value));
            if let Some(host) = self.host(fields, "an IM and Presence node", true) {
                nodes.push(Node { host, certificate, route_target: flag.is_some_and(|flag| flag.value) });
            }
        }
        match (tables, target) {
            ([], _) => self.reader.fault(0..0, "there is no IM and Presence node: add [[imp.node]]"),
            // One node leaves no choice.
            ([_], None) => nodes.iter_mut().for_each(|node| node.route_target = true),
            ([first, ..], None) => {
                let what = "OCS's static route goes to one node: add route_target = true to it";
                self.reader.fault(first.span.clone(), what);
            }
            _ => {}
        }
        nodes
    }

    /// A server or node; `cn` is true where its own name is its certificate's CN.
    fn host(&mut self, fields: &Fields, what: &str, cn: bool) -> Option<Host> {
        let (fqdn, ip) = (fields.fqdn("fqdn"), fields.ip("ip"));
        if let Some(fqdn) = &fqdn {
            self.name(fqdn, what, cn);
        }
        if let (Some(fqdn), Some(ip)) = (&fqdn, &ip) {
            self.address(ip, &fqdn.value);
        }
        Some(Host { fqdn: fqdn?.value, ip: ip?.value })
    }

    /// Notes whose a name is. A name stands for one machine, or for one pool.
    fn name(&mut self, name: &At<Fqdn>, what: &str, cn: bool) {
        if let (true, Err(fault)) = (cn, check_attribute(&oid::COMMON_NAME, name.value.as_str())) {
            self.reader.fault(name.span.clone(), fault.to_string());
        }
        match self.names.get(&name.value) {
            Some((other, place)) => {
                let both =
                    what.starts_with("a front end") && other.starts_with("a front end") && other != what;
                let why = if both { ": a front end is in one pool only" } else { "" };
                let line = self.reader.line(place);
                let what = format!("{} is {other} already (line {line}){why}", name.value);
                self.reader.fault(name.span.clone(), what);
            }
            None => {
                self.names.insert(name.value.clone(), (what.to_string(), name.span.clone()));
            }
        }
    }

    fn address(&mut self, ip: &At<IpAddr>, whose: &Fqdn) {
        match self.addresses.get(&ip.value) {
            // The same machine twice is told by its name.
            Some((other, _)) if other == whose => {}
            Some((other, place)) => {
                let line = self.reader.line(place);
                self.reader.fault(
                    ip.span.clone(),
                    format!("{} is the address of {other} already (line {line})", ip.value),
                );
            }
            None => {
                self.addresses.insert(ip.value, (whose.clone(), ip.span.clone()));
            }
        }
    }

    fn ca(&mut self, transport: Transport) -> Option<Ca> {
        let Some(fields) = self.document.one("ca") else {
            if transport == Transport::Tls {
                let what = "the table [ca] is missing: over TLS every server needs a certificate";
                self.reader.fault(0..0, what);
            }
            return None;
        };
        let kind = fields.choice("kind")?.value;
        if kind == "file" {
            for key in super::keys::table("ca")?.keys.iter().filter(|key| key.name != "kind") {
                if let Some(place) = fields.place(key.name) {
                    self.reader.fault(
                        place,
                        format!("`{}` means nothing where the CA is of kind \"file\"", key.name),
                    );
                }
            }
            return Some(Ca::File);
        }
        let allow_http = fields.flag("allow_http").is_some_and(|flag| flag.value);
        let url = fields.url("url");
        match &url {
            None if fields.place("url").is_none() => {
                let what = format!("`url` is missing: {}", super::keys::Kind::Url.wanted());
                self.reader.fault(fields.span.clone(), what);
            }
            Some(url) if url.value.is_plain_http() && !allow_http => {
                let what = "plain http: anybody on the way can read and change what is sent; use https, or add \
                            allow_http = true where the site permits it";
                self.reader.fault(url.span.clone(), what);
            }
            _ => {}
        }
        let template = self.template(fields, kind);
        let (user, password_file) = (fields.text("user"), fields.text("password_file"));
        if let Some(user) = &user
            && user.value.contains(':')
        {
            // RFC 7617 section 2: the first colon would end it.
            self.reader.fault(user.span.clone(), "a user's name holds no colon");
        }
        if let (None, Some(file)) = (&user, &password_file) {
            self.reader.fault(file.span.clone(), "a password without a `user` whose it is");
        }
        let auth = fields.choice("auth");
        let needs_user = auth.as_ref().filter(|auth| matches!(auth.value, "basic" | "ntlm"));
        if let (None, Some(auth)) = (&user, needs_user) {
            self.reader.fault(auth.span.clone(), format!("\"{}\" needs a `user`", auth.value));
        }
        if let (Some(user), Some("none")) = (&user, auth.as_ref().map(|auth| auth.value)) {
            self.reader.fault(user.span.clone(), "a user, but `auth` is \"none\"");
        }
        Some(Ca::Microsoft(Box::new(MicrosoftCa {
            url: url?.value,
            template,
            tls_roots: self.paths(Some(fields), "tls_roots"),
            user: user.map(|user| user.value),
            password_file: password_file.map(|file| self.folder.join(file.value)),
            auth: auth.map_or("auto", |auth| auth.value),
            allow_http,
        })))
    }

    /// Enterprise CAs issue from templates, standalone ones know none (MS-WCCE sections 3.2.1 and 3.2.2).
    fn template(&mut self, fields: &Fields, kind: &str) -> Option<TemplateName> {
        let typed = fields.text("template");
        match (typed, kind) {
            (None, "microsoft-enterprise") if fields.place("template").is_none() => {
                let what = "`template` is missing: an enterprise CA issues from one with server and client \
                            authentication (the stock WebServer template has only one)";
                self.reader.fault(fields.span.clone(), what);
                None
            }
            (Some(template), "microsoft-standalone") => {
                self.reader.fault(template.span, "a standalone CA knows no templates: leave `template` out");
                None
            }
            (Some(template), _) => match TemplateName::parse(&template.value) {
                Ok(name) => Some(name),
                Err(e) => {
                    self.reader.fault(template.span, format!("`template`: {e}"));
                    None
                }
            },
            (None, _) => None,
        }
    }

    fn defaults(&mut self, sip_domain: Option<Fqdn>, product: Product) -> Option<Defaults> {
        let empty = Fields::default();
        let fields = self.document.one("defaults").unwrap_or(&empty);
        let key_type = fields.choice("key_type");
        let kind = key_type.as_ref().map(|at| at.value).and_then(KeyType::named).unwrap_or_default();
        let pfx_name = fields.choice("pfx");
        let pfx = target(pfx_name.as_ref().map_or("modern", |at| at.value))?;
        if let Some(key_type) = key_type.filter(|_| !kind.is_rsa()) {
            if product == Product::Ocs2007R2 {
                self.reader.fault(key_type.span, "OCS 2007 R2 needs an RSA key");
            } else if pfx.rsa_only {
                let what = format!("a PFX for {} takes RSA keys only", pfx.name);
                self.reader.fault(key_type.span, what);
            }
        }
        let mut subject = Vec::new();
        for (key, kind) in SUBJECT {
            let one = fields.text(key).into_iter();
            for value in one.chain(fields.texts(key).map(|list| list.value).unwrap_or_default()) {
                if let Err(fault) = check_attribute(kind, &value.value) {
                    self.reader.fault(value.span.clone(), fault.to_string());
                }
                subject.push((kind.clone(), value.value));
            }
        }
        let email = subject.pop_if(|(kind, _)| *kind == oid::EMAIL_ADDRESS).map(|(_, email)| email);
        let mut extra_names = Vec::new();
        if let (Some(flag), Some(domain)) = (fields.flag("sip_name").filter(|flag| flag.value), sip_domain) {
            match Fqdn::parse(&format!("sip.{domain}")) {
                Ok(name) => extra_names.push(name),
                Err(fault) => self.reader.fault(flag.span, fault.to_string()),
            }
        }
        extra_names.extend(fields.fqdns("extra_names").map(|list| values(list.value)).unwrap_or_default());
        Some(Defaults {
            key_type: kind,
            renew_before_days: fields.days("renew_before_days").map_or(30, |days| days.value),
            pfx,
            pfx_password_file: fields.text("pfx_password_file").map(|file| self.folder.join(file.value)),
            subject,
            email,
            extra_names,
        })
    }

    fn paths(&self, fields: Option<&Fields>, key: &str) -> Vec<PathBuf> {
        let list = fields.and_then(|fields| fields.texts(key)).map(|list| values(list.value));
        list.unwrap_or_default().into_iter().map(|path| self.folder.join(path)).collect()
    }
}

fn values<T>(list: Vec<At<T>>) -> Vec<T> {
    list.into_iter().map(|at| at.value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
[federation]
sip_domain = "foo.com"
[[ocs.standard]]
fqdn = "OCS1.foo.com"
ip = "10.1.10.100"
[[ocs.pool]]
fqdn = "pool.foo.com"
front_ends = [{ fqdn = "fe1.foo.com", ip = "10.1.10.101" }, { fqdn = "fe2.foo.com", ip = "10.1.10.102" }]
[[imp.node]]
fqdn = "imp1.foo.com"
ip = "10.1.10.20"
certificate = "imp1.pem"
[ca]
kind = "microsoft-standalone"
url = "https://ca.foo.com/certsrv"
[defaults]
organization = "Foo"
sip_name = true
email = "pki@foo.com"
"#;

    #[test]
    fn names_requests_and_paths_come_from_the_one_file() {
        let federation = read(GOOD, Path::new("site")).unwrap();
        let names: Vec<(&str, &str)> = federation
            .servers()
            .iter()
            .map(|server| (server.host.fqdn.as_str(), server.common_name().as_str()))
            .collect();
        let expected = [
            ("ocs1.foo.com", "ocs1.foo.com"),
            ("fe1.foo.com", "pool.foo.com"),
            ("fe2.foo.com", "pool.foo.com"),
        ];
        assert_eq!(names, expected);
        let peers: Vec<&str> = federation.common_names().map(Fqdn::as_str).collect();
        assert_eq!(peers, ["ocs1.foo.com", "pool.foo.com"]);
        // The only node is the next hop without being told so; its certificate lies beside the file.
        let hop = federation.next_hop().unwrap();
        assert_eq!(hop.certificate.as_deref(), Some(Path::new("site/imp1.pem")));
        let servers = federation.servers();
        let spec = federation.request(servers[1], &crate::model::KeyAlgorithm::Rsa { bits: 2048 });
        let subject: Vec<&str> = spec.subject.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(subject, ["Foo", "pool.foo.com", "pki@foo.com"]);
        let names: Vec<String> = spec.names.iter().map(ToString::to_string).collect();
        assert_eq!(names, ["DNS:pool.foo.com", "DNS:fe1.foo.com", "DNS:sip.foo.com"]);
    }

    /// Replaces pieces of the good file, and expects these faults: (line, column, words).
    fn faults(changes: &[(&str, &str)], expected: &[(usize, usize, &str)]) {
        let text = changes.iter().fold(GOOD.to_string(), |text, (from, to)| {
            assert!(text.contains(from), "{from}");
            text.replacen(from, to, 1)
        });
        let found = read(&text, Path::new("")).unwrap_err().0;
        assert_eq!(found.len(), expected.len(), "{found:#?}");
        for (fault, (line, column, words)) in found.iter().zip(expected) {
            assert_eq!((fault.line, fault.column), (*line, *column), "{fault:?}");
            assert!(fault.what.contains(words), "{} / {words}", fault.what);
        }
    }

    #[test]
    fn every_fault_is_told_at_once_with_its_place() {
        faults(
            &[
                ("sip_domain", "sip_domian"),
                ("10.1.10.100", "10.1.10.300"),
                ("\"fe2.foo.com\"", "\"fe1.foo.com\""),
                ("\"10.1.10.20\"", "\"10.1.10.101\""),
                ("microsoft-standalone", "microsoft"),
                ("sip_name = true", "sip_name = \"yes\""),
            ],
            &[
                (2, 1, "`sip_domain` is missing"),
                (3, 1, "did you mean `sip_domain`?"),
                (6, 6, "\"10.1.10.300\" is no IP address"),
                (9, 70, "fe1.foo.com is a front end of pool.foo.com already (line 9)"),
                (12, 6, "10.1.10.101 is the address of fe1.foo.com already (line 9)"),
                (15, 8, "\"microsoft\" is not known: one of \"microsoft-standalone\""),
                (19, 12, "`sip_name` needs true or false"),
            ],
        );
    }

    #[test]
    fn what_does_not_fit_together_is_a_fault_at_its_place() {
        let second_pool = "[[ocs.pool]]\nfqdn = \"pool2.foo.com\"\nfront_ends = [{ fqdn = \"fe1.foo.com\", ip = \"10.1.10.101\" }]\n[[imp.node]]";
        faults(&[("[[imp.node]]", second_pool)], &[(12, 24, "(line 9): a front end is in one pool only")]);
        let long = format!("{}.{}.foo.com", "p".repeat(40), "q".repeat(20));
        faults(&[("pool.foo.com", &long)], &[(8, 8, "has 69 characters; X.520 allows 64")]);
        let node = "[[imp.node]]\nfqdn = \"imp2.foo.com\"\nip = \"10.1.10.21\"\n[[imp.node]]";
        faults(&[("[[imp.node]]", node)], &[(10, 1, "static route goes to one node")]);
        let two = node.replacen("ip =", "route_target = true\nip =", 1);
        faults(
            &[("[[imp.node]]", &two), ("certificate =", "route_target = true\ncertificate =")],
            &[(17, 16, "line 12 names another node already")],
        );
        faults(
            &[("sip_domain =", "transport = \"tcp\"\nproduct = \"lync2013\"\nsip_domain =")],
            &[(3, 13, "TLS only")],
        );
        faults(&[("standalone", "enterprise")], &[(14, 1, "`template` is missing")]);
        faults(&[("url =", "template = \"T\"\nurl =")], &[(16, 12, "knows no templates")]);
        faults(&[("microsoft-standalone", "file")], &[(16, 7, "`url` means nothing")]);
        faults(&[("https", "http")], &[(16, 7, "allow_http = true")]);
        faults(&[("url =", "password_file = \"pw\"\nurl =")], &[(16, 17, "without a `user`")]);
        faults(&[("url =", "auth = \"none\"\nuser = 'F\\a'\nurl =")], &[(17, 8, "`auth` is \"none\"")]);
        faults(&[("organization", "key_type = \"p256\"\norganization")], &[(18, 12, "needs an RSA key")]);
        faults(&[("\"Foo\"", "\"Foo\"\ncountry = \"Japan\"")], &[(19, 11, "two-letter ISO 3166 code")]);
        let ca = "[ca]\nkind = \"microsoft-standalone\"\nurl = \"https://ca.foo.com/certsrv\"\n";
        faults(&[(ca, "")], &[(1, 1, "[ca] is missing")]);
        assert!(
            read(
                &GOOD.replace(ca, "").replace("sip_domain", "transport = \"tcp\"\nsip_domain"),
                Path::new("")
            )
            .is_ok()
        );
    }

    #[test]
    fn no_toml_and_the_wrong_brackets_are_faults_with_their_place() {
        faults(&[("\"OCS1.foo.com\"", "OCS1.foo.com")], &[(5, 8, "no TOML: string values must be quoted")]);
        faults(&[("[[ocs.standard]]", "[ocs.standard]")], &[(4, 6, "written [[ocs.standard]]")]);
        faults(&[("[ca]", "[[ca]]")], &[(14, 3, "written [ca]")]);
        faults(&[("[ca]", "[cas]\n[ca]")], &[(14, 2, "did you mean `ca`?")]);
        faults(
            &[("\"foo.com\"", "\"foo.com\"\nsip_domain = \"bar.com\"")],
            &[(4, 1, "no TOML: duplicate key")],
        );
        assert!(read("", Path::new("")).unwrap_err().0.len() >= 3);
    }
}
