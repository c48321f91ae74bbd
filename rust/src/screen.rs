//! Rules over definitions: what a server says of its entries is hostile until it was read.
//!
//! Every rule is deterministic and linear. A definition's strings are read in order, keys included:
//! characters and markup by `screen_text` with `screen_tags`, names by `screen_names`, words by
//! `screen_words` with `screen_tables`, compiled from `screen_phrases`. Words run through all
//! strings of a definition, so that a text that is spread over several fields reads as one.

use mcpgate_json::{Doc, Node};

pub use crate::screen_names::{find_shadow, skeleton};
use crate::screen_names::{screen_mixed, screen_name, screen_parameter};
use crate::screen_tags as tags;
use crate::screen_text::{Place, find_padding, screen_characters, screen_encoded, screen_markup};
use crate::screen_words::Words;

/// The most bytes of one definition; the largest real ones seen have 82 thousand.
pub const DEFINITION_BYTES: usize = 256 * 1024;
/// The most bytes of one text of a definition; pictures in data URIs are not text.
pub const TEXT_BYTES: usize = 32 * 1024;
/// The longest detail of a finding, in characters.
const DETAIL_CHARS: usize = 120;

/// What a finding means for its entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Clients do not see the entry.
    Quarantine,
    /// Clients see the entry, operators see a note.
    Flag,
}

impl Severity {
    /// What the severity is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Quarantine => "quarantine",
            Self::Flag => "flag",
        }
    }
}

/// One kind of hostile or doubtful content.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name, for ever.
    pub id: &'static str,
    /// What a finding means.
    pub severity: Severity,
    /// What it finds, in one sentence.
    pub text: &'static str,
}

/// One rule that a definition breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub rule: &'static Rule,
    /// JSON pointer into the definition.
    pub place: String,
    /// The characters or words, control characters made visible, at most 120 characters.
    pub detail: String,
}

const fn quarantine(id: &'static str, text: &'static str) -> Rule {
    Rule { id, severity: Severity::Quarantine, text }
}

const fn flag(id: &'static str, text: &'static str) -> Rule {
    Rule { id, severity: Severity::Flag, text }
}

pub(crate) const DEFINITION_SIZE: Rule =
    quarantine("definition_size", "A definition of more than 256 KiB.");
pub(crate) const TEXT_SIZE: Rule =
    quarantine("text_size", "One text of more than 32 KiB inside a definition.");
pub(crate) const TEXT_PADDING: Rule =
    quarantine("text_padding", "Text behind so much blank space that nobody scrolls there.");
pub(crate) const TEXT_INVISIBLE: Rule = quarantine(
    "text_invisible",
    "Characters that a person cannot see and a model reads: zero width, tags, fillers, selectors.",
);
pub(crate) const TEXT_BIDI: Rule =
    quarantine("text_bidi", "Characters that change the direction in which text is shown.");
pub(crate) const TEXT_ANSI: Rule =
    quarantine("text_ansi", "Terminal escapes and other control characters.");
pub(crate) const TEXT_MARKUP: Rule =
    quarantine("text_markup", "Pseudo tags, chat markers or hidden comments that address a model.");
pub(crate) const TEXT_TAG: Rule =
    flag("text_tag", "A tag that may be emphasis or may address a model.");
pub(crate) const TEXT_OVERRIDE: Rule =
    quarantine("text_override", "An order to drop earlier instructions or to become another.");
pub(crate) const TEXT_CONCEAL: Rule =
    quarantine("text_conceal", "An order to act behind the user's back.");
pub(crate) const TEXT_WITHHOLD: Rule =
    flag("text_withhold", "An order not to show something to the user.");
pub(crate) const TEXT_CONSENT: Rule =
    flag("text_consent", "An order not to ask the user for permission.");
pub(crate) const TEXT_PRECALL: Rule =
    quarantine("text_precall", "An order to collect private data before or after tools are used.");
pub(crate) const TEXT_COLLECT: Rule =
    flag("text_collect", "An order to hand over the whole conversation or credentials.");
pub(crate) const TEXT_SECRETS: Rule =
    quarantine("text_secrets", "An order to read secrets and to pass them on.");
