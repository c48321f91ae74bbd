//! Refused arguments as a tool result that a model can act on: what was wrong where, what was
//! expected, what was probably meant. It shows no value, and no more than two kilobytes.

use crate::rewrite::push_string;
use mcpgate_schema::Problem;

/// The whole reply is no longer than this.
pub const REPLY_BYTES: usize = 2_048;
/// Ids are read up to this length with their quotes; a longer one was never read.
const ID_BYTES: usize = 512;
/// Characters that are shown of one name or value.
const NAME_CHARS: usize = 64;
/// Characters that are shown of a pointer or an expectation.
const TEXT_CHARS: usize = 200;
/// Problems that are told; more are counted.
const TOLD: usize = 10;
/// How many names or values each problem lists, tried until the reply is short enough.
const LISTED: [usize; 6] = [20, 10, 6, 3, 1, 0];
/// What stands for a name that must not be shown.
const HIDDEN: &str = "(hidden)";
/// Where the machine's copy goes when the result has a schema of its own.
const META_KEY: &str = "mcpgate/refusal";

/// What the reply answers and how it may look.
#[derive(Debug, Clone, Copy)]
pub struct Reply<'a> {
    /// The raw request id.
    pub id: &'a [u8],
    /// The event that explains the refusal.
    pub event: &'a str,
    /// The tool, as the client calls it.
    pub tool: &'a str,
    /// Whether the client's revision types its results.
    pub modern: bool,
    /// Whether the tool has no output schema, so that structured content is free for us.
    pub structured: bool,
    /// Whether a name or pointer must not be shown.
    pub hide: fn(&str) -> bool,
}

/// A problem as it may be shown.
struct Shown {
    pointer: String,
    place: String,
    expected: String,
    got: String,
    name: Option<String>,
    near: Option<String>,
    allowed: Vec<String>,
}

/// The reply that refuses and teaches.
pub fn render(problems: &[Problem], reply: &Reply<'_>) -> Vec<u8> {
    let shown: Vec<Shown> =
        problems.iter().take(TOLD).map(|problem| Shown::new(problem, reply.hide)).collect();
    let mut told = shown.len();
    loop {
        let some = shown.get(..told).unwrap_or_default();
        let more = problems.len().saturating_sub(told);
        for listed in LISTED {
            let body = write(some, more, listed, reply);
            if body.len() <= REPLY_BYTES || (told == 0 && listed == 0) {
                return body;
            }
        }
        told = told.saturating_sub(1);
    }
}

impl Shown {
    fn new(problem: &Problem, hide: fn(&str) -> bool) -> Self {
        let name = problem.name.as_deref();
        let secret = name.is_some_and(hide);
        let pointer = pointer(&problem.pointer, hide);
        let name = name.map(|name| if secret { HIDDEN.to_owned() } else { show(name, NAME_CHARS) });
        let place = match &name {
            Some(name) if secret => format!("{pointer}/{name}"),
            Some(name) => format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1")),
            None if pointer.is_empty() => "the arguments".to_owned(),
            None => pointer.clone(),
        };
        Self {
            pointer,
            place,
            expected: show(&problem.expected, TEXT_CHARS),
            got: show(&problem.got, NAME_CHARS),
            name,
            near: problem.near.as_deref().map(|near| show(near, NAME_CHARS)),
            allowed: problem.allowed.iter().map(|word| show(word, NAME_CHARS)).collect(),
        }
    }

    /// One line for the model.
    fn line(&self, listed: usize, out: &mut String) {
        out.push_str("- ");
        out.push_str(&self.place);
        let named = self.name.is_some();
        let unknown = named && self.expected == "no such name";
        if unknown {
            out.push_str(": no such name");
            if let Some(near) = &self.near {
                out.push_str("; did you mean ");
                out.push_str(near);
                out.push('?');
            } else {
                out.push('.');
            }
        } else if named && self.got == "missing" {
            out.push_str(": required, but missing.");
        } else {
            out.push_str(": expected ");
            out.push_str(&self.expected);
            out.push_str(", got ");
            out.push_str(&self.got);
            out.push('.');
            if let Some(near) = &self.near {
                out.push_str(" Did you mean ");
                out.push_str(near);
                out.push('?');
            }
        }
        let words = self.allowed.get(..listed.min(self.allowed.len())).unwrap_or_default();
        if !words.is_empty() {
            out.push_str(if unknown { " Known names: " } else { " Allowed: " });
            out.push_str(&words.join(", "));
            out.push_str(if words.len() < self.allowed.len() { ", \u{2026}" } else { "." });
        }
        out.push('\n');
    }

