//! Screens without sockets: keys and answers go in, questions and cells come out.

use crate::{Answer, Ask, ClassName, Effect, Event, Id, Model, Options, Trouble, draw, update};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use rwmi_cim::mof::{Memory, compile_into, parse};
use rwmi_cim::{Class, Entity, Instance};
use std::sync::Arc;

const MOF: &str = r#"
    [abstract] class CIM_Base { [read, Description("A short text.")] string Caption; };
    class Win32_Thing : CIM_Base {
      [key, Description("By which it is known.")] string Name;
      [read, ValueMap{"1", "2"}, Values{"Stopped", "Running"}] uint16 State;
      uint64 Sizes[];
      Win32_Thing ref Owner;
      [static, Description("Makes one.")] uint32 Create([in] string Name, [in, optional] uint16 State, [out] uint32 Id);
      uint32 Remove();
    };
    class __InstanceCreationEvent { object TargetInstance; };
"#;

fn class(name: &str) -> Arc<Class> {
    let mut memory = Memory::new();
    compile_into(&parse("t.mof", MOF).unwrap(), "root", &mut memory).unwrap();
    memory.classes("root").find(|c| c.name == name).unwrap().clone()
}

fn thing(name: &str) -> Instance {
    let mut thing = Instance::new(class("Win32_Thing"));
    thing.set("Name", name).unwrap();
    thing.set("State", 2u16).unwrap();
    thing
}

fn names(names: &[(&str, &str)]) -> Vec<ClassName> {
    let one =
        |(name, above): &(&str, &str)| ClassName { name: (*name).into(), superclass: Some((*above).to_owned()).filter(|a| !a.is_empty()) };
    names.iter().map(one).collect()
}

/// The model, and what it asked for.
struct Driver {
    model: Model,
    effects: Vec<Effect>,
    size: (u16, u16),
    now: u64,
}

impl Driver {
    fn new(size: (u16, u16)) -> Driver {
        Driver::with(Options { hosts: vec![("srv01".into(), r"root\cimv2".into())], ..Options::default() }, size)
    }

    fn with(options: Options, size: (u16, u16)) -> Driver {
        let (model, effects) = Model::new(options, size);
        Driver { model, effects, size, now: 0 }
    }

    /// With classes, one of which is shown.
    fn at_classes(size: (u16, u16)) -> Driver {
        let mut driver = Driver::new(size);
        driver.answer(&Ask::Subclasses(None), Answer::Classes(names(&[("CIM_Base", ""), ("__SystemClass", "")]), true));
        driver.rest();
        driver.answer(&Ask::Class("CIM_Base".into()), Answer::Class(class("CIM_Base")));
        driver
    }

    fn event(&mut self, event: Event) {
        self.effects.extend(update(&mut self.model, event));
    }

    fn key(&mut self, code: KeyCode) {
        self.event(Event::Key(KeyEvent::from(code)));
    }

