//! From the graph of subschemas to the automaton: one state per set that may apply together.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use serde_json::Value;

use crate::SchemaFault;
use crate::names_graph::{FREE, Graph, Hold, Id, NEVER, Strength, fault};
use crate::names_pattern::Pattern;

/// States of one automaton.
const STATES: usize = 4_096;
/// Steps between states, by name, pattern or place.
const EDGES: usize = 65_536;
/// Subschemas looked at while building.
const WORK: usize = 2_000_000;
/// Different patterns in one document.
const PATTERNS: usize = 256;
/// What a try of a pattern counts for.
const TRY: usize = 50;

/// The state in which nothing is held any more.
pub(crate) const LOOSE: u32 = 0;

/// Subschemas that may apply at one place, each once, with its strength.
type Roots = Vec<(Id, Strength)>;
type Pile = BTreeMap<Id, Strength>;

/// A state as it is built.
#[derive(Debug, Default)]
pub(crate) struct Draftling {
    /// Known names and where each leads.
    pub(crate) names: BTreeMap<String, u32>,
    /// Patterns that other names may match.
    pub(crate) patterns: Vec<Arc<Pattern>>,
    /// Where a name leads that matches one of them.
    pub(crate) patterned: u32,
    /// Where any other name leads; none refuses it.
    pub(crate) other: Option<u32>,
    /// Where the first items of an array lead.
    pub(crate) prefix: Vec<u32>,
    /// Where the rest lead.
    pub(crate) rest: u32,
}

/// One subschema's say over the members of an object.
struct Say<'r> {
    id: Id,
    strength: Strength,
    properties: Option<&'r serde_json::Map<String, Value>>,
    patterns: Vec<(&'r str, &'r Value)>,
    additional: Option<&'r Value>,
    unevaluated: Option<&'r Value>,
}

pub(crate) struct Builder<'g, 'r> {
    graph: &'g mut Graph<'r>,
    states: Vec<Draftling>,
    known: HashMap<Roots, u32>,
    open: Vec<(u32, Roots)>,
    compiled: HashMap<&'r str, Arc<Pattern>>,
    edges: usize,
    work: usize,
}

impl<'g, 'r> Builder<'g, 'r> {
    pub(crate) fn new(graph: &'g mut Graph<'r>) -> Self {
        let loose = Draftling { other: Some(LOOSE), ..Draftling::default() };
        Self {
            graph,
            states: vec![loose],
            known: HashMap::new(),
            open: Vec::new(),
            compiled: HashMap::new(),
            edges: 0,
            work: 0,
        }
    }

    /// All states that can be reached, and the first one.
    pub(crate) fn build(mut self) -> Result<(Vec<Draftling>, u32), SchemaFault> {
        let root = self.graph.root;
        let start = self.state(Pile::from([(root, Strength::Sure)]))?;
        while let Some((number, roots)) = self.open.pop() {
            let state = self.expand(&roots)?;
            if let Some(place) = usize::try_from(number).ok().and_then(|at| self.states.get_mut(at))
            {
                *place = state;
            }
        }
        Ok((self.states, start))
    }

    fn spend(&mut self, work: usize) -> Result<(), SchemaFault> {
        self.work = self.work.saturating_add(work);
        if self.work > WORK {
            return Err(fault("schema_cost", "The schema's names take too long to work out."));
        }
        Ok(())
    }

    /// The state of a set.
    fn state(&mut self, pile: Pile) -> Result<u32, SchemaFault> {
        self.edges = self.edges.saturating_add(1);
        self.spend(pile.len())?;
        if self.edges > EDGES {
            return Err(fault("schema_cost", format!("More than {EDGES} names and places.")));
        }
        if pile.keys().all(|id| [FREE, NEVER].contains(id)) {
            return Ok(LOOSE);
        }
        let roots: Roots = pile.into_iter().collect();
        if let Some(number) = self.known.get(&roots) {
            return Ok(*number);
        }
        if self.states.len() >= STATES {
            return Err(fault("schema_cost", format!("More than {STATES} sets of subschemas.")));
        }
        let number = u32::try_from(self.states.len()).unwrap_or(u32::MAX);
        self.states.push(Draftling::default());
        self.known.insert(roots.clone(), number);
        self.open.push((number, roots));
        Ok(number)
    }

    fn expand(&mut self, roots: &Roots) -> Result<Draftling, SchemaFault> {
        let closure = self.graph.closure(roots)?;
        self.spend(closure.len())?;
        let says: Vec<Say<'r>> = closure.iter().map(|(id, how)| self.say(*id, *how)).collect();
        let mut state = Draftling::default();
        let patterns: BTreeSet<&'r str> =
            says.iter().flat_map(|say| say.patterns.iter().map(|(text, _)| *text)).collect();
        for text in &patterns {
            state.patterns.push(self.pattern(text)?);
        }
        for name in self.known_names(&says) {
            let pile = self.named(&says, name)?;
            let number = self.state(pile)?;
            state.names.insert(name.to_owned(), number);
        }
        if !patterns.is_empty() {
            let pile = self.patterned(&says, patterns.len() == 1)?;
            state.patterned = self.state(pile)?;
        }
        state.other = self.other(roots, &says)?;
        self.arrays(&closure, &mut state)?;
        Ok(state)
    }

