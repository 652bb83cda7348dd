//! The model as cells of a terminal.

mod class;
mod places;
mod rows;

use crate::event::Trouble;
use crate::layout;
use crate::list::List;
use crate::model::{Message, Model, Popup, Screen};
use crate::text::{cells, fit, padded, shown, width};
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::widgets::{Block, BorderType, Clear, Widget};

const SPINNER: [char; 10] = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

/// Milliseconds between two pictures of the spinner.
const TURN: u64 = 100;

/// How things look; without colours by weight and by reversing alone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Theme {
    colours: bool,
}

impl Theme {
    fn colour(self, colour: Color) -> Style {
        if self.colours { Style::new().fg(colour) } else { Style::new() }
    }

    /// What has the keys.
    pub(crate) fn focus(self) -> Style {
        self.colour(Color::Cyan).add_modifier(Modifier::BOLD)
    }

    pub(crate) fn faint(self) -> Style {
        if self.colours { self.colour(Color::DarkGray) } else { Style::new().add_modifier(Modifier::DIM) }
    }

    pub(crate) fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    pub(crate) fn key(self) -> Style {
        self.colour(Color::Yellow)
    }

    pub(crate) fn ty(self) -> Style {
        self.colour(Color::Green)
    }

    pub(crate) fn bad(self) -> Style {
        self.colour(Color::Red).add_modifier(Modifier::BOLD)
    }

    pub(crate) fn good(self) -> Style {
        self.colour(Color::Green)
    }

    /// The line of the cursor: in the pane that has the keys, and in the other.
    pub(crate) fn cursor(self, focused: bool) -> Style {
        match (focused, self.colours) {
            (true, _) => Style::new().add_modifier(Modifier::REVERSED),
            (false, true) => Style::new().bg(Color::DarkGray).fg(Color::White),
            (false, false) => Style::new().add_modifier(Modifier::UNDERLINED),
        }
    }
}

/// What is drawn on.
pub(crate) struct Canvas<'a> {
    buffer: &'a mut Buffer,
    pub(crate) theme: Theme,
    /// Where the terminal's cursor stands, where something is edited.
    pub(crate) cursor: Option<Position>,
}

impl Canvas<'_> {
    /// Writes as much of a text as fits; gives the cells that it took.
    pub(crate) fn put(&mut self, x: u16, y: u16, room: u16, text: &str, style: Style) -> u16 {
        let area = self.buffer.area;
        if y < area.y || area.bottom() <= y || x < area.x || area.right() <= x {
            return 0;
        }
        let room = room.min(area.right() - x);
        let text = fit(text, room.into());
        self.buffer.set_stringn(x, y, &text, room.into(), style);
        width(&text) as u16
    }

    /// Writes pieces behind each other.
    pub(crate) fn pieces(&mut self, area: Rect, pieces: &[(&str, Style)]) {
        let mut x = area.x;
        for (text, style) in pieces {
            x += self.put(x, area.y, area.right().saturating_sub(x), text, *style);
        }
    }

    /// Gives a whole line a look.
    pub(crate) fn paint(&mut self, x: u16, y: u16, wide: u16, style: Style) {
        self.buffer.set_style(Rect::new(x, y, wide, 1).intersection(self.buffer.area), style);
    }

    /// A frame with a title; gives the inside.
    pub(crate) fn framed(&mut self, area: Rect, title: &str, focused: bool) -> Rect {
        let style = if focused { self.theme.focus() } else { self.theme.faint() };
        let area = area.intersection(self.buffer.area);
        Block::bordered().border_type(BorderType::Rounded).border_style(style).render(area, self.buffer);
        if !title.is_empty() && 4 < area.width {
            let title = format!(" {} ", fit(title, usize::from(area.width) - 4));
            self.put(area.x + 1, area.y, area.width - 2, &title, if focused { self.theme.focus() } else { Style::new() });
        }
        layout::inner(area)
    }

    /// On the lower border of a frame, at its right: how many there are and where one is.
    pub(crate) fn corner(&mut self, area: Rect, text: &str) {
        let wide = (width(text) + 2) as u16;
        if wide + 2 <= area.width && 2 <= area.height {
            let style = self.theme.faint();
            self.put(area.right() - 1 - wide, area.bottom() - 1, wide, &format!(" {text} "), style);
        }
    }

    /// The lines of a list that are seen.
    pub(crate) fn list(&mut self, area: Rect, list: List, len: usize, focused: bool, mut line: impl FnMut(&mut Self, usize, Rect)) {
        let mut list = list;
        list.settle(len, area.height.into());
        for (y, at) in (area.y..area.bottom()).zip(list.offset..len) {
            let place = Rect::new(area.x, y, area.width, 1);
            line(self, at, place);
            if at == list.cursor {
                self.paint(area.x, y, area.width, self.theme.cursor(focused));
            }
        }
    }

    /// A rule between a list and what is said of its line, with a title; gives what is below it.
    pub(crate) fn rule(&mut self, area: Rect, title: &str) -> Rect {
        let style = self.theme.faint();
        self.put(area.x, area.y, area.width, &"─".repeat(area.width.into()), style);
        if !title.is_empty() {
            self.put(area.x + 1, area.y, area.width.saturating_sub(2), &format!(" {title} "), style);
        }
        Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area }
    }

    /// Lines of text from the top.
    pub(crate) fn lines<'t>(&mut self, area: Rect, lines: impl IntoIterator<Item = &'t str>, style: Style) {
        for (y, line) in (area.y..area.bottom()).zip(lines) {
            self.put(area.x, y, area.width, line, style);
        }
    }

    /// In the middle of an area.
    pub(crate) fn centred(&mut self, area: Rect, text: &str, style: Style) {
        let lines = crate::text::wrapped(text, area.width.saturating_sub(2).into(), area.height.max(1).into());
        let y = area.y + area.height.saturating_sub(lines.len() as u16) / 2;
        for (y, line) in (y..area.bottom()).zip(&lines) {
            let x = area.x + area.width.saturating_sub(width(line) as u16) / 2;
            self.put(x, y, area.right().saturating_sub(x), line, style);
        }
    }

    /// Why something is not there.
    pub(crate) fn trouble(&mut self, area: Rect, trouble: &Trouble) {
        let style = self.theme.bad();
        let mut text = trouble.text.clone();
        if let Some(hint) = &trouble.hint {
            text += &format!("\nhint: {hint}");
        }
        self.centred(area, &text, style);
    }
}

