//! Paths and dates.

use super::named;

pub(super) fn paths() -> Vec<(String, Vec<u8>)> {
    (0..).zip(PATHS).map(|(at, text)| named(format_args!("path-{at}"), *text)).collect()
}

/// Three numbers and an offset in front of two texts.
pub(super) fn dates() -> Vec<(String, Vec<u8>)> {
    let numbers: &[(i64, i64, u64, i16)] = &[
        (0, 1, 0, 0),
        (1_706_918_400_000_000, -1, 86_400_000_000, 60),
        (i64::MIN, i64::MAX, u64::MAX, i16::MIN),
        (253_402_300_799_999_999, 253_402_300_800_000_000, 8_639_999_999_999_999_999, -999),
    ];
    let dates = (0..).zip(DATES).map(|(at, text): (usize, &&str)| {
        let (a, b, length, offset) = numbers[at % numbers.len()];
        let octets = [&a.to_le_bytes()[..], &b.to_le_bytes(), &length.to_le_bytes(), &offset.to_le_bytes(), text.as_bytes()].concat();
        named(format_args!("date-{at}"), octets)
    });
    dates.collect()
}

const PATHS: &[&str] = &[
    "Win32_LogicalDisk.DeviceID=\"C:\"\nwin32_logicaldisk='c:'",
    "\\\\.\\root\\cimv2:Win32_OperatingSystem=@\n//LX1/ROOT/CIMV2:win32_operatingsystem=@",
    "C.A=1,B=0x1F,D=TRUE,E=-5,F=18446744073709551615\nC.F=18446744073709551615,e=-5,d=true,b=31,a=1",
    "X.A=\"\\\\\\\\A\\\\root\\\\cimv2:Y.D=\\\"Disk #0\\\"\",B=TRUE\nx.b=true,a=\"//a/ROOT/cimv2:y.d='disk #0'\"",
    "\\\\2010:836B:4179::836B:4179\\root\\cimv2:__Namespace\nroot\\cimv2:__Namespace",
    "Größe.Name=\"\\\"\\\\\"\nX=\"a\\'b\"",
    "Class.Key=\nClass.Key=\"v",
];

const DATES: &[&str] = &[
    "20240203010000.000000+060\n20240203000000.000000+000",
    "00000010022345.000001:000\n00000010022345.000002:000",
    "20240229235959.999999-999\n99991231235959.999999+999",
    "2024****000000.000000+000\n20240230000000.000000+000",
    "00010101000000.000000-000\n1/2/2024",
    "20240203010000.000000+060\n2024-02-03 00:00:00",
];
