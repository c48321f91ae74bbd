//! A schema document as a graph of subschemas, for the names they know.
//!
//! References are resolved by the validator's own resolver. A dynamic reference may lead to any
//! anchor of its name in the document: which one it is, only the validator knows at the call.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

use jsonschema::{Draft, Registry};
use referencing::Resolver;
use serde_json::{Map, Value};

use crate::SchemaFault;
use crate::keywords::{MANY_BESIDE, NAMED_BESIDE, REFERENCES};

/// Subschemas in one document.
const SCHEMAS: usize = 20_000;
/// Subschemas that lead to each other at one place of the arguments.
const CHAIN: usize = 128;
/// Where the document is read from when it has no `$id`.
const BASE: &str = "json-schema:///";
/// Keywords that say something about names or lead to where it is said.
const TELLING: [&[&str]; 4] = [
    &REFERENCES,
    &MANY_BESIDE,
    &NAMED_BESIDE,
    &[
        "if",
        "then",
        "else",
        "dependentRequired",
        "properties",
        "patternProperties",
        "additionalProperties",
        "unevaluatedProperties",
        "propertyNames",
        "required",
        "items",
        "prefixItems",
        "additionalItems",
        "unevaluatedItems",
        "contains",
        "$dynamicAnchor",
        "$recursiveAnchor",
    ],
];

/// A subschema of the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id(u32);

/// A subschema that takes any object and says nothing of its names.
pub(crate) const FREE: Id = Id(0);
/// A subschema that takes no object.
pub(crate) const NEVER: Id = Id(1);

/// How surely a subschema applies where it may apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Strength {
    /// It only adds knowledge: `if`, one-sided `then`, dependents, `contains`, unevaluated.
    Weak,
    /// One of several alternatives.
    Maybe,
    /// Always.
    Sure,
}

/// Whether objects at a place are held to the names that are known there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hold {
    /// No object is taken.
    Never,
    /// In some way of reading it, no names are given.
    Free,
    /// In every way of reading it, names are given.
    Held,
}

/// What else applies at the same place.
#[derive(Debug, Default)]
struct Parts {
    all: Vec<Id>,
    one_of: Vec<Vec<Id>>,
    weak: Vec<Id>,
}

struct Record<'r> {
    map: &'r Map<String, Value>,
    resolver: Resolver<'r>,
    draft: Draft,
    parts: Option<Rc<Parts>>,
    hold: Option<Hold>,
}

/// A fault of a schema.
pub(crate) fn fault(rule: &'static str, text: impl Into<String>) -> SchemaFault {
    SchemaFault { rule, text: text.into() }
}

/// Read the document under its base, following nothing outside it.
pub(crate) fn registry(schema: &Value, draft: Draft) -> Result<Registry<'_>, SchemaFault> {
    let builder = Registry::new().draft(draft).retrieve_known_draft_meta_schemas(false);
    let builder = builder.add(BASE, draft.create_resource_ref(schema));
    builder
        .and_then(jsonschema::RegistryBuilder::prepare)
        .map_err(|_| fault("schema_reference", "A reference leads out of the schema."))
}

/// The subschemas of one document.
pub(crate) struct Graph<'r> {
    records: Vec<Record<'r>>,
    /// By address, which is unique and still while the document is borrowed.
    places: HashMap<usize, Id>,
    dynamic: HashMap<&'r str, Vec<Id>>,
    recursive: Vec<Id>,
    pub(crate) root: Id,
}

impl<'r> Graph<'r> {
    pub(crate) fn open(registry: &'r Registry<'r>, draft: Draft) -> Result<Self, SchemaFault> {
        let broken = |_| fault("schema_reference", "The schema's own address cannot be read.");
        let base = jsonschema::uri::from_str(BASE).map_err(broken)?;
        let found = registry.resolver(base).lookup("#").map_err(broken)?;
        let (value, resolver, _) = found.into_inner();
        let mut graph = Self {
            records: Vec::new(),
            places: HashMap::new(),
            dynamic: HashMap::new(),
            recursive: Vec::new(),
            root: FREE,
        };
        graph.root = graph.crawl(value, resolver, draft)?;
        Ok(graph)
    }

    /// Enter a value and all subschemas in it, each based where it stands.
    fn crawl(
        &mut self,
        root: &'r Value,
        resolver: Resolver<'r>,
        draft: Draft,
    ) -> Result<Id, SchemaFault> {
        let first = self.enter(root, resolver.clone(), draft)?;
        let mut open = vec![(root, resolver, draft)];
        let mut seen = HashSet::new();
        while let Some((value, resolver, draft)) = open.pop() {
            if !seen.insert(std::ptr::from_ref(value).addr()) {
                continue;
            }
            for child in draft.subresources_of(value) {
                let draft = draft.detect(child);
                let resource = draft.create_resource_ref(child);
                let resolver = resolver
                    .in_subresource(resource)
                    .map_err(|_| fault("schema_reference", "An $id is not a URI reference."))?;
                self.enter(child, resolver.clone(), draft)?;
                open.push((child, resolver, draft));
            }
        }
        Ok(first)
    }

