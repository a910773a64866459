//! The type names that are visible outside their module: each is defined once.

use std::collections::BTreeMap;

use super::source::Source;
use super::tokens::Token;

/// Names that each top-level module may define once.
const ONCE_PER_MODULE: [&str; 5] = ["Error", "Settings", "Metrics", "Labels", "Outcome"];

/// Returns the names that `sources` define more than once, with their places.
pub(crate) fn repeated(sources: &[Source]) -> Vec<String> {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for source in sources {
        for (name, line) in visible_types(&source.tokens()) {
            let key = if ONCE_PER_MODULE.contains(&name.as_str()) {
                format!("{}::{name}", source.room())
            } else {
                name
            };
            places
                .entry(key)
                .or_default()
                .push(format!("{}:{line}", source.file));
        }
    }
    let repeated = places.into_iter().filter(|(_, places)| places.len() > 1);
    repeated
        .map(|(name, places)| format!("{name}: {}", places.join(", ")))
        .collect()
}

/// Returns the types with any `pub`, and their lines.
fn visible_types(tokens: &[Token]) -> Vec<(String, usize)> {
    let mut types = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        if token.text != "pub" {
            continue;
        }
        let mut rest = &tokens[at + 1..];
        if rest.first().is_some_and(|token| token.text == "(") {
            let end = rest.iter().position(|token| token.text == ")").unwrap();
            rest = &rest[end + 1..];
        }
        if let [keyword, name, ..] = rest
            && matches!(
                keyword.text.as_str(),
                "struct" | "enum" | "trait" | "type" | "union"
            )
        {
            types.push((name.text.clone(), name.line));
        }
    }
    types
}
