//! A panic anywhere gives the terminal back before it is told.

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rwmi_browse::Options;
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Set where the test runs itself at a terminal.
const INSIDE: &str = "RWMI_BROWSE_PANICS";

#[test]
fn a_panic_gives_the_terminal_back() {
    if std::env::var_os(INSIDE).is_some() {
        let options = Options { hosts: vec![("srv01".into(), "root".into())], ..Options::default() };
        let open = Box::new(|_: &str| panic!("as the test wants it"));
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let ended = runtime.block_on(rwmi_browse::run(options, open, Duration::from_secs(600)));
        panic!("it ended by itself: {ended:?}");
    }
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let slave = OpenOptions::new().read(true).write(true).open(std::ffi::OsStr::from_bytes(name.as_bytes())).unwrap();
    let end = || Stdio::from(slave.try_clone().unwrap());
    let mut command = Command::new("setsid");
    command.arg("--ctty").arg(std::env::current_exe().unwrap()).args(["--exact", "a_panic_gives_the_terminal_back", "--nocapture"]);
    command.env(INSIDE, "1").stdin(end()).stdout(end()).stderr(end());
    let mut child = command.spawn().unwrap();
    drop((command, slave));
    let mut text = Vec::new();
    let mut part = [0; 4096];
    // Linux answers with an error where nobody has the other end any more.
    while let Ok(n @ 1..) = File::from(master.try_clone().unwrap()).read(&mut part) {
        text.extend(&part[..n]);
    }
    let text = String::from_utf8_lossy(&text);
    assert_eq!(child.wait().unwrap().code(), Some(101), "{text}");
    let at = |what: &str| text.rfind(what).unwrap_or_else(|| panic!("no {what:?} in {text:?}"));
    assert!(at("\x1b[?1049h") < at("\x1b[?1049l"), "{text:?}");
    assert!(at("\x1b[?1049l") < at("as the test wants it"), "{text:?}");
}
