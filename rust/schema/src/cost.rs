//! What a schema may cost: how many subschemas judge one place of the arguments, counted over
//! the graph of references before the schema is compiled.

use std::collections::{HashMap, HashSet};

use jsonschema::Draft;
use referencing::{Registry, Resolver};
use serde_json::{Map, Value};

use crate::keywords::{
    MANY_BELOW, MANY_BESIDE, NAMED_BELOW, NAMED_BESIDE, ONE_BELOW, ONE_BESIDE, REFERENCES,
};
use crate::meter::{Prices, Rate};
use crate::patterns::{self, Price};
use crate::{SchemaFault, fault};

/// Subschemas of a schema.
pub(crate) const SUBSCHEMAS: usize = 10_000;
/// Subschemas that judge one and the same place, counted as often as they do.
pub(crate) const AT_ONE_PLACE: u64 = 5_000;
/// Subschemas that judge one place and are paid for by the visit alone.
const FEW_AT_ONE_PLACE: u64 = 16;
/// Subschemas within each other that judge one and the same place.
pub(crate) const DEEP_AT_ONE_PLACE: u32 = 32;
/// Different patterns of a schema.
pub(crate) const PATTERNS: usize = 500;
/// Units for dividing a number that is not a short row of digits.
const DIVISION: u64 = 400;

/// What a schema's survey found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Survey {
    pub(crate) prices: Prices,
    /// Whether a pattern needs the backtracking engine.
    pub(crate) back: bool,
}

/// What judges one place.
#[derive(Debug, Clone, Copy, Default)]
struct Load {
    count: u64,
    /// Those that read nothing, and so pay nothing by themselves.
    idle: u64,
    /// Patterns for names.
    names: u64,
    deep: u32,
}

struct Surveyor<'r> {
    draft: Draft,
    todo: Vec<(&'r Value, Resolver<'r>)>,
    seen: HashSet<usize>,
    /// `None` while the schema is being counted.
    loads: HashMap<usize, Option<Load>>,
    /// Schemas a dynamic reference may lead to, by the name of their anchor.
    anchors: HashMap<&'r str, Vec<(&'r Value, Resolver<'r>)>>,
    widest: Load,
    texts: Price,
    names: Price,
    content: u64,
    divides: bool,
    branches: bool,
    priced: HashMap<&'r str, Price>,
}

const BRANCHING: [&str; 3] = ["anyOf", "oneOf", "propertyNames"];
const READING: [&str; 7] = [
    "type",
    "enum",
    "const",
    "properties",
    "required",
    "patternProperties",
    "additionalProperties",
];

/// Count what `schema` may cost.
pub(crate) fn survey(schema: &Value, draft: Draft) -> Result<Survey, SchemaFault> {
    let resource = draft.create_resource_ref(schema);
    let base = resource.id().unwrap_or("json-schema:///");
    let registry = Registry::new()
        .draft(draft)
        .add(base, resource)
        .and_then(referencing::RegistryBuilder::prepare)
        .map_err(unresolved)?;
    let base = referencing::uri::from_str(base.trim_end_matches('#')).map_err(unresolved)?;
    let mut surveyor = Surveyor {
        draft,
        todo: vec![(schema, registry.resolver(base))],
        seen: HashSet::new(),
        loads: HashMap::new(),
        anchors: HashMap::new(),
        widest: Load::default(),
        texts: Price::default(),
        names: Price::default(),
        content: 1,
        divides: false,
        branches: false,
        priced: HashMap::new(),
    };
    surveyor.run()
}

fn unresolved(error: impl std::fmt::Display) -> SchemaFault {
    SchemaFault { rule: fault::REFERENCE, text: format!("a reference leads nowhere: {error}") }
}

fn key(schema: &Value) -> usize {
    std::ptr::from_ref(schema) as usize
}

impl<'r> Surveyor<'r> {
    fn run(&mut self) -> Result<Survey, SchemaFault> {
        let mut found = Vec::new();
        while let Some((schema, resolver)) = self.todo.pop() {
            if !self.seen.insert(key(schema)) {
                continue;
            }
            if self.seen.len() > SUBSCHEMAS {
                let text = format!("the schema has more than {SUBSCHEMAS} subschemas");
                return Err(SchemaFault { rule: fault::SIZE, text });
            }
            if let Some(object) = schema.as_object() {
                self.note(schema, object, &resolver)?;
                self.descend(object, &resolver)?;
                found.push((schema, resolver));
            }
        }
        for (schema, resolver) in found {
            let load = self.load(schema, &resolver, 0)?;
            self.widest.idle = self.widest.idle.max(load.idle);
            self.widest.count = self.widest.count.max(load.count);
            self.widest.names = self.widest.names.max(load.names);
        }
        Ok(self.report())
    }

