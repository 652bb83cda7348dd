//! The tree of classes, the search in it, and a class.

use super::{Canvas, places};
use crate::layout;
use crate::model::{ClassPane, Classes, Focus, Search, Tab, origin, qualifier_text};
use crate::text::{padded, width, wrapped};
use crate::value;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use rwmi_cim::{Class, Qualifiers};

pub(super) fn classes(classes: &Classes, canvas: &mut Canvas<'_>, body: Rect, busy: bool) {
    let (tree, pane) = layout::classes(body, classes.focus);
    if let Some(area) = tree {
        match &classes.search {
            Some(search) => self::search(classes, search, canvas, area),
            None => {
                let inside = canvas.framed(area, "Classes", classes.focus == Focus::Tree);
                places::tree(&classes.tree, canvas, inside, classes.focus == Focus::Tree, |name| name);
                if classes.tree.len() == 0 && !busy {
                    canvas.centred(inside, "no classes: r asks again", canvas.theme.faint());
                }
                places::corner(&classes.tree, canvas, area);
            }
        }
    }
    if let Some(area) = pane {
        self::pane(&classes.pane, canvas, area, classes.focus == Focus::Class);
    }
}

fn search(classes: &Classes, search: &Search, canvas: &mut Canvas<'_>, area: Rect) {
    let inside = canvas.framed(area, "Search", true);
    let theme = canvas.theme;
    let (text, at, _) = search.editor.view(usize::from(inside.width.saturating_sub(2)));
    canvas.pieces(inside, &[("/ ", theme.key()), (&text, Style::new())]);
    if text.is_empty() {
        canvas.put(inside.x + 2, inside.y, inside.width.saturating_sub(2), "part of a name", theme.faint());
    }
    canvas.cursor = Some(Position::new(inside.x + 2 + at as u16, inside.y));
    let below = Rect { y: inside.y + 1, height: inside.height.saturating_sub(1), ..inside };
    canvas.list(below, search.list, search.found.len(), true, |canvas, at, place| {
        let name = &classes.names[search.found[at] as usize].class;
        let above = name.superclass.as_deref().map_or(String::new(), |above| format!(" : {above}"));
        canvas.pieces(place, &[(&name.name, Style::new()), (&above, theme.faint())]);
    });
    let more = if classes.names_known { "" } else { "…" };
    canvas.corner(area, &format!("{} of {}{more}", search.found.len(), classes.names.len()));
}

fn pane(pane: &ClassPane, canvas: &mut Canvas<'_>, area: Rect, focused: bool) {
    let inside = canvas.framed(area, &pane.wanted, focused);
    let theme = canvas.theme;
    let Some(class) = &pane.class else {
        match &pane.trouble {
            Some(trouble) => canvas.trouble(inside, trouble),
            None if !pane.wanted.is_empty() => canvas.centred(inside, "…", theme.faint()),
            None => {}
        }
        return;
    };
    let above = match class.derivation.as_slice() {
        [] => "no superclass".to_owned(),
        all => format!(": {}", all.join(" : ")),
    };
    let marks = [
        (class.is_abstract(), "abstract "),
        (class.is_singleton(), "singleton "),
        (class.qualifiers.is_set("association"), "association "),
    ];
    let mut line = marks.iter().filter(|(is, _)| *is).map(|(_, text)| *text).collect::<String>();
    if let Some(provider) = class.provider() {
        line += &format!("from {provider} ");
    }
    canvas.pieces(inside, &[(&line, theme.key()), (&above, theme.faint())]);
    let tabs = Rect { y: inside.y + 1, height: 1, ..inside };
    let counts = [class.properties.len(), class.methods.len(), class.qualifiers.0.len(), 0];
    let narrow = inside.width < 58;
    let mut x = tabs.x;
    for (n, (tab, name)) in Tab::ALL.into_iter().enumerate() {
        let count = if counts[n] == 0 || narrow { String::new() } else { format!(" {}", counts[n]) };
        let name = if narrow && n == 2 { "Qualif." } else { name };
        let style = if pane.tab == tab { theme.cursor(true) } else { Style::new() };
        x += canvas.put(x, tabs.y, tabs.right().saturating_sub(x), &format!(" {} {name}{count} ", n + 1), style);
    }
    let (list, detail) = pane.parts(area);
    match pane.tab {
        Tab::Properties => properties(pane, class, canvas, list, detail, focused),
        Tab::Methods => methods(pane, class, canvas, list, detail, focused),
        Tab::Qualifiers => qualifiers(pane, class, canvas, list, detail, focused),
        Tab::Mof => {
            let offset = pane.list().offset.min(pane.mof.len().saturating_sub(list.height.into()));
            canvas.lines(list, pane.mof[offset..].iter().map(String::as_str), Style::new());
        }
    }
    let len = pane.len(class);
    if len != 0 {
        let at = if pane.tab == Tab::Mof { pane.list().offset } else { pane.list().cursor };
        canvas.corner(area, &format!("{}/{len}", at + 1));
    }
    if len == 0 {
        canvas.centred(list, "none", theme.faint());
    }
}

