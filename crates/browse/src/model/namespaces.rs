//! The namespaces of a computer, loaded where they are opened.

use super::{Act, Ctx, Go, Screen};
use crate::event::{Answer, Ask, Id};
use crate::layout;
use crate::tree::{Below, NodeId, Tree};
use crossterm::event::{KeyCode, KeyEvent};

#[derive(Debug)]
pub(crate) struct Namespaces {
    /// The names of nodes are whole: `root\cimv2`.
    pub(crate) tree: Tree,
    asked: Vec<(Id, NodeId)>,
    /// Where the cursor goes when it is there.
    wanted: Option<String>,
}

const ROOT: &str = "root";

impl Namespaces {
    pub(crate) fn new(wanted: &str) -> Namespaces {
        let mut tree = Tree::default();
        tree.top_below = Below::Known;
        tree.add(None, [ROOT.to_owned()]);
        tree.reshape();
        Namespaces { tree, asked: Vec::new(), wanted: Some(wanted.replace('/', "\\").to_lowercase()) }
    }

    fn open(&mut self, node: NodeId, c: &mut Ctx<'_>) {
        if self.tree.node(node).below == Below::Unknown {
            let name = self.tree.node(node).name.clone();
            self.tree.node_mut(node).below = Below::Loading;
            let id = c.ask_of(c.host.to_owned(), name.clone(), format!("namespaces of {name}"), Ask::Namespaces);
            self.asked.push((id, node));
        }
        self.tree.set_open(node, true);
    }
}

impl Act for Namespaces {
    fn enter(&mut self, c: &mut Ctx<'_>) {
        if let Some(root) = self.tree.find(ROOT) {
            self.open(root, c);
        }
    }

    fn key(&mut self, key: KeyEvent, c: &mut Ctx<'_>) -> bool {
        let height = layout::inner(c.body()).height.into();
        let len = self.tree.lines().len();
        if self.tree.list.key(key, len, height) {
            return true;
        }
        let Some(node) = self.tree.selected() else { return false };
        match key.code {
            KeyCode::Enter => {
                let namespace = self.tree.node(node).name.clone();
                c.go(Go::OpenIn { namespace, screen: Screen::Classes(Box::default()) });
            }
            KeyCode::Right | KeyCode::Char('+') => self.open(node, c),
            KeyCode::Left | KeyCode::Char('-') if self.tree.node(node).open => self.tree.set_open(node, false),
            KeyCode::Left => self.tree.go_up(),
            KeyCode::Char('r') => {
                c.forget();
                self.tree.node_mut(node).below = Below::Unknown;
                self.open(node, c);
            }
            KeyCode::Char('y') => c.copy("path", format!("\\\\{}\\{}", c.host, self.tree.node(node).name)),
            _ => return false,
        }
        self.tree.list.settle(self.tree.lines().len(), height);
        true
    }

    fn answer(&mut self, id: Id, answer: Answer, c: &mut Ctx<'_>) {
        let Some(at) = self.asked.iter().position(|(asked, _)| *asked == id) else { return };
        let (_, node) = self.asked.remove(at);
        match answer {
            Answer::Namespaces(names) => {
                let above = self.tree.node(node).name.clone();
                self.tree.node_mut(node).below = Below::Known;
                self.tree.add(Some(node), names.into_iter().map(|name| format!("{above}\\{name}")));
                self.tree.reshape();
                let wanted = self.wanted.as_deref().unwrap_or_default();
                // One step nearer to where the cursor is to go.
                let mut nearer = None;
                if let Some(found) = self.tree.find(wanted) {
                    self.tree.reveal(found);
                    self.wanted = None;
                } else {
                    let start = above.len() + 1;
                    let next = wanted.get(start..).and_then(|rest| rest.find('\\')).and_then(|end| wanted.get(..start + end));
                    nearer = next.filter(|n| n.starts_with(&above.to_lowercase())).and_then(|next| self.tree.find(next));
                }
                if let Some(node) = nearer {
                    self.open(node, c);
                }
            }
            Answer::Failed(trouble) => {
                self.tree.node_mut(node).below = Below::Unknown;
                self.tree.set_open(node, false);
                c.fail(trouble);
            }
            _ => {}
        }
        let height = layout::inner(c.body()).height.into();
        self.tree.list.settle(self.tree.lines().len(), height);
    }

    fn stopped(&mut self, _: &mut Ctx<'_>) {
        for (_, node) in std::mem::take(&mut self.asked) {
            self.tree.node_mut(node).below = Below::Unknown;
            self.tree.set_open(node, false);
        }
    }

    fn title(&self) -> String {
        "namespaces".into()
    }

    fn keys(&self) -> Vec<(&'static str, &'static str)> {
        vec![("Enter", "classes"), ("←→", "fold"), ("r", "reload"), ("y", "copy path"), ("?", "help"), ("q", "quit")]
    }
}
