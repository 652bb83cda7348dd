//! The accounts that may log on by NTLM: a small encrypted file that only its owner can read.
//!
//! PAM cannot answer an NTLM challenge, because that needs the NT hash of the password. So the hashes lie here,
//! sealed with AES-256-GCM:
//!
//! ```text
//! 0         8                  20
//! | magic   | nonce, 12 octets | sealed: count, then (flags u8, hash 16, name length u16, name) each | tag 16 |
//! ```
//! The magic is authenticated too. Every write makes a new file beside the old one and renames it, so that a reader sees
//! the old accounts or the new ones and never a half; a reader notices by the file's number and times.

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Key, Nonce};
use rustix::fs::{FlockOperation, flock};
use rwmi_auth::NtHash;
use rwmi_cim::names_equal;
use sha2::{Digest, Sha256};
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use zeroize::{Zeroize, Zeroizing};

/// Why the accounts cannot be read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccountsError {
    /// The system refused.
    #[error("{what} {}, caused by {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// With which file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// Others than the owner may read the file.
    #[error("{} has mode {mode:04o}, expected 0600: others may have read it", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file is not what was written, or the key is another.
    #[error("{} does not open: it was changed, cut, or sealed with another key", path.display())]
    Sealed {
        /// The file.
        path: PathBuf,
    },
    /// The key is too short to protect anything.
    #[error("the key in {} has {len} octets, expected at least 32", path.display())]
    ShortKey {
        /// The file of the key.
        path: PathBuf,
        /// Its length.
        len: usize,
    },
    /// Not a name that NTLM can carry.
    #[error(
        "{0:?} is not an account name: expected 1 to 104 characters, none of them a control character or one of \" / \\ [ ] : ; | = , + * ? < > @"
    )]
    Name(String),
    /// There is no such account.
    #[error("there is no account {0:?}")]
    Unknown(String),
    /// The file is full.
    #[error("there are already {0} accounts")]
    Full(usize),
    /// The running server refused.
    #[error("{0}")]
    Server(String),
}

/// What may be known of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountInfo {
    /// Its name, as it was added.
    pub name: String,
    /// Whether it has the rights of an administrator.
    pub admin: bool,
}

/// What became of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is new.
    Added,
    /// It was there and has another password now.
    Replaced,
}

struct Account {
    info: AccountInfo,
    hash: NtHash,
}

/// The account file of a data directory. Names compare without case.
pub struct Accounts {
    dir: PathBuf,
    key: PathBuf,
    key_is_ours: bool,
    seen: Mutex<Option<(Stamp, Arc<Vec<Account>>)>>,
}

