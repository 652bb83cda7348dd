//! IWbemServices under any sequence of calls.

mod model;
mod reads;
mod world;

use crate::input::Input;
use bytes::Bytes;
use model::{Known, Model, Row};
use rwmi_cim::schema::{ClassDecl, PropertyDecl, derive};
use rwmi_cim::{CimType, Class, Entity, Instance, Object, ObjectPath, PathKeys, Qualifier, Qualifiers, Type, Value, WbemStatus};
use rwmi_dcom::{ComVersion, InterfacePointer, OrpcThis};
use rwmi_ndr::{Encode, Guid, HResult, Writer};
use rwmi_rpc::{Channel, ChannelError, Interface};
use rwmi_wbem::flags::*;
use rwmi_wbem::interfaces::*;
use rwmi_wbem::{ClassObjectRef, Context, ContextValue};
use rwmi_wmio::decode_unit;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use world::{Client, NAMESPACE, P, WORLD, call, documented, entity, ipid, make_namespace, pointer, remove_namespace};

/// Calls of one run.
const CALLS_MAX: usize = 48;
/// Objects that a run keeps of each kind.
const KEPT_MAX: usize = 24;
/// A run that takes longer hangs. Long, because fuzzing shares its machine.
const LONGEST: Duration = Duration::from_secs(50);

/// A sequence of calls to the namespace of a server within the process: of every method that is served, with arguments made to fit
/// what is there, or arbitrary. No run hangs; every answer is well-formed and has a documented status; what was acknowledged is
/// there and equal, at once and at the end, and nothing else is; every creation has its event.
pub fn services(octets: &[u8]) {
    let world = WORLD.lock().unwrap_or_else(PoisonError::into_inner);
    let run = async {
        let mut run = Run::new(Client::new(&world).await);
        let mut input = Input(octets);
        for _ in 0..CALLS_MAX {
            if input.is_empty() {
                break;
            }
            run.step(&mut input).await;
        }
        run.end().await;
    };
    world.runtime.block_on(async { tokio::time::timeout(LONGEST, run).await.expect("a run that ends") });
}

struct Run {
    client: Client,
    /// Namespaces; the first is that of the model.
    services: Vec<P<IWbemServices>>,
    enumerators: Vec<Enumerator>,
    results: Vec<P<IWbemCallResult>>,
    model: Model,
}

struct Enumerator {
    proxy: P<IEnumWbemClassObject>,
    /// Of creations, where they are counted.
    events: Option<Counted>,
    endless: bool,
}

/// Creations in a class and those below it.
struct Counted {
    class: String,
    expected: usize,
    seen: usize,
}

impl Run {
    fn new(client: Client) -> Run {
        let services = vec![client.services.clone()];
        Run { client, services, enumerators: Vec::new(), results: Vec::new(), model: Model::default() }
    }

    fn here(&self) -> P<IWbemServices> {
        self.services[0].clone()
    }

    async fn step(&mut self, input: &mut Input<'_>) {
        match input.u8() % 24 {
            0 | 1 => self.put_class(input).await,
            2..=4 => self.put_instance(input).await,
            5 => self.delete_instance(input).await,
            6 => self.delete_class(input).await,
            7 => self.get_object(input).await,
            8 => self.enumerate(input).await,
            9 => self.query(input).await,
            10 => self.subscribe(input).await,
            11 | 12 => self.next(input).await,
            13 => self.place(input).await,
            14 => self.open_namespace(input).await,
            15 => self.method(input).await,
            16 => self.result(input).await,
            17 => self.arbitrary_object(input).await,
            18 | 19 => self.arbitrary_call(input).await,
            20 => self.namespaces(input).await,
            21 => self.smart(input).await,
            22 => self.let_go(input).await,
            _ => self.model.check(&self.client).await,
        }
    }

    async fn end(mut self) {
        self.model.check(&self.client).await;
        for enumerator in &mut self.enumerators {
            if let Some(events) = &mut enumerator.events {
                // What happened is there before the call that did it is answered.
                while let Ok((reply, code)) = call(&enumerator.proxy, &Next { timeout_ms: 0, count: 100 }).await {
                    events.seen += reply.objects.objects.iter().map(|o| entity(o.as_ref())).filter(is_creation).count();
                    if code != HResult::S_OK {
                        break;
                    }
                }
                assert_eq!(events.seen, events.expected, "each creation in {} has its event", events.class);
            }
        }
        self.client.leave().await;
    }

