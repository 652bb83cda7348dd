//! A stand-in for `org.freedesktop.secrets`: items with attributes on a bus, some locked behind a prompt.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use zbus::object_server::SignalEmitter;
use zbus::{Connection, ObjectServer, OwnedObjectPath, OwnedVariant, Variant};

/// Session, parameters, value, content type.
type Secret = (OwnedObjectPath, Vec<u8>, Vec<u8>, String);

/// A secret and what it is found by.
#[derive(Clone)]
pub(crate) struct Item {
    attributes: Vec<(String, String)>,
    secret: Vec<u8>,
    /// Locked, and whether whoever is asked unlocks it.
    locked: Option<bool>,
}

impl Item {
    pub(crate) fn new(attributes: &[(&str, &str)], secret: &[u8]) -> Item {
        let attributes = attributes.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Item { attributes, secret: secret.to_vec(), locked: None }
    }

    pub(crate) fn locked(self, is_unlocked_when_asked: bool) -> Item {
        Item { locked: Some(is_unlocked_when_asked), ..self }
    }
}

#[derive(Default)]
struct Held {
    items: Mutex<Vec<Item>>,
    sessions: AtomicUsize,
}

/// The service, as long as it is held.
pub(crate) struct Store {
    held: Arc<Held>,
    _bus: Connection,
}

const PATH: &str = "/org/freedesktop/secrets";

fn path(text: impl Into<String>) -> OwnedObjectPath {
    OwnedObjectPath::try_from(text.into()).unwrap()
}

fn item_path(index: usize) -> OwnedObjectPath {
    path(format!("{PATH}/collection/login/{index}"))
}

impl Store {
    pub(crate) async fn serve(address: &str, items: Vec<Item>) -> zbus::Result<Store> {
        let held = Arc::new(Held { items: Mutex::new(items), sessions: AtomicUsize::new(0) });
        let mut builder = zbus::connection::Builder::address(address).serve_at(PATH, Service(held.clone()));
        // As many as any test holds.
        for index in 0..4 {
            builder = builder.serve_at(item_path(index), ItemObject(held.clone(), index));
        }
        let bus = builder.serve_at(PROMPT, Prompt(held.clone())).name("org.freedesktop.secrets").build().await?;
        Ok(Store { held, _bus: bus })
    }

    /// Holds these from now on.
    pub(crate) fn hold(&self, items: Vec<Item>) {
        *self.held.items.lock().unwrap() = items;
    }

    /// Sessions that nobody closed.
    pub(crate) fn sessions(&self) -> usize {
        self.held.sessions.load(Ordering::SeqCst)
    }
}

const PROMPT: &str = "/org/freedesktop/secrets/prompt/p1";

struct Service(Arc<Held>);
struct ItemObject(Arc<Held>, usize);
struct Prompt(Arc<Held>);
struct Session(Arc<Held>, OwnedObjectPath);

#[zbus::interface(name = "org.freedesktop.Secret.Service")]
impl Service {
    async fn open_session(
        &self,
        algorithm: String,
        _input: OwnedVariant,
        #[zbus(object_server)] server: &ObjectServer,
    ) -> zbus::fdo::Result<(OwnedVariant, OwnedObjectPath)> {
        if algorithm != "plain" {
            return Err(zbus::fdo::Error::NotSupported(algorithm));
        }
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let own = path(format!("{PATH}/session/s{}", NEXT.fetch_add(1, Ordering::SeqCst)));
        self.0.sessions.fetch_add(1, Ordering::SeqCst);
        server.at(own.clone(), Session(self.0.clone(), own.clone())).await?;
        Ok((Variant::from("").try_into().unwrap(), own))
    }

    fn search_items(&self, wanted: HashMap<String, String>) -> (Vec<OwnedObjectPath>, Vec<OwnedObjectPath>) {
        let items = self.0.items.lock().unwrap();
        let is_meant = |i: &Item| wanted.iter().all(|(n, v)| i.attributes.iter().any(|(m, w)| m == n && w == v));
        let paths = |locked: bool| {
            let some = items.iter().enumerate().filter(|(_, i)| is_meant(i) && i.locked.is_some() == locked);
            some.map(|(at, _)| item_path(at)).collect()
        };
        (paths(false), paths(true))
    }

    fn unlock(&self, _objects: Vec<OwnedObjectPath>) -> (Vec<OwnedObjectPath>, OwnedObjectPath) {
        (Vec::new(), path(PROMPT))
    }
}

#[zbus::interface(name = "org.freedesktop.Secret.Item")]
impl ItemObject {
    fn get_secret(&self, session: OwnedObjectPath) -> zbus::fdo::Result<(Secret,)> {
        match self.0.items.lock().unwrap().get(self.1) {
            Some(item) if item.locked.is_none() => Ok(((session, Vec::new(), item.secret.clone(), "text/plain".into()),)),
            _ => Err(zbus::fdo::Error::AccessDenied("locked".into())),
        }
    }
}

#[zbus::interface(name = "org.freedesktop.Secret.Prompt")]
impl Prompt {
    async fn prompt(&self, _window: String, #[zbus(signal_emitter)] emitter: SignalEmitter<'_>) -> zbus::fdo::Result<()> {
        let dismissed = {
            let mut items = self.0.items.lock().unwrap();
            let dismissed = items.iter().any(|i| i.locked == Some(false));
            items.iter_mut().filter(|i| i.locked == Some(true)).for_each(|i| i.locked = None);
            dismissed
        };
        Prompt::completed(&emitter, dismissed, Variant::from("")).await?;
        Ok(())
    }

    #[zbus(signal)]
    async fn completed(emitter: &SignalEmitter<'_>, dismissed: bool, result: Variant<'_>) -> zbus::Result<()>;
}

#[zbus::interface(name = "org.freedesktop.Secret.Session")]
impl Session {
    async fn close(&self, #[zbus(object_server)] server: &ObjectServer) -> zbus::fdo::Result<()> {
        self.0.sessions.fetch_sub(1, Ordering::SeqCst);
        server.remove::<Session, _>(self.1.clone()).await?;
        Ok(())
    }
}
