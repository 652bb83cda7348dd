//! A tree of names that is loaded where it is opened: classes under their superclasses, namespaces in each other.

use crate::event::ClassName;
use crate::list::List;
use std::collections::HashMap;

/// A node, by its place in the tree's table.
pub(crate) type NodeId = u32;

/// Nodes of one tree; more are not taken.
pub(crate) const NODES_MAX: usize = 500_000;

/// Steps up that are followed: no class has so many ancestors, and a peer could send a ring.
const ANCESTORS_MAX: usize = 512;

/// What is known of the nodes below one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Below {
    /// Nobody asked.
    Unknown,
    /// It is being asked.
    Loading,
    /// All are there.
    Known,
}

#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) name: String,
    lower: String,
    parent: Option<NodeId>,
    children: Vec<NodeId>,
    pub(crate) below: Below,
    pub(crate) open: bool,
}

/// A line of the tree as it is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) node: NodeId,
    pub(crate) depth: u16,
}

#[derive(Debug, Clone)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
    top: Vec<NodeId>,
    by_name: HashMap<String, NodeId>,
    lines: Vec<Line>,
    pub(crate) list: List,
    pub(crate) top_below: Below,
}

impl Default for Tree {
    fn default() -> Tree {
        Tree {
            nodes: Vec::new(),
            top: Vec::new(),
            by_name: HashMap::new(),
            lines: Vec::new(),
            list: List::default(),
            top_below: Below::Unknown,
        }
    }
}

impl Tree {
    pub(crate) fn lines(&self) -> &[Line] {
        &self.lines
    }

