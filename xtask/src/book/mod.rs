//! `cargo xtask book`: runs every command of the README and of the book, in order, and compares what they print.
//!
//! Without options: of a clean clone of the commit, with the command as the clone builds it. `--work-tree` takes the files as they are and the
//! debug build, and `--page NAME` one page of them; `--bless` writes what was printed into the page. book/README.md has the rules of the blocks.

mod compare;
mod page;
mod world;

use crate::metadata;
use page::Step;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};
pub(crate) use world::Parts;
use world::World;

const README: &str = "README.md";
const BOOK: &str = "book/src";
/// The longest that a command of the book may take.
const LONGEST: Duration = Duration::from_secs(120);
/// The same of the README, which builds.
const LONGEST_BUILD: Duration = Duration::from_secs(1800);

/// What is left out of a command where the work tree is looked at.
const RELEASE: &str = " --release ";
/// How often it is looked whether a command has ended.
const STEP: Duration = Duration::from_millis(5);

/// What the command line says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    pages: Vec<String>,
    work_tree: bool,
    bless: bool,
}

impl Options {
    /// `None` where it cannot be read.
    pub(crate) fn read(arguments: &[&str]) -> Option<Options> {
        let mut options = Options::default();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match *argument {
                "--page" => options.pages.push((*rest.next()?).to_owned()),
                "--work-tree" => options.work_tree = true,
                "--bless" => options.bless = true,
                _ => return None,
            }
        }
        options.work_tree |= options.bless || !options.pages.is_empty();
        Some(options)
    }
}

