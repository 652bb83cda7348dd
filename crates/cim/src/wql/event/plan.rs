//! What has to be watched so that an event query sees its events.

use super::super::QueryError;
use super::super::ast::{Columns, Condition, Event, Literal, Name, Operator, Predicate, Test};
use super::super::date::Locale;
use super::{BoundEvent, refused};
use crate::{Class, Diag, WbemStatus, names_equal};
use std::sync::Arc;
use std::time::Duration;

/// The classes of a namespace, and who tells of their instances.
pub trait EventSchema {
    /// The class of this name, any case.
    fn class(&self, name: &str) -> Option<Arc<Class>>;

    /// Every class below one, at any depth.
    fn derived(&self, name: &str) -> Vec<Arc<Class>>;

    /// Whether changes of this kind to instances of exactly this class are told by somebody: the repository for what it
    /// stores, a provider of events for its own. What nobody tells of is polled.
    fn tells(&self, class: &Class, change: Change) -> bool {
        let _ = change;
        class.provider().is_none()
    }
}

/// What an intrinsic event tells about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Realm {
    /// An instance: `TargetInstance`, `PreviousInstance`.
    Instance,
    /// A class: `TargetClass`, `PreviousClass`.
    Class,
    /// A namespace: `TargetNamespace`, `PreviousNamespace`.
    Namespace,
}

impl Realm {
    const ALL: [Realm; 3] = [Realm::Instance, Realm::Class, Realm::Namespace];

    /// The middle of the names: `Instance`.
    pub const fn name(self) -> &'static str {
        match self {
            Realm::Instance => "Instance",
            Realm::Class => "Class",
            Realm::Namespace => "Namespace",
        }
    }

    /// The class of the event: `__InstanceCreationEvent`.
    pub fn event_class(self, change: Change) -> String {
        format!("__{}{}Event", self.name(), change.name())
    }
}

/// What happened to an instance, a class or a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    /// It came to be.
    Creation,
    /// It is gone.
    Deletion,
    /// It changed.
    Modification,
}

impl Change {
    /// All of them.
    pub const ALL: [Change; 3] = [Change::Creation, Change::Deletion, Change::Modification];

    /// As in the names of classes: `Creation`.
    pub const fn name(self) -> &'static str {
        match self {
            Change::Creation => "Creation",
            Change::Deletion => "Deletion",
            Change::Modification => "Modification",
        }
    }
}

/// A set of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Changes {
    /// Creations.
    pub creation: bool,
    /// Deletions.
    pub deletion: bool,
    /// Modifications.
    pub modification: bool,
}

impl Changes {
    /// The changes for which a test holds.
    pub fn of(test: impl Fn(Change) -> bool) -> Changes {
        Changes { creation: test(Change::Creation), deletion: test(Change::Deletion), modification: test(Change::Modification) }
    }

    /// Whether a change is among them.
    pub const fn has(self, change: Change) -> bool {
        match change {
            Change::Creation => self.creation,
            Change::Deletion => self.deletion,
            Change::Modification => self.modification,
        }
    }

    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        !self.creation && !self.deletion && !self.modification
    }
}

/// A class to look at again and again.
#[derive(Debug, Clone, PartialEq)]
pub struct Poll {
    /// The concrete class; those derived from it have polls of their own.
    pub class: Arc<Class>,
    /// Which changes the query asks for and nobody tells.
    pub changes: Changes,
    /// Properties that have to be read: those that the query looks at, and keys. `None` is all of them.
    pub wanted: Option<Vec<String>>,
}

/// How a query is planned.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PlanOptions {
    /// Shortest time between two looks that a query may ask for. Default: 0.5 s; a shorter one is `WBEM_E_INVALID_QUERY`.
    pub interval_min: Duration,
    /// How dates that leave something open are read.
    pub locale: Locale,
}

impl Default for PlanOptions {
    fn default() -> Self {
        PlanOptions { interval_min: Duration::from_millis(500), locale: Locale::default() }
    }
}

/// Longest time between two looks, in seconds: 0xFFFFFFFF milliseconds ([MS-WMI] 3.1.4.3.20). A longer one is `WBEM_E_INVALID_QUERY`.
const INTERVAL_MAX_S: f64 = 4_294_967.295;

