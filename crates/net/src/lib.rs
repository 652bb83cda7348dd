//! The only sockets, clocks and tasks: tokio drivers for the connection machines of `rwmi-rpc`.
//!
//! [`RpcChannel`] is the client's end, [`serve`] and [`serve_stream`] the server's. Both run over any stream: TCP, a local
//! socket, or a pipe within the process.
//!
//! ```
//! use bytes::Bytes;
//! use rwmi_auth::{AuthLevel, AuthType, SecurityContext};
//! use rwmi_net::{ChannelConfig, Link, RpcChannel, ServeOptions, serve_stream};
//! use rwmi_rpc::{CallContext, Channel, DispatchFuture, Endpoint, SyntaxId};
//! use std::sync::Arc;
//!
//! struct Echo;
//! impl Endpoint for Echo {
//!     fn accepts(&self, _: &SyntaxId) -> bool { true }
//!     fn acceptor(&self, _: AuthType) -> Option<Box<dyn SecurityContext>> { None }
//!     fn minimum_level(&self, _: &SyntaxId, _: u16) -> AuthLevel { AuthLevel::None }
//!     fn dispatch<'a>(&'a self, _: &'a CallContext, _: SyntaxId, _: u16, stub: Bytes) -> DispatchFuture<'a> {
//!         Box::pin(async move { Ok(stub) })
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let (ours, theirs) = tokio::io::duplex(64 << 10);
//! let here = ([127, 0, 0, 1], 0).into();
//! let link = Link { peer: here, local: here, connection: rwmi_net::connection_number(), identity: None };
//! tokio::spawn(serve_stream(theirs, link, Arc::new(Echo), ServeOptions::default()));
//! let channel = RpcChannel::over(ours, "in process", &ChannelConfig::default());
//! let interface = SyntaxId { uuid: rwmi_ndr::Guid::NIL, major: 1, minor: 0 };
//! assert_eq!(channel.call_raw(interface, None, 0, Bytes::from_static(b"hello")).await.unwrap(), "hello");
//! # }
//! ```

mod channel;
mod client;
mod connect;
mod listener;
mod server;

pub use channel::{ChannelConfig, RpcChannel, Security};
pub use listener::{Limits, serve};
pub use rwmi_rpc::{Endpoint, Link};
pub use server::{ServeOptions, connection_number, serve_stream};
