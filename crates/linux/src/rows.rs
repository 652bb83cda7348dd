//! Rows in any number, the same ones each time.

use crate::row::asked_integer;
use rwmi_cim::{Class, DateTime, Enumerate, Instance, Provider, ProviderResult, RequestContext, Sink, Timestamp, Value};
use std::sync::Arc;

/// Makes the rows of `Rwmi_Row`: row `Id` from 0 on, every value computed from it. Classes name it `rwmi-test`.
///
/// | property | type | value |
/// |---|---|---|
/// | `Id` | uint64 | 0 to N-1 |
/// | `Name` | string | `row 7` |
/// | `Number` | uint32 | `Id` times 2654435761, modulo 2^32 |
/// | `Time` | datetime | 2024-01-01 00:00:00 UTC and `Id` seconds |
/// | `Flag` | boolean | whether `Id` is odd |
/// | `Ratio` | real64 | `Id` / 8 |
/// | `Tags` | string[] | `Id` modulo 3 strings, `tag 0`, `tag 1` |
/// | `Signed` | sint32 | the lower 31 bits of `Id`, negative where `Id` is odd |
/// | `Octets` | uint8[] | the 8 octets of `Id`, little endian |
///
/// A property that the class lacks or declares otherwise is left out. `Id = n` is looked up, not scanned.
#[derive(Debug, Clone)]
pub struct RowProvider {
    rows: u64,
}

impl RowProvider {
    /// The name that classes give in their qualifier `provider`.
    pub const NAME: &'static str = "rwmi-test";

    /// A provider of this many rows.
    pub fn new(rows: u64) -> Self {
        RowProvider { rows }
    }
}

/// 2024-01-01 00:00:00 UTC.
const FIRST_TIME: i64 = 1_704_067_200;

type Make = fn(u64) -> Value;

const PROPERTIES: [(&str, &str, Make); 9] = [
    ("Id", "uint64", Value::Uint64),
    ("Name", "string", |n| Value::String(format!("row {n}"))),
    ("Number", "uint32", |n| Value::Uint32((n as u32).wrapping_mul(2_654_435_761))),
    ("Time", "datetime", |n| Value::DateTime(time(n))),
    ("Flag", "boolean", |n| Value::Boolean(n % 2 == 1)),
    ("Ratio", "real64", |n| Value::Real64(n as f64 / 8.0)),
    ("Tags", "string[]", |n| Value::Array((0..n % 3).map(|i| Value::String(format!("tag {i}"))).collect())),
    ("Signed", "sint32", |n| Value::Sint32(((n & 0x7fff_ffff) as i32) * if n % 2 == 1 { -1 } else { 1 })),
    ("Octets", "uint8[]", |n| Value::from(n.to_le_bytes().to_vec())),
];

fn time(n: u64) -> DateTime {
    let seconds = FIRST_TIME.saturating_add_unsigned(n);
    Timestamp { unix_micros: seconds.saturating_mul(1_000_000), offset_minutes: 0 }.into()
}

/// What to compute for a class and where to put it, found once an enumeration.
struct Plan<'a> {
    class: &'a Arc<Class>,
    makes: Vec<(usize, Make)>,
    blank: Instance,
}

impl<'a> Plan<'a> {
    fn new(req: &Enumerate<'a>) -> Self {
        let makes = PROPERTIES
            .iter()
            .filter(|(name, ..)| req.wants(name) || *name == "Id")
            .filter_map(|(name, ty, make)| {
                let index = req.class.property_index(name)?;
                (req.class.properties[index].ty.to_string() == *ty).then_some((index, *make))
            })
            .collect();
        Plan { class: req.class, makes, blank: Instance::new(req.class.clone()) }
    }

    fn row(&self, id: u64) -> Instance {
        let mut row = Instance { class: self.class.clone(), ..self.blank.clone() };
        for (index, make) in &self.makes {
            row.values[*index] = make(id);
            row.is_default[*index] = false;
        }
        row
    }
}

impl Provider for RowProvider {
    fn name(&self) -> &str {
        Self::NAME
    }

