//! The snapshot document as it crosses the boundary, and every fault of one at once.
//!
//! Entry definitions stay raw: byte for byte what the server sent.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::checks::{Arguments, Firewall, Results, Secrets};
use crate::names::is_server_name;
use crate::revision::Revision;

/// The format of document this gate reads.
const FORMAT: u64 = 1;
/// The deepest nesting that may be configured.
const MAX_DEPTH: usize = 1024;
const NS_PER_MS: u64 = 1_000_000;
const NS_PER_S: u64 = 1_000_000_000;

/// Something in a document that cannot be used, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where: `servers[2].name`.
    pub path: String,
    /// What is wrong with it.
    pub text: String,
}

impl Problem {
    pub(crate) fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self { path: path.into(), text: text.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.path, self.text)
    }
}

/// A document that cannot be judged by.
#[derive(Debug, thiserror::Error)]
#[error("snapshot document with {} problems, the first: {}", problems.len(), problems.first().map(ToString::to_string).unwrap_or_default())]
pub struct SnapshotError {
    /// All of them.
    pub problems: Vec<Problem>,
}

/// How the gateway names itself.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewayPart<'a> {
    /// `serverInfo.name`
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    /// `serverInfo.version`
    #[serde(borrow)]
    pub version: Cow<'a, str>,
    /// The operator's instructions; empty = join those of the servers.
    #[serde(borrow)]
    pub instructions: Cow<'a, str>,
}

/// The whole document; servers are read one by one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document<'a> {
    /// Must be 1.
    pub format: u64,
    /// Counts up with each document.
    pub generation: u64,
    /// How the gateway names itself.
    #[serde(borrow)]
    pub gateway: GatewayPart<'a>,
    /// `always` or `never`.
    #[serde(borrow)]
    pub prefix: Cow<'a, str>,
    /// Entries on one page of a list.
    pub page_entries: usize,
    /// How long a session lives.
    pub session_s: u64,
    /// How deep messages and definitions may nest.
    pub depth: usize,
    /// Who owns the bare form of a URI that several servers have.
    #[serde(borrow)]
    pub owners: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// The servers in the order of the configuration.
    #[serde(borrow)]
    pub servers: Vec<&'a RawValue>,
}

/// Who shares a server's links.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Isolation {
    /// Everybody.
    #[default]
    Shared,
    /// The sessions of one principal.
    Principal,
    /// One session.
    Session,
}

/// One server of the document.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerPart<'a> {
    /// `[a-z0-9-]{1,20}`
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    /// `http`, `sse`, `stdio` or `websocket`; only `http` carries mirrored headers.
    #[serde(borrow)]
    pub transport: Cow<'a, str>,
    /// `legacy` or `modern`.
    #[serde(borrow)]
    pub era: Cow<'a, str>,
    /// A released revision; empty while the server was never reached.
    #[serde(borrow)]
    pub revision: Cow<'a, str>,
    /// What the operator calls its environment.
    #[serde(borrow)]
    pub environment: Option<Cow<'a, str>>,
    /// The operator's labels.
    pub labels: BTreeMap<String, String>,
    /// How long one exchange may take.
    pub deadline_ms: u64,
    /// Whether it completes arguments.
    pub completions: bool,
    /// Whether it sends log messages.
    #[serde(default)]
    pub logging: bool,
    /// Whether it tells of resources that changed.
    #[serde(default)]
    pub subscribe: bool,
    /// Who shares its links.
    #[serde(default)]
    pub isolation: Isolation,
    /// What it says of itself.
    #[serde(borrow)]
    pub instructions: Cow<'a, str>,
    /// What its tools are held to.
    pub firewall: Firewall,
    /// Tools that are held to something else.
    #[serde(borrow)]
    pub exceptions: Vec<Exception<'a>>,
    /// Entries that the registry speaks against.
    #[serde(borrow)]
    pub held: Vec<Held<'a>>,
    /// Entries that the operator approved in spite of the screen.
    #[serde(borrow)]
    pub cleared: Vec<Cleared<'a>>,
    /// Raw definitions.
    #[serde(borrow)]
    pub tools: Vec<&'a RawValue>,
    /// Raw definitions.
    #[serde(borrow)]
    pub prompts: Vec<&'a RawValue>,
    /// Raw definitions.
    #[serde(borrow)]
    pub resources: Vec<&'a RawValue>,
    /// Raw definitions.
    #[serde(borrow)]
    pub templates: Vec<&'a RawValue>,
}

