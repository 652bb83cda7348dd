//! Text that came from elsewhere, made fit for the cells of a terminal.
//!
//! Nothing of it steers the terminal or turns the direction of what stands beside it, and its width is the same in every terminal:
//! what joins or changes the sign before it, where terminals disagree about the width, is left out.

use unicode_width::UnicodeWidthChar;

/// Marks in a row on one sign that are kept.
const MARKS_MAX: usize = 3;

/// The sign that is shown for a character; nothing for one that is left out.
pub(crate) fn shown(c: char) -> Option<char> {
    Some(match c {
        '\n' | '\u{2028}' | '\u{2029}' => '↵',
        '\t' => '⇥',
        // The pictures of the control characters.
        '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'),
        '\x7f' => '\u{2421}',
        // Of the other set, and what changes the direction.
        '\u{80}'..='\u{9f}' | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        // What is invisible, joins, selects a form or a colour of skin, or tags.
        '\u{ad}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2064}' | '\u{206a}'..='\u{206f}' => return None,
        '\u{feff}' | '\u{fe00}'..='\u{fe0f}' | '\u{fff9}'..='\u{fffb}' | '\u{1f3fb}'..='\u{1f3ff}' => return None,
        '\u{e0000}'..='\u{e0fff}' => return None,
        c => c,
    })
}

/// Cells that a sign takes.
pub(crate) fn cells(c: char) -> usize {
    c.width().unwrap_or(0)
}

/// Cells that a text takes, as it is shown.
pub(crate) fn width(text: &str) -> usize {
    text.chars().filter_map(shown).map(cells).sum()
}

/// As much of a text as fits, on one line, ending in `…` where there is more. Takes no longer for a long text.
pub(crate) fn fit(text: &str, room: usize) -> String {
    let mut line = String::new();
    let (mut used, mut marks) = (0, 0);
    // Where to cut if more comes than fits: before the last cell.
    let mut cut = 0;
    for c in text.chars().filter_map(shown) {
        let cells = cells(c);
        if cells == 0 {
            marks += 1;
            if used == 0 || MARKS_MAX < marks {
                continue;
            }
        } else {
            marks = 0;
        }
        if room < used + cells {
            line.truncate(cut);
            if room != 0 {
                line.push('…');
            }
            return line;
        }
        line.push(c);
        used += cells;
        if used < room {
            cut = line.len();
        }
    }
    line
}

/// The same, filled up with blanks.
pub(crate) fn padded(text: &str, room: usize) -> String {
    let mut line = fit(text, room);
    line.extend(std::iter::repeat_n(' ', room.saturating_sub(width(&line))));
    line
}

/// A text on several lines, each of which fits. At most so many lines, the last then says that there is more.
pub(crate) fn wrapped(text: &str, room: usize, most: usize) -> Vec<String> {
    let room = room.max(2);
    let mut lines = Vec::new();
    for line in text.split('\n') {
        let mut rest = line.strip_suffix('\r').unwrap_or(line);
        loop {
            if lines.len() == most {
                lines.pop();
                lines.push("…".into());
                return lines;
            }
            let end = break_at(rest, room);
            let (part, more) = rest.split_at(end);
            lines.push(fit(part, room));
            rest = more.strip_prefix(' ').unwrap_or(more);
            if rest.is_empty() {
                break;
            }
        }
    }
    lines
}

/// Where a line is broken: behind the last word that fits, else in the middle of a word.
fn break_at(line: &str, room: usize) -> usize {
    let (mut used, mut space) = (0, None);
    for (at, c) in line.char_indices() {
        let cells = shown(c).map_or(0, cells);
        if room < used + cells {
            return if c == ' ' { at } else { space.filter(|s| *s != 0).unwrap_or(at) };
        }
        used += cells;
        if c == ' ' {
            space = Some(at);
        }
    }
    line.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_value_steers_the_terminal() {
        let check = |text: &str, expect: &str| assert_eq!(fit(text, 40), expect, "{text:?}");
        check("a\x1b[2Jb", "a␛[2Jb");
        check("a\0b\x7f\u{9b}c", "a␀b␡\u{fffd}c");
        check("a\nb\tc\r", "a↵b⇥c␍");
        check("safe\u{202e}exe.txt\u{2066}", "safe\u{fffd}exe.txt\u{fffd}");
        check("a\u{200b}b\u{feff}\u{e0041}", "ab");
        check("a\u{301}\u{301}\u{301}\u{301}\u{301}b", "a\u{301}\u{301}\u{301}b");
        check("\u{301}b", "b");
    }

    #[test]
    fn a_text_ends_where_its_room_does() {
        let check = |text: &str, room: usize, expect: &str| {
            let line = fit(text, room);
            assert_eq!(line, expect, "{text:?} in {room}");
            assert!(width(&line) <= room);
        };
        check("abcd", 4, "abcd");
        check("abcde", 4, "abc…");
        check("abc", 0, "");
        check("漢字", 4, "漢字");
        check("漢字漢", 4, "漢…");
        check("漢字漢", 5, "漢字…");
        check("👩\u{200d}🚀x", 4, "👩…");
        check("👍\u{1f3fd}", 2, "👍");
        assert_eq!(padded("漢", 4), "漢  ");
        assert_eq!(padded("漢字漢", 4), "漢… ");
    }

    #[test]
    fn a_long_text_is_broken_between_words() {
        assert_eq!(wrapped("one two three", 8, 9), ["one two", "three"]);
        assert_eq!(wrapped("abcdefgh\n\nx", 3, 9), ["abc", "def", "gh", "", "x"]);
        assert_eq!(wrapped("a\nb\nc\nd", 3, 3), ["a", "b", "…"]);
        assert_eq!(wrapped("漢字漢", 4, 9), ["漢字", "漢"]);
        assert_eq!(wrapped("", 4, 9), [""]);
    }
}
