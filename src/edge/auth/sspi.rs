//! Windows's own logon, through SSPI: `Negotiate` picks Kerberos, else NTLM, for whoever is logged on or for an account.
//! Its functions are called here and nowhere else; what they hand out is released when its owner goes.
//!
//! The program has let people in with Wine's SSPI, which has Kerberos and no channel binding (docs/windows.md); on
//! Windows itself nobody has run it yet.
#![expect(unsafe_code, reason = "SSPI is a C library")]

use std::ffi::c_void;
use std::fmt;
use std::ptr::{null, null_mut};

use windows_sys::Win32::Foundation::{
    SEC_E_LOGON_DENIED, SEC_E_NO_AUTHENTICATING_AUTHORITY, SEC_E_NO_CREDENTIALS, SEC_E_OK,
    SEC_E_TARGET_UNKNOWN, SEC_E_TIME_SKEW, SEC_I_CONTINUE_NEEDED,
};
use windows_sys::Win32::Security::Authentication::Identity::{
    AcquireCredentialsHandleW, DeleteSecurityContext, FreeCredentialsHandle, ISC_REQ_MUTUAL_AUTH,
    InitializeSecurityContextW, SECBUFFER_CHANNEL_BINDINGS, SECBUFFER_TOKEN, SECBUFFER_VERSION,
    SECPKG_CRED_OUTBOUND, SECURITY_NATIVE_DREP, SecBuffer, SecBufferDesc,
};
use windows_sys::Win32::Security::Credentials::SecHandle;
use windows_sys::Win32::System::Rpc::{SEC_WINNT_AUTH_IDENTITY_UNICODE, SEC_WINNT_AUTH_IDENTITY_W};
use windows_sys::core::HRESULT;
use zeroize::Zeroizing;

use super::account::{Account, User};
use super::binding::Binding;
use super::{Cause, Handshake, Mechanism, Scope, Target, Token, Unable};
use crate::edge::{Error, Result};

/// No token is larger (MaxTokenSize), bytes.
const MOST: usize = 65_535;

/// Windows's Negotiate.
#[derive(Debug)]
pub struct Sspi {
    account: Option<Account>,
}

impl Sspi {
    /// As whoever is logged on here, or with an account.
    pub fn new(account: Option<&Account>) -> Self {
        Self { account: account.cloned() }
    }
}

impl Mechanism for Sspi {
    fn scheme(&self) -> &'static str {
        "Negotiate"
    }

    /// NTLM holds for a connection. So does Kerberos at some servers, and at others not: the driver sees which.
    fn scope(&self) -> Scope {
        Scope::Connection
    }

    fn describe(&self) -> String {
        match &self.account {
            Some(account) => format!("Windows's Negotiate as {}", account.user),
            None => "Windows's Negotiate as whoever is logged on here".into(),
        }
    }

    fn begin(&self, target: &Target) -> std::result::Result<(Box<dyn Handshake>, Token), Unable> {
        let unable = |fault: Fault| match &self.account {
            Some(account) if fault.0 == SEC_E_LOGON_DENIED => {
                let error = Error::new(format!("the domain refused the logon of {}", account.user));
                Unable::Refused(error.because(fault).hint(fault.remedy()))
            }
            _ => {
                let cause = Cause::new("Windows has no logon for that server", fault.remedy());
                Unable::Here(cause.in_words(fault))
            }
        };
        let credential = Credential::acquire(self.account.as_ref()).map_err(unable)?;
        let mut context = Context::new(credential, target);
        let token = context.step(&[]).map_err(unable)?;
        Ok((Box::new(context), token))
    }

    fn secrets(&self) -> Vec<Zeroizing<String>> {
        self.account.iter().map(|account| account.password.reveal().to_string().into()).collect()
    }
}

/// What Windows says.
#[derive(Debug, Clone, Copy)]
struct Fault(HRESULT);

impl std::error::Error for Fault {}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match KNOWN.iter().find(|known| known.0 == self.0) {
            Some((status, name, _)) => write!(f, "0x{status:08x} {name}"),
            None => write!(f, "0x{:08x}", self.0),
        }
    }
}

