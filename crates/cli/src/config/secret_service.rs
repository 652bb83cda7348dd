//! Passwords of the desktop's secret service: `org.freedesktop.secrets` over D-Bus, Secret Service API 0.2.
//!
//! The secret comes over a plain session: what listens to the session bus of a user is that user, with all rights to the store.

use crate::report::Failure;
use rwmi_auth::Secret;

/// The one secret with these attributes; a store that is locked is unlocked, which its own window may ask for.
#[cfg(target_os = "linux")]
pub(super) fn read(attributes: Vec<(String, String)>) -> Result<Secret, Failure> {
    // In a thread of its own: a runtime may be at work already where somebody asks.
    let asking = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| bus::Refusal::other(e.to_string()))?;
        runtime.block_on(bus::ask(&attributes))
    });
    let answer = asking.join().unwrap_or_else(|_| Err(bus::Refusal::other("it was given up".into())));
    answer.map_err(|refusal| {
        let failure = Failure::new(format!("the secret service: {}", refusal.why));
        match refusal.hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    })
}

/// There is none that we can ask.
#[cfg(not(target_os = "linux"))]
pub(super) fn read(_: Vec<(String, String)>) -> Result<Secret, Failure> {
    Err(Failure::new("the secret service: it is a service of Linux").hint("use password-command or password-file"))
}

#[cfg(target_os = "linux")]
mod bus {
    use futures_util::StreamExt;
    use rwmi_auth::Secret;
    use std::collections::HashMap;
    use std::time::Duration;
    use zbus::{Connection, OwnedObjectPath, OwnedVariant, Variant};

    const DESTINATION: &str = "org.freedesktop.secrets";
    const PATH: &str = "/org/freedesktop/secrets";
    const SERVICE: &str = "org.freedesktop.Secret.Service";
    const ITEM: &str = "org.freedesktop.Secret.Item";
    const SESSION: &str = "org.freedesktop.Secret.Session";
    const PROMPT: &str = "org.freedesktop.Secret.Prompt";

    /// Longest wait for an answer of the service.
    const ANSWER: Duration = Duration::from_secs(20);
    /// Longest wait for somebody who is asked to unlock the store.
    const PERSON: Duration = Duration::from_secs(120);
    /// Longest password, in octets.
    const PASSWORD_LEN_MAX: usize = 4096;

    pub(super) struct Refusal {
        pub(super) why: String,
        pub(super) hint: Option<String>,
    }

    impl Refusal {
        pub(super) fn other(why: String) -> Refusal {
            Refusal { why, hint: None }
        }
    }

    impl From<zbus::Error> for Refusal {
        fn from(error: zbus::Error) -> Refusal {
            Refusal::other(error.to_string())
        }
    }

    /// Session, parameters, value, content type.
    type Held = (OwnedObjectPath, Vec<u8>, Vec<u8>, String);

    pub(super) async fn ask(attributes: &[(String, String)]) -> Result<Secret, Refusal> {
        let connecting = zbus::connection::Builder::session().method_timeout(ANSWER).build();
        let connected = tokio::time::timeout(ANSWER, connecting).await;
        let bus = match connected {
            Ok(Ok(bus)) => bus,
            failed => {
                let why = failed.map_or_else(|_| "no answer".into(), |f| f.err().map(|e| e.to_string()).unwrap_or_default());
                let why = format!("the session bus cannot be reached: {why}");
                return Err(Refusal {
                    why,
                    hint: Some("DBUS_SESSION_BUS_ADDRESS names it; where nobody is logged on use password-command or password-file".into()),
                });
            }
        };
        let item = find(&bus, attributes).await?;
        let (_, session): (OwnedVariant, OwnedObjectPath) = call(&bus, PATH, SERVICE, "OpenSession", &("plain", Variant::from(""))).await?;
        let secret = call::<_, (Held,)>(&bus, item.as_str(), ITEM, "GetSecret", &(&session,)).await;
        // The service forgets a session with its connection, too.
        let _ = call::<_, ()>(&bus, session.as_str(), SESSION, "Close", &()).await;
        let ((_, _, octets, _),) = secret?;
        if PASSWORD_LEN_MAX < octets.len() {
            drop(Secret::new(String::from_utf8_lossy(&octets)));
            return Err(Refusal::other(format!("the secret is longer than {PASSWORD_LEN_MAX} octets")));
        }
        String::from_utf8(octets).map(Secret::new).map_err(|e| {
            let mut octets = e.into_bytes();
            octets.fill(0);
            Refusal::other("the secret is no text".into())
        })
    }

    /// The one item, unlocked.
    async fn find(bus: &Connection, attributes: &[(String, String)]) -> Result<OwnedObjectPath, Refusal> {
        let wanted: HashMap<&str, &str> = attributes.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let (open, locked): (Vec<OwnedObjectPath>, Vec<OwnedObjectPath>) = call(bus, PATH, SERVICE, "SearchItems", &(wanted,)).await?;
        let words: Vec<String> = attributes.iter().map(|(n, v)| format!("{n} '{v}'")).collect();
        match (open.as_slice(), locked.as_slice()) {
            ([item], []) => Ok(item.clone()),
            ([], [item]) => {
                unlock(bus, item).await?;
                Ok(item.clone())
            }
            ([], []) => Err(Refusal {
                why: format!("it has no password with {}", words.join(", ")),
                hint: Some(format!("secret-tool store --label=rwmi {}", words.join(" "))),
            }),
            _ => Err(Refusal {
                why: format!("it has {} passwords with {}, and one is wanted", open.len() + locked.len(), words.join(", ")),
                hint: Some("name more of its attributes: password-secret = { service = .., user = .. }".into()),
            }),
        }
    }

    async fn unlock(bus: &Connection, item: &OwnedObjectPath) -> Result<(), Refusal> {
        let (open, prompt): (Vec<OwnedObjectPath>, OwnedObjectPath) = call(bus, PATH, SERVICE, "Unlock", &(vec![item],)).await?;
        if open.contains(item) {
            return Ok(());
        }
        let locked = || Refusal { why: "it stays locked".into(), hint: Some("unlock it where you are logged on to the desktop".into()) };
        if prompt.as_str() == "/" {
            return Err(locked());
        }
        let window = zbus::Proxy::new(bus, DESTINATION, prompt.as_str(), PROMPT).await?;
        // Heard before it can be said.
        let mut completed = window.receive_signal("Completed").await?;
        window.call_method("Prompt", &("",)).await?;
        let answer = tokio::time::timeout(PERSON, completed.next()).await;
        let Ok(Some(message)) = answer else { return Err(locked()) };
        let (dismissed, _): (bool, OwnedVariant) = message.body().deserialize()?;
        if dismissed { Err(locked()) } else { Ok(()) }
    }

    async fn call<B, R>(bus: &Connection, path: &str, interface: &str, method: &str, body: &B) -> Result<R, Refusal>
    where
        B: serde::Serialize + zbus::DynamicType,
        R: serde::de::DeserializeOwned + zbus::Type,
    {
        match bus.call_method(Some(DESTINATION), path, Some(interface), method, body).await {
            Ok(message) => Ok(message.body().deserialize()?),
            Err(zbus::Error::FDO(error)) if matches!(*error, zbus::fdo::Error::ServiceUnknown(_) | zbus::fdo::Error::NameHasNoOwner(_)) => {
                Err(Refusal {
                    why: "nothing on the session bus is one".into(),
                    hint: Some("GNOME's keyring, KWallet and KeePassXC are; else use password-command or password-file".into()),
                })
            }
            Err(error) => Err(error.into()),
        }
    }
}