/// Runs the pages, each in a world of its own, until one differs.
pub(crate) fn run(options: &Options) -> Result<ExitCode, String> {
    let metadata = metadata::load()?;
    let root = PathBuf::from(&metadata.workspace_root);
    let target = PathBuf::from(&metadata.target_directory);
    // The stand-in for systemd is a prop of the stage, no part of what is shown.
    cargo(&root, &target, &["build", "--locked", "--quiet", "-p", "rwmi-linux", "--example", "fake_systemd"])?;
    let systemd = target.join("debug/examples/fake_systemd");
    let (root, target, rwmi) = if options.work_tree {
        cargo(&root, &target, &["build", "--locked", "--quiet", "--bin", "rwmi"])?;
        let rwmi = target.join("debug/rwmi");
        (root, target, rwmi)
    } else {
        let own = target.join("book");
        let clone = clone(&root, &own.join("clone"))?;
        cargo(&clone, &own, &["build", "--locked", "--quiet", "--release", "--bin", "rwmi"])?;
        let rwmi = own.join("release/rwmi");
        (clone, own, rwmi)
    };
    let pages = chosen(&root, &options.pages)?;
    let started = Instant::now();
    for page in &pages {
        let status = Command::new("unshare")
            .args(["--mount", "--net", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc", "--"])
            .arg(std::env::current_exe().map_err(|e| e.to_string())?)
            .args(["book", "inside", page])
            .args([&root, &rwmi, &systemd])
            .arg(if options.bless { "bless" } else { "compare" })
            .arg(if options.work_tree { "debug" } else { "release" })
            .env("CARGO_TARGET_DIR", &target)
            .env("CARGO_HOME", home("CARGO_HOME", ".cargo")?)
            .env("RUSTUP_HOME", home("RUSTUP_HOME", ".rustup")?)
            .status()
            .map_err(|e| format!("unshare: {e}"))?;
        if !status.success() {
            return Ok(ExitCode::FAILURE);
        }
    }
    println!("{} pages as they are written, in {} s", pages.len(), started.elapsed().as_secs());
    Ok(ExitCode::SUCCESS)
}

/// One page, within its namespaces.
pub(crate) fn inside(page: &str, parts: &Parts, bless: bool, release: bool) -> Result<ExitCode, String> {
    let file = parts.root.join(page);
    let text = std::fs::read_to_string(&file).map_err(|e| format!("{page}: {e}"))?;
    let mut steps = page::steps(&text).map_err(|e| format!("{page}: {e}"))?;
    if steps.is_empty() {
        println!("{page}: nothing to run");
        return Ok(ExitCode::SUCCESS);
    }
    for step in steps.iter_mut().filter(|s| !release && s.command.contains(RELEASE)) {
        println!("{page}:{}: as a debug build", step.line);
        step.command = step.command.replace(RELEASE, " ");
    }
    let started = Instant::now();
    let world = World::make(parts).map_err(|e| format!("{page}: {e}"))?;
    // The README is read in the repository, the book anywhere.
    let directory = (page == README).then_some(parts.root.as_path());
    let mut renewed: Vec<(std::ops::Range<usize>, Vec<String>)> = Vec::new();
    for step in &steps {
        if let Some(place) = step.elsewhere {
            println!("{page}:{}: not run here: {place}", step.line);
            continue;
        }
        let (status, output) = perform(&world, step, directory).map_err(|e| format!("{page}:{}: {e}", step.line))?;
        let lines: Vec<&str> = output.lines().collect();
        let same = step.output.as_ref().is_none_or(|e| compare::matches(&e.lines, &lines));
        if same && status == Some(step.status) {
            continue;
        }
        if let (true, Some(expected), Some(status)) = (bless, &step.output, status) {
            println!("{page}:{}: renewed", step.line);
            let mark = (status != 0).then(|| format!("? {status}"));
            renewed.push((expected.place.clone(), mark.into_iter().chain(compare::renewed(&expected.lines, &lines)).collect()));
            continue;
        }
        let shown = status.map_or("none, a signal or the time ended it".to_owned(), |s| s.to_string());
        println!("{page}:{}: differs\n$ {}", step.line, step.command);
        if status != Some(step.status) {
            println!("exit status {shown}, not {}", step.status);
        }
        match &step.output {
            Some(expected) => print!("{}", compare::difference(&expected.lines, &lines)),
            None => println!("{output}"),
        }
        return Ok(ExitCode::FAILURE);
    }
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for (place, with) in renewed.into_iter().rev() {
        lines.splice(place, with);
        std::fs::write(&file, lines.join("\n") + "\n").map_err(|e| format!("{page}: {e}"))?;
    }
    println!("{page}: {} commands, {:.1} s", steps.len(), started.elapsed().as_secs_f64());
    Ok(ExitCode::SUCCESS)
}

/// The exit status and what was written to either stream, in its order.
///
/// What goes on in the background is not waited for; of a command that ends in `&`, until its output is the one of the page.
fn perform(world: &World, step: &Step, directory: Option<&Path>) -> Result<(Option<i32>, String), String> {
    let path = "/run/output";
    let output = std::fs::File::options().create(true).append(true).open(path).map_err(|e| e.to_string())?;
    output.set_len(0).map_err(|e| e.to_string())?;
    let mut child = world.command(&step.command, directory, &output)?.spawn().map_err(|e| format!("bash: {e}"))?;
    let end = Instant::now() + if directory.is_some() { LONGEST_BUILD } else { LONGEST };
    let status = loop {
        if let Some(status) = child.try_wait().map_err(|e| e.to_string())? {
            break status.code();
        }
        if Instant::now() >= end {
            child.kill().map_err(|e| e.to_string())?;
            break None;
        }
        std::thread::sleep(STEP);
    };
    let end = Instant::now() + LONGEST;
    let text = loop {
        let octets = std::fs::read(path).map_err(|e| e.to_string())?;
        let text = String::from_utf8_lossy(&octets).into_owned();
        let came = step.output.as_ref().is_none_or(|e| compare::matches(&e.lines, &text.lines().collect::<Vec<_>>()));
        if came || !step.goes_on() || Instant::now() >= end {
            break text;
        }
        std::thread::sleep(STEP);
    };
    // The next command has a file of its own, even where something still writes to this one.
    std::fs::remove_file(path).map_err(|e| e.to_string())?;
    Ok((status, text))
}

/// README and the chapters of the book, or those that were named: by file name, or by its last words.
fn chosen(root: &Path, names: &[String]) -> Result<Vec<String>, String> {
    let read = |path: &str| std::fs::read_to_string(root.join(path)).map_err(|e| format!("{path}: {e}"));
    let summary = read(&format!("{BOOK}/SUMMARY.md"))?;
    let listed: Vec<String> = page::chapters(&summary).into_iter().map(|c| format!("{BOOK}/{c}")).collect();
    let mut there = Vec::new();
    for entry in std::fs::read_dir(root.join(BOOK)).map_err(|e| format!("{BOOK}: {e}"))? {
        let name = entry.map_err(|e| e.to_string())?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".md") && name != "SUMMARY.md" {
            there.push(format!("{BOOK}/{name}"));
        }
    }
    there.sort();
    if names.is_empty() {
        let unlisted: Vec<String> = there.iter().filter(|p| !listed.contains(p)).cloned().collect();
        for page in &unlisted {
            println!("{page}: not in {BOOK}/SUMMARY.md, run behind the others");
        }
        return Ok(std::iter::once(README.to_owned()).chain(listed).chain(unlisted).collect());
    }
    let stem = |page: &str| Path::new(page).file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    let mut pages = Vec::new();
    for name in names {
        let all = || std::iter::once(README.to_owned()).chain(there.iter().cloned());
        let found = all().find(|p| stem(p) == *name).or_else(|| all().find(|p| stem(p).ends_with(&format!("-{name}"))));
        pages.push(found.ok_or_else(|| format!("there is no page {name}"))?);
    }
    Ok(pages)
}

/// The commit that is checked out, without what is changed around it.
fn clone(root: &Path, to: &Path) -> Result<PathBuf, String> {
    if to.exists() {
        std::fs::remove_dir_all(to).map_err(|e| format!("{}: {e}", to.display()))?;
    }
    let status = Command::new("git").args(["clone", "--quiet", "--local", "--no-hardlinks"]).arg(root).arg(to).status();
    if !status.map_err(|e| format!("git: {e}"))?.success() {
        return Err("git clone failed".into());
    }
    Ok(to.to_owned())
}

fn cargo(root: &Path, target: &Path, arguments: &[&str]) -> Result<(), String> {
    let status = Command::new("cargo").args(arguments).current_dir(root).env("CARGO_TARGET_DIR", target).status();
    if status.map_err(|e| format!("cargo: {e}"))?.success() { Ok(()) } else { Err(format!("cargo {} failed", arguments.join(" "))) }
}

/// A directory of the user's that the pages need though their home is another.
fn home(variable: &str, below: &str) -> Result<PathBuf, String> {
    if let Some(set) = std::env::var_os(variable) {
        return Ok(set.into());
    }
    std::env::var_os("HOME").map(|h| Path::new(&h).join(below)).ok_or_else(|| "HOME is not set".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_and_a_renewal_are_of_the_work_tree() {
        let check = |arguments: &[&str], expect: Option<(&[&str], bool, bool)>| {
            let expect = expect.map(|(pages, work_tree, bless)| Options {
                pages: pages.iter().map(|p| (*p).to_owned()).collect(),
                work_tree,
                bless,
            });
            assert_eq!(Options::read(arguments), expect, "{arguments:?}");
        };
        check(&[], Some((&[], false, false)));
        check(&["--work-tree"], Some((&[], true, false)));
        check(&["--page", "a", "--page", "b"], Some((&["a", "b"], true, false)));
        check(&["--bless"], Some((&[], true, true)));
        check(&["--page"], None);
        check(&["a"], None);
    }
}
