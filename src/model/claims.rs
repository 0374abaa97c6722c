//! What a certificate says of its holder, and a request asks to have said: the part that both have alike.

use super::{Certificate, Extensions, Name, PublicKey, Request};

/// A subject, its key, and the extensions.
#[derive(Clone, Copy, Debug)]
pub struct Claims<'a> {
    /// Whom it is about.
    pub subject: &'a Name,
    /// The key.
    pub public_key: &'a PublicKey,
    /// The extensions: of a request those that it asks for.
    pub extensions: &'a Extensions,
}

impl<'a> From<&'a Certificate> for Claims<'a> {
    fn from(certificate: &'a Certificate) -> Self {
        let Certificate { subject, public_key, extensions, .. } = certificate;
        Self { subject, public_key, extensions }
    }
}

impl<'a> From<&'a Request> for Claims<'a> {
    fn from(request: &'a Request) -> Self {
        let Request { subject, public_key, extensions, .. } = request;
        Self { subject, public_key, extensions }
    }
}
