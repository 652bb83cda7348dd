//! LogFileEventConsumer: lines in files below one directory.
//!
//! The directory is the configuration's. Everything below it is opened without following symbolic links and without a way out
//! (`openat2` with `RESOLVE_BENEATH`), and only regular files with one name are written.

use rustix::fs::{FileType, Mode, OFlags, RenameFlags, ResolveFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Longest name of a file that a consumer may give.
const NAME_MAX: usize = 1024;
/// Most names of a directory that are looked at for backups.
const LIST_MAX: usize = 100_000;

/// Why a line is not written.
#[derive(Debug, thiserror::Error)]
pub(super) enum LogError {
    /// The name leads out of the directory, or is none.
    #[error("{name:?} is no file below {}", directory.display())]
    Outside { name: String, directory: PathBuf },
    /// The system refuses.
    #[error("cannot write {name}, caused by {source}")]
    Io {
        name: String,
        #[source]
        source: io::Error,
    },
    /// Something else than a file of its own lies there.
    #[error("{name} is no regular file with one name")]
    NoFile { name: String },
    /// All numbers from 001 to 999 are in use.
    #[error("there is no number left for a backup of {name}")]
    NoNumber { name: String },
}

/// The directory.
#[derive(Debug)]
pub(super) struct LogDirectory {
    path: PathBuf,
    /// One writer at a time: a file is looked at, moved and written.
    turn: Mutex<()>,
}

/// A line to be written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    /// As the consumer gives it: below the directory, or from the root and then in the directory.
    pub(super) name: &'a str,
    pub(super) text: &'a str,
    /// UTF-16 with a byte order mark, where the file is new; an existing one stays what it is.
    pub(super) unicode: bool,
    /// A file with more octets than this is moved away first; 0 is no limit.
    pub(super) size_max: u64,
}

impl LogDirectory {
    pub(super) fn new(path: impl Into<PathBuf>) -> LogDirectory {
        LogDirectory { path: path.into(), turn: Mutex::new(()) }
    }

    /// Writes a line at the end of its file, which is made where it is not there; its directory is not. Blocks.
    pub(super) fn append(&self, line: Line<'_>) -> Result<(), LogError> {
        let io = |e: Errno| LogError::Io { name: line.name.to_owned(), source: e.into() };
        let (parent, name) = self.place(line.name)?;
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(&self.path, flags, Mode::empty()).map_err(io)?;
        let directory = match parent {
            "" => root,
            parent => open_below(&root, parent, flags).map_err(io)?,
        };
        let mut file = self.open(&directory, name, line)?;
        if line.size_max > 0 && file.size > line.size_max {
            self.move_away(&directory, name, line)?;
            file = self.open(&directory, name, line)?;
        }
        let mut octets = Vec::with_capacity(line.text.len() + 3);
        if file.unicode {
            if file.size == 0 {
                octets.extend_from_slice(&BYTE_ORDER_MARK);
            }
            octets.extend(line.text.encode_utf16().chain([u16::from(b'\n')]).flat_map(u16::to_le_bytes));
        } else {
            octets.extend_from_slice(line.text.as_bytes());
            octets.push(b'\n');
        }
        file.file.write_all(&octets).map_err(|source| LogError::Io { name: line.name.to_owned(), source })
    }

