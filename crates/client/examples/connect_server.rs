//! `IWbemLocator::ConnectServer`, `IWbemServices::ExecQuery`, `IEnumWbemClassObject::Next`
//!
//! `RWMI_USER=... RWMI_PASSWORD=... connect_server [HOST]`

use rwmi_client::forms::{Enumerator, Locator, flags};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let computer = std::env::args().nth(1).unwrap_or("Computer_B".into());

    let locator = Locator::new();
    let services = locator
        .connect_server(
            &format!(r"\\{computer}\root\cimv2"),
            None, // user: the caller's own
            None, // password: the caller's own
            None, // locale
            0,    // security flags
            None, // authority
            None, // context
        )
        .await?;
    let query = "SELECT * FROM Win32_OperatingSystem";
    let mut systems = services.exec_query("WQL", query, flags::FORWARD_ONLY | flags::RETURN_IMMEDIATELY, None).await?;
    loop {
        let (batch, _) = systems.next(Enumerator::INFINITE, 1).await?;
        if batch.is_empty() {
            return Ok(());
        }
        for system in batch.iter().filter_map(|entity| entity.as_instance()) {
            println!("{} {}", system.get::<String>("Caption")?, system.get::<String>("Version")?);
        }
    }
}
