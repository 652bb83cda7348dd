//! Calling methods of classes and instances.

use crate::argument::{Argument, Classes, Unfit, bind};
use crate::namespace::Namespace;
use crate::session::{present, protocol};
use crate::write::missing;
use crate::{Error, Misuse, Step};
use rwmi_cim::{
    Class, Entity, FromCim, Instance, Method as Declaration, Object, ObjectError, ObjectPath, PathKeys, RETURN_VALUE, Value, WbemStatus,
};
use rwmi_dcom::{self as dcom, InterfacePointer};
use rwmi_rpc::Method as _;
use rwmi_wbem::ClassObjectRef;
use rwmi_wbem::interfaces::ExecMethod;
use std::sync::Arc;
use std::time::Duration;

/// Most classes of objects among the arguments of one call.
const CLASSES_MAX: usize = 64;

/// A call of a method that waits for its arguments.
///
/// ```no_run
/// # async fn example(cimv2: rwmi_client::Namespace) -> Result<(), Box<dyn std::error::Error>> {
/// use rwmi_client::Argument;
/// let startup = Argument::object([("PriorityClass", 64u32.into())]);
/// let create = cimv2.method("Win32_Process", "Create").await?;
/// let done = create.arg("CommandLine", "sleep 60").arg("ProcessStartupInformation", startup).call().await?;
/// match done.return_value() {
///     Some(0) => println!("process {}", done.get::<u32>("ProcessId")?),
///     code => println!("{code:?}: {}", done.meaning().unwrap_or("?")),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct MethodCall {
    namespace: Namespace,
    path: String,
    class: Arc<Class>,
    method: Declaration,
    arguments: Vec<(String, Argument)>,
    context: Option<InterfacePointer>,
    deadline: Option<Duration>,
}

impl Namespace {
    /// A call of a method of a class (`Win32_Process`) or of an instance (`Win32_Process.Handle="4"`). The class is asked for
    /// now, so that arguments can be checked before anything happens.
    ///
    /// # Errors
    /// Those of [`Namespace::class`]; [`Misuse::Rule`] with `INVALID_METHOD` where the class has no such method, with
    /// `INVALID_METHOD_PARAMETERS` where it takes an instance and the path is of a class, with `INVALID_OBJECT_PATH`.
    pub async fn method(&self, path: &str, name: &str) -> Result<MethodCall, Error> {
        let rule = |status, why: String| self.misuse(Misuse::Rule { status, why });
        let parsed: ObjectPath = path
            .parse()
            .map_err(|e| rule(WbemStatus::INVALID_OBJECT_PATH, format!("{path:?} is no path of a class or an instance: {e}")))?;
        let on_class = parsed.keys == PathKeys::Class;
        let mut class = self.class(&parsed.class).await?;
        if class.method(name).is_none() && !on_class {
            // A class below may have it: that of the instance.
            class = self.class(&self.object(path).await?.class().name).await?;
        }
        let Some(method) = class.method(name).cloned() else {
            return Err(rule(WbemStatus::INVALID_METHOD, format!("{} has no method {name}; {}", class.name, methods_of(&class))));
        };
        if on_class && !method.is_static() {
            let why =
                format!("{}.{} is called on an instance, as {}\n{}", class.name, method.name, example_path(&class), method.signature());
            return Err(rule(WbemStatus::INVALID_METHOD_PARAMETERS, why));
        }
        Ok(MethodCall {
            namespace: self.clone(),
            path: path.to_owned(),
            class,
            method,
            arguments: Vec::new(),
            context: None,
            deadline: self.plan().deadline,
        })
    }
}

