//! Where things are on the terminal. Keys that move by a page ask the same as what draws.

use crate::model::{Focus, Message, Shared};
use crate::text::wrapped;
use ratatui::layout::Rect;

/// Smallest terminal that is drawn on.
pub(crate) const LEAST: (u16, u16) = (32, 10);

/// Columns from which two panes stand beside each other.
const TWO_PANES: u16 = 72;

/// Lines of a message.
const NOTE_MAX: usize = 7;

/// The parts of the terminal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame {
    pub(crate) head: Rect,
    pub(crate) body: Rect,
    pub(crate) note: Rect,
    pub(crate) foot: Rect,
}

/// What is told, in lines that fit; whether each is the advice.
pub(crate) fn note(shared: &Shared) -> Vec<(String, bool)> {
    let room = usize::from(shared.size.0).saturating_sub(2);
    let plain = |text: &str, most: usize, hint: bool| wrapped(text, room, most).into_iter().map(move |l| (l, hint)).collect::<Vec<_>>();
    match &shared.message {
        None => Vec::new(),
        Some(Message::Said(text)) => plain(text, 2, false),
        Some(Message::Failed(trouble)) => {
            let mut lines = plain(&trouble.text, NOTE_MAX - 2, false);
            if let Some(hint) = &trouble.hint {
                lines.extend(plain(&format!("hint: {hint}"), 3, true));
            }
            lines
        }
    }
}

pub(crate) fn frame(shared: &Shared) -> Frame {
    let (width, height) = shared.size;
    let notes = (note(shared).len() as u16).min(height.saturating_sub(6));
    let body = height.saturating_sub(2 + notes);
    Frame {
        head: Rect::new(0, 0, width, height.min(1)),
        body: Rect::new(0, 1, width, body),
        note: Rect::new(0, 1 + body, width, notes),
        foot: Rect::new(0, height.saturating_sub(1), width, height.min(1)),
    }
}

/// The tree and the class beside it; on a narrow terminal the one that has the keys.
pub(crate) fn classes(body: Rect, focus: Focus) -> (Option<Rect>, Option<Rect>) {
    if body.width < TWO_PANES {
        return match focus {
            Focus::Tree => (Some(body), None),
            Focus::Class => (None, Some(body)),
        };
    }
    let left = (body.width * 2 / 5).clamp(26, 64);
    let tree = Rect { width: left, ..body };
    (Some(tree), Some(Rect { x: body.x + left, width: body.width - left, ..body }))
}

/// Inside of a frame.
pub(crate) fn inner(area: Rect) -> Rect {
    Rect::new(area.x + 1, area.y + 1, area.width.saturating_sub(2), area.height.saturating_sub(2))
}

/// A list with what is to be said of its line below: list, line between, the rest.
pub(crate) fn with_detail(inside: Rect) -> (Rect, Option<Rect>) {
    if inside.height < 12 {
        return (inside, None);
    }
    let below = (inside.height / 3).clamp(4, 14);
    let list = Rect { height: inside.height - below - 1, ..inside };
    (list, Some(Rect { y: inside.y + list.height, height: below + 1, ..inside }))
}

/// The line that is edited with its frame, and what is below it.
pub(crate) fn edited(body: Rect, lines: u16) -> (Rect, Rect) {
    let height = (3 + lines).min(body.height);
    (Rect { height, ..body }, Rect { y: body.y + height, height: body.height - height, ..body })
}
