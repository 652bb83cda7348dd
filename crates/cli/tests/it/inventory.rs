//! `rwmi inventory`: a Linux computer, a Windows one, several, and what is not there.

use crate::support::*;
use rwmi_server::{Config, Running, Server as Serving};
use serde_json::{Value as Json, json};
use std::net::TcpListener;

#[path = "../../examples/recorded/provider.rs"]
mod provider;

const PC1: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/windows/pc1");

/// The recorded workstation, served within this process.
pub(crate) struct Workstation {
    place: Place,
    running: Option<Running>,
    runtime: tokio::runtime::Runtime,
    way: [String; 4],
}

impl Workstation {
    pub(crate) fn start(address: &str) -> Workstation {
        Workstation::with(address, |_| {})
    }

    /// With rows that are changed.
    fn with(address: &str, change: impl FnOnce(&mut Json)) -> Workstation {
        let place = Place::new("");
        place.run_fed(&["account", "add", USER, "--admin", "--password-stdin"], PASSWORD).good();
        let mut config = Config::load(Some(&place.config())).unwrap();
        config.server.data_dir = place.data();
        config.server.listen = vec![address.parse().unwrap()];
        (config.server.endpoint_port, config.server.object_port) = (0, 0);
        let mut rows = parsed(&std::fs::read_to_string(format!("{PC1}/rows.json")).unwrap());
        change(&mut rows);
        let file = place.dir.path().join("rows.json");
        std::fs::write(&file, rows.to_string()).unwrap();
        let providers = provider::of(&file).unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let running = runtime.block_on(Serving::start(config, providers)).unwrap();
        let endpoint = running.addresses()[0].endpoint;
        let way = ["-c".to_owned(), endpoint.ip().to_string(), "--endpoint-port".into(), endpoint.port().to_string()];
        let pc = Workstation { place, running: Some(running), runtime, way };
        pc.run(&["mof", "compile"], &[&format!("{PC1}/classes.mof")]).good();
        pc
    }

    fn run(&self, words: &[&str], more: &[&str]) -> Done {
        let mut all: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
        all.extend(self.way.clone());
        all.extend(more.iter().map(|w| (*w).to_owned()));
        let mut command = command(&all);
        command.env("RWMI_USER", USER).env("RWMI_PASSWORD", PASSWORD);
        finish(command)
    }

    /// The port of its endpoint mapper.
    pub(crate) fn port(&self) -> u16 {
        self.way[3].parse().unwrap()
    }

    pub(crate) fn stop(mut self) {
        if let Some(running) = self.running.take() {
            self.runtime.block_on(running.shutdown());
        }
        drop(self.place);
    }
}

