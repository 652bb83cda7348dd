//! `rwmi serve`.

use crate::support::*;
use rustix::process::Signal;

#[test]
fn a_server_says_where_it_listens_and_stops_when_told() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = Server::start("127.0.88.21", "");
        assert_eq!(server.ready, format!("ready endpoint={} object={}\n", server.endpoint, server.object));
        assert!(server.place.data().join("rwmi.sock").exists());
        server.signal(signal);
        assert_eq!(server.child.wait().unwrap().code(), Some(0), "{}", server.log());
        assert!(!server.place.data().join("rwmi.sock").exists());
        assert!(server.log().contains("stopped"));
    }
}

#[test]
fn a_server_stops_while_a_client_reads() {
    let server = Server::start("127.0.88.22", "[test]\nrows = 10000000");
    let mut client = server.client(&["query", "-n", r"root\test", "SELECT * FROM Rwmi_Row"]).spawn().unwrap();
    // Rows flow when the first octet has come.
    std::io::Read::read_exact(client.stdout.as_mut().unwrap(), &mut [0]).unwrap();
    assert_eq!(server.stop(), Some(0));
    drop(client.stdout.take());
    client.wait().unwrap();
}

#[test]
fn a_port_that_is_taken_is_told_plainly() {
    let server = Server::start("127.0.88.23", "");
    let place = Place::new("");
    let port = server.endpoint.port().to_string();
    place
        .run(&["serve", "--listen", "127.0.88.23", "--endpoint-port", &port, "--object-port", "0"])
        .bad(1, &[&format!("cannot listen on {}", server.endpoint), "the port is taken"]);
    place
        .run(&["serve", "--listen", "192.0.2.7", "--endpoint-port", "0", "--object-port", "0"])
        .bad(1, &["192.0.2.7", "does not have the address"]);
}

#[test]
fn a_port_that_needs_a_capability_is_told_plainly() {
    let place = Place::new("");
    // A network of its own, where nobody has opened the low ports to everybody.
    let mut command = std::process::Command::new("unshare");
    command.args(["-r", "-n", "setpriv", "--bounding-set=-net_bind_service", "--inh-caps=-net_bind_service"]);
    command.arg(env!("CARGO_BIN_EXE_rwmi")).args(["serve", "--listen", "0.0.0.0"]).args(place.options());
    command.stdin(std::process::Stdio::null());
    finish(command).bad(1, &["cannot listen on 0.0.0.0:135", "CAP_NET_BIND_SERVICE", "AmbientCapabilities", "--endpoint-port"]);
}

#[test]
fn a_data_directory_has_one_server() {
    let server = Server::start("127.0.88.24", "");
    server
        .place
        .run(&["serve", "--listen", "127.0.88.25", "--endpoint-port", "0", "--object-port", "0"])
        .bad(1, &["another server", server.place.data().to_str().unwrap()]);
}

#[test]
fn a_socket_that_a_dead_server_left_is_in_nobodys_way() {
    let mut server = Server::start("127.0.88.26", "");
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    assert!(server.place.data().join("rwmi.sock").exists());
    // Nobody answers there: the file, and a server within the process, do.
    assert_eq!(server.place.run(&["account", "list"]).good(), "alice\tadmin\n");
    server.place.run(&["query", "SELECT Name FROM Win32_ComputerSystem"]).good();
    let dir = std::mem::replace(&mut server.place, Place::new(""));
    drop(server);
    assert_eq!(Server::at(dir, "127.0.88.26").stop(), Some(0));
}

#[test]
fn a_configuration_is_checked_as_a_whole() {
    let place = Place::new("[server]\nname = \"LX9\"");
    let config = place.config().display().to_string();
    assert_eq!(rwmi(&["serve", "--check-config", "--config", &config]).good(), format!("{config}: good\n"));
    std::fs::write(place.config(), "[server]\nendpont-port = 1\nlisten = [\"host\"]\n[limits]\ncalls = 0\n").unwrap();
    let done = rwmi(&["serve", "--check-config", "--config", &config]).bad(
        1,
        &[
            &format!("{config}:2: unknown key \"endpont-port\"; did you mean \"endpoint-port\"?"),
            &format!("{config}:3: listen: \"host\" is not an IP address"),
            &format!("{config}:5: calls: expected 1 to 65536"),
        ],
    );
    assert_eq!(done.out, "");
    // Without the option too: nothing is served with half a configuration.
    place.run(&["serve"]).bad(1, &["did you mean"]);
    rwmi(&["serve", "--check-config", "--config", "/does/not/exist"]).bad(1, &["/does/not/exist"]);
}

#[test]
fn a_root_that_is_not_there_is_told() {
    let place = Place::new("");
    std::fs::write(place.config(), "[source]\nroot = \"/does/not/exist\"\n").unwrap();
    place.run(&["serve", "--listen", "127.0.88.27"]).bad(1, &["/does/not/exist", "hint: [source] root"]);
    place.run(&["query", "SELECT * FROM Win32_BIOS"]).bad(1, &["/does/not/exist"]);
}

#[test]
fn options_go_above_the_file() {
    let place = Place::new("[server]\nlisten = [\"127.0.88.28\"]\nendpoint-port = 1\nobject-port = 2");
    let server = Server::at(place, "127.0.88.29");
    assert_eq!(server.endpoint.ip().to_string(), "127.0.88.29");
    assert!(server.endpoint.port() != 1 && server.object.port() != 2);
}

#[test]
fn every_address_is_listened_on() {
    let place = Place::new("[server]\nlisten = [\"127.0.88.30\", \"127.0.88.31\"]");
    place.run_fed(&["account", "add", USER, "--admin", "--password-stdin"], PASSWORD).good();
    let server = Server::at(place, "::1");
    assert!(server.ready.contains("endpoint=[::1]:"), "{}", server.ready);
    assert_eq!(server.run(&["query", "SELECT Name FROM Win32_ComputerSystem"]).good().lines().count(), 1);
}