    /// One object for a machine.
    fn data(&self, listed: usize, out: &mut Vec<u8>) {
        let mut lead = b'{';
        let texts = [
            ("pointer", Some(&self.pointer)),
            ("expected", Some(&self.expected)),
            ("got", Some(&self.got)),
            ("name", self.name.as_ref()),
            ("near", self.near.as_ref()),
        ];
        for (key, text) in texts {
            let Some(text) = text else { continue };
            out.push(lead);
            lead = b',';
            push_string(out, key);
            out.push(b':');
            push_string(out, text);
        }
        out.extend_from_slice(b",\"allowed\":");
        let mut lead = b'[';
        for word in self.allowed.iter().take(listed) {
            out.push(lead);
            lead = b',';
            push_string(out, word);
        }
        out.extend_from_slice(if lead == b'[' { b"[]}" } else { b"]}" });
    }
}

/// The reply with these problems, whatever its length.
fn write(shown: &[Shown], more: usize, listed: usize, reply: &Reply<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(REPLY_BYTES);
    out.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"id\":");
    out.extend_from_slice(if reply.id.len() > ID_BYTES { b"null" } else { reply.id });
    out.extend_from_slice(b",\"result\":{\"content\":[{\"type\":\"text\",\"text\":");
    push_string(&mut out, &text(shown, more, listed, reply));
    out.extend_from_slice(b"}],\"isError\":true,");
    if reply.structured {
        out.extend_from_slice(b"\"structuredContent\":");
        data(shown, more, listed, reply, &mut out);
    } else {
        out.extend_from_slice(b"\"_meta\":{");
        push_string(&mut out, META_KEY);
        out.push(b':');
        data(shown, more, listed, reply, &mut out);
        out.push(b'}');
    }
    if reply.modern {
        out.extend_from_slice(b",\"resultType\":\"complete\"");
    }
    out.extend_from_slice(b"}}");
    out
}

fn text(shown: &[Shown], more: usize, listed: usize, reply: &Reply<'_>) -> String {
    let tool = show(reply.tool, NAME_CHARS.saturating_mul(2));
    let mut text = format!("Arguments of {tool} were refused; nothing was run.\n");
    for problem in shown {
        problem.line(listed, &mut text);
    }
    match (more, shown.is_empty()) {
        (0, false) => {}
        (_, true) => text.push_str("They do not match the tool's input schema.\n"),
        (more, _) => {
            text.push_str("- and ");
            text.push_str(&more.to_string());
            text.push_str(" more.\n");
        }
    }
    text.push_str("Correct the arguments and call again. Event: ");
    text.push_str(&show(reply.event, NAME_CHARS));
    text.push('.');
    text
}

fn data(shown: &[Shown], more: usize, listed: usize, reply: &Reply<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"reason\":\"arguments\",\"eventId\":");
    push_string(out, &show(reply.event, NAME_CHARS));
    out.extend_from_slice(b",\"retryable\":false,\"problems\":");
    let mut lead = b'[';
    for problem in shown {
        out.push(lead);
        lead = b',';
        problem.data(listed, out);
    }
    out.extend_from_slice(if lead == b'[' { b"[]" } else { b"]" });
    if more > 0 {
        out.extend_from_slice(format!(",\"more\":{more}").as_bytes());
    }
    out.push(b'}');
}

/// A pointer with its hidden steps hidden and its long ones cut.
fn pointer(text: &str, hide: fn(&str) -> bool) -> String {
    if hide(text) {
        return HIDDEN.to_owned();
    }
    let mut out = String::new();
    for step in text.split('/').skip(1) {
        out.push('/');
        let name = step.replace("~1", "/").replace("~0", "~");
        if hide(&name) {
            out.push_str(HIDDEN);
        } else {
            out.push_str(&show(step, NAME_CHARS));
        }
    }
    cut(&out, TEXT_CHARS)
}

/// A text as it may be shown: what acts on a terminal or hides from an eye is spelled out.
fn show(text: &str, chars: usize) -> String {
    let mut out = String::with_capacity(text.len().min(chars));
    for letter in text.chars().take(chars) {
        if acts_or_hides(letter) {
            out.extend(letter.escape_unicode());
        } else {
            out.push(letter);
        }
    }
    if text.chars().nth(chars).is_some() {
        out.push('\u{2026}');
    }
    cut(&out, chars.saturating_mul(2))
}

fn cut(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((place, _)) => format!("{}\u{2026}", text.get(..place).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Control, direction and format characters, odd blanks, fillers, variation selectors and tags.
fn acts_or_hides(letter: char) -> bool {
    if letter.is_ascii() {
        return letter.is_ascii_control();
    }
    letter.is_control()
        || letter.is_whitespace()
        || matches!(letter,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{10ffff}')
}

#[cfg(test)]
#[path = "teach_tests.rs"]
mod tests;
