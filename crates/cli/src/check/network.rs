//! What network adapters send and receive: raw counters, and the names that people know the adapters by.

use super::mode::{Input, Join, Plan, sampled};
use super::number::Number;
use super::outcome::Item;
use super::ready::{percent, shown};
use super::row::{Counter, Row};

const PROPERTIES: &str = "CurrentBandwidth, BytesReceivedPersec, BytesSentPersec, Name, Frequency_Sys100NS, OutputQueueLength, PacketsReceivedErrors, \
     PacketsReceivedPersec, PacketsSentPersec, Timestamp_Sys100NS";

/// Windows has the first class since 2012; the second is what older ones have.
pub(super) fn plans() -> Vec<Plan> {
    let of = |class: &str| Plan {
        joins: vec![
            Join {
                namespace: None,
                query: "SELECT Description, IPAddress, MACAddress FROM Win32_NetworkAdapterConfiguration WHERE MACAddress LIKE '%:%'",
            },
            Join { namespace: None, query: "SELECT MACAddress, NetConnectionID FROM Win32_NetworkAdapter WHERE NetConnectionID LIKE '%'" },
        ],
        ..sampled(&format!("SELECT {PROPERTIES} FROM {class}"), adapters)
    };
    vec![of("Win32_PerfRawData_Tcpip_NetworkAdapter"), of("Win32_PerfRawData_Tcpip_NetworkInterface")]
}

/// The name of a counter's instance has other signs in place of some of a description's: brackets for parentheses, an underscore for `/` and `#`.
fn folded(name: &str) -> String {
    name.chars().map(|c| if c.is_alphanumeric() || c == '_' { c } else { '_' }).collect()
}

/// What is known of an adapter beside its counters.
#[derive(Default)]
struct Known {
    connection: String,
    address: String,
    mac: String,
}

impl Known {
    fn of(input: &Input<'_>, row: &Row) -> Known {
        let rows = |at: usize| input.more.get(at).map(|s| s.rows.as_slice()).unwrap_or_default();
        let name = folded(&row.name);
        let mut described = rows(0).iter().filter(|r| folded(r.text("Description")) == name);
        // Of two with one description nobody knows which is meant.
        let (Some(configuration), None) = (described.next(), described.next()) else { return Known::default() };
        let mac = configuration.text("MACAddress").to_owned();
        let of_mac = |r: &&Row| !mac.is_empty() && r.text("MACAddress").eq_ignore_ascii_case(&mac);
        let connection = rows(1).iter().find(of_mac).map(|r| r.text("NetConnectionID").to_owned()).unwrap_or_default();
        let addresses: Vec<String> = serde_json::from_str(configuration.text("IPAddress")).unwrap_or_default();
        Known { connection, address: addresses.into_iter().next().unwrap_or_default(), mac }
    }

    fn name<'a>(&'a self, row: &'a Row) -> &'a str {
        [&self.connection, &self.address, &self.mac].into_iter().find(|n| !n.is_empty()).unwrap_or(&row.name)
    }
}

fn adapters(input: &Input<'_>) -> Vec<Item> {
    let known: Vec<(Known, &Row)> = input.rows().iter().map(|r| (Known::of(input, r), r)).collect();
    let meant = known.iter().filter(|(k, r)| !input.excludes(&[&r.name, &k.connection, &k.address, &k.mac]));
    meant.map(|(k, r)| adapter(input, k, r)).collect()
}

