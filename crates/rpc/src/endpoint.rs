//! What a server connection asks of whoever it works for.

use crate::{CallContext, DispatchFuture, SyntaxId};
use bytes::Bytes;
use rwmi_auth::{AuthLevel, AuthType, SecurityContext};

/// What is behind a listening port: which interfaces, who may call, and the calls themselves.
///
/// One endpoint serves all connections of its port at the same time.
pub trait Endpoint: Send + Sync + 'static {
    /// Whether a presentation context for this interface is accepted.
    fn accepts(&self, interface: &SyntaxId) -> bool;

    /// A fresh acceptor; `None` where the mechanism is not offered.
    fn acceptor(&self, auth_type: AuthType) -> Option<Box<dyn SecurityContext>>;

    /// The level below which a call is refused with fault 5 before anybody sees its arguments.
    ///
    /// `interface` is that of the presentation context. Clients send calls of other interfaces on it, so an endpoint that
    /// routes by object says the lowest level of all, and looks at [`CallContext::level`] where it must be higher.
    fn minimum_level(&self, interface: &SyntaxId, opnum: u16) -> AuthLevel;

    /// Serves one call. Dropping the future cancels it.
    fn dispatch<'a>(&'a self, cx: &'a CallContext, interface: SyntaxId, opnum: u16, stub: Bytes) -> DispatchFuture<'a>;

    /// A connection is gone, with its number. Its calls have been dropped.
    fn closed(&self, _connection: u64) {}
}