    fn control(&mut self, c: char) {
        self.event(Event::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL)));
    }

    fn write(&mut self, text: &str) {
        text.chars().for_each(|c| self.key(KeyCode::Char(c)));
    }

    /// The cursor rests.
    fn rest(&mut self) {
        self.now += 1000;
        self.event(Event::Tick(self.now));
    }

    /// The latest question of this kind.
    #[track_caller]
    fn id(&self, wanted: &Ask) -> Id {
        let found = self.effects.iter().rev().find_map(|e| match e {
            Effect::Ask { id, ask, .. } if ask == wanted => Some(*id),
            _ => None,
        });
        found.unwrap_or_else(|| panic!("nobody asked {wanted:?}: {:?}", self.effects))
    }

    #[track_caller]
    fn answer(&mut self, to: &Ask, answer: Answer) {
        let id = self.id(to);
        self.event(Event::Answer(id, answer));
    }

    fn screen(&self) -> String {
        let mut terminal = Terminal::new(TestBackend::new(self.size.0, self.size.1)).unwrap();
        terminal.draw(|frame| draw(&self.model, frame)).unwrap();
        let buffer = terminal.backend().buffer().clone();
        let mut text = String::new();
        for y in 0..self.size.1 {
            let mut skip = 0;
            let mut line = String::new();
            for x in 0..self.size.0 {
                if 0 < skip {
                    skip -= 1;
                    continue;
                }
                let symbol = buffer[(x, y)].symbol();
                skip = crate::text::width(symbol).saturating_sub(1);
                line.push_str(symbol);
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    #[track_caller]
    fn sees(&self, words: &[&str]) {
        let screen = self.screen();
        words.iter().for_each(|w| assert!(screen.contains(w), "no {w:?} in\n{screen}"));
    }

    #[track_caller]
    fn sees_not(&self, word: &str) {
        assert!(!self.screen().contains(word), "{word:?} in\n{}", self.screen());
    }
}

fn rows_of(query: &str) -> Ask {
    Ask::Rows(query.into(), 200)
}

#[test]
fn one_computer_begins_with_its_classes() {
    let driver = Driver::at_classes((80, 24));
    insta::assert_snapshot!(driver.screen());
    let narrow = Driver::at_classes((40, 16));
    insta::assert_snapshot!(narrow.screen());
}

#[test]
fn a_class_below_is_asked_for_where_it_is_unfolded_and_only_once() {
    let mut driver = Driver::at_classes((80, 24));
    driver.key(KeyCode::Right);
    let below = Ask::Subclasses(Some("CIM_Base".into()));
    driver.answer(&below, Answer::Classes(names(&[("Win32_Thing", "CIM_Base")]), true));
    driver.sees(&["▾ CIM_Base", "  ▸ Win32_Thing"]);
    driver.key(KeyCode::Left);
    driver.sees_not("Win32_Thing");
    driver.effects.clear();
    driver.key(KeyCode::Right);
    driver.sees(&["Win32_Thing"]);
    assert!(driver.effects.is_empty(), "{:?}", driver.effects);
}

#[test]
fn a_search_finds_while_names_still_come() {
    let mut driver = Driver::at_classes((80, 24));
    driver.write("/thing");
    driver.answer(&Ask::AllClasses, Answer::Classes(names(&[("CIM_Base", ""), ("Win32_AnyThing", "CIM_Base")]), false));
    driver.sees(&["1 of 2…", "Win32_AnyThing : CIM_Base"]);
    driver.answer(&Ask::AllClasses, Answer::Classes(names(&[("Win32_Thing", "CIM_Base"), ("ThingOne", "")]), true));
    insta::assert_snapshot!(driver.screen());
    // The one that begins so is first, then the one with a word that does.
    driver.key(KeyCode::Down);
    driver.key(KeyCode::Enter);
    driver.answer(&Ask::Class("Win32_Thing".into()), Answer::Class(class("Win32_Thing")));
    insta::assert_snapshot!(driver.screen());
}

#[test]
fn a_class_that_the_cursor_only_passes_is_not_asked_for() {
    let mut driver = Driver::at_classes((80, 24));
    driver.effects.clear();
    driver.key(KeyCode::Down);
    driver.key(KeyCode::Up);
    driver.rest();
    assert!(driver.effects.is_empty(), "{:?}", driver.effects);
    driver.key(KeyCode::Down);
    assert!(driver.model.wants_ticks());
    driver.rest();
    driver.id(&Ask::Class("__SystemClass".into()));
}

#[test]
fn escape_stops_what_runs_and_late_answers_are_not_shown() {
    let mut driver = Driver::new((80, 24));
    let top = driver.id(&Ask::Subclasses(None));
    driver.sees(&["(Esc stops)"]);
    driver.key(KeyCode::Esc);
    assert!(driver.effects.contains(&Effect::Cancel(top)));
    driver.sees(&["stopped"]);
    driver.event(Event::Answer(top, Answer::Classes(names(&[("Late", "")]), true)));
    driver.sees_not("Late");
    driver.key(KeyCode::Char('r'));
    driver.answer(&Ask::Subclasses(None), Answer::Classes(names(&[("Early", "")]), true));
    driver.sees(&["Early"]);
}

#[test]
fn a_failure_is_told_with_its_advice() {
    let mut driver = Driver::new((80, 24));
    let hint = Some("check the account".to_owned());
    driver.answer(&Ask::Subclasses(None), Answer::Failed(Trouble { text: "srv01:135: access denied\x1b[2J".into(), hint, is_loss: false }));
    insta::assert_snapshot!(driver.screen());
}

#[test]
fn of_several_computers_each_is_connected_to_when_it_is_chosen() {
    let hosts = vec![("srv01".into(), r"root\cimv2".into()), ("srv02".into(), r"root\cimv2".into())];
    let mut driver = Driver::with(Options { hosts, ..Options::default() }, (80, 12));
    assert!(driver.effects.is_empty());
    driver.key(KeyCode::Down);
    driver.key(KeyCode::Enter);
    driver.answer(&Ask::Connect, Answer::Failed(Trouble::new("srv02:135: connection refused")));
    insta::assert_snapshot!(driver.screen());
    driver.key(KeyCode::Up);
    driver.key(KeyCode::Enter);
    driver.answer(&Ask::Connect, Answer::Connected);
    driver.answer(&Ask::Namespaces, Answer::Namespaces(vec!["cimv2".into(), "default".into()]));
    driver.sees(&["Namespaces of srv01", "  ▸ cimv2"]);
    driver.key(KeyCode::Enter);
    driver.id(&Ask::Subclasses(None));
    driver.sees(&[r"srv01 › root\cimv2"]);
    driver.key(KeyCode::Backspace);
    driver.key(KeyCode::Backspace);
    driver.sees(&["●", "✗", "srv02"]);
    driver.key(KeyCode::Char(']'));
    driver.sees(&["Namespaces of srv01"]);
}

#[test]
fn rows_come_by_the_page_and_the_next_when_the_cursor_is_near_its_end() {
    let mut driver = Driver::at_classes((80, 24));
    driver.key(KeyCode::Char('i'));
    let ask = rows_of("SELECT * FROM CIM_Base");
    let page = |from: usize| (from..from + 200).map(|n| Entity::from(thing(&format!("t{n}")))).collect::<Vec<_>>();
    driver.answer(&ask, Answer::Rows(page(0), false));
    driver.answer(&ask, Answer::Page);
    insta::assert_snapshot!(driver.screen());
    assert!(!driver.effects.iter().any(|e| matches!(e, Effect::More(..))));
    driver.key(KeyCode::End);
    let more = Effect::More(driver.id(&ask), 200);
    assert!(driver.effects.contains(&more));
    driver.answer(&ask, Answer::Rows(page(200), true));
    driver.sees(&["200 of 400 rows"]);
}

#[test]
fn rows_are_stopped_where_they_are() {
    let mut driver = Driver::at_classes((80, 24));
    driver.key(KeyCode::Char('i'));
    let ask = rows_of("SELECT * FROM CIM_Base");
    driver.answer(&ask, Answer::Rows(vec![thing("a").into()], false));
    driver.sees(&["1 row so far"]);
    driver.key(KeyCode::Esc);
    assert!(driver.effects.contains(&Effect::Cancel(driver.id(&ask))));
    driver.sees(&["1 row, then stopped", "stopped"]);
}

#[test]
fn a_query_that_is_none_is_shown_with_a_caret_and_not_sent() {
    let mut driver = Driver::at_classes((80, 24));
    driver.key(KeyCode::Char('w'));
    driver.effects.clear();
    driver.write("漢字 WHERR x = 1");
    driver.key(KeyCode::Enter);
    assert!(driver.effects.is_empty(), "{:?}", driver.effects);
    insta::assert_snapshot!(driver.screen());
    driver.control('u');
    driver.write("SELECT Name FROM Win32_Thing");
    driver.key(KeyCode::Enter);
    driver.answer(&rows_of("SELECT Name FROM Win32_Thing"), Answer::Rows(vec![thing("a").into()], true));
    driver.key(KeyCode::Char('w'));
    driver.key(KeyCode::Up);
    driver.key(KeyCode::Up);
    driver.sees(&["SELECT * FROM 漢字 WHERR x = 1"]);
    driver.key(KeyCode::Down);
    driver.sees(&["SELECT Name FROM Win32_Thing"]);
}

#[test]
fn an_object_shows_what_its_numbers_mean_and_leads_on() {
    let mut driver = Driver::at_classes((80, 24));
    driver.key(KeyCode::Char('i'));
    let mut row = thing("a");
    row.set("Sizes", vec![1u64, 2]).unwrap();
    row.set("Owner", rwmi_cim::Value::Reference("\\\\SRV01\\root\\other:Win32_Thing.Name=\"b\"".into())).unwrap();
    driver.answer(&rows_of("SELECT * FROM CIM_Base"), Answer::Rows(vec![row.into()], true));
    driver.key(KeyCode::Enter);
    driver.answer(&Ask::Class("Win32_Thing".into()), Answer::Class(class("Win32_Thing")));
    insta::assert_snapshot!(driver.screen());
    driver.key(KeyCode::End);
    driver.key(KeyCode::Enter);
    driver.answer(&Ask::Object("Win32_Thing.Name=\"b\"".into()), Answer::Object(thing("b").into()));
    driver.sees(&[r"root\other", "Win32_Thing.Name=\"b\""]);
    driver.key(KeyCode::Char('.'));
    driver.sees_not("NULL");
}

#[test]
fn nothing_of_a_value_reaches_the_terminal_as_it_is() {
    let mut driver = Driver::at_classes((80, 24));
    driver.key(KeyCode::Char('i'));
    let evil = "\x1b]0;x\x07\x1b[31m\0\u{9b}2J\u{202e}\n\t👩\u{200d}🚀漢";
    driver.answer(&rows_of("SELECT * FROM CIM_Base"), Answer::Rows(vec![thing(evil).into(), thing("x").into()], true));
    let screen = driver.screen();
    assert!(screen.contains("␛]0;x␇␛[31m␀\u{fffd}2J\u{fffd}↵⇥👩🚀漢"), "{screen}");
    driver.key(KeyCode::Enter);
    driver.sees(&["␛[31m"]);
    assert!(!driver.screen().chars().any(|c| c.is_control() && c != '\n'));
}

fn at_form() -> Driver {
    let mut driver = Driver::at_classes((80, 24));
    driver.write("/win32_thing");
    driver.answer(&Ask::AllClasses, Answer::Classes(names(&[("CIM_Base", ""), ("Win32_Thing", "CIM_Base")]), true));
    driver.key(KeyCode::Enter);
    driver.answer(&Ask::Class("Win32_Thing".into()), Answer::Class(class("Win32_Thing")));
    driver.key(KeyCode::Char('2'));
    driver.key(KeyCode::Enter);
    driver
}

#[test]
fn a_method_is_called_only_with_what_fits_and_only_after_yes() {
    let mut driver = at_form();
    driver.effects.clear();
    driver.control('s');
    driver.sees(&["Name is missing"]);
    driver.write("new one");
    driver.key(KeyCode::Enter);
    driver.write("many");
    driver.control('s');
    driver.sees(&["State is uint16, not \"many\""]);
    insta::assert_snapshot!(driver.screen());
    (0..4).for_each(|_| driver.key(KeyCode::Backspace));
    driver.write("0x2");
    driver.control('s');
    insta::assert_snapshot!(driver.screen());
    driver.key(KeyCode::Enter);
    assert!(driver.effects.is_empty(), "{:?}", driver.effects);
    driver.control('s');
    driver.key(KeyCode::Char('y'));
    let arguments =
        vec![("Name".into(), rwmi_client::Argument::Text("new one".into())), ("State".into(), rwmi_client::Argument::Text("0x2".into()))];
    let call = Ask::Call { path: "Win32_Thing".into(), method: "Create".into(), arguments };
    driver.id(&call);
    let returned = class("Win32_Thing").method("Create").unwrap().returning(2);
    driver.answer(&call, Answer::Returned(returned.into(), Some("Access denied".into())));
    driver.sees(&["Create returned 2 (Access denied)", "ReturnValue"]);
}

#[test]
fn an_argument_can_be_null_empty_or_left_out() {
    let mut driver = at_form();
    driver.sees(&["(not given)"]);
    driver.control('n');
    driver.sees(&["NULL"]);
    driver.control('n');
    driver.sees(&["\"\""]);
    driver.control('n');
    driver.write("x");
    driver.key(KeyCode::Backspace);
    driver.sees(&["\"\""]);
    driver.key(KeyCode::Backspace);
    driver.sees_not("\"\"");
}

#[test]
fn a_method_of_instances_asks_for_the_instance() {
    let mut driver = at_form();
    driver.key(KeyCode::BackTab);
    driver.event(Event::Key(KeyEvent::new(KeyCode::Left, KeyModifiers::ALT)));
    driver.key(KeyCode::Down);
    driver.key(KeyCode::Enter);
    driver.answer(&rows_of("SELECT * FROM Win32_Thing"), Answer::Rows(vec![thing("a").into()], true));
    driver.sees(&["Win32_Thing.Remove: on which instance?"]);
    driver.key(KeyCode::Enter);
    driver.answer(&Ask::Object("Win32_Thing.Name=\"a\"".into()), Answer::Object(thing("a").into()));
    driver.sees(&["call Win32_Thing.Remove", "▶ Call: Enter"]);
    driver.key(KeyCode::Enter);
    driver.sees(&["Call Remove?", "Win32_Thing.Name=\"a\""]);
}

fn at_watch() -> (Driver, Ask) {
    let mut driver = Driver::at_classes((80, 24));
    driver.key(KeyCode::Char('e'));
    driver.key(KeyCode::Enter);
    let ask = Ask::Watch("SELECT * FROM __InstanceOperationEvent WITHIN 5 WHERE TargetInstance ISA 'CIM_Base'".into());
    driver.answer(&ask, Answer::Watching);
    (driver, ask)
}

fn event(name: &str) -> Answer {
    let mut event = Instance::new(class("__InstanceCreationEvent"));
    event.set("TargetInstance", rwmi_cim::Value::from(thing(name))).unwrap();
    Answer::Event(event.into())
}

#[test]
fn events_come_until_they_are_stopped_and_losses_are_told() {
    let (mut driver, ask) = at_watch();
    driver.answer(&ask, event("a"));
    driver.answer(&ask, Answer::Disturbed(Trouble { is_loss: true, ..Trouble::new("queue overflow") }));
    driver.answer(&ask, event("b"));
    insta::assert_snapshot!(driver.screen());
    assert!(!driver.model.wants_ticks());
    driver.key(KeyCode::Esc);
    assert!(driver.effects.contains(&Effect::Cancel(driver.id(&ask))));
    driver.sees(&["not watching, 2 came", "stopped watching"]);
}

#[test]
fn the_oldest_events_make_way() {
    let (mut driver, ask) = at_watch();
    (0..1005).for_each(|n| driver.answer(&ask, event(&format!("e{n}"))));
    driver.sees(&["watching, 1005 so far, the oldest 5 made way", "Name=\"e1004\""]);
    driver.key(KeyCode::Home);
    driver.sees(&["    6 ", "Name=\"e5\""]);
    driver.answer(&ask, event("later"));
    driver.sees(&["Name=\"e6\""]);
}

#[test]
fn events_go_on_while_one_looks_elsewhere() {
    let (mut driver, ask) = at_watch();
    driver.key(KeyCode::Backspace);
    driver.answer(&ask, event("a"));
    driver.sees(&["◉ watching 1"]);
    driver.key(KeyCode::Char(']'));
    driver.sees(&["Name=\"a\""]);
    // Who goes somewhere else from before it lets it go.
    driver.key(KeyCode::Backspace);
    driver.key(KeyCode::Char('i'));
    assert!(driver.effects.contains(&Effect::Cancel(driver.id(&ask))));
}

#[test]
fn copying_is_off_unless_it_was_asked_for() {
    let mut driver = Driver::at_classes((80, 24));
    driver.key(KeyCode::Char('y'));
    driver.sees(&["the clipboard is off", r"\\srv01\root\cimv2:CIM_Base"]);
    assert!(!driver.effects.iter().any(|e| matches!(e, Effect::Copy(_))));
    let hosts = vec![("srv01".into(), "root".into())];
    let mut driver = Driver::with(Options { hosts, clipboard: true, ..Options::default() }, (80, 24));
    driver.answer(&Ask::Subclasses(None), Answer::Classes(names(&[("A", "")]), true));
    driver.key(KeyCode::Char('y'));
    assert!(driver.effects.contains(&Effect::Copy(r"\\srv01\root:A".into())));
}

#[test]
fn every_size_is_drawn() {
    let mut forms = [Driver::at_classes((80, 24)), at_form(), at_watch().0];
    forms[0].write("/x");
    for driver in &mut forms {
        for (width, height) in [(1, 1), (20, 5), (32, 10), (33, 11), (40, 12), (71, 24), (72, 8), (300, 100)] {
            driver.size = (width, height);
            driver.event(Event::Resize(width, height));
            let screen = driver.screen();
            assert!((width, height) != (20, 5) || screen.contains("32 x 10"), "{screen}");
            driver.key(KeyCode::F(1));
            driver.screen();
            driver.key(KeyCode::PageDown);
            driver.key(KeyCode::Esc);
            driver.key(KeyCode::PageDown);
            driver.screen();
        }
    }
}

#[test]
fn keys_that_end_it_end_it_anywhere() {
    for mut driver in [Driver::at_classes((80, 24)), at_form(), at_watch().0] {
        driver.control('c');
        assert_eq!(driver.effects.last(), Some(&Effect::Quit(130)));
    }
    let mut driver = Driver::at_classes((80, 24));
    driver.key(KeyCode::Char('q'));
    assert_eq!(driver.effects.last(), Some(&Effect::Quit(0)));
    // In a line it is a letter.
    let mut driver = Driver::at_classes((80, 24));
    driver.write("/q");
    assert!(!driver.effects.contains(&Effect::Quit(0)));
}
