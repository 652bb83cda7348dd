//! Where everything is read from: one root.
//!
//! Files are named as on a running machine (`/proc/meminfo`) and opened below the root; a symbolic link in a recorded
//! tree leads no further than that root. What a running machine tells by a system call, a recorded tree tells by a
//! text file below `/rwmi-recorded` ([`Machine::is_live`] decides).

use rustix::fs::{Mode, OFlags, ResolveFlags};
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What to read.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Source {
    /// The directory that holds `proc`, `sys`, `etc`, `run` and `var`. Default `/`, the running machine.
    pub root: PathBuf,
    /// D-Bus address of the bus on which `org.freedesktop.systemd1` answers. Default: the system bus below the root,
    /// `run/dbus/system_bus_socket`, where the machine was booted by systemd.
    pub dbus_address: Option<String>,
    /// Longest wait for systemd, for all calls of one enumeration together. Default 20 s.
    pub dbus_deadline: Duration,
    /// Longest wait for the size of one network file system. Default 2 s; what takes longer has NULL in its place.
    pub statvfs_deadline: Duration,
    /// Whether starts and ends of processes are asked of the kernel's process connector, where it lets us. Default true; else
    /// `/proc` is looked at again and again.
    pub process_connector: bool,
    /// How often `/proc` is looked at. Default 500 ms.
    pub process_poll: Duration,
}

impl Default for Source {
    fn default() -> Self {
        Source::at("/")
    }
}

impl Source {
    /// The machine whose files are below `root`.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Source {
            root: root.into(),
            dbus_address: None,
            dbus_deadline: Duration::from_secs(20),
            statvfs_deadline: Duration::from_secs(2),
            process_connector: true,
            process_poll: Duration::from_millis(500),
        }
    }

    /// The same source with its bus at an address.
    pub fn with_dbus_address(mut self, address: impl Into<String>) -> Self {
        self.dbus_address = Some(address.into());
        self
    }
}

/// Longest file that is read, in octets; more is cut.
const READ_MAX: u64 = 8 << 20;
/// Most names that are taken from one directory.
const LIST_MAX: usize = 1 << 20;

/// An opened source.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) source: Source,
    /// `None` where the root is `/`.
    root: Option<OwnedFd>,
    /// Mount points whose statvfs has not come back yet: a dead server gets one thread, not one a query.
    stuck: Arc<Mutex<HashSet<String>>>,
}

/// What statvfs says of a mount point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Space {
    /// Octets a block.
    pub(crate) block_size: u64,
    pub(crate) blocks: u64,
    pub(crate) blocks_available: u64,
    pub(crate) name_len_max: u64,
}

/// Seconds since 1970 of a file.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct FileTimes {
    pub(crate) modified: Option<i64>,
    pub(crate) born: Option<i64>,
}

impl Machine {
    pub(crate) fn open(source: Source) -> io::Result<Self> {
        let canonical = source.root.canonicalize()?;
        let root = if canonical.as_os_str() == "/" {
            None
        } else {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            Some(rustix::fs::open(&canonical, flags, Mode::empty())?)
        };
        Ok(Machine { source, root, stuck: Arc::default() })
    }

    /// Whether this is the running machine, so that system calls speak of it too.
    pub(crate) fn is_live(&self) -> bool {
        self.root.is_none()
    }

    fn open_file(&self, path: &str, flags: OFlags) -> io::Result<OwnedFd> {
        let flags = flags | OFlags::CLOEXEC;
        Ok(match &self.root {
            // NONBLOCK: a fifo in the place of a file must not hold us.
            None => rustix::fs::open(path, flags | OFlags::NONBLOCK, Mode::empty())?,
            Some(root) => rustix::fs::openat2(root, path, flags, Mode::empty(), ResolveFlags::IN_ROOT)?,
        })
    }

    /// The octets of a file; `None` where it cannot be read.
    pub(crate) fn read(&self, path: &str) -> Option<Vec<u8>> {
        self.read_at_most(path, READ_MAX)
    }

