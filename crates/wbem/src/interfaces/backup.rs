//! What administers the server itself ([MS-WMI] 3.1.4.10, 3.1.4.11). A file name on the server is a way to write
//! anywhere, so every method refuses.

use super::*;
use rwmi_dcom::{Clsid, object_interface};
use rwmi_ndr::{WideString, guid};

/// The class of the backup object.
pub const CLSID_WBEM_BACKUP_RESTORE: Clsid = Clsid(guid!("c49e32c6-bc8b-11d2-85d4-00105a1f8304"));

object_interface! {
    /// Backup of the repository.
    pub interface IWbemBackupRestore = guid!("c49e32c7-bc8b-11d2-85d4-00105a1f8304"), else ACCESS_DENIED;
    serve WbemBackupRestore;
    /// Writes a backup.
    3 backup = Backup { file: WideString, flags: i32 } -> BackupReply {}
    /// Reads a backup.
    4 restore = Restore { file: WideString, flags: i32 } -> RestoreReply {}
}

/// IWbemBackupRestoreEx, whose first methods are those of [`IWbemBackupRestore`].
pub mod backup_ex {
    use super::*;

    object_interface! {
        /// Backup of the repository, which can be stopped meanwhile.
        pub interface IWbemBackupRestoreEx = guid!("a359dec5-e813-4834-8a2a-ba7f1d777d76"), else ACCESS_DENIED;
        serve WbemBackupRestoreEx;
        /// Writes a backup.
        3 backup = Backup { file: WideString, flags: i32 } -> BackupReply {}
        /// Reads a backup.
        4 restore = Restore { file: WideString, flags: i32 } -> RestoreReply {}
        /// Stops the service.
        5 pause = Pause {} -> PauseReply {}
        /// Lets it go on.
        6 resume = Resume {} -> ResumeReply {}
    }
}
pub use backup_ex::IWbemBackupRestoreEx;
