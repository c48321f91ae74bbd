//! Tool parameters that travel in a header too: the `x-mcp-header` annotations of a schema.
//!
//! An annotation is valid on a string, integer or boolean that is reached from the root by
//! `properties` alone, and names a token that no other one names. Anywhere else that a schema can
//! stand it is invalid; inside data (`default`, `enum`, `const`, `examples`) it is not one at all.

use std::collections::{HashSet, VecDeque};

use mcpgate_json::{Doc, Node};

const ANNOTATION: &str = "x-mcp-header";
/// Keywords that hold one schema; in older dialects `items` may hold an array of them.
const ONE: [&str; 12] = [
    "items",
    "additionalItems",
    "contains",
    "unevaluatedItems",
    "additionalProperties",
    "propertyNames",
    "unevaluatedProperties",
    "not",
    "if",
    "then",
    "else",
    "contentSchema",
];
/// Keywords that hold an array of schemas.
const MANY: [&str; 4] = ["allOf", "anyOf", "oneOf", "prefixItems"];
/// Keywords that hold an object of schemas.
const NAMED: [&str; 4] = ["patternProperties", "dependentSchemas", "$defs", "definitions"];

/// What a mirrored parameter holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParamKind {
    /// Text.
    String,
    /// A whole number, compared as a number.
    Integer,
    /// `true` or `false`.
    Boolean,
}

/// A parameter that travels in a header too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderParam {
    /// The name as annotated, without `Mcp-Param-`.
    pub header: Box<str>,
    /// The same in lower case.
    pub lower: Box<str>,
    /// The keys that lead to it from the arguments.
    pub path: Box<[Box<str>]>,
    /// What it holds.
    pub kind: ParamKind,
}

/// A place in a schema; the path is lost once anything but `properties` was passed.
struct Place {
    schema: Node,
    path: Option<Vec<Box<str>>>,
}

/// List the annotated parameters of a tool definition, or say why an annotation is invalid.
///
/// # Errors
/// What is wrong with the first invalid annotation.
pub fn find_params(doc: &Doc<'_>, tool: Node) -> Result<Box<[HeaderParam]>, String> {
    let mut params: Vec<HeaderParam> = Vec::new();
    let Some(schema) = doc.get(tool, "inputSchema").filter(|_| may_hold_any(doc)) else {
        return Ok(params.into());
    };
    let mut seen = HashSet::new();
    let mut places = VecDeque::from([Place { schema, path: Some(Vec::new()) }]);
    while let Some(place) = places.pop_front() {
        if let Some(annotation) = doc.get(place.schema, ANNOTATION) {
            let param = read_param(doc, &place, annotation)?;
            if !seen.insert(param.lower.clone()) {
                return Err(format!("{ANNOTATION} {:?} is there twice", param.header));
            }
            params.push(param);
        }
        push_inner(doc, &place, &mut places);
    }
    Ok(params.into())
}

/// Most definitions hold no annotation; one with escapes may hide it.
fn may_hold_any(doc: &Doc<'_>) -> bool {
    let found = |text: &str| memchr::memmem::find(doc.bytes(), text.as_bytes()).is_some();
    found(ANNOTATION) || found("\\u")
}

fn read_param(doc: &Doc<'_>, place: &Place, annotation: Node) -> Result<HeaderParam, String> {
    let path = place.path.as_deref().filter(|path| !path.is_empty());
    let path = path.ok_or_else(|| format!("{ANNOTATION} stands where no property leads"))?;
    let header = doc.text(annotation);
    if !doc.is_string(annotation) || !is_token(&header) {
        return Err(format!(
            "{ANNOTATION} is {}, which is no header name",
            doc.raw_text(annotation)
        ));
    }
    let kind = match doc.get(place.schema, "type").map(|kind| doc.text(kind)).as_deref() {
        Some("string") => ParamKind::String,
        Some("integer") => ParamKind::Integer,
        Some("boolean") => ParamKind::Boolean,
        _ => return Err(format!("{ANNOTATION} {header:?} is not on a string, integer or boolean")),
    };
    Ok(HeaderParam {
        lower: header.to_ascii_lowercase().into(),
        header: header.into(),
        path: path.into(),
        kind,
    })
}

fn is_token(text: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(fine)
}

