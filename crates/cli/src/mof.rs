//! `rwmi mof`: classes and instances from MOF files to a server, and classes from a server as MOF.

mod how;

pub(crate) use how::How;

use crate::args::{MofAction, MofCompile, MofExport};
use crate::connect::Targets;
use crate::many::{Text, Trouble, print_texts};
use crate::report::Failure;
use rwmi_cim::mof::{self, Modes, MofError, PutMode, Target};
use rwmi_cim::{Class, Flavor, Instance, Object, ObjectPath, Operation, PutOptions, WbemStatus};
use rwmi_client::{Client, Depth, Error, ErrorKind, Namespace};
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::task::block_in_place;

/// Compiles or exports.
pub(crate) fn run(action: MofAction) -> Result<ExitCode, Failure> {
    match action {
        MofAction::Compile(args) => compile(args),
        MofAction::Export(args) => export(args),
    }
}

/// A text that is not compiled is told with its places.
fn refused(errors: &[MofError]) -> Failure {
    Failure::new(errors.iter().map(MofError::render).collect::<Vec<_>>().join("\n"))
}

/// What is compiled into each server.
struct Source {
    document: mof::Document,
    /// Where included files are.
    directory: PathBuf,
    check: bool,
    how: How,
    modes: Modes,
}

fn compile(args: MofCompile) -> Result<ExitCode, Failure> {
    // Nothing is asked of anybody for a text that is no MOF.
    let octets = read(&args.file).map_err(|e| Failure::new(format!("{}: {e}", args.file.display())))?;
    let document = mof::parse_octets(&args.file.display().to_string(), &octets).map_err(|errors| refused(&errors))?;
    let modes = args.how.modes()?;
    let targets = Targets::new(args.connect)?;
    let several = 1 < targets.hosts().len();
    if several && args.how.files().is_some() {
        return Err(Failure::usage("--mof and --mfl name one pair of files, and -c several computers"));
    }
    let directory = args.file.parent().map(Path::to_owned).unwrap_or_default();
    let source = Arc::new(Source { document, directory, check: args.check, how: args.how, modes });
    print_texts(targets, move |client, home, host| {
        let source = source.clone();
        async move {
            let (done, parted) = put(&source, client, home).await?;
            if let Some(words) = parted {
                return Ok(words.into());
            }
            let verb = if source.check { "would be put" } else { "put" };
            let place = if several { format!("{host}: ") } else { String::new() };
            Ok(format!("{place}{} classes and {} instances {verb}, {} deleted\n", done.classes, done.instances, done.deleted).into())
        }
    })
}

