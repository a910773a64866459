//! The tokens of a Rust file in one flat list, without comments and test items.

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// An identifier, a literal, `::`, or one character of punctuation.
    pub(crate) text: String,
    /// The line, counted from 1.
    pub(crate) line: usize,
}

impl Token {
    fn new(text: &str, line: usize) -> Self {
        let text = text.to_owned();
        Self { text, line }
    }
}

/// Returns the tokens of `text`, without the items that are compiled for tests only.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let stream: TokenStream = text.parse().unwrap();
    let mut all = Vec::new();
    flatten(stream, &mut all);
    without_test_items(&all)
}

fn flatten(stream: TokenStream, into: &mut Vec<Token>) {
    let mut trees = stream.into_iter();
    while let Some(tree) = trees.next() {
        let (line, text) = (tree.span().start().line, tree.to_string());
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                into.push(Token::new(open, line));
                flatten(group.stream(), into);
                into.push(Token::new(close, group.span_close().start().line));
            }
            TokenTree::Punct(colon) if text == ":" && colon.spacing() == Spacing::Joint => {
                trees.next();
                into.push(Token::new("::", line));
            }
            _ => into.push(Token::new(&text, line)),
        }
    }
}

fn without_test_items(all: &[Token]) -> Vec<Token> {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut rest = all;
    while let Some((first, after)) = rest.split_first() {
        if rest.iter().map(|token| &token.text).take(7).eq(MARK) {
            rest = &rest[end_of_item(rest)..];
        } else {
            kept.push(first.clone());
            rest = after;
        }
    }
    kept
}

/// Returns the number of tokens of the item that `tokens` begins with: to its `;`, or to
/// the brace that closes its body.
fn end_of_item(tokens: &[Token]) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate() {
        match token.text.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            ";" => {}
            _ => continue,
        }
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}
