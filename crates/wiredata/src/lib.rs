//! Recorded wire data for tests: where it lies, what is there, and how to read it.
//!
//! A tree of recorded octets is found by [`Tree::locate`] and walked by [`Kind`]; what a file is, its name says, wherever it
//! lies. Captures are joined to TCP streams by [`capture::streams`] and cut into RPC PDUs by [`capture::Stream::pdus`]; manifests
//! and keys are read by [`manifest`] and [`keys`], and belong to a capture by what they say and not by where they lie. A test
//! counts what it did with a [`Tally`].
//!
//! ```no_run
//! use rwmi_wiredata::{Kind, Tally, Tree};
//!
//! // #[test]
//! fn wire_data_pdus_read_back() {
//!     let Some(tree) = Tree::locate() else { return };
//!     let mut tally = Tally::of(Kind::Pdu);
//!     for path in tree.files(Kind::Pdu) {
//!         tally.case(tree.short(&path), || assert!(rwmi_wiredata::read(&path).unwrap().len() >= 16));
//!     }
//!     tally.finish(&tree);
//! }
//! ```
//!
//! For tests only: it may panic, and trusts what it reads no more than to end with an error.

pub mod capture;
pub mod keys;
pub mod manifest;
mod tally;
mod tree;

pub use tally::{Outcome, Tally};
pub use tree::{Kind, Tree};

/// Why recorded data could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file system's answer.
    #[error("cannot read {0}, caused by {1}")]
    Io(String, #[source] std::io::Error),
    /// The file is not what its name says.
    #[error("{0}: {1}")]
    Malformed(String, String),
}

/// The octets of a file.
pub fn read(path: &std::path::Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|error| Error::Io(path.display().to_string(), error))
}

/// The octets of a file of hex digits with any white space between them.
pub fn read_hex(path: &std::path::Path) -> Result<Vec<u8>, Error> {
    let text = read(path)?;
    hex(&text).ok_or_else(|| Error::Malformed(path.display().to_string(), "not hex".into()))
}

/// The octets of hex digits with any white space between them; none when something else is there or a digit is left over.
pub fn hex(text: &[u8]) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .iter()
        .filter(|letter| !letter.is_ascii_whitespace())
        .map(|letter| char::from(*letter).to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    let (pairs, []) = digits.as_deref()?.as_chunks::<2>() else { return None };
    Some(pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

#[cfg(test)]
mod tests {
    #[test]
    fn hex_is_pairs_of_digits_and_white_space() {
        assert_eq!(super::hex(b"00 fF\n1 2"), Some(vec![0, 0xff, 0x12]));
        assert_eq!(super::hex(b""), Some(vec![]));
        assert_eq!(super::hex(b"0"), None);
        assert_eq!(super::hex(b"0g"), None);
    }
}