    fn report(&self) -> Survey {
        let (texts, names) = (self.texts, self.names);
        let many = self.widest.count > FEW_AT_ONE_PLACE;
        let prices = Prices {
            visit: if many { (self.widest.idle / 2).saturating_add(1) } else { self.widest.count },
            look: u64::from(many),
            text: Rate::new(texts.text.max(1), texts.byte.max(self.content), texts.square),
            name: Rate::new(
                names.text.saturating_mul(self.widest.names).max(1),
                names.byte.saturating_mul(self.widest.names).max(1),
                names.square,
            ),
            number: if self.divides { DIVISION } else { 1 },
            copies: self.branches,
        };
        Survey { prices, back: texts.back || names.back }
    }

    /// Note a schema's patterns and anchors.
    fn note(
        &mut self,
        schema: &'r Value,
        object: &'r Map<String, Value>,
        resolver: &Resolver<'r>,
    ) -> Result<(), SchemaFault> {
        if let Some(pattern) = object.get("pattern").and_then(Value::as_str) {
            self.texts = self.texts.or(self.price(pattern)?);
        }
        for pattern in keys(object.get("patternProperties")) {
            self.names = self.names.or(self.price(pattern)?);
        }
        if matches!(self.draft, Draft::Draft6 | Draft::Draft7) {
            // Later dialects only annotate contents.
            let price = |name: &str, price| if object.contains_key(name) { price } else { 1 };
            self.content = self.content.max(price("contentEncoding", 8));
            self.content = self.content.max(price("contentMediaType", 64));
        }
        self.divides |= object.contains_key("multipleOf");
        self.branches |= BRANCHING.iter().any(|name| object.contains_key(*name));
        let dynamic = object.get("$dynamicAnchor").and_then(Value::as_str);
        let recursive = object.get("$recursiveAnchor").and_then(Value::as_bool);
        if let Some(name) = dynamic.or(recursive.filter(|on| *on).map(|_| "")) {
            self.anchors.entry(name).or_default().push((schema, resolver.clone()));
        }
        Ok(())
    }

    fn price(&mut self, pattern: &'r str) -> Result<Price, SchemaFault> {
        if let Some(price) = self.priced.get(pattern) {
            return Ok(*price);
        }
        let price = patterns::price(pattern)?;
        self.priced.insert(pattern, price);
        let bytes: usize = self.priced.values().map(|price| price.bytes).sum();
        if self.priced.len() > PATTERNS || bytes > patterns::ALL_COMPILED_BYTES {
            let text = format!("the schema has more than {PATTERNS} patterns, or too large ones");
            return Err(SchemaFault { rule: fault::PATTERN, text });
        }
        Ok(price)
    }

    /// Put everything below and beside a schema on the list.
    fn descend(
        &mut self,
        object: &'r Map<String, Value>,
        resolver: &Resolver<'r>,
    ) -> Result<(), SchemaFault> {
        let single = ONE_BELOW.iter().chain(&ONE_BESIDE).filter_map(|name| object.get(*name));
        let lists = MANY_BESIDE.iter().chain(&MANY_BELOW);
        let lists = lists.flat_map(|name| items(object.get(*name)));
        let maps = NAMED_BELOW.iter().chain(&NAMED_BESIDE);
        let maps = maps.flat_map(|name| values(object.get(*name)));
        for child in single.chain(lists).chain(maps) {
            if child.is_object() || child.is_boolean() {
                let inner = self.enter(child, resolver)?;
                self.todo.push((child, inner));
            }
        }
        for name in REFERENCES {
            if let Some(reference) = object.get(name).and_then(Value::as_str) {
                let (target, inner, _) =
                    resolver.lookup(reference).map_err(unresolved)?.into_inner();
                self.todo.push((target, inner));
            }
        }
        Ok(())
    }

