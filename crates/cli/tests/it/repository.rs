//! `rwmi repository`: the repository of a server that is stopped.

use crate::support::*;

const MINE: &str = "class Mine { [key] string Name; };\ninstance of Mine { Name = \"a\"; };\n";

#[test]
fn a_repository_is_copied_checked_thrown_away_and_brought_back() {
    let mut server = Server::start("127.0.108.12", "");
    let path = |name: &str| server.place.dir.path().join(name).to_str().unwrap().to_owned();
    let (file, copy) = (path("mine.mof"), path("copy"));
    std::fs::write(&file, MINE).unwrap();
    let data = server.place.data();
    let dir = data.to_str().unwrap();
    let compiled = rwmi(&["mof", "compile", "-n", r"root\default", "--data-dir", dir, &file]);
    assert_eq!(compiled.good(), "1 classes and 1 instances put, 0 deleted\n");
    let run = |words: &[&str]| rwmi(&[&["repository"], words, &["--data-dir", dir]].concat());
    // Not while the server runs; what a copy made by hand holds then does not matter.
    let verbs: [&[&str]; 5] = [&["backup", &copy], &["restore", &copy], &["verify"], &["salvage"], &["reset", "--yes"]];
    std::fs::copy(data.join("repository.redb"), &copy).unwrap();
    for verb in verbs {
        run(verb).bad(1, &["another server runs", "stop the server first"]);
    }
    server.signal(rustix::process::Signal::TERM);
    assert!(server.child.wait().unwrap().success());
    std::fs::remove_file(&copy).unwrap();
    assert!(run(&["verify"]).good().contains("is sound: "));
    assert!(run(&["backup", &copy]).good().contains("(1 of them put)"));
    run(&["backup", &copy]).bad(1, &["exists"]);
    run(&["reset"]).bad(2, &["--yes"]);
    run(&["reset", "--yes"]).good();
    run(&["verify"]).bad(1, &["No such file"]);
    run(&["restore", &copy]).good();
    assert!(run(&["verify", &copy]).good().contains("(1 of them put)"));
    assert_eq!(run(&["salvage"]).good(), "0 faults; what cannot be read is left out\n");
    // A server that starts on it has what was put.
    let words = ["serve", "--endpoint-port", "0", "--object-port", "0", "--listen", "127.0.108.12"];
    let mut again = server.place.command(&words).spawn().unwrap();
    let mut ready = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(again.stdout.take().unwrap()), &mut ready).unwrap();
    let rows = rwmi(&["query", "-n", r"root\default", "--data-dir", dir, "SELECT Name FROM Mine"]);
    again.kill().unwrap();
    again.wait().unwrap();
    assert_eq!(rows.good(), "{\"Name\":\"a\"}\n");
    // What is no repository is told, and not put in its place.
    std::fs::write(&file, "no database").unwrap();
    run(&["restore", &file]).bad(1, &["cannot use the repository"]);
    assert!(run(&["verify"]).good().contains("is sound"));
}
