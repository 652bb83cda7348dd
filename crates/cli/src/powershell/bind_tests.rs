//! Command lines as PowerShell would read them.

use super::*;
use crate::powershell::cmdlets::{CMDLETS, find};
use crate::powershell::options::Known;

fn read(line: &[&str]) -> Result<Given, Failure> {
    let (name, words) = line.split_first().unwrap();
    let words: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
    match bind(find(name).unwrap(), &words, &Known::new())? {
        Asked::Run(given) => Ok(*given),
        Asked::Help => Err(Failure::new("help")),
    }
}

/// What is bound, as text, and the name of the set.
fn check(line: &[&str], expect: &str, set: &str) {
    let given = read(line).unwrap_or_else(|f| panic!("{line:?}: {f:?}"));
    let text = |value: &Bound| match value {
        Bound::Switch(on) => on.to_string(),
        Bound::Text(text) => text.clone(),
        Bound::Texts(all) => all.join("+"),
        Bound::Number(n) => n.to_string(),
        other => format!("{other:?}"),
    };
    let bound: Vec<String> = given.all().map(|(p, value)| format!("{}={}", p.name, text(value))).collect();
    let name = given.cmdlet.sets.iter().find(|(s, _)| *s == given.set).unwrap().1;
    assert_eq!((bound.join(" "), name), (expect.to_owned(), set), "{line:?}");
}

fn refused(line: &[&str], words: &str) {
    let failure = read(line).err().unwrap_or_else(|| panic!("{line:?} is taken"));
    assert!(failure.message.contains(words), "{line:?}: {}", failure.message);
    assert_eq!(failure.code, 2, "{line:?}");
}

#[test]
fn names_are_without_case_and_as_short_as_they_are_clear() {
    check(&["Get-WmiObject", "-class", "C"], "Class=C", "query");
    check(&["gwmi", "-ClassName", "C", "-NS", "root", "-CN", "a"], "Class=C Namespace=root ComputerName=a", "query");
    check(&["GWMI", "C", "-f", "A = 1", "-p", "A,B"], "Filter=A = 1 Property=A+B Class=C", "query");
    check(
        &["gwmi", "C", "-com", "a", "-imp", "3", "-Authe", "PacketP"],
        "ComputerName=a Impersonation=Choice(3) Authentication=Choice(6) Class=C",
        "query",
    );
    // An alias counts as a name, and what the cmdlet has itself before what all have.
    check(&["gcim", "C", "-Server", "a", "-OT", "5"], "ComputerName=a OperationTimeoutSec=5 ClassName=C", "ClassNameComputerSet");
    check(&["gwmi", "C", "-D"], "DirectRead=true Class=C", "query");
    check(&["gwmi", "C", "-v"], "Verbose=true Class=C", "query");
    // Dashes of a word processor.
    check(&["gwmi", "\u{2013}Class", "C"], "Class=C", "query");
    refused(
        &["gwmi", "C", "-a", "x"],
        "the parameter name 'a' is ambiguous. Possible matches include: -Amended -Authentication -Authority -AsJob.",
    );
    refused(&["gwmi", "C", "-Clas", "x", "-Class", "y"], "parameter 'Class' is specified more than once.");
    refused(&["gwmi", "C", "-ComputerName", "x", "-cn", "y"], "use the array syntax");
    refused(&["gwmi", "C", "-Foo", "x"], "A parameter cannot be found that matches parameter name 'Foo'.");
    refused(&["gcim", "C", "-Credential", "x"], "matches parameter name 'Credential'.");
    assert!(read(&["gcim", "C", "-Credential", "x"]).unwrap_err().hint.unwrap().contains("--user"));
}