/// A tool with settings of its own.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exception<'a> {
    /// The server's own name for it.
    #[serde(borrow)]
    pub tool: Cow<'a, str>,
    /// How its arguments are judged.
    pub arguments: Arguments,
    /// How its results are judged.
    pub results: Results,
    /// What happens to secrets in its results.
    pub secrets: Secrets,
}

impl Exception<'_> {
    /// The settings in one piece.
    pub const fn firewall(&self) -> Firewall {
        Firewall { arguments: self.arguments, results: self.results, secrets: self.secrets }
    }
}

/// What the registry says against an entry.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Held<'a> {
    /// `tool`, `prompt`, `resource` or `template`.
    #[serde(borrow)]
    pub kind: Cow<'a, str>,
    /// The server's own name or URI.
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    /// The rule: `drift`, `renamed` or `new`.
    #[serde(borrow)]
    pub rule: Cow<'a, str>,
    /// Whether clients may not see it.
    pub quarantine: bool,
    /// What is wrong, for the operator.
    #[serde(borrow)]
    pub text: Cow<'a, str>,
}

/// An entry that the operator approved as it is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cleared<'a> {
    /// `tool`, `prompt`, `resource` or `template`.
    #[serde(borrow)]
    pub kind: Cow<'a, str>,
    /// The server's own name or URI.
    #[serde(borrow)]
    pub name: Cow<'a, str>,
}

impl<'a> Document<'a> {
    /// Read a document without its servers.
    ///
    /// # Errors
    /// The first place where it is not a document at all.
    pub fn read(bytes: &'a [u8]) -> Result<Self, SnapshotError> {
        serde_json::from_slice(bytes).map_err(|fault| SnapshotError {
            problems: vec![Problem::new("document", fault.to_string())],
        })
    }

    /// Whether names carry the server's name.
    pub fn prefixed(&self) -> bool {
        self.prefix == "always"
    }

    /// A session's life in nanoseconds.
    pub const fn session_ns(&self) -> u64 {
        self.session_s.saturating_mul(NS_PER_S)
    }

    /// Read all servers; add every fault in them.
    pub fn read_servers(&self, problems: &mut Vec<Problem>) -> Vec<ServerPart<'a>> {
        let mut servers = Vec::with_capacity(self.servers.len());
        let mut seen = HashSet::new();
        for (index, raw) in self.servers.iter().enumerate() {
            match ServerPart::read(raw, index) {
                Ok(server) => {
                    problems.extend(server.find_problems(index));
                    if !seen.insert(server.name.clone()) {
                        let text = format!("{} is there already", server.name);
                        problems.push(Problem::new(format!("servers[{index}].name"), text));
                    }
                    servers.push(server);
                }
                Err(problem) => problems.push(problem),
            }
        }
        servers
    }

    /// List all faults outside the servers.
    pub fn find_problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut check = |fine: bool, path: &str, text: String| {
            if !fine {
                problems.push(Problem::new(path, text));
            }
        };
        check(
            self.format == FORMAT,
            "format",
            format!("is {}, this gate reads {FORMAT}", self.format),
        );
        check(!self.gateway.name.is_empty(), "gateway.name", "is empty".into());
        check(
            matches!(&*self.prefix, "always" | "never"),
            "prefix",
            format!("is {:?}, allowed are always and never", self.prefix),
        );
        check(self.page_entries > 0, "page_entries", "is 0, at least 1 is needed".into());
        check(self.session_s > 0, "session_s", "is 0, at least 1 is needed".into());
        check(
            (1..=MAX_DEPTH).contains(&self.depth),
            "depth",
            format!("is {}, allowed are 1 to {MAX_DEPTH}", self.depth),
        );
        check(u32::try_from(self.servers.len()).is_ok(), "servers", "are too many".into());
        let mut owners = HashMap::new();
        for (place, (uri, owner)) in self.owners.iter().enumerate() {
            let first = owners.entry(uri).or_insert(owner);
            check(
                first == &owner,
                &format!("owners[{place}]"),
                format!("{uri:?} already belongs to {first}"),
            );
        }
        problems
    }
}

impl<'a> ServerPart<'a> {
    /// Read one server of a document.
    ///
    /// # Errors
    /// The first place where it is not a server at all.
    pub fn read(raw: &'a RawValue, index: usize) -> Result<Self, Problem> {
        serde_json::from_str(raw.get())
            .map_err(|fault| Problem::new(format!("servers[{index}]"), fault.to_string()))
    }

    /// The time for one exchange in nanoseconds.
    pub const fn deadline_ns(&self) -> u64 {
        self.deadline_ms.saturating_mul(NS_PER_MS)
    }

