//! `.`: this computer, by the server that runs on it, or by one within this process.

use crate::args::Place;
use crate::report::Failure;
use crate::serve;
use rwmi_client::{Dialed, Dialer, Dialing, ErrorKind, Host};
use rwmi_server::{Config, Running, SOCKET_NAME, Server};
use std::io;
use tokio::net::UnixStream;
use tokio::sync::OnceCell;

/// Connects to the running server of a data directory by its local socket. Where none runs, or not for us, the whole stack is
/// served within the process, from memory, with the rights of this process.
pub(crate) struct Local {
    config: Config,
    within: OnceCell<Running>,
}

impl Local {
    /// This computer, as a place describes it.
    pub(crate) fn new(place: &Place) -> Result<Local, Failure> {
        Ok(Local { config: serve::config_of(place)?, within: OnceCell::new() })
    }

    async fn connect(&self) -> Result<Dialed, ErrorKind> {
        if !self.within.initialized() {
            let socket = self.config.server.data_dir.join(SOCKET_NAME);
            match UnixStream::connect(&socket).await {
                Ok(stream) => {
                    tracing::info!(socket = %socket.display(), "asking the running server");
                    return Ok(Dialed::over(stream));
                }
                Err(e) if is_nobody_there(&e) => tracing::info!(socket = %socket.display(), why = %e, "serving within the process"),
                Err(e) => return Err(ErrorKind::Io(format!("{}: {e}", socket.display()))),
            }
        }
        let running = self.within.get_or_try_init(|| self.start()).await?;
        Ok(Dialed::over(running.connect()))
    }

    async fn start(&self) -> Result<Running, ErrorKind> {
        let providers = serve::providers(&self.config).map_err(|f| ErrorKind::Io(f.message))?;
        Server::in_process(self.config.clone(), providers).await.map_err(|e| ErrorKind::Io(e.to_string()))
    }
}

impl Dialer for Local {
    fn dial<'a>(&'a self, _: &'a str, _: u16) -> Dialing<'a> {
        Box::pin(self.connect())
    }

    fn identifies_caller(&self) -> bool {
        true
    }
}

/// No server, or one of another user's, who has a computer of his own to answer for.
fn is_nobody_there(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused | io::ErrorKind::PermissionDenied)
}

/// Whether a name is this computer. A port makes a name remote.
pub(crate) fn is_local(host: &str, has_port: bool) -> bool {
    !has_port && Host::parse(host, &own_names()).is_ok_and(|h| h.is_local())
}

/// What this computer calls itself, in full.
pub(crate) fn own_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

fn own_names() -> Vec<String> {
    let full = own_name();
    vec![full.split('.').next().unwrap_or_default().to_owned(), full]
}