    /// Directory and name of a file, both below ours.
    fn place<'a>(&self, given: &'a str) -> Result<(&'a str, &'a str), LogError> {
        let outside = || LogError::Outside { name: given.to_owned(), directory: self.path.clone() };
        let relative = if given.starts_with('/') {
            Path::new(given).strip_prefix(&self.path).ok().and_then(Path::to_str).ok_or_else(outside)?
        } else {
            given
        };
        let is_name = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains(['\\', '\0', ':']);
        // A backslash or a colon is meant for a computer that is not this one.
        if relative.len() > NAME_MAX || !relative.split('/').all(is_name) {
            return Err(outside());
        }
        Ok(relative.rsplit_once('/').unwrap_or(("", relative)))
    }

    fn open(&self, directory: &OwnedFd, name: &str, line: Line<'_>) -> Result<Opened, LogError> {
        let io = |source: io::Error| LogError::Io { name: line.name.to_owned(), source };
        // NONBLOCK: a pipe in the place of a file must not hold us.
        let flags = OFlags::RDWR | OFlags::APPEND | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = open_below(directory, name, flags).map_err(|e| io(e.into()))?;
        let stat = rustix::fs::fstat(&file).map_err(|e| io(e.into()))?;
        // A second name would be a file of somebody else.
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile || stat.st_nlink != 1 {
            return Err(LogError::NoFile { name: line.name.to_owned() });
        }
        let file = File::from(file);
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        let unicode = if size == 0 {
            line.unicode
        } else {
            let mut start = Vec::new();
            Read::by_ref(&mut &file).take(2).read_to_end(&mut start).map_err(io)?;
            start == BYTE_ORDER_MARK
        };
        Ok(Opened { file, size, unicode })
    }

    fn move_away(&self, directory: &OwnedFd, name: &str, line: Line<'_>) -> Result<(), LogError> {
        let io = |e: Errno| LogError::Io { name: line.name.to_owned(), source: e.into() };
        let stem = backup_stem(name);
        let listed = open_below(directory, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC).map_err(io)?;
        let names = rustix::fs::Dir::new(listed).map_err(io)?.flatten().take(LIST_MAX);
        let used: Vec<u16> = names.filter_map(|e| number_of(stem, e.file_name().to_str().ok()?)).collect();
        let number = next_number(&used).ok_or_else(|| LogError::NoNumber { name: line.name.to_owned() })?;
        let backup = format!("{stem}.{number:03}");
        rustix::fs::renameat_with(directory, name, directory, &backup, RenameFlags::NOREPLACE).map_err(io)
    }
}

struct Opened {
    file: File,
    size: u64,
    unicode: bool,
}

const BYTE_ORDER_MARK: [u8; 2] = [0xFF, 0xFE];

fn open_below(directory: &OwnedFd, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let mode = if flags.contains(OFlags::CREATE) { Mode::RUSR | Mode::WUSR | Mode::RGRP } else { Mode::empty() };
    rustix::fs::openat2(directory, path, flags, mode, resolve)
}

