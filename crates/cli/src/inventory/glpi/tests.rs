//! Rows as Windows gives them, and what GLPI gets of them.

use super::super::record::{Lack, Record, Row, Rows};
use super::*;
use rwmi_cim::{DateTime, Value};
use std::time::{Duration, UNIX_EPOCH};

fn date(text: &str) -> Value {
    Value::DateTime(DateTime::from_text(text))
}

fn row(values: &[(&str, Value)]) -> Row {
    Row(values.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect())
}

fn record(found: Vec<(&'static str, &'static str, Vec<Row>)>) -> Record {
    let found = found.into_iter().map(|(section, class, rows)| Rows { section, class, rows }).collect();
    let lacks = vec![Lack { section: "cpus", namespace: "n".into(), class: "c".into(), code: Some(1), message: "m".into() }];
    Record { host: "srv01".into(), gathered: UNIX_EPOCH + Duration::from_secs(86_400), took: Duration::from_secs(3), found, lacks }
}

#[track_caller]
fn check(found: Vec<(&'static str, &'static str, Vec<Row>)>, section: &str, expect: Json) {
    let document = document(&record(found));
    assert_eq!(document["content"][section], expect, "{document:#}");
}

#[test]
fn nothing_known_is_a_document_too() {
    let document = document(&record(vec![]));
    assert_eq!(document["deviceid"], "srv01-1970-01-02-00-00-00");
    assert_eq!((&document["itemtype"], &document["action"]), (&json!("Computer"), &json!("inventory")));
    let content: Vec<&String> = document["content"].as_object().unwrap().keys().collect();
    assert_eq!(content, ["versionclient", "versionprovider", "hardware"]);
    assert_eq!(document["content"]["hardware"], json!({"name": "srv01"}));
}

#[test]
fn a_computer_is_the_same_one_each_time() {
    let os = ("operatingsystem", "Win32_OperatingSystem", vec![row(&[("InstallDate", date("20230101130000.000000+060"))])]);
    let computer = |values: &[(&str, Value)]| ("hardware", "Win32_ComputerSystem", vec![row(values)]);
    let id = |found| device_id(&record(found));
    assert_eq!(id(vec![os.clone(), computer(&[("Name", "PC1".into())])]), "PC1-2023-01-01-12-00-00");
    assert_eq!(id(vec![os, computer(&[("Name", "PC1".into()), ("DNSHostName", "pc1".into())])]), "pc1-2023-01-01-12-00-00");
}

#[test]
fn an_adapter_is_there_once_for_each_address() {
    let values = [
        ("Index", Value::Uint32(7)),
        ("Description", "Net".into()),
        ("MACAddress", "52:54:00:12:34:AB".into()),
        ("IPEnabled", true.into()),
        ("IPAddress", vec!["192.0.2.10", "2001:db8::10", "no address"].into()),
        ("IPSubnet", vec!["255.255.255.128", "64", "x"].into()),
        ("DefaultIPGateway", vec!["fe80::1", "192.0.2.1"].into()),
        ("DHCPEnabled", true.into()),
        ("DHCPServer", "192.0.2.2".into()),
        ("MTU", Value::Uint32(u32::MAX)),
    ];
    let nic = [
        ("Index", Value::Uint32(7)),
        ("Speed", Value::Uint64(1_000_000_000)),
        ("PhysicalAdapter", true.into()),
        ("PNPDeviceID", r"PCI\VEN_8086&DEV_100E&SUBSYS_001E8086&REV_02\3&267A".into()),
    ];
    let both = json!({
        "description": "Net", "mac": "52:54:00:12:34:ab", "pciid": "8086:100E:001E:8086",
        "pnpdeviceid": r"PCI\VEN_8086&DEV_100E&SUBSYS_001E8086&REV_02\3&267A", "speed": "1000", "status": "up", "type": "ethernet",
        "virtualdev": false
    });
    let with = |more: Json| {
        let mut all = both.as_object().unwrap().clone();
        all.extend(more.as_object().unwrap().clone());
        Json::Object(all)
    };
    check(
        vec![
            (
                "networks",
                "Win32_NetworkAdapterConfiguration",
                vec![row(&values), row(&[("Index", Value::Uint32(1)), ("Description", "WAN".into())])],
            ),
            ("networks", "Win32_NetworkAdapter", vec![row(&nic)]),
        ],
        "networks",
        json!([
            with(
                json!({"ipaddress": "192.0.2.10", "ipmask": "255.255.255.128", "ipsubnet": "192.0.2.0", "ipgateway": "192.0.2.1", "ipdhcp": "192.0.2.2"})
            ),
            with(json!({"ipaddress6": "2001:db8::10", "ipmask6": "ffff:ffff:ffff:ffff::", "ipsubnet6": "2001:db8::"})),
        ]),
    );
}

