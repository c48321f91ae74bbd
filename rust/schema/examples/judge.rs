//! Judges JSON lines: `{"schema":…, "instances":[…], "strict":false}` on standard input gives one
//! line each, a list of booleans, or `{"fault":rule, "text":…}`. Tests in Python drive it.

use std::io::{self, BufRead, Write};

use mcpgate_json::{Doc, Tape};
use mcpgate_schema::{Judge, Misfit};

fn main() -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut tape = Tape::default();
    for line in io::stdin().lock().lines() {
        let line = line?;
        match tape.scan(line.as_bytes(), 200) {
            Ok(doc) => writeln!(out, "{}", answer(&doc))?,
            Err(fault) => writeln!(out, "{}", faulty("line", &fault.to_string()))?,
        }
    }
    out.flush()
}

fn faulty(rule: &str, text: &str) -> String {
    serde_json::json!({"fault": rule, "text": text}).to_string()
}

fn answer(doc: &Doc<'_>) -> String {
    let root = doc.root();
    let strict = doc.get(root, "strict").is_some_and(|flag| doc.raw(flag) == b"true");
    let Some(schema) = doc.get(root, "schema") else {
        return faulty("line", "no schema");
    };
    let judge = match Judge::compile(doc, schema, strict) {
        Ok(judge) => judge,
        Err(fault) => return faulty(fault.rule, &fault.text),
    };
    let instances = doc.get(root, "instances").into_iter().flat_map(|list| doc.items(list));
    let answers = instances.map(|instance| match judge.check(doc, Some(instance)) {
        Ok(()) => "true",
        Err(Misfit::Mismatch) => "false",
        Err(Misfit::TooCostly) => "\"too costly\"",
    });
    format!("[{}]", answers.collect::<Vec<_>>().join(","))
}
