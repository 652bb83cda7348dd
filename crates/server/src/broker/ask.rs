//! Several classes asked at once: each provider goes its own way, and none waits for another.

use super::pump::{Sieve, Turn, pump};
use super::{Failure, Running, Wanted};
use crate::store::fold;
use futures_util::stream::{FuturesUnordered, StreamExt};
use rwmi_cim::{Class, Enumerate, WbemStatus};
use std::sync::Arc;

/// Classes of one provider that are asked at once. A provider that answers none of them takes that much less time to time
/// out.
const AT_ONCE: usize = 8;

/// What is wanted of a class and what becomes of its objects; `None` asks it for nothing.
type Plan<'p, 's> = dyn Fn(&'s Arc<Class>) -> Result<Option<(Wanted, Sieve<'s>)>, Failure> + Sync + 'p;

/// A class that is asked, and its place among all that are.
type Placed<'s> = (usize, &'s Arc<Class>);

/// What became of one of several things: nothing to tell, or a failure that does not stop the others. An error stops all.
pub(super) type Kept = Result<Option<Failure>, Failure>;

/// Waits for all of them, and gives the failure of the first in order that has one.
pub(super) async fn together(all: impl IntoIterator<Item = impl Future<Output = Kept>>) -> Kept {
    let mut running: FuturesUnordered<_> = all.into_iter().enumerate().map(|(place, one)| async move { (place, one.await) }).collect();
    let mut first = First::default();
    while let Some((place, kept)) = running.next().await {
        first.note(place, kept?);
    }
    Ok(first.failure())
}

/// The failure that comes first in the order of what was asked, whichever was first in time.
#[derive(Default)]
struct First(Option<(usize, Failure)>);

impl First {
    fn note(&mut self, place: usize, failure: Option<Failure>) {
        if let Some(failure) = failure
            && self.0.as_ref().is_none_or(|(first, _)| place < *first)
        {
            self.0 = Some((place, failure));
        }
    }

    fn failure(self) -> Option<Failure> {
        self.0.map(|(_, failure)| failure)
    }
}

impl<'a> Running<'a> {
    /// Delivers the instances of exactly these classes, of each through the sieve that `plan` has for it; none where it has
    /// none. Providers are asked at the same time. The objects of one provider come in the order of the classes.
    pub(super) async fn ask<'s>(&self, classes: impl IntoIterator<Item = &'s Arc<Class>>, plan: &Plan<'_, 's>) -> Kept {
        let mut lanes: Vec<(String, Vec<Placed<'s>>)> = Vec::new();
        for (place, class) in classes.into_iter().filter(|c| !c.is_abstract()).enumerate() {
            let provider = class.provider().map(fold).unwrap_or_default();
            match lanes.iter_mut().find(|(p, _)| *p == provider) {
                Some((_, lane)) => lane.push((place, class)),
                None => lanes.push((provider, vec![(place, class)])),
            }
        }
        let mut running: FuturesUnordered<_> = lanes.into_iter().map(|(_, lane)| self.lane(lane, plan)).collect();
        let mut first = First::default();
        while let Some(lane) = running.next().await {
            if let Some((place, failure)) = lane?.0 {
                first.note(place, Some(failure));
            }
            if self.outlet.is_full() {
                return Ok(None);
            }
        }
        Ok(first.failure())
    }

    /// The classes of one provider.
    async fn lane<'s>(&self, classes: Vec<Placed<'s>>, plan: &Plan<'_, 's>) -> Result<First, Failure> {
        let (mut classes, mut next) = (classes.into_iter(), Turn::default());
        let (mut asked, mut first) = (FuturesUnordered::new(), First::default());
        loop {
            while asked.len() < AT_ONCE
                && let Some((place, class)) = classes.next()
            {
                let (ended, after) = Turn::after();
                let mut turn = std::mem::replace(&mut next, after);
                asked.push(async move {
                    let _ended = ended;
                    let kept = match plan(class) {
                        Ok(Some((wanted, sieve))) => self.instances(class, &wanted, sieve, &mut turn).await,
                        Ok(None) => Ok(None),
                        Err(failure) => Err(failure),
                    };
                    // Whoever comes after this one comes after those before it.
                    turn.come().await;
                    (place, kept)
                });
            }
            let Some((place, kept)) = asked.next().await else { return Ok(first) };
            first.note(place, kept?);
            if self.outlet.is_full() {
                return Ok(first);
            }
        }
    }

    /// Delivers the instances of exactly this class. A provider's failure is kept and the next class asked; only the reader's
    /// going away ends it all.
    pub(super) async fn instances(&self, class: &Arc<Class>, wanted: &Wanted, mut sieve: Sieve<'_>, turn: &mut Turn) -> Kept {
        let result = match class.provider() {
            Some(name) => match self.broker.providers.get(&fold(name)) {
                Some(provider) => {
                    let mut request = Enumerate::all(class);
                    request.wanted = wanted.properties.as_deref();
                    request.equal = &wanted.equal;
                    pump(&**provider, self.cx, &request, self.broker.silence_max, &self.outlet, turn, &mut sieve).await
                }
                None => Err(Failure::new(WbemStatus::PROVIDER_NOT_FOUND, format!("no provider {name:?} serves {}", class.name))),
            },
            None => {
                turn.come().await;
                let mut result = Ok(());
                for instance in self.broker.own_instances(self.tree, self.namespace, class) {
                    result = self.outlet.deliver(instance.into(), &mut sieve).await;
                    if result.is_err() || self.outlet.is_full() {
                        break;
                    }
                }
                result
            }
        };
        match result {
            Ok(()) => Ok(None),
            Err(failure) if failure.status == WbemStatus::CALL_CANCELLED => Err(failure),
            Err(failure) => {
                tracing::warn!(class = class.name, user = self.cx.user, %failure, "a class could not be read");
                Ok(Some(failure))
            }
        }
    }
}

#[cfg(test)]
mod tests;