fn properties(pane: &ClassPane, class: &Class, canvas: &mut Canvas<'_>, list: Rect, detail: Option<Rect>, focused: bool) {
    let theme = canvas.theme;
    let room = usize::from(list.width);
    let widest = |texts: &mut dyn Iterator<Item = usize>, least: usize, most: usize| texts.max().unwrap_or(0).clamp(least, most.max(least));
    let names = widest(&mut class.properties.iter().map(|p| width(&p.name)), 4, room * 2 / 5);
    let types = widest(&mut class.properties.iter().map(|p| width(&p.type_text())), 4, room / 4);
    let from = if 64 <= room { widest(&mut class.properties.iter().map(|p| width(origin(class, p.origin))), 4, room / 4) } else { 0 };
    canvas.list(list, pane.list(), class.properties.len(), focused, |canvas, at, place| {
        let property = &class.properties[at];
        let key = if property.is_key() { "* " } else { "  " };
        let name = format!("{} ", padded(&property.name, names));
        let ty = format!("{} ", padded(&property.type_text(), types));
        let of = if from == 0 { String::new() } else { format!("{} ", padded(origin(class, property.origin), from)) };
        let own = if property.is_key() { theme.strong() } else { Style::new() };
        let rest = qualifier_text(&property.qualifiers);
        canvas.pieces(place, &[(key, theme.key()), (&name, own), (&ty, theme.ty()), (&of, theme.faint()), (&rest, theme.faint())]);
    });
    let (Some(detail), Some(property)) = (detail, class.properties.get(pane.list().cursor)) else { return };
    let title = format!("{} {}", property.name, property.type_text());
    let inside = canvas.rule(detail, &title);
    let mut text = format!("from {}", origin(class, property.origin));
    if !property.default.is_null() {
        text += &format!(", default {}", value::line(&property.default));
    }
    told(canvas, inside, &text, &property.qualifiers);
}

fn methods(pane: &ClassPane, class: &Class, canvas: &mut Canvas<'_>, list: Rect, detail: Option<Rect>, focused: bool) {
    canvas.list(list, pane.list(), class.methods.len(), focused, |canvas, at, place| {
        canvas.put(place.x, place.y, place.width, &class.methods[at].signature(), Style::new());
    });
    let (Some(detail), Some(method)) = (detail, class.methods.get(pane.list().cursor)) else { return };
    let inside = canvas.rule(detail, &method.name);
    told(canvas, inside, &format!("{}\nfrom {}", method.signature(), origin(class, method.origin)), &method.qualifiers);
}

fn qualifiers(pane: &ClassPane, class: &Class, canvas: &mut Canvas<'_>, list: Rect, detail: Option<Rect>, focused: bool) {
    let theme = canvas.theme;
    let all = &class.qualifiers.0;
    let names = all.iter().map(|q| width(&q.name)).max().unwrap_or(0).min(usize::from(list.width) / 2);
    canvas.list(list, pane.list(), all.len(), focused, |canvas, at, place| {
        let name = format!("{} ", padded(&all[at].name, names));
        let ty = format!("{} ", padded(&all[at].ty.to_string(), 8));
        canvas.pieces(place, &[(&name, Style::new()), (&ty, theme.ty()), (&value::line(&all[at].value), Style::new())]);
    });
    let (Some(detail), Some(qualifier)) = (detail, all.get(pane.list().cursor)) else { return };
    let inside = canvas.rule(detail, &qualifier.name);
    let lines = wrapped(&value::full(&qualifier.value), inside.width.into(), inside.height.into());
    canvas.lines(inside, lines.iter().map(String::as_str), Style::new());
}

/// Where a member comes from, its description, and its other qualifiers, as far as there is room.
fn told(canvas: &mut Canvas<'_>, area: Rect, first: &str, qualifiers: &Qualifiers) {
    let mut text = first.to_owned();
    if let Some(description) = qualifiers.text("Description") {
        text += &format!("\n{description}");
    }
    for q in qualifiers.0.iter().filter(|q| !q.name.eq_ignore_ascii_case("Description")) {
        text += &format!("\n{}: {}", q.name, value::line(&q.value));
    }
    let lines = wrapped(&text, area.width.into(), area.height.into());
    canvas.lines(area, lines.iter().map(String::as_str), Style::new());
}
