//! Reads every value of every row of a query, and counts the rows.
//!
//! `RWMI_PASSWORD=... drain ADDRESS USER LEVEL QUERY` prints how many rows, in how many seconds, with how many MiB at most.
//! LEVEL is connect, pkt, integrity or privacy. A query of `Rwmi_Row` goes to `root\test`, any other to `root\cimv2`.

use rwmi_client::{AuthLevel, Client, Credentials};
use std::time::Instant;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let [address, user, level, query] =
        std::env::args().skip(1).collect::<Vec<_>>().try_into().map_err(|_| "usage: drain ADDRESS USER LEVEL QUERY")?;
    let level = match level.as_str() {
        "connect" => AuthLevel::Connect,
        "pkt" => AuthLevel::Packet,
        "integrity" => AuthLevel::Integrity,
        "privacy" => AuthLevel::Privacy,
        other => return Err(format!("{other:?} is no level").into()),
    };
    let namespace = if query.contains("Rwmi_Row") { r"root\test" } else { r"root\cimv2" };
    let credentials = Credentials::new(&user, std::env::var("RWMI_PASSWORD")?)?;
    let client = Client::builder(&address).credentials(credentials).authentication(level).connect().await?;
    let namespace = client.namespace(namespace).await?;
    let start = Instant::now();
    let mut rows = namespace.query(query).objects().await?;
    let (mut count, mut values) = (0u64, 0u64);
    while let Some(row) = rows.next().await {
        for (_, value) in row?.iter() {
            values += u64::from(!std::hint::black_box(value?).is_null());
        }
        count += 1;
    }
    let seconds = start.elapsed().as_secs_f64();
    client.close().await;
    eprintln!("{values} values");
    println!("{count} {seconds:.3} {:.1}", peak_mib()?);
    Ok(())
}

/// Most memory that this process had at a time.
fn peak_mib() -> Result<f64, Box<dyn std::error::Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).ok_or("no VmHWM in /proc/self/status")?;
    Ok(line.split_whitespace().next().ok_or("an empty VmHWM")?.parse::<f64>()? / 1024.0)
}