#[test]
fn a_value_stands_behind_a_blank_or_a_colon() {
    check(&["gwmi", "-Class:C", "-Filter:A = 'x:y'"], "Class=C Filter=A = 'x:y'", "query");
    check(&["gwmi", "-Class:", "C"], "Class=C", "query");
    check(&["gwmi", "C", "-Filter", ""], "Filter= Class=C", "query");
    check(&["gwmi", "C", "-Authentication", "-1"], "Authentication=Choice(7) Class=C", "query");
    check(&["gwmi", "C", "-Filter:-x"], "Filter=-x Class=C", "query");
    refused(&["gwmi", "-Class"], "Missing an argument for parameter 'Class'. Specify a parameter of type 'System.String' and try again.");
    refused(&["gwmi", "-Class", "-Filter", "x"], "Missing an argument for parameter 'Class'.");
    refused(&["gwmi", "C", "-Property", "--output", "csv"], "type 'System.String[]'");
    refused(&["gwmi", "C", "-Filter", "-x"], "Missing an argument for parameter 'Filter'.");
}

#[test]
fn a_switch_may_be_off() {
    check(&["gwmi", "-List"], "List=true", "list");
    check(&["gwmi", "-List:$false", "C*"], "List=false Class=C*", "list");
    check(&["gwmi", "C", "-Amended:$TRUE", "-EnableAllPrivileges:0"], "Amended=true EnableAllPrivileges=false Class=C", "query");
    refused(&["gwmi", "C", "-Amended:x"], "Cannot convert value \"x\" to type \"System.Management.Automation.SwitchParameter\".");
    // A shell made nothing of $false.
    refused(&["gwmi", "-Amended:", "C"], "Cannot bind parameter 'Amended'");
}

#[test]
fn a_list_has_commas_and_blanks_around_them() {
    let both = "ComputerName=a+b Class=C";
    for words in [&["a,b"][..], &["a,", "b"], &["a", ",b"], &["a", ",", "b"], &["@(a,b)"]] {
        check(&[&["gwmi", "-Class", "C", "-cn"], words].concat(), "Class=C ComputerName=a+b", "query");
        check(&[&["gwmi", "-cn"], words, &["C"]].concat(), both, "query");
    }
    check(&["gwmi", "C", "Name,", "State"], "Class=C Property=Name+State", "query");
    refused(&["gwmi", "C", "-Property", "A,,B"], "there is nothing between two commas");
    refused(&["gwmi", "C", "Name", "State"], "A positional parameter cannot be found that accepts argument 'State'.");
}

#[test]
fn words_without_a_name_fill_what_is_left() {
    check(&["gwmi", "C", "A"], "Class=C Property=A", "query");
    check(&["gwmi", "-Class", "C", "A"], "Class=C Property=A", "query");
    check(&["gwmi", "--", "-C"], "Class=-C", "query");
    check(
        &["iwmi", "Win32_Process", "Create", "-ArgumentList", "x"],
        "ArgumentList=Values([Text(\"x\")]) Class=Win32_Process Name=Create",
        "class",
    );
    check(&["iwmi", "-Path", "C.K=1", "M"], "Path=C.K=1 Name=M", "path");
    // What fits: a name, a path, a query.
    check(&["gcim", "Win32_Process"], "ClassName=Win32_Process", "ClassNameComputerSet");
    check(&["gcim", "C.K=\"a\""], "InputObject=C.K=\"a\"", "CimInstanceComputerSet");
    check(
        &["scim", "select * from C", "-Property", "@{A=1}"],
        "Property=Table([(\"A\", Text(\"1\"))]) Query=select * from C",
        "QueryComputerSet",
    );
    check(&["rcim", "C.K=1", "-CimSession", "a"], "CimSession=a InputObject=C.K=1", "CimInstanceSessionSet");
    check(&["icim", "C", "@{A=1}", "M"], "ClassName=C Arguments=Table([(\"A\", Text(\"1\"))]) MethodName=M", "ClassNameComputerSet");
    refused(&["icim", "C", "M"], "Cannot bind parameter 'Arguments'.");
    check(&["Register-WmiEvent", "C", "x"], "Class=C SourceIdentifier=x", "class");
    check(&["rcie", "SELECT * FROM C"], "Query=SELECT * FROM C", "QueryExpressionComputerSet");
}

