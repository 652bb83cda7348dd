//! A cursor in a list, and what part of the list is seen.

use crossterm::event::{KeyCode, KeyEvent};

/// Where the cursor is, and which line is the first that is seen.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct List {
    pub(crate) cursor: usize,
    pub(crate) offset: usize,
}

impl List {
    /// Takes a key that moves in a list of so many lines, of which so many are seen.
    pub(crate) fn key(&mut self, key: KeyEvent, len: usize, height: usize) -> bool {
        let page = height.saturating_sub(1).max(1);
        let last = len.saturating_sub(1);
        self.cursor = match key.code {
            KeyCode::Up | KeyCode::Char('k') => self.cursor.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => self.cursor + 1,
            KeyCode::PageUp => self.cursor.saturating_sub(page),
            KeyCode::PageDown | KeyCode::Char(' ') => self.cursor + page,
            KeyCode::Home => 0,
            KeyCode::End => last,
            _ => return false,
        }
        .min(last);
        self.settle(len, height);
        true
    }

    /// Brings the cursor into the list and the part that is seen to the cursor.
    pub(crate) fn settle(&mut self, len: usize, height: usize) {
        self.cursor = self.cursor.min(len.saturating_sub(1));
        let height = height.max(1);
        self.offset = self.offset.min(len.saturating_sub(height)).min(self.cursor).max((self.cursor + 1).saturating_sub(height));
    }

    /// Takes a key that moves a text of so many lines, which has no cursor.
    pub(crate) fn scroll(&mut self, key: KeyEvent, len: usize, height: usize) -> bool {
        let most = len.saturating_sub(height.max(1));
        self.offset = match key.code {
            KeyCode::Up | KeyCode::Char('k') => self.offset.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => self.offset + 1,
            KeyCode::PageUp => self.offset.saturating_sub(height),
            KeyCode::PageDown | KeyCode::Char(' ') => self.offset + height,
            KeyCode::Home => 0,
            KeyCode::End => most,
            _ => return false,
        }
        .min(most);
        self.cursor = self.offset;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_is_in_the_part_that_is_seen() {
        let mut list = List::default();
        let mut check = |code: KeyCode, expect: (usize, usize)| {
            list.key(KeyEvent::from(code), 30, 10);
            assert_eq!((list.cursor, list.offset), expect, "{code:?}");
        };
        check(KeyCode::Up, (0, 0));
        check(KeyCode::PageDown, (9, 0));
        check(KeyCode::Down, (10, 1));
        check(KeyCode::Up, (9, 1));
        check(KeyCode::End, (29, 20));
        check(KeyCode::Down, (29, 20));
        check(KeyCode::Home, (0, 0));
        list.cursor = 25;
        list.settle(5, 10);
        assert_eq!((list.cursor, list.offset), (4, 0));
        list.settle(0, 10);
        assert_eq!((list.cursor, list.offset), (0, 0));
    }
}