fn adapter(input: &Input<'_>, known: &Known, row: &Row) -> Item {
    let name = known.name(row);
    let rate = |property: &str| input.counter(Counter::PerSecond, property, row).map(Number::nearest);
    let (sent, received) = (rate("BytesSentPersec"), rate("BytesReceivedPersec"));
    let (packets_sent, packets_received) = (rate("PacketsSentPersec"), rate("PacketsReceivedPersec"));
    let (queue, errors) = (row.number("OutputQueueLength"), row.number("PacketsReceivedErrors"));
    // In bits a second; an adapter without a cable has none, and uses none of it.
    let bandwidth = row.number("CurrentBandwidth");
    let share = |rate: Option<Number>| match (rate?.as_f64(), bandwidth?.as_f64()) {
        (0.0, 0.0) => Some(Number::Int(0)),
        (rate, bandwidth) => percent(rate, bandwidth / 8.0),
    };
    let mut item = Item::new(format!(
        "{name} Speed: {} - Sent: {} ({}%), {} - Received: {} ({}%), {} - Output Queue Length: {} - Packets Received Errors: {}",
        scaled(bandwidth, "bit/s"),
        scaled(sent, "B/sec"),
        shown(share(sent)),
        scaled(packets_sent, "packet/sec"),
        scaled(received, "B/sec"),
        shown(share(received)),
        scaled(packets_received, "packet/sec"),
        shown(queue),
        shown(errors)
    ));
    item.field("CurrentBandwidth", bandwidth).field("OutputQueueLength", queue).field("PacketsReceivedErrors", errors);
    item.field("_BytesSentPersec", sent).field("_SendBytesUtilisation", share(sent));
    item.field("_BytesReceivedPersec", received).field("_ReceiveBytesUtilisation", share(received));
    item.field("_PacketsSentPersec", packets_sent).field("_PacketsReceivedPersec", packets_received);
    item.perf(format!("{name} BytesSentPersec"), "_BytesSentPersec", "");
    item.perf(format!("{name} Send Utilisation"), "_SendBytesUtilisation", "%");
    item.perf(format!("{name} BytesReceivedPersec"), "_BytesReceivedPersec", "");
    item.perf(format!("{name} Receive Utilisation"), "_ReceiveBytesUtilisation", "%");
    item.perf(format!("{name} PacketsSentPersec"), "_PacketsSentPersec", "");
    item.perf(format!("{name} PacketsReceivedPersec"), "_PacketsReceivedPersec", "");
    item.perf(format!("{name} OutputQueueLength"), "OutputQueueLength", "");
    item.perf(format!("{name} PacketsReceivedErrors"), "PacketsReceivedErrors", "");
    item
}

/// With a unit, in powers of 1000 as networks count: `1.00Gbit/s`.
fn scaled(n: Option<Number>, unit: &str) -> String {
    let Some(n) = n else { return "unknown".into() };
    let mut f = n.as_f64();
    for prefix in ["", "K", "M", "G", "T", "P"] {
        if f.abs() < 1000.0 {
            return if prefix.is_empty() { format!("{f:.0}{unit}") } else { format!("{f:.2}{prefix}{unit}") };
        }
        f /= 1000.0;
    }
    format!("{f:.2}E{unit}")
}

#[cfg(test)]
mod tests {
    use super::super::mode::{Mode, Pick, Wish};
    use super::super::testing::{Found, n, row, t};
    use super::*;

    fn counters(name: &str, sent: i128, received: i128, time: i128, bandwidth: i128) -> Row {
        row(
            name,
            &[
                ("Name", t(name)),
                ("CurrentBandwidth", n(bandwidth)),
                ("BytesSentPersec", n(sent)),
                ("BytesReceivedPersec", n(received)),
                ("PacketsSentPersec", n(sent / 1000)),
                ("PacketsReceivedPersec", n(received / 1000)),
                ("OutputQueueLength", n(0)),
                ("PacketsReceivedErrors", n(2)),
                ("Timestamp_Sys100NS", n(time)),
                ("Frequency_Sys100NS", n(10_000_000)),
            ],
        )
    }

