//! PFX files (PKCS#12, RFC 7292): keys and certificates closed with a password, by any writer, in DER or BER. What
//! can be seen without the password is a fact of the closed file; each bag that cannot be read is a problem and
//! hides no other.

mod bag;
mod mac;

use std::fmt;

use zeroize::Zeroizing;

use self::bag::{Bag, bags, damaged, normal};
use super::kdf::algorithm_of;
use super::limits::{Budget, Limits, MAX_PFX};
use super::scheme::Protection;
use super::{Object, Origin, ber};
use crate::model::oid::{self, Oid};
use crate::model::{Error, Result, asn1};

pub use bag::Attributes;
pub use mac::Mac;

/// A PFX file, still closed.
#[derive(Clone)]
pub struct Pfx {
    /// Its length in bytes.
    pub size: usize,
    /// True where it is not DER, but BER.
    pub ber: bool,
    /// What proves that it is as it was written; `None` where nothing does.
    pub mac: Option<Mac>,
    /// Its parts, in their order.
    pub parts: Vec<Part>,
    /// What the MAC covers, as it was written.
    covered: Zeroizing<Vec<u8>>,
}

/// A part of a PFX: some bags, closed together or not.
#[derive(Clone)]
pub struct Part {
    /// How all of it is closed.
    pub protection: Protection,
    content: Zeroizing<Vec<u8>>,
}

/// What is seen of a bag without a password.
#[derive(Clone, Debug)]
pub struct Seen {
    /// What it is, with its article.
    pub what: &'static str,
    /// True for a private key.
    pub is_key: bool,
    /// How its content is closed.
    pub protection: Protection,
    /// What hangs on it.
    pub attributes: Attributes,
}

/// All that was in a PFX.
#[derive(Debug, Default)]
pub struct Opened {
    /// What could be read, in the order of the file.
    pub objects: Vec<(Object, Origin)>,
    /// What could not.
    pub problems: Vec<String>,
}

impl Pfx {
    /// Reads the outside of the file.
    ///
    /// # Errors
    /// [`Error::Asn1`] where it is damaged; [`Error::Limit`]; [`Error::Unsupported`] where no password closes it.
    pub(super) fn from_ber(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > MAX_PFX {
            let most = MAX_PFX >> 20;
            return Err(Error::Limit(format!("a PFX file larger than {most} MiB is not read")));
        }
        let der = normal(bytes)?;
        let fields = asn1::sequence(&der).ok_or_else(damaged)?;
        let (safe, mac) = match fields[..] {
            [(0x02, [3]), (0x30, safe)] => (safe, None),
            [(0x02, [3]), (0x30, safe), (0x30, mac)] => (safe, Some(Mac::parse(mac)?)),
            _ => return Err(damaged()),
        };
        let (kind, content) = content_info(safe)?;
        if kind != oid::DATA {
            // RFC 7292 section 4, public-key integrity mode
            return Err(Error::unsupported(
                "a PFX file that a certificate protects instead of a password:",
                &kind,
            ));
        }
        let Some((0x04, covered, [])) = content.and_then(asn1::read) else { return Err(damaged()) };
        let mut parts = Vec::new();
        let safes = normal(covered)?;
        for (tag, part) in asn1::sequence(&safes).ok_or_else(damaged)? {
            if tag != 0x30 {
                return Err(damaged());
            }
            parts.push(Part::parse(part)?);
        }
        let ber = *der != *bytes || *safes != *covered;
        Ok(Self { size: bytes.len(), ber, mac, parts, covered: Zeroizing::new(covered.to_vec()) })
    }

    /// True where something in it is closed or protected: a Java truststore may need no password.
    pub fn needs_password(&self) -> bool {
        let closed = |part: &Part| {
            part.protection != Protection::None
                || part.seen().iter().any(|bag| bag.protection != Protection::None)
        };
        self.mac.is_some() || self.parts.iter().any(closed)
    }

    /// What is in it. A bag that cannot be read is among the problems.
    ///
    /// # Errors
    /// [`Error::WrongPassword`]; [`Error::Damaged`] where the password is right and the MAC does not fit;
    /// [`Error::Limit`]; where nothing can be read, why not.
    pub fn open(&self, password: &str, limits: Limits) -> Result<Opened> {
        let mut budget = Budget::new(limits);
        if let Some(mac) = &self.mac
            && !mac.fits(password, &self.covered, &mut budget)?
        {
            return Err(match self.opens(password, &mut budget)? {
                true => Error::Damaged,
                false => Error::WrongPassword,
            });
        }
        let mut opened = Opened::default();
        let mut errors = Vec::new();
        // Of what is closed: did the password open any of it?
        let mut fitted = self.mac.is_some();
        for (number, part) in self.parts.iter().enumerate() {
            let bags = match part.bags(password, &mut budget) {
                Ok(bags) => bags,
                Err(error) => {
                    errors.push((format!("part {}", number + 1), error));
                    continue;
                }
            };
            fitted |= part.protection != Protection::None;
            for bag in bags {
                let (what, closed) = (bag.what(), bag.closed().is_some());
                match bag.open(number, password, &mut budget) {
                    Ok(open) => {
                        fitted |= closed;
                        opened.objects.push(open);
                    }
                    Err(error) => errors.push((what.to_string(), error)),
                }
            }
        }
        let grave = |error: &Error| match error {
            Error::Limit(_) => true,
            Error::WrongPassword => !fitted,
            _ => opened.objects.is_empty(),
        };
        if let Some(at) = errors.iter().position(|(_, error)| grave(error)) {
            return Err(errors.swap_remove(at).1);
        }
        let problems =
            errors.iter().map(|(what, error)| format!("{what} in the PFX file: {}", explained(error)));
        opened.problems = problems.collect();
        Ok(opened)
    }

