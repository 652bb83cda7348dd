use super::super::parse_event;
use super::*;
use crate::{Entity, Instance, mof, names_equal};
use std::time::{Duration, Instant};

const MOF: &str = r#"
class __SystemClass {};
class __IndicationRelated : __SystemClass {};
class __Event : __IndicationRelated { uint64 TIME_CREATED; };
class __ExtrinsicEvent : __Event {};
class __InstanceOperationEvent : __Event { object TargetInstance; };
class __InstanceCreationEvent : __InstanceOperationEvent {};
class __InstanceDeletionEvent : __InstanceOperationEvent {};
class __InstanceModificationEvent : __InstanceOperationEvent { object PreviousInstance; };
class __ClassOperationEvent : __Event { object TargetClass; };
class __ClassCreationEvent : __ClassOperationEvent {};
class __AggregateEvent : __IndicationRelated { uint32 NumberOfEvents; object Representative; };
class EmailEvent : __ExtrinsicEvent { string Sender; uint32 Importance; boolean Read; string To[]; };
[abstract] class Base { [key] string Name; };
[dynamic, provider("P")] class Disk : Base { uint64 FreeSpace; uint32 Kind; };
[dynamic, provider("P")] class Floppy : Disk {};
class Stored : Base { uint32 Number; };
"#;

/// A namespace of a few classes.
struct Classes(Vec<Arc<Class>>);

fn classes() -> Classes {
    let mut memory = mof::Memory::default();
    mof::compile(&mof::parse("test", MOF).unwrap(), &mut memory).unwrap();
    Classes(memory.classes(mof::DEFAULT_NAMESPACE).cloned().collect())
}

impl EventSchema for Classes {
    fn class(&self, name: &str) -> Option<Arc<Class>> {
        self.0.iter().find(|c| names_equal(&c.name, name)).cloned()
    }

    fn derived(&self, name: &str) -> Vec<Arc<Class>> {
        self.0.iter().filter(|c| c.is_a(name) && !names_equal(&c.name, name)).cloned().collect()
    }
}

impl Classes {
    fn instance(&self, class: &str, values: &[(&str, Value)]) -> Object {
        let mut instance = Instance::new(self.class(class).unwrap());
        for (name, value) in values {
            instance.set(name, value.clone()).unwrap();
        }
        instance.into()
    }

    fn disk(&self, name: &str, free: u64) -> Value {
        Value::Object(Box::new(Entity::Instance(self.instance("Disk", &[("Name", name.into()), ("FreeSpace", free.into())]))))
    }
}

fn plan(text: &str) -> Result<EventPlan, QueryError> {
    parse_event(text)?.plan(&classes(), &PlanOptions::default())
}

fn check_refused(text: &str, expect: WbemStatus) {
    assert_eq!(plan(text).map(|_| ()).map_err(|e| e.status), Err(expect), "{text}");
}

fn check_polls(text: &str, expect: &[&str]) {
    let plan = plan(text).unwrap_or_else(|e| panic!("{text}: {e}"));
    assert_eq!(plan.polls.iter().map(|p| p.class.name.as_str()).collect::<Vec<_>>(), expect, "{text}");
}

#[test]
fn what_nobody_tells_of_is_polled() {
    check_polls("SELECT * FROM __InstanceCreationEvent WITHIN 5 WHERE TargetInstance ISA 'Disk'", &["Disk", "Floppy"]);
    check_polls("SELECT * FROM __InstanceCreationEvent WITHIN 5 WHERE TargetInstance.__CLASS = 'Disk'", &["Disk"]);
    check_polls("SELECT * FROM __InstanceCreationEvent WITHIN 5 WHERE TargetInstance ISA 'Base'", &["Disk", "Floppy"]);
    check_polls(
        "SELECT * FROM __InstanceOperationEvent WITHIN 5 WHERE 5 < TargetInstance.Kind AND TargetInstance ISA 'Floppy'",
        &["Floppy"],
    );
    check_polls(
        "SELECT * FROM __InstanceDeletionEvent WITHIN 5 WHERE TargetInstance ISA 'Floppy' OR TargetInstance ISA 'Disk'",
        &["Floppy", "Disk"],
    );
    check_polls("SELECT * FROM __InstanceModificationEvent WITHIN 5 WHERE PreviousInstance ISA 'Floppy'", &["Floppy"]);
    check_polls("SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA 'Stored'", &[]);
    check_polls("SELECT * FROM __ClassCreationEvent WHERE TargetClass ISA 'Base'", &[]);
    check_polls("SELECT * FROM __ExtrinsicEvent", &[]);
    // The condition rules out every intrinsic event of instances.
    check_polls("SELECT * FROM __Event WHERE __CLASS = 'EmailEvent'", &[]);
}

