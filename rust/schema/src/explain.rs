//! What a validator found wrong, said for a model to act on.

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use mcpgate_json::{Doc, Node};
use serde_json::Value;

use crate::explain_forms;
use crate::explain_look::Look;
use crate::near;
use crate::problem::{ALLOWED, NO_SUCH_NAME, Problem, counted};

/// Characters of a pattern or an allowed value that are shown.
const SHOWN_CHARS: usize = 100;

/// Say what is wrong, never with a part of the value.
pub fn explain(error: &ValidationError<'_>) -> Problem {
    explain_within(error, Look(None), 0)
}

/// Say what is wrong with a value of this document, without copying any of it.
pub fn explain_on(error: &ValidationError<'_>, doc: &Doc<'_>, value: Node) -> Problem {
    explain_within(error, Look(Some((doc, value))), 0)
}

/// Say what is wrong; `depth` counts the compositions around it.
pub(crate) fn explain_within(error: &ValidationError<'_>, look: Look<'_>, depth: usize) -> Problem {
    match error.kind() {
        Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
            explain_forms::explain(error, context, look, depth)
        }
        Kind::Enum { options } => {
            choice(error, look, options.as_array().map_or(&[], Vec::as_slice))
        }
        Kind::Constant { expected_value } => {
            choice(error, look, std::slice::from_ref(expected_value))
        }
        Kind::Required { property } => Problem {
            name: Some(property.as_str().unwrap_or_default().to_owned()),
            ..about(error, "a required name", "missing".to_owned())
        },
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            unknown(error, look, unexpected)
        }
        Kind::PropertyNames { error: inner } => {
            let told = explain_within(inner, Look(None), depth.saturating_add(1));
            Problem {
                name: inner.instance().as_str().map(str::to_owned),
                near: told.near,
                allowed: told.allowed,
                ..about(error, format!("a name that is: {}", told.expected), told.got)
            }
        }
        // With no names at all the validator does not say which name it refuses.
        Kind::FalseSchema if error.schema_path().as_str().ends_with("/additionalProperties") => {
            plain(error, look, "no names but those of the schema")
        }
        kind => plain(error, look, expected(kind)),
    }
}

/// A problem of what an error is about.
pub(crate) fn plain(
    error: &ValidationError<'_>,
    look: Look<'_>,
    expected: impl Into<String>,
) -> Problem {
    about(error, expected, look.got(error))
}

fn about(error: &ValidationError<'_>, expected: impl Into<String>, got: String) -> Problem {
    Problem {
        pointer: error.instance_path().as_str().to_owned(),
        expected: expected.into(),
        got,
        ..Problem::default()
    }
}

fn unknown(error: &ValidationError<'_>, look: Look<'_>, unexpected: &[String]) -> Problem {
    let name = unexpected.first().cloned();
    let got = name.as_deref().and_then(|name| look.member(error, name));
    let got = got.unwrap_or_else(|| look.got(error));
    Problem { name, ..about(error, NO_SUCH_NAME, got) }
}

/// A value that is none of the allowed ones.
pub(crate) fn choice(error: &ValidationError<'_>, look: Look<'_>, options: &[Value]) -> Problem {
    let texts: Vec<String> = options.iter().map(json_text).collect();
    let mut allowed: Vec<&str> = texts.iter().map(String::as_str).take(ALLOWED).collect();
    let mut near = None;
    if let Some(said) = look.word(error) {
        let words = texts.iter().map(String::as_str).filter(|text| text.starts_with('"'));
        let (found, sorted) = near::sorted(&said, words, ALLOWED);
        near = found.map(str::to_owned);
        if texts.len() > ALLOWED {
            allowed = sorted;
        }
    }
    let expected = if options.len() == 1 { "the one allowed value" } else { "an allowed value" };
    Problem {
        near,
        allowed: allowed.into_iter().map(str::to_owned).collect(),
        ..plain(error, look, expected)
    }
}

/// A value of the schema as JSON, cut where it gets long.
fn json_text(value: &Value) -> String {
    cut(&value.to_string())
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((place, _)) => format!("{}\u{2026}", text.get(..place).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// What the schema asks for, where the kind alone says it.
fn expected(kind: &Kind) -> String {
    match kind {
        Kind::Type { kind } => types(kind),
        Kind::Maximum { limit } => format!("at most {limit}"),
        Kind::Minimum { limit } => format!("at least {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("less than {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("more than {limit}"),
        Kind::MultipleOf { multiple_of } => format!("a multiple of {multiple_of}"),
        Kind::MaxLength { limit } => format!("at most {}", counted(limit, "character")),
        Kind::MinLength { limit } => format!("at least {}", counted(limit, "character")),
        Kind::MaxItems { limit } => format!("at most {}", counted(limit, "item")),
        Kind::AdditionalItems { limit } => format!("at most {}", counted(limit, "item")),
        Kind::MinItems { limit } => format!("at least {}", counted(limit, "item")),
        Kind::MaxProperties { limit } => format!("at most {}", counted(limit, "member")),
        Kind::MinProperties { limit } => format!("at least {}", counted(limit, "member")),
        Kind::Pattern { pattern } => format!("a string that matches the pattern {}", cut(pattern)),
        Kind::Format { format } => format!("a string in the format {}", cut(format)),
        Kind::ContentEncoding { content_encoding } => {
            format!("a string encoded as {}", cut(content_encoding))
        }
        Kind::ContentMediaType { content_media_type } => {
            format!("a string of the media type {}", cut(content_media_type))
        }
        Kind::Custom { keyword, .. } => format!("a value that {} accepts", cut(keyword)),
        other => standing(other).to_owned(),
    }
}

fn standing(kind: &Kind) -> &'static str {
    match kind {
        Kind::UniqueItems => "items that all differ",
        Kind::Contains => "as many items of the described kind as the schema asks for",
        Kind::UnevaluatedItems { .. } => "no more items",
        Kind::FalseSchema => "no value here; leave it out",
        Kind::Not { .. } => "a value that the schema does not exclude",
        Kind::OneOfMultipleValid { .. } => "exactly one of the described forms; it fits several",
        Kind::FromUtf8 { .. } => "an encoded string that decodes to UTF-8",
        Kind::BacktrackLimitExceeded { .. } | Kind::RegexEngineFailure { .. } => {
            "a string that the pattern can decide within its bounds"
        }
        _ => "a value that the schema describes",
    }
}

fn types(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(one) => one.as_str().to_owned(),
        TypeKind::Multiple(set) => {
            joined(&set.iter().map(|one| one.as_str().to_owned()).collect::<Vec<_>>())
        }
    }
}

/// Words as `a`, `a or b`, `a, b or c`; each once.
pub(crate) fn joined(words: &[String]) -> String {
    let mut each: Vec<&str> = Vec::new();
    for word in words {
        if !each.contains(&word.as_str()) {
            each.push(word);
        }
    }
    match each.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        Some((last, _)) => (*last).to_owned(),
        None => String::new(),
    }
}

#[cfg(test)]
#[path = "explain_tests.rs"]
mod tests;