/// Tells one state of a file from the next.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    len: u64,
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accounts").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl Accounts {
    /// The accounts of a data directory, which is made when the first account is added. The key comes from
    /// `$CREDENTIALS_DIRECTORY/rwmi-accounts-key` where systemd gives one, else from `accounts.key` beside the file.
    pub fn at(data_dir: &Path) -> Accounts {
        let given = std::env::var_os("CREDENTIALS_DIRECTORY").map(|d| Path::new(&d).join(CREDENTIAL)).filter(|p| p.exists());
        Accounts::with_key(data_dir, given)
    }

    /// As [`Accounts::at`] with the key in a given file; `None` is the file beside the accounts.
    pub fn with_key(data_dir: &Path, key: Option<PathBuf>) -> Accounts {
        let key_is_ours = key.is_none();
        let key = key.unwrap_or_else(|| data_dir.join("accounts.key"));
        Accounts { dir: data_dir.to_owned(), key, key_is_ours, seen: Mutex::new(None) }
    }

    /// Names and rights, in the order of their adding.
    pub fn list(&self) -> Result<Vec<AccountInfo>, AccountsError> {
        Ok(self.current()?.iter().map(|a| a.info.clone()).collect())
    }

    /// Whether a name can be one of an account.
    pub fn check_name(name: &str) -> Result<(), AccountsError> {
        const FORBIDDEN: &str = "\"/\\[]:;|=,+*?<>@";
        let len = name.chars().count();
        if !(1..=104).contains(&len) || name.trim() != name || name.chars().any(|c| c.is_control() || FORBIDDEN.contains(c)) {
            return Err(AccountsError::Name(name.into()));
        }
        Ok(())
    }

    /// Adds an account, or gives it another password and other rights.
    pub fn add(&self, name: &str, hash: NtHash, admin: bool) -> Result<Change, AccountsError> {
        Accounts::check_name(name)?;
        self.change(|accounts| {
            let account = Account { info: AccountInfo { name: name.into(), admin }, hash };
            match accounts.iter().position(|a| names_equal(&a.info.name, name)) {
                Some(place) => {
                    accounts[place] = account;
                    Ok(Change::Replaced)
                }
                None if accounts.len() >= ACCOUNTS_MAX => Err(AccountsError::Full(accounts.len())),
                None => {
                    accounts.push(account);
                    Ok(Change::Added)
                }
            }
        })
    }

    /// Gives or takes the rights of an administrator.
    pub fn set_admin(&self, name: &str, admin: bool) -> Result<(), AccountsError> {
        self.change(|accounts| match accounts.iter_mut().find(|a| names_equal(&a.info.name, name)) {
            Some(account) => {
                account.info.admin = admin;
                Ok(())
            }
            None => Err(AccountsError::Unknown(name.into())),
        })
    }

    /// Removes an account.
    pub fn remove(&self, name: &str) -> Result<(), AccountsError> {
        self.change(|accounts| {
            let before = accounts.len();
            accounts.retain(|a| !names_equal(&a.info.name, name));
            if accounts.len() == before { Err(AccountsError::Unknown(name.into())) } else { Ok(()) }
        })
    }

    /// An account by name, as the file has it now; `None` where there is none.
    pub fn find(&self, name: &str) -> Result<Option<AccountInfo>, AccountsError> {
        Ok(self.current()?.iter().find(|a| names_equal(&a.info.name, name)).map(|a| a.info.clone()))
    }

    /// The name and the hash of an account, as the file has it now.
    pub fn secret(&self, name: &str) -> Result<Option<(String, NtHash)>, AccountsError> {
        Ok(self.current()?.iter().find(|a| names_equal(&a.info.name, name)).map(|a| (a.info.name.clone(), a.hash.clone())))
    }

    fn file(&self) -> PathBuf {
        self.dir.join("accounts")
    }

    /// The accounts as they lie on disk; read again only when the file is another.
    fn current(&self) -> Result<Arc<Vec<Account>>, AccountsError> {
        let path = self.file();
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Arc::default()),
            Err(source) => return Err(AccountsError::Io { what: "cannot open", path, source }),
        };
        let metadata = private(&file, &path)?;
        let stamp = Stamp {
            inode: metadata.ino(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            len: metadata.len(),
        };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, accounts)) = &*seen
            && *at == stamp
        {
            return Ok(accounts.clone());
        }
        let mut sealed = Vec::new();
        Read::by_ref(&mut file).take(FILE_LEN_MAX).read_to_end(&mut sealed).map_err(|source| AccountsError::Io {
            what: "cannot read",
            path: path.clone(),
            source,
        })?;
        let key = self.read_key()?.ok_or_else(|| AccountsError::Sealed { path: path.clone() })?;
        let accounts = Arc::new(open(&sealed, &key).ok_or(AccountsError::Sealed { path })?);
        *seen = Some((stamp, accounts.clone()));
        Ok(accounts)
    }

    /// Reads, changes and replaces the file, alone among all processes that do so.
    fn change<T>(&self, change: impl FnOnce(&mut Vec<Account>) -> Result<T, AccountsError>) -> Result<T, AccountsError> {
        let io = |what, path: &Path| {
            let path = path.to_owned();
            move |source| AccountsError::Io { what, path, source }
        };
        make_private_dir(&self.dir).map_err(io("cannot make", &self.dir))?;
        let lock_path = self.dir.join("accounts.lock");
        let mut private_file = OpenOptions::new();
        private_file.mode(0o600).write(true).create(true);
        let lock = private_file.clone().truncate(false).open(&lock_path).map_err(io("cannot open", &lock_path))?;
        flock(&lock, FlockOperation::LockExclusive).map_err(|e| io("cannot lock", &lock_path)(e.into()))?;
        let mut accounts: Vec<Account> = self.current()?.iter().map(|a| Account { info: a.info.clone(), hash: a.hash.clone() }).collect();
        let done = change(&mut accounts)?;
        let key = match self.read_key()? {
            Some(key) => key,
            None if self.key_is_ours => self.make_key()?,
            None => return Err(io("cannot read", &self.key)(io::ErrorKind::NotFound.into())),
        };
        let path = self.file();
        let fresh = self.dir.join("accounts.new");
        // Left over from a crash, if it is there; the lock says that nobody is writing it.
        let _ = fs::remove_file(&fresh);
        let mut file = private_file.create_new(true).open(&fresh).map_err(io("cannot make", &fresh))?;
        file.write_all(&seal(&accounts, &key)).and_then(|()| file.sync_all()).map_err(io("cannot write", &fresh))?;
        fs::rename(&fresh, &path).map_err(io("cannot replace", &path))?;
        File::open(&self.dir).and_then(|d| d.sync_all()).map_err(io("cannot sync", &self.dir))?;
        Ok(done)
    }

    fn read_key(&self) -> Result<Option<Zeroizing<[u8; 32]>>, AccountsError> {
        let io = |source| AccountsError::Io { what: "cannot read", path: self.key.clone(), source };
        let mut file = match File::open(&self.key) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(io(source)),
        };
        // systemd gives credentials mode 0400 in a directory of their own.
        private(&file, &self.key)?;
        let mut octets = Zeroizing::new(Vec::with_capacity(4096));
        Read::by_ref(&mut file).take(4096).read_to_end(&mut octets).map_err(io)?;
        if octets.len() < 32 {
            return Err(AccountsError::ShortKey { path: self.key.clone(), len: octets.len() });
        }
        // Any length and any alphabet becomes a key of 32 octets, bound to its use.
        let mut digest = Sha256::new_with_prefix(b"rwmi account file, version 1\0").chain_update(&octets).finalize();
        let key = Zeroizing::new(digest.into());
        digest.as_mut_slice().zeroize();
        Ok(Some(key))
    }

    fn make_key(&self) -> Result<Zeroizing<[u8; 32]>, AccountsError> {
        let io = |source| AccountsError::Io { what: "cannot make", path: self.key.clone(), source };
        let mut octets = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *octets).map_err(|e| io(io::Error::other(e.to_string())))?;
        let mut file = OpenOptions::new().mode(0o600).write(true).create_new(true).open(&self.key).map_err(io)?;
        file.write_all(&*octets).and_then(|()| file.sync_all()).map_err(io)?;
        self.read_key()?.ok_or_else(|| io(io::ErrorKind::NotFound.into()))
    }
}

