//! Kerberos under the scheme `Negotiate` (RFC 4559, RFC 4178, RFC 4121): with the tickets of whoever is logged on
//! here, or with a password. Every request carries a token of its own, bound to its TLS connection, and an answer
//! counts when the server has proved with it who it is.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use zeroize::Zeroizing;

use super::account::{Account, User};
use super::gssapi::{Context, Credential, Fault, Gssapi};
use super::{Cause, Handshake, Mechanism, Scope, Target, Token, Unable};
use crate::edge::secrets::Password;
use crate::edge::{Error, Result};
use crate::wire::spnego::{self, KRB5, Response};

/// Kerberos by the system's own library.
pub struct Kerberos {
    /// Whose password; none: the tickets that are there.
    account: Option<(String, Password)>,
    credential: Mutex<Acquired>,
}

/// What the connections share. The domain is asked once: accounts are locked by those who try again.
enum Acquired {
    NotYet,
    Yes(Arc<Mutex<Credential>>),
    Refused,
}

impl Kerberos {
    /// With the tickets that are there.
    pub fn with_tickets() -> Self {
        Self { account: None, credential: Mutex::new(Acquired::NotYet) }
    }

    /// With a password; nothing where the name has no realm.
    pub fn with_password(account: &Account) -> Option<Self> {
        let User::Principal { name, realm } = &account.user else { return None };
        // Realms are case-sensitive (RFC 4120 section 6.1), and those of Windows domains are in capitals.
        let principal = format!("{name}@{}", realm.to_uppercase());
        let account = Some((principal, account.password.clone()));
        Some(Self { account, credential: Mutex::new(Acquired::NotYet) })
    }

    /// The context of a logon, and its first token.
    fn start(&self, target: &Target) -> std::result::Result<(Context, Vec<u8>), Unable> {
        let host = &target.host;
        if host.parse::<IpAddr>().is_ok() {
            let what = "Kerberos knows servers by name, not by address";
            return Err(Unable::Here(Cause::new(what, "use the server's own name in --ca-url")));
        }
        let gssapi = Gssapi::load().map_err(|e| {
            let remedy = "install libgssapi-krb5-2 (Debian) or krb5-libs (Red Hat)";
            let cause = Cause::new("Kerberos needs a library that cannot be loaded", remedy);
            Unable::Here(cause.in_words(e))
        })?;
        // Held over the whole, so that several connections do not ask the domain at the same time.
        let mut acquired = self.credential.lock().unwrap_or_else(PoisonError::into_inner);
        let credential = match &*acquired {
            Acquired::Yes(credential) => Ok(credential.clone()),
            Acquired::NotYet => {
                let acquired = match &self.account {
                    None => gssapi.tickets(),
                    Some((principal, password)) => gssapi.password(principal, password),
                };
                acquired.map(|credential| Arc::new(Mutex::new(credential)))
            }
            Acquired::Refused => {
                let what = format!("{} was refused just before, and is not tried again", self.describe());
                return Err(Unable::Refused(Error::new(what)));
            }
        };
        let started = credential.and_then(|credential| {
            *acquired = Acquired::Yes(credential.clone());
            let mut context = Context::new(gssapi, credential, host, target.binding.data())?;
            let token = context.step(&[])?;
            Ok((context, token))
        });
        started.map_err(|fault| match (&self.account, known(&fault)) {
            (Some((principal, _)), Some(Known { blame: Blame::Account, remedy, .. })) => {
                *acquired = Acquired::Refused;
                let what = format!("the domain refused the logon of {principal}");
                Unable::Refused(Error::new(what).because(fault).hint(*remedy))
            }
            (_, known) => {
                let remedy = known.map_or(UNKNOWN, |known| known.remedy).replace("{host}", host);
                let cause = Cause::new(format!("there is no Kerberos ticket for HTTP/{host}"), remedy);
                Unable::Here(cause.in_words(fault))
            }
        })
    }
}

impl fmt::Debug for Kerberos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kerberos({})", self.describe())
    }
}

impl Mechanism for Kerberos {
    fn scheme(&self) -> &'static str {
        "Negotiate"
    }

    fn scope(&self) -> Scope {
        Scope::Request
    }

    fn describe(&self) -> String {
        match &self.account {
            Some((principal, _)) => format!("Kerberos as {principal}"),
            None => "Kerberos with the tickets that are here".into(),
        }
    }

    fn begin(&self, target: &Target) -> std::result::Result<(Box<dyn Handshake>, Token), Unable> {
        let (context, token) = self.start(target)?;
        let token = spnego::init(KRB5, &token).map_err(|_| {
            Unable::Here(Cause::new("the Kerberos ticket is too large", "log on with NTLM: --auth ntlm"))
        })?;
        Ok((Box::new(Exchange { context, host: target.host.clone(), refused: None }), token.into()))
    }

    fn secrets(&self) -> Vec<Zeroizing<String>> {
        let secret = |(_, password): &(String, Password)| password.reveal().to_string().into();
        self.account.iter().map(secret).collect()
    }
}

/// The tokens of one request and its answer.
struct Exchange {
    context: Context,
    host: String,
    /// What the server minded, where it said so.
    refused: Option<Fault>,
}

impl Handshake for Exchange {
    fn step(&mut self, token: &[u8]) -> Result<Option<Token>> {
        // All was said with the first token, so the refusal stands; it may say why, as Kerberos does (KRB-ERROR).
        if let Ok(Response { token, .. }) = spnego::response(KRB5, token)
            && !token.is_empty()
        {
            self.refused = self.context.step(&token).err();
        }
        Ok(None)
    }

