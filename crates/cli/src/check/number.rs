//! Numbers of a check: exact where they are integers, never with an exponent.

use rwmi_cim::Value;
use std::cmp::Ordering;
use std::fmt;

/// A number of a property, a threshold or a formula.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number {
    /// An integer.
    Int(i128),
    /// Any other; finite.
    Real(f64),
}

impl Number {
    /// A real, where it is one.
    pub(crate) fn real(f: f64) -> Option<Number> {
        f.is_finite().then_some(Number::Real(f))
    }

    /// Of a property: integers, reals, booleans as 0 and 1, points in time and lengths of time in seconds. `None` of everything else,
    /// NULL and NaN among it.
    pub(crate) fn of(value: &Value) -> Option<Number> {
        match value {
            Value::Boolean(b) => Some(Number::Int(i128::from(*b))),
            Value::Real32(f) => Number::real(f64::from(*f)),
            Value::Real64(f) => Number::real(*f),
            Value::DateTime(d) => {
                let micros =
                    d.timestamp().map(|t| i128::from(t.unix_micros)).or_else(|_| d.interval().map(|i| i128::from(i.micros))).ok()?;
                if micros % 1_000_000 == 0 { Some(Number::Int(micros / 1_000_000)) } else { Number::real(micros as f64 / 1e6) }
            }
            other => other.as_integer().map(Number::Int),
        }
    }

    /// As a real; large integers lose their last digits.
    pub(crate) fn as_f64(self) -> f64 {
        match self {
            Number::Int(n) => n as f64,
            Number::Real(f) => f,
        }
    }

    /// Which is more; integers are compared exactly.
    pub(crate) fn order(self, other: Number) -> Ordering {
        match (self, other) {
            (Number::Int(a), Number::Int(b)) => a.cmp(&b),
            (a, b) => a.as_f64().total_cmp(&b.as_f64()),
        }
    }

    /// What is left of it without another.
    pub(crate) fn minus(self, other: Number) -> Number {
        match (self, other) {
            (Number::Int(a), Number::Int(b)) => Number::Int(a.saturating_sub(b)),
            (a, b) => Number::Real(a.as_f64() - b.as_f64()),
        }
    }

    /// Without digits behind the point where they are zeros.
    pub(crate) fn whole(self) -> Number {
        match self {
            Number::Real(f) if f.fract() == 0.0 && f.abs() < 1e15 => Number::Int(f as i128),
            other => other,
        }
    }

    /// The nearest integer, as rates are shown.
    pub(crate) fn nearest(self) -> Number {
        match self {
            Number::Real(f) => Number::Int(f.round() as i128),
            whole => whole,
        }
    }

    /// With two digits behind the point, as it is shown and as it is compared: what is shown as 80.00 is not over 80.
    pub(crate) fn rounded(self) -> Number {
        match self {
            Number::Int(_) => self,
            // And no minus before a zero.
            Number::Real(f) => Number::real((f * 100.0).round() / 100.0 + 0.0).unwrap_or(self),
        }
    }
}

/// Digits, a point, a minus; nothing of a locale and no exponent.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Number::Int(n) => write!(f, "{n}"),
            Number::Real(r) => write!(f, "{:.*}", f.precision().unwrap_or(2), r),
        }
    }
}

/// Octets as people read them: `1.50GB`.
pub(crate) fn octets(n: Number) -> String {
    let mut f = n.as_f64();
    for unit in ["B", "KB", "MB", "GB", "TB", "PB"] {
        if f.abs() < 1024.0 {
            return if unit == "B" { format!("{f:.0}B") } else { format!("{f:.2}{unit}") };
        }
        f /= 1024.0;
    }
    format!("{f:.2}EB")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rwmi_cim::DateTime;

    #[test]
    fn numbers_have_no_exponent_and_no_comma() {
        let check = |n: Number, expect: &str| assert_eq!(n.to_string(), expect);
        check(Number::Int(u64::MAX.into()), "18446744073709551615");
        check(Number::Real(17.359), "17.36");
        check(Number::Real(-0.5), "-0.50");
        check(Number::Real(1e21), "1000000000000000000000.00");
        check(Number::Real(1e-9), "0.00");
    }

    #[test]
    fn values_are_numbers_where_they_can_be() {
        let check = |v: Value, expect: Option<Number>| assert_eq!(Number::of(&v), expect, "{v:?}");
        check(Value::Uint64(u64::MAX), Some(Number::Int(u64::MAX.into())));
        check(Value::Boolean(true), Some(Number::Int(1)));
        check(Value::Real64(f64::NAN), None);
        check(Value::Null, None);
        check(Value::String("7".into()), None);
        check(Value::DateTime(DateTime::from_text("19700101000001.000000+000")), Some(Number::Int(1)));
        check(Value::DateTime(DateTime::from_text("00000001000000.500000:000")), Some(Number::Real(86_400.5)));
        assert_eq!(Number::Int(i128::from(u64::MAX)).order(Number::Int(i128::from(u64::MAX) - 1)), Ordering::Greater);
    }

    #[test]
    fn octets_have_a_unit() {
        for (n, expect) in [(0, "0B"), (1023, "1023B"), (1536, "1.50KB"), (1 << 30, "1.00GB"), (1 << 60, "1.00EB")] {
            assert_eq!(octets(Number::Int(n)), expect);
        }
    }
}
