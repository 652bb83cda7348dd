//! Why a call gave nothing.

use crate::activation::ActivationError;
use crate::{ComVersion, ErrorInfo, RandomError};
use rwmi_ndr::{DecodeError, HResult, Win32Error};
use rwmi_rpc::{CallError, ChannelError};
use std::fmt;

/// A status with the space it comes from: the spaces overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// What a method of an object returned; WBEM statuses are among them.
    HResult(HResult),
    /// What the resolver returned.
    Win32(Win32Error),
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Status::HResult(code) => code.fmt(f),
            Status::Win32(code) => code.fmt(f),
        }
    }
}

/// Why a call gave nothing. Every variant that a method caused names it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No reply came, or a fault.
    #[error("{method}: {source}")]
    Channel {
        /// Interface and method.
        method: &'static str,
        /// Why not.
        #[source]
        source: ChannelError,
    },
    /// The reply is not well-formed.
    #[error("{method}: malformed reply, caused by {source}")]
    Malformed {
        /// Interface and method.
        method: &'static str,
        /// What is wrong with it.
        #[source]
        source: DecodeError,
    },
    /// A well-formed no.
    #[error("{method} returned {status}")]
    Refused {
        /// Interface and method.
        method: &'static str,
        /// What it returned.
        status: Status,
        /// The server's words, if it sent some.
        info: Option<Box<ErrorInfo>>,
    },
    /// The reply of an activation is of no use.
    #[error("{method}: {source}")]
    Activation {
        /// Interface and method.
        method: &'static str,
        /// Why not.
        #[source]
        source: ActivationError,
    },
    /// The server speaks another COM.
    #[error("the server speaks COM {0}, this program speaks {ours}", ours = ComVersion::V5_7)]
    Version(ComVersion),
    /// No unguessable id.
    #[error(transparent)]
    Random(#[from] RandomError),
}

impl From<CallError> for Error {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Channel { method, source } => Error::Channel { method, source },
            CallError::Decode { method, source } => Error::Malformed { method, source },
        }
    }
}

impl Error {
    /// The HRESULT that a method returned, if that is what happened.
    pub fn hresult(&self) -> Option<HResult> {
        match self {
            Error::Refused { status: Status::HResult(code), .. } => Some(*code),
            _ => None,
        }
    }
}
