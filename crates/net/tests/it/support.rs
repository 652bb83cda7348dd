//! An endpoint whose methods do what tests need.

use bytes::Bytes;
use rwmi_auth::{AuthLevel, AuthType, Credentials, Secret, SecurityContext, ntlm, spnego};
use rwmi_ndr::{FaultStatus, guid};
use rwmi_net::{ChannelConfig, Limits, RpcChannel, Security, serve};
use rwmi_rpc::{CallContext, DispatchFuture, Endpoint, SecurityOptions, SyntaxId};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

pub(crate) const INTERFACE: SyntaxId = SyntaxId { uuid: guid!("11111111-2222-3333-4444-555555555555"), major: 1, minor: 0 };
pub(crate) const ECHO: u16 = 0;
pub(crate) const WAIT: u16 = 1;
pub(crate) const PANIC: u16 = 2;
pub(crate) const WHO: u16 = 3;
pub(crate) const PANIC_LATE: u16 = 4;
/// Answers with as many octets as the stub's four say.
pub(crate) const MANY: u16 = 5;

#[derive(Debug)]
struct Alice;
impl ntlm::Accounts for Alice {
    fn nt_hash(&self, user: &str, _: &str) -> Option<ntlm::Account> {
        user.eq_ignore_ascii_case("alice").then(|| ntlm::Account { name: "alice".into(), hash: ntlm::nt_hash("secret") })
    }
}

#[derive(Default)]
pub(crate) struct TestEndpoint {
    /// Calls that wait, now.
    pub(crate) waiting: AtomicUsize,
    /// Told whenever `waiting` changes.
    pub(crate) changed: Notify,
    /// Lets those that wait go on.
    pub(crate) go: Notify,
    pub(crate) closed: Mutex<Vec<u64>>,
}

/// Counts a waiting call, also when it is dropped.
struct Counted<'a>(&'a TestEndpoint);
impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
        self.0.changed.notify_waiters();
    }
}

impl TestEndpoint {
    pub(crate) async fn until_waiting(&self, calls: usize) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.waiting.load(Ordering::SeqCst) == calls {
                return;
            }
            changed.await;
        }
    }
}

impl Endpoint for TestEndpoint {
    fn accepts(&self, interface: &SyntaxId) -> bool {
        *interface == INTERFACE
    }

    fn acceptor(&self, auth_type: AuthType) -> Option<Box<dyn SecurityContext>> {
        let options = ntlm::AcceptorOptions::named("SERVER");
        match auth_type {
            AuthType::NTLM => Some(Box::new(ntlm::Acceptor::new(Arc::new(Alice), options))),
            AuthType::SPNEGO => Some(Box::new(spnego::Acceptor::ntlm(Arc::new(Alice), options))),
            _ => None,
        }
    }

    fn minimum_level(&self, _: &SyntaxId, opnum: u16) -> AuthLevel {
        if opnum == WHO { AuthLevel::Connect } else { AuthLevel::None }
    }

    fn dispatch<'a>(&'a self, cx: &'a CallContext, _: SyntaxId, opnum: u16, stub: Bytes) -> DispatchFuture<'a> {
        Box::pin(async move {
            match opnum {
                ECHO => Ok(stub),
                WAIT => {
                    self.waiting.fetch_add(1, Ordering::SeqCst);
                    let _counted = Counted(self);
                    self.changed.notify_waiters();
                    self.go.notified().await;
                    Ok(stub)
                }
                PANIC => panic!("on purpose"),
                PANIC_LATE => {
                    tokio::task::yield_now().await;
                    panic!("on purpose")
                }
                WHO => Ok(format!("{} {:?}", cx.caller.as_ref().map_or("nobody", |c| &c.user), cx.level).into()),
                MANY => {
                    let len = stub.first_chunk().map_or(0, |n| u32::from_le_bytes(*n));
                    Ok(vec![0x5a; len as usize].into())
                }
                _ => Err(FaultStatus::NCA_S_OP_RNG_ERROR),
            }
        })
    }

    fn closed(&self, connection: u64) {
        self.closed.lock().unwrap().push(connection);
        self.changed.notify_waiters();
    }
}

pub(crate) struct Server {
    pub(crate) endpoint: Arc<TestEndpoint>,
    pub(crate) address: SocketAddr,
    pub(crate) stop: Option<oneshot::Sender<()>>,
    pub(crate) task: JoinHandle<()>,
}

pub(crate) async fn server(limits: Limits) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let endpoint = Arc::new(TestEndpoint::default());
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(serve(listener, endpoint.clone(), limits, async move {
        let _ = stopped.await;
    }));
    Server { endpoint, address, stop: Some(stop), task }
}

impl Server {
    pub(crate) async fn connect(&self, config: &ChannelConfig) -> RpcChannel {
        RpcChannel::connect(&self.address.ip().to_string(), self.address.port(), config).await.unwrap()
    }
}

pub(crate) fn credentials(password: &str) -> Credentials {
    Credentials { user: "alice".into(), domain: String::new(), password: Secret::new(password) }
}

pub(crate) fn by_ntlm(level: AuthLevel) -> Security {
    let credentials = credentials("secret");
    Security::new(SecurityOptions::at(level), move || Box::new(ntlm::Initiator::new(&credentials, ntlm::InitiatorOptions::default())))
}

pub(crate) fn by_spnego(level: AuthLevel) -> Security {
    let credentials = credentials("secret");
    Security::new(SecurityOptions::at(level), move || Box::new(spnego::Initiator::ntlm(&credentials, ntlm::InitiatorOptions::default())))
}

pub(crate) fn secured(security: Security) -> ChannelConfig {
    ChannelConfig { security: Some(security), ..ChannelConfig::default() }
}
