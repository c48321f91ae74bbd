//! When a value fits none of several forms: the one it was meant to be, or what they ask for.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind as Kind;
use serde_json::Value;

use crate::explain::{choice, explain_within, joined, plain};
use crate::explain_look::Look;
use crate::problem::{ALLOWED, Problem};

/// Compositions inside each other that are followed.
const DEPTH: usize = 4;
/// Forms of which each is named.
const NAMED_FORMS: usize = 6;

type Form = Vec<ValidationError<'static>>;

/// Say what the nearest form asks for, or what all do.
pub(crate) fn explain(
    error: &ValidationError<'_>,
    forms: &[Form],
    look: Look<'_>,
    depth: usize,
) -> Problem {
    let here = error.instance_path().as_str();
    let several = || plain(error, look, format!("one of {} described forms", forms.len()));
    if depth >= DEPTH {
        return several();
    }
    let inner = depth.saturating_add(1);
    let fitting: Vec<&Form> = forms.iter().filter(|form| !wrong_kind(form, here)).collect();
    if fitting.is_empty() {
        return of_no_kind(error, forms, look, inner).unwrap_or_else(several);
    }
    let marked: Vec<&Form> = fitting.iter().copied().filter(|form| mark(form).is_none()).collect();
    let candidates = match marked.as_slice() {
        [] if fitting.len() > 1 => {
            return of_no_mark(&fitting, look).unwrap_or_else(several);
        }
        [] => fitting.as_slice(),
        marked => marked,
    };
    match candidates {
        [form] => form.first().map_or_else(several, |found| explain_within(found, look, inner)),
        many => fewest(many)
            .map_or_else(|| differing(many, &several), |found| explain_within(found, look, inner)),
    }
}

/// Whether a form is of another kind than the value: its type, or a value of its own.
fn wrong_kind(form: &Form, here: &str) -> bool {
    form.iter().any(|error| {
        let kind = matches!(
            error.kind(),
            Kind::Type { .. } | Kind::Enum { .. } | Kind::Constant { .. } | Kind::FalseSchema
        );
        kind && error.instance_path().as_str() == here
    })
}

/// The error that says a form is another one: a member with one allowed value has a different one.
fn mark(form: &Form) -> Option<&ValidationError<'static>> {
    form.iter().find(|error| match error.kind() {
        Kind::Constant { .. } => true,
        Kind::Enum { options } => options.as_array().is_some_and(|list| list.len() == 1),
        _ => false,
    })
}

/// The value is of no form's kind: name the kinds.
fn of_no_kind(
    error: &ValidationError<'_>,
    forms: &[Form],
    look: Look<'_>,
    depth: usize,
) -> Option<Problem> {
    if let Some(options) = values(forms.iter().map(Vec::as_slice)) {
        return Some(choice(error, look, &options));
    }
    let here = error.instance_path().as_str();
    let mut words = Vec::new();
    let mut allowed = Vec::new();
    let mut near = None;
    for form in forms {
        let found = form.iter().find(|error| error.instance_path().as_str() == here)?;
        let about = explain_within(found, look, depth);
        words.push(about.expected);
        near = near.or(about.near);
        allowed.extend(about.allowed);
    }
    if words.len() > NAMED_FORMS {
        return None;
    }
    allowed.truncate(ALLOWED);
    Some(Problem { near, allowed, ..plain(error, look, joined(&words)) })
}

/// No form has the mark that the value has: list the marks, when they are of one member.
fn of_no_mark(forms: &[&Form], look: Look<'_>) -> Option<Problem> {
    let marks: Option<Vec<_>> = forms.iter().map(|form| mark(form)).collect();
    let marks = marks?;
    let first = marks.first()?;
    let place = first.instance_path().as_str();
    if marks.iter().any(|error| error.instance_path().as_str() != place) {
        return None;
    }
    let options = values(marks.iter().map(|error| std::slice::from_ref(*error)))?;
    Some(choice(first, look, &options))
}

/// All values that forms allow, when each is no more than a list of values.
fn values<'e>(forms: impl Iterator<Item = &'e [ValidationError<'static>]>) -> Option<Vec<Value>> {
    let mut options = Vec::new();
    for form in forms {
        match form.first()?.kind() {
            Kind::Constant { expected_value } => options.push(Value::clone(expected_value)),
            Kind::Enum { options: list } => options.extend(list.as_array()?.iter().cloned()),
            _ => return None,
        }
    }
    Some(options)
}

/// The first error of the one form with the fewest.
fn fewest<'f>(forms: &[&'f Form]) -> Option<&'f ValidationError<'static>> {
    let least = forms.iter().map(|form| form.len()).min()?;
    let mut best = forms.iter().filter(|form| form.len() == least);
    let only = best.next()?;
    if best.next().is_some() { None } else { only.first() }
}

/// Several forms are equally near: say what they miss, when that is a name.
fn differing(forms: &[&Form], several: &dyn Fn() -> Problem) -> Problem {
    let missing = |form: &&Form| match form.first()?.kind() {
        Kind::Required { property } => property.as_str().map(str::to_owned),
        _ => None,
    };
    let names: Option<Vec<String>> = forms.iter().take(NAMED_FORMS).map(missing).collect();
    let mut problem = several();
    if let Some(names) = names {
        problem.expected = format!("{}; missing is {}", problem.expected, joined(&names));
    }
    problem
}