    fn finish(&mut self, token: Option<&[u8]>) -> Result<()> {
        let error = || {
            Error::new(format!("{} did not prove who it is, so its answer does not count", self.host))
                .hint("it, or a proxy in between, lets people in without looking at their tickets: have that checked")
        };
        let token = token.ok_or_else(error)?;
        let theirs = spnego::response(KRB5, token).map_err(|e| error().because(e))?;
        if theirs.is_rejected || theirs.token.is_empty() {
            return Err(error());
        }
        self.context.step(&theirs.token).map_err(|fault| error().because(fault))?;
        if self.context.is_mutual() { Ok(()) } else { Err(error()) }
    }

    fn causes(&self) -> Vec<Cause> {
        let host = &self.host;
        let said = self.refused.as_ref().and_then(|fault| Some((fault, known(fault)?)));
        vec![match said {
            Some((fault, known)) => {
                let remedy = known.remedy.replace("{host}", host);
                Cause::new("it minds the ticket, and says why", remedy).in_words(fault)
            }
            None => Cause::new(
                format!("HTTP/{host} is registered for another account than that of the web server"),
                format!("its administrator sees which: setspn -Q HTTP/{host}"),
            ),
        }]
    }
}

/// At whom a fault lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blame {
    /// The account: no other way to log on will help, and each try counts.
    Account,
    /// What is between here, the domain and the server.
    Setup,
}

/// A fault that a remedy is known for.
struct Known {
    /// Codes of `krb5_err.et`, counted from its base; the first 128 are those of RFC 4120 section 7.5.9.
    codes: &'static [u32],
    /// Major codes of RFC 2744, for what libraries put in their own codes.
    majors: &'static [u32],
    blame: Blame,
    /// `{host}` is the server.
    remedy: &'static str,
}

/// For all that the table does not have.
const UNKNOWN: &str = "kvno HTTP/{host} tries the same; or log on with NTLM: --user 'DOMAIN\\name'";

/// `ERROR_TABLE_BASE_krb5`.
const BASE: u32 = -1_765_328_384_i32 as u32;
const GSS_S_NO_CRED: u32 = 7 << 16;
const GSS_S_CREDENTIALS_EXPIRED: u32 = 11 << 16;

const KNOWN: &[Known] = &[
    Known {
        // CC_NOTFOUND, FCC_NOFILE
        codes: &[141, 195],
        majors: &[GSS_S_NO_CRED],
        blame: Blame::Setup,
        remedy: "kinit name@REALM, then run it again;\n\
                 or with --user name@REALM, which asks for the password",
    },
    Known {
        // TKT_EXPIRED
        codes: &[32],
        majors: &[GSS_S_CREDENTIALS_EXPIRED],
        blame: Blame::Setup,
        remedy: "it has expired: kinit name@REALM, then run it again",
    },
    Known {
        // TKT_NYV, SKEW, KDCREP_SKEW
        codes: &[33, 37, 148],
        majors: &[],
        blame: Blame::Setup,
        remedy: "this machine's clock differs from the domain's by more than 5 minutes:\n\
                 set it",
    },
    Known {
        // S_PRINCIPAL_UNKNOWN
        codes: &[7],
        majors: &[],
        blame: Blame::Setup,
        remedy: "use the server's own name in --ca-url, not an alias (CNAME); or have the\n\
                 domain's administrator add it: setspn -S HTTP/{host} SERVER",
    },
    Known {
        // REALM_UNKNOWN, KDC_UNREACH, REALM_CANT_RESOLVE, CONFIG_NODEFREALM
        codes: &[154, 156, 220, 224],
        majors: &[],
        blame: Blame::Setup,
        remedy: "no domain controller answers: is the realm right, does DNS have\n\
                 _kerberos._tcp.REALM (or /etc/krb5.conf a kdc), is port 88 open?",
    },
    Known {
        // ETYPE_NOSUPP
        codes: &[14],
        majors: &[],
        blame: Blame::Setup,
        remedy: "the domain and this machine share no kind of encryption:\n\
                 have AES enabled for the account of {host}",
    },
    Known {
        // AP_ERR_MODIFIED
        codes: &[41],
        majors: &[],
        blame: Blame::Setup,
        remedy: "HTTP/{host} is registered for another account than that of\n\
                 the web server: setspn -Q HTTP/{host} shows which",
    },
    Known {
        // C_PRINCIPAL_UNKNOWN
        codes: &[6],
        majors: &[],
        blame: Blame::Account,
        remedy: "the domain knows no such user: check the name, and the realm after the @",
    },
    Known {
        // PREAUTH_FAILED, AP_ERR_BAD_INTEGRITY
        codes: &[24, 31],
        majors: &[],
        blame: Blame::Account,
        remedy: "the password is wrong; it was tried once, so as not to lock the account",
    },
    Known {
        // POLICY, CLIENT_REVOKED
        codes: &[12, 18],
        majors: &[],
        blame: Blame::Account,
        remedy: "the account is locked, disabled or not allowed now:\n\
                 ask the domain's administrator",
    },
    Known {
        // KEY_EXP
        codes: &[23],
        majors: &[],
        blame: Blame::Account,
        remedy: "the password has expired: change it with kpasswd, or on a Windows machine",
    },
];

fn known(fault: &Fault) -> Option<&'static Known> {
    let code = fault.minor.wrapping_sub(BASE);
    let by_code = KNOWN.iter().find(|known| known.codes.contains(&code));
    by_code.or_else(|| KNOWN.iter().find(|known| known.majors.contains(&(fault.major & 0x00ff_0000))))
}
