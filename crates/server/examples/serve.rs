//! A server with one account, for trying clients against it: `serve CONFIG-FILE USER PASSWORD`.

use rwmi_cim::DynProvider;
use rwmi_linux::{LinuxProvider, RowProvider, Source};
use rwmi_server::{Accounts, Config, Server};
use std::sync::Arc;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).with_writer(std::io::stderr).init();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, user, password] = &arguments[..] else { return Err("usage: serve CONFIG-FILE USER PASSWORD".into()) };
    let config = Config::load(Some(file.as_ref()))?;
    Accounts::at(&config.server.data_dir).add(user, rwmi_auth::ntlm::nt_hash(password), true)?;
    let mut providers: Vec<Arc<dyn DynProvider>> = vec![Arc::new(LinuxProvider::new(Source::at(&config.source.root))?)];
    if config.test.rows > 0 {
        providers.push(Arc::new(RowProvider::new(config.test.rows)));
    }
    let running = Server::start(config, providers).await?;
    println!("ready {:?}", running.addresses());
    tokio::signal::ctrl_c().await?;
    running.shutdown().await;
    Ok(())
}
