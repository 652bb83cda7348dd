//! What is built in or plugged in.

use super::super::record::Row;
use super::{Part, Record, megabytes, word};

pub(super) fn videos(record: &Record) -> Vec<Part> {
    let card = |row: &Row| {
        let resolution = row.number("CurrentHorizontalResolution").zip(row.number("CurrentVerticalResolution"));
        Part::default()
            .text("name", row.text("Name").or_else(|| row.text("Caption")))
            .text("chipset", row.text("VideoProcessor"))
            .number("memory", megabytes(row.number("AdapterRAM").filter(|n| 0 < *n)))
            .text("resolution", resolution.map(|(x, y)| format!("{x}x{y}")))
    };
    record.rows("Win32_VideoController").iter().map(card).filter(|p| !p.0.is_empty()).collect()
}

/// Monitors by what they say of themselves; where nobody asks them, by what the driver calls them.
pub(super) fn monitors(record: &Record) -> Vec<Part> {
    let letters = |row: &Row, name: &str| {
        // Codes of characters, padded with zeros.
        let text: String =
            row.numbers(name).iter().take_while(|c| **c != 0).filter_map(|c| char::from_u32(u32::try_from(*c).ok()?)).collect();
        let text = text.trim().to_owned();
        (!text.is_empty()).then_some(text)
    };
    let own = record.rows("WmiMonitorID").iter().filter(|r| r.truth("Active") != Some(false)).map(|row| {
        let made = row.number("WeekOfManufacture").zip(row.number("YearOfManufacture")).map(|(week, year)| format!("{week}/{year}"));
        let name = letters(row, "UserFriendlyName");
        Part::default()
            .text("caption", name.clone().or_else(|| letters(row, "ProductCodeID")))
            .text("name", name)
            .text("manufacturer", letters(row, "ManufacturerName"))
            .text("serial", letters(row, "SerialNumberID"))
            .text("description", made)
    });
    let own: Vec<Part> = own.filter(|p| !p.0.is_empty()).collect();
    if !own.is_empty() {
        return own;
    }
    let driver = |row: &Row| {
        Part::default()
            .text("caption", row.text("Caption"))
            .text("manufacturer", row.text("MonitorManufacturer"))
            .text("type", row.text("MonitorType"))
    };
    record.rows("Win32_DesktopMonitor").iter().map(driver).filter(|p| !p.0.is_empty()).collect()
}

pub(super) fn sounds(record: &Record) -> Vec<Part> {
    let card = |row: &Row| {
        Part::default()
            .text("name", row.text("Name"))
            .text("caption", row.text("Caption"))
            .text("manufacturer", row.text("Manufacturer"))
            .text("description", row.text("Description"))
    };
    record.rows("Win32_SoundDevice").iter().map(card).collect()
}

const CONTROLLERS: [(&str, &str); 8] = [
    ("Win32_FloppyController", "Floppy Controller"),
    ("Win32_IDEController", "IDE Controller"),
    ("Win32_SCSIController", "SCSI Controller"),
    ("Win32_VideoController", "Video Controller"),
    ("Win32_USBController", "USB Controller"),
    ("Win32_1394Controller", "1394 Controller"),
    ("Win32_PCMCIAController", "PCMCIA Controller"),
    ("Win32_InfraredDevice", "Infrared Device"),
];

pub(super) fn controllers(record: &Record) -> Vec<Part> {
    let mut all = Vec::new();
    for (class, kind) in CONTROLLERS {
        for row in record.rows(class) {
            let id = row.text("PNPDeviceID").or_else(|| row.text("DeviceID")).unwrap_or_default();
            all.push(
                Part::default()
                    .text("name", row.text("Name"))
                    .text("caption", row.text("Caption"))
                    .text("manufacturer", row.text("Manufacturer").or_else(|| row.text("AdapterCompatibility")))
                    .text("type", Some(kind))
                    .text("vendorid", hex(&id, "VEN_"))
                    .text("productid", hex(&id, "DEV_"))
                    .text("rev", id.split("REV_").nth(1).and_then(|r| r.get(..2)).map(str::to_ascii_lowercase)),
            );
        }
    }
    all
}

/// The four hexadecimal digits behind a name: `VEN_8086`.
fn hex(id: &str, name: &str) -> Option<String> {
    let digits = id.split(name).nth(1)?.get(..4)?;
    digits.bytes().all(|b| b.is_ascii_hexdigit()).then(|| digits.to_ascii_lowercase())
}

pub(super) fn inputs(record: &Record) -> Vec<Part> {
    const POINTING: &[(i64, &str)] = &[
        (3, "Mouse"),
        (4, "Track Ball"),
        (5, "Track Point"),
        (6, "Glide Point"),
        (7, "Touch Pad"),
        (8, "Touch Screen"),
        (9, "Mouse - Optical Sensor"),
    ];
    const INTERFACE: &[(i64, &str)] =
        &[(3, "Serial"), (4, "PS/2"), (5, "Infrared"), (6, "HP-HIL"), (7, "Bus mouse"), (8, "ADB"), (162, "USB")];
    let named = |row: &Row, kind: &str| {
        Part::default()
            .text("name", row.text("Name"))
            .text("caption", row.text("Caption"))
            .text("description", row.text("Description"))
            .text("type", Some(kind))
    };
    let keyboards = record.rows("Win32_Keyboard").iter().map(|r| named(r, "Keyboard").text("layout", r.text("Layout")));
    let mice = record.rows("Win32_PointingDevice").iter().map(|r| {
        named(r, "Pointing")
            .text("manufacturer", r.text("Manufacturer"))
            .text("pointingtype", word(POINTING, r.number("PointingType")))
            .text("interface", word(INTERFACE, r.number("DeviceInterface")))
    });
    keyboards.chain(mice).collect()
}

