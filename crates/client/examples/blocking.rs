//! Without an asynchronous runtime: each form with calls that wait.
//!
//! `RWMI_USER=... RWMI_PASSWORD=... blocking [HOST]`

use rwmi_client::blocking;
use rwmi_client::forms::{CimSessionOptions, ConnectionOptions, Enumerator, get_wmi_object};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let computer = std::env::args().nth(1).unwrap_or("Computer_B".into());
    let path = format!(r"\\{computer}\root\cimv2");
    let query = "SELECT * FROM Win32_OperatingSystem";
    let print = |caption: String, version: String| println!("{caption} {version}");

    for system in get_wmi_object("Win32_OperatingSystem").computer_name(&computer).run_blocking()? {
        let system = system?.object;
        print(system.get("Caption")?, system.get("Version")?);
    }

    for system in blocking::get_object(&format!("winmgmts:{path}"))?.exec_query(query)? {
        let system = system?;
        print(system.get("Caption")?, system.get("Version")?);
    }

    for system in blocking::cim_session(Some(&computer), CimSessionOptions::default())?.query_instances(r"root\cimv2", "WQL", query)? {
        let system = system?;
        print(system.get("Caption")?, system.get("Version")?);
    }

    let scope = blocking::management_scope(&path, ConnectionOptions::default())?;
    for system in scope.searcher(query).get()? {
        let system = system?;
        print(system.get("Caption")?, system.get("Version")?);
    }

    let services = blocking::connect_server(&path, None, None, None, 0, None, None)?;
    let (systems, _) = services.exec_query("WQL", query, 0x30, None)?.next(Enumerator::INFINITE, 10)?;
    for system in systems.iter().filter_map(|entity| entity.as_instance()) {
        print(system.get("Caption")?, system.get("Version")?);
    }
    Ok(())
}
