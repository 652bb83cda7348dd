//! Events through one temporary subscription, over loopback at packet privacy, with none lost (docs/performance.md).
//!
//! `events ADDRESS COUNT` serves on the address, on ports of the system's choice, subscribes, and prints events a second: of a
//! provider that tells them as fast as they are taken, then of instances that a second client creates in transactions of 400.
//! At most 900 are under way: the queue of a subscription holds 1,000, and what does not fit is dropped and told.

use rwmi_cim::schema::{ClassDecl, PropertyDecl, derive};
use rwmi_cim::{
    CimType, Class, DynProvider, Enumerate, Instance, Operation, Provider, ProviderResult, Qualifier, RequestContext, Sink, Value,
};
use rwmi_client::{AuthLevel, Client, Credentials, Events, Namespace};
use rwmi_server::{Accounts, Config, Server};
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use tokio::sync::Notify;

type Done = Result<(), Box<dyn Error>>;

const AHEAD_MAX: usize = 900;

/// How many events the reader has taken.
#[derive(Default)]
struct Taken(AtomicUsize, Notify);

impl Taken {
    fn more(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
        self.1.notify_one();
    }

    /// Waits until so many have been taken.
    async fn at_least(&self, count: usize) {
        while self.0.load(Ordering::Relaxed) < count {
            self.1.notified().await;
        }
    }
}

struct Source(Arc<Taken>);

impl Provider for Source {
    fn name(&self) -> &str {
        "figures"
    }

    async fn enumerate(&self, _: &RequestContext, _: &Enumerate<'_>, _: &Sink) -> ProviderResult<()> {
        Ok(())
    }

    async fn events(&self, _: &RequestContext, class: &Arc<Class>, sink: &Sink) -> ProviderResult<()> {
        for n in 0usize.. {
            self.0.at_least(n.saturating_sub(AHEAD_MAX)).await;
            let mut event = Instance::new(class.clone());
            let _ = event.set("Number", n as u32).and_then(|()| event.set("Text", "what happened, in a few words"));
            sink.indicate(event).await?;
        }
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Done {
    let [address, count] = std::env::args().skip(1).collect::<Vec<_>>().try_into().map_err(|_| "usage: events ADDRESS COUNT")?;
    let count: usize = count.parse()?;
    let dir = tempfile::tempdir()?;
    Accounts::with_key(dir.path(), None).add("figures", rwmi_auth::ntlm::nt_hash("figures"), true)?;
    let mut config = Config::default();
    config.server.listen = vec![address.parse()?];
    (config.server.endpoint_port, config.server.object_port) = (0, 0);
    config.server.data_dir = dir.path().to_owned();
    let taken = Arc::new(Taken::default());
    let providers: Vec<Arc<dyn DynProvider>> = vec![Arc::new(Source(taken.clone()))];
    let server = Server::start(config, providers).await?;
    let port = server.addresses()[0].endpoint.port();
    let connect = async || {
        let credentials = Credentials::new(r".\figures", "figures")?;
        let client = Client::builder(&address).credentials(credentials).endpoint_port(port).authentication(AuthLevel::Privacy);
        Ok::<_, Box<dyn Error>>(client.connect().await?)
    };
    let (reader, writer) = (connect().await?, connect().await?);
    let (here, there) = (reader.namespace(r"root\cimv2").await?, writer.namespace(r"root\cimv2").await?);

    let told = derive(
        Some(&here.class("__ExtrinsicEvent").await?),
        declared("Figure_Event", &[("Number", CimType::Uint32), ("Text", CimType::String)], true),
    )?;
    there.put_class(&told, &Default::default()).await?;
    let mut events = here.watch("SELECT * FROM Figure_Event").events().await?;
    read(&mut events, count / 10, &taken).await?;
    let begun = Instant::now();
    read(&mut events, count, &taken).await?;
    println!("of a provider: {count} events, {:.0} a second, none lost", count as f64 / begun.elapsed().as_secs_f64());
    drop(events);

    let made = derive(None, declared("Figure_Row", &[("Name", CimType::String), ("Count", CimType::Uint32)], false))?;
    there.put_class(&made, &Default::default()).await?;
    let class = there.class("Figure_Row").await?;
    let mut events = here.watch("SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA 'Figure_Row'").events().await?;
    taken.0.store(0, Ordering::Relaxed);
    let begun = Instant::now();
    let (read, written) = tokio::join!(read(&mut events, count, &taken), create(&there, &class, count, &taken));
    read?;
    written?;
    println!("of instances created: {count} events, {:.0} a second, none lost", count as f64 / begun.elapsed().as_secs_f64());
    drop(events);
    reader.close().await;
    writer.close().await;
    server.shutdown().await;
    Ok(())
}

/// A class with a key, or one of events.
fn declared(name: &str, properties: &[(&str, CimType)], events: bool) -> ClassDecl {
    let mut own = ClassDecl { name: name.into(), ..ClassDecl::default() };
    for (at, (name, ty)) in properties.iter().enumerate() {
        let mut property =
            PropertyDecl { name: (*name).into(), ty: ty.scalar(), class: None, qualifiers: Default::default(), default: Value::Null };
        if at == 0 && !events {
            property.qualifiers.set(Qualifier::flag("key", 0x13));
        }
        own.properties.push(property);
    }
    if events {
        own.qualifiers.0.extend([Qualifier::flag("dynamic", 0x13), Qualifier::string("provider", "figures", 0x13)]);
    }
    own
}

/// Reads so many; an error, a loss among them, ends it.
async fn read(events: &mut Events, count: usize, taken: &Taken) -> Done {
    for _ in 0..count {
        std::hint::black_box(events.next().await.ok_or("the subscription ended")??);
        taken.more();
    }
    Ok(())
}

async fn create(namespace: &Namespace, class: &Arc<Class>, count: usize, taken: &Taken) -> Done {
    for from in (0..count).step_by(400) {
        let to = count.min(from + 400);
        taken.at_least(to.saturating_sub(AHEAD_MAX)).await;
        let put = |n| {
            let mut instance = Instance::new(class.clone());
            let _ = instance.set("Name", format!("row {n}")).and_then(|()| instance.set("Count", n as u32));
            (r"root\cimv2".to_owned(), Operation::Put { instance, options: Default::default() })
        };
        namespace.write_together(&(from..to).map(put).collect::<Vec<_>>()).await?;
    }
    Ok(())
}