/// Compiles against the classes of a server, and puts what is declared; or writes it into two files, and says so.
async fn put(source: &Source, client: Client, home: Namespace) -> Result<(mof::Compiled, Option<String>), Trouble> {
    // Where it goes without a pragma.
    let namespace = home.name().replace('/', r"\");
    let mut server = Server {
        client: client.clone(),
        home: home.clone(),
        handle: Handle::current(),
        directory: source.directory.clone(),
        seen: RefCell::default(),
        failed: RefCell::default(),
        namespaces: BTreeSet::new(),
        deleted: Vec::new(),
        operations: Vec::new(),
    };
    let compiled = block_in_place(|| mof::compile_with(&source.document, &namespace, source.modes, &mut server));
    let Server { failed, operations, .. } = server;
    if let Some(error) = failed.into_inner() {
        return Err(error.into());
    }
    let done = compiled.map_err(|e| refused(&[e]))?;
    if let Some(files) = source.how.files() {
        let words = how::part(&operations, source.modes.amendment.unwrap_or_default(), files)?;
        return Ok((done, Some(words)));
    }
    if !source.check {
        apply(&client, &home, &operations).await?;
    }
    Ok((done, None))
}

/// Sends what a text declares: as one change, or one after the other where the server does not know how.
async fn apply(client: &Client, home: &Namespace, operations: &[(String, Operation)]) -> Result<(), Failure> {
    if operations.is_empty() {
        return Ok(());
    }
    if home.has_transactions().await? {
        return home.write_together(operations).await.map_err(|e| Failure::from(e).hint("nothing was changed"));
    }
    let mut open: HashMap<String, Namespace> = HashMap::new();
    for (n, (namespace, operation)) in operations.iter().enumerate() {
        let sent = async {
            if !open.contains_key(namespace) {
                open.insert(namespace.clone(), client.namespace(namespace).await?);
            }
            match open.get(namespace) {
                Some(ns) => ns.write(operation).await,
                None => Ok(()),
            }
        };
        if let Err(error) = sent.await {
            let failure = Failure::from(error);
            let applied: Vec<String> = operations.iter().take(n).map(|(ns, op)| format!("  {}", name_of(ns, op))).collect();
            let applied =
                if applied.is_empty() { "nothing was changed".into() } else { format!("applied before:\n{}", applied.join("\n")) };
            return Err(Failure { message: format!("{}: {}\n{applied}", name_of(namespace, operation), failure.message), ..failure });
        }
    }
    Ok(())
}

fn name_of(namespace: &str, operation: &Operation) -> String {
    match operation {
        Operation::PutClass { class, .. } => format!("class {namespace}:{}", class.name),
        Operation::Put { instance, .. } => match Object::from(instance.clone()).relative_path() {
            Some(path) => format!("instance {namespace}:{path}"),
            None => format!("instance of {namespace}:{}", instance.class.name),
        },
        Operation::DeleteClass(name) => format!("deletion of class {namespace}:{name}"),
        Operation::Delete(path) => format!("deletion of {namespace}:{path}"),
        _ => namespace.to_owned(),
    }
}

/// What a text is compiled against: the classes of the server and those that the text declares before.
struct Server {
    client: Client,
    home: Namespace,
    handle: Handle,
    /// Where included files are.
    directory: PathBuf,
    /// Classes by namespace and name in lower case; `None` where there is none.
    seen: RefCell<Seen>,
    /// Why the server could not be asked.
    failed: RefCell<Option<Error>>,
    /// Namespaces that the text makes, in lower case.
    namespaces: BTreeSet<String>,
    /// Classes that the text deletes, with their namespaces in lower case.
    deleted: Vec<(String, String)>,
    operations: Vec<(String, Operation)>,
}

/// Classes by namespace and name.
type Seen = HashMap<(String, String), Option<Arc<Class>>>;

impl Server {
    fn ask(&self, namespace: &str, name: &str) -> Result<Option<Arc<Class>>, Error> {
        self.handle.block_on(async {
            let same = self.home.name().eq_ignore_ascii_case(namespace);
            let place = match if same { Ok(self.home.clone()) } else { self.client.namespace(namespace).await } {
                Ok(place) => place,
                // A namespace that the text makes starts with the classes of the system, which every namespace has.
                Err(e) if *e.kind() == ErrorKind::Wbem(WbemStatus::INVALID_NAMESPACE) => {
                    if !self.namespaces.contains(&namespace.to_lowercase()) {
                        return Err(e);
                    }
                    if !name.starts_with("__") {
                        return Ok(None);
                    }
                    self.home.clone()
                }
                Err(e) => return Err(e),
            };
            match place.amended_class(name).await {
                Ok(class) => Ok(Some(class)),
                Err(e) if matches!(e.kind(), ErrorKind::Wbem(WbemStatus::NOT_FOUND | WbemStatus::INVALID_CLASS)) => Ok(None),
                Err(e) => Err(e),
            }
        })
    }

    fn options(mode: PutMode, amended: bool) -> PutOptions {
        let mut options = PutOptions::default();
        (options.mode, options.amended) = (mode, amended);
        options
    }
}

impl Target for Server {
    fn class(&self, namespace: &str, name: &str) -> Option<Arc<Class>> {
        let key = (namespace.to_lowercase(), name.to_lowercase());
        if let Some(known) = self.seen.borrow().get(&key) {
            return known.clone();
        }
        let class = self.ask(namespace, name).unwrap_or_else(|error| {
            self.failed.borrow_mut().get_or_insert(error);
            None
        });
        // What derives from a class that the text deletes goes with it.
        let class = class.filter(|c| !self.deleted.iter().any(|(n, above)| *n == key.0 && c.is_a(above)));
        self.seen.borrow_mut().insert(key, class.clone());
        class
    }

    fn put_class(&mut self, namespace: &str, class: Arc<Class>, mode: PutMode) -> Result<(), WbemStatus> {
        self.seen.borrow_mut().insert((namespace.to_lowercase(), class.name.to_lowercase()), Some(class.clone()));
        let options = Server::options(mode, has_amended(&class));
        self.operations.push((namespace.to_owned(), Operation::PutClass { class, options }));
        Ok(())
    }

    fn put_instance(&mut self, namespace: &str, instance: Instance, mode: PutMode) -> Result<(), WbemStatus> {
        if instance.class.is_a("__NAMESPACE")
            && let Some(name) = instance.get("Name").and_then(|v| v.as_str())
        {
            self.namespaces.insert(format!(r"{namespace}\{name}").to_lowercase());
        }
        let options = Server::options(mode, false);
        self.operations.push((namespace.to_owned(), Operation::Put { instance, options }));
        Ok(())
    }

    fn delete_class(&mut self, namespace: &str, name: &str) -> Result<(), WbemStatus> {
        self.class(namespace, name).ok_or(WbemStatus::NOT_FOUND)?;
        let namespace_folded = namespace.to_lowercase();
        for ((place, _), class) in self.seen.borrow_mut().iter_mut() {
            if *place == namespace_folded && class.as_ref().is_some_and(|c| c.is_a(name)) {
                *class = None;
            }
        }
        self.deleted.push((namespace_folded, name.to_owned()));
        self.operations.push((namespace.to_owned(), Operation::DeleteClass(name.to_owned())));
        Ok(())
    }

    fn delete_instance(&mut self, namespace: &str, path: &ObjectPath) -> Result<(), WbemStatus> {
        let there = self.handle.block_on(async {
            let place = self.client.namespace(namespace).await?;
            place.object(&path.to_string()).await
        });
        match there {
            Ok(_) => {
                self.operations.push((namespace.to_owned(), Operation::Delete(path.clone())));
                Ok(())
            }
            Err(e) => match e.kind() {
                ErrorKind::Wbem(status) => Err(*status),
                _ => {
                    self.failed.borrow_mut().get_or_insert(e);
                    Err(WbemStatus::FAILED)
                }
            },
        }
    }

    fn include(&mut self, name: &str) -> Option<String> {
        let octets = read(&self.directory.join(name.replace('\\', "/"))).ok()?;
        Some(String::from_utf8(octets).unwrap_or_else(|e| e.as_bytes().iter().map(|b| char::from(*b)).collect()))
    }
}

fn has_amended(class: &Class) -> bool {
    let amended = |q: &rwmi_cim::Qualifiers| q.0.iter().any(|q| q.flavor.has(Flavor::AMENDED) && !q.flavor.has(Flavor::PROPAGATED));
    let parameters = class.methods.iter().flat_map(|m| [&m.input, &m.output]).flatten();
    amended(&class.qualifiers)
        || class.properties.iter().any(|p| amended(&p.qualifiers))
        || class.methods.iter().any(|m| amended(&m.qualifiers))
        || parameters.flat_map(|c| &c.properties).any(|p| amended(&p.qualifiers))
}

/// The octets of a file, or of standard input; of one that is too long only so much that this shows.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    let most = mof::limits::SOURCE_MAX as u64 + 1;
    if path == Path::new("-") {
        io::stdin().lock().take(most).read_to_end(&mut octets)?;
    } else {
        File::open(path)?.take(most).read_to_end(&mut octets)?;
    }
    Ok(octets)
}

