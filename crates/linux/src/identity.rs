//! What several classes say of the machine: its names, its time zone, its operating system, its security identifier.

use crate::parse::fields::{assigned, assignments};
use crate::parse::tz::Zone;
use crate::source::Machine;
use hmac::{Hmac, KeyInit, Mac};
use rwmi_cim::{DateTime, Timestamp};
use sha2::Sha256;

impl Machine {
    /// The host name up to its first dot.
    pub(crate) fn host_name(&self) -> String {
        let full = self.full_host_name();
        full.split('.').next().unwrap_or(&full).to_owned()
    }

    /// The host name as Windows writes names of computers, in capitals: `Name` of the computer, `CSName` and `SystemName`
    /// of everything in it, `Domain` of its accounts.
    pub(crate) fn computer_name(&self) -> String {
        self.host_name().to_uppercase()
    }

    fn full_host_name(&self) -> String {
        self.line("/proc/sys/kernel/hostname").or_else(|| self.line("/etc/hostname")).unwrap_or_else(|| "localhost".into())
    }

    /// The DNS domain: of the host name, else of the host's first name in `/etc/hosts`.
    pub(crate) fn dns_domain(&self) -> Option<String> {
        let full = self.full_host_name();
        if let Some((_, domain)) = full.split_once('.') {
            return Some(domain.to_owned()).filter(|d| !d.is_empty());
        }
        let hosts = self.text("/etc/hosts")?;
        hosts
            .lines()
            .map(|l| l.split('#').next().unwrap_or(""))
            .map(|l| l.split_whitespace().skip(1).collect::<Vec<_>>())
            .find(|names| names.iter().any(|n| n.eq_ignore_ascii_case(&full)))
            .and_then(|names| names.first()?.split_once('.').map(|(_, d)| d.to_owned()))
            .filter(|d| !d.is_empty() && d != "localdomain")
    }

    /// The assignments of `os-release`.
    pub(crate) fn os_release(&self) -> Vec<(String, String)> {
        let text = self.text("/etc/os-release").or_else(|| self.text("/usr/lib/os-release"));
        assignments(&text.unwrap_or_default())
    }

    /// `Name` and `Caption` of the operating system.
    pub(crate) fn os_name(&self) -> String {
        let release = self.os_release();
        assigned(&release, "PRETTY_NAME").or_else(|| assigned(&release, "NAME")).unwrap_or("Linux").to_owned()
    }

    /// The release of the kernel: `Version` of the operating system, as that of Windows is its kernel's.
    pub(crate) fn kernel_release(&self) -> Option<String> {
        self.line("/proc/sys/kernel/osrelease")
    }

    /// The machine as `uname -m` says it.
    pub(crate) fn architecture(&self) -> Option<String> {
        // /proc/sys/kernel/arch is there from Linux 6.1 on.
        self.line("/proc/sys/kernel/arch")
            .or_else(|| self.is_live().then(|| rustix::system::uname().machine().to_string_lossy().into_owned()))
    }

    /// The local time zone; UTC where none is set or its file is not there.
    pub(crate) fn zone(&self) -> Zone {
        self.read_at_most("/etc/localtime", 1 << 20).and_then(|o| Zone::parse(&o)).unwrap_or_else(Zone::utc)
    }

    /// The IANA name of the local time zone: `Europe/Berlin`.
    pub(crate) fn zone_name(&self) -> Option<String> {
        let target = self.link("/etc/localtime");
        let named = target.as_deref().and_then(|t| t.split_once("zoneinfo/")).map(|(_, name)| name.to_owned());
        named.or_else(|| self.line("/etc/timezone"))
    }

    /// 128 bits in hexadecimal that stay the same for this installation and use, and do not tell the machine id
    /// (which machine-id(5) asks to keep): HMAC-SHA-256 of a purpose under it.
    pub(crate) fn derived_id(&self, purpose: &str) -> Option<[u8; 16]> {
        let id = self.line("/etc/machine-id").or_else(|| self.line("/var/lib/dbus/machine-id"))?;
        let mut mac = Hmac::<Sha256>::new_from_slice(id.as_bytes()).ok()?;
        mac.update(b"rwmi ");
        mac.update(purpose.as_bytes());
        let digest = mac.finalize().into_bytes();
        digest.get(..16)?.try_into().ok()
    }

    /// The security identifier of the machine: `S-1-5-21-A-B-C`, from the machine id. `None` where there is none.
    pub(crate) fn sid(&self) -> Option<String> {
        let id = self.derived_id("machine sid")?;
        let part = |i: usize| u32::from_le_bytes([id[i], id[i + 1], id[i + 2], id[i + 3]]);
        Some(format!("S-1-5-21-{}-{}-{}", part(0), part(4), part(8)))
    }

    /// Seconds since 1970 at which the kernel started.
    pub(crate) fn boot_time(&self) -> Option<i64> {
        let stat = self.text("/proc/stat")?;
        stat.lines().find_map(|l| l.strip_prefix("btime ")?.trim().parse().ok())
    }

