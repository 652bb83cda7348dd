//! What goes on in a server without a call: events that nobody asked for over the network.

use crate::broker::{Broker, Keeper};
use std::sync::Arc;
use tokio::sync::watch;

/// Runs until the server stops. The permanent subscriptions listen already: they hear of timers that passed while it was down.
pub(super) async fn run(broker: Arc<Broker>, keeper: Keeper, stopped: watch::Receiver<bool>) {
    let timers = broker.events().clone().run_timers();
    tokio::select! {
        () = timers => {}
        () = keeper.run() => {}
        () = super::until(stopped) => {}
    }
}
