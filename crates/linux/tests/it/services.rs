//! Win32_Service over a private bus with a stand-in for systemd.

use crate::fake_systemd;
use crate::machine::{Bus, class, enumerate, print, recorded, rows, rows_where, tree};
use rwmi_cim::{Enumerate, Value, WbemStatus};
use rwmi_linux::{LinuxProvider, Source};
use std::time::Duration;

fn provider(bus: &Bus) -> LinuxProvider {
    LinuxProvider::new(Source::at(tree()).with_dbus_address(&bus.address)).unwrap()
}

#[tokio::test]
async fn services_are_the_units_of_systemd() {
    let bus = Bus::start();
    let _systemd = fake_systemd::serve(&bus.address, &tree().join("systemd.json")).await.unwrap();
    let rows = rows(&provider(&bus), "Win32_Service").await;
    insta::assert_snapshot!(print(&rows), @r#"
    Caption = Nightly backup
    Description = Nightly backup
    Name = backup
    Status = Error
    CreationClassName = Win32_Service
    StartMode = Manual
    Started = false
    SystemCreationClassName = Win32_ComputerSystem
    SystemName = LX1
    AcceptPause = false
    AcceptStop = false
    DesktopInteract = false
    DisplayName = Nightly backup
    PathName = /usr/local/bin/nightly --target /srv/data
    ServiceType = Own Process
    StartName = alice
    State = Stopped
    ExitCode = 1066
    ServiceSpecificExitCode = 3
    ProcessId = 0
    DelayedAutoStart = false

    Caption = Regular background program processing daemon
    Description = Regular background program processing daemon
    Name = cron
    Status = OK
    CreationClassName = Win32_Service
    StartMode = Auto
    Started = true
    SystemCreationClassName = Win32_ComputerSystem
    SystemName = LX1
    AcceptPause = false
    AcceptStop = true
    DesktopInteract = false
    DisplayName = Regular background program processing daemon
    PathName = /usr/sbin/cron -f
    ServiceType = Own Process
    StartName = root
    State = Running
    ExitCode = 0
    ServiceSpecificExitCode = 0
    ProcessId = 560
    DelayedAutoStart = false

    Caption = D-Bus System Message Bus
    Description = D-Bus System Message Bus
    Name = dbus
    Status = OK
    CreationClassName = Win32_Service
    StartMode = Manual
    Started = true
    SystemCreationClassName = Win32_ComputerSystem
    SystemName = LX1
    AcceptPause = false
    AcceptStop = false
    DesktopInteract = false
    DisplayName = D-Bus System Message Bus
    PathName = /usr/bin/dbus-daemon --system --address=systemd: --nofork
    ServiceType = Own Process
    StartName = messagebus
    State = Running
    ExitCode = 0
    ServiceSpecificExitCode = 0
    ProcessId = 520
    DelayedAutoStart = false

    Caption = Getty on tty1
    Description = Getty on tty1
    Name = getty@tty1
    Status = OK
    CreationClassName = Win32_Service
    StartMode = Auto
    Started = true
    SystemCreationClassName = Win32_ComputerSystem
    SystemName = LX1
    AcceptPause = false
    AcceptStop = true
    DesktopInteract = false
    DisplayName = Getty on tty1
    PathName = /sbin/agetty -o "-p -- \u" --noclear tty1
    ServiceType = Own Process
    StartName = root
    State = Running
    ExitCode = 0
    ServiceSpecificExitCode = 0
    ProcessId = 900
    DelayedAutoStart = false

    Caption = A high performance web server and a reverse proxy server
    Description = A high performance web server and a reverse proxy server
    Name = nginx
    Status = OK
    CreationClassName = Win32_Service
    StartMode = Auto
    Started = true
    SystemCreationClassName = Win32_ComputerSystem
    SystemName = LX1
    AcceptPause = false
    AcceptStop = true
    DesktopInteract = false
    DisplayName = A high performance web server and a reverse proxy server
    PathName = /usr/sbin/nginx -g "daemon on; master_process on;"
    ServiceType = Own Process
    StartName = root
    State = Running
    ExitCode = 0
    ServiceSpecificExitCode = 0
    ProcessId = 640
    DelayedAutoStart = false

    Caption = PostgreSQL RDBMS
    Description = PostgreSQL RDBMS
    Name = postgresql
    Status = OK
    CreationClassName = Win32_Service
    StartMode = Auto
    Started = true
    SystemCreationClassName = Win32_ComputerSystem
    SystemName = LX1
    AcceptPause = false
    AcceptStop = false
    DesktopInteract = false
    DisplayName = PostgreSQL RDBMS
    PathName = /bin/true
    ServiceType = Own Process
    StartName = postgres
    State = Start Pending
    ExitCode = 0
    ServiceSpecificExitCode = 0
    ProcessId = 0
    DelayedAutoStart = false

    Caption = fast remote file copy program daemon
    Description = fast remote file copy program daemon
    Name = rsync
    Status = OK
    CreationClassName = Win32_Service
    StartMode = Manual
    Started = false
    SystemCreationClassName = Win32_ComputerSystem
    SystemName = LX1
    AcceptPause = false
    AcceptStop = false
    DesktopInteract = false
    DisplayName = fast remote file copy program daemon
    PathName = /usr/bin/rsync --daemon --no-detach
    ServiceType = Own Process
    StartName = root
    State = Stopped
    ExitCode = 1077
    ServiceSpecificExitCode = 0
    ProcessId = 0
    DelayedAutoStart = false

    Caption = OpenBSD Secure Shell server
    Description = OpenBSD Secure Shell server
    Name = ssh
    Status = OK
    CreationClassName = Win32_Service
    StartMode = Auto
    Started = true
    SystemCreationClassName = Win32_ComputerSystem
    SystemName = LX1
    AcceptPause = false
    AcceptStop = true
    DesktopInteract = false
    DisplayName = OpenBSD Secure Shell server
    PathName = /usr/sbin/sshd -D
    ServiceType = Own Process
    StartName = root
    State = Running
    ExitCode = 0
    ServiceSpecificExitCode = 0
    ProcessId = 610
    DelayedAutoStart = false

    Caption = sudo.service
    Description = sudo.service
    Name = sudo
    Status = OK
    CreationClassName = Win32_Service
    StartMode = Disabled
    Started = false
    SystemCreationClassName = Win32_ComputerSystem
    SystemName = LX1
    AcceptPause = false
    AcceptStop = false
    DesktopInteract = false
    DisplayName = sudo.service
    ServiceType = Own Process
    StartName = root
    State = Stopped
    ExitCode = 1077
    ServiceSpecificExitCode = 0
    ProcessId = 0
    DelayedAutoStart = false
    "#);
}

#[tokio::test]
async fn a_service_is_found_by_its_name_in_any_case() {
    let bus = Bus::start();
    let _systemd = fake_systemd::serve(&bus.address, &tree().join("systemd.json")).await.unwrap();
    let provider = provider(&bus);
    for (name, expect) in
        [(Value::from("NGINX"), 1), (Value::from("getty@tty1"), 1), (Value::from("nginx.service"), 0), (Value::Uint32(1), 9)]
    {
        let rows = rows_where(&provider, "Win32_Service", &[("Name", name)]).await.unwrap();
        assert_eq!(rows.len(), expect);
    }
}

#[tokio::test]
async fn only_what_is_wanted_is_asked_of_systemd() {
    let bus = Bus::start();
    let _systemd = fake_systemd::serve(&bus.address, &tree().join("systemd.json")).await.unwrap();
    let class = class("Win32_Service");
    let wanted = ["Name".to_owned(), "State".to_owned()];
    let mut req = Enumerate::all(&class);
    req.wanted = Some(&wanted);
    let rows = enumerate(&provider(&bus), &req).await.unwrap();
    assert_eq!(rows.len(), 9);
    assert!(rows.iter().all(|r| r.get::<String>("State").is_ok() && r.get::<Option<String>>("PathName").unwrap().is_none()));
}

#[tokio::test]
async fn a_machine_without_systemd_has_no_services() {
    assert_eq!(rows(&recorded(), "Win32_Service").await, []);
}

#[tokio::test]
async fn a_bus_that_cannot_be_reached_is_a_failure() {
    let dir = tempfile::tempdir().unwrap();
    let address = format!("unix:path={}/bus", dir.path().display());
    let provider = LinuxProvider::new(Source::at(tree()).with_dbus_address(address)).unwrap();
    assert_eq!(rows_where(&provider, "Win32_Service", &[]).await, Err(WbemStatus::PROVIDER_FAILURE));
}

#[tokio::test]
async fn a_bus_without_systemd_is_a_failure() {
    let bus = Bus::start();
    assert_eq!(rows_where(&provider(&bus), "Win32_Service", &[]).await, Err(WbemStatus::PROVIDER_FAILURE));
}

#[tokio::test]
async fn a_bus_that_says_nothing_ends_at_the_deadline() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bus");
    let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let mut source = Source::at(tree()).with_dbus_address(format!("unix:path={}", path.display()));
    source.dbus_deadline = Duration::from_millis(50);
    let provider = LinuxProvider::new(source).unwrap();
    assert_eq!(rows_where(&provider, "Win32_Service", &[]).await, Err(WbemStatus::PROVIDER_TIMED_OUT));
}
