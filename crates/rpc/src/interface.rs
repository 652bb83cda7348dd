//! Interfaces, declared once for both ends.

use crate::pdu::{BindRejection, ContextResult};
use bytes::Bytes;
use rwmi_auth::{AuthError, AuthLevel, Identity};
use rwmi_ndr::{self as ndr, Decode, Encode, FaultStatus, Guid, Limits, Reader, Writer};
use std::{fmt, future::Future, net::SocketAddr, pin::Pin, sync::Arc, time::Duration};

/// The identity of an interface, as it is negotiated in a presentation context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SyntaxId {
    /// Its UUID.
    pub uuid: Guid,
    /// Major version.
    pub major: u16,
    /// Minor version.
    pub minor: u16,
}

impl SyntaxId {
    /// Whether a server of this interface can serve a client that asks for `asked`: same interface and major version, no
    /// newer minor version (C706 6.1.2).
    pub fn serves(&self, asked: &SyntaxId) -> bool {
        self.uuid == asked.uuid && self.major == asked.major && asked.minor <= self.minor
    }
}

impl fmt::Display for SyntaxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} v{}.{}", self.uuid, self.major, self.minor)
    }
}

/// An interface, declared by [`interface!`](crate::interface).
pub trait Interface: 'static {
    /// Its name in the specification.
    const NAME: &'static str;
    /// Its identity on the wire.
    const SYNTAX: SyntaxId;
}

/// One method of an interface: the request is the type, the reply is `Self::Reply`.
pub trait Method: Encode + Decode + Send {
    /// The interface it belongs to.
    type Interface: Interface;
    /// What it gives back.
    type Reply: Encode + Decode + Send;
    /// Its number on the wire.
    const OPNUM: u16;
    /// Interface and method, for people.
    const NAME: &'static str;
}

/// Why no reply came.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// The server answered with a fault.
    #[error("fault {0}")]
    Fault(FaultStatus),
    /// The connection is gone, at once or under the call.
    #[error("connection closed")]
    Closed,
    /// The request was sent and nothing came.
    #[error("no answer in {0:?}")]
    TimedOut(Duration),
    /// The server was reached, and did not finish bind and authentication.
    #[error("no answer to bind or authentication in {0:?}")]
    HandshakeTimedOut(Duration),
    /// The host's name has no address.
    #[error("{host} has no address: {why}")]
    Resolve {
        /// The name.
        host: String,
        /// What the resolver said.
        why: String,
    },
    /// The server was not reached.
    #[error("cannot connect to {at}: {why}")]
    Connect {
        /// Host and port.
        at: String,
        /// What went wrong.
        why: ConnectFailure,
    },
    /// The server refused the connection by a bind_nak.
    #[error("bind refused: {0}")]
    BindRefused(BindRejection),
    /// The server refused the interface.
    #[error("interface {interface}: {result}")]
    Rejected {
        /// The interface.
        interface: SyntaxId,
        /// How it was refused.
        result: ContextResult,
    },
    /// This end could not authenticate the server, or a signature did not match.
    #[error("authentication failed: {0}")]
    Auth(AuthError),
    /// The server refused the authentication by a fault.
    #[error("authentication refused: fault {0}")]
    AuthRefused(FaultStatus),
    /// The server said something that cannot be.
    #[error("{0}")]
    Protocol(String),
}

/// Why a server was not reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectFailure {
    /// Nobody listens on the port, or a firewall says so.
    #[error("connection refused")]
    Refused,
    /// No way to the host or its network.
    #[error("unreachable: {0}")]
    Unreachable(String),
    /// No answer at all.
    #[error("no answer in {0:?}")]
    TimedOut(Duration),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

/// Why a call of a method gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The channel did not bring a reply.
    #[error("{method}: {source}")]
    Channel {
        /// Interface and method.
        method: &'static str,
        /// Why not.
        #[source]
        source: ChannelError,
    },
    /// The reply could not be read.
    #[error("{method}: {source}")]
    Decode {
        /// Interface and method.
        method: &'static str,
        /// Why not.
        #[source]
        source: ndr::DecodeError,
    },
}

/// What carries a call: implemented by the tokio driver, by replayed transcripts and by an in-process server.
pub trait Channel: Send + Sync {
    /// Makes one call, and gives the stub of its response.
    fn call_raw(
        &self,
        iface: SyntaxId,
        object: Option<Guid>,
        opnum: u16,
        stub: Bytes,
    ) -> impl Future<Output = Result<Bytes, ChannelError>> + Send;
}