    /// Waits for the end of a semisynchronous call, whose result is kept.
    async fn finish(&mut self, result: InOut) -> Result<P<IWbemCallResult>, u32> {
        let result: P<IWbemCallResult> = self.here().at(ipid(result.flatten().as_ref()));
        self.results.push(result.clone());
        if KEPT_MAX < self.results.len() {
            let old = self.results.remove(0);
            self.client.release(old).await;
        }
        let (reply, _) = call(&result, &GetCallStatus { timeout_ms: -1 }).await?;
        documented("GetCallStatus", reply.status);
        if reply.status == 0 { Ok(result) } else { Err(reply.status) }
    }

    async fn keep(&mut self, pointer: Option<InterfacePointer>, events: Option<Counted>, endless: bool) {
        let proxy = self.here().at(ipid(pointer.as_ref()));
        self.enumerators.push(Enumerator { proxy, events, endless });
        if KEPT_MAX < self.enumerators.len() {
            let old = self.enumerators.remove(0);
            self.client.release(old.proxy).await;
        }
    }

    async fn keep_services(&mut self, services: P<IWbemServices>) {
        self.services.push(services);
        if KEPT_MAX < self.services.len() {
            // The first stays.
            let old = self.services.remove(1);
            self.client.release(old).await;
        }
    }

    /// The class as the server has it.
    async fn class(&self, name: &str) -> Option<Arc<Class>> {
        let get = GetObject { path: name.into(), flags: 0, context: None, object: Some(None), result: None };
        let (reply, _) = call(&self.here(), &get).await.ok()?;
        Some(entity(reply.object.flatten().as_ref()).class().clone())
    }

    async fn object(&self, path: &ObjectPath) -> Result<Object, u32> {
        let get = GetObject { path: path.to_string().as_str().into(), flags: 0, context: None, object: Some(None), result: None };
        let (reply, _) = call(&self.here(), &get).await?;
        let entity = entity(reply.object.flatten().as_ref());
        Ok(entity.as_instance().unwrap_or_else(|| panic!("{path} is no class")).clone())
    }

    async fn put_class(&mut self, input: &mut Input<'_>) {
        let name = class_name(input.u8());
        let above = match input.u8() {
            n @ 0..128 if class_name(n) != name => self.class(class_name(n)).await,
            _ => None,
        };
        let mut decl = ClassDecl { name: name.into(), ..ClassDecl::default() };
        let shape = input.u8();
        let mut property = |name: &str, ty: Type, qualifiers: Vec<Qualifier>| {
            let qualifiers = Qualifiers(qualifiers);
            decl.properties.push(PropertyDecl { name: name.into(), ty, class: None, qualifiers, default: Value::Null });
        };
        if above.is_none() && shape & 1 == 0 {
            property("K", CimType::String.scalar(), vec![Qualifier::flag("key", 0x13)]);
        }
        if above.is_none() && shape & 6 == 6 {
            property("K2", CimType::Uint32.scalar(), vec![Qualifier::flag("key", 0x13)]);
        }
        for at in 0..shape >> 6 {
            property(["P0", "P1", "P2", "P3"][usize::from(input.u8() % 4)], ty(input.u8().wrapping_add(at)), Vec::new());
        }
        if shape & 0x38 == 0x38 {
            decl.qualifiers.0.extend([Qualifier::flag("dynamic", 0x13), Qualifier::string("provider", "fuzz", 0x13)]);
        } else if shape & 0x38 == 0x30 {
            let flags = ["abstract", "singleton", "Association", "amendment"];
            decl.qualifiers.set(Qualifier::flag(flags[usize::from(input.u8() % 4)], 0x13));
        } else if shape & 0x38 == 0x28 {
            let text = String::from_utf8_lossy(input.piece()).into_owned();
            decl.qualifiers.set(Qualifier::string("Description", &text, 0x83));
        }
        let Ok(class) = derive(above.as_ref(), decl) else { return };
        let known = Known::of(&class);
        let flags = put_flags(input.u8());
        let Some(object) = pointer(&Entity::Class(Arc::new(class))) else { return };
        let put = PutClass { object: Some(object), flags, context: None, result: Some(None) };
        let Ok((reply, _)) = call(&self.here(), &put).await else { return };
        if self.finish(reply.result).await.is_err() {
            return;
        }
        let there = self.class(name).await.unwrap_or_else(|| panic!("{name} was put and is not there"));
        assert_eq!(Known::of(&there), known, "a class that was put");
        let is_new = self.model.class(name).is_none();
        if is_new {
            self.model.classes.push(known);
        } else {
            // What it does to those below it and to instances is not the model's to say.
            self.model = Model::read(&self.client).await;
        }
    }

