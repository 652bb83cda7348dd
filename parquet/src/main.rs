//! `rwmi-parquet`: rows of a WQL query into a Parquet file.

use clap::{Parser, ValueEnum};
use rwmi_cim::{Class, Entity, wql};
use rwmi_client::{Client, Credentials, Error};
use rwmi_parquet::{Dates, Table};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc};

/// Rows of a WQL query into a Parquet file, with the types of the class.
#[derive(Debug, Parser)]
#[command(name = "rwmi-parquet", version, after_help = AFTER)]
struct Args {
    /// The computers, with commas between them
    #[arg(short = 'c', long = "computer-name", value_name = "HOST", value_delimiter = ',', required = true)]
    hosts: Vec<String>,

    /// Namespace
    #[arg(short, long, default_value = r"root\cimv2")]
    namespace: String,

    /// Account; else $RWMI_USER
    #[arg(short, long)]
    user: Option<String>,

    /// Read the password from the first line of a file; else $RWMI_PASSWORD
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,

    /// Port of the endpoint mapper, where it is not 135
    #[arg(long, value_name = "N")]
    endpoint_port: Option<u16>,

    /// Computers that are asked at the same time
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=4096))]
    throttle: u16,

    /// How a datetime is written
    #[arg(long, default_value = "timestamp")]
    datetime: Datetime,

    /// The file to write; it is there only when it is whole
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,

    /// The WQL query
    query: String,
}

const AFTER: &str = "Example:
  rwmi-parquet -c srv01,srv02 -u admin --password-file pw -o services.parquet \"SELECT Name, State, ProcessId FROM Win32_Service\"

Exit status: 0 success, 1 failure, 3 some computers failed and others did not; 130 interrupted.";

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Datetime {
    /// Timestamp in microseconds, UTC
    Timestamp,
    /// The 25 characters of WMI
    Text,
}

/// What comes of a computer.
enum Came {
    Class(Arc<Class>),
    Row(usize, Entity),
    Failed(String),
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let partial = PathBuf::from(format!("{}.partial", args.output.display()));
    let done = tokio::select! {
        biased;
        _ = tokio::signal::ctrl_c() => Ok(130),
        done = run(args, &partial) => done,
    };
    if !matches!(done, Ok(0 | 3)) {
        // What is not whole does not stay.
        let _ = std::fs::remove_file(&partial);
    }
    match done {
        Ok(code) => ExitCode::from(code),
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Asks, and writes; gives the exit status.
async fn run(args: Args, partial: &Path) -> Result<u8, String> {
    let query = wql::parse(&args.query).map_err(|e| format!("the query is not WQL: {}\n{}", e.status, e.diag.render(e.query())))?;
    let wql::Query::Select(select) = query else { return Err("only a SELECT has columns".into()) };
    let names: Option<Vec<String>> = match &select.columns {
        wql::Columns::All => None,
        wql::Columns::List(list) => Some(list.iter().filter_map(|p| p.single()).map(|n| n.text.clone()).collect()),
    };
    let dates = if matches!(args.datetime, Datetime::Text) { Dates::Text } else { Dates::Timestamp };
    let credentials = credentials(&args)?;
    let output = args.output.clone();
    let args = Arc::new(args);
    let (said, mut hears) = mpsc::channel(1024);
    let turns = Arc::new(Semaphore::new(args.throttle.into()));
    let class = Arc::new(select.class.text.clone());
    for index in 0..args.hosts.len() {
        let (args, said, turns, class, credentials) = (args.clone(), said.clone(), turns.clone(), class.clone(), credentials.clone());
        tokio::spawn(async move {
            let _turn = turns.acquire_owned().await;
            if let Err(error) = ask(&args, index, &class, credentials, &said).await {
                let _ = said.send(Came::Failed(error.to_string())).await;
            }
        });
    }
    drop(said);
    let (mut table, mut failed) = (None, 0);
    let several = 1 < args.hosts.len();
    while let Some(came) = hears.recv().await {
        match came {
            Came::Failed(why) => {
                failed += 1;
                eprintln!("error: {why}");
            }
            // The first computer says what the columns are.
            Came::Class(class) => {
                if table.is_none() {
                    let file = File::create(partial).map_err(|e| format!("{}: {e}", partial.display()))?;
                    table = Some(Table::new(file, &class, names.as_deref(), several, dates).map_err(|e| e.to_string())?);
                }
            }
            Came::Row(index, row) => {
                if let Some(table) = &mut table {
                    table.row(&args.hosts[index], &row).map_err(|e| e.to_string())?;
                }
            }
        }
    }
    let Some(table) = table else { return Ok(1) };
    let summary = table.finish().map_err(|e| e.to_string())?;
    for (name, count) in summary.lost {
        eprintln!("{name}: {count} values are no points in time and are null; --datetime text keeps them");
    }
    if failed == args.hosts.len() {
        return Ok(1);
    }
    std::fs::rename(partial, &output).map_err(|e| format!("{}: {e}", output.display()))?;
    Ok(if failed == 0 { 0 } else { 3 })
}

async fn ask(args: &Args, index: usize, class: &str, credentials: Option<Credentials>, said: &mpsc::Sender<Came>) -> Result<(), Error> {
    let mut builder = Client::builder(&args.hosts[index]);
    if let Some(port) = args.endpoint_port {
        builder = builder.endpoint_port(port);
    }
    if let Some(credentials) = credentials {
        builder = builder.credentials(credentials);
    }
    let client = builder.connect().await?;
    let rows = async {
        let namespace = client.namespace(&args.namespace).await?;
        let mut open = said.send(Came::Class(namespace.class(class).await?)).await.is_ok();
        let mut rows = namespace.query(&args.query).entities().await?;
        while open && let Some(row) = rows.next().await {
            open = said.send(Came::Row(index, row?)).await.is_ok();
        }
        Ok(())
    };
    let done = rows.await;
    client.close().await;
    done
}

fn credentials(args: &Args) -> Result<Option<Credentials>, String> {
    let Some(user) = args.user.clone().or_else(|| std::env::var("RWMI_USER").ok()).filter(|u| !u.is_empty()) else { return Ok(None) };
    let password = match &args.password_file {
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
            text.lines().next().unwrap_or_default().to_owned()
        }
        None => {
            std::env::var("RWMI_PASSWORD").map_err(|_| format!("no password for {user} was given: --password-file, or $RWMI_PASSWORD"))?
        }
    };
    Credentials::new(&user, password).map(Some).map_err(|e| e.to_string())
}
