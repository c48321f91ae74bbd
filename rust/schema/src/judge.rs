//! A compiled schema, and its answers on values of a tape.

use jsonschema::error::ValidationErrorKind;
use jsonschema::{PatternOptions, ValidationError, Validator};
use mcpgate_json::{Doc, Node, Tape};
use serde_json::Value;

use crate::explain::explain_on;
use crate::meter::{Prices, bounded};
use crate::names::Names;
use crate::patterns::{COMPILED_BYTES, STEPS_BACK};
use crate::plain::close;
use crate::problem::{NO_SUCH_NAME, Problem, describe_node};
use crate::value::{Scene, TapeJson};
use crate::vet::{Vetted, vet};
use crate::{Misfit, SchemaFault, fault};

/// Problems told about one value.
const PROBLEMS: usize = 5;

/// A schema, compiled; it judges values of any document, from any thread.
#[derive(Debug)]
pub struct Judge {
    validator: Validator<TapeJson>,
    names: Option<Names>,
    /// Whether the validator refuses unknown names by itself, and `names` only tells of them.
    closed: bool,
    prices: Prices,
}

impl Judge {
    /// Compile the schema at `schema`; `strict` also refuses argument names it does not know.
    ///
    /// # Errors
    /// Why the schema cannot be used, or would cost too much.
    pub fn compile(doc: &Doc<'_>, schema: Node, strict: bool) -> Result<Self, SchemaFault> {
        let vetted = vet(doc, schema)?;
        let closed = if strict { close(&vetted.schema) } else { None };
        let built = bounded(|| build(&vetted, closed.as_ref().unwrap_or(&vetted.schema)));
        let Some(built) = built else {
            let text = "the schema cannot be compiled".to_owned();
            return Err(SchemaFault { rule: fault::INVALID, text });
        };
        let names = if strict { Names::compile(&vetted.schema, vetted.draft)? } else { None };
        let prices = vetted.survey.prices;
        Ok(Self { validator: built?, names, closed: closed.is_some(), prices })
    }

    /// Whether `value` fits; missing arguments are judged as `{}`.
    ///
    /// # Errors
    /// [`Misfit::Mismatch`] when it does not, [`Misfit::TooCostly`] when finding out costs more
    /// than a call may cost.
    #[inline]
    pub fn check(&self, doc: &Doc<'_>, value: Option<Node>) -> Result<(), Misfit> {
        match value {
            Some(node) => self.check_node(doc, node),
            None => on_nothing(|doc| self.check_node(doc, doc.root())),
        }
    }

    /// What does not fit, at most five problems; one that names no cause where they
    /// are too many to tell, nothing where it fits.
    pub fn problems(&self, doc: &Doc<'_>, value: Option<Node>) -> Vec<Problem> {
        match value {
            Some(node) => self.node_problems(doc, node),
            None => on_nothing(|doc| self.node_problems(doc, doc.root())),
        }
    }

    /// What the schema alone says; nothing when the call ran out of units.
    #[inline]
    fn fits(&self, doc: &Doc<'_>, node: Node) -> Option<bool> {
        let scene = Scene::new(*doc, self.prices);
        bounded(|| self.validator.is_valid(scene.item(node)))
    }

    fn check_node(&self, doc: &Doc<'_>, node: Node) -> Result<(), Misfit> {
        let fits = self.fits(doc, node);
        let names = self.names.as_ref().filter(|_| !self.closed);
        let known = || names.is_none_or(|names| names.check(doc, node));
        match fits {
            None => Err(Misfit::TooCostly),
            Some(true) if known() => Ok(()),
            Some(_) => Err(Misfit::Mismatch),
        }
    }

    fn node_problems(&self, doc: &Doc<'_>, node: Node) -> Vec<Problem> {
        let mut problems = match &self.names {
            Some(names) => names.problems(doc, node, PROBLEMS),
            None => Vec::new(),
        };
        let room = PROBLEMS.saturating_sub(problems.len());
        if room > 0 {
            let unknown: Vec<String> =
                problems.iter().map(|problem| problem.pointer.clone()).collect();
            let mut more = self.mismatches(doc, node, room.saturating_add(unknown.len()));
            more.retain(|problem| !(is_of_names(problem) && unknown.contains(&problem.pointer)));
            more.truncate(room);
            problems.extend(more);
        }
        problems
    }

    /// What the schema says: all of it where that is affordable, else the first thing it says.
    fn mismatches(&self, doc: &Doc<'_>, node: Node, room: usize) -> Vec<Problem> {
        let scene = Scene::new(*doc, self.prices);
        scene.meter.share(2);
        let told = |error: &ValidationError<'_>| explain_on(error, doc, node);
        let all = || {
            let errors = self.validator.iter_errors(scene.item(node));
            errors.take(room).map(|error| told(&error)).collect()
        };
        bounded(all).unwrap_or_else(|| {
            if self.fits(doc, node) == Some(true) {
                return Vec::new();
            }
            let scene = Scene::new(*doc, self.prices);
            scene.meter.share(4);
            let first = bounded(|| {
                self.validator.validate(scene.item(node)).err().map(|error| told(&error))
            });
            vec![first.flatten().unwrap_or_else(|| untold(doc, node))]
        })
    }
}

/// Whether a problem is about a name that may not be there.
fn is_of_names(problem: &Problem) -> bool {
    problem.expected == NO_SUCH_NAME
}

/// A problem that names no cause, for a value whose errors are too many to tell.
fn untold(doc: &Doc<'_>, node: Node) -> Problem {
    let expected = "a value that the schema accepts".to_owned();
    Problem { expected, got: describe_node(doc, node), ..Problem::default() }
}

/// Run `work` on the document `{}`.
fn on_nothing<T>(work: impl FnOnce(&Doc<'_>) -> T) -> T {
    let mut tape = Tape::default();
    work(&tape.scan(b"{}", 1).unwrap_or_default())
}

/// Compile a vetted schema; formats are annotations in every dialect, and nothing is fetched.
fn build(vetted: &Vetted, schema: &Value) -> Result<Validator<TapeJson>, SchemaFault> {
    let options = jsonschema::options_for::<TapeJson>()
        .with_draft(vetted.draft)
        .should_validate_formats(false)
        .offline();
    let options = if vetted.survey.back {
        let patterns =
            PatternOptions::fancy_regex().backtrack_limit(STEPS_BACK).size_limit(COMPILED_BYTES);
        options.with_pattern_options(patterns)
    } else {
        options.with_pattern_options(PatternOptions::regex().size_limit(COMPILED_BYTES))
    };
    options.build(schema).map_err(|error| unbuilt(&error))
}

fn unbuilt(error: &ValidationError<'_>) -> SchemaFault {
    let rule = match error.kind() {
        ValidationErrorKind::Referencing(_) => fault::REFERENCE,
        ValidationErrorKind::Format { format } if format == "regex" => fault::PATTERN,
        _ => fault::INVALID,
    };
    let place = error.instance_path();
    let text: String = error.to_string().chars().take(300).collect();
    SchemaFault { rule, text: format!("at {place:?} of the schema: {text}") }
}
