//! The lab as the stage of a rehearsal: its CA, the administrator who issues, and an IM and Presence node.

use std::sync::Arc;

use super::requests::State;
use super::server::Running;
use crate::edge::clock::{SystemTimer, Timer};
use crate::edge::{Error, Result};
use crate::flow::rehearse::Stage;
use crate::make::csr::{Spec, request};
use crate::make::key::{KeyType, generate};
use crate::model::{Certificate, Fqdn, KeyUsage, PrivateKey, Request, oid};

/// Who decides in a rehearsal.
const ADMINISTRATOR: &str = "the administrator of the rehearsal";

impl Stage for Running {
    fn ca_url(&self) -> String {
        self.url()
    }

    fn issue_pending(&self) -> Result<usize> {
        let pending =
            self.ca().requests().into_iter().filter(|record| matches!(record.state, State::Pending));
        let mut issued = 0;
        for record in pending {
            self.ca().issue(record.id, ADMINISTRATOR, SystemTimer.now())?;
            issued += 1;
        }
        Ok(issued)
    }

    fn issue(&self, request: &Request, template: Option<&str>) -> Result<Arc<Certificate>> {
        self.ca().issue_directly(request, template, SystemTimer.now())
    }

    /// As a node's own page makes it: RSA 2048, both usages and IPsec, and data encipherment.
    fn cup_request(&self, node: &Fqdn) -> Result<(PrivateKey, Arc<Request>)> {
        let failed = |e: crate::make::Error| Error::new("the node's request could not be made").because(e);
        let key = generate(KeyType::Rsa2048).map_err(failed)?;
        let mut spec = Spec::mutual_tls(node, &key.public().algorithm);
        spec.usages.push(oid::IPSEC_END_SYSTEM);
        spec.key_usage.0 |= KeyUsage::DATA_ENCIPHERMENT.0;
        let der = request(&spec, &key).map_err(failed)?;
        let request =
            Request::from_der(der).map_err(|e| Error::new("the node's request cannot be read").because(e))?;
        Ok((key, Arc::new(request)))
    }
}
