//! `rwmi query`: rows of several computers, as they come.

use crate::args::Query;
use crate::connect::{INTERRUPTED, Targets, interrupted};
use crate::format::{Columns, Format, Row, RowWriter};
use crate::report::{FAILURE, Failure, PARTIAL};
use rwmi_cim::{Entity, wql};
use rwmi_client::Error;
use std::io::{self, BufWriter, IsTerminal};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;

/// Computers that are asked at the same time.
const HOSTS_MAX: usize = 32;

/// Rows that wait to be written; then computers wait.
const ROWS_WAITING: usize = 1024;

/// What came from a computer.
enum Said {
    Row(Entity),
    Failed(Box<Error>),
}

/// Asks, and prints.
pub(crate) fn run(args: Query) -> Result<ExitCode, Failure> {
    // Nobody is asked for a password for a query that is none.
    let query =
        wql::parse(&args.query).map_err(|e| Failure::new(format!("the query is not WQL: {}\n{}", e.status, e.diag.render(e.query()))))?;
    let columns = Columns { names: selected(&query), with_host: 1 < args.connect.hosts.len() };
    let targets = Arc::new(Targets::new(args.connect)?);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|e| Failure::new(format!("no threads: {e}")))?;
    let stdout = io::stdout();
    let is_terminal = stdout.is_terminal();
    let format = args.output.unwrap_or(if is_terminal { Format::Table } else { Format::Jsonl });
    let width = if is_terminal { terminal_width() } else { None };
    let mut writer = format.writer(BufWriter::with_capacity(64 << 10, stdout), columns, width);
    let question = Question { text: args.query, with_keys: args.with_keys };
    runtime.block_on(ask(targets, Arc::new(question), &mut *writer))
}

struct Question {
    text: String,
    with_keys: bool,
}

/// The properties of a SELECT list, in its order.
fn selected(query: &wql::Query) -> Option<Vec<String>> {
    let wql::Query::Select(select) = query else { return None };
    match &select.columns {
        wql::Columns::All => None,
        wql::Columns::List(list) => Some(list.iter().filter_map(|p| p.single()).map(|n| n.text.clone()).collect()),
    }
}

async fn ask(targets: Arc<Targets>, question: Arc<Question>, writer: &mut dyn RowWriter) -> Result<ExitCode, Failure> {
    let (said, mut hears) = mpsc::channel(ROWS_WAITING);
    let (stop, stopped) = watch::channel(false);
    let places = Arc::new(Semaphore::new(HOSTS_MAX));
    let mut tasks = JoinSet::new();
    let count = targets.hosts().len();
    for index in 0..count {
        let (targets, question, places, said, stopped) = (targets.clone(), question.clone(), places.clone(), said.clone(), stopped.clone());
        tasks.spawn(async move {
            let _place = places.acquire().await;
            one(&targets, index, &question, &said, stopped).await
        });
    }
    drop(said);
    let written = tokio::select! {
        written = write(&targets, &mut hears, writer) => Some(written),
        () = interrupted() => None,
    };
    // Whoever is still at work stops, and gives back what it holds.
    let _ = stop.send(true);
    drop(hears);
    let farewell = async { while tasks.join_next().await.is_some() {} };
    tokio::select! {
        () = farewell => {}
        () = interrupted() => {}
    }
    let failed = match written {
        None => return Ok(ExitCode::from(INTERRUPTED)),
        Some(Ok(failed)) => failed,
        // Whoever reads us has seen enough.
        Some(Err(e)) if e.kind() == io::ErrorKind::BrokenPipe => return Ok(ExitCode::SUCCESS),
        Some(Err(e)) => return Err(Failure::new(format!("cannot write to standard output: {e}"))),
    };
    let failed = failed.iter().filter(|f| **f).count();
    Ok(ExitCode::from(match failed {
        0 => 0,
        n if n == count => FAILURE,
        _ => PARTIAL,
    }))
}

/// Writes what comes until everybody has said everything; gives who failed.
async fn write(targets: &Targets, hears: &mut mpsc::Receiver<(usize, Said)>, writer: &mut dyn RowWriter) -> io::Result<Vec<bool>> {
    let mut failed = vec![false; targets.hosts().len()];
    loop {
        let (index, said) = match hears.try_recv() {
            Ok(next) => next,
            Err(_) => {
                // Nothing more for the moment: people and programs see what there is.
                writer.flush()?;
                match hears.recv().await {
                    Some(next) => next,
                    None => break,
                }
            }
        };
        match said {
            Said::Row(entity) => writer.row(&Row { host: &targets.hosts()[index], entity: &entity })?,
            Said::Failed(error) => {
                writer.flush()?;
                failed[index] = true;
                Failure::from(*error).print();
            }
        }
    }
    writer.finish()?;
    Ok(failed)
}

/// One computer, until its last row, its failure, or the stop of everything.
async fn one(targets: &Targets, index: usize, question: &Question, said: &mpsc::Sender<(usize, Said)>, stopped: watch::Receiver<bool>) {
    let host = &targets.hosts()[index];
    let opened = tokio::select! {
        opened = targets.open(host) => opened,
        () = told(stopped.clone()) => return,
    };
    let failed = |error: Error| said.send((index, Said::Failed(Box::new(error))));
    let (client, namespace, end) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            let _ = failed(error).await;
            return;
        }
    };
    let rows = async {
        let query = namespace.query(&question.text).ensure_locatable(question.with_keys);
        let mut rows = query.deadline(end.saturating_duration_since(Instant::now())).entities().await?;
        while let Some(row) = rows.next().await {
            let next = match row {
                Ok(entity) => said.send((index, Said::Row(entity))).await,
                Err(error) => failed(error).await,
            };
            if next.is_err() {
                break;
            }
        }
        Ok(())
    };
    tokio::select! {
        result = rows => if let Err(error) = result {
            let _ = failed(error).await;
        },
        () = told(stopped) => {}
    }
    drop(namespace);
    client.close().await;
}

async fn told(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|s| *s).await;
}

/// Columns of the terminal, where the system knows.
fn terminal_width() -> Option<u16> {
    rustix::termios::tcgetwinsize(io::stdout()).ok().map(|s| s.ws_col).filter(|w| *w != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_select_list_gives_the_columns() {
        let check = |text: &str, expect: Option<&[&str]>| {
            let names = selected(&wql::parse(text).unwrap());
            assert_eq!(names, expect.map(|e| e.iter().map(|n| (*n).to_owned()).collect()), "{text}");
        };
        check("SELECT * FROM A", None);
        check("SELECT b, A FROM A", Some(&["b", "A"]));
        check("SELECT __PATH FROM A", Some(&["__PATH"]));
        check("SELECT * FROM meta_class", None);
    }
}
