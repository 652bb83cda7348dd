//! Connection-oriented DCE/RPC without sockets ([MS-RPCE], [C706]).
//!
//! An interface is declared once, with [`interface!`]; the declaration gives the client's calls and the server's dispatch.

mod interface;

#[doc(hidden)]
pub use bytes::Bytes;
pub use interface::{CallContext, CallError, Channel, ChannelError, Dispatch, DispatchFuture, Interface, Method, SyntaxId, call};
#[doc(hidden)]
pub use rwmi_ndr as __ndr;