impl Namespace {
    /// What a binding of arguments gives, with every class asked for that it needs; its mistakes where they do not fit.
    pub(crate) async fn fitted<T>(&self, mut bind: impl FnMut(&Classes) -> Result<T, Unfit>) -> Result<Result<T, Vec<String>>, Error> {
        let mut classes = Classes::new();
        loop {
            match bind(&classes) {
                Ok(bound) => return Ok(Ok(bound)),
                Err(Unfit::Unknown(name)) if classes.len() < CLASSES_MAX => {
                    let class = match self.class(&name).await {
                        Ok(class) => Some(class),
                        Err(e) if missing(&e) => None,
                        Err(e) => return Err(e),
                    };
                    classes.insert(name.to_lowercase(), class);
                }
                Err(Unfit::Unknown(name)) => return Ok(Err(vec![format!("too many classes of objects: {name} is one more")])),
                Err(Unfit::Wrong(mistakes)) => return Ok(Err(mistakes)),
            }
        }
    }
}

fn methods_of(class: &Class) -> String {
    if class.methods.is_empty() {
        return "it has none".into();
    }
    format!("it has {}", class.methods.iter().map(|m| m.name.as_str()).collect::<Vec<_>>().join(", "))
}

fn example_path(class: &Class) -> String {
    if class.is_singleton() {
        return format!("{}=@", class.name);
    }
    let keys: Vec<String> = class.keys().map(|k| format!("{}=\"...\"", k.name)).collect();
    format!("{}.{}", class.name, keys.join(","))
}

impl MethodCall {
    /// Gives an argument by the name of its parameter.
    pub fn arg(mut self, name: &str, value: impl Into<Argument>) -> Self {
        self.arguments.push((name.to_owned(), value.into()));
        self
    }

    /// Gives several.
    pub fn args(mut self, arguments: impl IntoIterator<Item = (String, Argument)>) -> Self {
        self.arguments.extend(arguments);
        self
    }

    /// Gives arguments in the order in which the method declares its in parameters; `None` leaves one out.
    ///
    /// # Errors
    /// [`Misuse::Rule`] with `INVALID_METHOD_PARAMETERS` where the method takes fewer.
    pub fn positional(self, arguments: impl IntoIterator<Item = Option<Argument>>) -> Result<Self, Error> {
        let names: Vec<String> = self.method.parameters().iter().filter(|p| p.input).map(|p| p.property.name.clone()).collect();
        let mut given = Vec::new();
        for (n, argument) in arguments.into_iter().enumerate() {
            let Some(name) = names.get(n) else {
                let why = format!("{} takes fewer arguments: {}", self.method.name, self.method.signature());
                return Err(self.namespace.misuse(Misuse::Rule { status: WbemStatus::INVALID_METHOD_PARAMETERS, why }));
            };
            given.extend(argument.map(|a| (name.clone(), a)));
        }
        Ok(self.args(given))
    }

    /// Named values beside the call.
    pub(crate) fn with_context(self, context: Option<InterfacePointer>) -> Self {
        MethodCall { context, ..self }
    }

    /// How long the call may take.
    pub fn deadline(mut self, time: Duration) -> Self {
        self.deadline = Some(time);
        self
    }

    /// The class that has the method.
    pub fn class(&self) -> &Arc<Class> {
        &self.class
    }

    /// The method as its class declares it.
    pub fn declaration(&self) -> &Declaration {
        &self.method
    }

    /// The in-parameters object as it will be sent; `None` where the method takes nothing. Classes of objects among the
    /// arguments are asked for.
    ///
    /// # Errors
    /// [`Misuse::Rule`] with `INVALID_METHOD_PARAMETERS`, every mistake and the signature where arguments are unknown, missing
    /// or of another type than declared; those of [`Namespace::class`].
    pub async fn in_parameters(&self) -> Result<Option<Instance>, Error> {
        let bound = self.namespace.fitted(|classes| bind(&self.class, &self.method, &self.arguments, classes)).await?;
        bound.map_err(|mistakes| self.wrong(&mistakes))
    }

    fn wrong(&self, mistakes: &[String]) -> Error {
        let mut why = format!("{}.{} cannot be called so: {}", self.class.name, self.method.name, mistakes.join("; "));
        why += &format!("\n{}", self.method.signature());
        self.namespace.misuse(Misuse::Rule { status: WbemStatus::INVALID_METHOD_PARAMETERS, why })
    }