    async fn put_instance(&mut self, input: &mut Input<'_>) {
        let Some(class) = self.class(class_name(input.u8())).await else { return };
        let mut instance = Instance::new(class.clone());
        let mut said = Vec::new();
        for property in &class.properties {
            let given = match (property.is_key(), input.u8()) {
                // A key that is NULL is made by the server.
                (true, 250..) => continue,
                (true, n @ 0..200) if property.ty == CimType::String.scalar() => format!("k{}", n % 6).into(),
                (true, _) if property.ty == CimType::String.scalar() => carried(input.piece()).into(),
                (false, 0..100) => continue,
                _ => value(property.ty, input),
            };
            if instance.set(&property.name, given.clone()).is_ok() {
                said.push((property.name.clone(), given));
            }
        }
        let mut flags = put_flags(input.u8());
        let part = input.u8();
        let context = (part % 8 == 1).then(|| {
            flags = UPDATE_ONLY;
            let names = ContextValue::Array(8, vec![ContextValue::Text(format!("P{}", part / 64))]);
            let values = vec![("__PUT_EXTENSIONS".to_owned(), ContextValue::Bool(true)), ("__PUT_EXT_PROPERTIES".to_owned(), names)];
            Context { id: Guid([1; 16]), values }.to_pointer()
        });
        if context.is_some() {
            said.retain(|(name, _)| class.property(name).is_some_and(|p| p.is_key()) || *name == format!("P{}", part / 64));
        }
        let is_part = context.is_some();
        let Some(object) = pointer(&Entity::from(instance)) else { return };
        let put = PutInstance { object: Some(object), flags, context, result: Some(None) };
        let Ok((reply, _)) = call(&self.here(), &put).await else { return };
        let Ok(result) = self.finish(reply.result).await else { return };
        let (reply, _) = call(&result, &GetResultString { timeout_ms: -1 }).await.unwrap_or_else(|c| panic!("a path: {c:#x}"));
        let text = reply.text.text().unwrap_or_else(|| panic!("an instance of {} was put and has no path", class.name));
        let path: ObjectPath = text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
        let path = ObjectPath { server: None, namespace: None, ..path };
        match self.model.row(&path) {
            Some(row) if is_part => said.into_iter().for_each(|(name, value)| row.set(&name, value)),
            Some(row) => row.values = said,
            None => {
                assert!(!is_part, "a part of what was not there was put: {path}");
                self.model.rows.push(Row { path: path.clone(), values: said });
                for events in self.enumerators.iter_mut().filter_map(|e| e.events.as_mut()) {
                    events.expected += usize::from(class.is_a(&events.class));
                }
            }
        }
        let found = self.object(&path).await.unwrap_or_else(|code| panic!("{path} was put and is not there: {code:#x}"));
        self.model.row(&path).expect("it was just put").check(&found);
    }

    async fn delete_instance(&mut self, input: &mut Input<'_>) {
        let text = self.some_path(input);
        let delete = DeleteInstance { path: text.as_str().into(), flags: 0, context: None, result: Some(None) };
        let Ok((reply, _)) = call(&self.here(), &delete).await else { return };
        if self.finish(reply.result).await.is_err() {
            return;
        }
        let path: ObjectPath = text.parse().unwrap_or_else(|e| panic!("{text} was deleted: {e}"));
        let gone = self.object(&path).await;
        assert!(gone.is_err(), "{path} was deleted and is there");
        match self.model.rows.iter().position(|r| r.path.same_object(&path)) {
            Some(at) => drop(self.model.rows.remove(at)),
            // By the name of an ancestor, or without the names of keys: what else is gone would be noticed at the end.
            None => {
                let left = Model::read(&self.client).await;
                let before = self.model.rows.len();
                self.model.rows.retain(|r| left.rows.iter().any(|l| l.path.same_object(&r.path)));
                assert!(before - self.model.rows.len() <= 1, "{path} took others along");
            }
        }
    }

