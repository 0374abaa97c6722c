//! The system's GSSAPI library, loaded when somebody logs on with Kerberos and not before. Its C functions (RFC 2744)
//! are called here and nowhere else; what they hand out is released when its owner goes. Of its mechanisms only krb5
//! is used, only for HTTP, never without asking the server to prove who it is, and nothing is delegated.
//!
//! SPNEGO is ours (`wire::spnego`): that of the libraries also takes NTLM where that is installed, forbids it in
//! different ways or not at all, and keeps to itself why Kerberos failed.
#![expect(unsafe_code, reason = "GSSAPI is a C library")]

use std::ffi::{c_int, c_void};
use std::fmt;
use std::ptr::{null, null_mut};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use libloading::Library;

use crate::edge::secrets::Password;

/// MIT's library, then Heimdal's. Apple's is a Heimdal.
const LIBRARIES: &[&str] = if cfg!(target_os = "macos") {
    &["/System/Library/Frameworks/GSS.framework/GSS"]
} else {
    &["libgssapi_krb5.so.2", "libgssapi.so.3"]
};

// Object identifiers, DER without tag and length.
const KRB5: &[u8] = b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02";
const NT_USER_NAME: &[u8] = b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x01\x01";
const NT_HOSTBASED_SERVICE: &[u8] = b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x01\x04";

// RFC 2744 appendix A.
const GSS_C_MUTUAL_FLAG: u32 = 2;
const GSS_C_INTEG_FLAG: u32 = 32;
const GSS_C_INITIATE: c_int = 1;
const GSS_C_GSS_CODE: c_int = 1;
const GSS_C_MECH_CODE: c_int = 2;
const GSS_C_INDEFINITE: u32 = u32::MAX;
const GSS_S_CONTINUE_NEEDED: u32 = 1;
/// The bits of a major status that tell of an error.
const ERRORS: u32 = 0xffff_0000;
/// Texts that one status code may have.
const MOST_TEXTS: usize = 8;

type Handle = *mut c_void;

// Apple packs these on Intel.

#[cfg_attr(all(target_os = "macos", target_arch = "x86_64"), repr(C, packed(2)))]
#[cfg_attr(not(all(target_os = "macos", target_arch = "x86_64")), repr(C))]
#[derive(Clone, Copy)]
struct Oid {
    length: u32,
    elements: *const u8,
}

#[cfg_attr(all(target_os = "macos", target_arch = "x86_64"), repr(C, packed(2)))]
#[cfg_attr(not(all(target_os = "macos", target_arch = "x86_64")), repr(C))]
struct OidSet {
    count: usize,
    elements: *const Oid,
}

#[cfg_attr(all(target_os = "macos", target_arch = "x86_64"), repr(C, packed(2)))]
#[cfg_attr(not(all(target_os = "macos", target_arch = "x86_64")), repr(C))]
#[derive(Clone, Copy)]
struct Buffer {
    length: usize,
    value: *const u8,
}

#[cfg_attr(all(target_os = "macos", target_arch = "x86_64"), repr(C, packed(2)))]
#[cfg_attr(not(all(target_os = "macos", target_arch = "x86_64")), repr(C))]
struct ChannelBindings {
    initiator_type: u32,
    initiator: Buffer,
    acceptor_type: u32,
    acceptor: Buffer,
    application_data: Buffer,
}

impl Oid {
    fn of(bytes: &'static [u8]) -> Self {
        Self { length: bytes.len() as u32, elements: bytes.as_ptr() }
    }
}

impl Buffer {
    const EMPTY: Self = Self { length: 0, value: null() };

    /// Valid as long as the bytes are.
    fn of(bytes: &[u8]) -> Self {
        Self { length: bytes.len(), value: bytes.as_ptr() }
    }
}

