//! `rwmi account`.

use crate::support::*;

#[test]
fn an_account_comes_changes_and_goes() {
    let place = Place::new("");
    assert_eq!(place.run(&["account", "list"]).good(), "");
    assert_eq!(place.run(&["account", "list", "-o", "json"]).good(), "[]\n");
    let add = |args: &[&str]| place.run_fed(&[&["account", "add"], args, &["--password-stdin"]].concat(), "secret\n").good();
    assert_eq!(add(&["alice", "--admin"]), "added alice, an administrator\n");
    assert_eq!(add(&["Jörg Müller"]), "added Jörg Müller\n");
    assert_eq!(place.run(&["account", "list"]).good(), "alice\tadmin\nJörg Müller\tuser\n");
    assert_eq!(add(&["ALICE"]), "changed ALICE\n");
    let list: serde_json::Value = serde_json::from_str(&place.run(&["account", "list", "-o", "json"]).good()).unwrap();
    assert_eq!(list, serde_json::json!([{ "name": "ALICE", "admin": false }, { "name": "Jörg Müller", "admin": false }]));
    assert_eq!(place.run(&["account", "remove", "jörg müller"]).good(), "removed jörg müller\n");
    place.run(&["account", "remove", "bob"]).bad(1, &["there is no account \"bob\"", "hint: rwmi account list"]);
    assert_eq!(place.run(&["account", "list"]).good(), "ALICE\tuser\n");
}

#[test]
fn a_name_that_cannot_be_is_told_before_the_password_is_read() {
    let place = Place::new("");
    for name in ["a/b", r"CORP\alice", "alice@corp", " x"] {
        place.run(&["account", "add", name]).bad(2, &["is not an account name"]);
    }
    assert!(!place.data().exists());
}

#[test]
fn a_password_has_to_come_from_somewhere() {
    let place = Place::new("");
    place.run(&["account", "add", "alice"]).bad(1, &["no password was given", "--password-stdin"]);
    place.run(&["account", "add", "alice", "--password-file", "/does/not/exist"]).bad(1, &["/does/not/exist"]);
    let file = place.dir.path().join("pw");
    std::fs::write(&file, "from a file\n").unwrap();
    place.run(&["account", "add", "alice", "--password-file", file.to_str().unwrap()]).good();
    let mut command = place.command(&["account", "add", "bob"]);
    command.env("RWMI_PASSWORD", "from the environment");
    finish(command).good();
    let mut twice = vec!["account", "add", "alice", "--password-stdin", "--password-file"];
    twice.push(file.to_str().unwrap());
    place.run(&twice).bad(2, &["cannot be used with"]);
}

#[test]
fn a_running_server_knows_a_change_at_the_next_login() {
    let server = Server::start("127.0.88.11", "");
    let query = |user: &str, password: &str| {
        let mut command = server.client(&["query", "SELECT Name FROM Win32_ComputerSystem"]);
        command.env("RWMI_USER", user).env("RWMI_PASSWORD", password);
        finish(command)
    };
    query("bob", "one").bad(1, &["ACCESS_DENIED"]);
    server.place.run_fed(&["account", "add", "bob", "--admin", "--password-stdin"], "one").good();
    query("bob", "one").good();
    server.place.run_fed(&["account", "add", "bob", "--admin", "--password-stdin"], "two").good();
    query("bob", "one").bad(1, &["ACCESS_DENIED"]);
    query("bob", "two").good();
    assert_eq!(server.place.run(&["account", "list"]).good(), "alice\tadmin\nbob\tadmin\n");
    // No administrator any more: he may log on, and nothing else.
    server.place.run_fed(&["account", "add", "bob", "--password-stdin"], "two").good();
    query("bob", "two").bad(1, &["denied", "activating the WMI login object"]);
    server.place.run(&["account", "remove", "bob"]).good();
    query("bob", "two").bad(1, &["ACCESS_DENIED"]);
    assert!(server.log().contains("account removed"), "{}", server.log());
}

#[test]
fn a_file_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new("");
    place.run_fed(&["account", "add", "alice", "--password-stdin"], "x").good();
    std::fs::set_permissions(place.data().join("accounts"), std::fs::Permissions::from_mode(0o644)).unwrap();
    place.run(&["account", "list"]).bad(1, &["has mode 0644", "hint: "]);
    place.run(&["serve", "--listen", "127.0.88.12", "--endpoint-port", "0", "--object-port", "0"]).bad(1, &["has mode 0644"]);
}
