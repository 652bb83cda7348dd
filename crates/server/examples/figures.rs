//! Figures of the repository and the providers, without the wire (docs/performance.md):
//!
//! - `figures tree DIRECTORY CLASSES` makes a repository with a tree of that many classes, an instance of each;
//! - `figures open DIRECTORY` opens it, and asks a query that reaches all of them;
//! - `figures writes DIRECTORY SECONDS` puts instances one by one, durably, and the same octets into the store alone;
//! - `figures providers SECONDS` reads classes of this machine, and the files that they come from, raw.
//!
//! Nothing here passes or fails.

use redb::{Database, TableDefinition};
use rwmi_cim::schema::{ClassDecl, PropertyDecl, derive};
use rwmi_cim::{
    CimType, Class, DynProvider, Enumerate, Instance, Operation, PutOptions, Qualifier, Qualifiers, RequestContext, Sink, Value,
};
use rwmi_linux::{LinuxProvider, RowProvider, Source};
use rwmi_server::store::Repository;
use rwmi_server::{Broker, Options, Schema};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

type Done = Result<(), Box<dyn Error>>;

const NAMESPACE: &str = r"root\cimv2";

#[tokio::main]
async fn main() -> Done {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match &args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["tree", directory, classes] => tree(Path::new(directory), classes.parse()?),
        ["open", directory] => open(Path::new(directory)).await,
        ["writes", directory, seconds] => writes(Path::new(directory), Duration::from_secs(seconds.parse()?)).await,
        ["providers", seconds] => providers(Duration::from_secs_f64(seconds.parse()?)).await,
        _ => Err("usage: figures tree DIRECTORY CLASSES | open DIRECTORY | writes DIRECTORY SECONDS | providers SECONDS".into()),
    }
}

fn schema() -> Schema {
    Schema { test: true }
}

/// A class with a key of its own at the top, and two properties below: each has eight children, until there are enough.
fn class(at: usize, above: Option<&Arc<Class>>) -> Result<Class, Box<dyn Error>> {
    let property = |name: String, ty: CimType, qualifiers: Vec<Qualifier>| PropertyDecl {
        name,
        ty: ty.scalar(),
        class: None,
        qualifiers: Qualifiers(qualifiers),
        default: Value::Null,
    };
    let mut own = ClassDecl { name: format!("Figure_{at}"), ..ClassDecl::default() };
    own.qualifiers.set(Qualifier::string("Description", "A class of a large tree.", 0));
    if above.is_none() {
        own.properties.push(property("Name".into(), CimType::String, vec![Qualifier::flag("key", 0x13)]));
    }
    own.properties.push(property(format!("Text{at}"), CimType::String, Vec::new()));
    own.properties.push(property(format!("Count{at}"), CimType::Uint32, Vec::new()));
    Ok(derive(above, own)?)
}

fn tree(directory: &Path, count: usize) -> Done {
    let begun = Instant::now();
    let repository = Repository::open(directory, &schema())?;
    let mut classes: Vec<Arc<Class>> = Vec::new();
    for at in 0..count {
        let above = at.checked_sub(1).map(|n| &classes[n / 8]);
        classes.push(Arc::new(class(at, above)?));
    }
    for part in classes.chunks(2000) {
        repository.write(|batch| {
            part.iter().try_for_each(|class| {
                let class = batch.put_class(NAMESPACE, class, &PutOptions::default())?;
                let mut instance = Instance::new(class.clone());
                let _ = instance.set("Name", class.name.as_str());
                batch.put_instance(NAMESPACE, &instance, &PutOptions::default()).map(drop)
            })
        })?;
    }
    println!("{count} classes, an instance of each: written in {:.1} s", begun.elapsed().as_secs_f64());
    Ok(())
}

async fn open(directory: &Path) -> Done {
    let before = resident()?;
    let begun = Instant::now();
    let repository = Arc::new(Repository::open(directory, &schema())?);
    let opened = begun.elapsed();
    println!("opened in {:.0} ms; resident {:.0} MiB, before {before:.0} MiB", ms(opened), resident()?);
    let broker = Broker::new(repository, [], "LX1", Duration::from_secs(30));
    for query in ["SELECT * FROM Figure_0", "SELECT Name FROM Figure_0 WHERE Name = 'Figure_7'", "SELECT * FROM Figure_19999"] {
        let mut best = Duration::MAX;
        let mut rows = 0;
        for _ in 0..5 {
            let begun = Instant::now();
            rows = ask(&broker, query).await?;
            best = best.min(begun.elapsed());
        }
        println!("{query}: {rows} rows in {:.1} ms (best of 5)", ms(best));
    }
    println!("resident at most {:.0} MiB", peak()?);
    Ok(())
}

