//! A mail on its way to a server ([RFC 5321]), without TLS and without authentication: to a relay that takes mail of this
//! computer.
//!
//! [RFC 5321]: https://www.rfc-editor.org/rfc/rfc5321

use super::mail::Mail;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longest wait for the connection and for each answer.
const STEP: Duration = Duration::from_secs(30);
/// Longest line of an answer, and most lines.
const LINE_MAX: u64 = 2000;
const LINES_MAX: usize = 100;

/// Why a mail is not sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum SmtpError {
    #[error("cannot talk to {server}, caused by {source}")]
    Io {
        server: String,
        #[source]
        source: io::Error,
    },
    #[error("{server} answers {to} with {answer:?}")]
    Refused { server: String, to: &'static str, code: u16, answer: String },
    #[error("{server} does not speak SMTP")]
    Nonsense { server: String },
}

impl SmtpError {
    /// Whether it may be otherwise later: everything but a refusal for good.
    pub(super) fn is_passing(&self) -> bool {
        !matches!(self, SmtpError::Refused { code: 500.., .. })
    }
}

struct Session<'a> {
    stream: BufReader<TcpStream>,
    server: &'a str,
}

/// Sends a mail; `server` is `host:port`, `own_name` what this computer calls itself.
pub(super) async fn send(server: &str, own_name: &str, mail: &Mail) -> Result<(), SmtpError> {
    let io = |source| SmtpError::Io { server: server.to_owned(), source };
    let stream = timeout(STEP, TcpStream::connect(server)).await.map_err(|_| io(io::ErrorKind::TimedOut.into()))?.map_err(io)?;
    let mut session = Session { stream: BufReader::new(stream), server };
    session.expect("the connection", 220).await?;
    if let Err(error) = session.ask("EHLO", &format!("EHLO {own_name}\r\n"), 250).await {
        let SmtpError::Refused { code: 500.., .. } = error else { return Err(error) };
        session.ask("HELO", &format!("HELO {own_name}\r\n"), 250).await?;
    }
    session.ask("MAIL", &format!("MAIL FROM:<{}>\r\n", mail.from), 250).await?;
    for recipient in &mail.recipients {
        session.ask("RCPT", &format!("RCPT TO:<{recipient}>\r\n"), 250).await?;
    }
    session.ask("DATA", "DATA\r\n", 354).await?;
    // A line of a single dot ends the text, so lines that begin with one get another.
    let mut text = String::with_capacity(mail.text.len() + 16);
    for line in mail.text.split_inclusive("\r\n") {
        if line.starts_with('.') {
            text.push('.');
        }
        text.push_str(line);
    }
    text.push_str(".\r\n");
    session.ask("the text", &text, 250).await?;
    // The mail is the server's now, whatever it says to this.
    let _ = session.ask("QUIT", "QUIT\r\n", 221).await;
    Ok(())
}

