//! Certificates judged as they are read. Of a valid one among thousands nothing stays but what is told of it, so
//! that memory does not grow with them.

use std::path::PathBuf;
use std::sync::Arc;

use indicatif::ProgressBar;
use rayon::prelude::*;

use crate::checks::{self, Expected, Judgement, Question, Side, Sources, Stores};
use crate::edge::inputs::{Found, Inputs, shown};
use crate::edge::{Error, Result};
use crate::model::{Certificate, Sourced};
use crate::path::Engine;

/// What certificates are held against.
#[derive(Debug, Default)]
pub struct Material {
    /// Candidates for issuers.
    pub engine: Engine,
    /// Whom each side trusts.
    pub stores: Stores,
    /// Where the candidates came from.
    pub sources: Sources,
}

/// Files with certificates of one side.
#[derive(Debug)]
pub struct Leaves<'a> {
    /// Whose.
    pub side: Side,
    /// True where the name that was given is not theirs.
    pub is_peer: bool,
    /// Files and folders.
    pub paths: &'a [PathBuf],
}

/// What came of one file.
struct Judged<T> {
    told: Vec<T>,
    /// CA certificates in it that were not candidates yet.
    unknown: Vec<Sourced<Arc<Certificate>>>,
}

impl Material {
    /// Adds a candidate, known by the first place that it was seen in.
    pub fn add(&mut self, certificate: &Sourced<Arc<Certificate>>) {
        self.sources.add(certificate);
        self.engine.add(certificate.value.clone());
    }

    /// Judges the certificates in these files; `tell` makes of each judgement what is to be kept, and hears whether
    /// its file holds several.
    ///
    /// CA certificates beside them help to build. Files rarely hold any that are not known already; where one does,
    /// all is read and judged again with them, so that the order of files never matters.
    ///
    /// # Errors
    /// As [`Inputs::each`]; folders that hold certificates of CAs alone.
    pub fn judge<T: Send>(
        &mut self,
        leaves: &[Leaves<'_>],
        question: &Question,
        inputs: &mut Inputs,
        bar: &ProgressBar,
        tell: impl Fn(Judgement<'_>, bool) -> T + Sync,
    ) -> Result<Found<T>> {
        let mark = inputs.mark();
        let mut judged = self.pass(leaves, question, inputs, bar, false, &tell)?;
        let unknown: Vec<_> = judged.items.iter_mut().flat_map(|file| file.unknown.drain(..)).collect();
        if !unknown.is_empty() {
            unknown.iter().for_each(|certificate| self.add(certificate));
            inputs.rewind(mark);
            judged = self.pass(leaves, question, inputs, bar, true, &tell)?;
        }
        let items: Vec<T> = judged.items.into_iter().flat_map(|file| file.told).collect();
        if items.is_empty() {
            let folders = leaves.iter().flat_map(|leaves| leaves.paths).map(|path| shown(path));
            let folders = folders.collect::<Vec<_>>().join(", ");
            return Err(Error::new(format!("nothing to judge: {folders} holds certificates of CAs alone"))
                .hint("name the file of a CA's certificate itself to have it judged"));
        }
        Ok(Found { items, skipped: judged.skipped })
    }

    /// The certificates that [`Material::judge`] would judge; CA certificates beside them become candidates.
    ///
    /// # Errors
    /// As [`Inputs::each`].
    pub fn collect(&mut self, leaves: &[Leaves<'_>], inputs: &mut Inputs) -> Result<Vec<Arc<Certificate>>> {
        let mark = inputs.mark();
        let mut all = Vec::new();
        for Leaves { paths, .. } in leaves {
            let found = inputs.each(paths, "a certificate", &ProgressBar::hidden(), |file| {
                let certificates = file.all_certificates()?;
                let leaves = to_judge(&certificates, file.in_folder);
                let leaves: Vec<_> = leaves.into_iter().map(|leaf| leaf.value.clone()).collect();
                Some((leaves, certificates))
            })?;
            for (leaves, certificates) in found.items {
                all.extend(leaves);
                certificates.iter().filter(|c| c.value.is_ca()).for_each(|c| self.add(c));
            }
        }
        inputs.rewind(mark);
        Ok(all)
    }

    fn pass<T: Send>(
        &self,
        leaves: &[Leaves<'_>],
        question: &Question,
        inputs: &mut Inputs,
        bar: &ProgressBar,
        last: bool,
        tell: &(impl Fn(Judgement<'_>, bool) -> T + Sync),
    ) -> Result<Found<Judged<T>>> {
        let of_peers = Question { expected: Expected::Names(Vec::new()), ..question.clone() };
        let mut all = Found { items: Vec::new(), skipped: 0 };
        for Leaves { side, is_peer, paths } in leaves {
            let question = if *is_peer { &of_peers } else { question };
            let found = inputs.each(paths, "a certificate", bar, |file| {
                let Self { engine, stores, sources } = self;
                let judge = |leaf: &Sourced<_>, several| {
                    tell(checks::judge(question, engine, stores, sources, *side, leaf), several)
                };
                let is_unknown = |c: &&Sourced<Arc<Certificate>>| {
                    c.value.is_ca() && !self.engine.pool().contains(&c.value)
                };
                let (mut told, mut unknown) = (Vec::new(), Vec::new());
                let (mut first, mut several) = (None, false);
                while let Some(certificates) = file.certificates() {
                    unknown.extend(certificates.iter().filter(is_unknown).cloned());
                    if first.is_none() {
                        first = certificates.first().cloned();
                    }
                    let mut leaves = certificates;
                    leaves.retain(|certificate| !certificate.value.is_ca());
                    several |= leaves.len() > 1 || file.has_more();
                    if last || unknown.is_empty() {
                        // Each is freed on the core that judged it. Starting the threads costs more than a few.
                        match leaves.len() {
                            0..=4 => told.extend(leaves.iter().map(|leaf| judge(leaf, several))),
                            _ => told.par_extend(leaves.into_par_iter().map(|leaf| judge(&leaf, several))),
                        }
                    }
                }
                let first = first?;
                if told.is_empty() && !file.in_folder && (last || unknown.is_empty()) {
                    told.push(judge(&first, false));
                }
                Some(Judged { told, unknown })
            })?;
            all.items.extend(found.items);
            all.skipped += found.skipped;
        }
        Ok(all)
    }
}

/// The certificates of a file that are judged: every one that is no CA. Where all are CAs it is the first, unless the
/// file merely lies in a folder.
pub fn to_judge(
    certificates: &[Sourced<Arc<Certificate>>],
    in_folder: bool,
) -> Vec<&Sourced<Arc<Certificate>>> {
    let leaves: Vec<_> = certificates.iter().filter(|c| !c.value.is_ca()).collect();
    match leaves.is_empty() {
        true if !in_folder => certificates.iter().take(1).collect(),
        _ => leaves,
    }
}
