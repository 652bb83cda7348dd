//! The machine that runs the tests. Its values are its own; that they are there and make sense is not.

use crate::machine::{CLASSES, class, rows};
use rwmi_cim::{Object, Provider};
use rwmi_linux::{LinuxProvider, Source};

#[tokio::test]
async fn every_class_enumerates() {
    let provider = LinuxProvider::new(Source::default()).unwrap();
    assert_eq!(Provider::name(&provider), LinuxProvider::NAME);
    for name in CLASSES {
        for row in rows(&provider, name).await {
            for key in class(name).keys() {
                let value = row.value_at(row.class().property_index(&key.name).unwrap()).unwrap();
                assert!(!value.is_null(), "{name}.{} is NULL in {row:?}", key.name);
            }
        }
    }
}

#[tokio::test]
async fn what_every_machine_has_is_there() {
    let provider = LinuxProvider::new(Source::default()).unwrap();
    let one = async |name: &str| -> Object {
        let mut rows = rows(&provider, name).await;
        assert_eq!(rows.len(), 1, "{name}");
        rows.remove(0)
    };
    let os = one("Win32_OperatingSystem").await;
    for property in ["Caption", "Version", "LastBootUpTime", "LocalDateTime", "OSArchitecture", "CSName"] {
        assert!(os.get::<String>(property).is_ok_and(|v| !v.is_empty()), "{property}");
    }
    let (total, free) = (os.get::<u64>("TotalVisibleMemorySize").unwrap(), os.get::<u64>("FreePhysicalMemory").unwrap());
    assert!(0 < free && free <= total);

    let computer = one("Win32_ComputerSystem").await;
    assert_eq!(computer.get::<u64>("TotalPhysicalMemory").unwrap(), total * 1024);
    assert_eq!(computer.get::<String>("Name"), os.get::<String>("CSName"));
    let processors = rows(&provider, "Win32_Processor").await;
    assert_eq!(processors.len() as u64, computer.get::<u64>("NumberOfProcessors").unwrap());
    let logical: u64 = processors.iter().map(|p| p.get::<u64>("NumberOfLogicalProcessors").unwrap()).sum();
    assert_eq!(logical, computer.get::<u64>("NumberOfLogicalProcessors").unwrap());

    let own = std::process::id();
    let processes = rows(&provider, "Win32_Process").await;
    let this = processes.iter().find(|p| p.get::<u32>("ProcessId") == Ok(own)).expect("this process is listed");
    assert_eq!(this.get::<String>("Handle").unwrap(), own.to_string());
    let executable = std::env::current_exe().unwrap();
    assert_eq!(this.get::<String>("ExecutablePath").unwrap(), executable.to_str().unwrap());
    assert!(this.get::<String>("CommandLine").unwrap().contains(executable.file_name().unwrap().to_str().unwrap()));
    assert!(this.get::<u64>("WorkingSetSize").unwrap() > 0);
    let started = this.get::<rwmi_cim::DateTime>("CreationDate").unwrap().timestamp().unwrap().unix_micros;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_micros() as i64;
    assert!((0..3_600_000_000).contains(&(now - started + 1_000_000)), "started {} s ago", (now - started) / 1_000_000);

    let disks = rows(&provider, "Win32_LogicalDisk").await;
    let root = disks.iter().find(|d| d.get::<String>("DeviceID").as_deref() == Ok("/")).expect("the root is a disk");
    assert!(root.get::<u64>("Size").unwrap() >= root.get::<u64>("FreeSpace").unwrap());
    assert!(rows(&provider, "Win32_UserAccount").await.iter().any(|u| u.get::<String>("Name").as_deref() == Ok("root")));
    one("Win32_TimeZone").await;
}