    pub(crate) fn read_at_most(&self, path: &str, limit: u64) -> Option<Vec<u8>> {
        let file = File::from(self.open_file(path, OFlags::RDONLY).ok()?);
        let mut octets = Vec::new();
        file.take(limit).read_to_end(&mut octets).ok()?;
        Some(octets)
    }

    /// The text of a file; octets that are no UTF-8 become U+FFFD.
    pub(crate) fn text(&self, path: &str) -> Option<String> {
        self.read(path).map(|o| match String::from_utf8(o) {
            Ok(s) => s,
            Err(e) => String::from_utf8_lossy(e.as_bytes()).into_owned(),
        })
    }

    /// The text of a file with one value, white space around it taken off; `None` where nothing is left.
    pub(crate) fn line(&self, path: &str) -> Option<String> {
        let text = self.text(path)?;
        let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// The number in a file with one value.
    pub(crate) fn number<T: std::str::FromStr>(&self, path: &str) -> Option<T> {
        self.line(path)?.parse().ok()
    }

    /// Names in a directory, sorted; none where it cannot be read.
    pub(crate) fn list(&self, path: &str) -> Vec<String> {
        self.try_list(path).unwrap_or_default()
    }

    /// Names in a directory, sorted; `None` where it cannot be read.
    pub(crate) fn try_list(&self, path: &str) -> Option<Vec<String>> {
        let fd = self.open_file(path, OFlags::RDONLY | OFlags::DIRECTORY).ok()?;
        let mut names: Vec<String> = rustix::fs::Dir::new(fd)
            .ok()?
            .flatten()
            .filter_map(|e| e.file_name().to_str().ok().filter(|n| !matches!(*n, "." | "..")).map(str::to_owned))
            .take(LIST_MAX)
            .collect();
        names.sort_unstable();
        Some(names)
    }

    /// Where a symbolic link points, as written.
    pub(crate) fn link(&self, path: &str) -> Option<String> {
        let target = match &self.root {
            None => rustix::fs::readlink(path, Vec::new()).ok()?,
            Some(_) => {
                let fd = self.open_file(path, OFlags::PATH | OFlags::NOFOLLOW).ok()?;
                rustix::fs::readlinkat(&fd, "", Vec::new()).ok()?
            }
        };
        Some(target.to_string_lossy().into_owned())
    }

    pub(crate) fn exists(&self, path: &str) -> bool {
        self.open_file(path, OFlags::PATH).is_ok()
    }

    /// Microseconds since 1970-01-01 UTC: the clock, or `/rwmi-recorded/clock` in seconds.
    pub(crate) fn now_micros(&self) -> i64 {
        if let Some(_root) = &self.root {
            return self.number::<i64>("/rwmi-recorded/clock").unwrap_or(0).saturating_mul(1_000_000);
        }
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_micros()).unwrap_or(i64::MAX))
    }

    /// Times of a file: statx, or `/rwmi-recorded/times` with lines `path modified born`.
    pub(crate) fn times(&self, path: &str) -> FileTimes {
        if self.root.is_some() {
            let Some([modified, born]) = self.recorded::<2>("/rwmi-recorded/times", path) else { return FileTimes::default() };
            return FileTimes { modified: modified.parse().ok(), born: born.parse().ok() };
        }
        let Ok(meta) = std::fs::metadata(path) else { return FileTimes::default() };
        let seconds = |t: io::Result<SystemTime>| i64::try_from(t.ok()?.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok();
        FileTimes { modified: seconds(meta.modified()), born: seconds(meta.created()) }
    }

    /// Space of a mounted file system: statvfs, or `/rwmi-recorded/statvfs` with lines `path bsize blocks bavail namemax`.
    /// `None` where it cannot be told, or not in time.
    pub(crate) async fn space(&self, mount_point: &str, remote: bool) -> Option<Space> {
        if self.root.is_some() {
            let [size, blocks, available, name_len] = self.recorded::<4>("/rwmi-recorded/statvfs", mount_point)?;
            return Some(Space {
                block_size: size.parse().ok()?,
                blocks: blocks.parse().ok()?,
                blocks_available: available.parse().ok()?,
                name_len_max: name_len.parse().ok()?,
            });
        }
        if !remote {
            return statvfs(mount_point);
        }
        if !self.stuck.lock().ok()?.insert(mount_point.to_owned()) {
            return None;
        }
        let (path, stuck) = (mount_point.to_owned(), self.stuck.clone());
        let answer = tokio::task::spawn_blocking(move || {
            let space = statvfs(&path);
            if let Ok(mut stuck) = stuck.lock() {
                stuck.remove(&path);
            }
            space
        });
        tokio::time::timeout(self.source.statvfs_deadline, answer).await.ok()?.ok()?
    }

    /// The columns after `key` in a table of blank-separated columns; `#` starts a comment.
    fn recorded<const N: usize>(&self, table: &str, key: &str) -> Option<[String; N]> {
        let text = self.text(table)?;
        let line = text.lines().find(|l| l.split_whitespace().next() == Some(key))?;
        let columns: Vec<String> = line.split_whitespace().skip(1).map(str::to_owned).collect();
        columns.try_into().ok()
    }
}

