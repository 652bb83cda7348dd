//! Channels over loopback: calls, octets and sessions a second, by level.

use bytes::Bytes;
use divan::counter::{BytesCount, ItemsCount};
use rwmi_auth::{AuthLevel, AuthType, Credentials, Secret, SecurityContext, ntlm};
use rwmi_ndr::guid;
use rwmi_net::{ChannelConfig, Limits, RpcChannel, Security, serve};
use rwmi_rpc::{CallContext, Channel, DispatchFuture, Endpoint, SecurityOptions, SyntaxId};
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

const INTERFACE: SyntaxId = SyntaxId { uuid: guid!("11111111-2222-3333-4444-555555555555"), major: 1, minor: 0 };
const LEVELS: [AuthLevel; 4] = [AuthLevel::Connect, AuthLevel::Packet, AuthLevel::Integrity, AuthLevel::Privacy];

#[derive(Debug)]
struct Alice;
impl ntlm::Accounts for Alice {
    fn nt_hash(&self, _: &str, _: &str) -> Option<ntlm::Account> {
        Some(ntlm::Account { name: "alice".into(), hash: ntlm::nt_hash("secret") })
    }
}

/// Answers with 64 KiB, or with nothing.
struct Source(Bytes);
impl Endpoint for Source {
    fn accepts(&self, _: &SyntaxId) -> bool {
        true
    }
    fn acceptor(&self, _: AuthType) -> Option<Box<dyn SecurityContext>> {
        Some(Box::new(ntlm::Acceptor::new(Arc::new(Alice), ntlm::AcceptorOptions::named("SERVER"))))
    }
    fn minimum_level(&self, _: &SyntaxId, _: u16) -> AuthLevel {
        AuthLevel::Connect
    }
    fn dispatch<'a>(&'a self, _: &'a CallContext, _: SyntaxId, opnum: u16, _: Bytes) -> DispatchFuture<'a> {
        Box::pin(async move { Ok(if opnum == 0 { Bytes::new() } else { self.0.clone() }) })
    }
}

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
static SERVER: LazyLock<SocketAddr> = LazyLock::new(|| {
    RUNTIME.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, Arc::new(Source(vec![0x5a; 64 << 10].into())), Limits::default(), std::future::pending()));
        address
    })
});

fn config(level: AuthLevel) -> ChannelConfig {
    let credentials = Credentials { user: "alice".into(), domain: String::new(), password: Secret::new("secret") };
    let security =
        Security::new(SecurityOptions::at(level), move || Box::new(ntlm::Initiator::new(&credentials, ntlm::InitiatorOptions::default())));
    ChannelConfig { security: Some(security), ..ChannelConfig::default() }
}

async fn connect(level: AuthLevel) -> RpcChannel {
    let channel = RpcChannel::connect("127.0.0.1", SERVER.port(), &config(level)).await.unwrap();
    channel.call_raw(INTERFACE, None, 0, Bytes::new()).await.unwrap();
    channel
}

#[divan::bench(args = LEVELS)]
fn call(bencher: divan::Bencher, level: AuthLevel) {
    let channel = RUNTIME.block_on(connect(level));
    let call = || RUNTIME.block_on(channel.call_raw(INTERFACE, None, 0, Bytes::new())).unwrap();
    bencher.counter(ItemsCount::new(1u32)).bench(call);
}

#[divan::bench(args = LEVELS)]
fn answer_of_64_kib(bencher: divan::Bencher, level: AuthLevel) {
    let channel = RUNTIME.block_on(connect(level));
    let call = || RUNTIME.block_on(channel.call_raw(INTERFACE, None, 1, Bytes::new())).unwrap();
    bencher.counter(BytesCount::new(64u32 << 10)).bench(call);
}

#[divan::bench(args = LEVELS)]
fn session(bencher: divan::Bencher, level: AuthLevel) {
    bencher.counter(ItemsCount::new(1u32)).bench(|| RUNTIME.block_on(connect(level)));
}

fn main() {
    LazyLock::force(&SERVER);
    divan::main();
}