impl Fault {
    fn remedy(self) -> &'static str {
        let known = KNOWN.iter().find(|known| known.0 == self.0);
        known.map_or("log on with a password: --user 'DOMAIN\\name'", |known| known.2)
    }
}

/// Codes of SSPI, their names, and what to do. `explain` has some of them, too: as TLS uses them.
const KNOWN: &[(HRESULT, &str, &str)] = &[
    (SEC_E_NO_CREDENTIALS, "SEC_E_NO_CREDENTIALS", "log on with a password: --user 'DOMAIN\\name'"),
    (
        SEC_E_LOGON_DENIED,
        "SEC_E_LOGON_DENIED",
        "the name or the password is wrong; it was tried once, so as not to lock the account",
    ),
    (
        SEC_E_TARGET_UNKNOWN,
        "SEC_E_TARGET_UNKNOWN",
        "use the server's own name in --ca-url, not an alias (CNAME)",
    ),
    (SEC_E_TIME_SKEW, "SEC_E_TIME_SKEW", "this machine's clock differs from the domain's: set it"),
    (
        SEC_E_NO_AUTHENTICATING_AUTHORITY,
        "SEC_E_NO_AUTHENTICATING_AUTHORITY",
        "no domain controller answers: check the network, and the domain's name",
    ),
];

fn check(status: HRESULT) -> std::result::Result<HRESULT, Fault> {
    if status < 0 { Err(Fault(status)) } else { Ok(status) }
}

/// What somebody can prove who they are with.
struct Credential(SecHandle);

impl Credential {
    fn acquire(account: Option<&Account>) -> std::result::Result<Self, Fault> {
        let (domain, user) = match account.map(|account| &account.user) {
            Some(User::Domain { domain, name }) => (wide(domain), wide(name)),
            // A principal name is the whole user.
            Some(user @ User::Principal { .. }) => (wide(""), wide(&user.to_string())),
            None => (wide(""), wide("")),
        };
        let password = wide(account.map_or("", |account| account.password.reveal()));
        // Lengths are without the zero at the end.
        let length = |text: &[u16]| text.len() as u32 - 1;
        let identity = SEC_WINNT_AUTH_IDENTITY_W {
            User: user.as_ptr().cast_mut(),
            UserLength: length(&user),
            Domain: domain.as_ptr().cast_mut(),
            DomainLength: length(&domain),
            Password: password.as_ptr().cast_mut(),
            PasswordLength: length(&password),
            Flags: SEC_WINNT_AUTH_IDENTITY_UNICODE,
        };
        let identity = if account.is_some() { (&raw const identity).cast::<c_void>() } else { null() };
        let package = wide("Negotiate");
        let mut handle = SecHandle::default();
        // SAFETY: the names end in a zero and, with the identity, live until the call is over; Windows takes copies
        // and changes none of them. The rest is none where that is allowed, or points to a local.
        let status = unsafe {
            AcquireCredentialsHandleW(
                null(),
                package.as_ptr(),
                SECPKG_CRED_OUTBOUND,
                null(),
                identity,
                None,
                null(),
                &raw mut handle,
                null_mut(),
            )
        };
        check(status)?;
        Ok(Self(handle))
    }
}

impl Drop for Credential {
    fn drop(&mut self) {
        // SAFETY: Windows has given the handle, and nobody uses it any more.
        unsafe { FreeCredentialsHandle(&raw const self.0) };
    }
}

/// A logon under way.
struct Context {
    credential: Credential,
    host: String,
    service: Zeroizing<Vec<u16>>,
    /// The application data of the binding behind its header; empty where there is none.
    binding: Vec<u8>,
    handle: Option<SecHandle>,
    is_complete: bool,
}

impl Context {
    fn new(credential: Credential, target: &Target) -> Self {
        let host = target.host.clone();
        let service = wide(&format!("HTTP/{host}"));
        let binding = bindings(&target.binding);
        Self { credential, host, service, binding, handle: None, is_complete: false }
    }

