//! Accepting connections, as many as may be.

use crate::server::{ServeOptions, connection_number, serve_halves};
use rustix::net::sockopt;
use rwmi_rpc::{Endpoint, Link};
use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::Instrument;

/// How many connections a server takes.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Altogether: 256.
    pub connections_max: usize,
    /// From one address: 32.
    pub connections_per_address_max: usize,
    /// What each of them may do.
    pub options: ServeOptions,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { connections_max: 256, connections_per_address_max: 32, options: ServeOptions::default() }
    }
}

/// Serves a listener until `shutdown` completes; then its connections get [`ServeOptions::grace`] to finish their calls.
///
/// Connections above a limit are closed at once. Dropping the future closes all.
pub async fn serve(listener: TcpListener, endpoint: Arc<dyn Endpoint>, limits: Limits, shutdown: impl Future<Output = ()>) {
    let (stop, stopped) = watch::channel(false);
    let options = ServeOptions { stop: Some(stopped), ..limits.options.clone() };
    let counts = Arc::new(Counts::default());
    let mut connections = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    if let Err(error) = accept(stream, &endpoint, &limits, &options, &counts, &mut connections) {
                        tracing::debug!(%error, "connection lost before it began");
                    }
                }
                Err(error) => {
                    // Out of file descriptors, most likely: some will come back.
                    tracing::warn!(%error, "accept failed");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
        }
    }
    drop(listener);
    let _ = stop.send(true);
    // Each ends by itself within the grace; this only keeps a broken one from holding up the end.
    let _ = tokio::time::timeout(options.grace + Duration::from_secs(2), async { while connections.join_next().await.is_some() {} }).await;
}

fn accept(
    stream: TcpStream,
    endpoint: &Arc<dyn Endpoint>,
    limits: &Limits,
    options: &ServeOptions,
    counts: &Arc<Counts>,
    connections: &mut JoinSet<()>,
) -> io::Result<()> {
    let (peer, local) = (stream.peer_addr()?, stream.local_addr()?);
    let Some(counted) = counts.admit(peer.ip(), limits) else {
        tracing::info!(%peer, "too many connections");
        return Ok(());
    };
    stream.set_nodelay(true)?;
    keep_alive(&stream)?;
    let link = Link { peer, local, connection: connection_number(), identity: None };
    let span = tracing::debug_span!("connection", number = link.connection, %peer);
    let (endpoint, options) = (endpoint.clone(), options.clone());
    let serve = async move {
        let (reader, writer) = stream.into_split();
        serve_halves(reader, writer, link, endpoint, options).await;
        drop(counted);
    };
    connections.spawn(serve.instrument(span));
    Ok(())
}

/// A peer that is gone without a word is noticed after about two minutes, whatever its calls wait for.
fn keep_alive(stream: &TcpStream) -> io::Result<()> {
    sockopt::set_tcp_keepidle(stream, Duration::from_secs(60))?;
    sockopt::set_tcp_keepintvl(stream, Duration::from_secs(15))?;
    sockopt::set_tcp_keepcnt(stream, 4)?;
    Ok(sockopt::set_socket_keepalive(stream, true)?)
}

/// Connections by address.
#[derive(Debug, Default)]
struct Counts {
    table: Mutex<HashMap<IpAddr, usize>>,
}

/// One connection's place in the counts.
struct Counted {
    counts: Arc<Counts>,
    address: IpAddr,
}

impl Counts {
    fn admit(self: &Arc<Self>, address: IpAddr, limits: &Limits) -> Option<Counted> {
        let mut table = self.lock();
        let (all, here) = (table.values().sum::<usize>(), table.get(&address).copied().unwrap_or(0));
        if limits.connections_max <= all || limits.connections_per_address_max <= here {
            return None;
        }
        table.insert(address, here + 1);
        drop(table);
        Some(Counted { counts: self.clone(), address })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut table = self.counts.lock();
        if let Some(count) = table.get_mut(&self.address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                table.remove(&self.address);
            }
        }
    }
}