    /// List all faults of this server outside its entries.
    pub fn find_problems(&self, index: usize) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut check = |fine: bool, field: &str, text: String| {
            if !fine {
                problems.push(Problem::new(format!("servers[{index}].{field}"), text));
            }
        };
        check(
            is_server_name(&self.name),
            "name",
            format!("is {:?}, allowed is [a-z0-9-]{{1,20}}", self.name),
        );
        check(
            matches!(&*self.transport, "http" | "sse" | "stdio" | "websocket"),
            "transport",
            format!("is {:?}, allowed are http, sse, stdio and websocket", self.transport),
        );
        check(
            matches!(&*self.era, "legacy" | "modern"),
            "era",
            format!("is {:?}, allowed are legacy and modern", self.era),
        );
        let revision = Revision::parse(&self.revision);
        check(
            revision.is_some() || self.revision.is_empty(),
            "revision",
            format!("is {:?}, which this gate does not speak", self.revision),
        );
        check(
            revision.is_none_or(|revision| revision.is_modern() == (self.era == "modern")),
            "era",
            format!("is {} but the revision is {}", self.era, self.revision),
        );
        check(self.deadline_ms > 0, "deadline_ms", "is 0, at least 1 is needed".into());
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOLDEN: &str = include_str!("../../tests/golden/snapshot.json");

    fn paths(problems: &[Problem]) -> Vec<&str> {
        problems.iter().map(|problem| problem.path.as_str()).collect()
    }

    #[test]
    fn the_golden_document_reads() {
        let document = Document::read(GOLDEN.as_bytes()).unwrap();
        assert_eq!(document.find_problems(), []);
        assert!(document.prefixed());
        assert_eq!(document.session_ns(), 86_400_000_000_000);
        for (index, raw) in document.servers.iter().enumerate() {
            let server = ServerPart::read(raw, index).unwrap();
            assert_eq!(server.find_problems(index), []);
        }
        let every = ServerPart::read(document.servers[1], 1).unwrap();
        assert!(every.tools[0].get().contains("12345678901234567890"));
        assert_eq!(every.deadline_ns(), 30_000_000_000);
    }

    #[test]
    fn all_faults_at_once() {
        let text = r#"{"format":2,"generation":1,"gateway":{"name":"","version":"","instructions":""},"prefix":"maybe",
            "page_entries":0,"session_s":0,"depth":0,"owners":[["a","x"],["a","y"],["a","x"]],"servers":[]}"#;
        let problems = Document::read(text.as_bytes()).unwrap().find_problems();
        let expected =
            ["format", "gateway.name", "prefix", "page_entries", "session_s", "depth", "owners[1]"];
        assert_eq!(paths(&problems), expected);
        let text = r#"{"name":"A_b","transport":"tcp","era":"new","revision":"2020-01-01","environment":null,"labels":{},
            "deadline_ms":0,"completions":false,"instructions":"","firewall":{"arguments":"strict","results":"observe","secrets":"off"},"exceptions":[],"held":[],"cleared":[],"tools":[],"prompts":[],"resources":[],"templates":[]}"#;
        let raw: &RawValue = serde_json::from_str(text).unwrap();
        let problems = ServerPart::read(raw, 3).unwrap().find_problems(3);
        let expected = ["name", "transport", "era", "revision", "deadline_ms"]
            .map(|field| format!("servers[3].{field}"));
        assert_eq!(paths(&problems), expected);
    }

    #[test]
    fn eras_and_revisions_agree() {
        let text = GOLDEN.replace("\"era\":\"modern\"", "\"era\":\"legacy\"");
        let document = Document::read(text.as_bytes()).unwrap();
        let problems = ServerPart::read(document.servers[0], 0).unwrap().find_problems(0);
        assert_eq!(paths(&problems), ["servers[0].era"]);
    }

    #[test]
    fn unknown_fields_and_duplicates_are_faults() {
        let text = GOLDEN.replacen("\"generation\":7", "\"generation\":7,\"extra\":1", 1);
        let error = Document::read(text.as_bytes()).unwrap_err();
        assert!(error.to_string().contains("extra"), "{error}");
        let text = GOLDEN.replace("\"name\":\"every\"", "\"name\":\"time\"");
        let mut problems = Vec::new();
        let servers = Document::read(text.as_bytes()).unwrap().read_servers(&mut problems).len();
        assert_eq!(
            (servers, problems[0].to_string()),
            (2, "servers[1].name: time is there already".to_owned())
        );
    }
}
