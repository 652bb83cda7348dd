//! A server that answers as a recorded machine does: `recorded CONFIG-FILE ROWS-FILE`.
//!
//! The configuration is that of `rwmi serve`; rows and registry are those of the file (testdata/README.md). Classes that the
//! server does not ship are put with `rwmi mof compile`. When it is ready it prints one line, and it serves until it is stopped.

mod provider;

use rwmi_server::{Config, Server};
use std::io::Write;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [config, rows] = &arguments[..] else { return Err("usage: recorded CONFIG-FILE ROWS-FILE".into()) };
    let running = Server::start(Config::load(Some(config.as_ref()))?, provider::of(rows.as_ref())?).await?;
    println!("ready {:?}", running.addresses());
    std::io::stdout().flush()?;
    tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?.recv().await;
    running.shutdown().await;
    Ok(())
}
