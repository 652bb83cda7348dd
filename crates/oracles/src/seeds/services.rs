//! Sequences of calls to a namespace.

use super::{named, piece};

/// Each step is its number and the octets that it takes.
pub(super) fn sequences() -> Vec<(String, Vec<u8>)> {
    // A class at the top with a key and a property of a type; one below it.
    let top = |name: u8, ty: u8| vec![0, name, 255, 0x40, 0, ty, 0];
    let below = |name: u8, above: u8, ty: u8| vec![0, name, above, 0x40, 1, ty, 0];
    // An instance with the key `k` and a number, and one octet for its other property.
    let put = |class: u8, key: u8, value: u8| vec![2, class, key, 200, value, 0, 0];
    let query = |kind: u8, class: u8| vec![9, kind, class, 1];
    let next = |which: u8| vec![11, which, 10, 0];
    let check = vec![23];
    let join = |steps: &[Vec<u8>]| steps.concat();
    let text = |text: &str| piece(text.as_bytes());
    vec![
        named("one-class", join(&[top(0, 0), put(0, 1, 7), put(0, 2, 8), query(0, 0), check.clone(), vec![5, 0], check.clone()])),
        named("a-family", join(&[top(0, 0), below(1, 0, 0), put(0, 1, 7), put(1, 2, 8), query(0, 0), vec![6, 1, 0], check.clone()])),
        named("events", join(&[top(0, 0), vec![10, 0, 0], put(0, 1, 7), put(0, 1, 9), next(0), put(0, 2, 7)])),
        named("a-key-of-any-text", join(&[top(0, 0), vec![2, 0, 210], text("\"\\a=,."), vec![200, 1, 0, 0], check.clone()])),
        named("a-part", join(&[top(0, 0), put(0, 1, 7), vec![2, 0, 1, 200, 9, 0, 1], check.clone()])),
        named("a-method", join(&[vec![15, 0], text("hello"), vec![0, 0], vec![15, 0], text("later"), vec![0, 1], vec![16, 0, 0, 2]])),
        named("places", join(&[vec![8, 0, 0, 170, 0], next(0), vec![13, 0, 2, 1], vec![13, 0, 1, 1], vec![21, 0, 5], vec![22, 3, 0]])),
        named("namespaces", join(&[vec![20, 0, 0], vec![14, 0, 0, 0], vec![20, 0, 1], vec![8, 0, 0, 0, 1], vec![22, 0, 0]])),
        named("queries", join(&[top(0, 0), put(0, 1, 7), query(5, 0), query(2, 0), vec![9, 3, 0, 1, 0, 0], next(0), next(1)])),
        named(
            "polled",
            join(&[vec![10, 3, 0, 1], vec![11, 0, 5, 200], vec![10, 4, 0], vec![9, 7, 0, 1], text("SELECT * FROM Fz_Fail"), next(2)]),
        ),
        named("objects", join(&[top(0, 0), vec![17, 0, 1, 9, 0, 1, 0], vec![17, 0x42, 2, 9, 0, 1, 12, 0, 4, 1], check])),
        named(
            "stubs",
            join(&[vec![18, 3], text("\0\0\0\0"), vec![18, 6], text("\u{1}"), vec![18, 27], text(""), vec![18, 8], text("\0\0")]),
        ),
    ]
}
