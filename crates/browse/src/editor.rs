//! A line that is edited.

use crate::text::{cells, shown};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// Longest text, in octets: more is not taken.
const LEN_MAX: usize = 64 << 10;

/// A text with a cursor in it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Editor {
    text: String,
    /// INVARIANT: at is a boundary of characters in text.
    at: usize,
}

impl Editor {
    pub(crate) fn new(text: impl Into<String>) -> Editor {
        let text = text.into();
        Editor { at: text.len(), text }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn put(&mut self, text: impl Into<String>) {
        *self = Editor::new(text);
    }

    /// Takes a key if it is one of editing. Whether the text changed is for the caller to see.
    pub(crate) fn key(&mut self, key: KeyEvent) -> bool {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        let alt = key.modifiers.contains(KeyModifiers::ALT);
        match key.code {
            KeyCode::Left if control || alt => self.at = self.word_start(),
            KeyCode::Right if control || alt => self.at = self.word_end(),
            KeyCode::Left => self.at = self.before(),
            KeyCode::Right => self.at = self.after(),
            KeyCode::Home => self.at = 0,
            KeyCode::End => self.at = self.text.len(),
            KeyCode::Char('a') if control => self.at = 0,
            KeyCode::Char('e') if control => self.at = self.text.len(),
            KeyCode::Char('u') if control => self.cut(0),
            KeyCode::Char('k') if control => self.text.truncate(self.at),
            KeyCode::Char('w') if control => self.cut(self.word_start()),
            KeyCode::Backspace if alt => self.cut(self.word_start()),
            KeyCode::Backspace => self.cut(self.before()),
            KeyCode::Delete => {
                let end = self.after();
                self.text.replace_range(self.at..end, "");
            }
            KeyCode::Char(c) if !control && !alt => self.insert(c.encode_utf8(&mut [0; 4])),
            _ => return false,
        }
        true
    }

    /// Puts a text at the cursor; its lines are joined by blanks.
    pub(crate) fn insert(&mut self, text: &str) {
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        if self.text.len() + text.len() <= LEN_MAX {
            self.text.insert_str(self.at, &text);
            self.at += text.len();
        }
    }

    /// What is seen of it in so many cells: the text, the cell of the cursor in it, and the octet that it begins with.
    pub(crate) fn view(&self, room: usize) -> (String, usize, usize) {
        let room = room.max(2);
        let mut start = self.at;
        let mut before = 0;
        for (at, c) in self.text[..self.at].char_indices().rev() {
            let cells = shown(c).map_or(0, cells);
            if room - 1 < before + cells {
                break;
            }
            before += cells;
            start = at;
        }
        let mut used = 0;
        let mut seen = String::new();
        for c in self.text[start..].chars().filter_map(shown) {
            used += cells(c);
            if room < used {
                break;
            }
            seen.push(c);
        }
        (seen, before, start)
    }

    fn cut(&mut self, from: usize) {
        self.text.replace_range(from..self.at, "");
        self.at = from;
    }

    fn before(&self) -> usize {
        self.text[..self.at].char_indices().next_back().map_or(0, |(at, _)| at)
    }

    fn after(&self) -> usize {
        self.text[self.at..].chars().next().map_or(self.at, |c| self.at + c.len_utf8())
    }

    fn word_start(&self) -> usize {
        let before = self.text[..self.at].trim_end_matches(|c: char| !c.is_alphanumeric());
        before.rfind(|c: char| !c.is_alphanumeric() && c != '_').map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8))
    }

    fn word_end(&self) -> usize {
        let rest = &self.text[self.at..];
        let word = rest.find(|c: char| c.is_alphanumeric()).unwrap_or(rest.len());
        rest[word..].find(|c: char| !c.is_alphanumeric() && c != '_').map_or(self.text.len(), |end| self.at + word + end)
    }
}

/// Where somebody is among the texts that were given before, and what stood there before.
#[derive(Debug, Default)]
pub(crate) struct Recall {
    back: usize,
    draft: String,
}

