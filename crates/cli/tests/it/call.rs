//! `rwmi call` against this computer, recorded and running.

use crate::support::*;

const OWN: &str = r#"Win32_Process.Handle="1""#;
const SIGNATURE: &str = "static uint32 Create([in] string CommandLine, [in] string CurrentDirectory, [in] Win32_ProcessStartup ProcessStartupInformation, [out] uint32 ProcessId)";

#[test]
fn a_class_tells_its_methods_and_an_instance_its_owner() {
    let place = Place::new("");
    let methods = place.run(&["call", "Win32_Process"]).good();
    assert!(methods.lines().any(|l| l == SIGNATURE) && methods.lines().any(|l| l == "uint32 Terminate([in] uint32 Reason)"), "{methods}");
    let owner = |format: &str| place.run(&["call", "-o", format, OWN, "GetOwner"]).good();
    assert_eq!(owner("jsonl"), "{\"User\":\"root\",\"Domain\":\"LX1\",\"ReturnValue\":0}\n");
    assert_eq!(owner("csv"), "User,Domain,ReturnValue\nroot,LX1,0\n");
}

#[test]
fn what_is_wrong_is_told_before_anything_happens() {
    let place = Place::new("");
    let create = |args: &[&str]| place.run(&[&["call", "Win32_Process", "Create"], args].concat());
    create(&[]).bad(1, &["CommandLine is missing", SIGNATURE]);
    create(&["CommandLine=x", "WorkingDir=/"]).bad(1, &["WorkingDir is no parameter of Create", SIGNATURE]);
    create(&["CommandLine=x", "ProcessStartupInformation.X=y"]).bad(1, &["ProcessStartupInformation.X is uint32, not \"y\"", SIGNATURE]);
    create(&["CommandLine"]).bad(2, &["it has no =", "hint: write NAME=VALUE"]);
    create(&["CommandLine:=x"]).bad(2, &["not JSON"]);
    create(&["CommandLine=x", "commandline=y"]).bad(2, &["commandline is given twice"]);
    place.run(&["call", "Win32_Process.", "Create"]).bad(2, &["is no class and no path"]);
    place.run(&["call", "Win32_Process", "Terminate"]).bad(1, &["is called on an instance, as Win32_Process.Handle=\"...\""]);
    place.run(&["call", "Win32_Process", "Creat"]).bad(1, &["has no method Creat; it has Create"]);
}

#[test]
fn what_changes_the_machine_is_off_and_says_how_it_is_switched_on() {
    let create = ["call", "Win32_Process", "Create", "CommandLine=true"];
    Place::new("").run(&create).bad(1, &["WBEM_E_METHOD_DISABLED", r#"[methods] allow = ["Win32_Process.Create"]"#]);
    // A recorded machine starts nothing.
    let on = "[methods]\nallow = [\"Win32_Process.Create\"]\n";
    Place::new(on).run(&create).bad(1, &["WBEM_E_PROVIDER_NOT_CAPABLE", "a recorded machine"]);
    let live = Place::over(on, "/");
    assert!(live.run(&create).good().ends_with("\"ReturnValue\":0}\n"));
    let failed = live.run(&["call", "Win32_Process", "Create", "CommandLine=/no/such/program"]);
    assert_eq!(failed.out, "{\"ProcessId\":null,\"ReturnValue\":9}\n");
    failed.bad(4, &["Create returned 9: path not found"]);
}