    async fn delete_class(&mut self, input: &mut Input<'_>) {
        let name = class_name(input.u8());
        let flags = if input.u8() & 1 == 0 { 0 } else { RETURN_IMMEDIATELY };
        let delete = DeleteClass { class: name.into(), flags, context: None, result: Some(None) };
        let Ok((reply, _)) = call(&self.here(), &delete).await else { return };
        if self.finish(reply.result).await.is_ok() {
            assert!(self.class(name).await.is_none(), "{name} was deleted and is there");
            self.enumerators.iter_mut().for_each(|e| e.events = None);
            self.model.delete_class(name);
        }
    }

    /// The path of an instance that may be there, or any text.
    fn some_path(&self, input: &mut Input<'_>) -> String {
        match input.u8() {
            n @ 0..128 if !self.model.rows.is_empty() => {
                let path = &self.model.rows[usize::from(n) % self.model.rows.len()].path;
                match (n & 0x60, &path.keys) {
                    (0x60, PathKeys::Named(keys)) if keys.len() == 1 => {
                        ObjectPath { keys: PathKeys::Single(keys[0].1.clone()), ..path.clone() }.to_string().to_uppercase()
                    }
                    (0x40, _) => {
                        ObjectPath { server: Some(".".into()), namespace: Some(format!("ROOT\\{NAMESPACE}")), ..path.clone() }.to_string()
                    }
                    _ => path.to_string(),
                }
            }
            n @ 0..160 => format!("{}.K=\"k{}\"", class_name(n), n % 6),
            n @ 160..180 => class_name(n).into(),
            n @ 180..200 => format!("Fz_Machine.Name=\"r{}\"", n % 4),
            _ => String::from_utf8_lossy(input.piece()).into_owned(),
        }
    }

    async fn open_namespace(&mut self, input: &mut Input<'_>) {
        let name = match input.u8() {
            0..128 => "sub".to_owned(),
            128..160 => r"sub\sub".into(),
            _ => String::from_utf8_lossy(input.piece()).into_owned(),
        };
        let wants = input.u8();
        let flags = if wants & 4 == 0 { 0 } else { RETURN_IMMEDIATELY };
        let given = |bit: u8| (wants & bit == 0).then_some(None);
        let open = OpenNamespace { namespace: name.as_str().into(), flags, context: None, services: given(1), result: given(2) };
        let here = self.any(input.u8());
        let Ok((reply, _)) = call(&here, &open).await else { return };
        let mut opened = reply.services.flatten();
        if let Some(result) = reply.result.flatten()
            && let Ok(result) = self.finish(Some(Some(result))).await
            && let Ok((reply, _)) = call(&result, &GetResultServices { timeout_ms: -1 }).await
        {
            opened = opened.or(reply.services);
        }
        if let Some(services) = opened {
            self.keep_services(self.here().at(ipid(Some(&services)))).await;
        }
    }

    async fn namespaces(&mut self, input: &mut Input<'_>) {
        let here = self.any(input.u8());
        if input.u8() & 1 == 0 {
            if make_namespace(&here, "sub").await.is_ok() {
                let open = OpenNamespace { namespace: "sub".into(), flags: 0, context: None, services: Some(None), result: None };
                match call(&here, &open).await {
                    Ok((reply, _)) => self.keep_services(here.at(ipid(reply.services.flatten().as_ref()))).await,
                    Err(code) => assert_ne!(code, WbemStatus::INVALID_NAMESPACE.0, "a namespace was made and is not there"),
                }
            }
        } else {
            let _ = remove_namespace(&here, "sub").await;
        }
    }

