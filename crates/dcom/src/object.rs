//! Interfaces of objects: ORPCTHIS, ORPCTHAT and the HRESULT are added here, so a declaration holds only what is its own.

use crate::{Cid, ComVersion, ErrorInfo, ExportError, ExportedObject, Exporter, Extents, Iid, InterfacePointer, Ipid, OrpcThat};
use bytes::Bytes;
use rwmi_ndr::{Encode, FaultStatus, HResult, Reader, Writer};
use rwmi_rpc::{CallContext, DispatchFuture};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Why a method refuses. Its out parameters are still encoded, as nulls and zeros.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}")]
pub struct Failure {
    /// What is returned.
    pub code: HResult,
    /// Words for it; sent only where the session asked for them.
    pub info: Option<Box<ErrorInfo>>,
}

impl From<HResult> for Failure {
    fn from(code: HResult) -> Self {
        Failure { code, info: None }
    }
}

impl Failure {
    /// A refusal with words.
    pub fn described(code: HResult, source: impl Into<String>, description: impl Into<String>) -> Self {
        let info = ErrorInfo { source: Some(source.into()), description: Some(description.into()), ..ErrorInfo::default() };
        Failure { code, info: Some(Box::new(info)) }
    }
}

/// What a method gives: its out parameters with the HRESULT, which may be a failure too, or nulls with a failure.
pub type Outcome<R> = Result<(R, HResult), Failure>;

/// The objects that come out of each other: from an activated one, those that its methods made, and so on.
#[derive(Debug, Default)]
pub struct OrpcSession {
    error_info: AtomicBool,
}

impl OrpcSession {
    /// From now on, failing calls on objects of the session carry error information.
    pub fn want_error_info(&self) {
        self.error_info.store(true, Ordering::Relaxed);
    }

    /// Whether it was asked for.
    pub fn wants_error_info(&self) -> bool {
        self.error_info.load(Ordering::Relaxed)
    }
}

/// What a method knows of the call it serves.
#[derive(Debug, Clone)]
pub struct ObjectContext {
    /// Caller, authentication level, connection and addresses.
    pub call: CallContext,
    /// Version of COM that the client speaks.
    pub version: ComVersion,
    /// The chain of calls that this one belongs to.
    pub cid: Cid,
    /// The interface that is called.
    pub ipid: Ipid,
    /// Extents of the request.
    pub extents: Option<Extents>,
    /// What the object and its relatives share.
    pub session: Arc<OrpcSession>,
    /// Where the object lives.
    pub exporter: Exporter,
}

impl ObjectContext {
    /// Exports an object that this call made: it belongs to the caller and to the session of the called object.
    pub fn export(&self, object: ExportedObject, iid: Iid) -> Result<InterfacePointer, ExportError> {
        self.exporter.export(&self.call, self.session.clone(), object, iid)
    }
}

/// The server end of one interface of an object, with its type erased.
pub trait ObjectDispatch: Send + Sync {
    /// The interface.
    fn iid(&self) -> Iid;

    /// Its name.
    fn name(&self) -> &'static str;

    /// Serves one call; `params` stands behind ORPCTHIS. Gives the whole stub of the response, ORPCTHAT in front.
    fn dispatch<'a>(&'a self, cx: &'a ObjectContext, opnum: u16, params: Reader) -> DispatchFuture<'a>;

    /// The stub of a response that refuses, with NULL out parameters.
    fn refuse(&self, cx: &ObjectContext, opnum: u16, failure: Failure) -> Result<Bytes, FaultStatus>;
}

/// The stub of a response. On failure the out parameters are still there: `nulls`.
pub fn encode_outcome<R: Encode>(cx: &ObjectContext, outcome: Outcome<R>, nulls: R) -> Bytes {
    let (reply, code, info) = match outcome {
        Ok((reply, code)) => (reply, code, None),
        Err(failure) => (nulls, failure.code, failure.info),
    };
    let extensions = info.filter(|_| cx.session.wants_error_info()).map(|i| Extents(vec![i.to_extent()]));
    let mut w = Writer::default();
    OrpcThat { flags: 0, extensions }.encode(&mut w);
    reply.encode(&mut w);
    code.encode(&mut w);
    w.finish()
}