/// Declares the functions that every library has, and finds them.
macro_rules! functions {
    ($($name:ident($($argument:ty),*);)*) => {
        struct Functions {
            $($name: unsafe extern "C" fn(*mut u32, $($argument),*) -> u32,)*
            /// Keeps the functions where they are.
            _library: Library,
        }

        impl Functions {
            /// # Safety
            /// The library has functions of these names as RFC 2744 declares them.
            unsafe fn of(library: Library) -> Result<Self, libloading::Error> {
                Ok(Self {
                    // SAFETY: the caller's promise.
                    $($name: *unsafe { library.get(concat!(stringify!($name), "\0").as_bytes()) }?,)*
                    _library: library,
                })
            }
        }
    };
}

functions! {
    gss_import_name(*const Buffer, *const Oid, *mut Handle);
    gss_release_name(*mut Handle);
    gss_acquire_cred(Handle, u32, *const OidSet, c_int, *mut Handle, *mut *mut OidSet, *mut u32);
    gss_acquire_cred_with_password(
        Handle, *const Buffer, u32, *const OidSet, c_int, *mut Handle, *mut *mut OidSet, *mut u32
    );
    gss_release_cred(*mut Handle);
    gss_init_sec_context(
        Handle, *mut Handle, Handle, *const Oid, u32, u32, *const ChannelBindings, *const Buffer, *mut *const Oid,
        *mut Buffer, *mut u32, *mut u32
    );
    gss_delete_sec_context(*mut Handle, *mut Buffer);
    gss_display_status(u32, c_int, *const Oid, *mut u32, *mut Buffer);
    gss_release_buffer(*mut Buffer);
}

impl fmt::Debug for Functions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Functions(..)")
    }
}

/// There is no GSSAPI library, or none that can be used: what the loader says.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct Missing(String);

/// The library refused: its two status codes, and its words for them.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct Fault {
    /// RFC 2744 section 3.9.1.
    pub major: u32,
    /// Kerberos's own code, as in `krb5_err.et`.
    pub minor: u32,
    text: String,
}

