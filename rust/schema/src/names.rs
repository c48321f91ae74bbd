//! Strict argument names: a name that the schema does not know never reaches a server, also where
//! the schema forgot to say so.
//!
//! A schema is compiled to an automaton. A state is the set of subschemas that may apply at one
//! place of the arguments, however composed or referred to; which of them do apply is the
//! validator's business. The rules:
//!
//! - Known are the names in `properties`, `required` and dependents, in a list of `propertyNames`,
//!   and those that match `patternProperties`, of any subschema of the set.
//! - Objects are held to known names where every way of reading the schema gives `properties`, be
//!   they empty. One free alternative of `anyOf`, `oneOf`, or `then` and `else` frees the place.
//! - `if`, a `then` without `else`, dependents, `contains` and what is unevaluated only add names;
//!   `not` says nothing.
//! - `additionalProperties` and `unevaluatedProperties`, unless `false`, welcome all other names;
//!   `propertyNames` and `patternProperties` welcome nothing more than they list or match.
//! - A name that matches one of several patterns may hold what any of them says.
//! - A dynamic reference may lead to any anchor of its name; one that leads nowhere, or out of the
//!   document, is a fault of the schema. So is a schema whose states, names or patterns are too many.

use std::cell::Cell;
use std::sync::Arc;

use mcpgate_json::{Doc, Node, NodeKind};
use serde_json::Value;

use crate::SchemaFault;
use crate::names_build::{Builder, Draftling, LOOSE, prune};
use crate::names_graph::{Graph, registry};
use crate::names_known::Known;
use crate::names_pattern::Pattern;
use crate::near;
use crate::problem::{ALLOWED, NO_SUCH_NAME, Problem, describe_node, push_step};

/// Patterns tried on the names of one value; after these, names match none.
const TRIES: u32 = 100_000;

/// The names that the arguments of a tool may have, at every place.
#[derive(Debug)]
pub struct Names {
    states: Box<[State]>,
    start: u32,
}

/// The names at one place.
#[derive(Debug)]
struct State {
    known: Known,
    patterns: Box<[Arc<Pattern>]>,
    patterned: u32,
    other: Option<u32>,
    prefix: Box<[u32]>,
    rest: u32,
    /// Whether members can be refused here or below.
    members: bool,
    /// Whether anything can be refused in items.
    items: bool,
}

impl State {
    fn new(built: Draftling) -> Self {
        let inside = built.names.values().any(|next| *next != LOOSE) || built.patterned != LOOSE;
        Self {
            members: inside || built.other != Some(LOOSE),
            items: built.rest != LOOSE || built.prefix.iter().any(|next| *next != LOOSE),
            known: Known::new(&built.names),
            patterns: built.patterns.into_boxed_slice(),
            patterned: built.patterned,
            other: built.other,
            prefix: built.prefix.into_boxed_slice(),
            rest: built.rest,
        }
    }

    /// Where a name leads; nowhere when it is refused.
    fn step(&self, doc: &Doc<'_>, key: Node, tries: &Cell<u32>) -> Option<u32> {
        let raw = doc.raw(key);
        let known = match (doc.kind(key), raw) {
            (NodeKind::Plain, [b'"', name @ .., b'"']) => self.known.find(name),
            _ => self.known.find(doc.text(key).as_bytes()),
        };
        known.or_else(|| self.unlisted(doc, key, tries))
    }

    #[cold]
    fn unlisted(&self, doc: &Doc<'_>, key: Node, tries: &Cell<u32>) -> Option<u32> {
        let text = doc.text(key);
        for pattern in &self.patterns {
            let left = tries.get().checked_sub(1);
            tries.set(left.unwrap_or(0));
            if left.is_some() && pattern.matches(&text) {
                return Some(self.patterned);
            }
        }
        self.other
    }
}

