//! Connects, queries one row and disconnects, again and again, one after the other.
//!
//! `RWMI_PASSWORD=... sessions ADDRESS USER SECONDS` prints how many, in how many seconds, with how many seconds of CPU.

use rwmi_client::{Client, Credentials};
use std::time::{Duration, Instant};

const QUERY: &str = "SELECT Caption, Version, LastBootUpTime FROM Win32_OperatingSystem";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let [address, user, seconds] =
        std::env::args().skip(1).collect::<Vec<_>>().try_into().map_err(|_| "usage: sessions ADDRESS USER SECONDS")?;
    let credentials = Credentials::new(&user, std::env::var("RWMI_PASSWORD")?)?;
    let (start, time) = (Instant::now(), Duration::from_secs_f64(seconds.parse()?));
    let mut sessions = 0u64;
    while start.elapsed() < time {
        let client = Client::builder(&address).credentials(credentials.clone()).connect().await?;
        let cimv2 = client.namespace(r"root\cimv2").await?;
        let rows = cimv2.query(QUERY).objects().await?.collect().await?;
        let [row] = rows.as_slice() else { return Err(format!("{} rows", rows.len()).into()) };
        row.get::<String>("Caption")?;
        client.close().await;
        sessions += 1;
    }
    println!("{sessions} {:.3} {:.3}", start.elapsed().as_secs_f64(), cpu_seconds()?);
    Ok(())
}

/// CPU time of this process so far, user and system; the kernel counts it in hundredths of a second.
fn cpu_seconds() -> Result<f64, Box<dyn std::error::Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit_once(')').ok_or("no name in /proc/self/stat")?.1;
    let mut ticks = fields.split_whitespace().skip(11).map(str::parse::<u64>);
    let mut next = || ticks.next().ok_or("a short /proc/self/stat");
    Ok((next()?? + next()??) as f64 / 100.0)
}
