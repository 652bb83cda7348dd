//! Rows of a query, one object, events.

use super::{Canvas, edited};
use crate::layout;
use crate::model::{Fetch, ObjectScreen, RowsScreen, Seen, Table, WatchScreen};
use crate::text::{padded, width, wrapped};
use crate::value;
use ratatui::layout::Rect;
use ratatui::style::Style;
use rwmi_cim::{Entity, Object, Value};

pub(super) fn rows(screen: &RowsScreen, canvas: &mut Canvas<'_>, body: Rect) {
    let (line, below) = screen.parts(body);
    edited(canvas, line, "WQL", &screen.editor, screen.is_editing, screen.fault.as_ref());
    let title = match screen.choosing {
        Some(_) => "Choose the instance",
        None => "Rows",
    };
    let inside = canvas.framed(below, title, !screen.is_editing);
    table(&screen.table, canvas, inside, !screen.is_editing);
    let count = screen.table.rows.len();
    let rows = if count == 1 { "1 row".to_owned() } else { format!("{count} rows") };
    let told = match screen.fetch {
        Fetch::Idle => String::new(),
        Fetch::Busy => format!("{rows} so far"),
        Fetch::Paused => format!("{rows}, and more: a fetches all"),
        Fetch::Whole => rows,
        Fetch::Stopped => format!("{rows}, then stopped"),
        Fetch::Failed => format!("{rows}, then it failed"),
    };
    let at = if count == 0 { String::new() } else { format!("{} of ", screen.table.list.cursor + 1) };
    if !told.is_empty() {
        canvas.corner(below, &format!("{at}{told}"));
    }
    if count == 0 && screen.fetch == Fetch::Whole {
        canvas.centred(inside, "no rows", canvas.theme.faint());
    }
}

fn table(table: &Table, canvas: &mut Canvas<'_>, inside: Rect, focused: bool) {
    if table.rows.is_empty() || inside.height == 0 {
        return;
    }
    let theme = canvas.theme;
    let mut columns = Vec::new();
    let mut used = 0;
    // The first column stays: it says which row it is.
    let shown = table.columns.first().into_iter().chain(table.columns.iter().skip(table.first.max(1)));
    for column in shown {
        if usize::from(inside.width) <= used {
            break;
        }
        columns.push(column);
        used += column.width + 2;
    }
    let mut x = inside.x;
    for column in &columns {
        let room = inside.right().saturating_sub(x);
        canvas.put(x, inside.y, room.min(column.width as u16), &column.name, theme.strong());
        x += column.width as u16 + 2;
    }
    let hidden = table.columns.len().saturating_sub(1).saturating_sub(columns.len().saturating_sub(1) + table.first.saturating_sub(1));
    if hidden != 0 && 24 < inside.width {
        let text = format!(" +{hidden} →");
        let wide = width(&text) as u16;
        canvas.put(inside.right() - wide, inside.y, wide, &text, theme.key());
    }
    let rows = Rect { y: inside.y + 1, height: inside.height - 1, ..inside };
    canvas.list(rows, table.list, table.rows.len(), focused, |canvas, at, place| {
        let mut x = place.x;
        for column in &columns {
            let room = place.right().saturating_sub(x).min(column.width as u16);
            canvas.put(x, place.y, room, &crate::model::cell(&table.rows[at], &column.name), Style::new());
            x += column.width as u16 + 2;
        }
    });
}

pub(super) fn object(screen: &ObjectScreen, canvas: &mut Canvas<'_>, body: Rect) {
    let inside = canvas.framed(body, &screen.title, true);
    let Some(object) = &screen.object else {
        canvas.centred(inside, "…", canvas.theme.faint());
        return;
    };
    let theme = canvas.theme;
    let shown = screen.shown();
    let class = object.class();
    let (list, detail) = layout::with_detail(inside);
    let room = usize::from(inside.width);
    let names = class.properties.iter().map(|p| width(&p.name)).max().unwrap_or(0).min(room * 2 / 5);
    let types = if 60 <= room { class.properties.iter().map(|p| width(&p.type_text())).max().unwrap_or(0).min(room / 5) } else { 0 };
    canvas.list(list, screen.list, shown.len(), true, |canvas, at, place| {
        let property = &class.properties[shown[at]];
        let name = format!("{} ", padded(&property.name, names));
        let ty = if types == 0 { String::new() } else { format!("{} ", padded(&property.type_text(), types)) };
        let own = if property.is_key() { theme.strong() } else { Style::new() };
        let (text, style) = match object.value_at(shown[at]) {
            Ok(Value::Null) => ("NULL".to_owned(), theme.faint()),
            Ok(value) => {
                (with_meaning(screen, shown[at], &value, value::line(&value)), if is_link(&value) { theme.focus() } else { Style::new() })
            }
            Err(error) => (error.to_string(), theme.bad()),
        };
        canvas.pieces(place, &[(&name, own), (&ty, theme.ty()), (&text, style)]);
    });
    if !shown.is_empty() {
        canvas.corner(body, &format!("{}/{}", screen.list.cursor + 1, shown.len()));
    } else {
        canvas.centred(list, "no properties", theme.faint());
    }
    let (Some(detail), Some(at)) = (detail, shown.get(screen.list.cursor)) else { return };
    let property = &class.properties[*at];
    let below = canvas.rule(detail, &format!("{} {}", property.name, property.type_text()));
    let Ok(value) = object.value_at(*at) else { return };
    let mut text = with_meaning(screen, *at, &value, value::full(&value));
    let about = screen.class.as_ref().and_then(|c| c.property(&property.name)).and_then(|p| p.qualifiers.text("Description"));
    if let Some(about) = about {
        text += &format!("\n\n{about}");
    }
    let lines = wrapped(&text, below.width.into(), below.height.into());
    canvas.lines(below, lines.iter().map(String::as_str), Style::new());
}

