//! Calls that read: objects, enumerators and what they give, queries and events.

use super::model::drain;
use super::world::{P, call, entity, ipid};
use super::{Counted, Run, chosen, class_name, is_creation, place, query};
use crate::input::Input;
use rwmi_cim::{Entity, ObjectPath};
use rwmi_dcom::client::query_interface;
use rwmi_ndr::Guid;
use rwmi_wbem::flags::*;
use rwmi_wbem::interfaces::*;
use rwmi_wbem::{Context, ContextValue};

impl Run {
    pub(super) async fn get_object(&mut self, input: &mut Input<'_>) {
        let text = self.some_path(input);
        let flags = [0, 0, RETURN_IMMEDIATELY, USE_AMENDED_QUALIFIERS, DIRECT_READ][usize::from(input.u8() % 5)];
        let context = (input.u8() & 7 == 0).then(|| {
            let names = ContextValue::Array(8, vec![ContextValue::Text("P1".into()), ContextValue::Text("__PATH".into())]);
            let values = vec![("__GET_EXTENSIONS".to_owned(), ContextValue::Bool(true)), ("__GET_EXT_PROPERTIES".to_owned(), names)];
            Context { id: Guid([1; 16]), values }.to_pointer()
        });
        let is_part = context.is_some();
        let get = GetObject { path: text.as_str().into(), flags, context, object: Some(None), result: Some(None) };
        let Ok((reply, _)) = call(&self.here(), &get).await else { return };
        let object = match (reply.object.flatten(), reply.result.flatten()) {
            (Some(object), result) => {
                if let Some(result) = result {
                    let _ = self.finish(Some(Some(result))).await;
                }
                Some(object)
            }
            (None, Some(result)) => match self.finish(Some(Some(result))).await {
                Ok(result) => call(&result, &GetResultObject { timeout_ms: -1 }).await.ok().and_then(|(r, _)| r.object),
                Err(_) => None,
            },
            (None, None) => panic!("{text}: neither an object nor a result"),
        };
        if let Some(Entity::Instance(object)) = object.map(|o| entity(Some(&o)))
            && let Ok(path) = text.parse::<ObjectPath>()
            && let Some(row) = self.model.row(&path)
            && !is_part
        {
            row.check(&object);
        }
    }

    pub(super) async fn enumerate(&mut self, input: &mut Input<'_>) {
        let (kind, flags) = (input.u8(), input.u8());
        let flags = chosen(flags, &[FORWARD_ONLY, RETURN_IMMEDIATELY, SHALLOW]);
        let class = match input.u8() {
            n @ 0..160 => class_name(n).to_owned(),
            160..200 => "Fz_Machine".into(),
            200..210 => "Fz_Nobody".into(),
            210..220 => "__SystemClass".into(),
            220..230 => String::new(),
            _ => String::from_utf8_lossy(input.piece()).into_owned(),
        };
        let here = self.any(input.u8());
        if kind & 1 == 0 {
            let create = CreateInstanceEnum { class: class.as_str().into(), flags, context: None };
            if let Ok((reply, _)) = call(&here, &create).await {
                self.keep(reply.enumerator, None, false).await;
            }
        } else {
            let create = CreateClassEnum { superclass: class.as_str().into(), flags, context: None };
            if let Ok((reply, _)) = call(&here, &create).await {
                self.keep(reply.enumerator, None, false).await;
            }
        }
    }

    pub(super) async fn query(&mut self, input: &mut Input<'_>) {
        let (kind, class, flags) = (input.u8(), class_name(input.u8()), input.u8());
        let flags = chosen(flags, &[FORWARD_ONLY, RETURN_IMMEDIATELY, PROTOTYPE, ENSURE_LOCATABLE]);
        if kind % 8 == 0 {
            // As many as the model has.
            let expected = self.model.class(class).and_then(|_| self.model.count(class));
            let flags = flags & (FORWARD_ONLY | RETURN_IMMEDIATELY);
            let reply = call(&self.here(), &query(&format!("SELECT * FROM {class}"), flags)).await;
            match (reply, expected) {
                (Ok((reply, _)), Some(expected)) => {
                    let rows: P<IEnumWbemClassObject> = self.here().at(ipid(reply.enumerator.as_ref()));
                    assert_eq!(drain(&self.client, rows).await.len(), expected, "instances of {class}");
                }
                (Ok((reply, _)), None) => self.keep(reply.enumerator, None, false).await,
                (Err(code), Some(_)) => panic!("{class} is there and was queried: {code:#x}"),
                (Err(_), None) => {}
            }
            return;
        }
        let text = match kind % 8 {
            1 => format!("SELECT P{} FROM {class} WHERE P{} >= {}", kind & 3, kind >> 6, input.u8()),
            2 => format!("SELECT * FROM {class} WHERE K LIKE 'k[0-{}]%' OR P1 IS NULL", input.u8() % 6),
            3 => format!("ASSOCIATORS OF {{{}}}", self.some_path(input)),
            4 => format!("REFERENCES OF {{{}}} WHERE ResultClass = {class}", self.some_path(input)),
            5 => format!("SELECT * FROM meta_class WHERE __this ISA '{class}'"),
            6 => "SELECT * FROM Fz_Machine WHERE Name > 'r0'".into(),
            _ => String::from_utf8_lossy(input.piece()).into_owned(),
        };
        let here = self.any(input.u8());
        if let Ok((reply, _)) = call(&here, &query(&text, flags)).await {
            self.keep(reply.enumerator, None, false).await;
        }
    }

