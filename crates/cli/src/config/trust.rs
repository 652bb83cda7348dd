//! Who else can read a file, or write into it.

use std::fs::Metadata;

/// The mode of a file that every user can read.
#[cfg(unix)]
pub(crate) fn is_read_by_others(file: &Metadata) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    let mode = file.permissions().mode() & 0o7777;
    (mode & 0o004 != 0).then_some(mode)
}

/// Why a file that names programs cannot be trusted: another user owns it, or everybody can write into it.
#[cfg(unix)]
pub(super) fn is_written_by_others(file: &Metadata) -> Option<String> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let mode = file.permissions().mode() & 0o7777;
    let (owner, own) = (file.uid(), rustix::process::geteuid().as_raw());
    if owner != own && owner != 0 {
        return Some(format!("it belongs to the user {owner}, and we are {own}"));
    }
    // A pipe of a shell, `--config <(...)`, has a mode that means nothing.
    (file.is_file() && mode & 0o002 != 0).then(|| format!("every user of this computer can write into it (mode {mode:04o})"))
}

/// Rights of files are the system's own elsewhere.
#[cfg(not(unix))]
pub(crate) fn is_read_by_others(_: &Metadata) -> Option<u32> {
    None
}

/// Rights of files are the system's own elsewhere.
#[cfg(not(unix))]
pub(super) fn is_written_by_others(_: &Metadata) -> Option<String> {
    None
}
