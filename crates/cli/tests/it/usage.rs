//! What the command line itself refuses.

use crate::support::*;

#[test]
fn wrong_usage_has_a_status_of_its_own() {
    for args in [
        &[][..],
        &["query"],
        &["query", "--nonsense", "SELECT * FROM A"],
        &["query", "-o", "nonsense", "SELECT * FROM A"],
        &["query", "--authentication", "none", "SELECT * FROM A"],
        &["query", "--timeout", "0", "SELECT * FROM A"],
        &["query", "--endpoint-port", "0", "SELECT * FROM A"],
        &["serve", "--listen", "host"],
        &["serve", "--endpoint-port", "7", "--object-port", "7"],
        &["account"],
        &["account", "add"],
        &["query", "-c", "srv01,", "SELECT * FROM A"],
        &["dump", "thing", "-"],
        &["dump", "stub", "/dev/null"],
        &["query", "--password", "secret", "SELECT * FROM A"],
    ] {
        let done = rwmi(args).bad(2, &["error: "]);
        assert_eq!(done.out, "", "{args:?}");
    }
}

#[test]
fn help_says_what_the_exit_status_means() {
    let help = rwmi(&["--help"]).good();
    assert!(help.contains("Exit status: 0 success"), "{help}");
    for command in ["query", "get-class", "dump", "serve", "account"] {
        assert!(help.contains(command));
        rwmi(&[command, "--help"]).good();
    }
    assert!(rwmi(&["--version"]).good().starts_with("rwmi "));
}