async fn ask(broker: &Broker, query: &str) -> Result<usize, Box<dyn Error>> {
    let (sink, rows) = Sink::bounded(256);
    let cx = RequestContext::new("LX1\\figures", NAMESPACE);
    let counting = async {
        let mut count = 0;
        while rows.recv().await.is_ok() {
            count += 1;
        }
        count
    };
    let asking = async {
        let sink = sink;
        broker.run(&cx, Options::default(), Operation::Query(query.into()), &sink).await
    };
    let (asked, count) = tokio::join!(asking, counting);
    asked?;
    Ok(count)
}

async fn writes(directory: &Path, time: Duration) -> Done {
    let repository = Arc::new(Repository::open(directory, &schema())?);
    let made = Arc::new(class(0, None)?);
    let class = repository.write(|batch| batch.put_class(NAMESPACE, &made, &PutOptions::default()))?;
    let instance = |n: usize| {
        let mut instance = Instance::new(class.clone());
        for (name, value) in [("Name", Value::from(format!("row {n}"))), ("Text0", "some text of a row".into()), ("Count0", 7u32.into())] {
            let _ = instance.set(name, value);
        }
        instance
    };
    let broker = Broker::new(repository.clone(), [], "LX1", Duration::from_secs(30));
    let cx = RequestContext::new("LX1\\figures", NAMESPACE);
    let database = Database::create(directory.join("alone.redb"))?;
    let table = TableDefinition::<&str, &[u8]>::new("rows");
    // In turns, so that whatever else the disk does hits both.
    let (mut ours, mut alone, mut n) = (Duration::ZERO, Duration::ZERO, 0);
    while ours + alone < time {
        for _ in 0..20 {
            n += 1;
            let (sink, _rows) = Sink::bounded(1);
            let begun = Instant::now();
            broker.run(&cx, Options::default(), Operation::Put { instance: instance(n), options: PutOptions::default() }, &sink).await?;
            ours += begun.elapsed();
        }
        for at in n - 20..n {
            let begun = Instant::now();
            let transaction = database.begin_write()?;
            // About what an instance is stored as.
            transaction.open_table(table)?.insert(format!("figure_0\0row {at}").as_str(), &[7u8; 120][..])?;
            transaction.commit()?;
            alone += begun.elapsed();
        }
    }
    let each = |time: Duration| n as f64 / time.as_secs_f64();
    println!("one by one, durable: {:.0} a second; the store alone: {:.0} a second; {n} of each", each(ours), each(alone));
    let begun = Instant::now();
    repository.write(|batch| {
        (0..10_000).try_for_each(|at| batch.put_instance(NAMESPACE, &instance(n + 1 + at), &PutOptions::default()).map(drop))
    })?;
    println!("10,000 in one transaction: {:.0} a second", 10_000.0 / begun.elapsed().as_secs_f64());
    Ok(())
}

/// Classes, and the files that they are read from: `*` is any name, a `/` at the end lists, a `@` reads a link.
const SOURCES: &[(&str, &[&str])] = &[
    (
        "Win32_Process",
        &["/proc/*/stat", "/proc/*/status", "/proc/*/exe@", "/proc/*/cmdline", "/proc/*/io", "/proc/*/fd/", "/proc/*/sessionid"],
    ),
    ("Win32_UserAccount", &["/etc/passwd", "/etc/shadow", "/etc/group"]),
    ("Win32_Environment", &["/etc/environment", "/etc/default/locale"]),
    (
        "Win32_NetworkAdapterConfiguration",
        &[
            "/proc/net/route",
            "/proc/net/ipv6_route",
            "/proc/net/if_inet6",
            "/proc/net/fib_trie",
            "/etc/resolv.conf",
            "/sys/class/net/*/ifindex",
            "/sys/class/net/*/type",
            "/sys/class/net/*/address",
            "/sys/class/net/*/mtu",
        ],
    ),
    ("Win32_LogicalDisk", &["/proc/self/mountinfo"]),
    ("Win32_OperatingSystem", &["/proc/meminfo", "/proc/cpuinfo", "/proc/self/mountinfo", "/etc/os-release", "/proc/"]),
    ("Win32_ComputerSystem", &["/proc/meminfo", "/proc/cpuinfo", "/proc/cmdline"]),
    ("Win32_TimeZone", &["/etc/localtime"]),
];

