//! JSON Schemas of tools, compiled to judge values on the tape.
