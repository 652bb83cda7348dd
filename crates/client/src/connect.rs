//! The way in: what is there, activation, the object connection, who we are ([MS-WMI] 3.2.3, 3.2.4.2).

use crate::builder::{full_name, own_name};
use crate::client::State;
use crate::session::{Core, FAREWELL, Session, open_error, present, protocol};
use crate::way::{Line, Way};
use crate::{Error, ErrorKind, Step};
use rwmi_dcom::client::{Alive, Fallback, OtherAddresses, SelectOptions, activate, endpoints, server_alive2};
use rwmi_dcom::{self as dcom, ActivationReply, ActivationRequest, ComVersion, DualStringArray, ExporterInfo, Iid, InterfacePointer, Orpc};
use rwmi_ndr::{FaultStatus, HResult, WideString};
use rwmi_net::RpcChannel;
use rwmi_rpc::ChannelError;
use rwmi_wbem::interfaces::*;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::{Instant, timeout, timeout_at};

/// Addresses of bindings that are tried behind the named host.
const ENDPOINTS_MAX: usize = 8;

/// Where a connection has got to, for an error from outside.
struct Progress(Mutex<(Step, u16)>);

impl Progress {
    fn new(way: &Way) -> Progress {
        Progress(Mutex::new((Step::Connect, way.endpoint_port)))
    }

    fn now(&self) -> (Step, u16) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn at(&self, step: Step, port: u16) {
        tracing::debug!(%step, port);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (step, port);
    }
}

/// Connects, within the time for the whole.
pub(crate) async fn connect(way: Way) -> Result<Arc<Session>, Error> {
    let progress = Progress::new(&way);
    timed(&Arc::new(way), &progress).await
}

/// As [`connect`], unless `stop` is over before. What may have been made on the computer by then is taken and given back, for
/// which it has the time of a farewell.
pub(crate) async fn connect_unless(way: Way, stop: impl Future<Output = ()>) -> Result<Option<Arc<Session>>, Error> {
    let progress = Progress::new(&way);
    let way = Arc::new(way);
    let mut connecting = pin!(timed(&way, &progress));
    tokio::select! {
        biased;
        connected = &mut connecting => return connected.map(Some),
        () = stop => {}
    }
    // Before the activation nothing is anybody's.
    if progress.now().0 != Step::Connect
        && progress.now().0 != Step::ServerAlive
        && let Ok(Ok(session)) = timeout(FAREWELL, connecting).await
    {
        session.close().await;
    }
    Ok(None)
}

async fn timed(way: &Arc<Way>, progress: &Progress) -> Result<Arc<Session>, Error> {
    let steps = steps(way, progress);
    let Some(whole) = way.timeouts.whole else { return steps.await };
    match timeout_at(Instant::now() + whole, steps).await {
        Ok(result) => result,
        Err(_) => {
            let (step, port) = progress.now();
            Err(way.error(step, port, ErrorKind::TimedOut { after: whole }))
        }
    }
}

async fn steps(way: &Arc<Way>, progress: &Progress) -> Result<Arc<Session>, Error> {
    let port = way.endpoint_port;
    progress.at(Step::Connect, port);
    let opened = way.open(&way.dial_name, port, None).await;
    let resolver = opened.map_err(|kind| open_error(way, Step::Connect, port, kind))?.with_timeout(way.timeouts.handshake);

    progress.at(Step::ServerAlive, port);
    let peer = resolver.peer();
    // The activation gets a connection of its own, as on Windows: whoever serves that one knows its caller from the first octet.
    // It is opened meanwhile; nothing is said on it before the answer is there.
    let activator = async {
        match way.security("rpcss", way.activation_level()) {
            None => Ok(resolver.with_timeout(way.timeouts.call)),
            security => way.open(&reached(way, peer), port, security).await,
        }
    };
    let (alive, activator) = tokio::join!(alive(&resolver), activator);
    let version = alive.map_err(|e| way.call_error(Step::ServerAlive, port, e))?.version;
    let orpc = Orpc::new(version).map_err(|e| way.call_error(Step::ServerAlive, port, e.into()))?;
    let activator = activator.map_err(|kind| open_error(way, Step::Connect, port, kind))?;
    drop(resolver);

    progress.at(Step::Activate, port);
    let activated = activate(&activator, orpc, &request(way, version), Fallback::RemoteActivation).await;
    let reply = activated.map_err(|e| way.call_error(Step::Activate, port, e))?;

    progress.at(Step::ConnectObjectPort, way.object_port.unwrap_or(0));
    enter(way, peer, orpc, &reply, activator).await
}

