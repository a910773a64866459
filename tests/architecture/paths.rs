//! The paths that a module refers to, in `use` declarations and in expressions.

use super::tokens::Token;

/// A path out of its module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Import {
    /// From the crate's root for our own modules (`session::create`), as written for others.
    pub(crate) path: String,
    pub(crate) ours: bool,
    pub(crate) line: usize,
}

/// Returns all paths of more than one segment in `tokens`, resolved from `module`.
pub(crate) fn imports(tokens: &[Token], module: &str) -> Vec<Import> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if tokens[at].text == "use" {
            at = tree(tokens, at + 1, &[], &mut found);
        } else if is_start(tokens, at) {
            let (path, end) = path(tokens, at);
            if path.len() > 1 {
                found.push((path, tokens[at].line));
            }
            at = end;
        } else {
            at += 1;
        }
    }
    let resolved = found.into_iter().filter_map(|(path, line)| {
        let (path, ours) = resolve(&path, module)?;
        Some(Import { path, ours, line })
    });
    resolved.collect()
}

/// Reads a `use` tree that begins at `at`, below `above`, and returns where it ends.
fn tree(
    tokens: &[Token],
    mut at: usize,
    above: &[String],
    found: &mut Vec<(Vec<String>, usize)>,
) -> usize {
    if tokens[at].text == "::" {
        at += 1;
    }
    let line = tokens[at].line;
    let (below, end) = path(tokens, at);
    at = end;
    let whole: Vec<String> = above.iter().cloned().chain(below).collect();
    if tokens.get(at).is_none_or(|token| token.text != "{") {
        found.push((whole, line));
        return at;
    }
    loop {
        at += 1;
        if tokens[at].text != "}" {
            at = tree(tokens, at, &whole, found);
        }
        while !matches!(tokens[at].text.as_str(), "," | "}") {
            // `as Name`, or `*`.
            at += 1;
        }
        if tokens[at].text == "}" {
            return at + 1;
        }
    }
}

/// Returns the segments that `::` joins from `at` on, and where they end.
fn path(tokens: &[Token], mut at: usize) -> (Vec<String>, usize) {
    let mut words = Vec::new();
    while tokens.get(at).is_some_and(is_word) {
        words.push(tokens[at].text.clone());
        at += 1;
        if tokens.get(at).is_none_or(|token| token.text != "::") {
            break;
        }
        at += 1;
    }
    (words, at)
}

fn is_start(tokens: &[Token], at: usize) -> bool {
    let before = at.checked_sub(1).map(|before| tokens[before].text.as_str());
    is_word(&tokens[at]) && !matches!(before, Some("." | "mod" | "fn"))
}

fn is_word(token: &Token) -> bool {
    token
        .text
        .starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Returns the absolute path and whether it is in this crate.
fn resolve(path: &[String], module: &str) -> Option<(String, bool)> {
    let mut own: Vec<&str> = module.split("::").collect();
    let mut rest = path;
    match path.first()?.as_str() {
        "crate" | "livegate" => own.clear(),
        "self" => {}
        "super" => {
            while rest.first().is_some_and(|word| word == "super") {
                own.pop();
                rest = &rest[1..];
            }
            own.extend(rest.iter().map(String::as_str));
            return Some((own.join("::"), true));
        }
        _ => return Some((path.join("::"), false)),
    }
    own.extend(
        rest[1..]
            .iter()
            .map(String::as_str)
            .filter(|word| *word != "self"),
    );
    (!own.is_empty()).then(|| (own.join("::"), true))
}
