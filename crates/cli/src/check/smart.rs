//! Whether drives foretell their failure.

use super::mode::{Input, Join, Plan, plan};
use super::number::Number;
use super::outcome::Item;
use super::row::Row;

/// The counters of a drive that are told: number, name, octets of the raw value that count. Above them vendors keep other things: the lowest and highest
/// temperature, minutes, how many times a sector was moved.
const ATTRIBUTES: [(u8, &str, usize); 6] = [
    (5, "Reallocated_Sector_Count", 2),
    (9, "Power_On_Hours", 3),
    (12, "Power_Cycle_Count", 4),
    (194, "Temperature", 2),
    (197, "Current_Pending_Sector", 4),
    (198, "Offline_Uncorrectable", 4),
];

const DRIVERS: &str = r"root\wmi";

/// The drivers' word, their counters, and the drives they are of.
pub(super) fn plans() -> Vec<Plan> {
    vec![Plan {
        namespace: Some(DRIVERS),
        label: Some("InstanceName"),
        joins: vec![
            Join { namespace: Some(DRIVERS), query: "SELECT Active, InstanceName, VendorSpecific FROM MSStorageDriver_FailurePredictData" },
            Join { namespace: None, query: "SELECT DeviceID, Model, PNPDeviceID FROM Win32_DiskDrive" },
            Join { namespace: None, query: "SELECT Tag, SerialNumber FROM Win32_PhysicalMedia" },
        ],
        ..plan("SELECT Active, InstanceName, PredictFailure FROM MSStorageDriver_FailurePredictStatus", drives)
    }]
}

fn drives(input: &Input<'_>) -> Vec<Item> {
    let rows = |at: usize| input.more.get(at).map(|s| s.rows.as_slice()).unwrap_or_default();
    let mut items = Vec::new();
    let (mut good, mut bad) = (0, 0);
    for row in input.rows() {
        // The instance is the device with an underscore and a number behind it.
        let device = row.name.rsplit_once('_').filter(|(_, n)| n.bytes().all(|b| b.is_ascii_digit())).map_or(row.name.as_str(), |(d, _)| d);
        let drive = rows(1).iter().find(|r| r.text("PNPDeviceID").eq_ignore_ascii_case(device));
        let id = drive.map_or("", |d| d.text("DeviceID"));
        let serial =
            rows(2).iter().find(|r| !id.is_empty() && r.text("Tag").eq_ignore_ascii_case(id)).map_or("", |m| m.text("SerialNumber").trim());
        let number: String = id.chars().rev().take_while(char::is_ascii_digit).collect::<Vec<_>>().into_iter().rev().collect();
        let name = match (serial, number.as_str()) {
            ("", "") => row.name.clone(),
            ("", number) => format!("Disk#{number}"),
            (serial, _) => serial.to_owned(),
        };
        let model = drive.map_or("", |d| d.text("Model"));
        if input.excludes(&[&name, model, id, &row.name]) {
            continue;
        }
        let failing = row.number("PredictFailure").map(|n| n != Number::Int(0));
        match failing {
            Some(true) => bad += 1,
            _ => good += 1,
        }
        let data = rows(0).iter().find(|r| r.text("InstanceName").eq_ignore_ascii_case(&row.name));
        items.push(drive_item(&name, model, failing, &attributes(data)));
    }
    if items.is_empty() {
        return items;
    }
    let mut all = Item::new(format!("Found {} disk(s), {good} OK and {bad} failing", good + bad));
    all.field("_ItemCount", Some(Number::Int((good + bad).into())));
    items.insert(0, all);
    items
}

