//! Commands against this computer: a recorded one.

use crate::support::*;
use serde_json::{Value, json};

const OS: &str = "SELECT Caption, Version, LastBootUpTime FROM Win32_OperatingSystem";

fn rows(text: &str) -> Vec<Value> {
    text.lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

#[test]
fn a_query_needs_no_set_up() {
    let place = Place::new("");
    assert_eq!(
        place.run(&["query", OS]).good(),
        "{\"Caption\":\"Debian GNU/Linux 12 (bookworm)\",\"Version\":\"6.1.0-28-amd64\",\"LastBootUpTime\":\"20240610083000.000000+120\"}\n"
    );
    // Nothing was left behind.
    assert!(!place.data().exists());
}

#[test]
fn the_live_machine_answers_with_nothing_configured() {
    let empty = tempfile::tempdir().unwrap();
    let out = rwmi(&["query", "--data-dir", empty.path().to_str().unwrap(), OS]).good();
    let row = &rows(&out)[0];
    assert!(["Caption", "Version", "LastBootUpTime"].iter().all(|n| row[n].is_string()), "{row}");
}

#[test]
fn columns_stand_as_the_query_lists_them() {
    let place = Place::new("");
    let query = "SELECT version, CAPTION FROM Win32_OperatingSystem";
    let check = |format: &str, expect: &str| assert_eq!(place.run(&["query", "-o", format, query]).good(), expect, "{format}");
    check("jsonl", "{\"Version\":\"6.1.0-28-amd64\",\"Caption\":\"Debian GNU/Linux 12 (bookworm)\"}\n");
    check("json", "[\n{\"Version\":\"6.1.0-28-amd64\",\"Caption\":\"Debian GNU/Linux 12 (bookworm)\"}\n]\n");
    check("csv", "Version,Caption\n6.1.0-28-amd64,Debian GNU/Linux 12 (bookworm)\n");
    check("table", "Version         Caption\n6.1.0-28-amd64  Debian GNU/Linux 12 (bookworm)\n");
    check("list", "Version : 6.1.0-28-amd64\nCaption : Debian GNU/Linux 12 (bookworm)\n");
}

#[test]
fn every_format_is_written() {
    let place = Place::new("");
    let here = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim().to_owned();
    let run = |format: &str, extra: &[&str]| {
        let query = "SELECT version, CAPTION, MaxNumberOfProcesses FROM Win32_OperatingSystem";
        place.run(&[&["query", "-o", format, query], extra].concat()).good()
    };
    let (version, caption) = ("6.1.0-28-amd64", "Debian GNU/Linux 12 (bookworm)");
    let most = rows(&run("jsonl", &[]))[0]["MaxNumberOfProcesses"].to_string();
    assert_eq!(run("yaml", &[]), format!("- Version: \"{version}\"\n  Caption: \"{caption}\"\n  MaxNumberOfProcesses: {most}\n"));
    assert_eq!(
        run("mof", &[]),
        format!(
            "instance of Win32_OperatingSystem\n{{\n  Caption = \"{caption}\";\n  Version = \"{version}\";\n  MaxNumberOfProcesses = {most};\n}};\n"
        )
    );
    let xml = run("xml", &[]);
    assert!(
        xml.contains(&format!(
            "<PROPERTY NAME=\"Version\" TYPE=\"string\"><VALUE>{version}</VALUE></PROPERTY>\n<PROPERTY NAME=\"Caption\""
        )),
        "{xml}"
    );
    let influx = run("influx", &["--tag", "version", "--name-prefix", "win_wmi_"]);
    let (line, stamp) = influx.trim_end().rsplit_once(' ').unwrap();
    assert_eq!(
        line,
        format!("win_wmi_Win32_OperatingSystem,source={here},Version={version} Caption=\"{caption}\",MaxNumberOfProcesses={most}u")
    );
    assert!(stamp.parse::<u64>().unwrap() > 1_700_000_000_000_000_000, "{stamp}");
    let metrics = run("prometheus", &["--tag", "Version"]);
    assert!(
        metrics
            .contains(&format!("\nwmi_win32_operating_system_max_number_of_processes{{source=\"{here}\",version=\"{version}\"}} {most}\n")),
        "{metrics}"
    );
    assert_eq!(run("zabbix-get", &[]), format!("{version}\n"));
    assert_eq!(
        run("zabbix-getall", &[]),
        format!("[{{\"Version\":\"{version}\",\"Caption\":\"{caption}\",\"MaxNumberOfProcesses\":{most}}}]\n")
    );
    assert!(run("zabbix-getall", &["--json-strings"]).contains(&format!("\"MaxNumberOfProcesses\":\"{most}\"")));
    assert!(run("zabbix-lld", &[]).starts_with(&format!("[{{\"{{#VERSION}}\":\"{version}\",")));
    // An item of Zabbix takes both streams for its value: nothing but the sentence, and a status that says so.
    let none = place.run(&["query", "-o", "zabbix-get", "SELECT Name FROM Win32_Process WHERE ProcessId = 4000000000"]);
    assert_eq!((none.bad(1, &[]).err.as_str(), ""), ("error: Empty WMI search result.\n", ""));
}

#[test]
fn integers_and_dates_are_written_as_wanted() {
    let place = Place::new("");
    let query = "SELECT FreePhysicalMemory, LastBootUpTime FROM Win32_OperatingSystem";
    let run = |extra: &[&str]| rows(&place.run(&[&["query", query], extra].concat()).good()).remove(0);
    let (plain, other) = (run(&[]), run(&["--uint64", "string", "--datetime", "iso"]));
    assert_eq!(other["FreePhysicalMemory"], plain["FreePhysicalMemory"].to_string());
    assert_eq!(
        (&plain["LastBootUpTime"], &other["LastBootUpTime"]),
        (&json!("20240610083000.000000+120"), &json!("2024-06-10T08:30:00+02:00"))
    );
}

#[test]
fn keys_come_along_where_they_are_wanted() {
    let place = Place::new("");
    let query = "SELECT Name FROM Win32_Process WHERE ProcessId = 1";
    let plain = rows(&place.run(&["query", query]).good());
    let keyed = rows(&place.run(&["query", "--with-keys", query]).good());
    assert_eq!((plain, keyed), (vec![json!({ "Name": "systemd" })], vec![json!({ "Name": "systemd", "Handle": "1" })]));
}

#[test]
fn both_enumerators_give_the_same_rows() {
    let place = Place::new("[test]\nrows = 1000");
    let query = |extra: &[&str]| place.run(&[&["query", "-n", "root/test", "SELECT * FROM Rwmi_Row"], extra].concat()).good();
    let smart = query(&[]);
    assert_eq!(smart.lines().count(), 1000);
    assert_eq!(smart, query(&["--no-smart-enum"]));
    assert_eq!(
        rows(&smart)[7],
        json!({
            "Id": 7, "Name": "row 7", "Number": 7u32.wrapping_mul(2_654_435_761), "Time": "20240101000007.000000+000", "Flag": true,
            "Ratio": 0.875, "Tags": ["tag 0"], "Signed": -7, "Octets": [7, 0, 0, 0, 0, 0, 0, 0]
        })
    );
}

#[test]
fn a_class_is_printed_as_mof_and_as_json() {
    let place = Place::new("");
    let mof = place.run(&["get-class", "win32_timezone"]).good();
    assert!(mof.contains("class Win32_TimeZone : CIM_Setting\n{") && mof.contains("sint32 Bias;"), "{mof}");
    let json: Value = serde_json::from_str(&place.run(&["get-class", "-o", "json", "Win32_TimeZone"]).good()).unwrap();
    assert_eq!((&json["name"], &json["derivation"]), (&json!("Win32_TimeZone"), &json!(["CIM_Setting"])));
    assert!(json["properties"].as_array().unwrap().iter().any(|p| p["name"] == "Bias" && p["type"] == "sint32"));
    place.run(&["get-class", "Win32_Nothing"]).bad(1, &["0x80041002", "getting the object failed"]);
}

#[test]
fn classes_are_rows_too() {
    let place = Place::new("");
    let out = place.run(&["query", "SELECT * FROM meta_class WHERE __this ISA 'CIM_Process'"]).good();
    let names: Vec<Value> = rows(&out).iter().map(|r| r["__CLASS"].clone()).collect();
    assert_eq!(names, ["CIM_Process", "Win32_Process"]);
}

#[test]
fn what_a_query_gets_wrong_is_told_with_its_place() {
    let place = Place::new("");
    // Found here: nothing runs, and nobody is asked for a password.
    place.run(&["query", "-c", "192.0.2.1", "-u", "x", "SELECT Name FORM Win32_Process"]).bad(
        1,
        &[
            "WBEM_E_INVALID_QUERY (0x80041017)",
            "  SELECT Name FORM Win32_Process\n",
            "              ^^^^ expected FROM",
            "did you mean FROM?",
        ],
    );
    let check = |args: &[&str], words: &[&str]| {
        let done = place.run(&[&["query"], args].concat()).bad(1, words);
        assert_eq!(done.out, "");
    };
    check(&["SELECT Nothing FROM Win32_Process"], &["0x80041017", "no property Nothing", "character 8", "hint: check the class"]);
    check(&["SELECT * FROM Nothing"], &["WBEM_E_INVALID_CLASS (0x80041010)", "\"Nothing\"", "hint: list the classes"]);
    check(&["-n", r"root\none", "SELECT * FROM A"], &["0x8004100e", r"logging in to root\none", "hint: list the namespaces"]);
    check(&["-n", "root:x", "SELECT * FROM A"], &["is not a namespace", "0x80041008"]);
}

#[test]
fn credentials_for_this_computer_are_refused() {
    let place = Place::new("");
    for extra in [&["-u", "alice"][..], &["--password-stdin"], &["--authority", "NTLMDOMAIN:CORP"]] {
        for host in [".", "localhost", ""] {
            place.run(&[&["query", "-c", host, OS], extra].concat()).bad(1, &["WBEM_E_LOCAL_CREDENTIALS (0x80041064)", "hint: leave user"]);
        }
    }
    // What lies in the environment is meant for others.
    let mut command = place.command(&["query", OS]);
    command.env("RWMI_USER", "alice").env("RWMI_PASSWORD", "x");
    finish(command).good();
}

#[test]
fn the_running_server_answers_for_this_computer() {
    let server = Server::start("127.0.88.41", "[server]\nname = \"LX41\"");
    let out = server.place.run(&["query", "SELECT __SERVER FROM Win32_TimeZone"]).good();
    assert_eq!(rows(&out), [json!({ "__SERVER": "LX41" })]);
    assert!(server.log().contains("event=\"login\""), "{}", server.log());
}
