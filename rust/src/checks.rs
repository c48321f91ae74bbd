//! What a tool's calls and results are held to: settings, and its schemas compiled.
//!
//! A schema is compiled once per definition: the judges of the previous part are taken over by the
//! schema's fingerprint.

use std::collections::HashMap;
use std::sync::Arc;

use mcpgate_json::{Doc, Node, fingerprint};
use mcpgate_schema::{Judge, SchemaFault};
use serde::Deserialize;

/// How arguments are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arguments {
    /// By the schema, and no name that it does not know.
    Strict,
    /// By the schema.
    Schema,
    /// Not at all.
    Off,
}

/// How results are judged by the output schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Results {
    /// A mismatch is recorded.
    Observe,
    /// A mismatch is refused.
    Enforce,
    /// Not at all.
    Off,
}

/// What happens to secrets in what a server sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Secrets {
    /// Nobody looks for them.
    Off,
    /// They are replaced.
    Redact,
    /// What holds one is refused.
    Refuse,
}

/// The settings of one server or tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Firewall {
    /// How arguments are judged.
    pub arguments: Arguments,
    /// How results are judged.
    pub results: Results,
    /// What happens to secrets.
    pub secrets: Secrets,
}

impl Firewall {
    /// Nothing is judged.
    pub const OFF: Self =
        Self { arguments: Arguments::Off, results: Results::Off, secrets: Secrets::Off };
}

/// What one tool is held to.
#[derive(Debug)]
pub struct Checks {
    /// The settings in force.
    pub firewall: Firewall,
    /// Judges arguments; None when they are not judged.
    pub arguments: Option<Arc<Judge>>,
    /// Judges structured results; None when they are not judged or nothing is declared.
    pub results: Option<Arc<Judge>>,
    /// Whether an output schema is declared: clients hold structured content to it.
    pub structured: bool,
}

/// Judges by their schema's fingerprint and whether names are strict.
pub(crate) type JudgeMap = HashMap<([u8; 32], bool), Arc<Judge>>;

/// The judges of one server's tools: each schema compiled once.
#[derive(Debug, Default)]
pub(crate) struct Judges {
    known: JudgeMap,
    /// Those in use now.
    pub(crate) used: JudgeMap,
}

impl Judges {
    /// Take over what was compiled before.
    pub(crate) fn new(known: JudgeMap) -> Self {
        Self { known, used: JudgeMap::new() }
    }

    /// Compile what a tool is held to.
    pub(crate) fn compile(
        &mut self,
        doc: &Doc<'_>,
        firewall: Firewall,
    ) -> Result<Checks, SchemaFault> {
        let member = |key: &str| doc.get(doc.root(), key);
        let output = member("outputSchema");
        let arguments = match (firewall.arguments, member("inputSchema")) {
            (Arguments::Off, _) | (_, None) => None,
            (mode, Some(node)) => Some(self.judge(doc, node, mode == Arguments::Strict)?),
        };
        let results = match (firewall.results, output) {
            (Results::Off, _) | (_, None) => None,
            (_, Some(node)) => Some(self.judge(doc, node, false)?),
        };
        Ok(Checks { firewall, arguments, results, structured: output.is_some() })
    }

    fn judge(
        &mut self,
        doc: &Doc<'_>,
        schema: Node,
        strict: bool,
    ) -> Result<Arc<Judge>, SchemaFault> {
        let key = (fingerprint(doc, schema), strict);
        if let Some(judge) = self.used.get(&key).or_else(|| self.known.get(&key)) {
            let judge = Arc::clone(judge);
            self.used.insert(key, Arc::clone(&judge));
            return Ok(judge);
        }
        let judge = Arc::new(Judge::compile(doc, schema, strict)?);
        self.used.insert(key, Arc::clone(&judge));
        Ok(judge)
    }
}
