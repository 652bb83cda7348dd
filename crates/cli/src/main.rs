//! The command `rwmi`.
fn main() {}