impl<C: Channel> Channel for &C {
    fn call_raw(
        &self,
        iface: SyntaxId,
        object: Option<Guid>,
        opnum: u16,
        stub: Bytes,
    ) -> impl Future<Output = Result<Bytes, ChannelError>> + Send {
        C::call_raw(self, iface, object, opnum, stub)
    }
}

impl<C: Channel> Channel for Arc<C> {
    fn call_raw(
        &self,
        iface: SyntaxId,
        object: Option<Guid>,
        opnum: u16,
        stub: Bytes,
    ) -> impl Future<Output = Result<Bytes, ChannelError>> + Send {
        C::call_raw(self, iface, object, opnum, stub)
    }
}

/// Calls a method of a plain RPC interface. ORPC calls go through the layer above, which adds its headers.
pub async fn call<C: Channel, M: Method>(ch: &C, object: Option<Guid>, m: &M) -> Result<M::Reply, CallError> {
    let mut w = Writer::default();
    m.encode(&mut w);
    let stub = ch
        .call_raw(M::Interface::SYNTAX, object, M::OPNUM, w.finish())
        .await
        .map_err(|source| CallError::Channel { method: M::NAME, source })?;
    M::Reply::decode(&mut Reader::new(stub, Limits::default())).map_err(|source| CallError::Decode { method: M::NAME, source })
}

/// What a server knows of the caller of one call.
#[derive(Debug, Clone)]
pub struct CallContext {
    /// The object UUID of the request: the IPID in ORPC.
    pub object: Option<Guid>,
    /// Who calls; `None` for an anonymous caller. Comes from the request's own security context.
    pub caller: Option<Arc<Identity>>,
    /// How the request was protected.
    pub level: AuthLevel,
    /// Where the caller connects from.
    pub peer: SocketAddr,
    /// The address of ours that it connected to.
    pub local: SocketAddr,
    /// A number that is this connection's alone as long as the process lives.
    pub connection: u64,
}

/// The stub of a response, or the status of a fault.
pub type DispatchFuture<'a> = Pin<Box<dyn Future<Output = Result<Bytes, FaultStatus>> + Send + 'a>>;

/// The server end of an interface, with its type erased. Dropping the future cancels the call.
pub trait Dispatch: Send + Sync {
    /// Serves one call.
    fn dispatch<'a>(&'a self, cx: &'a CallContext, opnum: u16, stub: Bytes) -> DispatchFuture<'a>;
}