/// What is asked of the activator: the login object, and where to say who we are.
pub(crate) fn request(way: &Way, version: ComVersion) -> ActivationRequest {
    let iids = vec![IWbemLevel1Login::IID, IWbemLoginClientIDEx::IID, IWbemLoginClientID::IID];
    ActivationRequest { server: Some(way.server.clone()), version, ..ActivationRequest::new(CLSID_WBEM_LEVEL1_LOGIN, iids) }
}

/// From what an activation gave to a session: the object connection, and who we are. The activator's connection is closed when
/// the object connection is there.
pub(crate) async fn enter(
    way: &Arc<Way>,
    peer: Option<SocketAddr>,
    orpc: Orpc,
    reply: &ActivationReply,
    activator: RpcChannel,
) -> Result<Arc<Session>, Error> {
    let login = interface(reply, IWbemLevel1Login::IID).map_err(|e| way.call_error(Step::Activate, way.endpoint_port, e))?;
    let line = object_line(way, peer, &reply.bindings).await?;
    drop(activator);
    let object_port = line.port();
    let core = Core::new(way.clone(), orpc);
    let info = ExporterInfo {
        bindings: reply.bindings.clone(),
        rem_unknown: reply.rem_unknown,
        authn_hint: reply.authn_hint,
        version: reply.version,
    };
    core.learn(reply.oxid, info, line);
    let object_error = |e| way.call_error(Step::ConnectObjectPort, object_port, e);
    let login = core.unmarshal::<IWbemLevel1Login>(&login, "IRemoteSCMActivator::RemoteCreateInstance").await.map_err(object_error)?;
    let introduced = introduce(&core, reply);
    let (position, ()) = tokio::join!(establish_position(&core, &login), introduced);
    let takes_lists = position.map_err(object_error)?;
    Ok(Session::new(core, State::new(login, takes_lists)))
}

/// The hosts and ports to try for an exporter, in their order.
pub(crate) fn object_endpoints(way: &Way, peer: Option<SocketAddr>, bindings: &DualStringArray) -> Vec<(String, u16)> {
    let local = way.dialer.identifies_caller();
    let others = if way.other_addresses && !local { OtherAddresses::Fallback } else { OtherAddresses::Never };
    let own = reached(way, peer);
    let mut candidates = endpoints(&own, bindings, SelectOptions { port: way.object_port, others });
    candidates.truncate(ENDPOINTS_MAX);
    if candidates.is_empty() && local {
        candidates.push((own, 0));
    }
    candidates.retain(|(_, port)| *port != 0 || local);
    candidates
}

/// Asks what is there. Before Windows XP nobody knew how to answer.
pub(crate) async fn alive(resolver: &RpcChannel) -> Result<Alive, dcom::Error> {
    match server_alive2(resolver).await {
        Err(dcom::Error::Channel { source: ChannelError::Fault(FaultStatus::NCA_S_OP_RNG_ERROR), .. }) => {
            Ok(Alive { version: ComVersion { major: 5, minor: 1 }, bindings: DualStringArray::default() })
        }
        other => other,
    }
}

