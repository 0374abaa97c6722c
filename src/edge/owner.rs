//! On Windows: a new file that its owner, the system and the administrators may open and nobody else, whatever its folder
//! says. The functions that make one are called here and nowhere else. Volumes without access control (FAT) take no
//! notice.
#![expect(unsafe_code, reason = "the standard library makes no file with access control of its own")]

use std::fs::File;
use std::io;
use std::os::windows::ffi::OsStrExt;
use std::os::windows::io::FromRawHandle;
use std::path::Path;
use std::ptr::null_mut;

use windows_sys::Win32::Foundation::{GENERIC_READ, GENERIC_WRITE, INVALID_HANDLE_VALUE, LocalFree};
use windows_sys::Win32::Security::Authorization::{
    ConvertStringSecurityDescriptorToSecurityDescriptorW, SDDL_REVISION_1,
};
use windows_sys::Win32::Security::SECURITY_ATTRIBUTES;
use windows_sys::Win32::Storage::FileSystem::{
    CREATE_NEW, CreateFileW, FILE_ATTRIBUTE_NORMAL, FILE_SHARE_DELETE, FILE_SHARE_READ, FILE_SHARE_WRITE,
};

/// Nothing inherited; all access for the owner, the system, the administrators ([MS-DTYP] section 2.5.1). Who
/// belongs to these last two could take it anyway, as root can.
const ACCESS: &str = "D:P(A;;FA;;;OW)(A;;FA;;;SY)(A;;FA;;;BA)";

/// Makes the file, which must be new. It is so from the first moment: a handle that was opened before would stay good.
///
/// # Errors
/// Those of the system.
pub fn create(path: &Path) -> io::Result<File> {
    let access: Vec<u16> = ACCESS.encode_utf16().chain([0]).collect();
    let path: Vec<u16> = path.as_os_str().encode_wide().chain([0]).collect();
    let mut descriptor = null_mut();
    // SAFETY: the text ends in a zero; the descriptor is Windows's to allocate, its size is not wanted.
    let is_made = unsafe {
        ConvertStringSecurityDescriptorToSecurityDescriptorW(
            access.as_ptr(),
            SDDL_REVISION_1,
            &raw mut descriptor,
            null_mut(),
        )
    };
    if is_made == 0 {
        return Err(io::Error::last_os_error());
    }
    let attributes = SECURITY_ATTRIBUTES {
        nLength: size_of::<SECURITY_ATTRIBUTES>() as u32,
        lpSecurityDescriptor: descriptor,
        bInheritHandle: 0,
    };
    // SAFETY: the path ends in a zero; attributes and descriptor live until the call is over. The handle is a new one
    // that nobody else has.
    let file = unsafe {
        let handle = CreateFileW(
            path.as_ptr(),
            GENERIC_READ | GENERIC_WRITE,
            FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
            &raw const attributes,
            CREATE_NEW,
            FILE_ATTRIBUTE_NORMAL,
            null_mut(),
        );
        if handle == INVALID_HANDLE_VALUE {
            Err(io::Error::last_os_error())
        } else {
            Ok(File::from_raw_handle(handle))
        }
    };
    // SAFETY: Windows has allocated it, and nobody uses it any more.
    unsafe { LocalFree(descriptor) };
    file
}
