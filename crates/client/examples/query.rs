//! Services of a computer, as values of a type and as objects.
//!
//! `RWMI_PASSWORD=... query HOST USER`

use rwmi_client::{Client, Credentials};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename = "Win32_Service", rename_all = "PascalCase")]
struct Service {
    name: String,
    state: String,
    process_id: Option<u32>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let [host, user] = std::env::args().skip(1).collect::<Vec<_>>().try_into().map_err(|_| "usage: query HOST USER")?;
    let client = Client::builder(&host).credentials(Credentials::new(&user, std::env::var("RWMI_PASSWORD")?)?).connect().await?;
    let cimv2 = client.namespace(r"root\cimv2").await?;

    // What the structure names is what is asked for.
    for service in cimv2.all::<Service>().await? {
        println!("{:40} {:10} {:?}", service.name, service.state, service.process_id);
    }

    // Without a type: rows as they come.
    let mut rows = cimv2.query("SELECT Caption, Version FROM Win32_OperatingSystem").objects().await?;
    while let Some(row) = rows.next().await {
        let row = row?;
        println!("{} {}", row.get::<String>("Caption")?, row.get::<String>("Version")?);
    }
    client.close().await;
    Ok(())
}
