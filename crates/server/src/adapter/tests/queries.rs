//! Queries that are refused: each condition with its code, over the wire.

use super::*;
use rwmi_cim::{Enumerate, Provider, ProviderResult, RequestContext, Sink};

/// In the place of the Linux provider: it knows its classes and can do nothing with them.
struct Incapable;

impl Provider for Incapable {
    fn name(&self) -> &str {
        "rwmi-linux"
    }

    async fn enumerate(&self, _: &RequestContext, _: &Enumerate<'_>, _: &Sink) -> ProviderResult<()> {
        Err(WbemStatus::PROVIDER_NOT_CAPABLE)
    }
}

/// How a query ends: at the call, or with its first object.
pub(super) async fn outcome(services: &P<IWbemServices>, text: &str, flags: i32) -> HResult {
    match ok(services.call(&query(text, flags)).await) {
        Ok(reply) => {
            let rows: P<IEnumWbemClassObject> = services.at(ipid(reply.enumerator.as_ref()));
            code(&rows, Next { timeout_ms: -1, count: 1 }).await
        }
        Err(code) => code,
    }
}

#[tokio::test]
async fn every_condition_has_its_code() {
    let mut config = Config::default();
    config.test.rows = 5;
    let client = Client::over(config, vec![Arc::new(RowProvider::new(5)), Arc::new(Incapable)]).await;
    let services = client.test().await;
    let cimv2 = client.login(Some("//./root/cimv2")).await.unwrap();
    let complex = format!("SELECT * FROM Rwmi_Row WHERE {}", vec!["Id = 1"; 600].join(" OR "));
    let deep = format!("SELECT * FROM Rwmi_Row WHERE {}Id = 1{}", "(".repeat(1000), ")".repeat(1000));
    let conditions: &[(&P<IWbemServices>, &str, WbemStatus)] = &[
        // Lexical and syntax errors.
        (&services, "SELECT * FORM Rwmi_Row", WbemStatus::INVALID_QUERY),
        (&services, "SELECT * FROM Rwmi_Row WHERE Id = §", WbemStatus::INVALID_QUERY),
        (&services, "SELECT * FROM Rwmi_Row ORDER BY Id", WbemStatus::INVALID_QUERY),
        (&services, "SELECT * FROM Rwmi_Row WHERE Id = Number", WbemStatus::INVALID_QUERY),
        (&services, "SELECT Id FROM meta_class", WbemStatus::INVALID_QUERY),
        (&services, "SELECT * FROM meta_class WHERE Name = 'x'", WbemStatus::INVALID_QUERY),
        // Unknown columns, operators and constants that do not go with a type.
        (&services, "SELECT Nothing FROM Rwmi_Row", WbemStatus::INVALID_QUERY),
        (&services, "SELECT * FROM Rwmi_Row WHERE Nothing = 1", WbemStatus::INVALID_QUERY),
        (&services, "SELECT * FROM Rwmi_Row WHERE Flag > 0", WbemStatus::INVALID_QUERY),
        (&services, "SELECT * FROM Rwmi_Row WHERE Tags = 'x'", WbemStatus::INVALID_QUERY),
        (&services, "SELECT * FROM Rwmi_Row WHERE Id LIKE '4%'", WbemStatus::INVALID_QUERY),
        (&services, "SELECT * FROM Rwmi_Row WHERE Name.Part = 1", WbemStatus::INVALID_QUERY),
        (&services, "SELECT * FROM Rwmi_Row WHERE Name ISA 'x'", WbemStatus::INVALID_QUERY),
        // Options that exclude each other, stand twice, or belong to the other statement.
        (&services, "ASSOCIATORS OF {Rwmi_Row.Id=1} WHERE ClassDefsOnly ResultClass = Rwmi_Row", WbemStatus::INVALID_QUERY),
        (&services, "ASSOCIATORS OF {Rwmi_Row.Id=1} WHERE Role = A Role = B", WbemStatus::INVALID_QUERY),
        (&services, "ASSOCIATORS OF {Rwmi_Row.Id=1} WHERE AssocClass = A, ResultClass = B", WbemStatus::INVALID_QUERY),
        (&services, "ASSOCIATORS OF {Rwmi_Row.Id=1} WHERE ResultClass > X", WbemStatus::INVALID_QUERY),
        (&services, "ASSOCIATORS OF {Rwmi_Row.Id=1} WHERE SchemaOnly", WbemStatus::INVALID_QUERY),
        (&services, "ASSOCIATORS OF {Rwmi_Row}", WbemStatus::INVALID_QUERY),
        (&services, "ASSOCIATORS OF {Rwmi_Row.Number=1}", WbemStatus::INVALID_QUERY),
        (&services, "ASSOCIATORS OF {Rwmi_Row.}", WbemStatus::INVALID_QUERY),
        (&services, "REFERENCES OF {Rwmi_Row.Id=1} WHERE AssocClass = A", WbemStatus::INVALID_QUERY),
        // Event queries are no data queries.
        (&services, "SELECT * FROM __InstanceCreationEvent WITHIN 1 WHERE TargetInstance ISA 'Rwmi_Row'", WbemStatus::INVALID_QUERY),
        (&services, "SELECT * FROM __ExtrinsicEvent", WbemStatus::INVALID_QUERY),
        // What is not there.
        (&services, "SELECT * FROM Nothing", WbemStatus::INVALID_CLASS),
        (&services, "ASSOCIATORS OF {Rwmi_Row.Id=1} WHERE ResultClass = Nothing", WbemStatus::INVALID_CLASS),
        (&services, "ASSOCIATORS OF {Nothing.Id=1}", WbemStatus::NOT_FOUND),
        (&services, "ASSOCIATORS OF {Rwmi_Row.Id=5}", WbemStatus::NOT_FOUND),
        (&services, "REFERENCES OF {Nothing} WHERE SchemaOnly", WbemStatus::NOT_FOUND),
        // Too much.
        (&services, &complex, WbemStatus::QUOTA_VIOLATION),
        (&services, &deep, WbemStatus::QUOTA_VIOLATION),
        // A provider that can neither evaluate nor enumerate.
        (&cimv2, "SELECT * FROM Win32_Process", WbemStatus::PROVIDER_NOT_CAPABLE),
        (&cimv2, "ASSOCIATORS OF {Win32_Service.Name='x'}", WbemStatus::PROVIDER_NOT_CAPABLE),
    ];
    for (services, text, expect) in conditions {
        for flags in [0, 0x30] {
            assert_eq!(outcome(services, text, flags).await, hresult(*expect), "{text} with flags {flags:#x}");
        }
    }
}

#[tokio::test]
async fn what_matches_nothing_is_no_error() {
    let client = Client::new(5).await;
    let services = client.test().await;
    for text in ["SELECT * FROM Rwmi_Row WHERE Id = 77", "ASSOCIATORS OF {Rwmi_Row.Id=1}", "REFERENCES OF {Rwmi_Row=1}"] {
        assert_eq!(outcome(&services, text, 0x30).await, HResult::S_FALSE, "{text}");
    }
}
