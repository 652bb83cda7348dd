//! What must hold for any octets whatever: one function for each fuzz target, which panics where a law breaks.
//!
//! The targets in `fuzz/` call these, and so do plain tests with every file of the corpora. What each holds to is said at
//! the function; that nothing panics, runs for long or asks for much memory holds for all.
//!
//! ```
//! rwmi_oracles::wql(b"SELECT * FROM Win32_Process WHERE Name LIKE 'a%'");
//! assert_eq!(rwmi_oracles::TARGETS.len(), 11);
//! ```

mod auth;
mod datetime;
mod input;
mod machines;
mod mof;
mod ndr;
mod object_array;
mod object_path;
mod pdu;
mod seeds;
mod services;
mod wmio;
mod wql;

pub use auth::auth;
pub use datetime::datetime;
pub use machines::machines;
pub use mof::mof;
pub use ndr::{ndr, shapes_by_number};
pub use object_array::object_array;
pub use object_path::object_path;
pub use pdu::pdu;
pub use seeds::seeds;
pub use services::services;
pub use wmio::wmio;
pub use wql::wql;

/// A target's name, which is that of its directories in `fuzz/`, and its function.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[Target] = &[
    ("pdu", pdu),
    ("machines", machines),
    ("ndr", ndr),
    ("auth", auth),
    ("wmio", wmio),
    ("object_array", object_array),
    ("wql", wql),
    ("mof", mof),
    ("object_path", object_path),
    ("datetime", datetime),
    ("services", services),
];
