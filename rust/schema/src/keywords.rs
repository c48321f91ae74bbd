//! Keywords of JSON Schema that hold schemas: beside it, where they judge the same value, or below
//! it, where they judge its members and items.

/// References to a schema for the same value.
pub const REFERENCES: [&str; 3] = ["$ref", "$dynamicRef", "$recursiveRef"];
/// One schema for the same value.
pub const ONE_BESIDE: [&str; 4] = ["not", "if", "then", "else"];
/// A list of schemas for the same value.
pub const MANY_BESIDE: [&str; 3] = ["allOf", "anyOf", "oneOf"];
/// Schemas for the same value by the name of a member it has.
pub const NAMED_BESIDE: [&str; 2] = ["dependentSchemas", "dependencies"];
/// One schema for members, their names, items or contents.
pub const ONE_BELOW: [&str; 8] = [
    "items",
    "additionalItems",
    "additionalProperties",
    "unevaluatedItems",
    "unevaluatedProperties",
    "contains",
    "propertyNames",
    "contentSchema",
];
/// A list of schemas for items.
pub const MANY_BELOW: [&str; 2] = ["prefixItems", "items"];
/// Schemas for members by their name, or kept under a name to be referred to.
pub const NAMED_BELOW: [&str; 4] = ["properties", "patternProperties", "$defs", "definitions"];
