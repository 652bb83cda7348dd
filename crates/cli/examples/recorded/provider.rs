//! What answers for a recorded machine.

use rwmi_cim::{
    CimType, Class, DateTime, DynProvider, Enumerate, Instance, InvokeResult, Method, ObjectPath, PathKeys, Provider, ProviderResult,
    Refusal, RequestContext, Sink, Value, WbemStatus, names_equal,
};
use serde_json::Value as Json;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;

/// Those that the classes name: of the server's own ones, and of those that were put.
pub(crate) fn of(file: &Path) -> Result<Vec<Arc<dyn DynProvider>>, Box<dyn Error>> {
    let machine: Arc<Json> = Arc::new(serde_json::from_slice(&std::fs::read(file)?)?);
    let named = |name| Arc::new(Recorded { name, machine: machine.clone() }) as Arc<dyn DynProvider>;
    Ok(vec![named("rwmi-linux"), named("recorded")])
}

struct Recorded {
    name: &'static str,
    machine: Arc<Json>,
}

const NOT_THERE: u32 = 2;

impl Provider for Recorded {
    fn name(&self) -> &str {
        self.name
    }

    async fn enumerate(&self, _: &RequestContext, req: &Enumerate<'_>, sink: &Sink) -> ProviderResult<()> {
        for row in self.machine["rows"][&req.class.name].as_array().into_iter().flatten() {
            match row.as_str() {
                Some("never") => std::future::pending().await,
                Some("fails") => return Err(WbemStatus::PROVIDER_FAILURE),
                _ => {}
            }
            let mut instance = Instance::new(req.class.clone());
            for property in &req.class.properties {
                let value = value_of(&row[&property.name], property.ty.cim);
                instance.set(&property.name, value).map_err(|_| WbemStatus::FAILED)?;
            }
            sink.indicate(instance).await?;
        }
        Ok(())
    }

    fn reads_only(&self, _: &Class, _: &str) -> bool {
        true
    }

    async fn invoke(
        &self,
        _: &RequestContext,
        class: &Arc<Class>,
        path: &ObjectPath,
        method: &str,
        args: Option<Instance>,
    ) -> InvokeResult {
        let declared = class.method(method).ok_or(WbemStatus::INVALID_METHOD)?;
        if class.is_a("Win32_Process") && names_equal(method, "GetOwner") {
            return self.owner(declared, path);
        }
        let args = args.ok_or(WbemStatus::INVALID_METHOD_PARAMETERS)?;
        let text = |name: &str| args.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let hive = args.get("hDefKey").and_then(Value::as_integer).unwrap_or_default().to_string();
        self.registry(declared, &hive, &text("sSubKeyName"), &text("sValueName"))
    }
}

impl Recorded {
    fn owner(&self, method: &Method, path: &ObjectPath) -> InvokeResult {
        let PathKeys::Named(keys) = &path.keys else { return Err(WbemStatus::INVALID_OBJECT_PATH.into()) };
        let handle = keys.iter().find_map(|(_, v)| v.as_str()).unwrap_or_default();
        let mut rows = self.machine["rows"]["Win32_Process"].as_array().into_iter().flatten();
        let Some(row) = rows.find(|r| r["Handle"] == handle) else { return Err(WbemStatus::NOT_FOUND.into()) };
        let mut answer = method.returning(0);
        if let Some((domain, user)) = row["Owner"].as_str().and_then(|o| o.split_once('\\')) {
            put(&mut answer, "Domain", domain)?;
            put(&mut answer, "User", user)?;
        }
        Ok(answer)
    }

    fn registry(&self, method: &Method, hive: &str, key: &str, name: &str) -> InvokeResult {
        let keys = self.machine["registry"][hive].as_object().ok_or(WbemStatus::INVALID_PARAMETER)?;
        let find = |key: &str| keys.iter().find(|(k, _)| k.eq_ignore_ascii_case(key));
        let Some((_, values)) = find(key) else { return Ok(method.returning(NOT_THERE)) };
        let values = values.as_object().ok_or(WbemStatus::FAILED)?;
        let mut answer = method.returning(0);
        match method.name.as_str() {
            "EnumKey" => {
                let prefix = if key.is_empty() { String::new() } else { format!("{key}\\") };
                let below = keys
                    .keys()
                    .filter_map(|k| k.get(prefix.len()..).filter(|_| k.len() > prefix.len() && k.get(..prefix.len()) == Some(&prefix)));
                let names: Vec<Value> = below.filter(|k| !k.contains('\\')).map(Value::from).collect();
                put(&mut answer, "sNames", Value::Array(names))?;
            }
            "EnumValues" if values.is_empty() => {}
            "EnumValues" => {
                put(&mut answer, "sNames", Value::Array(values.keys().map(|k| Value::from(k.as_str())).collect()))?;
                put(&mut answer, "Types", Value::Array(values.values().map(|v| Value::Sint32(type_of(v))).collect()))?;
            }
            other => {
                let Some(value) = values.get(name) else { return Ok(method.returning(NOT_THERE)) };
                match (other, type_of(value)) {
                    ("GetStringValue", 1) => put(&mut answer, "sValue", value.as_str().unwrap_or_default())?,
                    ("GetExpandedStringValue", 2) => put(&mut answer, "sValue", value["expand"].as_str().unwrap_or_default())?,
                    ("GetDWORDValue", 4) => {
                        put(&mut answer, "uValue", value.as_u64().and_then(|n| u32::try_from(n).ok()).unwrap_or_default())?
                    }
                    // The value has another type.
                    _ => return Ok(method.returning(0x8004_1005)),
                }
            }
        }
        Ok(answer)
    }
}

fn put(answer: &mut Instance, name: &str, value: impl Into<Value>) -> Result<(), Refusal> {
    answer.set(name, value).map_err(|_| WbemStatus::FAILED.into())
}

fn type_of(value: &Json) -> i32 {
    match value {
        Json::Number(_) => 4,
        Json::Object(_) => 2,
        _ => 1,
    }
}

/// A JSON value as one of the declared type; NULL where it is none.
fn value_of(json: &Json, ty: CimType) -> Value {
    match json {
        Json::Array(items) => Value::Array(items.iter().map(|i| value_of(i, ty)).collect()),
        Json::Bool(b) => Value::Boolean(*b),
        Json::Number(n) => n.as_i64().and_then(|n| Value::from_integer(n.into(), ty)).unwrap_or(Value::Null),
        Json::String(text) if ty == CimType::DateTime => Value::DateTime(DateTime::from_text(text.as_str())),
        Json::String(text) if ty == CimType::Reference => Value::Reference(text.clone()),
        Json::String(text) => Value::String(text.clone()),
        _ => Value::Null,
    }
}