fn export(args: MofExport) -> Result<ExitCode, Failure> {
    let targets = Targets::new(args.connect)?;
    let several = 1 < targets.hosts().len();
    let wanted = Arc::new((args.classes, args.system, args.standard, args.instances));
    print_texts(targets, move |_, namespace, host| {
        let wanted = wanted.clone();
        async move {
            let (classes, system, standard, with_instances) = &*wanted;
            let (mut text, mut aside) = (if several { format!("// {host}\n") } else { String::new() }, String::new());
            if *standard {
                let standard = mof::print_standard(&exported(&namespace, classes, *system, true).await?);
                aside = changes(namespace.name(), &standard.changes);
                text += &standard.text;
            } else {
                text += &format!("#pragma namespace(\"\\\\\\\\.\\\\{}\")\n", namespace.name().replace('\\', r"\\"));
                for class in exported(&namespace, classes, *system, false).await? {
                    // What goes in again declares no class of the system: every namespace has them.
                    if *with_instances && !system && class.name.starts_with("__") {
                        continue;
                    }
                    text += "\n";
                    text += &mof::print_class(&class);
                }
                if *with_instances {
                    instances(&namespace, classes, &mut text).await?;
                }
            }
            Ok(Text { out: text, aside })
        }
    })
}

/// The classes of a namespace, in an order in which they can be declared; those that are named, else all. With `needed` also those
/// that these need: above them, in their references and in their embedded objects.
async fn exported(namespace: &Namespace, names: &[String], system: bool, needed: bool) -> Result<Vec<Arc<Class>>, Failure> {
    if names.is_empty() {
        let all = namespace.classes(None, Depth::Deep).await?.collect().await?;
        let mut all: Vec<Arc<Class>> = all.into_iter().filter(|c| system || !c.name.starts_with("__")).collect();
        // A class is declared after the one that it derives from.
        all.sort_by_key(|c| (c.derivation.len(), c.name.to_lowercase()));
        let mut classes = Vec::with_capacity(all.len());
        for class in all {
            classes.push(namespace.amended_class(&class.name).await?);
        }
        return Ok(classes);
    }
    let (mut seen, mut classes): (BTreeSet<String>, Vec<Arc<Class>>) = (BTreeSet::new(), Vec::new());
    let mut wanted: Vec<String> = names.iter().rev().cloned().collect();
    while let Some(name) = wanted.pop() {
        if !seen.insert(name.to_lowercase()) {
            continue;
        }
        let class = namespace.amended_class(&name).await?;
        if needed {
            wanted.extend(mof::needs(&class).into_iter().filter(|n| system || !n.starts_with("__")));
        }
        classes.push(class);
    }
    classes.sort_by_key(|c| c.derivation.len());
    Ok(classes)
}

