//! What patterns match, and which one wins.

use proptest::prelude::*;

use super::*;

fn globs(patterns: &[&'static str]) -> CallerGlobs<&'static str> {
    let parsed = patterns.iter().map(|pattern| {
        let glob = CallerGlob::parse(pattern);
        (
            glob.unwrap_or_else(|error| panic!("{pattern}: {error}")),
            *pattern,
        )
    });
    CallerGlobs::new(parsed).expect("few patterns")
}

fn winner(patterns: &[&'static str], name: &str) -> Option<&'static str> {
    let caller = CallerId::new(name).expect("a valid name");
    globs(patterns).of(&caller).copied()
}

#[test]
fn one_star_stops_at_a_slash_and_two_stars_do_not() {
    for (pattern, matching, other) in [
        (
            "web-*",
            &["web-1", "web-"][..],
            &["web", "web-1/x", "my-web-1"][..],
        ),
        ("*", &["a", "a.b"], &["a/b"]),
        ("**", &["a", "a/b/c", "spiffe://a/b"], &[]),
        (
            "spiffe://a/ns/*/sa/b",
            &["spiffe://a/ns/x/sa/b"],
            &["spiffe://a/ns/x/y/sa/b"],
        ),
        (
            "spiffe://a/**",
            &["spiffe://a/b", "spiffe://a/b/c"],
            &["spiffe://a", "spiffe://ab"],
        ),
        (
            "a/**/z",
            &["a/z", "a/b/z", "a/b/c/z"],
            &["az", "a/b/zz", "b/a/z"],
        ),
        ("**/z", &["z", "a/z", "a/b/z"], &["az"]),
        ("spiffe://a.b/*", &["spiffe://a.b/c"], &["spiffe://axb/c"]),
    ] {
        for name in matching {
            assert_eq!(
                winner(&[pattern], name),
                Some(pattern),
                "{pattern} and {name}"
            );
        }
        for name in other {
            assert_eq!(winner(&[pattern], name), None, "{pattern} and {name}");
        }
    }
}

#[test]
fn only_the_star_is_special() {
    for (pattern, matching, other) in [
        ("a?*", "a?b", "abb"),
        ("[ab]*", "[ab]c", "ac"),
        ("{a,b}*", "{a,b}c", "ac"),
        ("a\\*", "a\\b", "a*"),
        ("!a*", "!ab", "b"),
        ("a.*", "a.b", "axb"),
        ("(a|b)+*", "(a|b)+", "aab"),
    ] {
        assert_eq!(
            winner(&[pattern], matching),
            Some(pattern),
            "{pattern} and {matching}"
        );
        assert_eq!(winner(&[pattern], other), None, "{pattern} and {other}");
    }
}

#[test]
fn the_most_specific_pattern_wins_in_any_order() {
    let mut patterns = [
        "**",
        "spiffe://a.org/**",
        "spiffe://a.org/ns/*/sa/web",
        "spiffe://a.org/ns/payments/sa/*",
        "spiffe://a.org/ns/payments/**",
    ];
    for _ in 0..patterns.len() {
        patterns.rotate_left(1);
        for (name, pattern) in [
            (
                "spiffe://a.org/ns/payments/sa/web",
                "spiffe://a.org/ns/payments/sa/*",
            ),
            ("spiffe://a.org/ns/get/sa/web", "spiffe://a.org/ns/*/sa/web"),
            (
                "spiffe://a.org/ns/payments/web",
                "spiffe://a.org/ns/payments/**",
            ),
            ("spiffe://a.org/web", "spiffe://a.org/**"),
            ("web", "**"),
        ] {
            assert_eq!(
                winner(&patterns, name),
                Some(pattern),
                "{name} in {patterns:?}"
            );
        }
    }
}

#[test]
fn equally_specific_patterns_have_a_fixed_order() {
    assert_eq!(winner(&["a/**", "a/*"], "a/b"), Some("a/*"));
    assert_eq!(
        winner(&["*b/c", "ab/*"], "ab/c"),
        Some("*b/c"),
        "* sorts before a"
    );
    // A character that is escaped for the library counts once.
    assert_eq!(winner(&["[*", "[a*"], "[ab"), Some("[a*"));
    assert_eq!(winner(&["[*", "*ab"], "[ab"), Some("*ab"));
}

#[test]
fn a_pattern_that_no_name_can_match_is_refused() {
    for invalid in ["", "a *", "*\n", "\u{e9}*", &"*".repeat(129)] {
        assert_eq!(
            CallerGlob::parse(invalid),
            Err(MalformedGlob::InvalidName),
            "{invalid:?}"
        );
    }
    for invalid in ["a**", "**a", "a/b**/c", "***", "spiffe:**"] {
        let expected = Err(MalformedGlob::PartialSegment);
        assert_eq!(CallerGlob::parse(invalid), expected, "{invalid:?}");
    }
}

#[test]
fn a_thousand_long_patterns_are_matched_at_once() {
    let patterns = (0..1000).map(|n| format!("*/{n}/{}/*", "x".repeat(115)));
    let parsed = patterns.map(|text| (CallerGlob::parse(&text).expect("valid"), text.clone()));
    let globs = CallerGlobs::new(parsed).expect("within the size limit");
    let name = CallerId::new(&format!("a/777/{}/b", "x".repeat(115))).expect("a valid name");
    assert!(
        globs
            .of(&name)
            .is_some_and(|pattern| pattern.starts_with("*/777/"))
    );
}

/// Matches `name` without the library, as a reference.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    match pattern.split_first() {
        None => name.is_empty(),
        Some((b'*', rest)) => {
            let longest = name
                .iter()
                .position(|byte| *byte == b'/')
                .unwrap_or(name.len());
            (0..=longest).any(|taken| matches(rest, &name[taken..]))
        }
        Some((byte, rest)) => name
            .split_first()
            .is_some_and(|(first, name)| first == byte && matches(rest, name)),
    }
}

proptest! {
    #[test]
    fn a_pattern_matches_the_same_names_as_the_reference(
        pattern in "([a/\\[?]\\*?){1,6}", name in "[ab/\\[?]{1,8}",
    ) {
        let glob = CallerGlob::parse(&pattern).expect("no two adjacent stars");
        let globs = CallerGlobs::new([(glob, ())]).expect("one pattern");
        let caller = CallerId::new(&name).expect("a valid name");
        let expected = matches(pattern.as_bytes(), name.as_bytes());
        prop_assert_eq!(globs.of(&caller).is_some(), expected, "{} and {}", pattern, name);
    }

    #[test]
    fn a_pattern_with_one_star_matches_any_text_in_its_place(
        before in "[!-)+-.0-~]{0,20}", middle in "[!-)+-.0-~]{0,20}", after in "[!-)+-.0-~]{0,20}",
    ) {
        let glob = CallerGlob::parse(&format!("{before}*{after}")).expect("one star");
        let globs = CallerGlobs::new([(glob, ())]).expect("one pattern");
        let name = format!("{before}{middle}{after}");
        if let Some(caller) = CallerId::new(&name) {
            prop_assert!(globs.of(&caller).is_some(), "{}", name);
        }
    }
}
