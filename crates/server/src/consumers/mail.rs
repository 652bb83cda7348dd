//! A mail as it goes to a server: addresses, headers, body ([RFC 5322], [RFC 2045], [RFC 2047]).
//!
//! What comes from an event can forge neither a header nor a recipient: line ends in headers become blanks, and an address with
//! anything else than the characters of an address is refused.
//!
//! [RFC 5322]: https://www.rfc-editor.org/rfc/rfc5322
//! [RFC 2045]: https://www.rfc-editor.org/rfc/rfc2045
//! [RFC 2047]: https://www.rfc-editor.org/rfc/rfc2047

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rwmi_cim::Timestamp;

/// Most recipients of one mail.
const RECIPIENTS_MAX: usize = 100;
/// Octets before base64 in one encoded word, and in one line of a body.
const WORD: usize = 45;
const BODY_LINE: usize = 57;
/// Longest line of a body that goes as it is.
const LINE_MAX: usize = 998;

/// Why no mail is made.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum MailError {
    #[error("{0:?} is no address")]
    Address(String),
    #[error("there is nobody to send to")]
    Nobody,
    #[error("more than {RECIPIENTS_MAX} recipients")]
    TooMany,
    #[error("{0:?} is no header field")]
    Header(String),
}

/// What a consumer says, its templates rendered.
#[derive(Debug, Default, Clone)]
pub(super) struct Draft {
    pub(super) from: String,
    pub(super) to: Option<String>,
    pub(super) cc: Option<String>,
    pub(super) bcc: Option<String>,
    pub(super) reply_to: Option<String>,
    pub(super) subject: Option<String>,
    pub(super) headers: Vec<String>,
    pub(super) body: String,
}

/// What is sent: the envelope, and the text with its line ends, without the dots of the protocol.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mail {
    pub(super) from: String,
    pub(super) recipients: Vec<String>,
    pub(super) text: String,
}

/// A name and an address.
#[derive(Debug, PartialEq, Eq)]
struct Address {
    name: Option<String>,
    address: String,
}

impl Draft {
    /// The mail; `id` is unique on the host, `unix_micros` is now.
    pub(super) fn into_mail(self, host: &str, id: &str, unix_micros: i64) -> Result<Mail, MailError> {
        let from = Address::parse(&self.from)?;
        let list = |text: &Option<String>| text.as_deref().map_or(Ok(Vec::new()), addresses);
        let (to, cc, bcc, reply_to) = (list(&self.to)?, list(&self.cc)?, list(&self.bcc)?, list(&self.reply_to)?);
        let recipients: Vec<String> = to.iter().chain(&cc).chain(&bcc).map(|a| a.address.clone()).collect();
        match recipients.len() {
            0 => return Err(MailError::Nobody),
            n if n > RECIPIENTS_MAX => return Err(MailError::TooMany),
            _ => {}
        }
        let mut text = String::new();
        let mut header = |name: &str, value: &str| text.extend([name, ": ", value, "\r\n"]);
        header("Date", &date(unix_micros));
        header("Message-ID", &format!("<{id}@{host}>"));
        header("From", &from.show());
        for (name, list) in [("To", &to), ("Cc", &cc), ("Reply-To", &reply_to)] {
            if !list.is_empty() {
                header(name, &list.iter().map(Address::show).collect::<Vec<_>>().join(",\r\n "));
            }
        }
        header("Subject", &words(&one_line(self.subject.as_deref().unwrap_or_default())));
        for field in &self.headers {
            let is_name = |n: &str| !n.is_empty() && n.bytes().all(|b| b.is_ascii_graphic());
            match field.split_once(':') {
                Some((name, value)) if is_name(name) && !value.contains(['\r', '\n']) && field.is_ascii() && field.len() <= LINE_MAX => {
                    header(name, value.trim_start());
                }
                _ => return Err(MailError::Header(field.clone())),
            }
        }
        header("MIME-Version", "1.0");
        header("Content-Type", "text/plain; charset=utf-8");
        let lines: Vec<&str> = self.body.split('\n').map(|l| l.strip_suffix('\r').unwrap_or(l)).collect();
        let plain = self.body.is_ascii() && lines.iter().all(|l| l.len() <= LINE_MAX && !l.contains(['\r', '\0']));
        if plain {
            header("Content-Transfer-Encoding", "7bit");
            text.push_str("\r\n");
            lines.iter().for_each(|l| text.extend([l, "\r\n"]));
        } else {
            header("Content-Transfer-Encoding", "base64");
            text.push_str("\r\n");
            let body = lines.join("\r\n");
            body.as_bytes().chunks(BODY_LINE).for_each(|c| text.extend([STANDARD.encode(c).as_str(), "\r\n"]));
        }
        Ok(Mail { from: from.address, recipients, text })
    }
}

