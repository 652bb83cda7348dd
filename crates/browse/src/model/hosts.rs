//! The computers.

use super::{Act, Ctx, Go, Namespaces, Screen};
use crate::event::{Answer, Ask, Id};
use crate::layout;
use crate::list::List;
use crossterm::event::{KeyCode, KeyEvent};

/// What is known of a computer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum HostState {
    Connecting,
    Connected,
    Failed(String),
}

#[derive(Debug)]
pub(crate) struct Hosts {
    pub(crate) hosts: Vec<(String, String)>,
    pub(crate) list: List,
    asked: Option<(Id, usize)>,
}

impl Hosts {
    pub(crate) fn new(hosts: &[(String, String)]) -> Hosts {
        Hosts { hosts: hosts.to_vec(), list: List::default(), asked: None }
    }
}

impl Act for Hosts {
    fn key(&mut self, key: KeyEvent, c: &mut Ctx<'_>) -> bool {
        let height = layout::inner(c.body()).height.into();
        if self.list.key(key, self.hosts.len(), height) {
            return true;
        }
        if matches!(key.code, KeyCode::Enter | KeyCode::Right | KeyCode::Char('r')) {
            if let Some((host, namespace)) = self.hosts.get(self.list.cursor).cloned() {
                c.cancel(self.asked.take().map(|(id, _)| id));
                // What failed before is tried anew when somebody asks for it.
                if c.s.hosts.get(&host) != Some(&HostState::Connected) {
                    c.forget_host(&host);
                }
                c.s.hosts.insert(host.clone(), HostState::Connecting);
                let id = c.ask_of(host.clone(), namespace, format!("connecting to {host}"), Ask::Connect);
                self.asked = Some((id, self.list.cursor));
            }
            return true;
        }
        false
    }

    fn answer(&mut self, id: Id, answer: Answer, c: &mut Ctx<'_>) {
        let Some((_, at)) = self.asked.take_if(|(asked, _)| *asked == id) else { return };
        let Some((host, namespace)) = self.hosts.get(at).cloned() else { return };
        match answer {
            Answer::Failed(trouble) => {
                c.s.hosts.insert(host, HostState::Failed(trouble.text.clone()));
                c.fail(trouble);
            }
            _ => {
                c.s.hosts.insert(host.clone(), HostState::Connected);
                let screen = Screen::Namespaces(Namespaces::new(&namespace));
                c.go(Go::OpenAt { host, namespace, screen });
            }
        }
    }

    fn stopped(&mut self, c: &mut Ctx<'_>) {
        if let Some((host, _)) = self.asked.take().and_then(|(_, at)| self.hosts.get(at)) {
            c.s.hosts.remove(host);
        }
    }

    fn title(&self) -> String {
        "computers".into()
    }

    fn keys(&self) -> Vec<(&'static str, &'static str)> {
        vec![("Enter", "connect"), ("?", "help"), ("q", "quit")]
    }
}