/// Draws all of it.
pub fn draw(model: &Model, frame: &mut Frame<'_>) {
    let area = frame.area();
    let theme = Theme { colours: !model.shared.options.plain };
    let mut canvas = Canvas { buffer: frame.buffer_mut(), theme, cursor: None };
    if area.width < layout::LEAST.0 || area.height < layout::LEAST.1 {
        let text = format!("{} x {} is too small: {} x {} are needed", area.width, area.height, layout::LEAST.0, layout::LEAST.1);
        canvas.centred(area, &text, Style::new());
        return;
    }
    let parts = layout::frame(&model.shared);
    head(model, &mut canvas, parts.head);
    let place = model.place();
    match &place.screen {
        Screen::Hosts(hosts) => places::hosts(hosts, &model.shared, &mut canvas, parts.body),
        Screen::Namespaces(namespaces) => places::namespaces(namespaces, &place.host, &mut canvas, parts.body),
        Screen::Classes(classes) => class::classes(classes, &mut canvas, parts.body, model.is_busy()),
        Screen::Rows(rows) => rows::rows(rows, &mut canvas, parts.body),
        Screen::Object(object) => rows::object(object, &mut canvas, parts.body),
        Screen::Form(form) => places::form(form, &mut canvas, parts.body),
        Screen::Watch(watch) => rows::watch(watch, &mut canvas, parts.body),
    }
    for (y, (line, is_hint)) in (parts.note.y..parts.note.bottom()).zip(layout::note(&model.shared)) {
        let style = match &model.shared.message {
            Some(Message::Failed(_)) if !is_hint => theme.bad(),
            _ => Style::new(),
        };
        canvas.put(1, y, area.width - 1, &line, style);
    }
    foot(model, &mut canvas, parts.foot);
    if let Some(popup) = &model.shared.popup {
        canvas.cursor = None;
        over(popup, &mut canvas, area);
    }
    let cursor = canvas.cursor;
    if let Some(at) = cursor {
        frame.set_cursor_position(at);
    }
}

/// Where we are, and what is being done.
fn head(model: &Model, canvas: &mut Canvas<'_>, area: Rect) {
    let theme = canvas.theme;
    canvas.paint(
        area.x,
        area.y,
        area.width,
        if theme.colours { Style::new().bg(Color::Blue).fg(Color::White) } else { theme.cursor(true) },
    );
    let doing = match model.work() {
        Some(task) => {
            let turn = SPINNER[(model.shared.now / TURN) as usize % SPINNER.len()];
            format!("{turn} {} (Esc stops) ", fit(&task.label, usize::from(area.width / 3)))
        }
        None => {
            let watched = model.places.iter().filter(|p| matches!(&p.screen, Screen::Watch(w) if w.is_listening)).count();
            if watched == 0 { String::new() } else { format!("◉ watching {watched} ") }
        }
    };
    let room = usize::from(area.width).saturating_sub(width(&doing) + 1);
    let place = model.place();
    let title = place.title();
    let mut whole = String::from(" rwmi");
    for part in [&place.host, &place.namespace, &title] {
        if !part.is_empty() {
            whole += &format!(" › {part}");
        }
    }
    // Of a long way the end says most.
    let text = if width(&whole) <= room {
        whole
    } else if width(&title) + 3 <= room && !place.namespace.is_empty() {
        let short = format!(" {} › {title}", place.namespace);
        if width(&short) <= room { short } else { format!(" {title}") }
    } else {
        format!(" {title}")
    };
    let look = Style::new().add_modifier(Modifier::BOLD);
    canvas.put(area.x, area.y, room as u16, &text, look);
    canvas.put(area.right().saturating_sub(width(&doing) as u16), area.y, width(&doing) as u16, &doing, Style::new());
}

