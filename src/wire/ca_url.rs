//! The address of a CA's web enrollment pages, checked and normalised.

use reqwest::Url;

/// The address of a CA's web enrollment pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaUrl(Url);

impl CaUrl {
    /// Reads the address as typed. The name passes IDNA, the path gets its final slash.
    ///
    /// # Errors
    /// A sentence that says what is wrong and how it should look.
    pub fn parse(typed: &str) -> std::result::Result<Self, String> {
        const LIKE: &str = "write it as https://ca.foo.com/certsrv";
        let no_address = || format!("it is not an https or http address; {LIKE}");
        let mut url = Url::parse(typed).map_err(|_| no_address())?;
        if !matches!(url.scheme(), "https" | "http") || url.host_str().is_none_or(str::is_empty) {
            return Err(no_address());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(
                "a user or password in an address is seen by others: use --user and --password-file".into()
            );
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(format!("it has parts after the path (? or #); {LIKE}"));
        }
        if !url.path().ends_with('/') {
            let path = format!("{}/", url.path());
            url.set_path(&path);
        }
        Ok(Self(url))
    }

    /// The address itself, its path ended by a slash.
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// What the journal knows the CA by. IIS takes paths in any case, so one CA has one spelling here.
    pub fn key(&self) -> String {
        let mut url = self.0.clone();
        url.set_path(&self.0.path().to_ascii_lowercase());
        url.to_string()
    }

    /// The address of one of its pages.
    pub fn page(&self, page: &str) -> String {
        format!("{}{page}", self.0)
    }

    /// Host and port, for people.
    pub fn host(&self) -> String {
        authority(&self.0)
    }

    /// True where nothing encrypts the connection.
    pub fn is_plain_http(&self) -> bool {
        self.0.scheme() == "http"
    }
}

/// Host and port as people write them: the port only where it is unusual.
pub fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or("");
    url.port().map_or_else(|| host.to_string(), |port| format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_normalised_and_what_would_be_a_secret_or_no_address_is_refused() {
        let key = |typed| CaUrl::parse(typed).unwrap().key();
        assert_eq!(key("HTTPS://CA.foo.com:443/CertSrv"), "https://ca.foo.com/certsrv/");
        assert_eq!(key("https://ca.foo.com/certsrv/"), "https://ca.foo.com/certsrv/");
        assert_eq!(key("http://bücher.example:8080/certsrv"), "http://xn--bcher-kva.example:8080/certsrv/");
        for bad in [
            "",
            "ca.foo.com",
            "ftp://ca/",
            "https://",
            "https://u:p@ca/",
            "https://ca/certsrv?x=1",
            "https://ca/#a",
        ] {
            assert!(CaUrl::parse(bad).is_err(), "{bad}");
        }
    }
}