/// The system's library.
#[derive(Debug, Clone, Copy)]
pub struct Gssapi(&'static Functions);

impl Gssapi {
    /// Loads the library, once in a process.
    ///
    /// # Errors
    /// None of those known is installed.
    pub fn load() -> Result<Self, Missing> {
        static LOADED: OnceLock<Result<Functions, Missing>> = OnceLock::new();
        LOADED.get_or_init(load).as_ref().map(Self).map_err(Missing::clone)
    }

    /// The tickets of whoever is logged on here.
    ///
    /// # Errors
    /// There are none that are valid.
    pub fn tickets(self) -> Result<Credential, Fault> {
        self.acquire(|minor, mechanisms, out| {
            // SAFETY: no name is a valid one, `mechanisms` is valid during the call, `out` takes the handle; the
            // last two results are not wanted.
            unsafe {
                let (no_name, no_set) = (null_mut(), null_mut());
                (self.0.gss_acquire_cred)(
                    minor,
                    no_name,
                    GSS_C_INDEFINITE,
                    mechanisms,
                    GSS_C_INITIATE,
                    out,
                    no_set,
                    null_mut(),
                )
            }
        })
    }

    /// What this principal's password makes possible: `alice@FOO.COM`.
    ///
    /// # Errors
    /// The password is wrong, or nobody can be asked. Some libraries ask when the first context is begun.
    pub fn password(self, principal: &str, password: &Password) -> Result<Credential, Fault> {
        let name = Name::import(self, principal, NT_USER_NAME)?;
        let password = Buffer::of(password.reveal().as_bytes());
        self.acquire(|minor, mechanisms, out| {
            // SAFETY: as above; the name and the password are valid during the call, and the library takes copies.
            unsafe {
                (self.0.gss_acquire_cred_with_password)(
                    minor,
                    name.handle,
                    &raw const password,
                    GSS_C_INDEFINITE,
                    mechanisms,
                    GSS_C_INITIATE,
                    out,
                    null_mut(),
                    null_mut(),
                )
            }
        })
    }

    fn acquire(
        self,
        call: impl FnOnce(*mut u32, *const OidSet, *mut Handle) -> u32,
    ) -> Result<Credential, Fault> {
        let krb5 = Oid::of(KRB5);
        let mechanisms = OidSet { count: 1, elements: &raw const krb5 };
        let mut credential = Credential { gssapi: self, handle: null_mut() };
        self.check(|minor| call(minor, &raw const mechanisms, &raw mut credential.handle))?;
        Ok(credential)
    }

    fn check(self, call: impl FnOnce(*mut u32) -> u32) -> Result<u32, Fault> {
        let mut minor = 0;
        let major = call(&raw mut minor);
        if major & ERRORS == 0 { Ok(major) } else { Err(self.fault(major, minor)) }
    }

    fn fault(self, major: u32, minor: u32) -> Fault {
        // Kerberos's own words say more; the general ones are often that there are others.
        let mut texts = if minor == 0 { Vec::new() } else { self.texts(minor, GSS_C_MECH_CODE) };
        if texts.is_empty() {
            texts = self.texts(major, GSS_C_GSS_CODE);
        }
        Fault { major, minor, text: texts.join(": ") }
    }

    /// The words for a status code.
    fn texts(self, code: u32, kind: c_int) -> Vec<String> {
        let (mut minor, mut context) = (0, 0);
        let krb5 = Oid::of(KRB5);
        let mut texts = Vec::new();
        while texts.len() < MOST_TEXTS {
            let mut text = Received::new(self);
            // SAFETY: all pointers are to locals; the buffer is the library's to fill.
            let major = unsafe {
                (self.0.gss_display_status)(
                    &raw mut minor,
                    code,
                    kind,
                    &raw const krb5,
                    &raw mut context,
                    &raw mut text.buffer,
                )
            };
            if major & ERRORS != 0 {
                break;
            }
            texts.push(String::from_utf8_lossy(text.bytes()).trim().to_string());
            if context == 0 {
                break;
            }
        }
        texts
    }
}

fn load() -> Result<Functions, Missing> {
    let mut faults = Vec::new();
    for name in LIBRARIES {
        // SAFETY: these are GSSAPI libraries, whose code to run at load and unload is made for that; they declare
        // their functions as RFC 2744 does.
        match unsafe { Library::new(*name).and_then(|library| Functions::of(library)) } {
            Ok(functions) => return Ok(functions),
            Err(e) => faults.push(e.to_string()),
        }
    }
    Err(Missing(faults.join("\n")))
}

/// What somebody can prove who they are with.
#[derive(Debug)]
pub struct Credential {
    gssapi: Gssapi,
    handle: Handle,
}

// SAFETY: a handle belongs to no thread (MIT and Heimdal both keep nothing of it in thread-local storage), and only
// who holds the credential alone can use it.
unsafe impl Send for Credential {}

impl Drop for Credential {
    fn drop(&mut self) {
        // SAFETY: the handle is none, or one that the library has given and that nobody uses any more.
        unsafe { (self.gssapi.0.gss_release_cred)(&mut 0, &raw mut self.handle) };
    }
}

/// A logon under way.
#[derive(Debug)]
pub struct Context {
    gssapi: Gssapi,
    credential: Arc<Mutex<Credential>>,
    server: Name,
    binding: Option<Vec<u8>>,
    handle: Handle,
    flags: u32,
    complete: bool,
}

impl Context {
    /// Prepares the logon at the web server on this host, bound to the application data of a channel binding.
    ///
    /// # Errors
    /// The host can be in no service name.
    pub fn new(
        gssapi: Gssapi,
        credential: Arc<Mutex<Credential>>,
        host: &str,
        binding: Option<&[u8]>,
    ) -> Result<Self, Fault> {
        let server = Name::import(gssapi, &format!("HTTP@{host}"), NT_HOSTBASED_SERVICE)?;
        let binding = binding.map(<[u8]>::to_vec);
        Ok(Self { gssapi, credential, server, binding, handle: null_mut(), flags: 0, complete: false })
    }

    /// Takes the server's token, none at first, and returns ours, which is empty where all was said.
    ///
    /// # Errors
    /// There is no ticket for this server and none to be had; the token is no answer to ours.
    pub fn step(&mut self, token: &[u8]) -> Result<Vec<u8>, Fault> {
        let application_data = self.binding.as_deref().map_or(Buffer::EMPTY, Buffer::of);
        let bindings = ChannelBindings {
            initiator_type: 0,
            initiator: Buffer::EMPTY,
            acceptor_type: 0,
            acceptor: Buffer::EMPTY,
            application_data,
        };
        let bindings = if self.binding.is_some() { &raw const bindings } else { null() };
        let input = Buffer::of(token);
        let input = if token.is_empty() { null() } else { &raw const input };
        let krb5 = Oid::of(KRB5);
        let mut output = Received::new(self.gssapi);
        let credential = self.credential.lock().unwrap_or_else(PoisonError::into_inner);
        let major = self.gssapi.check(|minor| {
            // SAFETY: credential, context and name are none or handles that the library has given; the rest are
            // pointers to locals, or none where RFC 2744 section 5.19 allows that; the buffer is the library's to
            // fill.
            unsafe {
                (self.gssapi.0.gss_init_sec_context)(
                    minor,
                    credential.handle,
                    &raw mut self.handle,
                    self.server.handle,
                    &raw const krb5,
                    GSS_C_MUTUAL_FLAG | GSS_C_INTEG_FLAG,
                    0,
                    bindings,
                    input,
                    null_mut(),
                    &raw mut output.buffer,
                    &raw mut self.flags,
                    null_mut(),
                )
            }
        })?;
        self.complete = major & GSS_S_CONTINUE_NEEDED == 0;
        Ok(output.bytes().to_vec())
    }

    /// True where the server has proved that it holds the key of its name.
    pub fn is_mutual(&self) -> bool {
        self.complete && self.flags & GSS_C_MUTUAL_FLAG != 0
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: the handle is none, or one that the library has given and that nobody uses any more; no token is
        // wanted.
        unsafe { (self.gssapi.0.gss_delete_sec_context)(&mut 0, &raw mut self.handle, null_mut()) };
    }
}

/// A name as the library holds it.
#[derive(Debug)]
struct Name {
    gssapi: Gssapi,
    handle: Handle,
}

impl Name {
    fn import(gssapi: Gssapi, text: &str, kind: &'static [u8]) -> Result<Self, Fault> {
        let mut name = Self { gssapi, handle: null_mut() };
        let (text, kind) = (Buffer::of(text.as_bytes()), Oid::of(kind));
        gssapi.check(|minor| {
            // SAFETY: text and kind are valid during the call, and the library takes copies.
            unsafe {
                (gssapi.0.gss_import_name)(minor, &raw const text, &raw const kind, &raw mut name.handle)
            }
        })?;
        Ok(name)
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        // SAFETY: the handle is none, or one that the library has given and that nobody uses any more.
        unsafe { (self.gssapi.0.gss_release_name)(&mut 0, &raw mut self.handle) };
    }
}

/// Bytes that the library has allocated.
struct Received {
    gssapi: Gssapi,
    buffer: Buffer,
}

impl Received {
    fn new(gssapi: Gssapi) -> Self {
        Self { gssapi, buffer: Buffer::EMPTY }
    }

    fn bytes(&self) -> &[u8] {
        let Buffer { length, value } = self.buffer;
        if value.is_null() {
            return &[];
        }
        // SAFETY: the library has filled the buffer, and releases it with this owner.
        unsafe { std::slice::from_raw_parts(value, length) }
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        // SAFETY: the buffer is empty, or the library has filled it.
        unsafe { (self.gssapi.0.gss_release_buffer)(&mut 0, &raw mut self.buffer) };
    }
}