    pub(super) async fn subscribe(&mut self, input: &mut Input<'_>) {
        let kind = input.u8();
        let class = class_name(input.u8());
        let text = match kind % 6 {
            0 | 1 => format!("SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA '{class}'"),
            2 => format!("SELECT * FROM __InstanceModificationEvent WHERE TargetInstance ISA '{class}'"),
            3 => format!("SELECT * FROM __InstanceOperationEvent WITHIN {} WHERE TargetInstance ISA 'Fz_Machine'", input.u8()),
            4 => format!("SELECT * FROM __InstanceCreationEvent WITHIN 1 WHERE TargetInstance ISA '{class}' GROUP WITHIN 1"),
            _ => String::from_utf8_lossy(input.piece()).into_owned(),
        };
        let flags = if kind & 0x80 == 0 { FORWARD_ONLY | RETURN_IMMEDIATELY } else { input.u8().into() };
        let call_of = ExecNotificationQuery { language: "WQL".into(), query: text.as_str().into(), flags, context: None };
        if let Ok((reply, _)) = call(&self.here(), &call_of).await {
            let events = (kind % 6 < 2 && self.model.class(class).is_some()).then(|| Counted { class: class.into(), expected: 0, seen: 0 });
            self.keep(reply.enumerator, events, true).await;
        }
    }

    pub(super) async fn next(&mut self, input: &mut Input<'_>) {
        let (which, count, wait) = (input.u8(), input.u8(), input.u8());
        let Some(at) = place(which, self.enumerators.len()) else { return };
        let enumerator = &mut self.enumerators[at];
        let timeout_ms = match wait {
            0..100 if !enumerator.endless => -1,
            100..110 => -i32::from(wait),
            _ => i32::from(wait % 4),
        };
        let count = if count == 255 { u32::MAX } else { u32::from(count) };
        if let Ok((reply, _)) = call(&enumerator.proxy, &Next { timeout_ms, count }).await {
            assert!(reply.returned <= count && reply.returned as usize == reply.objects.objects.len());
            let creations = reply.objects.objects.iter().map(|o| entity(o.as_ref())).filter(is_creation).count();
            if let Some(events) = &mut enumerator.events {
                events.seen += creations;
            }
        }
    }

    /// Skip, Reset and Clone.
    pub(super) async fn place(&mut self, input: &mut Input<'_>) {
        let (which, what, count) = (input.u8(), input.u8(), input.u8());
        let Some(at) = place(which, self.enumerators.len()) else { return };
        let enumerator = &mut self.enumerators[at];
        let (proxy, endless) = (enumerator.proxy.clone(), enumerator.endless);
        match what % 3 {
            0 => {
                enumerator.events = None;
                let timeout_ms = if endless { 1 } else { -1 };
                let _ = call(&proxy, &Skip { timeout_ms, count: count.into() }).await;
            }
            1 => {
                let _ = call(&proxy, &Reset {}).await;
            }
            _ => {
                if let Ok((reply, _)) = call(&proxy, &CloneEnum {}).await {
                    self.keep(reply.enumerator, None, endless).await;
                }
            }
        }
    }

    pub(super) async fn smart(&mut self, input: &mut Input<'_>) {
        let (which, count) = (input.u8(), input.u8());
        let Some(at) = place(which, self.enumerators.len()) else { return };
        let enumerator = &mut self.enumerators[at];
        let (proxy, endless) = (enumerator.proxy.clone(), enumerator.endless);
        // What comes this way is not counted.
        enumerator.events = None;
        let Ok(fetch) = query_interface(&self.client.rem_unknown, proxy.ipid(), IWbemFetchSmartEnum::IID).await else { return };
        let fetch: P<IWbemFetchSmartEnum> = proxy.at(fetch.ipid);
        let Ok((reply, _)) = call(&fetch, &GetSmartEnum {}).await else { return };
        let smart: P<IWbemWCOSmartEnum> = proxy.at(ipid(reply.enumerator.as_ref()));
        let timeout_ms = if endless { 1 } else { -1 };
        if let Ok((reply, _)) = call(&smart, &SmartNext { proxy: Guid([count; 16]), timeout_ms, count: count.into() }).await {
            assert_eq!(reply.buffer.map_or(0, |b| b.0.len()), reply.size as usize);
            assert!(reply.returned <= u32::from(count));
        }
        self.client.release(smart).await;
        self.client.release(fetch).await;
    }
}