/// The address that was reached, where there is one: it is not looked up twice, and all connections go to one computer.
pub(crate) fn reached(way: &Way, peer: Option<SocketAddr>) -> String {
    peer.map_or_else(
        || way.dial_name.clone(),
        |peer| match peer {
            // The scope of a link-local address must not be lost.
            SocketAddr::V6(v6) if v6.scope_id() != 0 => format!("{}%{}", v6.ip(), v6.scope_id()),
            other => other.ip().to_string(),
        },
    )
}

fn interface(reply: &ActivationReply, iid: Iid) -> Result<InterfacePointer, dcom::Error> {
    const METHOD: &str = "IRemoteSCMActivator::RemoteCreateInstance";
    let found = reply.interfaces.iter().find(|i| i.iid == iid).ok_or_else(|| protocol(METHOD, "without the interface".into()))?;
    if found.result.is_failure() {
        return Err(dcom::Error::Refused { method: METHOD, status: dcom::Status::HResult(found.result), info: None });
    }
    present(found.pointer.clone(), METHOD)
}

/// Opens a line to an exporter: at the computer that was reached, with the ports of the bindings; then, unless that is
/// forbidden, at the other addresses that the bindings list. The first failure is the one that is told.
pub(crate) async fn object_line(way: &Arc<Way>, peer: Option<SocketAddr>, bindings: &DualStringArray) -> Result<Line, Error> {
    let mut first = None;
    for (host, port) in object_endpoints(way, peer, bindings) {
        match way.open_object(&host, port).await {
            Ok(channel) => return Ok(Line::new(way.clone(), host, port, channel)),
            Err(kind) => {
                tracing::debug!(host, port, %kind, "object port not reached");
                first.get_or_insert_with(|| way.error(Step::ConnectObjectPort, port, kind));
            }
        }
    }
    let nothing = || ErrorKind::Protocol("the activation names no TCP port".into());
    Err(first.unwrap_or_else(|| way.error(Step::ConnectObjectPort, 0, nothing())))
}

/// Asks whether lists of locales are understood. Not to know the question is to answer no.
async fn establish_position(core: &Core, login: &crate::session::Remote<IWbemLevel1Login>) -> Result<bool, dcom::Error> {
    let asked = login.proxy(core.way.timeouts.handshake).call(&EstablishPosition { reserved1: None, reserved2: 0 }).await;
    match asked {
        Ok((reply, _)) => Ok(reply.locale_version != 0),
        Err(dcom::Error::Refused { status: dcom::Status::HResult(HResult::E_NOTIMPL), .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Says who we are, where the server wants to know: it logs that, and sends error texts to those who did. What comes of it
/// does not matter.
async fn introduce(core: &Arc<Core>, reply: &ActivationReply) {
    const METHOD: &str = "IRemoteSCMActivator::RemoteCreateInstance";
    let within = core.way.timeouts.handshake;
    let said = async {
        let machine = Some(WideString(own_name()));
        if let Ok(pointer) = interface(reply, IWbemLoginClientIDEx::IID) {
            let id = core.unmarshal::<IWbemLoginClientIDEx>(&pointer, METHOD).await?;
            let started = FileTime::default();
            let full_name = Some(WideString(full_name()));
            let call = SetClientInfoEx { machine, full_name, process: std::process::id(), started, reserved: 0 };
            // The plain interface came along and is given back.
            if let Ok(pointer) = interface(reply, IWbemLoginClientID::IID) {
                let _plain = core.unmarshal::<IWbemLoginClientID>(&pointer, METHOD).await;
            }
            id.proxy(within).call(&call).await.map(drop)
        } else if let Ok(pointer) = interface(reply, IWbemLoginClientID::IID) {
            let id = core.unmarshal::<IWbemLoginClientID>(&pointer, METHOD).await?;
            let call = SetClientInfo { machine, process: std::process::id().cast_signed(), reserved: 0 };
            id.proxy(within).call(&call).await.map(drop)
        } else {
            Ok(())
        }
    };
    if let Err(error) = said.await {
        tracing::debug!(%error, "the server did not take our name");
    }
}