/// Makes a directory that only its owner enters; one that is there stays as it is.
pub(crate) fn make_private_dir(dir: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

fn private(file: &File, path: &Path) -> Result<fs::Metadata, AccountsError> {
    let metadata = file.metadata().map_err(|source| AccountsError::Io { what: "cannot look at", path: path.to_owned(), source })?;
    match metadata.mode() & 0o7777 {
        mode if mode & 0o077 != 0 => Err(AccountsError::Exposed { path: path.to_owned(), mode }),
        _ => Ok(metadata),
    }
}

fn seal(accounts: &[Account], key: &[u8; 32]) -> Vec<u8> {
    // Sized beforehand: growing would leave copies of hashes behind.
    let mut plain = Zeroizing::new(Vec::with_capacity(4 + accounts.iter().map(|a| 19 + a.info.name.len()).sum::<usize>()));
    plain.extend((accounts.len() as u32).to_le_bytes());
    for account in accounts {
        plain.push(account.info.admin.into());
        plain.extend(account.hash.0);
        plain.extend((account.info.name.len() as u16).to_le_bytes());
        plain.extend(account.info.name.as_bytes());
    }
    let mut nonce = [0; 12];
    // Without randomness there must be no file: a nonce used twice gives the hashes away.
    #[expect(clippy::expect_used, reason = "a system without randomness cannot go on")]
    getrandom::fill(&mut nonce).expect("the system gives randomness");
    let cipher = Aes256Gcm::new(Key::<Aes256Gcm>::from_slice(key));
    #[expect(clippy::expect_used, reason = "AES-GCM refuses only texts of 64 GiB")]
    let sealed = cipher.encrypt(Nonce::from_slice(&nonce), Payload { msg: &plain, aad: MAGIC }).expect("a short text is sealed");
    [MAGIC, &nonce, &sealed].concat()
}

fn open(octets: &[u8], key: &[u8; 32]) -> Option<Vec<Account>> {
    let (nonce, sealed) = octets.strip_prefix(MAGIC)?.split_at_checked(12)?;
    let cipher = Aes256Gcm::new(Key::<Aes256Gcm>::from_slice(key));
    let plain = Zeroizing::new(cipher.decrypt(Nonce::from_slice(nonce), Payload { msg: sealed, aad: MAGIC }).ok()?);
    let (count, mut rest) = plain.split_first_chunk::<4>()?;
    let count = u32::from_le_bytes(*count) as usize;
    let mut accounts = Vec::new();
    for _ in 0..count.min(ACCOUNTS_MAX) {
        let (admin, after) = rest.split_first()?;
        let (hash, after) = after.split_first_chunk::<16>()?;
        let (len, after) = after.split_first_chunk::<2>()?;
        let (name, after) = after.split_at_checked(u16::from_le_bytes(*len).into())?;
        let name = std::str::from_utf8(name).ok()?.to_owned();
        accounts.push(Account { info: AccountInfo { name, admin: *admin != 0 }, hash: NtHash(*hash) });
        rest = after;
    }
    rest.is_empty().then_some(accounts)
}

const MAGIC: &[u8] = b"RWMIACC1";
/// Name of the credential that systemd is asked for.
const CREDENTIAL: &str = "rwmi-accounts-key";
const ACCOUNTS_MAX: usize = 10_000;
const FILE_LEN_MAX: u64 = 8 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn info(name: &str, admin: bool) -> AccountInfo {
        AccountInfo { name: name.into(), admin }
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn an_account_is_found_by_any_case_until_it_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let accounts = Accounts::with_key(dir.path(), None);
        assert!(accounts.list().unwrap().is_empty());
        assert_eq!(accounts.add("Alice", NtHash([1; 16]), true).unwrap(), Change::Added);
        assert_eq!(accounts.add("bob", NtHash([2; 16]), false).unwrap(), Change::Added);
        assert_eq!(accounts.add("ALICE", NtHash([3; 16]), true).unwrap(), Change::Replaced);
        assert_eq!(accounts.list().unwrap(), [info("ALICE", true), info("bob", false)]);
        assert_eq!(accounts.secret("alice").unwrap().unwrap(), ("ALICE".into(), NtHash([3; 16])));
        accounts.set_admin("BOB", true).unwrap();
        assert_eq!(accounts.find("bob").unwrap(), Some(info("bob", true)));
        accounts.remove("bOB").unwrap();
        assert!(accounts.secret("bob").unwrap().is_none());
        assert!(matches!(accounts.remove("bob"), Err(AccountsError::Unknown(_))));
    }

    #[test]
    fn a_change_by_another_process_counts_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let (server, command) = (Accounts::with_key(dir.path(), None), Accounts::with_key(dir.path(), None));
        for n in 0..20u8 {
            command.add("a", NtHash([n; 16]), false).unwrap();
            assert_eq!(server.secret("a").unwrap().unwrap().1, NtHash([n; 16]));
        }
    }

    #[test]
    fn only_the_owner_can_read_what_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("a/b");
        let accounts = Accounts::with_key(&data, None);
        accounts.add("alice", NtHash([0x5a; 16]), false).unwrap();
        assert_eq!((mode(&data), mode(&data.join("accounts")), mode(&data.join("accounts.key"))), (0o700, 0o600, 0o600));
        let octets = fs::read(data.join("accounts")).unwrap();
        assert!(!octets.windows(16).any(|w| w == [0x5a; 16]) && !octets.windows(5).any(|w| w == b"alice"));
        for file in ["accounts", "accounts.key"] {
            let path = data.join(file);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
            assert!(matches!(Accounts::with_key(&data, None).list(), Err(AccountsError::Exposed { mode: 0o640, .. })));
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
    }

    #[test]
    fn a_changed_octet_a_cut_and_another_key_do_not_open() {
        let key = [7; 32];
        let accounts = [Account { info: info("alice", true), hash: NtHash([1; 16]) }];
        let sealed = seal(&accounts, &key);
        assert_eq!(open(&sealed, &key).unwrap()[0].info, info("alice", true));
        for cut in 0..sealed.len() {
            assert!(open(&sealed[..cut], &key).is_none());
            let mut changed = sealed.clone();
            changed[cut] ^= 1;
            assert!(open(&changed, &key).is_none());
        }
        assert!(open(&sealed, &[8; 32]).is_none());
        assert_ne!(seal(&accounts, &key)[8..20], sealed[8..20], "a nonce is never used twice");
    }

    #[test]
    fn a_given_key_is_used_and_never_made() {
        let dir = tempfile::tempdir().unwrap();
        let key = dir.path().join("credential");
        let accounts = Accounts::with_key(dir.path(), Some(key.clone()));
        assert!(matches!(accounts.add("a", NtHash([0; 16]), false), Err(AccountsError::Io { .. })));
        let write = |text: &str| {
            fs::write(&key, text).unwrap();
            fs::set_permissions(&key, fs::Permissions::from_mode(0o400)).unwrap();
        };
        write("too short");
        assert!(matches!(accounts.add("a", NtHash([0; 16]), false), Err(AccountsError::ShortKey { len: 9, .. })));
        fs::remove_file(&key).unwrap();
        write("an armful of octets that nobody will guess");
        accounts.add("a", NtHash([0; 16]), false).unwrap();
        assert!(!dir.path().join("accounts.key").exists());
        assert!(matches!(Accounts::with_key(dir.path(), None).list(), Err(AccountsError::Sealed { .. })));
    }

    #[test]
    fn a_name_that_ntlm_cannot_carry_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let accounts = Accounts::with_key(dir.path(), None);
        for name in ["", "a\\b", "a@b", "a/b", " a", "a\n", &"x".repeat(105)] {
            assert!(matches!(accounts.add(name, NtHash([0; 16]), false), Err(AccountsError::Name(_))), "{name:?}");
        }
        accounts.add("Jörg Müller", NtHash([0; 16]), false).unwrap();
        assert!(accounts.find("JÖRG MÜLLER").unwrap().is_some());
    }
}