    async fn enumerate(&self, _cx: &RequestContext, req: &Enumerate<'_>, sink: &Sink) -> ProviderResult<()> {
        let plan = Plan::new(req);
        if let Some(id) = asked_integer(req, "Id") {
            return match u64::try_from(id).ok().filter(|n| *n < self.rows) {
                Some(id) => sink.indicate(plan.row(id)).await,
                None => Ok(()),
            };
        }
        for id in 0..self.rows {
            sink.indicate(plan.row(id)).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rwmi_cim::{CimType, Object, Property, WbemStatus};

    fn class() -> Arc<Class> {
        let property = |(name, ty, _): &(&str, &str, Make)| match ty.strip_suffix("[]") {
            Some(ty) => Property::new(name, CimType::from_name(ty).unwrap().array()),
            None => Property::new(name, CimType::from_name(ty).unwrap()),
        };
        Arc::new(Class { name: "Rwmi_Row".into(), properties: PROPERTIES.iter().map(property).collect(), ..Class::default() })
    }

    async fn rows(provider: &RowProvider, req: &Enumerate<'_>) -> Vec<Object> {
        let (sink, results) = Sink::bounded(1 << 20);
        provider.enumerate(&RequestContext::new("u", "root\\test"), req, &sink).await.unwrap();
        drop(sink);
        std::iter::from_fn(|| results.try_recv().ok()).map(|e| e.as_instance().unwrap().clone()).collect()
    }

    #[tokio::test]
    async fn a_row_is_computed_from_its_id() {
        let class = class();
        let rows = rows(&RowProvider::new(6), &Enumerate::all(&class)).await;
        assert_eq!(rows.len(), 6);
        let row = &rows[5];
        assert_eq!(row.get::<u64>("Id"), Ok(5));
        assert_eq!(row.get::<String>("Name"), Ok("row 5".into()));
        assert_eq!(row.get::<u32>("Number"), Ok(387_276_917));
        assert_eq!(row.get::<String>("Time"), Ok("20240101000005.000000+000".into()));
        assert_eq!(row.get::<bool>("Flag"), Ok(true));
        assert_eq!(row.get::<f64>("Ratio"), Ok(0.625));
        assert_eq!(row.get::<Vec<String>>("Tags"), Ok(vec!["tag 0".into(), "tag 1".into()]));
        assert_eq!(row.get::<i32>("Signed"), Ok(-5));
        assert_eq!(row.get::<Vec<u8>>("Octets"), Ok(vec![5, 0, 0, 0, 0, 0, 0, 0]));
    }

    #[tokio::test]
    async fn an_id_is_looked_up_and_not_scanned() {
        let (class, provider) = (class(), RowProvider::new(u64::MAX));
        for (id, count) in [(Value::Uint64(1 << 40), 1), (Value::Sint32(-1), 0), (Value::Uint64(u64::MAX), 0)] {
            let equal = [("id".to_owned(), id)];
            let mut req = Enumerate::all(&class);
            req.equal = &equal;
            assert_eq!(rows(&provider, &req).await.len(), count, "{equal:?}");
        }
    }

    #[tokio::test]
    async fn what_is_not_wanted_stays_null() {
        let class = class();
        let wanted = ["number".to_owned()];
        let mut req = Enumerate::all(&class);
        req.wanted = Some(&wanted);
        let rows = rows(&RowProvider::new(1), &req).await;
        let set: Vec<&str> = rows[0].iter().filter(|(_, v)| !v.as_ref().unwrap().is_null()).map(|(n, _)| n).collect();
        assert_eq!(set, ["Id", "Number"]);
    }

    #[tokio::test]
    async fn a_reader_that_leaves_ends_the_rows() {
        let class = class();
        let (sink, results) = Sink::bounded(1);
        let cx = RequestContext::new("u", "root\\test");
        let (provider, req) = (RowProvider::new(u64::MAX), Enumerate::all(&class));
        let read = async {
            results.recv().await.unwrap();
            drop(results);
        };
        let (outcome, ()) = tokio::join!(provider.enumerate(&cx, &req, &sink), read);
        assert_eq!(outcome, Err(WbemStatus::CALL_CANCELLED));
    }
}