    /// The subschema of a value; what says nothing of names is one of two.
    fn enter(
        &mut self,
        value: &'r Value,
        resolver: Resolver<'r>,
        draft: Draft,
    ) -> Result<Id, SchemaFault> {
        let Some(map) = value.as_object() else {
            return Ok(if value.as_bool() == Some(false) { NEVER } else { FREE });
        };
        if !TELLING.iter().copied().flatten().any(|key| map.contains_key(*key)) {
            return Ok(if takes_objects(map) { FREE } else { NEVER });
        }
        let place = std::ptr::from_ref(value).addr();
        if let Some(id) = self.places.get(&place) {
            return Ok(*id);
        }
        if self.records.len() >= SCHEMAS {
            return Err(fault("schema_cost", format!("More than {SCHEMAS} subschemas.")));
        }
        let number = u32::try_from(self.records.len()).unwrap_or(u32::MAX).saturating_add(2);
        let id = Id(number);
        if let Some(name) = map.get("$dynamicAnchor").and_then(Value::as_str) {
            self.dynamic.entry(name).or_default().push(id);
        }
        if map.get("$recursiveAnchor").and_then(Value::as_bool) == Some(true) {
            self.recursive.push(id);
        }
        self.places.insert(place, id);
        self.records.push(Record { map, resolver, draft, parts: None, hold: None });
        Ok(id)
    }