fn drive_item(name: &str, model: &str, failing: Option<bool>, attributes: &[(&'static str, Number)]) -> Item {
    let word = match failing {
        Some(true) => "fails soon",
        Some(false) => "is well",
        None => "says nothing",
    };
    let temperature = attributes.iter().find(|(n, _)| *n == "Temperature").map(|(_, v)| format!(", Temperature {v}")).unwrap_or_default();
    let model = if model.is_empty() { String::new() } else { format!(" ({model})") };
    let mut item = Item::new(format!("Disk {name}{model} {word}{temperature}"));
    item.field("_DiskFailing", failing.map(|f| Number::Int(f.into())));
    for (attribute, value) in attributes {
        item.field(attribute, Some(*value)).perf(format!("{name}_{attribute}"), attribute, "");
    }
    item
}

/// The counters in what the vendor says: two octets, then twelve a counter: its number, two of flags, value, worst, six of the raw value, one more.
fn attributes(data: Option<&Row>) -> Vec<(&'static str, Number)> {
    let octets: Vec<u8> = data.and_then(|r| serde_json::from_str(r.text("VendorSpecific")).ok()).unwrap_or_default();
    let entries = || octets.get(2..).unwrap_or_default().chunks_exact(12);
    let raw = |entry: &[u8], len: usize| entry.iter().skip(5).take(len).rev().fold(0i128, |n, o| n << 8 | i128::from(*o));
    let of =
        |(id, name, len): &(u8, &'static str, usize)| Some((*name, Number::Int(raw(entries().find(|e| e.first() == Some(id))?, *len))));
    ATTRIBUTES.iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::super::mode::Mode;
    use super::super::testing::{Found, n, row, t};
    use super::*;

    fn entry(id: u8, raw: [u8; 6]) -> String {
        format!("{id},50,0,100,99,{},{},{},{},{},{},0", raw[0], raw[1], raw[2], raw[3], raw[4], raw[5])
    }

    fn found(predict: i128, serial: Option<&str>) -> Found {
        let name = r"SCSI\Disk&Ven_X&Prod_Y\4&1&0_0";
        let entries =
            [entry(9, [1, 2, 1, 9, 9, 9]), entry(194, [31, 0, 20, 0, 45, 0]), entry(5, [0, 1, 7, 0, 0, 0]), entry(1, [9; 6])].join(",");
        let data = row(name, &[("InstanceName", t(name)), ("VendorSpecific", t(&format!("[16,0,{entries},0,0,0]")))]);
        let drive = row(
            "d",
            &[("DeviceID", t(r"\\.\PHYSICALDRIVE10")), ("Model", t("Maker Y")), ("PNPDeviceID", t(r"SCSI\DISK&VEN_X&PROD_Y\4&1&0"))],
        );
        let media = serial.map(|s| row("m", &[("Tag", t(r"\\.\PHYSICALDRIVE10")), ("SerialNumber", t(s))]));
        Found {
            now: vec![row(name, &[("Active", n(1)), ("InstanceName", t(name)), ("PredictFailure", n(predict))])],
            more: vec![vec![data], vec![drive], media.into_iter().collect()],
            ..Found::default()
        }
    }

    #[test]
    fn a_drive_has_its_serial_number_and_its_counters() {
        let perf = "|'S1_Reallocated_Sector_Count'=256; 'S1_Power_On_Hours'=66049; 'S1_Temperature'=31; \n";
        assert_eq!(
            found(0, Some("  S1 ")).said(Mode::Smart, 0, &["0"]),
            format!(
                "OK - Found 1 disk(s), 1 OK and 0 failing; Disk S1 (Maker Y) is well, Temperature 31{perf}\
                 OK: Found 1 disk(s), 1 OK and 0 failing\nOK: Disk S1 (Maker Y) is well, Temperature 31\n"
            )
        );
        let failing = found(1, Some("S1")).said(Mode::Smart, 0, &["0"]);
        assert!(
            failing.starts_with("CRITICAL - [Triggered by _DiskFailing>0] - Disk S1 (Maker Y) fails soon, Temperature 31|"),
            "{failing}"
        );
        let hot = found(0, None).said(Mode::Smart, 0, &["Temperature=30"]);
        assert!(
            hot.starts_with("CRITICAL - [Triggered by Temperature>30] - Disk Disk#10 (Maker Y) is well")
                && hot.contains("'Disk#10_Temperature'=31;;30; "),
            "{hot}"
        );
    }

    #[test]
    fn what_a_driver_does_not_tell_is_not_made_up() {
        let mut bare = found(0, None);
        bare.more = vec![Vec::new(), Vec::new(), Vec::new()];
        bare.now[0].values.pop();
        assert!(bare.said(Mode::Smart, 0, &["0"]).starts_with(r"UNKNOWN - Disk SCSI\Disk&Ven_X&Prod_Y\4&1&0_0 says nothing"));
        for text in ["", "null", "[]", "[1]", "[1,2,5,0]", "[300,0]", "(1,2)", "[16,0,5,1,1,1,1,1,1,1,1,1,1]"] {
            let data = row("", &[("VendorSpecific", t(text))]);
            assert_eq!(attributes(Some(&data)), [], "{text}");
        }
        assert_eq!(attributes(None), []);
    }
}