fn parsed(text: &str) -> Json {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

#[test]
fn a_windows_computer_is_told_as_glpi_wants_it() {
    let pc = Workstation::start("127.0.105.1");
    let document = parsed(&pc.run(&["inventory"], &[]).good());
    assert_eq!(document["deviceid"], "pc1-2023-04-05-08-11-12");
    let content = &document["content"];
    let check = |section: &str, expect: Json| assert_eq!(content[section], expect, "{section}: {:#}", content[section]);
    check(
        "hardware",
        json!({"name": "pc1", "chassis_type": "Desktop", "uuid": "4C4C4544-0042-3510-8052-B4C04F4E3232", "vmsystem": "Physical",
            "workgroup": "example.test", "lastloggeduser": "erika", "defaultgateway": "192.0.2.1", "dns": "192.0.2.53", "memory": 16265,
            "winprodid": "00330-80000-00000-AA123", "winowner": "Erika Example", "wincompany": "Example Works", "winlang": "1031"}),
    );
    check(
        "operatingsystem",
        json!({"name": "Windows", "full_name": "Microsoft Windows 10 Pro", "version": "22H2", "kernel_name": "MSWin32",
            "kernel_version": "10.0.19045.4412", "arch": "64-bit", "install_date": "2023-04-05 10:11:12", "boot_time": "2024-06-13 07:01:02",
            "dns_domain": "example.test", "fqdn": "pc1.example.test", "timezone": {"name": "W. Europe Standard Time", "offset": "+0200"}}),
    );
    // One property that old systems lack is not the end of a class.
    assert_eq!(content["memories"][1]["capacity"], 8192);
    assert_eq!((&content["memories"][1]["type"], &content["memories"][1]["numslots"]), (&json!("DDR4"), &json!(2)));
    check(
        "drives",
        json!([
            {"letter": "C:", "type": "Local Disk", "volumn": "System", "systemdrive": true, "description": "Local Fixed Disk", "filesystem": "NTFS",
             "free": 192512, "total": 487108, "serial": "7A1BC2D3", "label": "System", "encrypt_status": "Yes", "encrypt_name": "BitLocker", "encrypt_algo": "XTS_AES_128"},
            {"letter": "D:", "type": "Compact Disc", "systemdrive": false, "description": "CD-ROM Disc"},
            {"letter": "H:", "type": "Network Drive", "volumn": "\\\\files\\home", "systemdrive": false, "description": "Network Connection",
             "filesystem": "NTFS", "free": 1048576, "total": 2097152},
            {"volumn": "\\\\?\\Volume{2}\\", "type": "Local Disk", "description": "\\\\?\\Volume{2}\\", "filesystem": "FAT32", "free": 68, "total": 96, "serial": "12345678"},
        ]),
    );
    check(
        "local_groups",
        json!([{"id": "S-1-5-32-544", "name": "Administrators", "members": ["admin", "EXAMPLE\\erika"]}, {"id": "S-1-5-32-546", "name": "Guests"}]),
    );
    check(
        "local_users",
        json!([{"home": "C:\\Users\\admin", "id": "S-1-5-21-1111111111-2222222222-3333333333-1001", "login": "admin", "name": "admin"}]),
    );
    check("users", json!([{"login": "erika", "domain": "EXAMPLE"}]));
    check(
        "processes",
        json!([{"cmd": "System", "pid": 4, "user": ""},
            {"cmd": "C:\\WINDOWS\\Explorer.EXE", "pid": 4711, "user": "EXAMPLE\\erika", "mem": "1.0", "started": "2024-06-13 07:05:00", "virtualmemory": 2152369}]),
    );
    check(
        "firewalls",
        json!([{"profile": "DomainProfile", "status": "on"}, {"profile": "PublicProfile", "status": "on"}, {"profile": "StandardProfile", "status": "off"}]),
    );
    check("envs", json!([{"key": "OS", "val": "Windows_NT"}]));
    check(
        "virtualmachines",
        json!([{"name": "build1", "uuid": "0A6B3C7D-9E10-4B54-9C1A-8F2C1E550D5B", "status": "running", "vmtype": "HyperV",
            "subsystem": "MS HyperV", "memory": 4096, "vcpu": 2, "serial": "1234-5678-90"}]),
    );
    pc.stop();
}

#[test]
fn programs_are_those_of_the_registry() {
    let pc = Workstation::start("127.0.105.2");
    let document = parsed(&pc.run(&["inventory"], &["--without", "processes,envs,drives"]).good());
    assert_eq!(document["content"].get("processes"), None);
    assert_eq!(
        document["content"]["softwares"],
        json!([
            {"name": "Example Office", "version": "16.0.1", "version_major": "16", "version_minor": "0", "publisher": "Example Works",
             "install_date": "2023-04-06", "uninstall_string": "%ProgramFiles%\\Office\\uninstall.exe", "url_info_about": "https://example.test/office",
             "helplink": "https://example.test/help", "filesize": 104_857_600, "no_remove": false,
             "guid": "{26A24AE4-039D-4CA4-87B4-2F64180391F0}", "arch": "x86_64", "from": "registry", "system_category": "application"},
            {"name": "Example Runtime", "guid": "Component", "arch": "x86_64", "from": "registry", "system_category": "system_component"},
            {"name": "Update for Example Office", "release_type": "Hotfix", "guid": "KB123", "arch": "x86_64", "from": "registry", "system_category": "update"},
            {"name": "Editor é", "version": "8.6", "publisher": "Editors", "guid": "Editor", "arch": "i586", "from": "registry", "system_category": "application"},
            {"name": "Chat", "version": "1.2.3", "publisher": "Chatters", "guid": "Chat", "arch": "x86_64", "from": "registry",
             "system_category": "application", "userid": "S-1-5-21-9-8-7-1104", "username": "erika"},
            {"name": "KB5011048", "comments": "Update", "install_date": "2023-04-05", "from": "WMI", "system_category": "update"},
        ])
    );
    pc.stop();
}

#[test]
fn what_hangs_or_fails_keeps_what_came_before() {
    let pc = Workstation::with("127.0.105.9", |machine| {
        let mut then = |class: &str, what: &str| machine["rows"][class].as_array_mut().unwrap().push(what.into());
        then("Win32_SoundDevice", "never");
        then("Win32_Printer", "fails");
        then("Win32_Group", "never");
    });
    let json = parsed(&pc.run(&["inventory"], &["--format", "json", "--query-timeout", "2", "--without", "softwares"]).good());
    let errors = json["errors"].as_array().unwrap();
    let why = |class: &str| errors.iter().find(|e| e["class"] == class).map_or("", |e| e["message"].as_str().unwrap());
    assert_eq!((why("Win32_SoundDevice"), why("Win32_Group")), ("no answer in time", "no answer in time"));
    assert!(why("Win32_Printer").starts_with("WBEM_E_PROVIDER_FAILURE (0x80041004)"), "{errors:?}");
    let rows = |section: &str, class: &str| json["sections"][section][class].as_array().map_or(0, Vec::len);
    assert_eq!(rows("printers", "Win32_Printer"), 1);
    assert_eq!((rows("cpus", "Win32_Processor"), rows("videos", "Win32_VideoController")), (1, 1));
    pc.stop();
}

#[test]
fn what_is_not_there_is_named_and_is_not_the_end() {
    let server = Server::start("127.0.105.3", "");
    let json = parsed(&server.run(&["inventory", "--format", "json"]).good());
    assert_eq!((&json["format"], &json["version"], &json["host"]), (&json!("rwmi-inventory"), &json!(1), &json!("127.0.105.3")));
    assert_eq!(json["sections"]["cpus"]["Win32_Processor"].as_array().unwrap().len(), 2);
    assert_eq!(json["sections"]["cpus"]["Win32_Processor"][0]["NumberOfCores"], 2);
    let errors = json["errors"].as_array().unwrap();
    let named = |class: &str| errors.iter().find(|e| e["class"] == class).unwrap_or_else(|| panic!("{class}: {errors:?}"));
    assert_eq!(
        named("Win32_Printer"),
        &json!({"section": "printers", "namespace": "root\\cimv2", "class": "Win32_Printer", "code": "0x80041010",
            "message": "WBEM_E_INVALID_CLASS (0x80041010): there is no such class in the namespace (there is no class \"Win32_Printer\" in this namespace)"})
    );
    assert_eq!((&named("MSFT_PhysicalDisk")["section"], &named("MSFT_PhysicalDisk")["code"]), (&json!("storages"), &json!("0x8004100e")));
    assert_eq!(errors.iter().filter(|e| e["class"] == "StdRegProv").count(), 3);
    // Each class is either there or named, and none both.
    let there: usize = json["sections"].as_object().unwrap().values().map(|s| s.as_object().unwrap().len()).sum();
    assert!(13 <= there && json["sections"]["printers"].is_null(), "{there}");
    // For GLPI it is left out, and told to whoever asks.
    let told = server.run(&["inventory", "-v"]);
    assert_eq!(told.code, Some(0));
    assert!(told.err.contains("left out: Win32_Printer of root\\cimv2: WBEM_E_INVALID_CLASS"), "{}", told.err);
    assert_eq!(parsed(&told.out)["content"]["printers"], Json::Null);
    server.run(&["inventory", "--without", "printer"]).bad(2, &["there is no section \"printer\"", "hint: sections are operatingsystem, "]);
}

#[test]
fn several_computers_have_a_document_each() {
    let server = Server::on(Place::new(""), &["127.0.105.4".into(), "127.0.105.5".into()], "0", "0");
    server.place.run_fed(&["account", "add", USER, "--admin", "--password-stdin"], PASSWORD).good();
    let port = server.endpoint.port();
    // Nobody is at the third.
    let run = |args: &[&str]| {
        let mut command = command(&[&["inventory", "127.0.105.[4-6]", "--endpoint-port", &port.to_string()], args].concat());
        command.env("RWMI_USER", USER).env("RWMI_PASSWORD", PASSWORD);
        finish(command)
    };
    let done = run(&[]).bad(3, &["127.0.105.6", "1 of 3 computers failed"]);
    let lines: Vec<Json> = done.out.lines().map(parsed).collect();
    assert_eq!(lines.len(), 2);
    assert!(lines.iter().all(|l| l["deviceid"] == "lx1-2023-01-01-12-00-00"));
    let dir = server.place.dir.path().join("deep/er");
    let done = run(&["--output-dir", dir.to_str().unwrap(), "-o", "json"]).bad(3, &["127.0.105.6"]);
    assert_eq!(done.out, "");
    let mut names: Vec<String> = std::fs::read_dir(&dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["127.0.105.4.json", "127.0.105.5.json"]);
    let text = std::fs::read_to_string(dir.join("127.0.105.5.json")).unwrap();
    assert_eq!(parsed(&text)["host"], "127.0.105.5");
    // What cannot be written to is known before anybody is asked.
    run(&["--output-dir", "/proc/nowhere"]).bad(1, &["/proc/nowhere: "]);
}

#[test]
fn whoever_cannot_be_asked_has_no_document() {
    let server = Server::start("127.0.105.7", "");
    let ip = server.endpoint.ip().to_string();
    let port = server.endpoint.port().to_string();
    let mut wrong = command(&["inventory", &ip, "--endpoint-port", &port]);
    wrong.env("RWMI_USER", USER).env("RWMI_PASSWORD", "wrong");
    let done = finish(wrong).bad(1, &["127.0.105.7", "hint: "]);
    assert_eq!(done.out, "");
    // Somebody who takes the connection and says nothing.
    let silent = TcpListener::bind("127.0.105.8:0").unwrap();
    let port = silent.local_addr().unwrap().port().to_string();
    let mut late = command(&["inventory", "127.0.105.8", "--endpoint-port", &port, "--timeout", "1"]);
    late.env("RWMI_USER", USER).env("RWMI_PASSWORD", "x");
    finish(late).bad(1, &["no answer in"]);
    rwmi(&["inventory", "a", "-c", "b"]).bad(2, &["cannot be used with"]);
}
