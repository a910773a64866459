//! As much of Rust's grammar as it takes to find paths: words and signs with
//! their lines; comments, texts and characters left out.

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// A word, `::`, or one sign.
    pub(crate) text: String,
    /// Counted from 1.
    pub(crate) line: usize,
}

/// The tokens of `text`.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let (mut rest, mut line, mut tokens) = (text, 1, Vec::new());
    while let Some(first) = rest.chars().next() {
        let length = length(rest, first);
        let (piece, after) = rest.split_at(length);
        let is_code = !first.is_whitespace() && !is_left_out(piece);
        if is_code {
            let text = piece.to_owned();
            tokens.push(Token { text, line });
        }
        line += piece.matches('\n').count();
        rest = after;
    }
    tokens
}

fn is_left_out(piece: &str) -> bool {
    piece.starts_with("//") || piece.starts_with("/*") || piece.contains(['"', '\''])
}

/// How many bytes of `rest` are one piece.
fn length(rest: &str, first: char) -> usize {
    let to_end = |end: &str, from: usize| rest[from..].find(end).map(|at| at + from + end.len());
    let whole = rest.len();
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(whole);
    }
    if rest.starts_with("/*") {
        return to_end("*/", 2).unwrap_or(whole);
    }
    if let Some(hashes) = raw_text(rest) {
        let end = format!("\"{}", "#".repeat(hashes));
        let begin = rest.find('"').unwrap_or(0) + 1;
        return to_end(&end, begin).unwrap_or(whole);
    }
    match first {
        '"' => quoted(rest, '"').unwrap_or(whole),
        '\'' => character(rest),
        ':' if rest.starts_with("::") => 2,
        _ if is_word(first) => rest.find(|c| !is_word(c)).unwrap_or(whole),
        _ => first.len_utf8(),
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The hashes of a raw text that begins here.
fn raw_text(rest: &str) -> Option<usize> {
    let after = ["r", "br", "cr"]
        .iter()
        .find_map(|prefix| rest.strip_prefix(prefix))?;
    let hashes = after.bytes().take_while(|byte| *byte == b'#').count();
    after[hashes..].starts_with('"').then_some(hashes)
}

/// The length of a quoted text with its quotes.
fn quoted(rest: &str, quote: char) -> Option<usize> {
    let mut letters = rest.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => drop(letters.next()),
            letter if letter == quote => return Some(at + letter.len_utf8()),
            _ => {}
        }
    }
    None
}

/// The length of a character, or of the tick of a lifetime and its name.
fn character(rest: &str) -> usize {
    let mut letters = rest.chars().skip(1);
    let (first, second) = (letters.next(), letters.next());
    if first == Some('\\') || second == Some('\'') {
        return quoted(rest, '\'').unwrap_or(rest.len());
    }
    let name = rest[1..].find(|c| !is_word(c));
    name.map_or(rest.len(), |at| at + 1)
}

/// From which line to which the items reach that are only there for tests.
pub(crate) fn test_items(tokens: &[Token]) -> Vec<(usize, usize)> {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let starts = tokens.windows(MARK.len()).enumerate();
    let starts = starts.filter(|(_, window)| window.iter().map(|t| &t.text).eq(MARK));
    starts
        .map(|(at, window)| (window[0].line, end_of_item(&tokens[at + MARK.len()..])))
        .collect()
}

fn end_of_item(tokens: &[Token]) -> usize {
    let mut depth = 0;
    for token in tokens {
        match token.text.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            ";" => {}
            _ => continue,
        }
        if depth == 0 {
            return token.line;
        }
    }
    tokens.last().map_or(0, |token| token.line)
}
