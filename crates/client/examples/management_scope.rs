//! `new ManagementScope("\\\\Computer_B\\root\\cimv2")`, `Connect`, `ObjectQuery`, `ManagementObjectSearcher`
//!
//! `RWMI_USER=... RWMI_PASSWORD=... management_scope [HOST]`

use rwmi_client::forms::{ConnectionOptions, ImpersonationLevel, ManagementObjectSearcher, ManagementScope, ObjectQuery};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let computer = std::env::args().nth(1).unwrap_or("Computer_B".into());

    let mut options = ConnectionOptions::default();
    options.impersonation = ImpersonationLevel::Impersonate;
    let scope = ManagementScope::with_options(&format!(r"\\{computer}\root\cimv2"), options)?;
    scope.connect().await?;
    let query = ObjectQuery::new("SELECT * FROM Win32_OperatingSystem");
    let searcher = ManagementObjectSearcher::new(&scope, query);
    let mut systems = searcher.get().await?;
    while let Some(system) = systems.next().await {
        let system = system?;
        println!("{} {}", system.get::<String>("Caption")?, system.get::<String>("Version")?);
    }
    Ok(())
}