    fn enter(&self, schema: &Value, resolver: &Resolver<'r>) -> Result<Resolver<'r>, SchemaFault> {
        resolver.in_subresource(self.draft.create_resource_ref(schema)).map_err(unresolved)
    }

    /// What judges a place once `schema` does.
    fn load(
        &mut self,
        schema: &'r Value,
        resolver: &Resolver<'r>,
        depth: u32,
    ) -> Result<Load, SchemaFault> {
        let Some(object) = schema.as_object() else {
            return Ok(Load { count: 1, idle: 1, names: 0, deep: 1 });
        };
        match self.loads.get(&key(schema)) {
            Some(Some(load)) => return Ok(*load),
            Some(None) => return Err(endless()),
            None => {}
        }
        if depth > DEEP_AT_ONE_PLACE {
            return Err(too_deep());
        }
        self.loads.insert(key(schema), None);
        let mut load = own(object);
        for (child, inner) in self.beside(object, resolver)? {
            let more = self.load(child, &inner, depth.saturating_add(1))?;
            load = load.and(more);
        }
        let again = ["unevaluatedProperties", "unevaluatedItems"]
            .iter()
            .filter(|name| object.contains_key(**name))
            .count() as u64;
        load.count = load.count.saturating_mul(again.saturating_add(1));
        load.deep = load.deep.saturating_add(1);
        if load.count > AT_ONE_PLACE {
            let text =
                format!("more than {AT_ONE_PLACE} subschemas would judge one and the same place");
            return Err(SchemaFault { rule: fault::COST, text });
        }
        if load.deep > DEEP_AT_ONE_PLACE {
            return Err(too_deep());
        }
        self.loads.insert(key(schema), Some(load));
        Ok(load)
    }

    /// The subschemas that judge the same place as `object`.
    fn beside(
        &self,
        object: &'r Map<String, Value>,
        resolver: &Resolver<'r>,
    ) -> Result<Vec<(&'r Value, Resolver<'r>)>, SchemaFault> {
        let mut children = Vec::new();
        let reference = object.get("$ref").and_then(Value::as_str);
        if let Some(reference) = reference {
            let (target, inner, _) = resolver.lookup(reference).map_err(unresolved)?.into_inner();
            children.push((target, inner));
            if matches!(self.draft, Draft::Draft4 | Draft::Draft6 | Draft::Draft7) {
                return Ok(children);
            }
        }
        for name in ["$dynamicRef", "$recursiveRef"] {
            if let Some(reference) = object.get(name).and_then(Value::as_str) {
                let (target, inner, _) =
                    resolver.lookup(reference).map_err(unresolved)?.into_inner();
                children.push((target, inner));
                let anchor = reference.rsplit_once('#').map_or("", |(_, anchor)| anchor);
                let others = self.anchors.get(anchor).into_iter().flatten();
                children.extend(others.filter(|other| key(other.0) != key(target)).cloned());
            }
        }
        let single = ONE_BESIDE.iter().filter_map(|name| object.get(*name));
        let lists = MANY_BESIDE.iter().flat_map(|name| items(object.get(*name)));
        let maps = NAMED_BESIDE.iter().flat_map(|name| values(object.get(*name)));
        for child in single.chain(lists).chain(maps).filter(|child| !child.is_array()) {
            children.push((child, self.enter(child, resolver)?));
        }
        Ok(children)
    }
}

impl Load {
    fn and(self, more: Self) -> Self {
        Self {
            count: self.count.saturating_add(more.count),
            idle: self.idle.saturating_add(more.idle),
            names: self.names.saturating_add(more.names),
            deep: self.deep.max(more.deep),
        }
    }
}

/// What a schema adds by itself.
fn own(object: &Map<String, Value>) -> Load {
    let reads = READING.iter().any(|name| object.contains_key(*name));
    let names = keys(object.get("patternProperties")).count() as u64;
    Load { count: 1, idle: u64::from(!reads), names, deep: 0 }
}

fn endless() -> SchemaFault {
    let text = "a reference leads back to itself without a step into the arguments".to_owned();
    SchemaFault { rule: fault::RECURSION, text }
}

fn too_deep() -> SchemaFault {
    let text =
        format!("more than {DEEP_AT_ONE_PLACE} subschemas within each other judge one place");
    SchemaFault { rule: fault::COST, text }
}

fn items(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}

fn values(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_object).into_iter().flat_map(Map::values)
}

fn keys(value: Option<&Value>) -> impl Iterator<Item = &String> {
    value.and_then(Value::as_object).into_iter().flat_map(Map::keys)
}
