//! `Get-WmiObject Win32_OperatingSystem -ComputerName Computer_B`
//!
//! `RWMI_USER=... RWMI_PASSWORD=... get_wmi_object [HOST]`

use rwmi_client::forms::get_wmi_object;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let computer = std::env::args().nth(1).unwrap_or("Computer_B".into());

    let mut systems = get_wmi_object("Win32_OperatingSystem").computer_name(computer).run()?;
    while let Some(system) = systems.next().await {
        let system = system?.object;
        println!("{} {}", system.get::<String>("Caption")?, system.get::<String>("Version")?);
    }
    Ok(())
}