    /// Languages of the system's locale: `LANG` of locale.conf, or of its Debian place.
    pub(crate) fn lang(&self) -> Option<String> {
        ["/etc/locale.conf", "/etc/default/locale"]
            .iter()
            .find_map(|path| assigned(&assignments(&self.text(path)?), "LANG").map(str::to_owned))
    }
}

/// A moment in the local time of a zone; `None` where it is out of range.
pub(crate) fn local_time(zone: &Zone, unix_micros: i64) -> DateTime {
    let offset_minutes = zone.minutes_at(unix_micros.div_euclid(1_000_000));
    Timestamp { unix_micros, offset_minutes }.into()
}

/// A moment in seconds in the local time of a zone.
pub(crate) fn local_seconds(zone: &Zone, unix: i64) -> DateTime {
    local_time(zone, unix.saturating_mul(1_000_000))
}

/// A locale as Windows numbers it: language identifier and telephone country code ([MS-LCID] 2.2, ITU E.164).
pub(crate) fn windows_locale(lang: &str) -> Option<(u16, &'static str)> {
    let name = lang.split(['.', '@']).next()?;
    LOCALES.iter().find(|(n, ..)| *n == name).map(|(_, id, country)| (*id, *country))
}

const LOCALES: [(&str, u16, &str); 32] = [
    ("cs_CZ", 0x0405, "420"),
    ("da_DK", 0x0406, "45"),
    ("de_AT", 0x0c07, "43"),
    ("de_CH", 0x0807, "41"),
    ("de_DE", 0x0407, "49"),
    ("el_GR", 0x0408, "30"),
    ("en_AU", 0x0c09, "61"),
    ("en_CA", 0x1009, "1"),
    ("en_GB", 0x0809, "44"),
    ("en_IE", 0x1809, "353"),
    ("en_US", 0x0409, "1"),
    ("es_ES", 0x0c0a, "34"),
    ("es_MX", 0x080a, "52"),
    ("fi_FI", 0x040b, "358"),
    ("fr_CA", 0x0c0c, "1"),
    ("fr_FR", 0x040c, "33"),
    ("hu_HU", 0x040e, "36"),
    ("it_IT", 0x0410, "39"),
    ("ja_JP", 0x0411, "81"),
    ("ko_KR", 0x0412, "82"),
    ("nb_NO", 0x0414, "47"),
    ("nl_BE", 0x0813, "32"),
    ("nl_NL", 0x0413, "31"),
    ("pl_PL", 0x0415, "48"),
    ("pt_BR", 0x0416, "55"),
    ("pt_PT", 0x0816, "351"),
    ("ru_RU", 0x0419, "7"),
    ("sv_SE", 0x041d, "46"),
    ("tr_TR", 0x041f, "90"),
    ("uk_UA", 0x0422, "380"),
    ("zh_CN", 0x0804, "86"),
    ("zh_TW", 0x0404, "886"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Source;

    fn machine(files: &[(&str, &str)]) -> (tempfile::TempDir, Machine) {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let machine = Machine::open(Source::at(dir.path())).unwrap();
        (dir, machine)
    }

    #[test]
    fn the_domain_is_that_of_the_host_name_or_of_the_hosts_file() {
        let name = ("proc/sys/kernel/hostname", "lx1\n");
        let (_d, m) = machine(&[name, ("etc/hosts", "127.0.0.1 localhost\n127.0.1.1 lx1.example.test lx1 # me\n")]);
        assert_eq!((m.host_name().as_str(), m.dns_domain().as_deref()), ("lx1", Some("example.test")));
        let (_d, m) = machine(&[("proc/sys/kernel/hostname", "lx1.corp.test\n")]);
        assert_eq!((m.host_name().as_str(), m.dns_domain().as_deref()), ("lx1", Some("corp.test")));
        let (_d, m) = machine(&[name, ("etc/hosts", "127.0.1.1 lx1\n")]);
        assert_eq!(m.dns_domain(), None);
    }

    #[test]
    fn an_identifier_is_stable_and_does_not_show_the_machine_id() {
        let id = "0123456789abcdef0123456789abcdef";
        let (_d, m) = machine(&[("etc/machine-id", id)]);
        let (_d2, other) = machine(&[("etc/machine-id", "f123456789abcdef0123456789abcdef")]);
        assert_eq!(m.sid(), m.sid());
        assert_ne!(m.sid(), other.sid());
        assert_ne!(m.derived_id("a"), m.derived_id("b"));
        let (_d, none) = machine(&[]);
        assert_eq!((none.sid(), none.host_name().as_str(), none.os_name().as_str()), (None, "localhost", "Linux"));
    }

    #[test]
    fn a_locale_has_the_numbers_of_windows() {
        assert_eq!(windows_locale("de_DE.UTF-8"), Some((0x0407, "49")));
        assert_eq!(windows_locale("C.UTF-8"), None);
        assert!(LOCALES.is_sorted());
    }
}