/// Addresses between commas or semicolons.
fn addresses(text: &str) -> Result<Vec<Address>, MailError> {
    text.split([',', ';']).filter(|a| !a.trim().is_empty()).map(Address::parse).collect()
}

impl Address {
    /// `a@b`, or `Name <a@b>`.
    fn parse(text: &str) -> Result<Address, MailError> {
        let wrong = || MailError::Address(text.to_owned());
        let trimmed = text.trim();
        if trimmed.chars().any(char::is_control) {
            return Err(wrong());
        }
        let (name, address) = match trimmed.strip_suffix('>').and_then(|t| t.rsplit_once('<')) {
            Some((name, address)) => (name.trim().trim_matches('"').to_owned(), address.trim()),
            None => (String::new(), trimmed),
        };
        let is_local = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
        let is_domain = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
        let (local, domain) = address.rsplit_once('@').ok_or_else(wrong)?;
        let fits = !local.is_empty() && local.len() <= 64 && !domain.is_empty() && domain.len() <= 255;
        if !fits || !local.chars().all(is_local) || !domain.chars().all(is_domain) {
            return Err(wrong());
        }
        Ok(Address { name: (!name.is_empty()).then_some(name), address: address.to_owned() })
    }

    fn show(&self) -> String {
        match &self.name {
            None => self.address.clone(),
            Some(name) if name.is_ascii() => format!("\"{}\" <{}>", name.replace(['"', '\\'], ""), self.address),
            Some(name) => format!("{} <{}>", words(name), self.address),
        }
    }
}

fn one_line(text: &str) -> String {
    text.replace(|c: char| c.is_control(), " ")
}

/// A text as a header holds it: itself, or encoded words, folded.
fn words(text: &str) -> String {
    if text.is_ascii() && text.len() <= LINE_MAX - 20 && !text.contains("=?") {
        return text.to_owned();
    }
    let mut words = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let mut end = WORD.min(rest.len());
        while !rest.is_char_boundary(end) {
            end -= 1;
        }
        let (word, behind) = rest.split_at(end);
        words.push(format!("=?UTF-8?B?{}?=", STANDARD.encode(word)));
        rest = behind;
    }
    words.join("\r\n ")
}