impl Recall {
    /// Takes a key for an editor: Up and Down turn over the texts before, every other is the editor's. `None` where it is of no
    /// use to it, else whether the text is another now.
    pub(crate) fn key(&mut self, key: KeyEvent, editor: &mut Editor, history: &History) -> Option<bool> {
        let before = editor.text().to_owned();
        match key.code {
            KeyCode::Up | KeyCode::Down => {
                if self.back == 0 {
                    self.draft.clone_from(&before);
                }
                let to = if key.code == KeyCode::Up { self.back + 1 } else { self.back.saturating_sub(1) };
                if let Some(text) = if to == 0 { Some(self.draft.as_str()) } else { history.back(to) } {
                    editor.put(text.to_owned());
                    self.back = to;
                }
            }
            _ => {
                if !editor.key(key) {
                    return None;
                }
                // What was changed is a draft of its own.
                if before != editor.text() {
                    self.back = 0;
                }
            }
        }
        Some(before != editor.text())
    }

    /// The text was given: the next Up is the latest.
    pub(crate) fn done(&mut self) {
        self.back = 0;
    }
}

/// Texts that were given before, the latest last.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    texts: Vec<String>,
}

/// Texts that are remembered.
const TEXTS_MAX: usize = 200;

impl History {
    pub(crate) fn add(&mut self, text: &str) {
        self.texts.retain(|t| t != text);
        self.texts.push(text.to_owned());
        if TEXTS_MAX < self.texts.len() {
            self.texts.remove(0);
        }
    }

    /// So many back from the end; 1 is the latest.
    pub(crate) fn back(&self, steps: usize) -> Option<&str> {
        let at = self.texts.len().checked_sub(steps)?;
        self.texts.get(at).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(editor: &mut Editor, keys: &[(KeyCode, KeyModifiers)]) {
        for (code, modifiers) in keys {
            editor.key(KeyEvent::new(*code, *modifiers));
        }
    }

    #[test]
    fn a_line_is_edited_by_characters_and_words() {
        let mut e = Editor::new("SELECT 漢 FROM");
        let none = KeyModifiers::NONE;
        typed(&mut e, &[(KeyCode::Char('w'), KeyModifiers::CONTROL), (KeyCode::Backspace, none), (KeyCode::Backspace, none)]);
        assert_eq!(e.text(), "SELECT ");
        e.insert("a\nb");
        typed(&mut e, &[(KeyCode::Left, none), (KeyCode::Delete, none), (KeyCode::Home, none), (KeyCode::Char('x'), none)]);
        assert_eq!(e.text(), "xSELECT a ");
        typed(&mut e, &[(KeyCode::Char('k'), KeyModifiers::CONTROL)]);
        assert_eq!(e.text(), "x");
        assert!(!e.key(KeyEvent::new(KeyCode::Up, none)));
    }

    #[test]
    fn the_cursor_is_always_seen() {
        let mut e = Editor::new("0123456789");
        assert_eq!(e.view(5), ("6789".into(), 4, 6));
        typed(&mut e, &[(KeyCode::Home, KeyModifiers::NONE)]);
        assert_eq!(e.view(5), ("01234".into(), 0, 0));
        assert_eq!(Editor::new("漢字漢").view(4), ("漢".into(), 2, 6));
    }

    #[test]
    fn what_was_given_twice_is_remembered_once() {
        let mut h = History::default();
        ["a", "b", "a"].iter().for_each(|t| h.add(t));
        assert_eq!((h.back(1), h.back(2), h.back(3)), (Some("a"), Some("b"), None));
    }

    #[test]
    fn a_text_that_was_changed_after_it_was_recalled_is_a_draft() {
        let (mut editor, mut recall, mut history) = (Editor::default(), Recall::default(), History::default());
        history.add("one");
        history.add("two");
        let mut press = |code| recall.key(KeyEvent::from(code), &mut editor, &history).map(|changed| (changed, editor.text().to_owned()));
        let is = |changed: bool, text: &str| Some((changed, text.to_owned()));
        assert_eq!(press(KeyCode::Char('x')), is(true, "x"));
        assert_eq!(press(KeyCode::Up), is(true, "two"));
        assert_eq!(press(KeyCode::Up), is(true, "one"));
        assert_eq!(press(KeyCode::Up), is(false, "one"));
        assert_eq!(press(KeyCode::Char('!')), is(true, "one!"));
        assert_eq!(press(KeyCode::Up), is(true, "two"));
        assert_eq!(press(KeyCode::Down), is(true, "one!"));
    }
}
