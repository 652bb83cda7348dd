//! The task behind a channel: commands and octets in, octets and answers out.

use bytes::{Buf, Bytes, BytesMut};
use rwmi_auth::SecurityContext;
use rwmi_rpc::{
    CallFailure, CallId, ClientConnection, ClientEvent, ClientOptions, ConnectionError, OutgoingCall, SecurityId, SecurityOptions,
};
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

/// Octets that a read takes at most. What is read of a fragment is handed on without a copy, so this is also what a short
/// answer may keep alive.
const READ_LEN: usize = 32 << 10;

/// Makes room for a read, now and then for several.
pub(crate) fn make_room(input: &mut BytesMut) {
    if input.capacity() - input.len() < READ_LEN / 4 {
        input.reserve(READ_LEN);
    }
}

/// Why the connection ended, for those who call later.
pub(crate) type Ended = Arc<OnceLock<ConnectionError>>;

pub(crate) enum Command {
    Secure { key: u64, context: Box<dyn SecurityContext>, options: SecurityOptions },
    Call { key: u64, call: OutgoingCall, security: Option<u64>, reply: oneshot::Sender<Result<Bytes, CallFailure>> },
    Cancel { key: u64 },
}

pub(crate) struct Driver {
    machine: ClientConnection,
    commands: mpsc::UnboundedReceiver<Command>,
    security: HashMap<u64, SecurityId>,
    /// Those who wait, and the calls by the keys that their callers know.
    waiting: HashMap<CallId, (u64, oneshot::Sender<Result<Bytes, CallFailure>>)>,
    calls: HashMap<u64, CallId>,
    ended: Ended,
    closed: bool,
}

impl Driver {
    pub(crate) fn new(options: ClientOptions, commands: mpsc::UnboundedReceiver<Command>, ended: Ended) -> Driver {
        let machine = ClientConnection::new(options);
        Driver { machine, commands, security: HashMap::new(), waiting: HashMap::new(), calls: HashMap::new(), ended, closed: false }
    }

    pub(crate) async fn run(mut self, mut reader: impl AsyncRead + Unpin, mut writer: impl AsyncWrite + Unpin) {
        let mut input = BytesMut::new();
        let mut output = Bytes::new();
        // A timer is only built when there is a deadline that it does not cover.
        let timer = sleep_until(Instant::now());
        tokio::pin!(timer);
        loop {
            while let Some(event) = self.machine.poll_event() {
                self.event(event);
            }
            if output.is_empty() {
                output = self.machine.poll_transmit().unwrap_or_default();
            }
            if self.closed && output.is_empty() {
                break;
            }
            let deadline = self.machine.poll_timeout().map(Instant::from_std);
            if let Some(deadline) = deadline
                && timer.deadline() != deadline
            {
                timer.as_mut().reset(deadline);
            }
            make_room(&mut input);
            tokio::select! {
                biased;
                written = writer.write(&output), if !output.is_empty() => match written {
                    Ok(0) | Err(_) => self.machine.handle_closed(),
                    Ok(n) => output.advance(n),
                },
                read = reader.read_buf(&mut input), if !self.closed => match read {
                    Ok(0) | Err(_) => self.machine.handle_closed(),
                    Ok(_) => self.machine.handle_input(&mut input),
                },
                command = self.commands.recv(), if !self.closed => match command {
                    Some(command) => self.command(command),
                    None => break,
                },
                () = &mut timer, if deadline.is_some() => self.machine.handle_timeout(Instant::now().into_std()),
            }
            if self.closed {
                // What could not be written after the end is not worth waiting for.
                output.clear();
            }
        }
        let _ = writer.shutdown().await;
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Secure { key, context, options } => {
                self.security.insert(key, self.machine.add_security(context, options));
            }
            Command::Call { key, mut call, security, reply } => {
                call.security = security.and_then(|key| self.security.get(&key).copied());
                let id = self.machine.call(call);
                self.waiting.insert(id, (key, reply));
                self.calls.insert(key, id);
            }
            Command::Cancel { key } => {
                if let Some(id) = self.calls.remove(&key) {
                    self.waiting.remove(&id);
                    self.machine.cancel(id);
                }
            }
        }
    }

    fn event(&mut self, event: ClientEvent) {
        match event {
            ClientEvent::Done { call, result } => {
                if let Some((key, reply)) = self.waiting.remove(&call) {
                    self.calls.remove(&key);
                    // Whoever dropped the receiver has sent a cancel that comes too late.
                    let _ = reply.send(result);
                }
            }
            ClientEvent::Closed(why) => {
                tracing::debug!(%why, "connection ended");
                let _ = self.ended.set(why);
                self.closed = true;
                self.commands.close();
            }
            ClientEvent::Bound { group } => tracing::trace!(group, "bound"),
            ClientEvent::Authenticated(_) => tracing::trace!("authenticated"),
            _ => {}
        }
    }
}
