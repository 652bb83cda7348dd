//! `rwmi serve`: the server in the foreground, until it is told to stop.

use crate::args::{Place, Serve};
use crate::report::{Failure, print};
use rwmi_cim::DynProvider;
use rwmi_linux::{LinuxProvider, RowProvider, Source};
use rwmi_server::config::CONFIG_PATH;
use rwmi_server::{Addresses, Config, Server};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// Serves, or only looks at the configuration.
pub(crate) fn run(args: Serve) -> Result<ExitCode, Failure> {
    let check = args.check_config;
    let named = args.place.config.clone();
    let config = configured(args)?;
    if check {
        let file = named.unwrap_or_else(|| CONFIG_PATH.into());
        let what =
            if file.exists() { format!("{}: good", file.display()) } else { format!("{}: not there, defaults hold", file.display()) };
        print(&format!("{what}\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|e| Failure::new(format!("no threads: {e}")))?;
    let served = runtime.block_on(serve(config));
    // A provider that hangs in a system call ends with the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    served
}

async fn serve(config: Config) -> Result<ExitCode, Failure> {
    // Before the ports are open: whoever starts the server may stop it at any moment.
    let mut terminate = signal(SignalKind::terminate()).map_err(|e| Failure::new(format!("cannot wait for SIGTERM: {e}")))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|e| Failure::new(format!("cannot wait for SIGINT: {e}")))?;
    let providers = providers(&config)?;
    let running = Server::start(config, providers).await.map_err(Failure::new)?;
    say_ready(running.addresses()).map_err(|e| Failure::new(format!("cannot write to standard output: {e}")))?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping; once more to stop at once");
    tokio::select! {
        () = running.shutdown() => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// `ready endpoint=127.0.0.1:135 object=127.0.0.1:24158`, with a further pair for each further address.
fn say_ready(addresses: &[Addresses]) -> std::io::Result<()> {
    let mut line = String::from("ready");
    for a in addresses {
        line += &format!(" endpoint={} object={}", a.endpoint, a.object);
    }
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// What answers for the classes, as the configuration has it.
pub(crate) fn providers(config: &Config) -> Result<Vec<Arc<dyn DynProvider>>, Failure> {
    let mut source = Source::at(&config.source.root);
    source.dbus_address = config.source.dbus.clone();
    let linux = LinuxProvider::new(source).map_err(|e| {
        Failure::new(format!("cannot read the machine at {}: {e}", config.source.root.display())).hint("[source] root names a directory")
    })?;
    let linux = linux.with_users(config.methods.users.clone());
    let mut providers: Vec<Arc<dyn DynProvider>> = vec![Arc::new(linux)];
    if config.test.rows > 0 {
        providers.push(Arc::new(RowProvider::new(config.test.rows)));
    }
    Ok(providers)
}

/// The configuration of a place, whose data directory may be given apart.
pub(crate) fn config_of(place: &Place) -> Result<Config, Failure> {
    let mut config = Config::load(place.config.as_deref()).map_err(Failure::new)?;
    if let Some(dir) = &place.data_dir {
        config.server.data_dir = absolute(dir)?;
    }
    Ok(config)
}

/// The file, with what the command line says above it.
fn configured(args: Serve) -> Result<Config, Failure> {
    let mut config = config_of(&args.place)?;
    if !args.listen.is_empty() {
        config.server.listen = args.listen;
    }
    config.server.endpoint_port = args.endpoint_port.unwrap_or(config.server.endpoint_port);
    config.server.object_port = args.object_port.unwrap_or(config.server.object_port);
    if config.server.endpoint_port == config.server.object_port && config.server.object_port != 0 {
        return Err(Failure::usage("--endpoint-port and --object-port are the same"));
    }
    Ok(config)
}

fn absolute(dir: &Path) -> Result<std::path::PathBuf, Failure> {
    std::path::absolute(dir).map_err(|e| Failure::usage(format!("{}: {e}", dir.display())))
}