fn push_inner(doc: &Doc<'_>, place: &Place, places: &mut VecDeque<Place>) {
    for (key, value) in doc.entries(place.schema) {
        let key = doc.text(key);
        let lost = |schema| Place { schema, path: None };
        if key == "properties" {
            places.extend(doc.entries(value).map(|(name, schema)| {
                let longer = |path: &Vec<Box<str>>| {
                    path.iter().cloned().chain([doc.text(name).into()]).collect()
                };
                Place { schema, path: place.path.as_ref().map(longer) }
            }));
        } else if ONE.contains(&&*key) {
            places.push_back(lost(value));
            places.extend(doc.items(value).map(lost));
        } else if MANY.contains(&&*key) {
            places.extend(doc.items(value).map(lost));
        } else if NAMED.contains(&&*key) {
            places.extend(doc.entries(value).map(|(_, schema)| lost(schema)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mcpgate_json::Tape;

    fn read(schema: &str) -> Result<Vec<(String, String, ParamKind)>, String> {
        let text = format!(r#"{{"name":"t","inputSchema":{schema}}}"#);
        let mut tape = Tape::default();
        let doc = tape.scan(text.as_bytes(), 64).unwrap();
        let params = find_params(&doc, doc.root())?;
        Ok(params
            .iter()
            .map(|param| (param.header.to_string(), param.path.join("/"), param.kind))
            .collect())
    }

    #[test]
    fn properties_lead_to_parameters() {
        let found = read(
            r#"{"properties":{"region":{"type":"string","x-mcp-header":"Region"},"options":{"properties":{
                "limit":{"type":"integer","x-mcp-header":"X-Limit"}}},"dry":{"type":"boolean","x\u002dmcp-header":"dry"}}}"#,
        );
        let expected = vec![
            ("Region".to_owned(), "region".to_owned(), ParamKind::String),
            ("dry".to_owned(), "dry".to_owned(), ParamKind::Boolean),
            ("X-Limit".to_owned(), "options/limit".to_owned(), ParamKind::Integer),
        ];
        assert_eq!(found, Ok(expected));
        assert_eq!(read(r#"{"type":"object"}"#), Ok(vec![]));
        for schema in ["true", r#"[1,"x-mcp-header"]"#] {
            assert_eq!(read(schema), Ok(vec![]), "{schema}");
        }
    }

    #[test]
    fn a_property_may_have_any_name_and_data_is_no_schema() {
        assert_eq!(read(r#"{"properties":{"x-mcp-header":{"type":"string"}}}"#), Ok(vec![]));
        assert_eq!(
            read(
                r#"{"properties":{"a":{"default":{"x-mcp-header":"A"},"enum":[{"x-mcp-header":"B"}]}}}"#
            ),
            Ok(vec![])
        );
    }

    #[test]
    fn invalid_annotations() {
        let one = |inner: &str| read(&format!(r#"{{"properties":{{"a":{{{inner}}}}}}}"#));
        for inner in [
            r#""type":"number","x-mcp-header":"A""#,
            r#""x-mcp-header":"A""#,
            r#""type":["string"],"x-mcp-header":"A""#,
            r#""type":"string","x-mcp-header":"""#,
            r#""type":"string","x-mcp-header":"a b""#,
            r#""type":"string","x-mcp-header":"a\r\nb""#,
            r#""type":"string","x-mcp-header":7"#,
            r#""type":"string","x\u002dmcp-header":7"#,
        ] {
            assert!(one(inner).is_err(), "{inner}");
        }
        let inner = r#"{"type":"string","x-mcp-header":"A"}"#;
        for schema in [
            inner.to_owned(),
            format!(r#"{{"properties":{{"a":{{"items":{inner}}}}}}}"#),
            format!(r#"{{"properties":{{"a":{{"items":[true,{inner}]}}}}}}"#),
            format!(r#"{{"properties":{{"a":{{"additionalItems":{inner}}}}}}}"#),
            format!(r#"{{"not":{inner}}}"#),
            format!(r#"{{"anyOf":[{{"properties":{{"a":{inner}}}}}]}}"#),
            format!(r#"{{"$defs":{{"a":{inner}}}}}"#),
            format!(r#"{{"properties":{{"a":{inner},"b":{}}}}}"#, inner.replace("\"A\"", "\"a\"")),
            format!(r#"{{"properties":{{"a.b":{inner},"a":{{"properties":{{"b":{inner}}}}}}}}}"#),
        ] {
            assert!(read(&schema).is_err(), "{schema}");
        }
    }
}
