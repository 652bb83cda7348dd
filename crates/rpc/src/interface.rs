//! Interfaces, declared once for both ends.

use bytes::Bytes;
use rwmi_auth::{AuthLevel, Identity};
use rwmi_ndr::{self as ndr, Decode, Encode, FaultStatus, Guid, Limits, Reader, Writer};
use std::{future::Future, net::SocketAddr, pin::Pin, sync::Arc};

/// The identity of an interface, as it is negotiated in a presentation context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyntaxId {
    pub uuid: Guid,
    pub major: u16,
    pub minor: u16,
}

pub trait Interface: 'static {
    const NAME: &'static str;
    const SYNTAX: SyntaxId;
}
/// One method of an interface: the request is the type, the reply is `Self::Reply`.
pub trait Method: Encode + Decode + Send {
    type Interface: Interface;
    type Reply: Encode + Decode + Send;
    const OPNUM: u16;
    const NAME: &'static str;
}

/// Why no reply came.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelError {
    #[error("fault {0}")]
    Fault(FaultStatus),
    #[error("connection closed")]
    Closed,
    #[error("no answer in {0:?}")]
    TimedOut(std::time::Duration),
}
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error("{method}: {source}")]
    Channel {
        method: &'static str,
        #[source]
        source: ChannelError,
    },
    #[error("{method}: {source}")]
    Decode {
        method: &'static str,
        #[source]
        source: ndr::DecodeError,
    },
}

/// What carries a call: implemented by the tokio driver, by replayed transcripts and by an in-process server.
pub trait Channel: Send + Sync {
    fn call_raw(
        &self,
        iface: SyntaxId,
        object: Option<Guid>,
        opnum: u16,
        stub: Bytes,
    ) -> impl Future<Output = Result<Bytes, ChannelError>> + Send;
}
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
mod tests {
    use super::*;
    use std::sync::Arc;

    crate::interface! {
        /// [MS-DCOM] 3.1.2.5.1 IObjectExporter.
        pub interface IObjectExporter = rwmi_ndr::guid!("99fcfec4-5260-101b-bbcb-00aa0021347a"), version 0;
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
    struct Local(Arc<dyn Dispatch>);
    impl Channel for Local {
        async fn call_raw(&self, _: SyntaxId, object: Option<Guid>, opnum: u16, stub: Bytes) -> Result<Bytes, ChannelError> {
            self.0.dispatch(&cx(object), opnum, stub).await.map_err(ChannelError::Fault)
        }
    }
    fn cx(object: Option<Guid>) -> CallContext {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        CallContext { object, caller: None, level: AuthLevel::None, peer: any, local: any, connection: 0 }
    }
    fn block_on<F: Future>(f: F) -> F::Output {
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
