//! The meaning of strict names, read straight off the schema: slow, without sets or memory.

use jsonschema::Draft;
use serde_json::Value;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum How {
    Weak,
    Maybe,
    Sure,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Holds {
    Never,
    Free,
    Held,
}

type Place<'s> = Vec<(&'s Value, How)>;

/// One schema document and how it is read.
pub(crate) struct Oracle<'s> {
    pub(crate) root: &'s Value,
    pub(crate) draft: Draft,
}

const ALWAYS: &str = " $ref allOf anyOf oneOf properties patternProperties additionalProperties \
                      required items additionalItems dependencies type enum ";
const SINCE_6: &str = " contains propertyNames const ";
const SINCE_7: &str = " if then else ";
const SINCE_2019: &str = " dependentSchemas dependentRequired unevaluatedProperties \
                          unevaluatedItems ";

impl<'s> Oracle<'s> {
    /// Whether all names in the arguments are known where they stand.
    pub(crate) fn accepts(&self, arguments: &Value) -> bool {
        self.fits(&vec![(self.root, How::Sure)], arguments)
    }

    fn read(&self, schema: &'s Value, key: &str) -> Option<&'s Value> {
        let in_list = |list: &str| list.contains(&format!(" {key} "));
        let known = in_list(ALWAYS)
            || (self.draft >= Draft::Draft6 && in_list(SINCE_6))
            || (self.draft >= Draft::Draft7 && in_list(SINCE_7))
            || (self.draft >= Draft::Draft201909 && in_list(SINCE_2019))
            || (self.draft == Draft::Draft201909 && key == "$recursiveRef")
            || (self.draft == Draft::Draft202012 && ["$dynamicRef", "prefixItems"].contains(&key));
        let alone = self.draft <= Draft::Draft7 && schema.get("$ref").is_some();
        if known && (!alone || key == "$ref") { schema.get(key) } else { None }
    }

    fn list(&self, schema: &'s Value, key: &str) -> Vec<&'s Value> {
        match self.read(schema, key) {
            Some(Value::Array(list)) => list.iter().collect(),
            Some(Value::Object(map)) => map.values().filter(|value| !value.is_array()).collect(),
            _ => vec![],
        }
    }

    fn references(&self, schema: &'s Value) -> Vec<Vec<&'s Value>> {
        let mut groups = vec![];
        if let Some(reference) = self.read(schema, "$ref").and_then(Value::as_str) {
            groups.push(vec![self.root.pointer(reference.strip_prefix('#').unwrap()).unwrap()]);
        }
        if let Some(reference) = self.read(schema, "$dynamicRef").and_then(Value::as_str) {
            let mut found = vec![];
            let name = Value::from(reference.strip_prefix('#').unwrap());
            anchored(self.root, "$dynamicAnchor", &name, &mut found);
            groups.push(found);
        }
        if self.read(schema, "$recursiveRef").is_some() {
            let mut found = vec![self.root];
            anchored(self.root, "$recursiveAnchor", &Value::Bool(true), &mut found);
            found.dedup_by(|one, other| std::ptr::eq(*one, *other));
            groups.push(found);
        }
        groups
    }

    /// What applies at the same place: always, as alternatives, and perhaps.
    fn beside(&self, schema: &'s Value) -> (Vec<&'s Value>, Vec<Vec<&'s Value>>, Vec<&'s Value>) {
        let mut all = self.list(schema, "allOf");
        let mut groups = vec![];
        for group in self.references(schema) {
            if group.len() == 1 { all.extend(group) } else { groups.push(group) }
        }
        for key in ["anyOf", "oneOf"] {
            if self.read(schema, key).is_some() {
                groups.push(self.list(schema, key));
            }
        }
        let mut weak = self.list(schema, "dependentSchemas");
        weak.extend(self.list(schema, "dependencies"));
        if let Some(condition) = self.read(schema, "if") {
            weak.push(condition);
            match (self.read(schema, "then"), self.read(schema, "else")) {
                (Some(one), Some(other)) => groups.push(vec![one, other]),
                (one, other) => weak.extend(one.into_iter().chain(other)),
            }
        }
        (all, groups, weak)
    }

    fn holds(&self, schema: &'s Value) -> Holds {
        if schema == &Value::Bool(false) || !self.takes_objects(schema) {
            return Holds::Never;
        }
        let (all, groups, _) = self.beside(schema);
        let mut parts: Vec<Holds> = all.into_iter().map(|part| self.holds(part)).collect();
        for group in groups {
            let ways: Vec<Holds> = group
                .into_iter()
                .map(|part| self.holds(part))
                .filter(|way| *way != Holds::Never)
                .collect();
            parts.push(match ways.as_slice() {
                [] => Holds::Never,
                ways if ways.iter().all(|way| *way == Holds::Held) => Holds::Held,
                _ => Holds::Free,
            });
        }
        if parts.contains(&Holds::Never) {
            return Holds::Never;
        }
        let own = self.read(schema, "properties").is_some();
        if own || parts.contains(&Holds::Held) { Holds::Held } else { Holds::Free }
    }

    fn takes_objects(&self, schema: &'s Value) -> bool {
        let kind = match self.read(schema, "type") {
            Some(Value::Array(list)) => list.contains(&Value::from("object")),
            Some(kind) => kind == "object",
            None => true,
        };
        let values = self.read(schema, "enum").and_then(Value::as_array);
        kind && values.is_none_or(|list| list.iter().any(Value::is_object))
            && self.read(schema, "const").is_none_or(Value::is_object)
    }

    fn applying(&self, place: &Place<'s>) -> Place<'s> {
        let mut found = vec![];
        for (schema, how) in place {
            self.gather(schema, *how, &mut found);
        }
        merged(found)
    }

    fn gather(&self, schema: &'s Value, how: How, found: &mut Place<'s>) {
        found.push((schema, how));
        let (all, groups, weak) = self.beside(schema);
        for part in all {
            self.gather(part, how, found);
        }
        for part in groups.into_iter().flatten() {
            self.gather(part, how.min(How::Maybe), found);
        }
        for part in weak {
            self.gather(part, How::Weak, found);
        }
    }

    fn fits(&self, place: &Place<'s>, value: &Value) -> bool {
        let applying = self.applying(place);
        match value {
            Value::Object(map) => map.iter().all(|(name, inner)| {
                let next = self.member(place, &applying, name);
                next.is_some_and(|next| self.fits(&merged(next), inner))
            }),
            Value::Array(list) => list
                .iter()
                .enumerate()
                .all(|(at, inner)| self.fits(&merged(self.item(&applying, at)), inner)),
            _ => true,
        }
    }

    fn member(&self, place: &Place<'s>, applying: &Place<'s>, name: &str) -> Option<Place<'s>> {
        if applying.iter().any(|(schema, _)| self.speaks_of(schema, name)) {
            return Some(self.told(applying, name));
        }
        let mut patterns: Vec<&String> = applying
            .iter()
            .filter_map(|(schema, _)| self.read(schema, "patternProperties")?.as_object())
            .flat_map(serde_json::Map::keys)
            .collect();
        patterns.sort();
        patterns.dedup();
        let any = patterns.iter().any(|pattern| matches(pattern, name));
        match (any, patterns.len()) {
            (true, 1) => return Some(self.told(applying, name)),
            (true, _) => return Some(self.anything(applying)),
            _ => {}
        }
        let welcomes = |schema: &'s Value, key| {
            self.read(schema, key).is_some_and(|value| value != &Value::Bool(false))
        };
        let welcome = applying.iter().any(|(schema, _)| {
            welcomes(schema, "additionalProperties") || welcomes(schema, "unevaluatedProperties")
        });
        if !welcome && self.held(place) {
            return None;
        }
        let mut next = vec![];
        for (schema, how) in applying {
            let rest = self.read(schema, "unevaluatedProperties");
            let rest = rest.map(|it| (it, (*how).min(How::Maybe)));
            let told = self.read(schema, "additionalProperties").map(|it| (it, *how));
            next.extend(told.or(rest));
        }
        Some(next)
    }

    fn held(&self, place: &Place<'s>) -> bool {
        let of = |wanted: How| place.iter().filter(move |(_, how)| *how == wanted);
        if of(How::Sure).any(|(schema, _)| self.holds(schema) == Holds::Held) {
            return true;
        }
        let ways: Vec<Holds> = of(How::Maybe)
            .map(|(schema, _)| self.holds(schema))
            .filter(|way| *way != Holds::Never)
            .collect();
        !ways.is_empty() && ways.iter().all(|way| *way == Holds::Held)
    }

    fn speaks_of(&self, schema: &'s Value, name: &str) -> bool {
        let names = |value: &Value| match value {
            Value::Array(list) => list.iter().any(|it| it == name),
            Value::Object(map) => {
                map.contains_key(name)
                    || map
                        .values()
                        .any(|it| it.as_array().is_some_and(|it| it.iter().any(|it| it == name)))
            }
            _ => false,
        };
        let listed = ["required", "dependentRequired", "dependentSchemas", "dependencies"];
        let rule = self.read(schema, "propertyNames");
        self.read(schema, "properties").is_some_and(|map| map.get(name).is_some())
            || listed.iter().any(|key| self.read(schema, key).is_some_and(names))
            || rule.and_then(|rule| rule.get("enum")).is_some_and(names)
            || rule.and_then(|rule| rule.get("const")).is_some_and(|it| it == name)
    }

    /// What applies to a member, subschema by subschema.
    fn told(&self, applying: &Place<'s>, name: &str) -> Place<'s> {
        let mut next = vec![];
        for (schema, how) in applying {
            let mut told = vec![];
            told.extend(self.read(schema, "properties").and_then(|map| map.get(name)));
            if let Some(Value::Object(map)) = self.read(schema, "patternProperties") {
                told.extend(map.iter().filter(|(text, _)| matches(text, name)).map(|(_, it)| it));
            }
            if told.is_empty() {
                told.extend(self.read(schema, "additionalProperties"));
            }
            if told.is_empty() {
                let rest = self.read(schema, "unevaluatedProperties");
                next.extend(rest.map(|it| (it, How::Weak)));
            }
            next.extend(told.into_iter().map(|it| (it, *how)));
        }
        next
    }

    /// What any pattern says, and what other names would hold.
    fn anything(&self, applying: &Place<'s>) -> Place<'s> {
        let mut next = vec![];
        for (schema, how) in applying {
            let how = (*how).min(How::Maybe);
            next.extend(self.list(schema, "patternProperties").into_iter().map(|it| (it, how)));
            let rest = self.read(schema, "unevaluatedProperties").map(|it| (it, How::Weak));
            let told = self.read(schema, "additionalProperties").map(|it| (it, how));
            next.extend(told.or(rest));
        }
        next
    }

    fn row(&self, schema: &'s Value) -> (&'s [Value], Option<&'s Value>) {
        match self.read(schema, "items") {
            Some(Value::Array(list)) if self.draft < Draft::Draft202012 => {
                (list, self.read(schema, "additionalItems"))
            }
            rest => match self.read(schema, "prefixItems") {
                Some(Value::Array(list)) => (list, rest),
                _ => (&[], rest),
            },
        }
    }

    fn item(&self, applying: &Place<'s>, at: usize) -> Place<'s> {
        let longest =
            applying.iter().map(|(schema, _)| self.row(schema).0.len()).max().unwrap_or(0);
        let mut next = vec![];
        for (schema, how) in applying {
            let (prefix, rest) = self.row(schema);
            let late = if at < longest { How::Weak } else { (*how).min(How::Maybe) };
            let told = prefix.get(at).or(rest).map(|it| (it, *how));
            next.extend(told.or(self.read(schema, "unevaluatedItems").map(|it| (it, late))));
            next.extend(self.read(schema, "contains").map(|it| (it, How::Weak)));
        }
        next
    }
}

/// Each subschema once, as surely as it was found.
fn merged(place: Place<'_>) -> Place<'_> {
    let mut kept: Place<'_> = vec![];
    for (schema, how) in place {
        match kept.iter_mut().find(|(known, _)| std::ptr::eq(*known, schema)) {
            Some((_, known)) => *known = how.max(*known),
            None => kept.push((schema, how)),
        }
    }
    kept
}

fn matches(pattern: &str, name: &str) -> bool {
    let schema = serde_json::json!({ "pattern": pattern });
    jsonschema::is_valid(&schema, &Value::from(name))
}

/// All values inside this one that carry a mark.
fn anchored<'s>(value: &'s Value, key: &str, mark: &Value, found: &mut Vec<&'s Value>) {
    if value.get(key) == Some(mark) {
        found.push(value);
    }
    match value {
        Value::Array(list) => list.iter().for_each(|it| anchored(it, key, mark, found)),
        Value::Object(map) => map.values().for_each(|it| anchored(it, key, mark, found)),
        _ => {}
    }
}
