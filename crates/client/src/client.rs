//! The handle on a session.

use crate::builder::ClientBuilder;
use crate::connect;
use crate::session::{Core, Remote, Session, present};
use crate::way::Way;
use crate::{Error, ErrorKind, Misuse, Namespace, Step, split_namespace};
use rwmi_dcom::InterfacePointer;
use rwmi_ndr::WideString;
use rwmi_rpc::Method;
use rwmi_wbem::interfaces::*;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout_at};

/// A session with one computer. Cheap to clone; clones share it.
///
/// While it lives, one task keeps its objects alive by pings and gives back what was dropped. When the last handle (client,
/// namespace, stream of rows) is dropped, that task gives everything back, for at most two seconds, and closes the connection;
/// [`Client::close`] waits for it.
#[derive(Clone)]
pub struct Client {
    session: Arc<Session>,
}

/// Namespaces by name, each logged in to by whoever comes first.
type Logins = HashMap<String, Arc<OnceCell<Arc<Remote<IWbemServices>>>>>;

/// What a session has beside its objects' lifetimes.
pub(crate) struct State {
    login: Remote<IWbemLevel1Login>,
    takes_lists: bool,
    namespaces: Mutex<Logins>,
}

impl State {
    pub(crate) fn new(login: Remote<IWbemLevel1Login>, takes_lists: bool) -> State {
        State { login, takes_lists, namespaces: Mutex::default() }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("host", &self.host()).finish_non_exhaustive()
    }
}

impl Client {
    /// Begins a session with a computer: a name, an IPv4 or IPv6 address, or `.` for this one (which takes a dialer).
    pub fn builder(host: &str) -> ClientBuilder {
        ClientBuilder::new(host)
    }

    pub(crate) async fn connect(way: Way) -> Result<Client, Error> {
        Ok(Client { session: connect::connect(way).await? })
    }

    pub(crate) async fn connect_unless(way: Way, stop: impl Future<Output = ()>) -> Result<Option<Client>, Error> {
        Ok(connect::connect_unless(way, stop).await?.map(|session| Client { session }))
    }

    pub(crate) fn of(session: Arc<Session>) -> Client {
        Client { session }
    }

    /// The computer, as the caller named it.
    pub fn host(&self) -> &str {
        &self.session.core.way.host
    }

    /// Logs in to a namespace: `root\cimv2`, `root/cimv2`, `//./root/cimv2`. A namespace is logged in to once.
    ///
    /// # Errors
    /// [`Misuse::Namespace`] for what is none or is another computer's; else what the server said.
    pub async fn namespace(&self, namespace: &str) -> Result<Namespace, Error> {
        self.namespace_with(namespace, None).await
    }

    /// As [`Client::namespace`], with named values beside the login.
    pub(crate) async fn namespace_with(&self, namespace: &str, context: Option<InterfacePointer>) -> Result<Namespace, Error> {
        let way = &self.session.core.way;
        let (host, name) = split_namespace(namespace).map_err(|m| way.misuse(m))?;
        let is_ours = |h: &str| h == "." || h.eq_ignore_ascii_case(&way.host) || h.eq_ignore_ascii_case(&way.server);
        if host.is_some_and(|h| !is_ours(&h)) {
            return Err(way.misuse(Misuse::Namespace { text: namespace.into(), why: "it is on another computer than this session" }));
        }
        let login = async {
            match context {
                // What is asked for in a context is nobody else's.
                Some(context) => self.login(&name, Some(context)).await,
                None => {
                    let cell = self.namespaces().entry(name.to_lowercase()).or_default().clone();
                    cell.get_or_try_init(|| self.login(&name, None)).await.cloned()
                }
            }
        };
        let services = match way.timeouts.whole {
            None => login.await?,
            Some(whole) => timeout_at(Instant::now() + whole, login).await.unwrap_or_else(|_| {
                let step = Step::Login { namespace: name.clone() };
                Err(way.error(step, self.session.state.login.port(), ErrorKind::TimedOut { after: whole }))
            })?,
        };
        Ok(Namespace::new(self.session.clone(), services, name))
    }

    async fn login(&self, name: &str, context: Option<InterfacePointer>) -> Result<Arc<Remote<IWbemServices>>, Error> {
        let Core { way, .. } = &*self.session.core;
        let State { login, takes_lists, .. } = &self.session.state;
        let step = || Step::Login { namespace: name.to_owned() };
        tracing::debug!(namespace = name, "logging in");
        let resource = Some(WideString(format!("//./{}", name.replace('\\', "/"))));
        let locale = way.locale.as_deref().map(|all| if *takes_lists { all } else { first_of(all) }).map(|l| WideString(l.into()));
        let call = NtlmLogin { resource, locale, flags: 0, context };
        let answer = async {
            let (reply, _) = login.call(&call).await?;
            self.session.core.unmarshal::<IWbemServices>(&present(reply.services, NtlmLogin::NAME)?, NtlmLogin::NAME).await
        };
        answer.await.map(Arc::new).map_err(|e| self.session.error(step(), login.port(), e))
    }

    /// Gives everything back and closes the connection, also for clones, namespaces and streams that still live: their calls
    /// fail from here on. Takes two seconds at most.
    pub async fn close(self) {
        self.session.close().await;
    }

    fn namespaces(&self) -> std::sync::MutexGuard<'_, Logins> {
        self.session.state.namespaces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A server that takes no lists gets the first locale.
fn first_of(locales: &str) -> &str {
    locales.split(',').map(str::trim).find(|l| l.get(..3).is_some_and(|p| p.eq_ignore_ascii_case("MS_"))).unwrap_or(locales)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_goes_anywhere() {
        fn check<T: Send + Sync + Clone + 'static>() {}
        check::<Client>();
        check::<Namespace>();
        fn sent<T: Send + 'static>() {}
        sent::<crate::Rows>();
    }

    #[test]
    fn a_server_without_lists_gets_one_locale() {
        assert_eq!(first_of("en-US, MS_409,MS_407"), "MS_409");
        assert_eq!(first_of("de"), "de");
    }
}
