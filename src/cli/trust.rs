//! Whom each side trusts: the flags that name stores, and how they are read.

use std::path::PathBuf;
use std::sync::Arc;

use super::Session;
use crate::checks::Stores;
use crate::edge;
use crate::federation::Federation;
use crate::model::{Certificate, Sourced};
use crate::path::Store;

/// The flags.
#[derive(clap::Args, Clone, Debug)]
pub struct Trust {
    /// CA certificates, in any order, for building the chain; without a store below their roots are trusted
    #[arg(long, num_args = 1.., value_name = "FILE", help_heading = "Chain and trust")]
    pub chain: Vec<PathBuf>,
    /// The roots that both sides trust: files or folders
    #[arg(long, num_args = 1.., value_name = "FILE", help_heading = "Chain and trust")]
    roots: Vec<PathBuf>,
    /// What OCS trusts: the Trusted Roots of its servers
    #[arg(long, num_args = 1.., value_name = "FILE", help_heading = "Chain and trust")]
    ocs_trust: Vec<PathBuf>,
    /// What IM and Presence trusts: its cup-trust
    #[arg(long, num_args = 1.., value_name = "FILE", help_heading = "Chain and trust")]
    imp_trust: Vec<PathBuf>,
}

/// What was read.
#[derive(Debug)]
pub struct Trusted {
    /// Each side's store.
    pub stores: Stores,
    /// The certificates of `--chain`.
    pub chain: Vec<Sourced<Arc<Certificate>>>,
    /// The certificates of the stores that were named.
    pub named: Vec<Sourced<Arc<Certificate>>>,
}

impl Trust {
    /// The same, with the stores of a federation file where none was named here.
    pub fn or_of(&self, site: &Federation) -> Self {
        let named = [&self.roots, &self.ocs_trust, &self.imp_trust].iter().any(|paths| !paths.is_empty());
        match named {
            true => self.clone(),
            false => {
                Self { ocs_trust: site.ocs_trust.clone(), imp_trust: site.imp_trust.clone(), ..self.clone() }
            }
        }
    }

    /// True where nothing was named.
    pub fn is_empty(&self) -> bool {
        [&self.chain, &self.roots, &self.ocs_trust, &self.imp_trust].iter().all(|paths| paths.is_empty())
    }

    /// Reads the files. Nothing to trust at all is an error.
    ///
    /// # Errors
    /// As [`edge::inputs::Inputs::certificates`]; no flag was given.
    pub fn read(&self, session: &mut Session) -> edge::Result<Trusted> {
        if self.is_empty() {
            return Err(edge::Error::new(
                "nothing to trust was named: no --chain, no --roots, no --imp-trust",
            )
            .hint("name the CA's chain with --chain ca.pem; its root is then trusted by both sides"));
        }
        let inputs = &mut session.inputs;
        let chain = inputs.certificates(&self.chain)?;
        let roots = inputs.certificates(&self.roots)?;
        let ocs = inputs.certificates(&self.ocs_trust)?;
        let imp = inputs.certificates(&self.imp_trust)?;
        let store = |own: &[Sourced<Arc<Certificate>>]| -> Store {
            let self_signed =
                chain.iter().filter(|c| own.is_empty() && roots.is_empty() && c.value.is_self_issued());
            let roots = roots.iter().filter(|_| own.is_empty());
            own.iter().chain(roots).chain(self_signed).map(|c| c.value.clone()).collect()
        };
        let stores = Stores { ocs: store(&ocs), imp: store(&imp) };
        Ok(Trusted { stores, chain, named: [roots, ocs, imp].concat() })
    }
}
