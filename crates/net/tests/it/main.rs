//! Both drivers against each other, with NTLM, over TCP and in memory.

mod calls;
mod clocks;
mod ends;
mod support;
