//! `rwmi browse`: the explorer in the terminal.

use crate::args::Connect;
use crate::connect::Targets;
use crate::report::Failure;
use rwmi_browse::Options;
use rwmi_client::Timeouts;
use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug, clap::Args)]
#[command(after_help = BROWSING)]
pub(crate) struct Browse {
    /// The computers; instead of -c
    #[arg(conflicts_with = "hosts", value_name = "HOST")]
    pub(crate) computers: Vec<String>,

    /// --timeout is for each operation, and of rows for the wait between two of them
    #[command(flatten)]
    pub(crate) connect: Connect,

    /// Let y write to the clipboard of the terminal (OSC 52); else it shows what it would copy
    #[arg(long)]
    pub(crate) clipboard: bool,
}

const BROWSING: &str = "Examples:
  rwmi browse
  rwmi browse srv01 -u 'CORP\\alice'
  rwmi browse srv01 srv02 -u admin --password-file pw -n 'root\\standardcimv2'

It asks only what is looked at, and calls a method only after a y. Press ? for the keys. NO_COLOR is honoured.

Exit status: 0 ended by q; 2 wrong usage, or this is no terminal; 129, 130 and 143 the terminal went, Ctrl-C, or told to end.";

/// Takes the terminal until somebody ends it.
pub(crate) fn run(mut args: Browse) -> Result<ExitCode, Failure> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Err(
            Failure::usage("rwmi browse needs a terminal, for its keys and for its screen").hint("rwmi query and rwmi get-class print")
        );
    }
    if !args.computers.is_empty() {
        args.connect.hosts = std::mem::take(&mut args.computers);
    }
    let connect = args.connect.connect_timeout;
    let targets = Arc::new(Targets::new(args.connect)?);
    let hosts = targets.hosts().iter().map(|host| Ok((host.clone(), targets.namespace(host)?))).collect::<Result<_, Failure>>()?;
    let plain = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
    let options = Options { hosts, clipboard: args.clipboard, plain };
    let s = Duration::from_secs;
    // People look at rows for longer than a program reads them: no limit for an enumeration as a whole.
    let time = targets.hosts().iter().map(|host| targets.whole(host)).max().unwrap_or(s(60));
    let open = Box::new(move |host: &str| {
        let whole = targets.whole(host);
        let timeouts = Timeouts { connect: connect.min(whole), handshake: s(10).min(whole), call: whole, quiet: whole, whole: None };
        targets.builder(host).map(|builder| builder.timeouts(timeouts))
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|e| Failure::new(format!("no threads: {e}")))?;
    let ended = runtime.block_on(rwmi_browse::run(options, open, time));
    // A look-up of a name cannot be stopped, and is not waited for.
    runtime.shutdown_background();
    ended.map(ExitCode::from).map_err(|e| Failure::new(format!("the terminal failed: {e}")))
}
