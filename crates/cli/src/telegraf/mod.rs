//! `rwmi telegraf`: a child of Telegraf's `inputs.execd` with `signal = "STDIN"`. It gathers at each newline on its standard input, keeps
//! its connections between, prints line protocol, and ends at the end of its input.

mod file;
mod machine;

use crate::connect::{INTERRUPTED, interrupted};
use crate::report::{Failure, harmless};
use crate::threads::Threads;
use clap::Args;
use file::settings;
use machine::{Gathered, Machine};
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Telegraf {
    /// What to gather: [[inputs.win_wmi]] sections, as Telegraf's plug-in for Windows has them
    #[arg(long, value_name = "FILE")]
    config: PathBuf,

    /// Gather once and end, to try a configuration
    #[arg(long)]
    once: bool,
}

const EXAMPLES: &str = "In telegraf.conf:
  [[inputs.execd]]
    command = [\"rwmi\", \"telegraf\", \"--config\", \"/etc/telegraf/rwmi.toml\"]
    signal = \"STDIN\"
    data_format = \"influx\"

In rwmi.toml:
  [[inputs.win_wmi]]
    hosts = [\"srv01\", \"srv02\"]
    username = 'CORP\\monitor'
    password_file = \"/etc/telegraf/rwmi.pw\"
    timeout = \"10s\"
    [[inputs.win_wmi.query]]
      namespace = 'root\\cimv2'
      class_name = \"Win32_LogicalDisk\"
      properties = [\"DeviceID\", \"FreeSpace\", \"Size\"]
      filter = \"DriveType = 3\"
      tag_properties = [\"DeviceID\"]

A computer that fails is told on standard error, in lines that begin with E!, and asked again at the next newline; one that refuses the
logon is not, since that locks accounts.

Exit status: 0 the input is over, 1 the configuration is wrong, with --once also where a computer failed, 130 interrupted.";

/// Computers that are asked at the same time.
const AT_ONCE: usize = 256;

/// Gathers until the input is over.
pub(crate) fn run(args: Telegraf) -> Result<ExitCode, Failure> {
    let machines = settings(&args.config)?.into_iter().map(|s| Machine::new(Arc::new(s))).collect();
    Threads::new()?.block_on(serve(machines, args.once))
}

async fn serve(mut machines: Vec<Machine>, once: bool) -> Result<ExitCode, Failure> {
    let (say, mut signals) = mpsc::channel(1);
    if once {
        let _ = say.send(()).await;
        drop(say);
    } else {
        // Nobody can cancel a read of standard input: the thread ends with the process.
        std::thread::spawn(move || listen(io::stdin().lock(), &say));
    }
    let mut failed = false;
    let gathering = async {
        while signals.recv().await.is_some() {
            match gather(std::mem::take(&mut machines)).await {
                Ok((all, failures)) => {
                    machines = all;
                    failed |= failures;
                }
                // Nobody reads any more.
                Err(e) if e.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                Err(e) => return Err(Failure::new(format!("cannot write to standard output: {e}"))),
            }
        }
        Ok(())
    };
    let done = tokio::select! {
        biased;
        () = interrupted() => return Ok(ExitCode::from(INTERRUPTED)),
        done = gathering => done,
    };
    let mut closing = JoinSet::new();
    for machine in machines {
        closing.spawn(machine.close());
    }
    while closing.join_next().await.is_some() {}
    done.map(|()| ExitCode::from(u8::from(once && failed)))
}

/// A word for each newline. Those that come while one waits already are that one: who gathers too slowly gathers less often.
fn listen(mut input: impl Read, say: &mpsc::Sender<()>) {
    let mut buffer = [0; 4096];
    loop {
        let n = match input.read(&mut buffer) {
            Ok(0) => return,
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return tell(&format!("E! cannot read standard input: {e}")),
        };
        let read = buffer.get(..n).unwrap_or_default();
        for _ in read.iter().filter(|octet| **octet == b'\n') {
            match say.try_send(()) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(())) => tell("W! gathering takes longer than the interval"),
                Err(mpsc::error::TrySendError::Closed(())) => return,
            }
        }
    }
}

/// Asks all, and writes what each has as soon as it has it. Gives them back, and whether one failed.
async fn gather(machines: Vec<Machine>) -> io::Result<(Vec<Machine>, bool)> {
    let stamp = SystemTime::now().duration_since(UNIX_EPOCH).ok().and_then(|t| u64::try_from(t.as_nanos()).ok());
    let count = machines.len();
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut tasks = JoinSet::new();
    for (place, mut machine) in machines.into_iter().enumerate() {
        let turns = turns.clone();
        tasks.spawn(async move {
            let _turn = turns.acquire_owned().await;
            let gathered = machine.gather(stamp).await;
            (place, machine, gathered)
        });
    }
    let mut back = Vec::with_capacity(count);
    let mut failed = false;
    while let Some(done) = tasks.join_next().await {
        let Ok((place, machine, Gathered { lines, failures })) = done else { continue };
        let mut out = io::stdout().lock();
        out.write_all(lines.as_bytes())?;
        out.flush()?;
        failed |= !failures.is_empty();
        failures.iter().for_each(|text| tell(text));
        back.push((place, machine));
    }
    back.sort_by_key(|(place, _)| *place);
    Ok((back.into_iter().map(|(_, machine)| machine).collect(), failed))
}

/// One line for Telegraf's log.
fn tell(text: &str) {
    let mut line = harmless(text.lines().next().unwrap_or_default());
    line.push('\n');
    // Nobody is left to tell when standard error is closed.
    let _ = io::stderr().write_all(line.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newline_is_a_word_and_many_are_one() {
        let words = |input: &str| {
            let (say, mut signals) = mpsc::channel(1);
            listen(input.as_bytes(), &say);
            drop(say);
            std::iter::from_fn(|| signals.try_recv().ok()).count()
        };
        assert_eq!((words(""), words("no end"), words("\n"), words("a\r\nb\n\n\n")), (0, 0, 1, 1));
    }
}