impl Session<'_> {
    fn io(&self, source: io::Error) -> SmtpError {
        SmtpError::Io { server: self.server.to_owned(), source }
    }

    async fn ask(&mut self, what: &'static str, line: &str, expect: u16) -> Result<(), SmtpError> {
        match timeout(STEP, self.stream.get_mut().write_all(line.as_bytes())).await {
            Ok(Ok(())) => self.expect(what, expect).await,
            Ok(Err(e)) => Err(self.io(e)),
            Err(_) => Err(self.io(io::ErrorKind::TimedOut.into())),
        }
    }

    async fn expect(&mut self, to: &'static str, expect: u16) -> Result<(), SmtpError> {
        let answer = match timeout(STEP, self.answer()).await {
            Ok(answer) => answer?,
            Err(_) => return Err(self.io(io::ErrorKind::TimedOut.into())),
        };
        let (code, words) = answer;
        // 251 is a recipient that the server forwards.
        if code == expect || (expect == 250 && code == 251) {
            return Ok(());
        }
        Err(SmtpError::Refused { server: self.server.to_owned(), to, code, answer: words.escape_debug().to_string() })
    }

    /// The code and the last line of an answer: `250-` begins a line that is not the last, `250 ` the last.
    async fn answer(&mut self) -> Result<(u16, String), SmtpError> {
        for _ in 0..LINES_MAX {
            let mut line = Vec::new();
            let read = (&mut self.stream).take(LINE_MAX).read_until(b'\n', &mut line).await;
            read.map_err(|e| self.io(e))?;
            if line.is_empty() {
                return Err(self.io(io::ErrorKind::UnexpectedEof.into()));
            }
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            let code = text.get(..3).and_then(|c| c.parse::<u16>().ok()).filter(|c| (200..600).contains(c));
            match (code, text.as_bytes().get(3)) {
                (Some(_), Some(b'-')) => {}
                (Some(code), Some(b' ') | None) if line.ends_with(b"\n") => return Ok((code, text)),
                _ => break,
            }
        }
        Err(SmtpError::Nonsense { server: self.server.to_owned() })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use tokio::net::TcpListener;
    use tokio::task::JoinHandle;

    /// A server that gives answers in turn, and hears until the end of lines, or of the text behind DATA. Answers what it heard.
    pub(in crate::consumers) async fn server(answers: &'static [&'static str]) -> (String, JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.33.25:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let task = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = BufReader::new(stream);
            let mut heard: Vec<String> = Vec::new();
            for answer in answers {
                stream.get_mut().write_all(answer.as_bytes()).await.unwrap();
                let end = if answer.starts_with("354") { "\r\n.\r\n" } else { "\r\n" };
                let mut said = String::new();
                while !said.ends_with(end) && stream.read_line(&mut said).await.unwrap_or(0) > 0 {}
                heard.push(said);
            }
            heard
        });
        (address, task)
    }

    fn mail() -> Mail {
        Mail { from: "f@lx1".into(), recipients: vec!["a@b".into(), "c@d".into()], text: "Subject: x\r\n\r\n.dot\r\n..\r\nend\r\n".into() }
    }

    #[tokio::test]
    async fn a_mail_goes_to_all_its_recipients() {
        let (address, heard) = server(&[
            "220-lx2\r\n220 ready\r\n",
            "250-lx2\r\n250-SIZE 1\r\n250 HELP\r\n",
            "250 ok\r\n",
            "250 ok\r\n",
            "251 forwarded\r\n",
            "354 go\r\n",
            "250 taken\r\n",
            "221 bye\r\n",
        ])
        .await;
        send(&address, "lx1", &mail()).await.unwrap();
        let expect = [
            "EHLO lx1\r\n",
            "MAIL FROM:<f@lx1>\r\n",
            "RCPT TO:<a@b>\r\n",
            "RCPT TO:<c@d>\r\n",
            "DATA\r\n",
            "Subject: x\r\n\r\n..dot\r\n...\r\nend\r\n.\r\n",
            "QUIT\r\n",
            "",
        ];
        assert_eq!(heard.await.unwrap(), expect);
    }

    #[tokio::test]
    async fn an_old_server_is_greeted_in_its_way() {
        let (address, heard) = server(&["220 x\r\n", "502 what\r\n", "250 ok\r\n", "550 no\r\n"]).await;
        let error = send(&address, "lx1", &mail()).await.unwrap_err();
        assert_eq!(heard.await.unwrap()[1], "HELO lx1\r\n");
        assert!(matches!(&error, SmtpError::Refused { code: 550, to: "MAIL", .. }), "{error}");
        assert!(!error.is_passing());
    }

    #[tokio::test]
    async fn what_a_server_may_do_wrong_is_an_error() {
        let check = async |answers, passing| {
            let (address, _server) = server(answers).await;
            let error = send(&address, "lx1", &mail()).await.unwrap_err();
            assert_eq!(error.is_passing(), passing, "{error}");
        };
        check(&[], true).await;
        check(&["421 busy\r\n"], true).await;
        check(&["hello\r\n"], true).await;
        check(&["\u{fc}\u{fc}\u{fc}\r\n"], true).await;
        check(&["220 x\r\n", "250 x\r\n", "450 later\r\n"], true).await;
        check(&["220 x\r\n", "250 x\r\n", "250 x\r\n", "550 nobody\r\n"], false).await;
        let long: &'static str = "220-x\r\n".repeat(LINES_MAX + 1).leak();
        check(vec![long].leak(), true).await;
        // Nobody listens.
        assert!(send("127.0.33.26:9", "lx1", &mail()).await.unwrap_err().is_passing());
    }
}
