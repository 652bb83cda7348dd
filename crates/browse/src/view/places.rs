//! Computers, namespaces, and the form of a method.

use super::Canvas;
use crate::model::{Field, Form, Given, HostState, Hosts, Namespaces, Shared};
use crate::text::{padded, width, wrapped};
use crate::tree::{Below, Line, Tree};
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;

pub(super) fn hosts(hosts: &Hosts, shared: &Shared, canvas: &mut Canvas<'_>, area: Rect) {
    let inside = canvas.framed(area, "Computers", true);
    let widest = hosts.hosts.iter().map(|(host, _)| width(host)).max().unwrap_or(0).clamp(8, usize::from(area.width / 2));
    canvas.list(inside, hosts.list, hosts.hosts.len(), true, |canvas, at, line| {
        let (host, _) = &hosts.hosts[at];
        let (mark, style, text) = match shared.hosts.get(host) {
            None => (" ", Style::new(), ""),
            Some(HostState::Connecting) => ("…", Style::new(), "connecting"),
            Some(HostState::Connected) => ("●", canvas.theme.good(), ""),
            Some(HostState::Failed(text)) => ("✗", canvas.theme.bad(), text.as_str()),
        };
        let name = format!(" {}  ", padded(host, widest));
        let text = text.lines().next().unwrap_or_default();
        canvas.pieces(line, &[(mark, style), (&name, canvas.theme.strong()), (text, canvas.theme.faint())]);
    });
    canvas.corner(area, &format!("{}/{}", hosts.list.cursor + 1, hosts.hosts.len()));
}

pub(super) fn namespaces(namespaces: &Namespaces, host: &str, canvas: &mut Canvas<'_>, area: Rect) {
    let inside = canvas.framed(area, &format!("Namespaces of {host}"), true);
    tree(&namespaces.tree, canvas, inside, true, |name| name.rsplit('\\').next().unwrap_or(name));
    corner(&namespaces.tree, canvas, area);
}

/// A tree, its names made shorter.
pub(super) fn tree(tree: &Tree, canvas: &mut Canvas<'_>, inside: Rect, focused: bool, short: impl Fn(&str) -> &str) {
    let lines = tree.lines();
    canvas.list(inside, tree.list, lines.len(), focused, |canvas, at, place| {
        let Line { node: id, depth } = lines[at];
        let node = tree.node(id);
        // Of what is deep enough the beginning of the name must still be seen.
        let indent = " ".repeat((usize::from(depth) * 2).min(usize::from(inside.width) / 2));
        let mark = match (tree.is_leaf(id), node.open, node.below) {
            (true, ..) => "  ",
            (_, _, Below::Loading) => "… ",
            (_, true, _) => "▾ ",
            (_, false, _) => "▸ ",
        };
        let style = if node.name.starts_with("__") { canvas.theme.faint() } else { Style::new() };
        canvas.pieces(place, &[(&indent, Style::new()), (mark, canvas.theme.faint()), (short(&node.name), style)]);
    });
}

pub(super) fn corner(tree: &Tree, canvas: &mut Canvas<'_>, area: Rect) {
    if !tree.lines().is_empty() {
        canvas.corner(area, &format!("{}/{}", tree.list.cursor + 1, tree.lines().len()));
    }
}

pub(super) fn form(form: &Form, canvas: &mut Canvas<'_>, area: Rect) {
    let inside = canvas.framed(area, &form.path, true);
    let theme = canvas.theme;
    canvas.put(inside.x, inside.y, inside.width, &form.method.signature(), theme.faint());
    let below = Rect { y: inside.y + 1, height: inside.height.saturating_sub(1), ..inside };
    let named = |f: &Field| width(&f.name) + usize::from(f.optional) + 1;
    let names = form.fields.iter().map(named).max().unwrap_or(0).min(usize::from(inside.width) / 3);
    let types = form.fields.iter().map(|f| width(&f.ty) + 1).max().unwrap_or(0).min(usize::from(inside.width) / 4);
    let label = names + types;
    let mut cursor = None;
    canvas.list(
        Rect { height: below.height.min(form.fields.len() as u16 + 1), ..below },
        form.list,
        form.fields.len() + 1,
        false,
        |canvas, at, place| {
            let Some(field) = form.fields.get(at) else {
                let text = if form.is_on_call() { "▶ Call: Enter" } else { "▶ Call" };
                canvas.put(place.x, place.y, place.width, text, theme.focus());
                return;
            };
            let name = format!("{}{}", field.name, if field.optional { "?" } else { "" });
            canvas.put(place.x, place.y, names.saturating_sub(1) as u16, &name, theme.strong());
            canvas.put(place.x + names as u16, place.y, types.saturating_sub(1) as u16, &field.ty, theme.ty());
            let x = place.x + label as u16;
            let room = place.right().saturating_sub(x);
            let (text, at_cell, _) = field.editor.view(room.into());
            let (text, style) = match field.given {
                Given::Absent => ("(not given)", theme.faint()),
                Given::Null => ("NULL", theme.key()),
                Given::Text if text.is_empty() => ("\"\"", theme.faint()),
                Given::Text => (text.as_str(), Style::new()),
            };
            canvas.put(x, place.y, room, text, style);
            if at == form.list.cursor {
                cursor = Some(Position::new((x + at_cell as u16).min(place.right().saturating_sub(1)), place.y));
            }
        },
    );
    canvas.cursor = cursor;
    let from = below.y + (form.fields.len() as u16 + 2).min(below.height);
    let rest = Rect { y: from, height: inside.bottom().saturating_sub(from), ..inside };
    let room = usize::from(rest.width);
    if !form.mistakes.is_empty() {
        let lines: Vec<String> = form.mistakes.iter().flat_map(|m| wrapped(m, room, 4)).collect();
        canvas.lines(rest, lines.iter().map(String::as_str), theme.bad());
    } else if let Some(field) = form.fields.get(form.list.cursor) {
        let lines = wrapped(&field.about, room, rest.height.into());
        canvas.lines(rest, lines.iter().map(String::as_str), theme.faint());
    }
}
