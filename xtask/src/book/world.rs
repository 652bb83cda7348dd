//! The small network in which a page is run.
//!
//! Everything is made within namespaces of its own (mounts, network, host name, processes), which the kernel takes away when the first
//! process of them ends: nothing of the machine is changed, and nothing is left behind.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Home of the person who types the commands.
const HOME: &str = "/run/home";
/// The bus on which the stand-in for systemd answers.
const BUS: &str = "unix:path=/run/dbus/system_bus_socket";
const ADMIN: (&str, &str) = ("alice", "Correct-Horse-7");
const OTHER: (&str, &str) = ("bob", "battery-Staple-8");
/// Names, addresses, and the machine behind: this one, the recorded one, or none that answers.
const COMPUTERS: [(&str, &str, Machine); 4] = [
    ("srv01", "192.0.2.11", Machine::This),
    ("srv02", "192.0.2.12", Machine::Recorded),
    ("srv03", "192.0.2.13", Machine::Recorded),
    ("down01", "192.0.2.14", Machine::None),
];
/// An address on which a page may serve.
const OWN: &str = "192.0.2.10";

#[derive(PartialEq)]
enum Machine {
    This,
    Recorded,
    None,
}

/// What is brought in from outside.
pub(crate) struct Parts {
    /// The repository.
    pub(crate) root: PathBuf,
    /// The command.
    pub(crate) rwmi: PathBuf,
    /// The stand-in for systemd.
    pub(crate) systemd: PathBuf,
}

/// A world that stands. Its servers end with the process that made it.
pub(crate) struct World {
    path: String,
    _servers: Vec<Child>,
}

impl World {
    /// To be called by the first process of new namespaces only: it mounts over directories of the machine.
    pub(crate) fn make(parts: &Parts) -> Result<World, String> {
        if std::process::id() != 1 {
            return Err("this is to be called by cargo xtask book only".into());
        }
        for directory in ["/run", "/var/lib", "/var/log"] {
            run(Command::new("mount").args(["-t", "tmpfs", "-o", "mode=0755", "tmpfs", directory]))?;
        }
        names()?;
        run(Command::new("ip").args(["link", "set", "lo", "up"]))?;
        for address in COMPUTERS.iter().map(|c| c.1).chain([OWN]) {
            run(Command::new("ip").args(["address", "add", &format!("{address}/32"), "dev", "lo"]))?;
        }
        for directory in [HOME, "/run/bin", "/run/dbus", "/run/systemd/system", "/var/log/rwmi"] {
            std::fs::create_dir_all(directory).map_err(|e| format!("{directory}: {e}"))?;
        }
        for (file, text) in [("pw", ADMIN.1), ("pw-bob", OTHER.1)] {
            write(&format!("{HOME}/{file}"), &format!("{text}\n"), 0o600)?;
        }
        std::os::unix::fs::symlink(&parts.rwmi, "/run/bin/rwmi").map_err(|e| format!("/run/bin/rwmi: {e}"))?;
        let path = format!("/run/bin:{}", std::env::var("PATH").unwrap_or_default());
        let mut world = World { path, _servers: Vec::new() };
        world.serve(parts)?;
        Ok(world)
    }

