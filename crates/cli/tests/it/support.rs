//! Running the command, and servers for it.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

/// The recorded machine.
pub(crate) const TREE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/linux/lx1");

/// The account of every test server.
pub(crate) const USER: &str = "alice";
pub(crate) const PASSWORD: &str = "Correct-Horse-7";

pub(crate) fn command<S: AsRef<std::ffi::OsStr>>(args: &[S]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rwmi"));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for name in ["RWMI_USER", "RWMI_PASSWORD", "RWMI_LOG", "CREDENTIALS_DIRECTORY", "DBUS_SESSION_BUS_ADDRESS", "RWMI_PAGER", "NO_COLOR"] {
        command.env_remove(name);
    }
    // What a person at this computer has set is not for tests, and they leave nothing behind.
    command.env("RWMI_CONFIG", "").env("RWMI_CACHE", "");
    command
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Done {
    /// It succeeded, and said nothing on the side.
    #[track_caller]
    pub(crate) fn good(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (Some(0), ""), "{}", self.out);
        self.out
    }

    /// It failed with this status, and said each of these.
    #[track_caller]
    pub(crate) fn bad(self, code: i32, words: &[&str]) -> Done {
        assert_eq!(self.code, Some(code), "{self:?}");
        for word in words {
            assert!(self.err.contains(word), "no {word:?} in {:?}", self.err);
        }
        self
    }
}

pub(crate) fn finish(mut command: Command) -> Done {
    let output = command.output().unwrap();
    let text = |octets| String::from_utf8(octets).unwrap();
    Done { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

pub(crate) fn rwmi<S: AsRef<std::ffi::OsStr>>(args: &[S]) -> Done {
    finish(command(args))
}

/// With a text on standard input.
pub(crate) fn rwmi_fed<S: AsRef<std::ffi::OsStr>>(args: &[S], input: &[u8]) -> Done {
    let mut child = command(args).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // Whoever fails before it reads closes the pipe.
    let _ = stdin.write_all(input);
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let text = |octets| String::from_utf8(octets).unwrap();
    Done { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// A directory with a configuration for the recorded machine.
pub(crate) struct Place {
    pub(crate) dir: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new(settings: &str) -> Place {
        Place::over(settings, TREE)
    }

    /// For the machine at this root.
    pub(crate) fn over(settings: &str, root: &str) -> Place {
        Place::from(settings, root, "")
    }

    /// For the machine at this root, with more that is known of it.
    pub(crate) fn from(settings: &str, root: &str, more: &str) -> Place {
        let dir = tempfile::tempdir().unwrap();
        let source = format!("[source]\nroot = {:?}\n{more}\n", std::fs::canonicalize(root).unwrap());
        std::fs::write(dir.path().join("rwmi.toml"), format!("{settings}\n{source}")).unwrap();
        Place { dir }
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.dir.path().join("rwmi.toml")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// Options that name the place to the server.
    pub(crate) fn options(&self) -> Vec<String> {
        self.options_as("--config")
    }

    /// The same for a command: what asks the server here has a configuration of its own.
    pub(crate) fn options_for(&self, command: &str) -> Vec<String> {
        self.options_as(if matches!(command, "serve" | "account") { "--config" } else { "--server-config" })
    }

    fn options_as(&self, config: &str) -> Vec<String> {
        let path = |p: &Path| p.to_str().unwrap().to_owned();
        vec![config.into(), path(&self.config()), "--data-dir".into(), path(&self.data())]
    }

    /// Runs a command at the place.
    pub(crate) fn run(&self, args: &[&str]) -> Done {
        finish(self.command(args))
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut all: Vec<String> = args.iter().map(|a| (*a).to_owned()).collect();
        all.extend(self.options_for(args[0]));
        command(&all)
    }

    pub(crate) fn run_fed(&self, args: &[&str], input: &str) -> Done {
        let mut all: Vec<String> = args.iter().map(|a| (*a).to_owned()).collect();
        all.extend(self.options_for(args[0]));
        rwmi_fed(&all, input.as_bytes())
    }
}

/// A running `rwmi serve` with an administrator's account.
pub(crate) struct Server {
    pub(crate) place: Place,
    pub(crate) child: Child,
    pub(crate) ready: String,
    pub(crate) endpoint: SocketAddr,
    pub(crate) object: SocketAddr,
    _out: BufReader<ChildStdout>,
}

impl Server {
    /// On an address of this computer, with ports that the system chooses.
    pub(crate) fn start(address: &str, settings: &str) -> Server {
        Server::new(Place::new(settings), address)
    }

    /// At a place, with an administrator's account.
    pub(crate) fn new(place: Place, address: &str) -> Server {
        place.run_fed(&["account", "add", USER, "--admin", "--password-stdin"], PASSWORD).good();
        Server::at(place, address)
    }

    pub(crate) fn at(place: Place, address: &str) -> Server {
        Server::on(place, &[address.to_owned()], "0", "0")
    }

    /// On several addresses, which need the same ports to be found.
    pub(crate) fn on(place: Place, addresses: &[String], endpoint_port: &str, object_port: &str) -> Server {
        let mut words = vec!["serve", "--endpoint-port", endpoint_port, "--object-port", object_port];
        addresses.iter().for_each(|a| words.extend(["--listen", a.as_str()]));
        let mut command = place.command(&words);
        let mut child = command.stderr(Stdio::from(std::fs::File::create(place.dir.path().join("log")).unwrap())).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut ready = String::new();
        out.read_line(&mut ready).unwrap();
        let log = || std::fs::read_to_string(place.dir.path().join("log")).unwrap();
        let part = |name: &str| {
            let text = ready.split_whitespace().find_map(|w| w.strip_prefix(name));
            text.unwrap_or_else(|| panic!("no {name} in {ready:?}: {}", log())).parse().unwrap()
        };
        let (endpoint, object) = (part("endpoint="), part("object="));
        Server { place, child, endpoint, object, ready, _out: out }
    }

    /// Options that lead a client there.
    pub(crate) fn way(&self) -> [String; 4] {
        ["-c".into(), self.endpoint.ip().to_string(), "--endpoint-port".into(), self.endpoint.port().to_string()]
    }

    pub(crate) fn client(&self, args: &[&str]) -> Command {
        let mut all = vec![args[0].to_owned()];
        all.extend(self.way());
        all.extend(args[1..].iter().map(|a| (*a).to_owned()));
        let mut command = command(&all);
        command.env("RWMI_USER", USER).env("RWMI_PASSWORD", PASSWORD);
        command
    }

    /// Runs a command against it, with the account in the environment.
    pub(crate) fn run(&self, args: &[&str]) -> Done {
        finish(self.client(args))
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.place.dir.path().join("log")).unwrap()
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.child), signal).unwrap();
    }

    /// Tells it to stop; gives its exit status.
    pub(crate) fn stop(mut self) -> Option<i32> {
        self.signal(rustix::process::Signal::TERM);
        self.child.wait().unwrap().code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Puts a MOF file into the repository of a server.
#[track_caller]
pub(crate) fn put(server: &Server, name: &str, text: &str) {
    let file = server.place.dir.path().join(name);
    std::fs::write(&file, text).unwrap();
    let mut command = command(&["mof", "compile", "-n", r"root\cimv2", file.to_str().unwrap()]);
    command.args(server.way()).env("RWMI_USER", USER).env("RWMI_PASSWORD", PASSWORD);
    finish(command).good();
}