/// What a text in the standard's words does not say as WMI does.
fn changes(namespace: &str, changes: &[mof::Change]) -> String {
    let most = 3;
    let mut text = format!("not said as WMI says it:\n  pragma namespace: left out (1: {namespace})\n");
    for change in changes {
        let places: Vec<&str> = change.places.iter().take(most).map(String::as_str).collect();
        let more = if change.places.len() > most { ", ..." } else { "" };
        text += &format!("  {} ({}: {}{more})\n", change.what, change.places.len(), places.join(", "));
    }
    text
}

/// Prints what the server stores: not namespaces, which have classes of their own, not what it says of itself, not what providers tell.
async fn instances(namespace: &Namespace, names: &[String], text: &mut String) -> Result<(), Failure> {
    let all = namespace.classes(None, Depth::Deep).await?.collect().await?;
    let stored = |c: &&Arc<Class>| {
        let named = names.is_empty() || names.iter().any(|n| n.eq_ignore_ascii_case(&c.name));
        let of_service = c.name.starts_with("__") && (c.is_singleton() || c.name.eq_ignore_ascii_case("__NAMESPACE"));
        named && !of_service && !c.is_abstract() && c.provider().is_none()
    };
    let mut all: Vec<&Arc<Class>> = all.iter().filter(stored).collect();
    all.sort_by_key(|c| c.name.to_lowercase());
    for class in all {
        let mut found = Vec::new();
        for object in namespace.instances(&class.name, Depth::Shallow).await?.collect().await? {
            let instance = object.to_instance().map_err(|e| Failure::new(format!("an instance of {}: {e}", class.name)))?;
            found.push((object.relative_path().map(|p| p.to_string()), mof::print_instance(&instance)));
        }
        found.sort();
        for (_, printed) in found {
            *text += "\n";
            *text += &printed;
        }
    }
    Ok(())
}