/// What the number of a backup stands behind: the name without its extension where it has the form 8.3, else all of it.
fn backup_stem(name: &str) -> &str {
    let (base, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    let is_short = (1..=8).contains(&base.chars().count()) && extension.chars().count() <= 3 && !base.contains(['.', ' ']);
    if is_short { base } else { name }
}

/// The number of a backup of this stem.
fn number_of(stem: &str, name: &str) -> Option<u16> {
    let digits = name.strip_prefix(stem)?.strip_prefix('.')?;
    (digits.len() == 3 && digits.bytes().all(|b| b.is_ascii_digit())).then(|| digits.parse().ok()).flatten()
}

/// One more than the largest; once 999 is reached, the smallest that is free.
fn next_number(used: &[u16]) -> Option<u16> {
    let next = used.iter().max().map_or(1, |n| n + 1);
    if next <= 999 { Some(next) } else { (1..=999).find(|n| !used.contains(n)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn line(name: &str, text: &'static str) -> Line<'static> {
        Line { name: name.to_owned().leak(), text, unicode: false, size_max: 0 }
    }

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn lines_are_put_behind_each_other() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("sub")).unwrap();
        let log = LogDirectory::new(dir.path());
        log.append(line("a.log", "one")).unwrap();
        log.append(line(dir.path().join("a.log").to_str().unwrap(), "two")).unwrap();
        log.append(line("sub/b.log", "ü")).unwrap();
        assert_eq!(std::fs::read(dir.path().join("a.log")).unwrap(), b"one\ntwo\n");
        assert_eq!(std::fs::read_to_string(dir.path().join("sub/b.log")).unwrap(), "ü\n");
    }

    #[test]
    fn nothing_is_written_outside() {
        let dir = tempfile::tempdir().unwrap();
        let inside = dir.path().join("inside");
        std::fs::create_dir(&inside).unwrap();
        std::fs::write(dir.path().join("victim"), "").unwrap();
        symlink("../victim", inside.join("link")).unwrap();
        symlink("..", inside.join("up")).unwrap();
        std::fs::hard_link(dir.path().join("victim"), inside.join("hard")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, inside.join("pipe"), Mode::RWXU).unwrap();
        let log = LogDirectory::new(&inside);
        let victim = dir.path().join("victim").to_str().unwrap().to_owned();
        let names =
            ["../victim", "link", "up/victim", "hard", "pipe", &victim, "", "/", ".", "a/", "a//b", r"C:\a", r"a\b", "a\0b", "no/dir"];
        for name in names {
            assert!(log.append(line(name, "x")).is_err(), "{name:?}");
        }
        // A directory that only begins like ours is another.
        assert!(log.append(line(&format!("{}2/a", inside.display()), "x")).is_err());
        assert!(log.append(line(&"n".repeat(2000), "x")).is_err());
        assert_eq!(std::fs::read(dir.path().join("victim")).unwrap(), b"");
    }

    #[test]
    fn a_file_stays_what_it_is_and_a_new_one_is_what_is_asked() {
        let dir = tempfile::tempdir().unwrap();
        let log = LogDirectory::new(dir.path());
        let unicode = |name, text| Line { unicode: true, ..line(name, text) };
        log.append(unicode("u.log", "ä€")).unwrap();
        log.append(line("u.log", "b")).unwrap();
        let expect: Vec<u8> = [BYTE_ORDER_MARK.to_vec(), "ä€\nb\n".encode_utf16().flat_map(u16::to_le_bytes).collect()].concat();
        assert_eq!(std::fs::read(dir.path().join("u.log")).unwrap(), expect);
        log.append(line("m.log", "a")).unwrap();
        log.append(unicode("m.log", "b")).unwrap();
        assert_eq!(std::fs::read(dir.path().join("m.log")).unwrap(), b"a\nb\n");
    }

    #[test]
    fn a_file_that_is_too_large_is_moved_before_the_next_line() {
        let dir = tempfile::tempdir().unwrap();
        let log = LogDirectory::new(dir.path());
        let small = |name, text| Line { size_max: 4, ..line(name, text) };
        // Four octets are not more than four.
        for text in ["123", "4", "5", "6"] {
            log.append(small("events.log", text)).unwrap();
        }
        assert_eq!(names(dir.path()), ["events.001", "events.log"]);
        assert_eq!(std::fs::read(dir.path().join("events.001")).unwrap(), b"123\n4\n");
        assert_eq!(std::fs::read(dir.path().join("events.log")).unwrap(), b"5\n6\n");
        log.append(small("a longer name.log", "123456")).unwrap();
        log.append(small("a longer name.log", "7")).unwrap();
        assert!(names(dir.path()).contains(&"a longer name.log.001".to_owned()));
    }

    #[test]
    fn backups_are_numbered_upwards() {
        for (name, stem) in [
            ("events.log", "events"),
            ("events", "events"),
            ("12345678.txt", "12345678"),
            ("123456789.txt", "123456789.txt"),
            ("a.html", "a.html"),
            ("a.b.log", "a.b.log"),
            (".log", ".log"),
        ] {
            assert_eq!(backup_stem(name), stem, "{name}");
        }
        for (name, number) in [("e.001", Some(1)), ("e.999", Some(999)), ("e.01", None), ("e.log", None), ("ee.001", None), ("e.+01", None)]
        {
            assert_eq!(number_of("e", name), number, "{name}");
        }
        for (used, next) in [(vec![], Some(1)), (vec![1, 7], Some(8)), (vec![1, 999], Some(2)), ((1..=999).collect(), None)] {
            assert_eq!(next_number(&used), next);
        }
    }
}