    async fn method(&mut self, input: &mut Input<'_>) {
        let (path, name) = match input.u8() {
            0..150 => ("Fz_Machine".to_owned(), "Echo".to_owned()),
            150..180 => (r#"Fz_Machine.Name="r1""#.into(), "Stop".into()),
            _ => (self.some_path(input), String::from_utf8_lossy(input.piece()).into_owned()),
        };
        let class = self.class("Fz_Machine").await;
        let given = String::from_utf8_lossy(input.piece()).into_owned();
        let arguments = class.and_then(|c| c.method(&name).and_then(|m| m.input.clone())).map(|class| {
            let mut arguments = Instance::new(class);
            let (text, force) = (arguments.set("Text", given.as_str()), arguments.set("Force", true));
            assert!(text.is_ok() || force.is_ok(), "each of the methods takes one of these");
            arguments
        });
        let in_params = match input.u8() {
            0..200 => arguments.and_then(|a| pointer(&a.into())),
            200..230 => None,
            _ => Some(ClassObjectRef(input.piece().to_vec().into()).to_pointer()),
        };
        let whole = in_params.is_some() && name == "Echo";
        let execute = ExecMethod {
            path: path.as_str().into(),
            method: name.as_str().into(),
            flags: i32::from(input.u8() & 1) * RETURN_IMMEDIATELY,
            context: None,
            in_params,
            out_params: Some(None),
            result: Some(None),
        };
        let Ok((reply, _)) = call(&self.here(), &execute).await else { return };
        let mut out = reply.out_params.flatten();
        if let Some(result) = reply.result.flatten()
            && let Ok(result) = self.finish(Some(Some(result))).await
            && out.is_none()
        {
            out = call(&result, &GetResultObject { timeout_ms: -1 }).await.ok().and_then(|(r, _)| r.object);
        }
        if let Some(out) = out
            && whole
        {
            let out = entity(Some(&out));
            let out = out.as_instance().expect("out parameters");
            assert_eq!(out.get::<u32>("ReturnValue"), Ok(7));
        }
    }

    async fn result(&mut self, input: &mut Input<'_>) {
        let (which, what, wait) = (input.u8(), input.u8(), i32::from(input.u8()) - 2);
        let Some(at) = place(which, self.results.len()) else { return };
        let result = self.results[at].clone();
        match what % 4 {
            0 => drop(call(&result, &GetResultObject { timeout_ms: wait }).await),
            1 => drop(call(&result, &GetResultString { timeout_ms: wait }).await),
            2 => drop(call(&result, &GetResultServices { timeout_ms: wait }).await),
            _ => drop(call(&result, &GetCallStatus { timeout_ms: wait }).await),
        }
    }

    /// An object that was made to fit, with octets changed; or any octets.
    async fn arbitrary_object(&mut self, input: &mut Input<'_>) {
        let which = input.u8();
        let mut unit = match self.class(class_name(which)).await.filter(|_| which & 0x80 == 0) {
            Some(class) => {
                let given = if which & 0x40 == 0 { Entity::Class(class) } else { Instance::new(class).into() };
                pointer(&given).and_then(|p| ClassObjectRef::from_pointer(&p).ok()).map_or(Vec::new(), |u| u.0.to_vec())
            }
            None => input.piece().to_vec(),
        };
        for _ in 0..input.u8() % 8 {
            let (at, octet) = (usize::from(input.u16()), input.u8());
            if let Some(place) = unit.get_mut(at) {
                *place = octet;
            }
        }
        let unit = Bytes::from(unit);
        let given = decode_unit(&unit);
        let object = Some(ClassObjectRef(unit).to_pointer());
        let done = if input.u8() & 1 == 0 {
            call(&self.here(), &PutClass { object, flags: 0, context: None, result: None }).await.is_ok()
        } else {
            call(&self.here(), &PutInstance { object, flags: 0, context: None, result: None }).await.is_ok()
        };
        if done {
            self.reread().await;
            let given = given.unwrap_or_else(|e| panic!("what does not decode was taken: {e}"));
            let class = given.class().name.clone();
            let found = self.class(&class).await;
            assert!(found.is_some() || class.starts_with('_'), "{class} was put and is not there");
        }
    }

    /// Any stub to any method.
    async fn arbitrary_call(&mut self, input: &mut Input<'_>) {
        let opnum = u16::from(input.u8() % 28);
        let stub = input.piece();
        let here = self.here();
        let mut w = Writer::default();
        OrpcThis::new(ComVersion::V5_7, 0, here.orpc().cid).encode(&mut w);
        let octets = [&w.finish()[..], stub].concat();
        match here.channel().call_raw(IWbemServices::SYNTAX, Some(here.ipid().0), opnum, octets.into()).await {
            Ok(_) => {}
            Err(ChannelError::Fault(fault)) => {
                assert!(fault.name().is_some() || WbemStatus(fault.0).name().is_some() || HResult(fault.0).name().is_some(), "{fault}");
            }
            Err(e) => panic!("an arbitrary call: {e}"),
        }
        if matches!(opnum, 8 | 10 | 14 | 16) {
            self.reread().await;
        }
    }

    /// Takes what is there for what should be: somebody changed what the model cannot follow.
    async fn reread(&mut self) {
        self.model = Model::read(&self.client).await;
        self.enumerators.iter_mut().for_each(|e| e.events = None);
    }

    async fn let_go(&mut self, input: &mut Input<'_>) {
        let (what, which) = (input.u8(), input.u8());
        match what % 4 {
            0 if 1 < self.services.len() => {
                let at = 1 + usize::from(which) % (self.services.len() - 1);
                let services = self.services.remove(at);
                self.client.release(services).await;
            }
            1 => {
                if let Some(at) = place(which, self.results.len()) {
                    let result = self.results.remove(at);
                    self.client.release(result).await;
                }
            }
            2 => {
                let sink = (which & 1 == 0).then(|| ClassObjectRef(vec![which].into()).to_pointer());
                let _ = call(&self.here(), &CancelAsyncCall { sink }).await;
            }
            _ => {
                if let Some(at) = place(which, self.enumerators.len()) {
                    let enumerator = self.enumerators.remove(at);
                    self.client.release(enumerator.proxy).await;
                }
            }
        }
    }

    fn any(&self, which: u8) -> P<IWbemServices> {
        self.services[usize::from(which) % self.services.len()].clone()
    }
}

/// Those of the flags whose bits are set, the first by the lowest.
fn chosen(bits: u8, flags: &[i32]) -> i32 {
    flags.iter().enumerate().filter(|(at, _)| bits >> at & 1 != 0).fold(0, |all, (_, flag)| all | flag)
}

fn place(which: u8, len: usize) -> Option<usize> {
    usize::from(which).checked_rem(len)
}

fn class_name(n: u8) -> &'static str {
    ["F0", "F1", "F2", "F3", "F4", "F5"][usize::from(n % 6)]
}