fn statvfs(path: &str) -> Option<Space> {
    let s = rustix::fs::statvfs(path).ok()?;
    Some(Space { block_size: s.f_frsize, blocks: s.f_blocks, blocks_available: s.f_bavail, name_len_max: s.f_namemax })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn tree() -> (tempfile::TempDir, Machine) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("etc")).unwrap();
        std::fs::write(dir.path().join("etc/name"), " lx1 \n").unwrap();
        let machine = Machine::open(Source::at(dir.path())).unwrap();
        (dir, machine)
    }

    #[test]
    fn a_link_in_a_tree_leads_no_further_than_its_root() {
        let (dir, machine) = tree();
        symlink("/etc/name", dir.path().join("absolute")).unwrap();
        symlink("../../../../../etc/name", dir.path().join("upwards")).unwrap();
        symlink("/etc/passwd", dir.path().join("out")).unwrap();
        assert_eq!(machine.line("/absolute").as_deref(), Some("lx1"));
        assert_eq!(machine.line("/upwards").as_deref(), Some("lx1"));
        assert_eq!(machine.line("/out"), None);
        assert_eq!(machine.link("/out").as_deref(), Some("/etc/passwd"));
        assert_eq!(machine.line("/../../etc/name").as_deref(), Some("lx1"));
    }

    #[tokio::test]
    async fn a_tree_answers_from_its_tables_and_never_from_the_kernel() {
        let (dir, machine) = tree();
        assert!(!machine.is_live());
        assert_eq!(machine.now_micros(), 0);
        assert_eq!(machine.space("/", false).await, None);
        assert_eq!(machine.times("/"), FileTimes::default());
        std::fs::create_dir(dir.path().join("rwmi-recorded")).unwrap();
        std::fs::write(dir.path().join("rwmi-recorded/clock"), "10\n").unwrap();
        std::fs::write(dir.path().join("rwmi-recorded/statvfs"), "# path\n/ 4096 10 5 255\n/bad 1 2\n").unwrap();
        std::fs::write(dir.path().join("rwmi-recorded/times"), "/ 7 -\n").unwrap();
        assert_eq!(machine.now_micros(), 10_000_000);
        let space = Space { block_size: 4096, blocks: 10, blocks_available: 5, name_len_max: 255 };
        assert_eq!(machine.space("/", false).await, Some(space));
        assert_eq!(machine.space("/bad", false).await, None);
        assert_eq!(machine.times("/"), FileTimes { modified: Some(7), born: None });
    }

    #[test]
    fn a_root_that_is_not_there_is_an_error() {
        assert!(Machine::open(Source::at("/does/not/exist")).is_err());
    }

    #[test]
    fn a_directory_lists_sorted_names_and_a_missing_one_none() {
        let (_dir, machine) = tree();
        assert_eq!(machine.list("/etc"), ["name"]);
        assert_eq!(machine.try_list("/absent"), None);
        assert_eq!(machine.read_at_most("/etc/name", 3), Some(b" lx".to_vec()));
    }
}
