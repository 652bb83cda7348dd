//! What goes on in a server without a call: events that nobody asked for over the network.

use crate::broker::Broker;
use std::sync::Arc;
use tokio::sync::watch;

/// Runs until the server stops. What is to hear of timers that passed while the server was down subscribes before they go off.
pub(super) async fn run(broker: Arc<Broker>, stopped: watch::Receiver<bool>) {
    let timers = broker.events().clone().run_timers();
    tokio::select! {
        () = timers => {}
        () = super::until(stopped) => {}
    }
}