async fn providers(time: Duration) -> Done {
    let repository = Repository::in_memory(&schema())?;
    let tree = repository.tree();
    let linux: Arc<dyn DynProvider> = Arc::new(LinuxProvider::new(Source::at("/"))?);
    let rows: Arc<dyn DynProvider> = Arc::new(RowProvider::new(100_000));
    let broker = Broker::new(Arc::new(repository), [linux.clone(), rows.clone()], "LX1", Duration::from_secs(30));
    println!("class: instances; instances a second by the provider alone, by a query, and by reading the same files raw");
    for (name, files) in SOURCES {
        let namespace = tree.namespace(NAMESPACE).ok_or("no namespace")?;
        let class = namespace.class(name, false).ok_or(*name)?;
        let count = alone(&*linux, class, NAMESPACE).await?;
        let by_provider = rate(time, count, async || alone(&*linux, class, NAMESPACE).await.map(drop)).await?;
        let query = format!("SELECT * FROM {name}");
        let by_query = rate(time, count, async || ask(&broker, &query).await.map(drop)).await?;
        let raw = rate(time, count, async || {
            std::hint::black_box(files.iter().map(|f| read_raw(f)).sum::<usize>());
            Ok(())
        })
        .await?;
        println!("{name}: {count}; {by_provider:.0}, {by_query:.0}, {raw:.0}");
    }
    let namespace = tree.namespace(r"root\test").ok_or("no namespace")?;
    let class = namespace.class("Rwmi_Row", false).ok_or("Rwmi_Row")?;
    let begun = Instant::now();
    let count = alone(&*rows, class, r"root\test").await?;
    println!("Rwmi_Row: {count}; {:.0} by the provider alone, which reads nothing", count as f64 / begun.elapsed().as_secs_f64());
    Ok(())
}

async fn alone(provider: &dyn DynProvider, class: &Arc<Class>, namespace: &str) -> Result<usize, Box<dyn Error>> {
    let (sink, rows) = Sink::bounded(64);
    let cx = RequestContext::new("LX1\\figures", namespace);
    let counting = async {
        let mut count = 0;
        while let Ok(row) = rows.recv().await {
            std::hint::black_box(row);
            count += 1;
        }
        count
    };
    let asking = async {
        let sink = sink;
        provider.enumerate(&cx, &Enumerate::all(class), &sink).await
    };
    let (asked, count) = tokio::join!(asking, counting);
    asked?;
    Ok(count)
}

/// Instances a second, over about a time.
async fn rate(time: Duration, count: usize, work: impl AsyncFn() -> Done) -> Result<f64, Box<dyn Error>> {
    let (begun, mut rounds) = (Instant::now(), 0);
    while begun.elapsed() < time {
        work().await?;
        rounds += 1;
    }
    Ok((rounds * count) as f64 / begun.elapsed().as_secs_f64())
}

/// Octets of all files that a pattern names.
fn read_raw(pattern: &str) -> usize {
    let Some((above, below)) = pattern.split_once("/*/") else { return read_one(Path::new(pattern.trim_end_matches('@')), pattern) };
    let names = std::fs::read_dir(above).into_iter().flatten().flatten().map(|e| e.path());
    let numbered = |p: &PathBuf| above != "/proc" || p.file_name().is_some_and(|n| n.as_encoded_bytes()[0].is_ascii_digit());
    names.filter(numbered).map(|p| read_one(&p.join(below.trim_end_matches('@')), below)).sum()
}

fn read_one(path: &Path, pattern: &str) -> usize {
    match pattern.as_bytes().last() {
        Some(b'/') => std::fs::read_dir(path).map_or(0, Iterator::count),
        Some(b'@') => std::fs::read_link(path).map_or(0, |p| p.as_os_str().len()),
        _ => std::fs::read(path).map_or(0, |o| o.len()),
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// MiB of this process in memory now, and at most.
fn resident() -> Result<f64, Box<dyn Error>> {
    status("VmRSS:")
}

fn peak() -> Result<f64, Box<dyn Error>> {
    status("VmHWM:")
}

fn status(name: &str) -> Result<f64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|l| l.strip_prefix(name)).ok_or("no such line in /proc/self/status")?;
    Ok(line.split_whitespace().next().ok_or("an empty line in /proc/self/status")?.parse::<f64>()? / 1024.0)
}