impl Names {
    /// Compile a schema; none when it can refuse no name anywhere.
    ///
    /// # Errors
    /// When a reference leads nowhere, a pattern cannot be read, or the schema is too costly.
    pub fn compile(schema: &Value, draft: jsonschema::Draft) -> Result<Option<Self>, SchemaFault> {
        let registry = registry(schema, draft)?;
        let mut graph = Graph::open(&registry, draft)?;
        let (mut states, start) = Builder::new(&mut graph).build()?;
        if !prune(&mut states, start) {
            return Ok(None);
        }
        let states: Box<[State]> = states.into_iter().map(State::new).collect();
        Ok(Some(Self { states, start }))
    }

    /// Whether all names in the value are known where they stand.
    pub fn check(&self, doc: &Doc<'_>, value: Node) -> bool {
        self.walk(doc, value, self.start, &Cell::new(TRIES))
    }

    fn state(&self, number: u32) -> Option<&State> {
        self.states.get(usize::try_from(number).ok()?)
    }

    /// Nesting is as deep as the scan allowed.
    fn walk(&self, doc: &Doc<'_>, value: Node, number: u32, tries: &Cell<u32>) -> bool {
        let Some(state) = self.state(number) else { return false };
        match doc.kind(value) {
            NodeKind::Object if state.members => {
                doc.entries(value).all(|(key, inner)| match state.step(doc, key, tries) {
                    Some(LOOSE) => true,
                    Some(next) => self.walk(doc, inner, next, tries),
                    None => false,
                })
            }
            NodeKind::Array if state.items => {
                let prefix = state.prefix.iter().copied();
                let steps = prefix.chain(std::iter::repeat(state.rest));
                doc.items(value)
                    .zip(steps)
                    .all(|(item, next)| next == LOOSE || self.walk(doc, item, next, tries))
            }
            _ => true,
        }
    }

    /// What is wrong with the names, in the order of the value; at most `limit`.
    pub fn problems(&self, doc: &Doc<'_>, value: Node, limit: usize) -> Vec<Problem> {
        let mut search = Search {
            names: self,
            doc,
            limit,
            pointer: String::new(),
            found: Vec::new(),
            tries: Cell::new(TRIES),
        };
        search.walk(value, self.start);
        search.found
    }
}

struct Search<'a> {
    names: &'a Names,
    doc: &'a Doc<'a>,
    limit: usize,
    pointer: String,
    found: Vec<Problem>,
    tries: Cell<u32>,
}

impl Search<'_> {
    fn walk(&mut self, value: Node, number: u32) {
        let names = self.names;
        let Some(state) = names.state(number).filter(|_| number != LOOSE) else { return };
        let doc = self.doc;
        for (key, inner) in doc.entries(value) {
            match state.step(doc, key, &self.tries) {
                Some(next) => self.inside(&doc.text(key), inner, next),
                None if self.found.len() < self.limit => self.unknown(state, key, inner),
                None => return,
            }
        }
        let steps = state.prefix.iter().copied().chain(std::iter::repeat(state.rest));
        for (place, (item, next)) in doc.items(value).zip(steps).enumerate() {
            if next != LOOSE {
                self.inside(&place.to_string(), item, next);
            }
        }
    }

    fn inside(&mut self, step: &str, value: Node, next: u32) {
        let length = self.pointer.len();
        push_step(&mut self.pointer, step);
        self.walk(value, next);
        self.pointer.truncate(length);
    }

    fn unknown(&mut self, state: &State, key: Node, value: Node) {
        let name = self.doc.text(key);
        let (near, allowed) = near::sorted(&name, state.known.iter(), ALLOWED);
        self.found.push(Problem {
            pointer: self.pointer.clone(),
            expected: NO_SUCH_NAME.to_owned(),
            got: describe_node(self.doc, value),
            near: near.map(str::to_owned),
            allowed: allowed.into_iter().map(str::to_owned).collect(),
            name: Some(name.into_owned()),
        });
    }
}

#[cfg(test)]
#[path = "names_random.rs"]
mod random;
#[cfg(test)]
#[path = "names_tests.rs"]
mod tests;
