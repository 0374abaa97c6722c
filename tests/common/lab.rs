//! The lab's CA as the tests want it.

use std::path::Path;

use ocscert::lab::{Auth, Mode, Options};
use time::UtcOffset;

/// A standalone CA on a free port, without TLS and logon, that leaves requests pending.
pub fn options(folder: &Path) -> Options {
    Options {
        listen: "127.0.0.1:0".parse().unwrap(),
        mode: Mode::Standalone,
        auto_issue: false,
        auth: Auth::None,
        tls: false,
        folder: folder.to_path_buf(),
        offset: UtcOffset::UTC,
    }
}