/// Declares an interface of objects once; both ends come from it.
///
/// ```
/// use rwmi_dcom::{Outcome, ObjectContext, object_interface};
/// use rwmi_ndr::HResult;
///
/// object_interface! {
///     /// Counts.
///     pub interface ICounter = rwmi_ndr::guid!("00000000-1111-2222-3333-444444444444"), else HResult::E_NOTIMPL;
///     serve Counter;
///     /// Adds, and gives the sum.
///     3 add = Add { number: u32 } -> AddReply { sum: u32 }
///     /// Starts again.
///     4 clear = Clear {} -> ClearReply {} else(HResult::E_ABORT)
/// }
///
/// struct One;
/// impl Counter for One {
///     async fn add(&self, _: &ObjectContext, call: Add) -> Outcome<AddReply> {
///         Ok((AddReply { sum: call.number + 1 }, HResult::S_OK))
///     }
/// }
/// let served = ICounter::serve(std::sync::Arc::new(One));
/// assert_eq!(served.name(), "ICounter");
/// ```
///
/// It gives the interface type, a request and a reply type for each method, a server trait whose methods refuse
/// with the status behind `else` until they are written, and `serve`. Opnums that are not declared are a fault. Where the
/// out parameters of a failing call are not all nulls and zeros (an array says how long it is), `nulls(function)` makes
/// them from the request.
#[macro_export]
macro_rules! object_interface {
    (
        $(#[$im:meta])*
        $vis:vis interface $iface:ident = $uuid:expr, else $default:expr;
        serve $server:ident;
        $( $(#[$mm:meta])* $opnum:literal $method:ident = $Req:ident { $( $a:ident : $at:ty ),* $(,)? } -> $Rep:ident { $( $r:ident : $rt:ty ),* $(,)? } $(else($status:expr))? $(nulls($nulls:expr))? )*
    ) => {
        $(#[$im])*
        #[derive(Debug, Clone, Copy)]
        $vis enum $iface {}

        impl $crate::__rpc::Interface for $iface {
            const NAME: &'static str = stringify!($iface);
            const SYNTAX: $crate::__rpc::SyntaxId = $crate::__rpc::SyntaxId { uuid: $uuid, major: 0, minor: 0 };
        }

        $(
            $crate::__ndr::ndr_params! {
                $(#[$mm])*
                $vis struct $Req { $(
                    #[doc = concat!("`", stringify!($a), "`, in.")]
                    pub $a: $at
                ),* }
            }
            $crate::__ndr::ndr_params! {
                #[doc = concat!("What [`", stringify!($Req), "`] gives back.")]
                #[derive(Default)]
                $vis struct $Rep { $(
                    #[doc = concat!("`", stringify!($r), "`, out.")]
                    pub $r: $rt
                ),* }
            }
            impl $crate::__rpc::Method for $Req {
                type Interface = $iface;
                type Reply = $Rep;
                const OPNUM: u16 = $opnum;
                const NAME: &'static str = concat!(stringify!($iface), "::", stringify!($method));
            }
        )*

        #[doc = concat!("The server end of [`", stringify!($iface), "`].")]
        $vis trait $server: Send + Sync + 'static {
            $(
                $(#[$mm])*
                fn $method(&self, cx: &$crate::ObjectContext, call: $Req) -> impl ::std::future::Future<Output = $crate::Outcome<$Rep>> + Send {
                    let _ = (cx, call);
                    let status = $crate::__first!($($status,)? $default);
                    async move { Err($crate::Failure::from(status)) }
                }
            )*
        }

        impl $iface {
            /// Its id.
            $vis const IID: $crate::Iid = $crate::Iid($uuid);

            /// The server end for an object, to be exported.
            $vis fn serve<T: $server>(object: ::std::sync::Arc<T>) -> ::std::sync::Arc<dyn $crate::ObjectDispatch> {
                struct Served<T>(::std::sync::Arc<T>);
                impl<T: $server> $crate::ObjectDispatch for Served<T> {
                    fn iid(&self) -> $crate::Iid {
                        $iface::IID
                    }
                    fn name(&self) -> &'static str {
                        stringify!($iface)
                    }
                    fn dispatch<'a>(&'a self, cx: &'a $crate::ObjectContext, opnum: u16, params: $crate::__ndr::Reader) -> $crate::__rpc::DispatchFuture<'a> {
                        ::std::boxed::Box::pin(async move {
                            let mut params = params;
                            match opnum {
                                $( $opnum => {
                                    // Octets behind the last parameter are no error: clients send some ([MS-DCOM] 3.2.4.2).
                                    let call = <$Req as $crate::__ndr::Decode>::decode(&mut params)
                                        .map_err(|_| $crate::__ndr::FaultStatus::RPC_X_BAD_STUB_DATA)?;
                                    let nulls: $Rep = $crate::__first!($($nulls(&call),)? ::std::default::Default::default());
                                    let outcome = self.0.$method(cx, call).await;
                                    ::std::result::Result::Ok($crate::encode_outcome(cx, outcome, nulls))
                                } )*
                                _ => {
                                    let _ = (&mut params, cx, &self.0);
                                    ::std::result::Result::Err($crate::__ndr::FaultStatus::NCA_S_OP_RNG_ERROR)
                                }
                            }
                        })
                    }
                    fn refuse(&self, cx: &$crate::ObjectContext, opnum: u16, failure: $crate::Failure) -> ::std::result::Result<$crate::__rpc::Bytes, $crate::__ndr::FaultStatus> {
                        match opnum {
                            $( $opnum => ::std::result::Result::Ok($crate::encode_outcome(cx, ::std::result::Result::Err(failure), <$Rep>::default())), )*
                            _ => {
                                let _ = (cx, failure);
                                ::std::result::Result::Err($crate::__ndr::FaultStatus::NCA_S_OP_RNG_ERROR)
                            }
                        }
                    }
                }
                ::std::sync::Arc::new(Served(object))
            }
        }
    };
}

/// The first of its arguments.
#[doc(hidden)]
#[macro_export]
macro_rules! __first {
    ($first:expr $(, $rest:expr)*) => {
        $first
    };
}
