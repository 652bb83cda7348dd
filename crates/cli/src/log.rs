//! What is said beside the result, on standard error.

use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Starts logging. A server says by itself who logged in and what it refused; other commands say nothing unless asked.
pub(crate) fn start(verbose: u8, server: bool) {
    // Events of other crates are of interest only to those who look for everything.
    let directives = match (verbose, server) {
        (0, false) => "error",
        (0, true) => "warn,rwmi=info,rwmi_server=info,rwmi_net=info",
        (1, false) => "warn,rwmi=info,rwmi_client=debug,rwmi_server=info,rwmi_linux=info",
        (1, true) => "info,rwmi=debug,rwmi_server=debug,rwmi_net=debug,rwmi_linux=debug,rwmi_dcom=debug",
        (2, _) => "debug",
        (_, _) => "trace",
    };
    let filter = EnvFilter::try_from_env("RWMI_LOG").unwrap_or_else(|_| EnvFilter::new(directives));
    let stderr = std::io::stderr();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(stderr.is_terminal())
        .with_writer(std::io::stderr)
        .log_internal_errors(false);
    // A command that runs for a moment needs no clock in its lines.
    if server { builder.init() } else { builder.without_time().init() }
}
