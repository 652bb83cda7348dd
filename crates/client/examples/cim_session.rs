//! `CimSession.Create("Computer_B")`, then `QueryInstances(namespace, "WQL", query)`
//!
//! `RWMI_USER=... RWMI_PASSWORD=... cim_session [HOST]`

use rwmi_client::forms::CimSession;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let computer = std::env::args().nth(1).unwrap_or("Computer_B".into());

    let session = CimSession::create(&computer);
    let mut systems = session.query_instances(r"root\cimv2", "WQL", "SELECT * FROM Win32_OperatingSystem").await?;
    while let Some(system) = systems.next().await {
        let system = system?;
        println!("{} {}", system.get::<String>("Caption")?, system.get::<String>("Version")?);
    }
    session.close().await;
    Ok(())
}
