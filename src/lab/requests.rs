//! The CA's request database: one file a request, written through before anything is answered, so that a lab
//! that is killed knows afterwards whatever it told anybody.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::policy::Refusal;
use crate::edge::files::{self, Output};
use crate::edge::{Error, Result};
use crate::model::Certificate;

/// One request.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// Its number: decimal, from 1, one after the other over the whole CA.
    pub id: u32,
    /// When it came.
    #[serde(with = "time::serde::rfc3339")]
    pub received: OffsetDateTime,
    /// Who sent it.
    pub requester: String,
    /// The template it asked for.
    pub template: Option<String>,
    /// What was sent: the DER of the request, or whatever it was instead.
    #[serde(with = "as_base64")]
    pub sent: Vec<u8>,
    /// What became of it.
    pub state: State,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// An administrator has to decide.
    Pending,
    /// The certificate can be fetched.
    Issued {
        /// Who decided, and when.
        decided: Decided,
        /// The certificate, DER.
        #[serde(with = "as_base64")]
        certificate: Vec<u8>,
    },
    /// The answer is no.
    Denied {
        /// Who decided, and when.
        decided: Decided,
        /// The HRESULT.
        code: u32,
        /// The disposition message.
        message: String,
    },
    /// Issued once, now on the revocation list.
    Revoked {
        /// Who decided, and when.
        decided: Decided,
        /// The certificate, DER.
        #[serde(with = "as_base64")]
        certificate: Vec<u8>,
    },
}

/// Who decided, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// An account, or the CA's policy.
    pub by: String,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
}

impl State {
    /// The number the pages print (MS-WCCE dispositions).
    pub fn disposition(&self) -> u32 {
        match self {
            Self::Denied { .. } => 2,
            Self::Issued { .. } => 3,
            Self::Pending => 5,
            Self::Revoked { .. } => 6,
        }
    }

    /// A refusal, by whom and when.
    pub(super) fn denied(refusal: Refusal, decided: Decided) -> Self {
        Self::Denied { decided, code: refusal.code, message: refusal.message }
    }
}

/// All requests of a CA.
#[derive(Debug)]
pub(super) struct Requests {
    folder: PathBuf,
    records: BTreeMap<u32, Record>,
}

impl Requests {
    /// Opens the database in a folder, which is made where it is missing.
    pub(super) fn open(folder: &Path) -> Result<Self> {
        files::make_folder(folder)?;
        let mut records = BTreeMap::new();
        for path in files::list(folder)?.iter().filter(|p| p.extension().is_some_and(|e| e == "json")) {
            let record: Record = serde_json::from_slice(&files::read(path)?)
                .map_err(|e| Error::new(format!("cannot read the request {}", path.display())).because(e))?;
            // The pages hand it out as a certificate, so it has to be one.
            if let State::Issued { certificate, .. } | State::Revoked { certificate, .. } = &record.state {
                Certificate::from_der(certificate.as_slice()).map_err(|e| {
                    Error::new(format!("the certificate in {} cannot be read", path.display())).because(e)
                })?;
            }
            records.insert(record.id, record);
        }
        Ok(Self { folder: folder.to_path_buf(), records })
    }

    /// Writes a new request down and numbers it.
    pub(super) fn add(&mut self, mut record: Record) -> Result<Record> {
        record.id = self.records.last_key_value().map_or(1, |(last, _)| last.saturating_add(1));
        self.write(&record)?;
        self.records.insert(record.id, record.clone());
        Ok(record)
    }

    /// Changes what became of a request.
    pub(super) fn set(&mut self, id: u32, state: State) -> Result<()> {
        let Some(record) = self.records.get(&id) else { return Ok(()) };
        let changed = Record { state, ..record.clone() };
        self.write(&changed)?;
        self.records.insert(id, changed);
        Ok(())
    }

    /// One request.
    pub(super) fn get(&self, id: u32) -> Option<&Record> {
        self.records.get(&id)
    }

    /// All of them, in order.
    pub(super) fn all(&self) -> impl DoubleEndedIterator<Item = &Record> {
        self.records.values()
    }

    fn write(&self, record: &Record) -> Result<()> {
        let path = self.folder.join(format!("{}.json", record.id));
        let text = serde_json::to_vec_pretty(record)
            .map_err(|e| Error::new(format!("cannot write {}", path.display())).because(e))?;
        // A file that is there already and is no record here was never told of: its writing failed half-way.
        files::write(&Output::public(path, text), true)
    }
}

/// Bytes as one base64 string in JSON.
mod as_base64 {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record {
            id: 0,
            received: time::macros::datetime!(2026-11-23 2:00 UTC),
            requester: r"lab\alice".into(),
            template: None,
            sent: vec![0xff, 0x00],
            state: State::Pending,
        }
    }

    #[test]
    fn numbers_follow_each_other_and_a_restart_keeps_every_request() {
        let folder = tempfile::tempdir().unwrap();
        let mut requests = Requests::open(folder.path()).unwrap();
        assert_eq!([1, 2].map(|_| requests.add(record()).unwrap().id), [1, 2]);
        let decided = Decided { by: "bob".into(), at: time::macros::datetime!(2026-11-24 0:00 UTC) };
        let state = State::denied(Refusal::by_administrator("bob"), decided);
        requests.set(1, state.clone()).unwrap();

        let mut again = Requests::open(folder.path()).unwrap();
        assert_eq!(again.get(1).unwrap().state, state);
        assert_eq!(again.get(2).unwrap().sent, [0xff, 0x00]);
        assert_eq!(again.add(record()).unwrap().id, 3, "no number is used twice");
        assert_eq!(again.all().map(|r| r.state.disposition()).collect::<Vec<_>>(), [2, 5, 5]);
    }

    #[test]
    fn a_damaged_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("1.json"), "{").unwrap();
        let error = Requests::open(folder.path()).unwrap_err();
        assert!(error.to_string().contains("1.json"), "{error}");
    }
}
