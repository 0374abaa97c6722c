//! What is known about requests on their way to a CA: the content of a journal (docs/journal.md). The states
//! carry what they need, so that a pending request without its id cannot be written or read.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::Request;
use crate::text;

/// The format's name and version. A change that older programs would misread gets a new number.
pub const SCHEMA: &str = "ocscert.request/1";

/// A journal: all requests that were made with one CSR file, the newest last. Nothing is ever taken out of it
/// but a request that provably never left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// [`SCHEMA`].
    pub schema: String,
    /// The requests.
    pub requests: Vec<Entry>,
}

impl Default for Document {
    fn default() -> Self {
        Self { schema: SCHEMA.into(), requests: Vec::new() }
    }
}

/// What makes two submissions the same: one CSR, one CA, one template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// SHA-256 of the CSR's DER, hex.
    pub csr_sha256: String,
    /// The address of the CA's web enrollment pages, normalised.
    pub ca_url: String,
    /// The template that was asked for.
    pub template: Option<String>,
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What was asked, and of whom.
    #[serde(flatten)]
    pub key: Key,
    /// SHA-256 of the CSR's SubjectPublicKeyInfo, hex.
    pub key_sha256: String,
    /// The highest request id that the CA was known to have before this request was sent.
    pub highest_id_before: u32,
    /// When it was sent: written before it was.
    #[serde(with = "time::serde::rfc3339")]
    pub submitted_at: OffsetDateTime,
    /// When this entry was last changed.
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
    /// How far it is.
    #[serde(flatten)]
    pub state: State,
}

/// How far a request is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum State {
    /// About to be sent. Found later, it means what [`State::Unknown`] means: the program ended in between.
    Submitting,
    /// Sent, and no answer that tells: the CA may have it.
    Unknown,
    /// An administrator has to decide.
    Pending {
        /// The CA's number for it.
        request_id: u32,
    },
    /// Issued, not fetched yet.
    Issued {
        /// The CA's number for it.
        request_id: u32,
    },
    /// The CA said no.
    Denied {
        /// The CA's number for it, where it got one.
        request_id: Option<u32>,
        /// Why, in the CA's words.
        message: String,
        /// The CA's code (`0x80094800`).
        hresult: Option<String>,
    },
    /// It was issued, and the CA took it back.
    Revoked {
        /// The CA's number for it.
        request_id: u32,
    },
    /// The certificate was written to a file.
    Fetched {
        /// The CA's number for it.
        request_id: u32,
        /// SHA-256 of the certificate, hex.
        certificate_sha256: String,
    },
}

impl Key {
    /// The key of a request to a CA.
    pub fn new(request: &Request, ca_url: impl Into<String>, template: Option<&str>) -> Self {
        let csr_sha256 = text::hex(&request.sha256());
        Self { csr_sha256, ca_url: ca_url.into(), template: template.map(Into::into) }
    }
}

impl Entry {
    /// A request that is about to be sent.
    pub fn submitting(key: Key, request: &Request, highest_id_before: u32, now: OffsetDateTime) -> Self {
        Self {
            key,
            key_sha256: text::hex(&request.public_key.fingerprint()),
            highest_id_before,
            submitted_at: now,
            updated_at: now,
            state: State::Submitting,
        }
    }

    /// The CA's number for it, where that is known.
    pub fn request_id(&self) -> Option<u32> {
        match &self.state {
            State::Submitting | State::Unknown => None,
            State::Denied { request_id, .. } => *request_id,
            State::Pending { request_id }
            | State::Issued { request_id }
            | State::Revoked { request_id }
            | State::Fetched { request_id, .. } => Some(*request_id),
        }
    }
}

impl Document {
    /// Reads a journal.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn parse(json: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Head {
            schema: String,
        }
        let head: Head = serde_json::from_slice(json).map_err(|e| e.to_string())?;
        if head.schema != SCHEMA {
            let schema = text::escape_short(&head.schema, 64);
            return Err(format!("its format is \"{schema}\"; this program knows {SCHEMA}"));
        }
        serde_json::from_slice(json).map_err(|e| e.to_string())
    }

    /// The JSON that [`Document::parse`] reads.
    ///
    /// # Errors
    /// A time before year 0 or after 9999.
    pub fn to_json(&self) -> Result<Vec<u8>, String> {
        let mut json = serde_json::to_vec_pretty(self).map_err(|e| e.to_string())?;
        json.push(b'\n');
        Ok(json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    fn entry(state: State) -> Entry {
        Entry {
            key: Key {
                csr_sha256: "ab".repeat(32),
                ca_url: "https://ca.foo.com/certsrv/".into(),
                template: Some("OCSMutualTLS".into()),
            },
            key_sha256: "cd".repeat(32),
            highest_id_before: 41,
            submitted_at: datetime!(2026-11-23 02:14:05.5 UTC),
            updated_at: datetime!(2026-11-23 02:14:06 UTC),
            state,
        }
    }

    #[test]
    fn every_state_survives_writing_and_reading() {
        let states = [
            State::Submitting,
            State::Unknown,
            State::Pending { request_id: 42 },
            State::Issued { request_id: u32::MAX },
            State::Denied { request_id: None, message: "no\n".into(), hresult: Some("0x80094014".into()) },
            State::Revoked { request_id: 7 },
            State::Fetched { request_id: 1, certificate_sha256: "ef".repeat(32) },
        ];
        let document = Document { requests: states.map(entry).to_vec(), ..Document::default() };
        assert_eq!(Document::parse(&document.to_json().unwrap()).unwrap(), document);
    }

    #[test]
    fn the_format_is_frozen() {
        let document =
            Document { requests: vec![entry(State::Pending { request_id: 42 })], ..Default::default() };
        let json: serde_json::Value = serde_json::from_slice(&document.to_json().unwrap()).unwrap();
        let expected = serde_json::json!({"schema": "ocscert.request/1", "requests": [{
            "csr_sha256": "ab".repeat(32), "ca_url": "https://ca.foo.com/certsrv/",
            "template": "OCSMutualTLS", "key_sha256": "cd".repeat(32), "highest_id_before": 41,
            "submitted_at": "2026-11-23T02:14:05.5Z", "updated_at": "2026-11-23T02:14:06Z",
            "state": "pending", "request_id": 42,
        }]});
        assert_eq!(json, expected);
    }

    #[test]
    fn what_is_no_journal_or_lacks_its_id_is_refused() {
        let refused = |json: &str| Document::parse(json.as_bytes()).unwrap_err();
        assert!(refused("").contains("EOF"));
        assert!(refused("{\"schema\":\"ocscert.request/2\",\"requests\":5}").contains("ocscert.request/2"));
        let good = Document { requests: vec![entry(State::Issued { request_id: 42 })], ..Default::default() };
        let good = String::from_utf8(good.to_json().unwrap()).unwrap();
        let without = good.replace("\"request_id\": 42", "\"other\": 42");
        assert!(good != without && refused(&without).contains("request_id"), "{}", refused(&without));
    }
}
