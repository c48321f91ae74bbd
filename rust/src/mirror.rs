//! The MCP headers that mirror a message: checked against the body, made anew after renaming.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::snapshot::{Entry, HeaderParam, ParamKind};
use mcpgate_json::{Doc, Node, NodeKind};

const OPEN: &str = "=?base64?";
const CLOSE: &str = "?=";

/// The mirrored headers of one HTTP request, as the listener saw them.
#[derive(Debug, Default)]
pub struct Head {
    /// `MCP-Protocol-Version`
    pub version: Option<String>,
    /// `Mcp-Method`
    pub method: Option<String>,
    /// `Mcp-Name`
    pub name: Option<String>,
    /// `Mcp-Param-*` as lines `name: value`, names in lower case without the prefix.
    pub params: Option<String>,
    /// Whether one of them came twice.
    pub duplicate: bool,
}

impl Head {
    fn param(&self, lower: &str) -> Option<&str> {
        let lines = self.params.as_deref()?.lines();
        let mut pairs = lines.filter_map(|line| line.split_once(": "));
        pairs.find(|(name, _)| *name == lower).map(|(_, value)| value)
    }
}

/// The text behind a header value; `None` when its encoding is broken.
pub fn decode(value: &str) -> Option<String> {
    let Some(inner) = value.strip_prefix(OPEN).and_then(|rest| rest.strip_suffix(CLOSE)) else {
        return Some(value.to_owned());
    };
    String::from_utf8(STANDARD.decode(inner).ok()?).ok()
}

/// `text` as a header value.
pub fn encode(text: &str) -> String {
    let plain = text.bytes().all(|byte| (0x20..=0x7e).contains(&byte))
        && text.trim_matches(' ').len() == text.len();
    let coded = text.starts_with(OPEN) && text.ends_with(CLOSE);
    if plain && !coded {
        text.to_owned()
    } else {
        format!("{OPEN}{}{CLOSE}", STANDARD.encode(text))
    }
}

/// The argument that a header mirrors, as text; `None` when it is absent or null.
fn mirrored(doc: &Doc<'_>, arguments: Option<Node>, param: &HeaderParam) -> Option<String> {
    let mut node = arguments?;
    for key in &param.path {
        node = doc.get(node, key)?;
    }
    match doc.kind(node) {
        NodeKind::Null | NodeKind::Array | NodeKind::Object => None,
        NodeKind::Plain | NodeKind::Escaped => Some(doc.text(node).into_owned()),
        _ => Some(doc.raw_text(node).to_owned()),
    }
}

/// The name of the first annotated parameter whose header and argument differ.
pub fn differing<'e>(
    entry: &'e Entry,
    head: &Head,
    doc: &Doc<'_>,
    arguments: Option<Node>,
) -> Option<&'e str> {
    let differs = |param: &&HeaderParam| {
        let said = head.param(&param.lower).map(decode);
        match (said, mirrored(doc, arguments, param)) {
            (None, None) => false,
            (Some(Some(said)), Some(value)) => !same(param.kind, &said, &value),
            _ => true,
        }
    };
    entry.header_params.iter().find(differs).map(|param| &*param.header)
}

fn same(kind: ParamKind, said: &str, value: &str) -> bool {
    let numbers = || Some(said.trim().parse::<i128>().ok()? == value.parse::<i128>().ok()?);
    said == value || (kind == ParamKind::Integer && numbers() == Some(true))
}

/// The header lines for a message to a modern HTTP server.
pub fn lines(
    method: &str,
    name: Option<&str>,
    entry: Option<&Entry>,
    doc: &Doc<'_>,
    arguments: Option<Node>,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(96);
    push_line(&mut out, "mcp-method", "", method);
    if let Some(name) = name {
        push_line(&mut out, "mcp-name", "", &encode(name));
    }
    for param in entry.map(|entry| &*entry.header_params).unwrap_or_default() {
        if let Some(value) = mirrored(doc, arguments, param) {
            push_line(&mut out, "mcp-param-", &param.lower, &encode(&value));
        }
    }
    out
}

fn push_line(out: &mut Vec<u8>, name: &str, rest: &str, value: &str) {
    for part in [name, rest, ": ", value, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
}
