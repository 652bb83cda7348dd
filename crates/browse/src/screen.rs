//! The terminal: taken, drawn on, and given back however it ends.

use crate::event::{Answer, Effect, Event, Id};
use crate::model::{Model, Options, update};
use crate::runner::{Open, Runner};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::terminal::{
    BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
    enable_raw_mode,
};
use crossterm::{cursor, event, execute, terminal};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use std::io::{self, Stdout, Write, stdout};
use std::process;
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::sleep;

/// Between two pictures while something turns.
const TICK: Duration = Duration::from_millis(60);

/// Events that are looked at before the next picture.
const AT_ONCE: usize = 256;

/// Longest text for the clipboard, in octets: terminals take no more.
const CLIPBOARD_MAX: usize = 100_000;

/// Runs until somebody ends it, and gives the exit status: 0, 130 for Ctrl-C, 143 and 129 where it was told to end or the terminal
/// went. The terminal is given back in each case, and when something panics.
///
/// # Errors
/// Those of the terminal.
pub async fn run(options: Options, open: Open, time: Duration) -> io::Result<u8> {
    restore_on_panic();
    let mut taken = Taken::take()?;
    let (mut runner, answers) = Runner::new(open, time);
    let ended = browse(&mut taken, options, &mut runner, answers).await;
    drop(taken);
    runner.close().await;
    ended
}

async fn browse(taken: &mut Taken, options: Options, runner: &mut Runner, mut answers: mpsc::Receiver<(Id, Answer)>) -> io::Result<u8> {
    let mut told = [(signal(SignalKind::interrupt())?, 130), (signal(SignalKind::terminate())?, 143), (signal(SignalKind::hangup())?, 129)];
    let [interrupt, terminate, hangup] = &mut told;
    let mut keys = keys();
    let mut terminal = fresh()?;
    let began = Instant::now();
    let (mut model, mut effects) = Model::new(options, terminal::size()?);
    loop {
        for effect in effects.drain(..) {
            match runner.take(effect) {
                None => {}
                Some(Effect::Quit(status)) => return Ok(status),
                Some(Effect::Copy(text)) => copy(&text)?,
                Some(Effect::Suspend) => {
                    taken.suspend()?;
                    terminal = fresh()?;
                }
                Some(_) => {}
            }
        }
        let size = terminal.size()?;
        effects.extend(update(&mut model, Event::Resize(size.width, size.height)));
        // A terminal that knows of it shows the whole picture at once, and none that is half drawn.
        execute!(stdout(), BeginSynchronizedUpdate)?;
        terminal.draw(|frame| crate::draw(&model, frame))?;
        execute!(stdout(), EndSynchronizedUpdate)?;
        let turns = model.wants_ticks();
        let first = tokio::select! {
            biased;
            _ = interrupt.0.recv() => return Ok(interrupt.1),
            _ = terminate.0.recv() => return Ok(terminate.1),
            _ = hangup.0.recv() => return Ok(hangup.1),
            key = keys.recv() => key,
            Some((id, answer)) = answers.recv() => Some(Event::Answer(id, answer)),
            () = sleep(TICK), if turns => Some(Event::Tick(0)),
        };
        // Nothing can be read from the terminal any more.
        let Some(first) = first else { return Ok(hangup.1) };
        let now = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        effects.extend(update(&mut model, Event::Tick(now)));
        if !matches!(first, Event::Tick(_)) {
            effects.extend(update(&mut model, first));
        }
        // What is there already is taken together; keys first, for somebody waits for them.
        for _ in 0..AT_ONCE {
            let event = match keys.try_recv() {
                Ok(key) => key,
                Err(_) => match answers.try_recv() {
                    Ok((id, answer)) => Event::Answer(id, answer),
                    Err(_) => break,
                },
            };
            effects.extend(update(&mut model, event));
        }
    }
}

/// An empty screen. It is not cleared by the terminal's own function, which asks where the cursor is: the answer would come among the
/// keys, from a slow terminal late.
fn fresh() -> io::Result<Terminal<CrosstermBackend<Stdout>>> {
    execute!(stdout(), Clear(ClearType::All))?;
    Terminal::new(CrosstermBackend::new(stdout()))
}

/// Keys, pastes and new sizes, read by a thread of their own, which ends with the process.
fn keys() -> mpsc::UnboundedReceiver<Event> {
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        while let Ok(read) = event::read() {
            let event = match read {
                event::Event::Key(key) => Event::Key(key),
                event::Event::Paste(text) => Event::Paste(text),
                event::Event::Resize(width, height) => Event::Resize(width, height),
                _ => continue,
            };
            if sender.send(event).is_err() {
                break;
            }
        }
    });
    receiver
}

/// To the clipboard of whoever sits at the terminal, also over SSH (OSC 52).
fn copy(text: &str) -> io::Result<()> {
    let mut end = CLIPBOARD_MAX.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut out = stdout();
    write!(out, "\x1b]52;c;{}\x07", STANDARD.encode(&text[..end]))?;
    out.flush()
}

/// The terminal while it is ours.
struct Taken;

impl Taken {
    fn take() -> io::Result<Taken> {
        enable_raw_mode()?;
        // From here on it is given back, also where the next line fails.
        let taken = Taken;
        execute!(stdout(), EnterAlternateScreen, EnableBracketedPaste)?;
        Ok(taken)
    }

    /// Gives it back, and stops until the shell lets us go on.
    fn suspend(&mut self) -> io::Result<()> {
        give_back(&mut stdout());
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TSTP)?;
        enable_raw_mode()?;
        execute!(stdout(), EnterAlternateScreen, EnableBracketedPaste)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        give_back(&mut stdout());
    }
}

fn give_back(out: &mut Stdout) {
    // Where the terminal is gone nobody is left to mind.
    let _ = execute!(out, EndSynchronizedUpdate, DisableBracketedPaste, LeaveAlternateScreen, cursor::Show);
    let _ = disable_raw_mode();
}

/// A panic anywhere ends the process: a half-working screen would hide it.
fn restore_on_panic() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        give_back(&mut stdout());
        tell(info);
        process::exit(101);
    }));
}