/// A number with what it means, where the class says it.
fn with_meaning(screen: &ObjectScreen, at: usize, value: &Value, text: String) -> String {
    let Some(object) = &screen.object else { return text };
    let name = object.class().properties.get(at).map(|p| p.name.as_str()).unwrap_or_default();
    let property = screen.class.as_ref().and_then(|class| class.property(name));
    match property.and_then(|property| value::meaning(property, value)) {
        Some(meaning) => format!("{text} ({meaning})"),
        None => text,
    }
}

/// Whether Enter leads on.
fn is_link(value: &Value) -> bool {
    match value {
        Value::Object(_) | Value::Reference(_) => true,
        Value::Array(items) => items.iter().any(|i| matches!(i, Value::Object(_) | Value::Reference(_))),
        _ => false,
    }
}

pub(super) fn watch(screen: &WatchScreen, canvas: &mut Canvas<'_>, body: Rect) {
    let (line, below) = screen.parts(body);
    edited(canvas, line, "WQL for events", &screen.editor, screen.is_editing, screen.fault.as_ref());
    let inside = canvas.framed(below, "Events", !screen.is_editing);
    let theme = canvas.theme;
    canvas.list(inside, screen.list, screen.seen.len(), !screen.is_editing, |canvas, at, place| match &screen.seen[at] {
        Seen::Event(object) => {
            let number = format!("{:>5} ", screen.gone + at as u64 + 1);
            let class = format!("{} ", object.class().name);
            canvas.pieces(place, &[(&number, theme.faint()), (&class, theme.strong()), (&summary(object), Style::new())]);
        }
        Seen::Told(trouble) => {
            let text = if trouble.is_loss { "events were lost here: they came faster than they were taken" } else { trouble.text.as_str() };
            canvas.pieces(place, &[("      ", theme.faint()), (text, theme.bad())]);
        }
    });
    let mut told = match (screen.is_running(), screen.is_listening) {
        (true, true) => format!("watching, {} so far", screen.total),
        (true, false) => "subscribing".into(),
        (false, _) if screen.total == 0 => "not watching".into(),
        (false, _) => format!("not watching, {} came", screen.total),
    };
    if screen.gone != 0 {
        told += &format!(", the oldest {} made way", screen.gone);
    }
    if screen.losses != 0 {
        told += &format!(", events lost {} times", screen.losses);
    }
    canvas.corner(below, &told);
    if screen.seen.is_empty() && screen.is_listening {
        canvas.centred(inside, "nothing yet", theme.faint());
    }
}

/// What an event is about: the path of its instance, else its values.
fn summary(object: &Object) -> String {
    let of_target = |name: &str| {
        let value = object.value_at(object.class().property_index(name)?).ok()?;
        let Value::Object(entity) = value else { return None };
        Some(match *entity {
            Entity::Instance(target) => target.relative_path().map_or_else(|| target.class().name.clone(), |path| path.to_string()),
            Entity::Class(class) => class.name.clone(),
        })
    };
    if let Some(target) = of_target("TargetInstance").or_else(|| of_target("TargetClass")) {
        return target;
    }
    let hidden = ["SECURITY_DESCRIPTOR", "TIME_CREATED"];
    let shown = object.iter().filter(|(name, _)| !hidden.iter().any(|h| h.eq_ignore_ascii_case(name)));
    let pairs = shown.filter_map(|(name, value)| value.ok().filter(|v| !v.is_null()).map(|v| format!("{name}={}", value::line(&v))));
    pairs.take(8).collect::<Vec<_>>().join(" ")
}