    /// Two samples ten seconds apart; the names of the adapters as the configuration tells them.
    fn found(only: &[&str]) -> Found {
        let name = "Intel[R] PRO_1000 MT Network Connection _2";
        let configuration = row(
            "7",
            &[
                ("Description", t("Intel(R) PRO/1000 MT Network Connection #2")),
                ("MACAddress", t("52:54:00:12:34:01")),
                ("IPAddress", t(r#"["192.0.2.10","fe80::1"]"#)),
            ],
        );
        let adapter = row("7", &[("MACAddress", t("52:54:00:12:34:01")), ("NetConnectionID", t("Ethernet 2"))]);
        let pick = Pick { only: only.iter().map(|o| (*o).to_owned()).collect(), ..Pick::default() };
        Found {
            now: vec![counters(name, 25_000_000, 1_250_000, 100_000_000, 100_000_000), counters("isatap", 0, 0, 100_000_000, 0)],
            earlier: Some(vec![counters(name, 0, 0, 0, 100_000_000), counters("isatap", 0, 0, 0, 0)]),
            more: vec![vec![configuration], vec![adapter]],
            wish: Wish { pick, ..Wish::default() },
        }
    }

    const PERF: &str = "|'Ethernet 2 BytesSentPersec'=2500000; 'Ethernet 2 Send Utilisation'=20.00%; 'Ethernet 2 BytesReceivedPersec'=125000; \
         'Ethernet 2 Receive Utilisation'=1.00%; 'Ethernet 2 PacketsSentPersec'=2500; 'Ethernet 2 PacketsReceivedPersec'=125; \
         'Ethernet 2 OutputQueueLength'=0; 'Ethernet 2 PacketsReceivedErrors'=2; \n";

    #[test]
    fn an_adapter_has_the_name_of_its_connection() {
        for only in ["ethernet*", "192.0.2.10", "52:54:*", "Intel?R?*"] {
            assert_eq!(
                found(&[only]).said(Mode::Network, 0, &[]),
                format!(
                    "OK - Ethernet 2 Speed: 100.00Mbit/s - Sent: 2.50MB/sec (20.00%), 2.50Kpacket/sec - Received: 125.00KB/sec (1.00%), 125packet/sec \
                     - Output Queue Length: 0 - Packets Received Errors: 2{PERF}"
                ),
                "{only}"
            );
        }
    }

    #[test]
    fn without_more_to_know_an_adapter_has_the_next_best_name() {
        let said = |more: Vec<Vec<Row>>| Found { more, ..found(&["Intel*"]) }.said(Mode::Network, 1, &[]);
        let configuration = found(&[]).more.remove(0);
        assert!(said(vec![configuration.clone(), Vec::new()]).starts_with("OK - 192.0.2.10 Speed"));
        let mut bare = configuration;
        bare[0].values.pop();
        assert!(said(vec![bare, Vec::new()]).starts_with("OK - 52:54:00:12:34:01 Speed"));
        assert!(said(vec![Vec::new(), Vec::new()]).starts_with("OK - Intel[R] PRO_1000 MT Network Connection _2 Speed"));
        let two = [found(&[]).more.remove(0), found(&[]).more.remove(0)].concat();
        assert!(said(vec![two, Vec::new()]).starts_with("OK - Intel[R] PRO_1000 MT Network Connection _2 Speed"));
    }

    #[test]
    fn thresholds_are_of_bandwidth_and_of_any_field() {
        // k is 1000 here.
        assert!(found(&["eth*"]).said(Mode::Network, 0, &["1g:"]).starts_with("CRITICAL - [Triggered by CurrentBandwidth<1000000000] - "));
        let text = found(&[]).said(Mode::Network, 0, &["_SendBytesUtilisation=10"]);
        assert!(text.starts_with("CRITICAL - [Triggered by _SendBytesUtilisation>10] - Ethernet 2 Speed"), "{text}");
        // No cable and no octets are no unknown.
        assert!(text.contains("\nOK: isatap Speed: 0bit/s - Sent: 0B/sec (0%)"), "{text}");
        // One sample says nothing of rates.
        let once = Found { earlier: None, ..found(&["eth*"]) }.said(Mode::Network, 0, &["_BytesSentPersec=1"]);
        assert!(once.starts_with("UNKNOWN - ") && once.contains("'Ethernet 2 BytesSentPersec'=U;;1; "), "{once}");
    }
}