#[test]
fn a_query_that_cannot_run_has_its_own_code() {
    let check = check_refused;
    check("SELECT * FROM Nothing", WbemStatus::INVALID_CLASS);
    check("SELECT * FROM Disk", WbemStatus::NOT_EVENT_CLASS);
    check("SELECT * FROM __AggregateEvent", WbemStatus::NOT_EVENT_CLASS);
    check("SELECT * FROM meta_class", WbemStatus::NOT_EVENT_CLASS);
    check("SELECT * FORM EmailEvent", WbemStatus::UNPARSABLE_QUERY);
    check("SELECT * FROM __InstanceCreationEvent WITHIN 5 WHERE TargetInstance ISA 'Nothing'", WbemStatus::INVALID_CLASS);
    check("SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA 'Disk'", WbemStatus::REGISTRATION_TOO_PRECISE);
    check("SELECT * FROM __InstanceCreationEvent WITHIN 5", WbemStatus::REGISTRATION_TOO_BROAD);
    check("SELECT * FROM __Event", WbemStatus::REGISTRATION_TOO_BROAD);
    check("SELECT * FROM __InstanceCreationEvent WITHIN 5 WHERE NOT TargetInstance ISA 'Disk'", WbemStatus::REGISTRATION_TOO_BROAD);
    check(
        "SELECT * FROM __InstanceCreationEvent WITHIN 5 WHERE TargetInstance ISA 'Disk' OR TargetInstance.Name = 'x'",
        WbemStatus::REGISTRATION_TOO_BROAD,
    );
    check("SELECT * FROM EmailEvent WITHIN 0.4", WbemStatus::INVALID_QUERY);
    check("SELECT * FROM EmailEvent WITHIN 4294967.3", WbemStatus::INVALID_QUERY);
    check("SELECT Colour FROM EmailEvent", WbemStatus::INVALID_QUERY);
    check("SELECT * FROM EmailEvent WHERE Colour = 1", WbemStatus::INVALID_QUERY);
    check("SELECT * FROM EmailEvent WHERE To = 'x'", WbemStatus::INVALID_QUERY);
    check("SELECT * FROM EmailEvent WHERE Importance = 'high'", WbemStatus::INVALID_QUERY);
    check("SELECT * FROM EmailEvent WHERE Sender.Name = 'x'", WbemStatus::PROPERTY_NOT_AN_OBJECT);
    check("SELECT Sender.Name FROM EmailEvent", WbemStatus::PROPERTY_NOT_AN_OBJECT);
    check("SELECT * FROM EmailEvent WHERE Read > TRUE", WbemStatus::INVALID_OPERATOR);
    check("SELECT * FROM EmailEvent WHERE Importance LIKE '4%'", WbemStatus::INVALID_OPERATOR);
    check("SELECT * FROM EmailEvent WHERE Sender ISA 'X'", WbemStatus::INVALID_OPERATOR);
    check("SELECT * FROM EmailEvent GROUP BY Sender", WbemStatus::MISSING_GROUP_WITHIN);
    check("SELECT * FROM EmailEvent GROUP WITHIN 5 BY *", WbemStatus::MISSING_AGGREGATION_LIST);
    check("SELECT * FROM EmailEvent GROUP WITHIN 5 BY", WbemStatus::MISSING_AGGREGATION_LIST);
    check("SELECT * FROM EmailEvent GROUP WITHIN 5 BY Sender.Name", WbemStatus::PROPERTY_NOT_AN_OBJECT);
    check("SELECT * FROM EmailEvent GROUP WITHIN 5 BY Colour", WbemStatus::INVALID_QUERY);
    check(
        "SELECT * FROM __InstanceCreationEvent WITHIN 5 WHERE TargetInstance ISA 'Disk' GROUP WITHIN 5 BY TargetInstance",
        WbemStatus::AGGREGATING_BY_OBJECT,
    );
}

#[test]
fn bounds_of_the_interval_are_taken() {
    let interval = |text: &str, min_ms| {
        let options = PlanOptions { interval_min: Duration::from_millis(min_ms), ..PlanOptions::default() };
        parse_event(text).unwrap().plan(&classes(), &options).map(|p| p.interval).map_err(|e| e.status)
    };
    assert_eq!(interval("SELECT * FROM EmailEvent WITHIN 0.5", 500), Ok(Some(Duration::from_millis(500))));
    assert_eq!(interval("SELECT * FROM EmailEvent WITHIN .001", 1), Ok(Some(Duration::from_millis(1))));
    assert_eq!(interval("SELECT * FROM EmailEvent WITHIN 0", 1), Err(WbemStatus::INVALID_QUERY));
    assert_eq!(interval("SELECT * FROM EmailEvent WITHIN 4294967.295", 1), Ok(Some(Duration::from_millis(4_294_967_295))));
    assert_eq!(interval("SELECT * FROM EmailEvent", 500), Ok(None));
}

