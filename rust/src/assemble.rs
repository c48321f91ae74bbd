//! A snapshot put together: parts compiled or taken over, entries of all servers joined.

use std::collections::HashMap;
use std::sync::Arc;

use crate::compile::compile;
use crate::document::{Document, ServerPart};
use crate::entries::{Entry, Kind, Part, Setting, locate};
use crate::handshake::{Handshake, Offers, join_instructions};
use crate::marks::{Mark, rule};
use crate::screen::find_shadow;
use crate::server::read_server;
use crate::snapshot::{List, Snapshot};
use crate::uris::Uris;

/// Put a document without faults together with what the previous snapshot has compiled of it.
pub(crate) fn assemble(
    document: &Document<'_>,
    servers: &[ServerPart<'_>],
    previous: Option<&Snapshot>,
) -> Snapshot {
    let parts = compile_all(document, servers, previous);
    let marks = parts.iter().flat_map(|part| part.marks.iter().cloned()).collect();
    Builder { document, servers, parts, marks, previous }.finish()
}

/// A document without faults, and what the previous snapshot has compiled of it.
struct Builder<'a> {
    document: &'a Document<'a>,
    servers: &'a [ServerPart<'a>],
    parts: Vec<Arc<Part>>,
    marks: Vec<Mark>,
    previous: Option<&'a Snapshot>,
}

impl Builder<'_> {
    fn names(&self) -> impl Iterator<Item = &str> {
        self.servers.iter().map(|server| &*server.name)
    }

    fn name(&self, index: u32) -> &str {
        self.servers.get(index as usize).map_or("", |server| &server.name)
    }

    /// Join the servers' tools or prompts; a name that is taken, or that poses as another server's,
    /// refuses the later entry.
    fn join(&mut self, kind: Kind) -> Vec<Arc<Entry>> {
        let names: Vec<&str> = self.names().collect();
        let mut taken: HashMap<&str, &Entry> = HashMap::new();
        let mut looks: HashMap<&str, &Entry> = HashMap::new();
        let mut entries = Vec::new();
        let mut marks = Vec::new();
        for item in self.parts.iter().flat_map(|part| part.items(kind)) {
            let entry = &item.entry;
            let name = self.name(entry.server);
            let similar = looks.get(&*item.skeleton).filter(|first| first.server != entry.server);
            let fault = match taken.get(&*entry.exposed).or(similar) {
                Some(first) => Some(collide(entry, first, self.name(first.server))),
                None => find_shadow(&entry.own, name, &names).map(|found| {
                    (found.rule.id, format!("{} ({})", found.rule.text, found.detail))
                }),
            };
            if let Some((rule, text)) = fault {
                marks.push(Mark {
                    server: name.into(),
                    kind: kind.name(),
                    name: entry.own.clone(),
                    rule: rule.into(),
                    quarantined: true,
                    text,
                    path: locate(kind, (entry.server, name), item.place, &entry.own),
                });
                continue;
            }
            taken.insert(&entry.exposed, entry);
            looks.entry(&item.skeleton).or_insert(entry);
            entries.push(Arc::clone(entry));
        }
        self.marks.extend(marks);
        entries
    }

    fn handshake(&self) -> Handshake {
        let speaking = self.servers.iter().zip(&self.parts).filter(|(_, part)| part.speaks);
        let said = speaking.map(|(server, _)| (&*server.name, &*server.instructions));
        let gateway = &self.document.gateway;
        let some = |offers: fn(&ServerPart<'_>) -> bool| self.servers.iter().any(offers);
        let offers = Offers {
            completions: some(|server| server.completions),
            logging: some(|server| server.logging),
            subscribe: some(|server| server.subscribe),
        };
        Handshake::build(gateway, &join_instructions(&gateway.instructions, said), offers)
    }

    fn finish(mut self) -> Snapshot {
        let size = self.document.page_entries;
        let names: Vec<&str> = self.servers.iter().map(|server| &*server.name).collect();
        let exposed = Uris::build(&names, &self.parts, &self.document.owners);
        let tools = self.join(Kind::Tool);
        let prompts = self.join(Kind::Prompt);
        let servers = self.servers.iter().zip(0..).zip(&exposed.renames);
        let known = |name: &str| self.previous?.servers.iter().find(|server| &*server.name == name);
        Snapshot {
            generation: self.document.generation,
            servers: servers
                .map(|((server, index), renames)| {
                    read_server(index, server, *renames, known(&server.name))
                })
                .collect(),
            session_ns: self.document.session_ns(),
            depth: self.document.depth,
            tools: List::build(Kind::Tool, tools, size),
            prompts: List::build(Kind::Prompt, prompts, size),
            resources: List::build(Kind::Resource, exposed.resources, size),
            templates: List::build(Kind::Template, exposed.templates, size),
            uris: exposed.uris,
            handshake: self.handshake(),
            marks: self.marks,
            parts: self.parts,
        }
    }
}

/// Why two entries cannot both be shown.
fn collide(entry: &Entry, first: &Entry, holder: &str) -> (&'static str, String) {
    if first.exposed == entry.exposed {
        return (rule::TAKEN, format!("{} is taken by {holder}/{}", entry.exposed, first.own));
    }
    let text = format!("{} looks like {} of {holder}", entry.exposed, first.exposed);
    (rule::CONFUSABLE, text)
}

/// Compile each server's piece of the document, or take it from the previous snapshot.
fn compile_all(
    document: &Document<'_>,
    servers: &[ServerPart<'_>],
    previous: Option<&Snapshot>,
) -> Vec<Arc<Part>> {
    let mut parts = Vec::with_capacity(servers.len());
    for (index, (server, raw)) in (0..).zip(servers.iter().zip(&document.servers)) {
        let setting = Setting { index, prefixed: document.prefixed(), depth: document.depth };
        let digest = setting.digest(raw);
        let kept = previous.and_then(|previous| previous.parts.get(index as usize));
        parts.push(kept.filter(|part| part.digest == digest).map_or_else(
            || {
                let known = kept.map(|part| part.judges.clone()).unwrap_or_default();
                Arc::new(compile(server, setting, digest, known))
            },
            Arc::clone,
        ));
    }
    parts
}
