//! `rwmi dump`: what is in octets of the wire, as JSON. For people who debug, and for tests.
//!
//! Octets are lower-case hexadecimal strings; numbers that name something are their names where they have one.

mod debug;
mod object;
mod pdu;
mod stub;

pub(crate) use object::class as class_json;

use crate::args::{Dump, DumpKind};
use crate::report::Failure;
use rwmi_rpc::Bytes;
use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::path::Path;
use std::process::ExitCode;

/// Longest input, in octets.
const INPUT_LEN_MAX: u64 = 256 << 20;

/// Prints what is in a file.
pub(crate) fn run(args: Dump) -> Result<ExitCode, Failure> {
    let octets = read(&args.file)?;
    let json = match args.what {
        DumpKind::Object => object::json(&octets),
        DumpKind::Pdu => pdu::json(&octets),
        DumpKind::Stub => {
            let interface = args.interface.ok_or_else(|| Failure::usage("a stub needs --interface and --opnum").hint(stub::known()))?;
            let opnum = args.opnum.ok_or_else(|| Failure::usage("a stub needs --opnum"))?;
            stub::json(octets, &interface, opnum, args.response)
        }
    }?;
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{json:#}").and_then(|()| out.flush()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::new(format!("cannot write to standard output: {e}"))),
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn read(path: &Path) -> Result<Bytes, Failure> {
    let mut octets = Vec::new();
    let done = if path == Path::new("-") {
        std::io::stdin().lock().take(INPUT_LEN_MAX + 1).read_to_end(&mut octets)
    } else {
        std::fs::File::open(path).and_then(|f| f.take(INPUT_LEN_MAX + 1).read_to_end(&mut octets))
    };
    done.map_err(|e| Failure::new(format!("{}: {e}", path.display())))?;
    if octets.len() as u64 > INPUT_LEN_MAX {
        return Err(Failure::new(format!("{}: longer than {INPUT_LEN_MAX} octets", path.display())));
    }
    Ok(from_hex(&octets).unwrap_or(octets).into())
}

/// The octets of hexadecimal text: pairs of digits with any white space or colons between them. `None` for anything else.
fn from_hex(text: &[u8]) -> Option<Vec<u8>> {
    let digits = text.iter().filter(|b| !b.is_ascii_whitespace() && **b != b':');
    let digits: Vec<u8> = digits.map(|b| char::from(*b).to_digit(16).map(|d| d as u8)).collect::<Option<_>>()?;
    let pairs = digits.chunks_exact(2);
    if digits.is_empty() || !pairs.remainder().is_empty() {
        return None;
    }
    Some(pairs.map(|p| p[0] << 4 | p[1]).collect())
}

/// Octets as they are shown.
fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::with_capacity(octets.len() * 2), |mut text, b| {
        let _ = write!(text, "{b:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_text_is_told_from_octets() {
        let check = |text: &[u8], expect: Option<&[u8]>| assert_eq!(from_hex(text).as_deref(), expect);
        check(b"05 00\n0B03", Some(&[5, 0, 11, 3]));
        check(b"05:00", Some(&[5, 0]));
        check(b"050", None);
        check(b"", None);
        check(&[5, 0, 11, 3], None);
        check(b"xyz", None);
    }
}