#[test]
fn what_does_not_go_together_is_refused() {
    let unresolved = "Parameter set cannot be resolved using the specified named parameters.";
    for line in [
        &["gwmi", "-Query", "q", "-Filter", "x"][..],
        &["gwmi", "-Query", "q", "-List"],
        &["gwmi", "-List", "-Property", "A"],
        &["gwmi", "-Recurse", "-Filter", "x"],
        &["iwmi", "-Class", "C", "-Path", "p", "-Name", "M"],
        &["iwmi", "-InputObject", "p", "-Name", "M", "-ComputerName", "a"],
        &["gcim", "C", "-ComputerName", "a", "-CimSession", "b"],
        &["gcim", "-Query", "q", "-KeyOnly"],
        &["gcim", "-InputObject", "p", "-Namespace", "root"],
        &["gcim", "-ClassName", "C", "-Query", "q"],
        &["icim", "-ClassName", "C", "-Query", "q", "-MethodName", "M"],
        &["scim", "-InputObject", "p", "-Query", "q", "-Property", "@{}"],
        &["rcie", "-ClassName", "C", "-Query", "q"],
    ] {
        refused(line, unresolved);
    }
    let missing = "Cannot process command because of one or more missing mandatory parameters: ";
    for (line, names) in [
        (&["gwmi"][..], "Class."),
        (&["gwmi", "-Recurse"], "List."),
        (&["iwmi", "C"], "Name."),
        (&["icim"], "ClassName MethodName."),
        (&["scim", "C.K=1"], "Property."),
        (&["gcim", "-CimSession", "a"], "ClassName."),
        (&["gcai"], "InputObject."),
    ] {
        refused(line, &format!("{missing}{names}"));
    }
    refused(&["gwmi", "C", "-AsJob"], "-AsJob is of PowerShell only: a job is of a PowerShell session");
    refused(&["gcim", "C", "-ResourceUri", "x"], "it is of WS-Management");
    refused(&["rcie", "C", "-Action", "{}"], "it is a script block");
}

#[test]
fn values_have_types() {
    refused(&["gwmi", "C", "-ThrottleLimit", "x"], "Cannot convert value \"x\" to type \"System.Int32\".");
    refused(&["gwmi", "C", "-ThrottleLimit", "0"], "The 0 argument is less than the minimum allowed range of 1.");
    refused(&["gwmi", "C", "-ThrottleLimit", "5000"], "is greater than the maximum allowed range of 4096.");
    refused(
        &["gwmi", "C", "-Impersonation", "x"],
        "The possible enumeration values are \"Default, Anonymous, Identify, Impersonate, Delegate\".",
    );
    refused(&["gwmi", "C", "-Impersonation", "I"], "due to enumeration values that are not valid");
    refused(&["swmi", "C", "-Arguments", "A=1"], "a hash table is written");
    refused(&["iwmi", "C", "M", "-Args", "$x"], "variables of PowerShell are not known");
    refused(&["gcim", ""], "because it is an empty string");
    refused(&["gcim", "C", "--no-such-thing"], "matches parameter name 'no-such-thing'.");
    refused(&["gcim", "C", "--user"], "Missing an argument for parameter 'user'.");
    assert_eq!(
        read(&["gcim", "C", "--user", "x", "-o", "csv", "--json-strings"]).unwrap().options,
        ["--user", "x", "-o", "csv", "--json-strings"]
    );
    assert_eq!(read(&["gcim", "C", "-?"]).unwrap_err().message, "help");
}

#[test]
fn the_table_of_cmdlets_is_consistent() {
    for cmdlet in CMDLETS {
        let sets: Sets = cmdlet.sets.iter().fold(0, |all, (set, _)| all | set);
        let names: Vec<String> = cmdlet.parameters().flat_map(|p| p.names()).map(str::to_lowercase).collect();
        for (n, name) in names.iter().enumerate() {
            assert!(!names[..n].contains(name), "{}: -{name} twice", cmdlet.name);
        }
        for parameter in cmdlet.parameters() {
            assert_ne!(parameter.sets & sets, 0, "{} -{}", cmdlet.name, parameter.name);
            assert_eq!(parameter.required & !parameter.sets, 0, "{} -{}", cmdlet.name, parameter.name);
            let has_option = |o: &str| Known::new().takes_value(o.trim_start_matches("--")) == Some(true);
            assert!(parameter.option.is_none_or(has_option), "{} -{}", cmdlet.name, parameter.name);
        }
    }
}