/// Declares an RPC interface once; both ends come from it.
#[macro_export]
macro_rules! interface {
    (
        $(#[$im:meta])*
        $vis:vis interface $iface:ident = $uuid:expr, version $major:literal;
        serve $server:ident;
        $( $(#[$mm:meta])* $opnum:literal $method:ident = $Req:ident { $( $a:ident : $at:ty ),* $(,)? } -> $Rep:ident { $( $r:ident : $rt:ty ),* $(,)? } )*
    ) => {
        $(#[$im])* #[derive(Debug, Clone, Copy)] $vis enum $iface {}
        impl $crate::Interface for $iface {
            const NAME: &'static str = stringify!($iface);
            const SYNTAX: $crate::SyntaxId = $crate::SyntaxId { uuid: $uuid, major: $major, minor: 0 };
        }
        $(
            $crate::__ndr::ndr_params! { $(#[$mm])* $vis struct $Req { $(
                #[doc = concat!("`", stringify!($a), "`.")]
                pub $a: $at
            ),* } }
            $crate::__ndr::ndr_params! {
                #[doc = concat!("What `", stringify!($method), "` gives back.")]
                $vis struct $Rep { $(
                    #[doc = concat!("`", stringify!($r), "`.")]
                    pub $r: $rt
                ),* }
            }
            impl $crate::Method for $Req {
                type Interface = $iface;
                type Reply = $Rep;
                const OPNUM: u16 = $opnum;
                const NAME: &'static str = concat!(stringify!($iface), "::", stringify!($method));
            }
        )*
        #[doc = concat!("The server end of [`", stringify!($iface), "`].")]
        $vis trait $server: Send + Sync + 'static {
            $( $(#[$mm])* fn $method(&self, cx: &$crate::CallContext, req: $Req) -> impl ::std::future::Future<Output = ::std::result::Result<$Rep, $crate::__ndr::FaultStatus>> + Send; )*
        }
        impl $iface {
            /// Wraps an implementation so that an endpoint can route opnums to it.
            $vis fn serve<T: $server>(object: T) -> std::sync::Arc<dyn $crate::Dispatch> {
                struct Served<T>(T);
                impl<T: $server> $crate::Dispatch for Served<T> {
                    fn dispatch<'a>(&'a self, cx: &'a $crate::CallContext, opnum: u16, stub: $crate::Bytes) -> $crate::DispatchFuture<'a> {
                        Box::pin(async move {
                            let mut r = $crate::__ndr::Reader::new(stub, $crate::__ndr::Limits::default());
                            let mut w = $crate::__ndr::Writer::default();
                            match opnum {
                                $( $opnum => {
                                    let req = <$Req as $crate::__ndr::Decode>::decode(&mut r).map_err(|_| $crate::__ndr::FaultStatus::RPC_X_BAD_STUB_DATA)?;
                                    $crate::__ndr::Encode::encode(&self.0.$method(cx, req).await?, &mut w);
                                } )*
                                _ => return Err($crate::__ndr::FaultStatus::NCA_S_OP_RNG_ERROR),
                            }
                            Ok(w.finish())
                        })
                    }
                }
                std::sync::Arc::new(Served(object))
            }
        }
    };
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::sync::Arc;

    crate::interface! {
        /// [MS-DCOM] 3.1.2.5.1 IObjectExporter.
        interface IObjectExporter = rwmi_ndr::guid!("99fcfec4-5260-101b-bbcb-00aa0021347a"), version 0;
        serve ObjectExporterServer;
        /// [MS-DCOM] 3.1.2.5.1.2.
        1 simple_ping = SimplePing { set_id: u64 } -> SimplePingReply { status: u32 }
        /// [MS-DCOM] 3.1.2.5.1.4.
        3 server_alive = ServerAlive {} -> ServerAliveReply { status: u32 }
    }

    struct Resolver;
    impl ObjectExporterServer for Resolver {
        async fn simple_ping(&self, _: &CallContext, req: SimplePing) -> Result<SimplePingReply, FaultStatus> {
            Ok(SimplePingReply { status: (req.set_id == 0) as u32 })
        }
        async fn server_alive(&self, _: &CallContext, _: ServerAlive) -> Result<ServerAliveReply, FaultStatus> {
            Ok(ServerAliveReply { status: 0 })
        }
    }
    /// An in-process channel: the client end talks to the server end with real stub octets and no socket.
    pub(crate) struct Local(pub(crate) Arc<dyn Dispatch>);
    impl Channel for Local {
        async fn call_raw(&self, _: SyntaxId, object: Option<Guid>, opnum: u16, stub: Bytes) -> Result<Bytes, ChannelError> {
            self.0.dispatch(&cx(object), opnum, stub).await.map_err(ChannelError::Fault)
        }
    }
    fn cx(object: Option<Guid>) -> CallContext {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        CallContext { object, caller: None, level: AuthLevel::None, peer: any, local: any, connection: 0 }
    }
    pub(crate) fn block_on<F: Future>(f: F) -> F::Output {
        let mut f = std::pin::pin!(f);
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        loop {
            if let std::task::Poll::Ready(v) = f.as_mut().poll(&mut cx) {
                return v;
            }
        }
    }
    #[test]
    fn declared_once_both_ends_agree() {
        let ch = Local(IObjectExporter::serve(Resolver));
        assert_eq!(block_on(call(&ch, None, &SimplePing { set_id: 0 })).unwrap().status, 1);
        assert_eq!(block_on(call(&ch, None, &SimplePing { set_id: 5 })).unwrap().status, 0);
        assert_eq!(block_on(call(&ch, None, &ServerAlive {})).unwrap().status, 0);
        assert_eq!(IObjectExporter::SYNTAX.uuid.0[..4], [0xc4, 0xfe, 0xfc, 0x99]);
        assert_eq!(SimplePing::OPNUM, 1);
        assert_eq!(SimplePing::NAME, "IObjectExporter::simple_ping");
    }
    #[test]
    fn unknown_opnum_and_short_stub_are_faults() {
        let ch = Local(IObjectExporter::serve(Resolver));
        let bad = block_on(ch.call_raw(IObjectExporter::SYNTAX, None, 9, Bytes::new()));
        assert_eq!(bad, Err(ChannelError::Fault(FaultStatus::NCA_S_OP_RNG_ERROR)));
        assert_eq!(
            block_on(ch.call_raw(IObjectExporter::SYNTAX, None, 1, Bytes::from_static(&[1, 2]))),
            Err(ChannelError::Fault(FaultStatus::RPC_X_BAD_STUB_DATA))
        );
    }
}