/// An event query, ready to run.
#[derive(Debug, Clone)]
pub struct EventPlan {
    /// What every event is shown to.
    pub event: BoundEvent,
    /// Time between two looks at what is polled; there is one wherever [`EventPlan::polls`] is not empty.
    pub interval: Option<Duration>,
    /// Classes whose instances have to be polled; empty where all events are told.
    pub polls: Vec<Poll>,
    /// Changes of instances, classes and namespaces that the query asks for.
    intrinsic: [Changes; 3],
    /// The classes of `TargetInstance`, by the condition; `None` where it leaves them open.
    targets: Option<Vec<String>>,
}

impl EventPlan {
    /// Which changes in a realm the query asks for.
    pub fn changes(&self, realm: Realm) -> Changes {
        self.intrinsic[realm as usize]
    }

    /// Whether a change of an instance of this class can be an event of the query: a test before an event is made.
    pub fn may_concern(&self, class: &Class, change: Change) -> bool {
        self.changes(Realm::Instance).has(change) && self.targets.as_ref().is_none_or(|t| t.iter().any(|n| class.is_a(n)))
    }
}

impl EventPlan {
    /// Whether what has to be watched may be other when this class comes, goes or changes: it is one of events that the query asks
    /// for, or one whose instances it does.
    pub fn is_about(&self, class: &Class) -> bool {
        class.is_a(&self.event.event().select.class.text) || Change::ALL.iter().any(|change| self.may_concern(class, *change))
    }
}

impl Event {
    /// Ties the query to the classes of a namespace and says what has to be watched.
    ///
    /// Errors, beside those of [`BoundEvent::new`]: `WBEM_E_INVALID_CLASS` where the class of FROM or of an ISA does not exist,
    /// `WBEM_E_INVALID_QUERY` for an interval out of bounds, `WBEMESS_E_REGISTRATION_TOO_PRECISE` where a class must be polled and
    /// WITHIN is missing, `WBEMESS_E_REGISTRATION_TOO_BROAD` where instances of any class would have to be polled.
    pub fn plan(&self, schema: &dyn EventSchema, options: &PlanOptions) -> Result<EventPlan, QueryError> {
        let select = &self.select;
        let no_class = |name: &Name| {
            let diag = Diag::new(name.span.into(), format!("there is no class {:?} in this namespace", name.text));
            refused(select, WbemStatus::INVALID_CLASS, diag)
        };
        let class = schema.class(&select.class.text).ok_or_else(|| no_class(&select.class))?;
        let event = BoundEvent::new(self, &class, &schema.derived(&class.name), &options.locale)?;
        let interval = self.within.map(|s| self.interval(s, options)).transpose()?;

        let covers = |realm: Realm| Changes::of(|change| event.classes().any(|c| names_equal(&c.name, &realm.event_class(change))));
        let intrinsic = Realm::ALL.map(covers);
        for test in select.condition.iter().flat_map(Condition::tests) {
            if let Predicate::IsA(name) = &test.predicate
                && is_target(&test.path.first)
                && test.path.rest.is_empty()
            {
                schema.class(&name.text).ok_or_else(|| no_class(name))?;
            }
        }
        let mut plan = EventPlan { event, interval, polls: Vec::new(), intrinsic, targets: None };
        let instances = plan.changes(Realm::Instance);
        if instances.is_empty() {
            return Ok(plan);
        }
        let Some(targets) = select.condition.as_ref().and_then(targets) else {
            let diag = Diag::new(select.class.span.into(), format!("{} of every class cannot be watched", select.class.text));
            let help = "name the class: WHERE TargetInstance ISA \"Win32_Process\"";
            return Err(refused(select, WbemStatus::REGISTRATION_TOO_BROAD, diag.help(help)));
        };
        plan.polls = self.polls(&targets, instances, schema);
        plan.targets = Some(targets.into_iter().map(|t| t.class.text).collect());
        if let (Some(poll), None) = (plan.polls.first(), plan.interval) {
            let diag =
                Diag::new(select.class.span.into(), format!("nobody tells of changes of {}: they have to be polled", poll.class.name));
            let help = format!("write how often, in seconds, before WHERE: FROM {} WITHIN 5", select.class.text);
            return Err(refused(select, WbemStatus::REGISTRATION_TOO_PRECISE, diag.help(help)));
        }
        Ok(plan)
    }