fn put_flags(n: u8) -> i32 {
    match n {
        0..128 => 0,
        128..160 => UPDATE_ONLY,
        160..180 => CREATE_ONLY,
        180..200 => RETURN_IMMEDIATELY,
        200..215 => UPDATE_FORCE_MODE,
        215..230 => UPDATE_SAFE_MODE,
        n => i32::from(n & 0x73),
    }
}

fn ty(n: u8) -> Type {
    match n % 7 {
        0 => CimType::Uint32.scalar(),
        1 => CimType::String.scalar(),
        2 => CimType::Boolean.scalar(),
        3 => CimType::Sint64.scalar(),
        4 => CimType::String.array(),
        5 => CimType::Reference.scalar(),
        _ => CimType::Real64.scalar(),
    }
}

/// A text as an object carries it: it ends at its first NUL.
fn carried(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).split('\0').next().unwrap_or_default().to_owned()
}

/// A value of a type. NULL where the type is another than [`ty`] gives.
fn value(ty: Type, input: &mut Input<'_>) -> Value {
    let n = input.u8();
    match (ty.cim, ty.array) {
        (CimType::Uint32, false) => Value::Uint32(n.into()),
        (CimType::String, false) => carried(input.take((n % 16).into())).into(),
        (CimType::Boolean, false) => Value::Boolean(n & 1 == 0),
        (CimType::Sint64, false) => Value::Sint64(-i64::from(n)),
        (CimType::Reference, false) => Value::Reference(format!("{}.K=\"k{}\"", class_name(n), n % 6)),
        (CimType::Real64, false) => Value::Real64(f64::from(n) / 4.0),
        (CimType::String, true) => vec![format!("t{n}"), String::new()].into(),
        _ => Value::Null,
    }
}

fn query(text: &str, flags: i32) -> ExecQuery {
    ExecQuery { language: "WQL".into(), query: text.into(), flags, context: None }
}

/// Whether an event tells of an instance that the model counts.
fn is_creation(event: &Entity) -> bool {
    let Some(event) = event.as_instance() else { return false };
    let target = event.get::<Entity>("TargetInstance");
    event.class().name == "__InstanceCreationEvent" && target.is_ok_and(|t| !t.class().name.starts_with('_'))
}