    pub(crate) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id as usize]
    }

    pub(crate) fn node_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[id as usize]
    }

    pub(crate) fn find(&self, name: &str) -> Option<NodeId> {
        self.by_name.get(&name.to_lowercase()).copied()
    }

    /// The node of the cursor.
    pub(crate) fn selected(&self) -> Option<NodeId> {
        self.lines.get(self.list.cursor).map(|line| line.node)
    }

    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether it is known that nothing is below.
    pub(crate) fn is_leaf(&self, id: NodeId) -> bool {
        let node = self.node(id);
        node.below == Below::Known && node.children.is_empty()
    }

    /// Adds names below a node, or at the top. Names that are there already stay where they are.
    pub(crate) fn add(&mut self, parent: Option<NodeId>, names: impl IntoIterator<Item = String>) {
        for name in names {
            self.insert(parent, name, Below::Unknown);
        }
        self.sort(parent);
    }

    fn insert(&mut self, parent: Option<NodeId>, name: String, below: Below) {
        let lower = name.to_lowercase();
        if NODES_MAX <= self.nodes.len() || self.by_name.contains_key(&lower) {
            return;
        }
        let id = self.nodes.len() as NodeId;
        self.by_name.insert(lower.clone(), id);
        self.nodes.push(Node { name, lower, parent, children: Vec::new(), below, open: false });
        match parent {
            Some(parent) => self.nodes[parent as usize].children.push(id),
            None => self.top.push(id),
        }
    }

    fn sort(&mut self, parent: Option<NodeId>) {
        let mut ids = std::mem::take(self.siblings(parent));
        // Those of the system last: nobody looks for them first.
        ids.sort_by(|a, b| {
            let key = |id: &NodeId| {
                let lower = &self.nodes[*id as usize].lower;
                (lower.starts_with("__"), lower)
            };
            key(a).cmp(&key(b))
        });
        *self.siblings(parent) = ids;
    }

    fn siblings(&mut self, parent: Option<NodeId>) -> &mut Vec<NodeId> {
        match parent {
            Some(parent) => &mut self.nodes[parent as usize].children,
            None => &mut self.top,
        }
    }

    /// Replaces everything by the whole tree; what was open stays open.
    pub(crate) fn complete(&mut self, classes: &[ClassName]) {
        let mut tree = Tree { list: self.list, top_below: Below::Known, ..Tree::default() };
        for class in classes {
            tree.insert(None, class.name.clone(), Below::Known);
        }
        tree.top.clear();
        for class in classes {
            let Some(id) = tree.find(&class.name) else { continue };
            let parent = class.superclass.as_deref().and_then(|name| tree.find(name)).filter(|parent| *parent != id);
            let node = &mut tree.nodes[id as usize];
            node.parent = parent;
            node.open = self.find(&class.name).is_some_and(|old| self.node(old).open);
            match parent {
                Some(parent) => tree.nodes[parent as usize].children.push(id),
                None => tree.top.push(id),
            }
        }
        for id in 0..tree.nodes.len() as NodeId {
            tree.sort(Some(id));
        }
        tree.sort(None);
        let selected = self.selected().and_then(|id| tree.find(&self.node(id).name));
        *self = tree;
        self.reshape_to(selected);
    }

    /// Works out the lines again; the cursor stays on its node.
    pub(crate) fn reshape(&mut self) {
        self.reshape_to(self.selected());
    }

    fn reshape_to(&mut self, selected: Option<NodeId>) {
        self.lines.clear();
        let mut waiting: Vec<Line> = self.top.iter().rev().map(|node| Line { node: *node, depth: 0 }).collect();
        while let Some(line) = waiting.pop() {
            // INVARIANT: each node has one parent, so no line comes twice, whatever a peer sent.
            self.lines.push(line);
            let node = &self.nodes[line.node as usize];
            if node.open {
                waiting.extend(node.children.iter().rev().map(|child| Line { node: *child, depth: line.depth.saturating_add(1) }));
            }
        }
        if let Some(at) = selected.and_then(|id| self.lines.iter().position(|line| line.node == id)) {
            self.list.cursor = at;
        }
        self.list.cursor = self.list.cursor.min(self.lines.len().saturating_sub(1));
    }

    /// Opens or closes a node.
    pub(crate) fn set_open(&mut self, id: NodeId, open: bool) {
        self.nodes[id as usize].open = open;
        self.reshape();
    }

    /// Moves the cursor to the node above.
    pub(crate) fn go_up(&mut self) {
        if let Some(parent) = self.selected().and_then(|id| self.node(id).parent) {
            self.reshape_to(Some(parent));
        }
    }

    /// Opens what is above a node, and moves the cursor to it.
    pub(crate) fn reveal(&mut self, id: NodeId) {
        let mut above = self.node(id).parent;
        for _ in 0..ANCESTORS_MAX {
            let Some(parent) = above else { break };
            self.nodes[parent as usize].open = true;
            above = self.node(parent).parent;
        }
        self.reshape_to(Some(id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(tree: &Tree) -> Vec<String> {
        tree.lines().iter().map(|l| format!("{}{}", "-".repeat(l.depth.into()), tree.node(l.node).name)).collect()
    }

    fn names(pairs: &[(&str, &str)]) -> Vec<ClassName> {
        let class =
            |(name, above): &(&str, &str)| ClassName { name: (*name).into(), superclass: (!above.is_empty()).then(|| (*above).to_owned()) };
        pairs.iter().map(class).collect()
    }

    #[test]
    fn names_stand_in_order_and_those_of_the_system_last() {
        let mut tree = Tree::default();
        tree.add(None, ["b".into(), "__A".into(), "C".into(), "a".into(), "B".into()]);
        tree.reshape();
        assert_eq!(shown(&tree), ["a", "b", "C", "__A"]);
    }

    #[test]
    fn the_cursor_stays_on_its_node() {
        let mut tree = Tree::default();
        tree.add(None, ["m".into(), "x".into()]);
        tree.reshape();
        tree.list.cursor = 1;
        tree.add(None, ["a".into()]);
        tree.reshape();
        assert_eq!((shown(&tree), tree.list.cursor), (vec!["a".into(), "m".into(), "x".into()], 2));
        let m = tree.find("M").unwrap();
        tree.add(Some(m), ["m1".into()]);
        tree.set_open(m, true);
        assert_eq!((shown(&tree), tree.list.cursor), (vec!["a".into(), "m".into(), "-m1".into(), "x".into()], 3));
        tree.list.cursor = 2;
        tree.go_up();
        assert_eq!(tree.list.cursor, 1);
    }

    #[test]
    fn the_whole_tree_takes_the_place_of_its_parts() {
        let mut tree = Tree::default();
        tree.add(None, ["a".into(), "b".into()]);
        tree.reshape();
        tree.list.cursor = 1;
        tree.set_open(1, true);
        tree.complete(&names(&[("b2", "b"), ("a", ""), ("b", ""), ("b1", "B"), ("b11", "b1"), ("lost", "nowhere")]));
        assert_eq!(shown(&tree), ["a", "b", "-b1", "-b2", "lost"]);
        assert_eq!(tree.list.cursor, 1);
        tree.reveal(tree.find("b11").unwrap());
        assert_eq!((shown(&tree)[3].as_str(), tree.list.cursor), ("--b11", 3));
    }

    #[test]
    fn a_ring_of_superclasses_is_not_followed_for_ever() {
        let mut tree = Tree::default();
        tree.complete(&names(&[("a", "b"), ("b", "a"), ("c", "c"), ("d", "")]));
        assert_eq!(shown(&tree), ["c", "d"]);
        tree.reveal(tree.find("a").unwrap());
    }
}