/// `Sun, 22 Nov 2026 18:30:00 +0000`.
fn date(unix_micros: i64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    // The text of a datetime has the fields already: yyyymmddHHMMSS.
    let text = rwmi_cim::DateTime::from(Timestamp { unix_micros, offset_minutes: 0 });
    let field = |from: usize, to: usize| text.as_str().get(from..to).unwrap_or("00");
    let day = usize::try_from(unix_micros.div_euclid(86_400_000_000).rem_euclid(7)).unwrap_or(0);
    let month = field(4, 6).parse::<usize>().ok().and_then(|m| MONTHS.get(m.checked_sub(1)?)).unwrap_or(&"Jan");
    let weekday = DAYS.get(day).unwrap_or(&"Thu");
    format!("{weekday}, {} {month} {} {}:{}:{} +0000", field(6, 8), field(0, 4), field(8, 10), field(10, 12), field(12, 14))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft() -> Draft {
        Draft { from: "WinMgmt@lx1".into(), to: Some("a@example.org".into()), body: "line".into(), ..Draft::default() }
    }

    fn text(draft: Draft) -> String {
        draft.into_mail("lx1", "1", 1_795_372_200_000_000).unwrap().text
    }

    #[test]
    fn a_plain_mail_is_plain() {
        let mail = Draft {
            cc: Some("Bee <b@example.org>; c@example.org".into()),
            bcc: Some("d@example.org".into()),
            reply_to: Some("r@example.org".into()),
            subject: Some("disk full".into()),
            headers: vec!["X-Thing: 7".into()],
            body: "one\ntwo\r\n.three".into(),
            ..draft()
        };
        let mail = mail.into_mail("lx1", "42", 1_795_372_200_000_000).unwrap();
        assert_eq!(mail.from, "WinMgmt@lx1");
        assert_eq!(mail.recipients, ["a@example.org", "b@example.org", "c@example.org", "d@example.org"]);
        let expect = "Date: Sun, 22 Nov 2026 18:30:00 +0000\r\nMessage-ID: <42@lx1>\r\nFrom: WinMgmt@lx1\r\nTo: a@example.org\r\n\
                      Cc: \"Bee\" <b@example.org>,\r\n c@example.org\r\nReply-To: r@example.org\r\nSubject: disk full\r\nX-Thing: 7\r\n\
                      MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n\
                      one\r\ntwo\r\n.three\r\n";
        assert_eq!(mail.text, expect);
    }

    #[test]
    fn what_is_not_ascii_is_encoded() {
        let mail = text(Draft { subject: Some("Gerät voll".into()), body: "Über".into(), from: "Größe <g@lx1>".into(), ..draft() });
        assert!(mail.contains("\r\nSubject: =?UTF-8?B?R2Vyw6R0IHZvbGw=?=\r\n"), "{mail}");
        assert!(mail.contains("\r\nFrom: =?UTF-8?B?R3LDtsOfZQ==?= <g@lx1>\r\n"), "{mail}");
        assert!(mail.ends_with("Content-Transfer-Encoding: base64\r\n\r\nw5xiZXI=\r\n"), "{mail}");
        assert!(mail.is_ascii());
        let long = text(Draft { subject: Some("ü".repeat(100)), body: "x".repeat(5000), ..draft() });
        assert!(long.lines().all(|l| l.len() <= 100));
    }

    #[test]
    fn an_event_forges_neither_header_nor_recipient() {
        let mail = text(Draft { subject: Some("a\r\nBcc: evil@example.org".into()), ..draft() });
        assert!(mail.contains("\r\nSubject: a  Bcc: evil@example.org\r\n"));
        for to in ["a@b\r\nRCPT TO:<c@d>", "a b@c", "a", "@b", "a@", "a@b>", "<a@b", "ä@b", "a@b c", &format!("{}@b", "a".repeat(65))] {
            let refused = Draft { to: Some(to.into()), ..draft() }.into_mail("h", "1", 0);
            assert!(matches!(refused, Err(MailError::Address(_))), "{to:?}: {refused:?}");
        }
        for field in ["no colon", ": x", "A B: x", "A: x\r\nB: y", "A: ü"] {
            let refused = Draft { headers: vec![field.into()], ..draft() }.into_mail("h", "1", 0);
            assert_eq!(refused, Err(MailError::Header(field.into())));
        }
        assert_eq!(Draft { to: Some(" ; ".into()), ..draft() }.into_mail("h", "1", 0), Err(MailError::Nobody));
        assert_eq!(Draft { to: Some("a@b,".repeat(101)), ..draft() }.into_mail("h", "1", 0), Err(MailError::TooMany));
    }

    #[test]
    fn dates_are_those_of_mail() {
        assert_eq!(date(0), "Thu, 01 Jan 1970 00:00:00 +0000");
        assert_eq!(date(1_709_164_800_000_000), "Thu, 29 Feb 2024 00:00:00 +0000");
    }
}