    /// Checks the arguments and calls the method.
    ///
    /// A [return value](Returned::return_value) other than 0 is no error of the call.
    ///
    /// # Errors
    /// Those of [`MethodCall::in_parameters`], before anything is sent; those of the call: `NOT_FOUND`, `ACCESS_DENIED`,
    /// `METHOD_DISABLED`, `METHOD_NOT_IMPLEMENTED`, `INVALID_METHOD_PARAMETERS` and the provider's own.
    pub async fn call(self) -> Result<Returned, Error> {
        let step = Step::Call { method: ExecMethod::NAME };
        let calling = async {
            let in_params = self.in_parameters().await?.map(|i| self.namespace.pointer(&i.into())).transpose()?;
            let (path, method) = (self.path.as_str().into(), self.method.name.as_str().into());
            let call =
                ExecMethod { path, method, flags: 0, context: self.context.clone(), in_params, out_params: Some(None), result: None };
            let answer = async {
                let (reply, _) = self.namespace.services.call(&call).await?;
                let pointer = match (reply.out_params.flatten(), &self.method.output) {
                    // Old servers give nothing where nothing comes out.
                    (None, None) => return Ok(Object::from(self.method.answer())),
                    (pointer, _) => present(pointer, ExecMethod::NAME)?,
                };
                let octets =
                    ClassObjectRef::from_pointer(&pointer).map_err(|source| dcom::Error::Malformed { method: ExecMethod::NAME, source })?;
                match rwmi_wmio::decode_unit(&octets.0).map_err(|e| protocol(ExecMethod::NAME, e.to_string()))? {
                    Entity::Instance(object) => Ok(object),
                    Entity::Class(class) => Err(protocol(ExecMethod::NAME, format!("the class {} instead of out parameters", class.name))),
                }
            };
            answer.await.map_err(|e| self.namespace.error(step.clone(), e))
        };
        let object = self.namespace.within_time(self.deadline, step.clone(), calling).await?;
        Ok(Returned { object, class: self.class.clone(), method: self.method.clone() })
    }
}

/// What a method gave.
#[derive(Debug, Clone)]
pub struct Returned {
    object: Object,
    class: Arc<Class>,
    method: Declaration,
}

impl Returned {
    /// All that came out, `ReturnValue` among it: an instance of `__PARAMETERS`.
    pub fn object(&self) -> &Object {
        &self.object
    }

    /// An out parameter.
    ///
    /// # Errors
    /// Those of [`Object::get`].
    pub fn get<T: FromCim>(&self, name: &str) -> Result<T, ObjectError> {
        self.object.get(name)
    }

    /// What the method returned, where that is a number: mostly 0 for success.
    pub fn return_value(&self) -> Option<i64> {
        self.object.get::<Value>(RETURN_VALUE).ok()?.as_integer().and_then(|n| n.try_into().ok())
    }

    /// What the return value means, where its class says so or it is one of Win32_Process.
    pub fn meaning(&self) -> Option<&str> {
        let code = self.return_value()?;
        declared_meaning(&self.method, code).or_else(|| if self.class.is_a("Win32_Process") { process_meaning(code) } else { None })
    }
}

/// The text that stands in `Values` where the code stands in `ValueMap`.
fn declared_meaning(method: &Declaration, code: i64) -> Option<&str> {
    let list = |name: &str| match method.qualifiers.get(name).map(|q| &q.value) {
        Some(Value::Array(items)) => Some(items),
        _ => None,
    };
    let (map, values) = (list("ValueMap")?, list("Values")?);
    let place = map.iter().position(|v| v.as_str().and_then(|t| t.parse().ok()) == Some(code))?;
    values.get(place)?.as_str()
}

/// What the methods of Win32_Process return.
fn process_meaning(code: i64) -> Option<&'static str> {
    Some(match code {
        0 => "successful completion",
        2 => "access denied",
        3 => "insufficient privilege",
        8 => "unknown failure",
        9 => "path not found",
        21 => "invalid parameter",
        22..=4_294_967_295 => "other",
        _ => return None,
    })
}
