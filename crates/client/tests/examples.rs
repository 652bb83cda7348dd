//! The examples of the five forms, as programs, against the server of this repository: they print the same operating system.

use rwmi_server::{Accounts, Config, Running, Server};
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;

const TREE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/linux/lx1");

const FORMS: [&str; 5] = ["get_wmi_object", "moniker", "cim_session", "management_scope", "connect_server"];

async fn server() -> (Running, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    Accounts::with_key(dir.path(), None).add("boss", rwmi_auth::ntlm::nt_hash("Blue-Car-9"), true).unwrap();
    let mut config = Config::default();
    config.server.listen = vec!["127.0.36.20".parse().unwrap()];
    (config.server.endpoint_port, config.server.object_port) = (0, 0);
    config.server.data_dir = dir.path().to_owned();
    let linux = rwmi_linux::LinuxProvider::new(rwmi_linux::Source::at(TREE)).unwrap();
    (Server::start(config, vec![Arc::new(linux)]).await.unwrap(), dir)
}

/// Runs an example with an account of the server in its environment.
async fn run(server: &Running, name: &str, host: &str, password: &str) -> Output {
    let at = server.addresses()[0];
    let mut command = Command::new(example(name));
    command.arg(host).env("RWMI_USER", r".\boss").env("RWMI_PASSWORD", password);
    command.env("RWMI_ENDPOINT_PORT", at.endpoint.port().to_string()).env_remove("RWMI_OBJECT_PORT");
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

/// Cargo builds the examples of a package with its tests, beside them.
fn example(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let path = tests.parent().unwrap().parent().unwrap().join("examples").join(name);
    assert!(path.exists(), "{} is not there: cargo build -p rwmi-client --examples", path.display());
    path
}

#[tokio::test]
async fn the_five_examples_print_the_same_operating_system() {
    let (server, _dir) = server().await;
    let mut outputs = Vec::new();
    for name in FORMS {
        let output = run(&server, name, "127.0.36.20", "Blue-Car-9").await;
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        outputs.push(String::from_utf8(output.stdout).unwrap());
    }
    let name = std::fs::read_to_string(PathBuf::from(TREE).join("etc/os-release")).unwrap();
    let name = name.lines().find_map(|l| l.strip_prefix("PRETTY_NAME=")).unwrap().trim_matches('"').to_owned();
    assert!(outputs[0].contains(&name) && outputs[0].lines().count() == 1, "{:?} has no {name:?}", outputs[0]);
    assert!(outputs.iter().all(|o| *o == outputs[0]), "{outputs:?}");

    let output = run(&server, "blocking", "127.0.36.20", "Blue-Car-9").await;
    assert_eq!(String::from_utf8(output.stdout).unwrap(), outputs[0].repeat(5), "{}", String::from_utf8_lossy(&output.stderr));
    server.shutdown().await;
}

#[tokio::test]
async fn an_example_that_is_refused_says_so_and_fails() {
    let (server, _dir) = server().await;
    for name in FORMS.into_iter().chain(["blocking"]) {
        let output = run(&server, name, "127.0.36.20", "wrong").await;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && output.stdout.is_empty(), "{name}: {text}");
        assert!(text.contains("check user and password"), "{name}: {text}");
    }
    server.shutdown().await;
}