    /// Takes the server's token, none at first, and returns ours, which is empty where all was said.
    fn step(&mut self, token: &[u8]) -> std::result::Result<Token, Fault> {
        let buffer = |kind, bytes: &[u8]| SecBuffer {
            cbBuffer: bytes.len() as u32,
            BufferType: kind,
            pvBuffer: bytes.as_ptr().cast_mut().cast(),
        };
        let mut given: Vec<SecBuffer> =
            [(SECBUFFER_TOKEN, token), (SECBUFFER_CHANNEL_BINDINGS, &self.binding)]
                .into_iter()
                .filter(|(_, bytes)| !bytes.is_empty())
                .map(|(kind, bytes)| buffer(kind, bytes))
                .collect();
        let input = describe(&mut given);
        let mut room = Token::from(vec![0; MOST]);
        let mut taken = [buffer(SECBUFFER_TOKEN, &[])];
        (taken[0].cbBuffer, taken[0].pvBuffer) = (MOST as u32, room.as_mut_ptr().cast());
        let mut output = describe(&mut taken);
        let before = self.handle.as_ref().map_or(null(), |handle| &raw const *handle);
        let mut after = self.handle.unwrap_or_default();
        let mut attributes = 0;
        // SAFETY: credential and context are none or handles that Windows has given; the service ends in a zero;
        // all buffers live until the call is over; that of the output has the room that it says, the others are read.
        let status = unsafe {
            InitializeSecurityContextW(
                &raw const self.credential.0,
                before,
                self.service.as_ptr(),
                ISC_REQ_MUTUAL_AUTH,
                0,
                SECURITY_NATIVE_DREP,
                &raw const input,
                0,
                &raw mut after,
                &raw mut output,
                &raw mut attributes,
                null_mut(),
            )
        };
        let status = check(status)?;
        self.handle = Some(after);
        self.is_complete = status == SEC_E_OK;
        // Others want a call that no mechanism for HTTP needs.
        if self.is_complete || status == SEC_I_CONTINUE_NEEDED {
            room.truncate(taken[0].cbBuffer as usize);
            Ok(room)
        } else {
            Err(Fault(status))
        }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        if let Some(handle) = &self.handle {
            // SAFETY: Windows has given the handle, and nobody uses it any more.
            unsafe { DeleteSecurityContext(&raw const *handle) };
        }
    }
}

impl Handshake for Context {
    fn step(&mut self, token: &[u8]) -> Result<Option<Token>> {
        if self.is_complete || token.is_empty() {
            return Ok(None);
        }
        // A token that cannot be answered comes with a refusal.
        let ours = Self::step(self, token).unwrap_or_default();
        Ok(if ours.is_empty() { None } else { Some(ours) })
    }

    /// With NTLM all was said before. With Kerberos the server's proof is still to come.
    fn finish(&mut self, token: Option<&[u8]>) -> Result<()> {
        let what = format!("{} did not prove who it is, so its answer does not count", self.host);
        let unproven = || Error::new(what.as_str());
        match token {
            _ if self.is_complete => return Ok(()),
            None => return Err(unproven()),
            Some(token) => Self::step(self, token).map_err(|fault| unproven().because(fault))?,
        };
        if self.is_complete { Ok(()) } else { Err(unproven()) }
    }

    fn causes(&self) -> Vec<Cause> {
        vec![Cause::new(
            format!("HTTP/{} is registered for another account than that of the web server", self.host),
            format!("its administrator sees which: setspn -Q HTTP/{}", self.host),
        )]
    }
}

fn describe(buffers: &mut [SecBuffer]) -> SecBufferDesc {
    SecBufferDesc {
        ulVersion: SECBUFFER_VERSION,
        cBuffers: buffers.len() as u32,
        pBuffers: buffers.as_mut_ptr(),
    }
}

/// `SEC_CHANNEL_BINDINGS` and what follows it: no addresses, then where the application data is and how long.
fn bindings(binding: &Binding) -> Vec<u8> {
    const HEADER: u32 = 32;
    let Some(data) = binding.data() else { return Vec::new() };
    let fields = [0, 0, 0, 0, 0, 0, data.len() as u32, HEADER];
    [&fields.map(u32::to_le_bytes).concat()[..], data].concat()
}

/// UTF-16 with a zero at its end, wiped when dropped.
fn wide(text: &str) -> Zeroizing<Vec<u16>> {
    // Room for all at once: what grows leaves copies behind.
    let mut wide = Zeroizing::new(Vec::with_capacity(text.len() + 1));
    wide.extend(text.encode_utf16().chain([0]));
    wide
}