    fn pattern(&mut self, text: &'r str) -> Result<Arc<Pattern>, SchemaFault> {
        if let Some(known) = self.compiled.get(text) {
            return Ok(Arc::clone(known));
        }
        if self.compiled.len() >= PATTERNS {
            return Err(fault("schema_cost", format!("More than {PATTERNS} patterns of names.")));
        }
        let pattern = Arc::new(Pattern::compile(text)?);
        self.compiled.insert(text, Arc::clone(&pattern));
        Ok(pattern)
    }

    fn say(&self, id: Id, strength: Strength) -> Say<'r> {
        let graph = &*self.graph;
        let patterns = graph.keyword(id, "patternProperties").and_then(Value::as_object);
        Say {
            id,
            strength,
            properties: graph.keyword(id, "properties").and_then(Value::as_object),
            patterns: patterns
                .into_iter()
                .flat_map(|map| map.iter().map(|(text, value)| (text.as_str(), value)))
                .collect(),
            additional: graph.keyword(id, "additionalProperties"),
            unevaluated: graph.keyword(id, "unevaluatedProperties"),
        }
    }

    /// Names that any of the subschemas speaks of.
    fn known_names(&self, says: &[Say<'r>]) -> BTreeSet<&'r str> {
        let mut names = BTreeSet::new();
        for say in says {
            names.extend(say.properties.into_iter().flat_map(|map| map.keys().map(String::as_str)));
            for key in ["required", "dependentRequired", "dependentSchemas", "dependencies"] {
                add_names(&mut names, self.graph.keyword(say.id, key));
            }
            let rule = self.graph.keyword(say.id, "propertyNames");
            add_names(&mut names, rule.and_then(|rule| rule.get("enum")));
            names.extend(rule.and_then(|rule| rule.get("const")).and_then(Value::as_str));
        }
        names
    }

    /// What applies to the member of a known name.
    fn named(&mut self, says: &[Say<'r>], name: &'r str) -> Result<Pile, SchemaFault> {
        let mut pile = Pile::new();
        for say in says {
            self.spend(say.patterns.len().saturating_mul(TRY).saturating_add(1))?;
            let mut told: Vec<&'r Value> = Vec::new();
            told.extend(say.properties.and_then(|map| map.get(name)));
            for (text, value) in &say.patterns {
                if self.compiled.get(text).is_some_and(|pattern| pattern.matches(name)) {
                    told.push(value);
                }
            }
            if told.is_empty() {
                told.extend(say.additional);
            }
            // What a subschema speaks of itself is never unevaluated to it.
            let rest = say.unevaluated.filter(|_| told.is_empty());
            for value in told {
                self.add(&mut pile, say.id, value, say.strength)?;
            }
            if let Some(value) = rest {
                self.add(&mut pile, say.id, value, Strength::Weak)?;
            }
        }
        Ok(pile)
    }

    /// What may apply to a member whose name matches a pattern; which patterns, is not told apart.
    fn patterned(&mut self, says: &[Say<'r>], single: bool) -> Result<Pile, SchemaFault> {
        let mut pile = Pile::new();
        for say in says {
            let strength = if single { say.strength } else { say.strength.min(Strength::Maybe) };
            for (_, value) in &say.patterns {
                self.add(&mut pile, say.id, value, strength)?;
            }
            if single && !say.patterns.is_empty() {
                continue;
            }
            if let Some(value) = say.additional {
                self.add(&mut pile, say.id, value, strength)?;
            } else if let Some(value) = say.unevaluated {
                self.add(&mut pile, say.id, value, Strength::Weak)?;
            }
        }
        Ok(pile)
    }

    /// Where a name leads that nothing knows; nowhere, when it is refused.
    fn other(&mut self, roots: &Roots, says: &[Say<'r>]) -> Result<Option<u32>, SchemaFault> {
        let mut pile = Pile::new();
        let mut welcome = false;
        for say in says {
            let maybe = say.strength.min(Strength::Maybe);
            let rest = say.unevaluated.map(|value| (value, maybe));
            let told = say.additional.map(|value| (value, say.strength)).or(rest);
            let rules = [say.additional, say.unevaluated].into_iter().flatten();
            welcome |= rules.into_iter().any(|value| value.as_bool() != Some(false));
            if let Some((value, strength)) = told {
                self.add(&mut pile, say.id, value, strength)?;
            }
        }
        if !welcome && self.held(roots)? {
            return Ok(None);
        }
        self.state(pile).map(Some)
    }

    fn held(&mut self, roots: &Roots) -> Result<bool, SchemaFault> {
        let mut alternatives = Vec::new();
        for (id, strength) in roots {
            match (self.graph.hold(*id, 0)?, strength) {
                (Hold::Held, Strength::Sure) => return Ok(true),
                (Hold::Never, _) => {}
                (hold, Strength::Maybe) => alternatives.push(hold),
                _ => {}
            }
        }
        Ok(!alternatives.is_empty() && alternatives.iter().all(|hold| *hold == Hold::Held))
    }

    fn add(
        &mut self,
        pile: &mut Pile,
        id: Id,
        value: &'r Value,
        strength: Strength,
    ) -> Result<(), SchemaFault> {
        let child = self.graph.child(id, value)?;
        // Only as an alternative does it change what is held; many of them are one.
        if child == NEVER || (child == FREE && strength != Strength::Maybe) {
            return Ok(());
        }
        let slot = pile.entry(child).or_insert(strength);
        *slot = strength.max(*slot);
        Ok(())
    }

    fn arrays(&mut self, closure: &Pile, state: &mut Draftling) -> Result<(), SchemaFault> {
        let mut lists = Vec::new();
        for (id, strength) in closure {
            lists.push((*id, *strength, self.list(*id)));
        }
        let longest = lists.iter().map(|(_, _, list)| list.prefix.len()).max().unwrap_or(0);
        for place in 0..=longest {
            let mut pile = Pile::new();
            for (id, strength, list) in &lists {
                let late = if place < longest { Strength::Weak } else { Strength::Maybe };
                let told = list.prefix.get(place).or(list.rest).map(|value| (value, *strength));
                let rest = list.unevaluated.map(|value| (value, late.min(*strength)));
                let inside = list.contains.map(|value| (value, Strength::Weak));
                for (value, strength) in told.or(rest).into_iter().chain(inside) {
                    self.add(&mut pile, *id, value, strength)?;
                }
            }
            let number = self.state(pile)?;
            if place < longest {
                state.prefix.push(number);
            } else {
                state.rest = number;
            }
        }
        Ok(())
    }

    fn list(&self, id: Id) -> List<'r> {
        let graph = &*self.graph;
        let items = graph.keyword(id, "items");
        let (prefix, rest) = match items {
            Some(Value::Array(prefix)) if graph.has_item_lists(id) => {
                (prefix.as_slice(), graph.keyword(id, "additionalItems"))
            }
            _ => {
                let prefix = graph.keyword(id, "prefixItems").and_then(Value::as_array);
                (prefix.map_or(&[][..], Vec::as_slice), items)
            }
        };
        List {
            prefix,
            rest,
            contains: graph.keyword(id, "contains"),
            unevaluated: graph.keyword(id, "unevaluatedItems"),
        }
    }
}

/// One subschema's say over the items of an array.
struct List<'r> {
    prefix: &'r [Value],
    rest: Option<&'r Value>,
    contains: Option<&'r Value>,
    unevaluated: Option<&'r Value>,
}

/// Add the names in a list, or the keys of an object and the names in its lists.
fn add_names<'r>(names: &mut BTreeSet<&'r str>, value: Option<&'r Value>) {
    match value {
        Some(Value::Array(list)) => names.extend(list.iter().filter_map(Value::as_str)),
        Some(Value::Object(map)) => {
            names.extend(map.keys().map(String::as_str));
            let lists = map.values().filter_map(Value::as_array).flatten();
            names.extend(lists.filter_map(Value::as_str));
        }
        _ => {}
    }
}

/// Lead every step that can refuse nothing to the loose state; say whether the start can refuse.
pub(crate) fn prune(states: &mut [Draftling], start: u32) -> bool {
    let mut into: Vec<Vec<u32>> = vec![Vec::new(); states.len()];
    let mut open = Vec::new();
    for (number, state) in (0u32..).zip(states.iter()) {
        if state.other.is_none() {
            open.push(number);
        }
        for next in steps(state) {
            if let Some(list) = usize::try_from(next).ok().and_then(|at| into.get_mut(at)) {
                list.push(number);
            }
        }
    }
    let mut live = HashSet::new();
    while let Some(number) = open.pop() {
        if live.insert(number) {
            let before = usize::try_from(number).ok().and_then(|at| into.get(at));
            open.extend(before.into_iter().flatten().copied());
        }
    }
    let lead = |step: &mut u32| {
        if !live.contains(step) {
            *step = LOOSE;
        }
    };
    for state in states.iter_mut() {
        state.names.values_mut().for_each(lead);
        state.prefix.iter_mut().for_each(lead);
        state.other.iter_mut().for_each(lead);
        [&mut state.patterned, &mut state.rest].into_iter().for_each(lead);
    }
    live.contains(&start)
}

fn steps(state: &Draftling) -> impl Iterator<Item = u32> {
    let inner = state.names.values().chain(&state.prefix).chain(&state.other).copied();
    inner.chain([state.patterned, state.rest])
}
