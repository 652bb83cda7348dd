//! One end of a conversation, driven line by line: the partner of `interop/python/ntlm_peer.py`.
//!
//! ```text
//! ntlm_peer client|server ntlm|spnego USER DOMAIN PASSWORD [CHANNEL-BINDINGS-HEX]
//! step TOKEN             -> continue TOKEN | done TOKEN | error TEXT      (a token is hex, "-" for none)
//! key                    -> SESSION-KEY
//! who                    -> DOMAIN\USER
//! protect LEVEL H B T    -> BODY TOKEN                                    (header, body, trailer in hex)
//! unprotect LEVEL H B T TOKEN -> BODY | error TEXT
//! ```
//! For tests: the password of a test account stands in the argument list.

use rwmi_auth::{AuthLevel, Credentials, Secret, SecurityContext, Segments, Step, ntlm, spnego};
use std::io::{BufRead, Write};
use std::sync::Arc;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [role, mechanism, user, domain, password, rest @ ..] = args.as_slice() else {
        return Err("usage: ntlm_peer client|server ntlm|spnego USER DOMAIN PASSWORD [CHANNEL-BINDINGS-HEX]".into());
    };
    let credentials = Credentials { user: user.clone(), domain: domain.clone(), password: Secret::new(password) };
    let channel_bindings = rest.first().map(|octets| ntlm::channel_bindings(&unhex(octets)));
    let client = ntlm::InitiatorOptions { channel_bindings, target_name: Some("rpcss/srv".into()), ..Default::default() };
    let accounts = Arc::new(One { name: user.clone(), hash: ntlm::nt_hash(password) });
    let server = ntlm::AcceptorOptions::named("srv.dom.lab");
    let mut context: Box<dyn SecurityContext> = match (role.as_str(), mechanism.as_str()) {
        ("client", "ntlm") => Box::new(ntlm::Initiator::new(&credentials, client)),
        ("client", "spnego") => Box::new(spnego::Initiator::ntlm(&credentials, client)),
        ("server", "ntlm") => Box::new(ntlm::Acceptor::new(accounts, server)),
        ("server", "spnego") => Box::new(spnego::Acceptor::ntlm(accounts, server)),
        _ => return Err("client or server, ntlm or spnego".into()),
    };
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let answer = answer(context.as_mut(), &words).unwrap_or_else(|error| format!("error {error}"));
        writeln!(std::io::stdout(), "{answer}")?;
    }
    Ok(())
}

fn answer(context: &mut dyn SecurityContext, words: &[&str]) -> Result<String, Box<dyn std::error::Error>> {
    Ok(match words {
        ["step", token] => match context.step(&unhex(token))? {
            Step::Continue(token) => format!("continue {}", hex(&token)),
            Step::Done(token) => format!("done {}", hex(&token.unwrap_or_default())),
        },
        ["key"] => hex(context.session_key().unwrap_or_default()),
        ["who"] => context.peer().map(|peer| format!("{}\\{}", peer.domain, peer.user)).unwrap_or_default(),
        ["protect", level, header, body, trailer] => {
            let (header, mut body, trailer) = (unhex(header), unhex(body), unhex(trailer));
            let token = context.protect(of(level)?, true, Segments { header: &header, body: &mut body, trailer: &trailer })?;
            format!("{} {}", hex(&body), hex(&token))
        }
        ["unprotect", level, header, body, trailer, token] => {
            let (header, mut body, trailer) = (unhex(header), unhex(body), unhex(trailer));
            let pdu = Segments { header: &header, body: &mut body, trailer: &trailer };
            context.unprotect(of(level)?, true, pdu, &unhex(token))?;
            hex(&body)
        }
        _ => return Err("unknown command".into()),
    })
}

struct One {
    name: String,
    hash: rwmi_auth::NtHash,
}

impl ntlm::Accounts for One {
    fn nt_hash(&self, user: &str, _domain: &str) -> Option<ntlm::Account> {
        (user.to_lowercase() == self.name.to_lowercase()).then(|| ntlm::Account { name: self.name.clone(), hash: self.hash.clone() })
    }
}

fn of(level: &str) -> Result<AuthLevel, Box<dyn std::error::Error>> {
    AuthLevel::from_wire(level.parse()?).ok_or_else(|| "unknown level".into())
}

fn hex(octets: &[u8]) -> String {
    if octets.is_empty() { "-".into() } else { octets.iter().map(|octet| format!("{octet:02x}")).collect() }
}

fn unhex(text: &str) -> Vec<u8> {
    text.trim_start_matches('-')
        .as_bytes()
        .chunks(2)
        .filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}