/// The keys of the screen, as many as fit; help and the end stay.
fn foot(model: &Model, canvas: &mut Canvas<'_>, area: Rect) {
    let keys = model.place().keys();
    let cost = |(key, what): &(&str, &str)| width(key) + width(what) + 3;
    let mut kept = keys.clone();
    while usize::from(area.width) < kept.iter().map(cost).sum::<usize>() && 2 < kept.len() {
        kept.remove(kept.len() - 3);
    }
    let mut x = area.x + 1;
    for (key, what) in kept {
        x += canvas.put(x, area.y, area.right().saturating_sub(x), key, canvas.theme.focus());
        x += 1 + canvas.put(x + 1, area.y, area.right().saturating_sub(x + 1), what, canvas.theme.faint()) + 2;
    }
}

fn over(popup: &Popup, canvas: &mut Canvas<'_>, area: Rect) {
    let place = popup.area(area.width, area.height);
    Clear.render(place, canvas.buffer);
    let inside = canvas.framed(place, &popup.title(), true);
    let lines = popup.lines(inside.width);
    match popup {
        Popup::Methods { list, .. } => {
            canvas.list(inside, *list, lines.len(), true, |canvas, at, line| {
                canvas.put(line.x, line.y, line.width, &lines[at], Style::new());
            });
        }
        Popup::Help(list) | Popup::Text { list, .. } => {
            let offset = list.offset.min(lines.len().saturating_sub(inside.height.into()));
            let heading = |line: &str| matches!(popup, Popup::Help(_)) && !line.starts_with(' ');
            for (y, line) in (inside.y..inside.bottom()).zip(&lines[offset..]) {
                let style = if heading(line) { canvas.theme.focus() } else { Style::new() };
                canvas.put(inside.x, y, inside.width, line, style);
            }
            if usize::from(inside.height) < lines.len() {
                canvas.corner(place, &format!("{}-{} of {}", offset + 1, offset + usize::from(inside.height), lines.len()));
            }
        }
        Popup::Confirm { .. } => canvas.lines(inside, lines.iter().map(String::as_str), Style::new()),
    }
}

/// A line that is edited, in a frame, with what is wrong with it below.
pub(crate) fn edited(
    canvas: &mut Canvas<'_>,
    area: Rect,
    title: &str,
    editor: &crate::editor::Editor,
    focused: bool,
    fault: Option<&crate::model::Fault>,
) {
    let inside = canvas.framed(area, title, focused);
    // Where it is not edited its beginning says most.
    let (text, at, start) = if focused || fault.is_some() {
        editor.view(inside.width.into())
    } else {
        (editor.text().chars().take(usize::from(inside.width) * 4).collect(), 0, 0)
    };
    canvas.put(inside.x, inside.y, inside.width, &text, Style::new());
    if focused {
        canvas.cursor = Some(Position::new((inside.x + at as u16).min(inside.right().saturating_sub(1)), inside.y));
    }
    let Some(fault) = fault else { return };
    let bad = canvas.theme.bad();
    let cells_of =
        |from: usize, to: usize| editor.text().get(from..to).map_or(0, |t| t.chars().filter_map(shown).map(cells).sum::<usize>());
    let end = fault.span.end.min(editor.text().len());
    let before = if fault.span.start < start { 0 } else { cells_of(start, fault.span.start.min(editor.text().len())) };
    let marked = cells_of(fault.span.start.max(start).min(end), end).max(1);
    let room = usize::from(inside.width);
    let before = before.min(room.saturating_sub(1));
    let carets = "^".repeat(marked.min(room - before.min(room)));
    // The sentence behind the caret where it fits, else before it.
    let behind = before + carets.len() + 1 + width(&fault.message) <= room;
    let line = if behind {
        format!("{}{carets} {}", " ".repeat(before), fault.message)
    } else if width(&fault.message) < before {
        format!("{} {carets}", padded(&fault.message, before - 1))
    } else {
        format!("{}{carets}", " ".repeat(before))
    };
    canvas.put(inside.x, inside.y + 1, inside.width, &line, bad);
    let below = match (&fault.help, behind || width(&fault.message) < before) {
        (Some(help), true) => format!("help: {help}"),
        (Some(help), false) => format!("{}; {help}", fault.message),
        (None, true) => return,
        (None, false) => fault.message.clone(),
    };
    canvas.put(inside.x, inside.y + 2, inside.width, &below, Style::new());
}