    /// True where the password opens something that is closed, whatever the MAC says. The first pieces tell: more
    /// would only be more work for a password that is wrong.
    fn opens(&self, password: &str, budget: &mut Budget) -> Result<bool> {
        let parts = self.parts.iter().map(|part| (part.protection.clone(), part.content.clone()));
        let keys = self
            .parts
            .iter()
            .flat_map(Part::plain_bags)
            .filter_map(|bag| Some((bag.protection(), Zeroizing::new(bag.closed()?.to_vec()))));
        let closed = parts.chain(keys).filter_map(|(protection, bytes)| match protection {
            Protection::Password(scheme) => Some((scheme, bytes)),
            _ => None,
        });
        for (scheme, bytes) in closed.take(2) {
            match scheme.open(password, &bytes, budget) {
                Ok(_) => return Ok(true),
                Err(error @ Error::Limit(_)) => return Err(error),
                Err(_) => {}
            }
        }
        Ok(false)
    }
}

/// A wrong password is one thing for the file, another for a part of it.
fn explained(error: &Error) -> String {
    match error {
        Error::WrongPassword => "the password does not open it: it has another, or is damaged".into(),
        error => error.to_string(),
    }
}

impl Part {
    /// From the content of a ContentInfo.
    fn parse(info: &[u8]) -> Result<Self> {
        let (kind, content) = content_info(info)?;
        let content = content.ok_or_else(damaged)?;
        if kind == oid::DATA {
            let Some((0x04, content, [])) = asn1::read(content) else { return Err(damaged()) };
            return Ok(Self { protection: Protection::None, content: normal(content)? });
        }
        if kind != oid::ENCRYPTED_DATA {
            // RFC 7292 section 4.1: enveloped for somebody's certificate
            let error = Error::unsupported("a part that is no password's:", &kind);
            return Ok(Self { protection: Protection::Unreadable(error), content: Zeroizing::default() });
        }
        // RFC 5652 section 8 and 6.1
        let fields = asn1::sequence(content).ok_or_else(damaged)?;
        let (0x02, _) = fields.first().ok_or_else(damaged)? else { return Err(damaged()) };
        let (0x30, info) = fields.get(1).ok_or_else(damaged)? else { return Err(damaged()) };
        match asn1::elements(info).ok_or_else(damaged)?[..] {
            [(0x06, _), (0x30, algorithm), (tag @ (0x80 | 0xa0), closed)] => {
                let closed = ber::octets(tag == 0xa0, closed).ok_or_else(damaged)?;
                let content = Zeroizing::new(closed.into_owned());
                Ok(Self { protection: Protection::parse(algorithm), content })
            }
            _ => Err(damaged()),
        }
    }

    /// The bags that are seen without a password.
    pub fn seen(&self) -> Vec<Seen> {
        let seen = |bag: Bag| Seen {
            what: bag.what(),
            is_key: bag.is_key(),
            protection: bag.protection(),
            attributes: bag.attributes().clone(),
        };
        self.plain_bags().into_iter().map(seen).collect()
    }

    fn plain_bags(&self) -> Vec<Bag> {
        match self.protection {
            Protection::None => bags(&self.content).unwrap_or_default(),
            _ => Vec::new(),
        }
    }

    fn bags(&self, password: &str, budget: &mut Budget) -> Result<Vec<Bag>> {
        bags(&self.protection.open(password, &self.content, budget)?)
    }
}

/// RFC 5652 section 3: the type, and what is in `content [0]`.
fn content_info(info: &[u8]) -> Result<(Oid, Option<&[u8]>)> {
    let (kind, content) = algorithm_of(info).map_err(|_| damaged())?;
    match content.map(asn1::read) {
        None => Ok((kind, None)),
        Some(Some((0xa0, content, []))) => Ok((kind, Some(content))),
        Some(_) => Err(damaged()),
    }
}

impl fmt::Debug for Pfx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pfx({} bytes)", self.size)
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Part({:?}, {} bytes)", self.protection, self.content.len())
    }
}