#[test]
fn a_monitor_says_who_it_is_in_codes() {
    let codes =
        |text: &str| Value::Array(text.bytes().map(|b| Value::Uint16(b.into())).chain([Value::Uint16(0), Value::Uint16(0)]).collect());
    let own = row(&[
        ("Active", true.into()),
        ("ManufacturerName", codes("DEL")),
        ("UserFriendlyName", codes("DELL U2415")),
        ("SerialNumberID", codes("7MT0186418CU")),
        ("WeekOfManufacture", Value::Uint8(23)),
        ("YearOfManufacture", Value::Uint16(2018)),
    ]);
    let driver = row(&[("Caption", "Generic PnP Monitor".into())]);
    check(
        vec![("monitors", "Win32_DesktopMonitor", vec![driver.clone()]), ("monitors", "WmiMonitorID", vec![own])],
        "monitors",
        json!([{"caption": "DELL U2415", "name": "DELL U2415", "manufacturer": "DEL", "serial": "7MT0186418CU", "description": "23/2018"}]),
    );
    check(vec![("monitors", "Win32_DesktopMonitor", vec![driver])], "monitors", json!([{"caption": "Generic PnP Monitor"}]));
}

#[test]
fn whether_it_is_protected() {
    let product = |state: u32| row(&[("displayName", "Windows Defender".into()), ("productState", Value::Uint32(state))]);
    let status = row(&[
        ("AMProductVersion", "4.18".into()),
        ("AntivirusEnabled", true.into()),
        ("AntivirusSignatureLastUpdated", date("20240229235959.000000+060")),
    ]);
    // On and current; off; on and old.
    for (state, enabled, current) in [(397_568, true, true), (393_472, false, true), (397_584, true, false)] {
        let found =
            vec![("antivirus", "AntiVirusProduct", vec![product(state)]), ("antivirus", "MSFT_MpComputerStatus", vec![status.clone()])];
        let expect = json!([{"name": "Windows Defender", "enabled": enabled, "uptodate": current, "company": "Microsoft Corporation",
            "version": "4.18", "base_creation": "2024-02-29"}]);
        check(found, "antivirus", expect);
    }
    let alone = json!([{"name": "Windows Defender", "company": "Microsoft Corporation", "enabled": true, "version": "4.18", "base_creation": "2024-02-29"}]);
    check(vec![("antivirus", "MSFT_MpComputerStatus", vec![status])], "antivirus", alone);
    let profile = |name: &str, on: u32| row(&[("Profile", name.into()), ("EnableFirewall", Value::Uint32(on))]);
    check(
        vec![("firewalls", "StdRegProv", vec![profile("DomainProfile", 1), profile("PublicProfile", 0)])],
        "firewalls",
        json!([{"profile": "DomainProfile", "status": "on"}, {"profile": "PublicProfile", "status": "off"}]),
    );
}

#[test]
fn services_are_not_people() {
    let on = |domain: &str, name: &str| {
        row(&[("Antecedent", format!(r#"\\.\root\cimv2:Win32_Account.Domain="{domain}",Name="{name}""#).as_str().into())])
    };
    check(
        vec![
            ("hardware", "Win32_ComputerSystem", vec![row(&[("Name", "PC1".into()), ("UserName", r"CORP\bob".into())])]),
            (
                "users",
                "Win32_LoggedOnUser",
                vec![
                    on("PC1", "SYSTEM"),
                    on("PC1", "DWM-1"),
                    on("CORP", "BOB"),
                    on("PC1", "alice"),
                    on("CORP", "PC1$"),
                    on("NT AUTHORITY", "IUSR"),
                ],
            ),
        ],
        "users",
        json!([{"login": "bob", "domain": "CORP"}, {"login": "alice", "domain": "PC1"}]),
    );
}