pub(crate) const TEXT_EXFIL: Rule =
    quarantine("text_exfil", "An order to send private data to an address in the text.");
pub(crate) const TEXT_REDIRECT: Rule = quarantine(
    "text_redirect",
    "An order about other servers' tools: other recipients, other accounts, not to use them.",
);
pub(crate) const TEXT_COMMAND: Rule =
    flag("text_command", "A command line that runs what it downloads, or deletes everything.");
pub(crate) const TEXT_ADDRESS: Rule = flag("text_address", "A note that is addressed to a model.");
pub(crate) const TEXT_ENCODED: Rule = flag("text_encoded", "A long base64 or hex text.");
pub(crate) const TEXT_HOMOGLYPH: Rule =
    flag("text_homoglyph", "A word of letters of several scripts that look alike.");
pub(crate) const NAME_HOMOGLYPH: Rule =
    quarantine("name_homoglyph", "A name with letters that pretend to be Latin ones.");
pub(crate) const NAME_SHADOW: Rule =
    quarantine("name_shadow", "A name that pretends to belong to another registered server.");
pub(crate) const NAME_CHARACTERS: Rule = flag(
    "name_characters",
    "The name of a tool or prompt with other characters than letters, digits and simple signs.",
);
pub(crate) const NAME_SENTENCE: Rule =
    flag("name_sentence", "A name or a parameter's name as long as a sentence.");

/// Every rule.
pub static RULES: &[Rule] = &[
    DEFINITION_SIZE,
    TEXT_SIZE,
    TEXT_PADDING,
    TEXT_INVISIBLE,
    TEXT_BIDI,
    TEXT_ANSI,
    TEXT_MARKUP,
    TEXT_TAG,
    TEXT_OVERRIDE,
    TEXT_CONCEAL,
    TEXT_WITHHOLD,
    TEXT_CONSENT,
    TEXT_PRECALL,
    TEXT_COLLECT,
    TEXT_SECRETS,
    TEXT_EXFIL,
    TEXT_REDIRECT,
    TEXT_COMMAND,
    TEXT_ADDRESS,
    TEXT_ENCODED,
    TEXT_HOMOGLYPH,
    NAME_HOMOGLYPH,
    NAME_SHADOW,
    NAME_CHARACTERS,
    NAME_SENTENCE,
];

/// The findings so far, at most one of each rule.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    list: Vec<Finding>,
}

impl Findings {
    pub(crate) fn take(self) -> Vec<Finding> {
        self.list
    }

    pub(crate) fn has(&self, rule: &Rule) -> bool {
        self.list.iter().any(|finding| finding.rule.id == rule.id)
    }

    pub(crate) fn add(&mut self, rule: &'static Rule, place: &str, detail: &str) {
        self.add_with(rule, place, || detail.to_owned());
    }

    /// Add a finding whose detail costs something.
    pub(crate) fn add_with(
        &mut self,
        rule: &'static Rule,
        place: &str,
        detail: impl FnOnce() -> String,
    ) {
        if !self.has(rule) {
            self.list.push(Finding { rule, place: place.to_owned(), detail: show(&detail()) });
        }
    }
}

/// Make control and invisible characters visible and clip the text.
fn show(text: &str) -> String {
    let mut shown = String::new();
    let mut count = 0_usize;
    for one in text.chars() {
        let quiet = one == ' ' || !(one.is_whitespace() || crate::screen_text::is_unseen(one));
        let part = if quiet { one.to_string() } else { format!("<U+{:04X}>", u32::from(one)) };
        count = count.saturating_add(part.len().min(part.chars().count()));
        if count > DETAIL_CHARS {
            break;
        }
        shown.push_str(&part);
    }
    shown
}

/// Name every rule that a definition breaks; keys and values, schemas and annotations are read.
pub fn screen(doc: &Doc<'_>, definition: Node) -> Vec<Finding> {
    let mut screen = Screen { doc, words: Words::new(), findings: Findings::default() };
    let size = doc.span(definition).len();
    if size > DEFINITION_BYTES {
        screen.findings.add(&DEFINITION_SIZE, "", &format!("{size} bytes"));
        return screen.findings.list;
    }
    let resource = ["uri", "uriTemplate"].iter().any(|key| doc.get(definition, key).is_some());
    screen.walk(definition, !resource);
    screen.words.end(&mut screen.findings);
    screen.findings.list
}