#[test]
fn a_provider_that_tells_some_changes_is_polled_for_the_others() {
    struct Told(Classes);
    impl EventSchema for Told {
        fn class(&self, name: &str) -> Option<Arc<Class>> {
            self.0.class(name)
        }

        fn derived(&self, name: &str) -> Vec<Arc<Class>> {
            self.0.derived(name)
        }

        fn tells(&self, class: &Class, change: Change) -> bool {
            class.name == "Disk" && change != Change::Deletion
        }
    }
    let schema = Told(classes());
    let plan = |text: &str| parse_event(text).unwrap().plan(&schema, &PlanOptions::default());
    let polls = plan("SELECT * FROM __InstanceOperationEvent WITHIN 1 WHERE TargetInstance ISA 'Disk'").unwrap().polls;
    assert_eq!(polls[0].changes, Changes { deletion: true, ..Changes::default() });
    assert_eq!(polls[1].changes, Changes { creation: true, deletion: true, modification: true });
    let created = plan("SELECT * FROM __InstanceCreationEvent WHERE TargetInstance.__CLASS = 'Disk'").unwrap();
    assert!(created.polls.is_empty());
    assert!(created.may_concern(&schema.0.class("Disk").unwrap(), Change::Creation));
    assert!(!created.may_concern(&schema.0.class("Disk").unwrap(), Change::Deletion));
    assert!(!created.may_concern(&schema.0.class("Stored").unwrap(), Change::Creation));
}

#[test]
fn a_poll_reads_what_the_query_looks_at() {
    let wanted = |text: &str| plan(text).unwrap().polls[0].wanted.clone();
    let only = |names: &[&str]| Some(names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>());
    assert_eq!(wanted("SELECT * FROM __InstanceCreationEvent WITHIN 5 WHERE TargetInstance ISA 'Floppy'"), None);
    assert_eq!(wanted("SELECT TargetInstance.Name FROM __InstanceCreationEvent WITHIN 5 WHERE TargetInstance ISA 'Floppy'"), None);
    let created = "SELECT TIME_CREATED FROM __InstanceCreationEvent WITHIN 5 WHERE TargetInstance ISA 'Floppy'";
    assert_eq!(wanted(created), only(&["Name"]));
    assert_eq!(
        wanted(&format!("{created} AND TargetInstance.kind = 1 GROUP WITHIN 1 BY TargetInstance.FreeSpace")),
        only(&["Name", "FreeSpace", "Kind"])
    );
    // Whatever is modified is an event.
    assert_eq!(wanted(&created.replace("Creation", "Modification")), None);
}

#[test]
fn an_event_is_looked_at_with_what_is_in_it() {
    let classes = classes();
    let event = classes.instance(
        "__InstanceModificationEvent",
        &[("TargetInstance", classes.disk("C:", 5)), ("PreviousInstance", classes.disk("C:", 50))],
    );
    let check = |condition: &str, expect: bool| {
        let text = format!("SELECT * FROM __InstanceOperationEvent WITHIN 5 WHERE TargetInstance ISA 'Base' AND ({condition})");
        let bound = plan(&text.replace("OperationEvent", "ModificationEvent")).unwrap_or_else(|e| panic!("{e}")).event;
        assert_eq!(bound.matches(&event), Ok(expect), "{condition}");
    };
    check("TargetInstance.FreeSpace < 10", true);
    check("TargetInstance.FreeSpace < 10 AND PreviousInstance.FreeSpace >= 10", true);
    check("TargetInstance.FreeSpace > 10", false);
    check("TargetInstance.Name = 'c:'", true);
    check("TargetInstance.Name LIKE '[CD]:'", true);
    check("TargetInstance ISA 'Floppy'", false);
    check("TargetInstance.__CLASS = 'disk'", true);
    check("TargetInstance.Kind IS NULL", true);
    // No such property within: no row, and no error; neither the other way round.
    check("TargetInstance.Nothing = 5", false);
    check("__CLASS = '__InstanceModificationEvent'", true);
    check("__CLASS = '__InstanceCreationEvent'", false);
    check("TIME_CREATED IS NULL", true);
}