    fn interval(&self, seconds: f64, options: &PlanOptions) -> Result<Duration, QueryError> {
        let invalid = |message: String| self.select.error(Diag::new(self.select.class.span.into(), message));
        if seconds > INTERVAL_MAX_S {
            return Err(invalid(format!("WITHIN {seconds} is longer than {INTERVAL_MAX_S} seconds")));
        }
        let interval = Duration::from_secs_f64(seconds.max(0.0));
        if interval < options.interval_min {
            return Err(invalid(format!("WITHIN {seconds} is shorter than {} seconds", options.interval_min.as_secs_f64())));
        }
        Ok(interval)
    }

    fn polls(&self, targets: &[Target], asked: Changes, schema: &dyn EventSchema) -> Vec<Poll> {
        let mut polls: Vec<Poll> = Vec::new();
        for target in targets {
            // A class named by __CLASS may be missing: then nothing is of it.
            let Some(class) = schema.class(&target.class.text) else { continue };
            let below = if target.exactly { Vec::new() } else { schema.derived(&class.name) };
            for class in std::iter::once(class).chain(below) {
                let changes = Changes::of(|change| asked.has(change) && !schema.tells(&class, change));
                if class.is_abstract() || changes.is_empty() || polls.iter().any(|p| names_equal(&p.class.name, &class.name)) {
                    continue;
                }
                let wanted = self.wanted(&class, changes);
                polls.push(Poll { class, changes, wanted });
            }
        }
        polls
    }

    /// Properties of the target that the query looks at. Where the whole object is shown, and where any modification counts, it
    /// is all of them.
    fn wanted(&self, class: &Class, changes: Changes) -> Option<Vec<String>> {
        let Columns::List(columns) = &self.select.columns else { return None };
        if changes.modification || columns.iter().any(|p| is_target(&p.first)) {
            return None;
        }
        let tests = self.select.condition.iter().flat_map(Condition::tests).map(|t| &t.path);
        let by = self.group.iter().flat_map(|g| &g.by);
        let named: Vec<&str> =
            tests.chain(by).filter(|p| is_target(&p.first)).filter_map(|p| p.rest.first()).map(|n| n.text.as_str()).collect();
        let looked_at = class.properties.iter().filter(|p| p.is_key() || named.iter().any(|n| names_equal(n, &p.name)));
        Some(looked_at.map(|p| p.name.clone()).collect())
    }
}

/// A class that the target has to be of.
#[derive(Clone)]
struct Target {
    class: Name,
    /// Whether classes derived from it do not count.
    exactly: bool,
}

fn is_target(name: &Name) -> bool {
    ["TargetInstance", "PreviousInstance", "TargetClass", "PreviousClass"].iter().any(|t| name.is(t))
}

/// The classes that the condition leaves for the target; `None` is any.
fn targets(condition: &Condition) -> Option<Vec<Target>> {
    match condition {
        // Each part alone narrows enough; the one that leaves fewest is taken.
        Condition::And(parts) => parts.iter().filter_map(targets).min_by_key(Vec::len),
        Condition::Or(parts) => Some(parts.iter().map(targets).collect::<Option<Vec<_>>>()?.concat()),
        Condition::Not(_) => None,
        Condition::Test(test) => target(test).map(|t| vec![t]),
    }
}

fn target(test: &Test) -> Option<Target> {
    if !["TargetInstance", "PreviousInstance"].iter().any(|t| test.path.first.is(t)) {
        return None;
    }
    match (&test.predicate, &test.path.rest[..]) {
        (Predicate::IsA(class), []) => Some(Target { class: class.clone(), exactly: false }),
        (Predicate::Compare(Operator::Equal, constant), [name]) if name.is("__CLASS") => match &constant.literal {
            Literal::String(class) => Some(Target { class: Name { text: class.clone(), span: constant.span }, exactly: true }),
            _ => None,
        },
        _ => None,
    }
}
