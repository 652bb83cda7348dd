//! `rwmi get-class`: a class, as MOF.

use crate::args::{ClassFormat, GetClass};
use crate::connect::{INTERRUPTED, Targets, interrupted};
use crate::dump;
use crate::report::{FAILURE, Failure, PARTIAL};
use crate::threads::Threads;
use rwmi_cim::{Class, mof};
use rwmi_client::Error;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

/// Gets it from each computer, and prints it.
pub(crate) fn run(mut args: GetClass) -> Result<ExitCode, Failure> {
    args.class = args.connect.take_path(&args.class)?;
    let targets = Targets::new(args.connect)?;
    let threads = Threads::new()?;
    let (mut failed, several) = (0, 1 < targets.hosts().len());
    for host in targets.hosts() {
        let got = threads.block_on(async {
            tokio::select! {
                biased;
                () = interrupted() => None,
                got = get(&targets, host, &args.class, args.amended) => Some(got),
            }
        });
        let text = match got {
            None => return Ok(ExitCode::from(INTERRUPTED)),
            Some(Err(error)) => {
                failed += 1;
                Failure::from(error).print();
                continue;
            }
            Some(Ok(class)) => match args.output {
                ClassFormat::Mof if several => format!("// {host}\n{}", mof::print_class(&class)),
                ClassFormat::Mof => mof::print_class(&class),
                ClassFormat::Json if several => format!("{}\n", serde_json::json!({ "__HOST": host, "class": dump::class_json(&class) })),
                ClassFormat::Json => format!("{:#}\n", dump::class_json(&class)),
            },
        };
        match io::stdout().lock().write_all(text.as_bytes()) {
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => return Ok(ExitCode::SUCCESS),
            written => written.map_err(|e| Failure::new(format!("cannot write to standard output: {e}")))?,
        }
    }
    Ok(ExitCode::from(match failed {
        0 => 0,
        n if n == targets.hosts().len() => FAILURE,
        _ => PARTIAL,
    }))
}

async fn get(targets: &Targets, host: &str, class: &str, amended: bool) -> Result<Arc<Class>, Error> {
    let (client, namespace, _) = targets.open(host).await?;
    let got = if amended { namespace.amended_class(class).await } else { namespace.class(class).await };
    drop(namespace);
    client.close().await;
    got
}
