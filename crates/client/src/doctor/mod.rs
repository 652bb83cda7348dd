//! Why a connection fails: the way to a row, walked one stage at a time, with what was seen and what to change.
//!
//! ```no_run
//! use rwmi_client::doctor::{Examination, Outcome};
//! use rwmi_client::{Client, Credentials};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let builder = Client::builder("srv01").credentials(Credentials::new(r"CORP\alice", "password")?);
//! let mut walk = builder.examine(Examination::default())?;
//! while let Some(check) = walk.next().await {
//!     println!("{} {:?} {:?}", check.stage, check.outcome, check.took);
//!     for advice in &check.advice {
//!         println!("  {}: {}", advice.cause.code(), advice.text);
//!     }
//! }
//! walk.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! Advice says no more than what was seen: what a stage shows for certain is [`Advice::is_certain`]; where one answer has
//! several causes each of them is named as a possible one.

mod advice;
mod cause;
mod script;
mod thin;
mod walk;

pub use advice::Advice;
pub use cause::{Cause, Caution, Command, Place};
pub use script::{System, fix_script};
pub use walk::Walk;

use crate::{ClientBuilder, Error};
use std::fmt;
use std::time::Duration;

/// A stage of the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// The name has addresses.
    Name,
    /// The endpoint mapper's port answers.
    Port,
    /// The resolver tells its version, its addresses and its ways to authenticate.
    Resolver,
    /// The account is let in.
    Authentication,
    /// The login object is made.
    Activation,
    /// The port of the objects answers.
    ObjectPort,
    /// The namespace lets the account in.
    Login,
    /// A query brings its rows.
    Query,
    /// The classes that filtered accounts see less of are whole.
    Data,
}

impl Stage {
    /// All of them, in their order.
    pub const ALL: [Stage; 9] = [
        Stage::Name,
        Stage::Port,
        Stage::Resolver,
        Stage::Authentication,
        Stage::Activation,
        Stage::ObjectPort,
        Stage::Login,
        Stage::Query,
        Stage::Data,
    ];

    /// A word for programs.
    pub fn code(self) -> &'static str {
        match self {
            Stage::Name => "name",
            Stage::Port => "port",
            Stage::Resolver => "resolver",
            Stage::Authentication => "authentication",
            Stage::Activation => "activation",
            Stage::ObjectPort => "object-port",
            Stage::Login => "login",
            Stage::Query => "query",
            Stage::Data => "data",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Stage::ObjectPort => "object port",
            other => other.code(),
        })
    }
}

/// How a stage ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// As it should.
    Passed,
    /// The way goes on, and something is not as it should be.
    Warned,
    /// The way ends here.
    Failed,
}

impl Outcome {
    /// A word for programs.
    pub fn code(self) -> &'static str {
        match self {
            Outcome::Passed => "passed",
            Outcome::Warned => "warned",
            Outcome::Failed => "failed",
        }
    }
}

/// Something that a stage saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// What it is about: `address`, `port`, `offers`, `mechanism`, `version`, `listed`, `level`, `namespace`, `class`, `system`, `clock`, ...
    pub about: &'static str,
    /// Which one: an address, a mechanism, a class.
    pub which: String,
    /// What was seen; empty where there is no more to say.
    pub seen: String,
    /// How long it took, where that was measured.
    pub took: Option<Duration>,
}

impl Fact {
    pub(crate) fn new(about: &'static str, which: impl Into<String>, seen: impl Into<String>) -> Fact {
        Fact { about, which: which.into(), seen: seen.into(), took: None }
    }
}

/// One stage, examined.
#[derive(Debug, Clone)]
pub struct Check {
    /// Which.
    pub stage: Stage,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took.
    pub took: Duration,
    /// What it saw.
    pub facts: Vec<Fact>,
    /// What failed.
    pub error: Option<Error>,
    /// What to do, the likeliest first.
    pub advice: Vec<Advice>,
}

/// What to examine.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Examination {
    /// The namespace to log in to: `root\cimv2`.
    pub namespace: String,
    /// The query; without one the operating system is asked for in `root\cimv2`, and elsewhere the namespaces below.
    pub query: Option<String>,
    /// Whether the login is tried at the other levels too, once it has succeeded: on. Each is a connection of its own.
    pub levels: bool,
    /// Whether the classes are looked at of which filtered accounts see less: on.
    pub data: bool,
}

impl Default for Examination {
    fn default() -> Self {
        Examination { namespace: r"root\cimv2".into(), query: None, levels: true, data: true }
    }
}

/// Whom commands are for: what they name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Patient {
    /// The computer, as the caller named it.
    pub host: String,
    /// The account, with its domain; none for this computer.
    pub account: Option<String>,
    /// The namespace.
    pub namespace: String,
    /// The port of the endpoint mapper.
    pub endpoint_port: u16,
    /// The port of the objects, where it is known.
    pub object_port: Option<u16>,
}

impl ClientBuilder {
    /// Examines the way to the computer in place of connecting: each call of [`Walk::next`] goes one stage further. The limits
    /// of time are those of connecting; the one for the whole is for the whole examination, from here on.
    ///
    /// # Errors
    /// What the caller got wrong; nothing was sent.
    pub fn examine(self, examination: Examination) -> Result<Walk, Error> {
        let plain = self.is_plain();
        let way = self.way()?;
        Walk::new(way, plain, examination)
    }
}
