//! The command `rwmi`.

mod args;
mod format;
mod password;

fn main() {}