pub(super) fn ports(record: &Record) -> Vec<Part> {
    let port = |row: &Row, kind: &str| {
        Part::default()
            .text("name", row.text("Name"))
            .text("caption", row.text("Caption"))
            .text("description", row.text("Description"))
            .text("type", Some(kind))
    };
    let serial = record.rows("Win32_SerialPort").iter().map(|r| port(r, "Serial"));
    let parallel = record.rows("Win32_ParallelPort").iter().map(|r| port(r, "Parallel"));
    const KINDS: &[(i64, &str)] =
        &[(16, "USB"), (17, "FireWire"), (28, "Video"), (29, "Audio"), (31, "Network"), (13, "Keyboard"), (14, "Mouse")];
    let sockets = record.rows("Win32_PortConnector").iter().map(|row| {
        let (outside, inside) = (row.text("ExternalReferenceDesignator"), row.text("InternalReferenceDesignator"));
        Part::default()
            .text("name", outside.or_else(|| inside.clone()))
            .text("caption", inside)
            .text("type", Some(word(KINDS, row.number("PortType")).unwrap_or("Other")))
    });
    serial.chain(parallel).chain(sockets).collect()
}

pub(super) fn slots(record: &Record) -> Vec<Part> {
    let slot = |row: &Row| {
        let name = row.text("SlotDesignation").or_else(|| row.text("Tag"))?;
        Some(
            Part::default()
                .text("name", Some(name))
                .text("designation", row.text("Tag"))
                .text("description", row.text("Description"))
                .text("status", word(&[(3, "free"), (4, "used")], row.number("CurrentUsage"))),
        )
    };
    record.rows("Win32_SystemSlot").iter().filter_map(slot).collect()
}

pub(super) fn usb_devices(record: &Record) -> Vec<Part> {
    let device = |row: &Row| {
        let id = row.text("DeviceID")?;
        let (vendor, product) = (hex(&id, "VID_")?, hex(&id, "PID_")?);
        // What Windows made up itself has an ampersand in it.
        let serial = id.rsplit('\\').next().filter(|s| !s.contains('&') && !s.contains("VID_"));
        Some(
            Part::default()
                .text("name", row.text("Name"))
                .text("caption", row.text("Caption"))
                .text("manufacturer", row.text("Manufacturer").filter(|m| !m.starts_with('(')))
                .text("vendorid", Some(vendor))
                .text("productid", Some(product))
                .text("serial", serial),
        )
    };
    record.rows("Win32_PnPEntity").iter().filter_map(device).collect()
}

pub(super) fn printers(record: &Record) -> Vec<Part> {
    const STATUS: &[(i64, &str)] =
        &[(1, "Other"), (2, "Unknown"), (3, "Idle"), (4, "Printing"), (5, "Warming Up"), (6, "Stopped printing"), (7, "Offline")];
    let printer = |row: &Row| {
        let resolution = row.number("HorizontalResolution").zip(row.number("VerticalResolution"));
        Some(
            Part::default()
                .text("name", Some(row.text("Name")?))
                .text("comment", row.text("Comment"))
                .text("driver", row.text("DriverName"))
                .text("port", row.text("PortName"))
                .truth("network", row.truth("Network"))
                .truth("shared", row.truth("Shared"))
                .text("sharename", row.text("ShareName"))
                .text("servername", row.text("ServerName"))
                .text("printprocessor", row.text("PrintProcessor"))
                .text("status", word(STATUS, row.number("PrinterStatus")))
                .text("resolution", resolution.map(|(x, y)| format!("{x}x{y}"))),
        )
    };
    record.rows("Win32_Printer").iter().filter_map(printer).collect()
}

pub(super) fn modems(record: &Record) -> Vec<Part> {
    let modem = |row: &Row| {
        Part::default()
            .text("name", row.text("Name"))
            .text("type", row.text("DeviceType"))
            .text("model", row.text("Model"))
            .text("description", row.text("Description"))
    };
    record.rows("Win32_POTSModem").iter().map(modem).collect()
}

pub(super) fn batteries(record: &Record) -> Vec<Part> {
    const CHEMISTRY: &[(i64, &str)] = &[(3, "Lead Acid"), (4, "NiCd"), (5, "NiMH"), (6, "Li-ION"), (7, "Zinc air"), (8, "Li-Polymer")];
    let battery = |row: &Row| {
        Part::default()
            .text("name", row.text("Name"))
            .text("serial", row.text("DeviceID"))
            .text("chemistry", word(CHEMISTRY, row.number("Chemistry")))
            .number("capacity", row.number("DesignCapacity"))
            .number("real_capacity", row.number("FullChargeCapacity"))
            .number("voltage", row.number("DesignVoltage"))
    };
    record.rows("Win32_Battery").iter().map(battery).collect()
}