    fn record(&self, id: Id) -> Option<&Record<'r>> {
        self.records.get(usize::try_from(id.0).ok()?.checked_sub(2)?)
    }

    fn record_mut(&mut self, id: Id) -> Option<&mut Record<'r>> {
        self.records.get_mut(usize::try_from(id.0).ok()?.checked_sub(2)?)
    }

    /// What a keyword says here, where this dialect reads it.
    pub(crate) fn keyword(&self, id: Id, key: &str) -> Option<&'r Value> {
        let record = self.record(id)?;
        let alone = record.draft < Draft::Draft201909 && record.map.contains_key("$ref");
        let past = key == "$recursiveRef" && record.draft != Draft::Draft201909;
        let read = record.draft.is_known_keyword(key) && !past && (!alone || key == "$ref");
        if read { record.map.get(key) } else { None }
    }

    /// Whether `items` may be a list here.
    pub(crate) fn has_item_lists(&self, id: Id) -> bool {
        self.record(id).is_some_and(|record| record.draft < Draft::Draft202012)
    }

    /// The subschema that a value in this one is.
    pub(crate) fn child(&mut self, id: Id, value: &'r Value) -> Result<Id, SchemaFault> {
        let place = std::ptr::from_ref(value).addr();
        if let Some(known) = self.places.get(&place) {
            return Ok(*known);
        }
        let Some(record) = self.record(id) else { return Ok(FREE) };
        let (resolver, draft) = (record.resolver.clone(), record.draft);
        self.crawl(value, resolver, draft)
    }

    fn children(&mut self, id: Id, key: &str) -> Result<Vec<Id>, SchemaFault> {
        let values = match self.keyword(id, key) {
            Some(Value::Array(values)) => values.iter().collect(),
            Some(Value::Object(map)) => map.values().collect(),
            _ => Vec::new(),
        };
        let schemas = values.into_iter().filter(|value| value.is_object() || value.is_boolean());
        schemas.map(|value| self.child(id, value)).collect()
    }

    /// Everything that a reference may lead to.
    fn targets(&mut self, id: Id, key: &str, reference: &str) -> Result<Vec<Id>, SchemaFault> {
        let Some(record) = self.record(id) else { return Ok(Vec::new()) };
        let lost = |_| {
            let cut: String = reference.chars().take(100).collect();
            fault("schema_reference", format!("The reference {cut:?} leads nowhere."))
        };
        let found = record.resolver.lookup(reference).map_err(lost)?;
        let (value, resolver, draft) = found.into_inner();
        let known = self.places.get(&std::ptr::from_ref(value).addr()).copied();
        let mut targets = vec![match known {
            Some(known) => known,
            None => self.crawl(value, resolver, draft)?,
        }];
        let anchor = reference.rsplit_once('#').map_or("", |(_, fragment)| fragment);
        let others = match key {
            "$recursiveRef" => Some(&self.recursive),
            _ => self.dynamic.get(anchor),
        };
        for other in others.into_iter().flatten() {
            if !targets.contains(other) {
                targets.push(*other);
            }
        }
        Ok(targets)
    }

    fn parts(&mut self, id: Id) -> Result<Rc<Parts>, SchemaFault> {
        if let Some(parts) = self.record(id).and_then(|record| record.parts.clone()) {
            return Ok(parts);
        }
        let mut parts = Parts { all: self.children(id, "allOf")?, ..Parts::default() };
        for key in REFERENCES {
            if let Some(reference) = self.keyword(id, key).and_then(Value::as_str) {
                let targets = self.targets(id, key, reference)?;
                match targets.as_slice() {
                    [target] => parts.all.push(*target),
                    _ => parts.one_of.push(targets),
                }
            }
        }
        for key in ["anyOf", "oneOf"] {
            if self.keyword(id, key).is_some() {
                parts.one_of.push(self.children(id, key)?);
            }
        }
        for key in NAMED_BESIDE {
            parts.weak.extend(self.children(id, key)?);
        }
        if let Some(condition) = self.keyword(id, "if") {
            parts.weak.push(self.child(id, condition)?);
            let sides = [self.keyword(id, "then"), self.keyword(id, "else")];
            let sides: Result<Vec<_>, _> =
                sides.into_iter().flatten().map(|side| self.child(id, side)).collect();
            match sides? {
                both if both.len() == 2 => parts.one_of.push(both),
                one => parts.weak.extend(one),
            }
        }
        let parts = Rc::new(parts);
        if let Some(record) = self.record_mut(id) {
            record.parts = Some(Rc::clone(&parts));
        }
        Ok(parts)
    }

    /// Whether objects that this subschema takes are held to known names.
    pub(crate) fn hold(&mut self, id: Id, depth: usize) -> Result<Hold, SchemaFault> {
        if id == NEVER {
            return Ok(Hold::Never);
        }
        let Some(record) = self.record_mut(id) else { return Ok(Hold::Free) };
        if let Some(known) = record.hold {
            return Ok(known);
        }
        if depth >= CHAIN {
            let text = format!("More than {CHAIN} references or compositions in a chain.");
            return Err(fault("schema_recursion", text));
        }
        // A subschema that leads back to itself says nothing new there.
        record.hold = Some(Hold::Free);
        let mut hold = self.own_hold(id);
        let parts = self.parts(id)?;
        for part in &parts.all {
            let inner = self.hold(*part, depth.saturating_add(1))?;
            hold = both(hold, inner);
        }
        for group in &parts.one_of {
            let mut joined = Hold::Never;
            for part in group {
                joined = either(joined, self.hold(*part, depth.saturating_add(1))?);
            }
            hold = both(hold, joined);
        }
        if let Some(record) = self.record_mut(id) {
            record.hold = Some(hold);
        }
        Ok(hold)
    }

    fn own_hold(&self, id: Id) -> Hold {
        let types = |key| self.keyword(id, key);
        if !takes_objects_by(types("type"), types("enum"), types("const")) {
            return Hold::Never;
        }
        if self.keyword(id, "properties").is_some() { Hold::Held } else { Hold::Free }
    }

    /// All subschemas that may apply where these do.
    pub(crate) fn closure(
        &mut self,
        roots: &[(Id, Strength)],
    ) -> Result<BTreeMap<Id, Strength>, SchemaFault> {
        let mut found = BTreeMap::new();
        let mut open = roots.to_vec();
        while let Some((id, strength)) = open.pop() {
            if self.record(id).is_none() || found.get(&id).is_some_and(|old| *old >= strength) {
                continue;
            }
            found.insert(id, strength);
            let parts = self.parts(id)?;
            open.extend(parts.all.iter().map(|part| (*part, strength)));
            let maybe = strength.min(Strength::Maybe);
            open.extend(parts.one_of.iter().flatten().map(|part| (*part, maybe)));
            open.extend(parts.weak.iter().map(|part| (*part, Strength::Weak)));
        }
        Ok(found)
    }
}

const fn both(one: Hold, other: Hold) -> Hold {
    match (one, other) {
        (Hold::Never, _) | (_, Hold::Never) => Hold::Never,
        (Hold::Held, _) | (_, Hold::Held) => Hold::Held,
        _ => Hold::Free,
    }
}

const fn either(one: Hold, other: Hold) -> Hold {
    match (one, other) {
        (Hold::Never, rest) | (rest, Hold::Never) => rest,
        (Hold::Held, Hold::Held) => Hold::Held,
        _ => Hold::Free,
    }
}

fn takes_objects(map: &Map<String, Value>) -> bool {
    takes_objects_by(map.get("type"), map.get("enum"), map.get("const"))
}

fn takes_objects_by(kind: Option<&Value>, list: Option<&Value>, only: Option<&Value>) -> bool {
    let kind = match kind {
        Some(Value::String(name)) => name == "object",
        Some(Value::Array(names)) => names.iter().any(|name| name == "object"),
        _ => true,
    };
    let list = list.and_then(Value::as_array);
    kind && list.is_none_or(|values| values.iter().any(Value::is_object))
        && only.is_none_or(Value::is_object)
}