/// Name every rule that a server's instructions break.
pub fn screen_text(text: &str) -> Vec<Finding> {
    let mut findings = Findings::default();
    let mut words = Words::new();
    screen_string(text, Place { path: "", data: false }, &mut words, &mut findings);
    words.end(&mut findings);
    findings.list
}

fn screen_string(text: &str, place: Place<'_>, words: &mut Words, findings: &mut Findings) {
    let picture = text.starts_with("data:") && !text.contains(' ');
    if text.len() > TEXT_BYTES && !picture {
        findings.add(&TEXT_SIZE, place.path, &format!("{} bytes", text.len()));
        return;
    }
    screen_characters(text, place.path, findings);
    if picture || place.data {
        return;
    }
    screen_mixed(text, place.path, findings);
    find_padding(text, place.path, findings);
    screen_markup(text, place.path, findings);
    screen_encoded(text, place.path, findings);
    words.read(text, place.path, findings);
}

/// One container on the way down; the walk does not recurse, however deep definitions may nest.
struct Level<'a> {
    /// Its members as key and value, or its items.
    inside: Box<dyn Iterator<Item = (Option<Node>, Node)> + 'a>,
    count: usize,
    /// How long its path is.
    length: usize,
    /// Whether its `name` is what the entry, or a prompt's argument, is called.
    named: bool,
    /// Whether its keys are names of parameters.
    parameters: bool,
}

struct Screen<'a> {
    doc: &'a Doc<'a>,
    words: Words,
    findings: Findings,
}

impl<'a> Screen<'a> {
    fn open(&self, node: Node, length: usize, named: bool, parameters: bool) -> Level<'a> {
        let members = self.doc.entries(node).map(|(key, value)| (Some(key), value));
        let items = self.doc.items(node).map(|item| (None, item));
        Level { inside: Box::new(members.chain(items)), count: 0, length, named, parameters }
    }

    /// Read all strings below a value, in order.
    fn walk(&mut self, definition: Node, named: bool) {
        let doc = *self.doc;
        let mut path = String::new();
        let mut levels = vec![self.open(definition, 0, named, false)];
        while let Some(level) = levels.last_mut() {
            path.truncate(level.length);
            let Some((key, value)) = level.inside.next() else {
                levels.pop();
                continue;
            };
            let (named, parameters, index) = (level.named, level.parameters, level.count);
            level.count = index.saturating_add(1);
            let argument = key.is_none() && path == "/arguments";
            path.push('/');
            let name = key.map(|key| doc.text(key)).unwrap_or_default();
            if key.is_some() {
                path.push_str(&escape(&name));
                self.read_key(&name, &path, parameters);
            } else {
                path.push_str(&index.to_string());
            }
            if doc.is_string(value) {
                self.read_value(value, &name, &path, named && name == "name");
            } else if !doc.is_empty(value) {
                let parameters = !parameters && is_parameters(&name);
                levels.push(self.open(value, path.len(), argument, parameters));
            }
        }
    }

    fn read_value(&mut self, node: Node, key: &str, path: &str, is_name: bool) {
        let text = self.doc.text(node);
        if is_name {
            screen_name(&text, path, &mut self.findings);
        }
        let data = !is_name && tags::is_data(key, &text);
        screen_string(&text, Place { path, data }, &mut self.words, &mut self.findings);
    }

    fn read_key(&mut self, name: &str, path: &str, parameter: bool) {
        if !parameter && tags::is_keyword(name) {
            return;
        }
        if parameter {
            screen_parameter(name, path, &mut self.findings);
        }
        let place = Place { path, data: false };
        screen_string(name, place, &mut self.words, &mut self.findings);
    }
}

/// Whether the keys of the object under this key are names of parameters.
fn is_parameters(key: &str) -> bool {
    matches!(key, "properties" | "patternProperties" | "$defs" | "definitions" | "dependentSchemas")
}

/// Write a key as a step of a JSON pointer.
fn escape(key: &str) -> String {
    if key.contains(['~', '/']) {
        key.replace('~', "~0").replace('/', "~1")
    } else {
        key.to_owned()
    }
}