    /// The bus, the stand-in for systemd, and each computer that answers.
    fn serve(&mut self, parts: &Parts) -> Result<(), String> {
        let mut daemon = Command::new("dbus-daemon");
        daemon.arg(format!("--config-file={}", parts.root.join("testdata/linux/bus.conf").display()));
        daemon.args([&format!("--address={BUS}"), "--nofork", "--nopidfile", "--print-address"]);
        // It says that it may not raise its limit of files; that is no matter here.
        self._servers.push(ready(daemon.stderr(Stdio::null()), "unix:")?);
        let tree = parts.root.join("testdata/linux/lx1");
        self._servers.push(ready(Command::new(&parts.systemd).arg(BUS).arg(tree.join("systemd.json")), "ready")?);
        for (name, address, machine) in COMPUTERS.iter().filter(|c| c.2 != Machine::None) {
            let place = format!("/run/servers/{name}");
            std::fs::create_dir_all(&place).map_err(|e| format!("{place}: {e}"))?;
            let source = if *machine == Machine::Recorded { tree.as_path() } else { Path::new("/") };
            let config = format!(
                "[server]\nlisten = [\"{address}\"]\nname = \"{}\"\ndata-dir = \"{place}/data\"\n\
                 [methods]\nallow = [\"Win32_Process.Create\", \"Win32_Process.Terminate\", \"Win32_Process.SetPriority\"]\nusers = {{ alice = \"root\" }}\n\
                 [consumers]\nlog-directory = \"/var/log/rwmi\"\njournal-socket = \"\"\n[source]\nroot = {source:?}\ndbus = \"{BUS}\"\n",
                name.to_uppercase()
            );
            write(&format!("{place}/rwmi.toml"), &config, 0o644)?;
            for ((account, _), file, admin) in [(ADMIN, "pw", true), (OTHER, "pw-bob", false)] {
                let mut add = Command::new(&parts.rwmi);
                add.args(["account", "add", account, "--config", &format!("{place}/rwmi.toml")]);
                add.args(["--password-file", &format!("{HOME}/{file}")]);
                run(if admin { add.arg("--admin") } else { &mut add })?;
            }
            // With a host name of its own, as another computer has it.
            let mut serve = Command::new("unshare");
            serve.args(["--uts", "sh", "-c", "echo \"$0\" > /proc/sys/kernel/hostname && exec \"$@\"", name]);
            serve.arg(&parts.rwmi).args(["serve", "--config", &format!("{place}/rwmi.toml")]);
            let log = std::fs::File::create(format!("{place}/log")).map_err(|e| format!("{place}/log: {e}"))?;
            self._servers.push(ready(serve.stderr(log), "ready")?);
        }
        Ok(())
    }

    /// A command as it is typed there: its output and its errors go to the same file.
    pub(crate) fn command(&self, line: &str, directory: Option<&Path>, output: &std::fs::File) -> Result<Command, String> {
        let twin = || output.try_clone().map_err(|e| e.to_string());
        let mut command = Command::new("bash");
        command.args(["-c", line]).stdin(Stdio::null()).stdout(twin()?).stderr(twin()?);
        command.env_clear().current_dir(directory.unwrap_or(Path::new(HOME)));
        command.env("PATH", &self.path).env("HOME", HOME).env("LANG", "C.UTF-8").env("USER", "alice").env("TZ", "UTC");
        // For the pages that build: where Rust and what it fetched are.
        for name in ["CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN", "CARGO_TARGET_DIR"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.envs(std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CARGO_PROFILE_")));
        command.env("CARGO_NET_OFFLINE", "true").env("CARGO_TERM_COLOR", "never");
        Ok(command)
    }
}

/// This computer's name, and the addresses of the others; no name is asked for elsewhere.
fn names() -> Result<(), String> {
    std::fs::write("/proc/sys/kernel/hostname", "client\n").map_err(|e| format!("the host name: {e}"))?;
    let mut hosts = String::from("127.0.0.1 localhost client\n::1 localhost\n");
    for (name, address, _) in &COMPUTERS {
        hosts += &format!("{address} {name}\n");
    }
    for (name, text) in [("hosts", hosts.as_str()), ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n")] {
        write(&format!("/run/{name}"), text, 0o644)?;
        run(Command::new("mount").args(["--bind", &format!("/run/{name}"), &format!("/etc/{name}")]))?;
    }
    Ok(())
}

/// Starts a program and waits until a line of its output says that it is ready.
fn ready(command: &mut Command, word: &'static str) -> Result<Child, String> {
    let name = format!("{command:?}");
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(|e| format!("{name}: {e}"))?;
    let (sender, receiver) = mpsc::channel();
    if let Some(out) = child.stdout.take() {
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                // Nobody waits any more once it was ready.
                let _ = sender.send(line);
            }
        });
    }
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        match receiver.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(line) if line.starts_with(word) => return Ok(child),
            Ok(_) => {}
            Err(_) => return Err(format!("{name} did not get ready")),
        }
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).output().map_err(|e| format!("{command:?}: {e}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim_end()))
}

fn write(path: &str, text: &str, mode: u32) -> Result<(), String> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(|e| format!("{path}: {e}"))?;
    file.write_all(text.as_bytes()).map_err(|e| format!("{path}: {e}"))
}