#[test]
fn a_class_of_from_covers_those_below_it() {
    let classes = classes();
    let bound = plan("SELECT * FROM __InstanceOperationEvent WITHIN 5 WHERE TargetInstance ISA 'Disk'").unwrap();
    for (change, class) in [(Change::Creation, "__InstanceCreationEvent"), (Change::Deletion, "__InstanceDeletionEvent")] {
        assert_eq!(Realm::Instance.event_class(change), class);
        assert!(bound.changes(Realm::Instance).has(change));
        assert!(bound.event.matches(&classes.instance(class, &[("TargetInstance", classes.disk("C:", 5))])).unwrap());
    }
    assert!(bound.changes(Realm::Class).is_empty());
    let mail = classes.instance("EmailEvent", &[("Sender", "x".into())]);
    assert!(!bound.event.matches(&mail).unwrap() && !bound.event.may_match("EmailEvent"));
    let late =
        parse_event("SELECT Sender FROM EmailEvent WHERE Sender = 'X'").unwrap().plan(&classes, &PlanOptions::default()).unwrap().event;
    let mut class = (*classes.class("EmailEvent").unwrap()).clone();
    (class.name, class.derivation) = ("LateEvent".into(), vec!["EmailEvent".into(), "__ExtrinsicEvent".into(), "__Event".into()]);
    let mut event = Instance::new(Arc::new(class));
    event.set("Sender", "x").unwrap();
    let event = Object::from(event);
    assert!(late.matches(&event).unwrap());
    assert_eq!(late.project(&event).class().properties.len(), 1);
}

#[test]
fn a_row_shows_whole_objects_and_no_place() {
    let classes = classes();
    let bound = plan("SELECT TargetInstance.Name FROM __InstanceCreationEvent WITHIN 5 WHERE TargetInstance ISA 'Disk'").unwrap().event;
    let event = classes.instance("__InstanceCreationEvent", &[("TargetInstance", classes.disk("C:", 5))]);
    let place = crate::Decoration { server: "S".into(), namespace: "N".into() };
    let row = bound.project(&event.with_decoration(Some(Arc::new(place))));
    assert_eq!(row.class().properties.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(), ["TargetInstance"]);
    assert_eq!(row.decoration(), None);
    let Some(Entity::Instance(disk)) = embedded(&row, "targetinstance") else { panic!("no target") };
    assert_eq!(disk.get::<u64>("FreeSpace"), Ok(5));
}

#[test]
fn a_group_is_delivered_when_its_time_is_over() {
    let classes = classes();
    let plan = plan("SELECT * FROM EmailEvent GROUP WITHIN 10 BY Sender HAVING NumberOfEvents > 1").unwrap();
    let mut groups = Aggregator::new(&plan.event, classes.class("__AggregateEvent").unwrap()).unwrap();
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    let mail = |sender: &str, n: u32| classes.instance("EmailEvent", &[("Sender", sender.into()), ("Importance", n.into())]);
    assert_eq!(groups.next_due(), None);
    groups.add(&mail("a", 1), at(0)).unwrap();
    groups.add(&mail("b", 2), at(1)).unwrap();
    groups.add(&mail("A", 3), at(2)).unwrap();
    groups.add(&mail("c", 4), at(3)).unwrap();
    groups.add(&mail("b", 5), at(4)).unwrap();
    assert_eq!(groups.next_due(), Some(at(10)));
    assert!(groups.due(at(9)).is_empty());
    let show = |rows: Vec<Object>| -> Vec<(u32, u32)> {
        let importance = |row: &Object| match embedded(row, "Representative") {
            Some(Entity::Instance(o)) => o.get::<u32>("Importance").unwrap(),
            _ => panic!("no representative"),
        };
        rows.iter().map(|row| (row.get::<u32>("NumberOfEvents").unwrap(), importance(row))).collect()
    };
    assert_eq!(show(groups.due(at(10))), [(2, 1)]);
    // The group of c has one event: HAVING drops it. That of b opened at 1.
    assert_eq!(show(groups.due(at(20))), [(2, 2)]);
    assert_eq!(groups.next_due(), None);
    // A group that is over opens again with the next event.
    groups.add(&mail("a", 6), at(21)).unwrap();
    assert_eq!(groups.next_due(), Some(at(31)));
}

#[test]
fn without_by_there_is_one_group_and_the_number_of_groups_is_bounded() {
    let classes = classes();
    let aggregator = |text: &str| Aggregator::new(&plan(text).unwrap().event, classes.class("__AggregateEvent").unwrap());
    assert!(aggregator("SELECT * FROM EmailEvent").is_none());
    let mail = |n: u32| classes.instance("EmailEvent", &[("Importance", n.into())]);
    let now = Instant::now();
    let mut one = aggregator("SELECT * FROM EmailEvent GROUP WITHIN 0").unwrap();
    (0..3).for_each(|n| one.add(&mail(n), now).unwrap());
    assert_eq!(one.due(now).len(), 1);
    let mut many = aggregator("SELECT * FROM EmailEvent GROUP WITHIN 1 BY Importance").unwrap();
    (0..GROUPS_MAX as u32).for_each(|n| many.add(&mail(n), now).unwrap());
    assert_eq!(many.add(&mail(u32::MAX), now), Err(WbemStatus::QUOTA_VIOLATION));
    assert_eq!(many.add(&mail(0), now), Ok(()));
}
