//! What an enumerator takes from: the results of an operation, or events as they come.

use super::services::Place;
use crate::broker::events::{Notice, Subscription};
use crate::cursor::{Cursor, End, Taken};
use rwmi_cim::Entity;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

pub(super) enum Rows {
    Results(Cursor),
    Events(Events),
}

/// Events, and whether there will be no more.
pub(super) struct Events {
    subscription: Subscription,
    over: bool,
    /// For whom localised texts are added, where they are asked for.
    texts: Option<Arc<Place>>,
}

impl From<Cursor> for Rows {
    fn from(cursor: Cursor) -> Rows {
        Rows::Results(cursor)
    }
}

impl Rows {
    /// Events of a subscription; with localised texts as the client of a place has them.
    pub(super) fn events(subscription: Subscription, texts: Option<Arc<Place>>) -> Rows {
        Rows::Events(Events { subscription, over: false, texts })
    }
}

impl Rows {
    /// Takes up to `count` rows, waiting for them until a time.
    pub(super) async fn take(&mut self, count: usize, wait: Duration) -> Taken {
        match self {
            Rows::Results(cursor) => cursor.take(count, wait).await,
            Rows::Events(events) => events.take(count, wait).await,
        }
    }

    /// Takes `count` rows if they are there; nothing else, and no failure. Events are not taken before they are asked for.
    pub(super) fn take_ready(&mut self, count: usize) -> Option<Taken> {
        match self {
            Rows::Results(cursor) => cursor.take_ready(count),
            Rows::Events(_) => None,
        }
    }

    /// Completes when `count` rows more are there, or no more will come; `None` where that is not to be waited for.
    pub(super) fn when_ready(&self, count: usize) -> Option<impl Future<Output = ()> + Send + 'static> {
        match self {
            Rows::Results(cursor) => Some(cursor.when_ready(count)),
            Rows::Events(_) => None,
        }
    }

    /// Puts rows back that were taken and did not fit; they come first again.
    pub(super) fn put_back(&mut self, rows: Vec<Entity>) {
        match self {
            Rows::Results(cursor) => cursor.put_back(rows),
            Rows::Events(events) => {
                events
                    .subscription
                    .put_back(rows.into_iter().filter_map(|r| if let Entity::Instance(o) = r { Some(o) } else { None }).collect());
            }
        }
    }

    /// Goes back to the first row; `false` where that is not possible.
    pub(super) fn reset(&mut self) -> bool {
        match self {
            Rows::Results(cursor) => cursor.reset(),
            Rows::Events(_) => false,
        }
    }

    /// Another reader at the same place; `None` where that is not possible.
    pub(super) fn fork(&self) -> Option<Rows> {
        match self {
            Rows::Results(cursor) => cursor.fork().map(Rows::Results),
            Rows::Events(_) => None,
        }
    }
}

impl Events {
    async fn take(&mut self, count: usize, wait: Duration) -> Taken {
        if self.over {
            return Taken { rows: Vec::new(), end: End::Exhausted };
        }
        let mut rows = Vec::new();
        for notice in self.subscription.take(count, Instant::now() + wait).await {
            self.over |= matches!(notice, Notice::Ended(_));
            match notice.failure() {
                Ok(event) => rows.push(Entity::Instance(match &self.texts {
                    Some(place) => place.realm.core.broker.with_texts(&place.request, event),
                    None => event,
                })),
                // What is no event comes alone.
                Err(failure) => return Taken { rows, end: End::Failed(failure) },
            }
        }
        let end = if rows.len() == count { End::Enough } else { End::More };
        Taken { rows, end }
    }
}
