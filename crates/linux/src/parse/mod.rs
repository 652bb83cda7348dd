//! Readers of the texts and tables that Linux keeps. Each takes octets or text, answers what it found, and skips what it
//! does not understand: a kernel adds fields, an administrator makes mistakes.

pub(crate) mod accounts;
pub(crate) mod cpu;
pub(crate) mod fields;
pub(crate) mod lease;
pub(crate) mod mounts;
pub(crate) mod net;
pub(crate) mod proc_event;
pub(crate) mod process;
pub(crate) mod smbios;
pub(crate) mod tz;
