//! Where the sample of a run is kept for the next: a file of mode 0600 in a directory that is the user's own.
//!
//! No symbolic link is followed and nothing is taken that another user could have put there: what is in the file decides whether
//! somebody is woken at night.

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, fstat, open, openat, renameat, unlinkat};
use rustix::process::geteuid;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// Largest file that is read, in octets.
const LEN_MAX: u64 = 8 << 20;

/// The file of one check.
pub(crate) struct State {
    dir: OwnedFd,
    path: PathBuf,
    name: String,
}

impl State {
    /// The file of a check in a directory, which is made where it is not there.
    pub(crate) fn open(dir: &Path, key: &str) -> Result<State, String> {
        let wrong = |why: &dyn std::fmt::Display| format!("the state directory {}: {why}", dir.display());
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|e| wrong(&e))?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = open(dir, flags, Mode::empty()).map_err(|e| wrong(&format!("{e}; it must be a directory and no symbolic link")))?;
        let stat = fstat(&fd).map_err(|e| wrong(&e))?;
        private(&stat, 0o022).map_err(|why| wrong(&why))?;
        Ok(State { dir: fd, path: dir.to_owned(), name: format!("check-{:016x}.json", fnv(key)) })
    }

    /// What was kept; `None` where nothing was.
    pub(crate) fn load(&self) -> Result<Option<Vec<u8>>, String> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = match openat(&self.dir, &self.name, flags, Mode::empty()) {
            Ok(fd) => fd,
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(e) => return Err(self.wrong(&e)),
        };
        let stat = fstat(&fd).map_err(|e| self.wrong(&e))?;
        if !FileType::from_raw_mode(stat.st_mode).is_file() {
            return Err(self.wrong(&"it is no file"));
        }
        private(&stat, 0o077).map_err(|why| self.wrong(&why))?;
        let mut text = Vec::new();
        File::from(fd).take(LEN_MAX + 1).read_to_end(&mut text).map_err(|e| self.wrong(&e))?;
        // Nothing that we wrote.
        Ok(if text.len() as u64 <= LEN_MAX { Some(text) } else { None })
    }

    /// Keeps a text in the place of what was kept: whole, or what was there stays.
    pub(crate) fn store(&self, text: &[u8]) -> Result<(), String> {
        let fresh = format!("{}.{}", self.name, std::process::id());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let make = || openat(&self.dir, &fresh, flags, Mode::RUSR | Mode::WUSR);
        let fd = match make() {
            // Of a run that was killed and had our number.
            Err(rustix::io::Errno::EXIST) => unlinkat(&self.dir, &fresh, AtFlags::empty()).and_then(|()| make()),
            other => other,
        };
        let fd = fd.map_err(|e| self.wrong(&e))?;
        let written = File::from(fd).write_all(text).map_err(|e| self.wrong(&e));
        let kept = written.and_then(|()| renameat(&self.dir, &fresh, &self.dir, &self.name).map_err(|e| self.wrong(&e)));
        if kept.is_err() {
            let _ = unlinkat(&self.dir, &fresh, AtFlags::empty());
        }
        kept
    }

    fn wrong(&self, why: &dyn std::fmt::Display) -> String {
        format!("the state file {}: {why}", self.path.join(&self.name).display())
    }
}

/// The user's own, and closed to others by the bits that are named.
fn private(stat: &Stat, closed: u32) -> Result<(), String> {
    if stat.st_uid != geteuid().as_raw() {
        return Err(format!("it belongs to user {}, not to {}", stat.st_uid, geteuid().as_raw()));
    }
    match stat.st_mode & closed {
        0 => Ok(()),
        _ => Err(format!("others may use it (mode {:04o})", stat.st_mode & 0o7777)),
    }
}

/// Where states are kept unless the caller says otherwise: `$XDG_STATE_HOME/rwmi`, `~/.local/state/rwmi`, else a directory of the user below
/// `/var/tmp`.
pub(crate) fn default_dir() -> PathBuf {
    let var = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
    match (var("XDG_STATE_HOME"), var("HOME")) {
        (Some(state), _) => state.join("rwmi"),
        (None, Some(home)) => home.join(".local/state/rwmi"),
        (None, None) => PathBuf::from(format!("/var/tmp/rwmi-{}", geteuid().as_raw())),
    }
}

/// A name for a key. Two keys with one name only lose their samples to each other: the key is in the file.
fn fnv(key: &str) -> u64 {
    key.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, octet| (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    fn file(dir: &Path) -> PathBuf {
        std::fs::read_dir(dir).unwrap().next().unwrap().unwrap().path()
    }

    #[test]
    fn what_is_kept_comes_back_and_is_nobody_elses() {
        let base = tempfile::tempdir().unwrap();
        let dir = base.path().join("a/b");
        let state = State::open(&dir, "key").unwrap();
        assert_eq!(state.load(), Ok(None));
        state.store(b"one").unwrap();
        state.store(b"two").unwrap();
        assert_eq!(State::open(&dir, "key").unwrap().load(), Ok(Some(b"two".to_vec())));
        assert_eq!(State::open(&dir, "other").unwrap().load(), Ok(None));
        let mode = |p: &Path| std::fs::metadata(p).unwrap().mode() & 0o7777;
        assert_eq!((mode(&dir), mode(&file(&dir)), std::fs::read_dir(&dir).unwrap().count()), (0o700, 0o600, 1));
    }

    #[test]
    fn a_symbolic_link_is_not_followed() {
        let base = tempfile::tempdir().unwrap();
        let dir = base.path().join("real");
        let state = State::open(&dir, "key").unwrap();
        state.store(b"x").unwrap();
        let (kept, target) = (file(&dir), base.path().join("target"));
        std::fs::rename(&kept, &target).unwrap();
        symlink(&target, &kept).unwrap();
        assert!(state.load().unwrap_err().contains("the state file"));
        // A new file takes the place of the link; its target is left alone.
        state.store(b"y").unwrap();
        assert_eq!((std::fs::read(&target).unwrap(), state.load()), (b"x".to_vec(), Ok(Some(b"y".to_vec()))));
        symlink(&dir, base.path().join("link")).unwrap();
        assert!(State::open(&base.path().join("link"), "key").err().unwrap().contains("no symbolic link"));
    }

    #[test]
    fn what_others_may_write_or_read_is_not_taken() {
        let base = tempfile::tempdir().unwrap();
        let dir = base.path().join("d");
        let state = State::open(&dir, "key").unwrap();
        state.store(b"x").unwrap();
        let chmod = |p: &Path, mode: u32| std::fs::set_permissions(p, std::fs::Permissions::from_mode(mode)).unwrap();
        chmod(&file(&dir), 0o644);
        assert!(state.load().unwrap_err().contains("others may use it (mode 0644)"));
        chmod(&dir, 0o777);
        assert!(State::open(&dir, "key").err().unwrap().contains("others may use it (mode 0777)"));
        let mut stat = rustix::fs::stat(base.path()).unwrap();
        stat.st_uid += 1;
        assert!(private(&stat, 0).unwrap_err().starts_with("it belongs to user"));
    }

    #[test]
    fn what_is_no_file_is_not_read() {
        let base = tempfile::tempdir().unwrap();
        let state = State::open(base.path(), "key").unwrap();
        std::fs::create_dir(base.path().join(&state.name)).unwrap();
        assert!(state.load().unwrap_err().contains("it is no file"));
        std::fs::remove_dir(base.path().join(&state.name)).unwrap();
        state.store(&vec![b'x'; LEN_MAX as usize + 1]).unwrap();
        assert_eq!(state.load(), Ok(None));
    }
}
