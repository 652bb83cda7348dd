//! `/proc/self/mountinfo`, proc_pid_mountinfo(5):
//!
//! ```text
//! 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
//! id parent dev root point options optional.. - type source super-options
//! ```

/// A mounted file system.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Mount {
    /// `major:minor`.
    pub(crate) device: String,
    pub(crate) point: String,
    pub(crate) read_only: bool,
    pub(crate) fs_type: String,
    pub(crate) source: String,
}

/// Mounts in the order in which they were made; lines of another form are left out.
pub(crate) fn mounts(text: &str) -> Vec<Mount> {
    text.lines().filter_map(mount).collect()
}

fn mount(line: &str) -> Option<Mount> {
    let (left, right) = line.split_once(" - ")?;
    let mut left = left.split(' ').skip(2);
    let (device, _root, point, options) = (left.next()?, left.next()?, left.next()?, left.next()?);
    let mut right = right.split(' ');
    let (fs_type, source) = (right.next()?, right.next()?);
    let super_options = right.next().unwrap_or("");
    let read_only = [options, super_options].iter().any(|o| o.split(',').any(|o| o == "ro"));
    Some(Mount { device: device.into(), point: unescape(point), read_only, fs_type: fs_type.into(), source: unescape(source) })
}

/// Takes back `\040` and the like: three octal digits after a backslash.
fn unescape(text: &str) -> String {
    let octets = text.as_bytes();
    let mut out = Vec::with_capacity(octets.len());
    let mut at = 0;
    while at < octets.len() {
        let code = octets.get(at + 1..at + 4).filter(|d| octets[at] == b'\\' && d.iter().all(|d| (b'0'..=b'7').contains(d)));
        match code {
            Some(d) => {
                out.push((d[0] - b'0').wrapping_mul(64) | (d[1] - b'0') << 3 | (d[2] - b'0'));
                at += 4;
            }
            None => {
                out.push(octets[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_gives_device_point_type_and_source() {
        let line = "36 35 98:0 /mnt1 /my\\040disk rw,noatime master:1 shared:2 - ext3 /dev/root ro,errors=continue";
        let expect =
            Mount { device: "98:0".into(), point: "/my disk".into(), read_only: true, fs_type: "ext3".into(), source: "/dev/root".into() };
        assert_eq!(mounts(line), [expect]);
        for end in 0..line.len() {
            mounts(&line[..end]);
        }
    }

    #[test]
    fn an_escape_is_three_octal_digits() {
        for (text, expect) in [("a\\134b", "a\\b"), ("\\04", "\\04"), ("\\999", "\\999"), ("\\777", "\u{fffd}"), ("ü", "ü")] {
            assert_eq!(unescape(text), expect);
        }
    }

    #[test]
    fn lines_of_another_form_are_left_out() {
        assert!(mounts("\nx\n1 2 3 - a\n1 2 3 4 5 6 -\n - a b\n").is_empty());
    }
}
