//! `GetObject("winmgmts:{impersonationLevel=impersonate}!\\Computer_B\root\cimv2")`, then `ExecQuery`
//!
//! `RWMI_USER=... RWMI_PASSWORD=... moniker [HOST]`

use rwmi_client::forms::get_object;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let computer = std::env::args().nth(1).unwrap_or("Computer_B".into());

    let wmi = get_object(&format!(r"winmgmts:{{impersonationLevel=impersonate}}!\\{computer}\root\cimv2")).await?;
    let mut systems = wmi.exec_query("SELECT * FROM Win32_OperatingSystem").await?;
    while let Some(system) = systems.next().await {
        let system = system?;
        println!("{} {}", system.get::<String>("Caption")?, system.get::<String>("Version")?);
    }
    Ok(())
}
