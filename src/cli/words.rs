//! What scripts and texts are to say: a site's own templates, the product they are for, the account they serve.

use std::path::PathBuf;

use crate::checks::Profile;
use crate::edge;
use crate::edge::files;
use crate::make::script::Account;
use crate::make::template::{TEMPLATES, TemplateFault, Templates};

/// For commands that fill in templates.
#[derive(clap::Args, Clone, Debug)]
pub struct Words {
    /// Take templates from this folder, where it has them, instead of the program's own
    #[arg(long, value_name = "DIR")]
    templates: Option<PathBuf>,
}

/// For commands that write scripts for a server. The command's group `scripts` is what writes them.
#[derive(clap::Args, Clone, Debug)]
pub struct ForServer {
    /// The account that is to read the key (default: RTCService for OCS, NETWORK SERVICE for Lync and later)
    #[arg(long, value_name = "NAME", requires = "scripts", value_parser = account)]
    service_account: Option<Account>,
    #[command(flatten)]
    pub words: Words,
}

impl ForServer {
    /// The account that was named, or the one that the product's front-end service runs under.
    ///
    /// # Errors
    /// The profile is no product's.
    pub fn account(&self, profile: &Profile) -> edge::Result<Account> {
        let known = || profile.service_account.as_deref().and_then(|name| Account::parse(name).ok());
        self.service_account.clone().or_else(known).ok_or_else(|| {
            edge::Error::new(format!("{} is no product, so that no service account is known", profile.name))
                .hint("name it: --service-account NAME, or the product: --profile ocs2007r2")
        })
    }
}

fn account(typed: &str) -> Result<Account, String> {
    Account::parse(typed).map_err(|fault| fault.to_string())
}

impl Words {
    /// The program's templates, those of the folder in their places.
    ///
    /// # Errors
    /// The folder holds none, or one that is no text.
    pub fn read(&self) -> edge::Result<Templates> {
        let mut templates = Templates::default();
        let Some(folder) = &self.templates else { return Ok(templates) };
        let names: Vec<&str> = TEMPLATES.iter().map(|(name, _)| *name).collect();
        let mut found = false;
        for path in files::list(folder)? {
            let known = names.iter().find(|name| path.file_name().is_some_and(|own| own == **name));
            if let Some(name) = known {
                let text = String::from_utf8(files::read(&path)?.to_vec()).map_err(|e| {
                    edge::Error::new(format!("{} is no UTF-8 text", path.display())).because(e)
                })?;
                templates.replace(name, text);
                found = true;
            }
        }
        if found {
            return Ok(templates);
        }
        let what = format!("{} holds none of the program's templates", folder.display());
        Err(edge::Error::new(what).hint(format!("templates are called {}", names.join(", "))))
    }

    /// A fault with the place where it is mended.
    pub fn told(&self, fault: TemplateFault) -> edge::Error {
        let file = match &self.templates {
            Some(folder) => folder.join(&fault.file).display().to_string(),
            None => fault.file.clone(),
        };
        let what = format!("{file}, line {}: the template is faulty", fault.line);
        edge::Error::new(what)
            .because(fault.what)
            .hint("mend that line, or move the file out of --templates to use the program's own")
    }
}
