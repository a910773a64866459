//! Forms of names: what they match, and which of them counts.

use proptest::prelude::*;

use super::*;

fn globs(forms: &[&'static str]) -> CallerGlobs<&'static str> {
    let parsed = forms.iter().map(|form| {
        let glob = CallerGlob::parse(form);
        (
            glob.unwrap_or_else(|error| panic!("{form}: {error}")),
            *form,
        )
    });
    CallerGlobs::new(parsed).expect("few of them")
}

fn counts(forms: &[&'static str], name: &str) -> Option<&'static str> {
    let caller = CallerId::new(name).expect("a plain name");
    globs(forms).of(&caller).copied()
}

#[test]
fn a_star_stops_at_a_slash_and_two_do_not() {
    for (form, right, wrong) in [
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
        for name in right {
            assert_eq!(counts(&[form], name), Some(form), "{form} and {name}");
        }
        for name in wrong {
            assert_eq!(counts(&[form], name), None, "{form} and {name}");
        }
    }
}

#[test]
fn nothing_but_the_star_is_special() {
    for (form, right, wrong) in [
        ("a?*", "a?b", "abb"),
        ("[ab]*", "[ab]c", "ac"),
        ("{a,b}*", "{a,b}c", "ac"),
        ("a\\*", "a\\b", "a*"),
        ("!a*", "!ab", "b"),
        ("a.*", "a.b", "axb"),
        ("(a|b)+*", "(a|b)+", "aab"),
    ] {
        assert_eq!(counts(&[form], right), Some(form), "{form} and {right}");
        assert_eq!(counts(&[form], wrong), None, "{form} and {wrong}");
    }
}

#[test]
fn the_most_specific_form_counts_wherever_it_stands() {
    let mut forms = [
        "**",
        "spiffe://a.org/**",
        "spiffe://a.org/ns/*/sa/web",
        "spiffe://a.org/ns/payments/sa/*",
        "spiffe://a.org/ns/payments/**",
    ];
    for _ in 0..forms.len() {
        forms.rotate_left(1);
        for (name, form) in [
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
            assert_eq!(counts(&forms, name), Some(form), "{name} of {forms:?}");
        }
    }
}

#[test]
fn of_two_that_are_as_specific_the_order_is_fixed() {
    assert_eq!(counts(&["a/**", "a/*"], "a/b"), Some("a/*"));
    assert_eq!(
        counts(&["*b/c", "ab/*"], "ab/c"),
        Some("*b/c"),
        "* is before a"
    );
    // What is escaped for the library counts once.
    assert_eq!(counts(&["[*", "[a*"], "[ab"), Some("[a*"));
    assert_eq!(counts(&["[*", "*ab"], "[ab"), Some("*ab"));
}

#[test]
fn what_no_caller_could_have_is_no_form() {
    for wrong in ["", "a *", "*\n", "\u{e9}*", &"*".repeat(129)] {
        assert_eq!(
            CallerGlob::parse(wrong),
            Err(MalformedGlob::NoName),
            "{wrong:?}"
        );
    }
    for wrong in ["a**", "**a", "a/b**/c", "***", "spiffe:**"] {
        let expected = Err(MalformedGlob::PartOfSegment);
        assert_eq!(CallerGlob::parse(wrong), expected, "{wrong:?}");
    }
}

#[test]
fn a_thousand_long_forms_are_compared_with_at_once() {
    let forms = (0..1000).map(|n| format!("*/{n}/{}/*", "x".repeat(115)));
    let forms = forms.map(|form| (CallerGlob::parse(&form).expect("a form"), form.clone()));
    let globs = CallerGlobs::new(forms).expect("they fit");
    let name = CallerId::new(&format!("a/777/{}/b", "x".repeat(115))).expect("a name");
    assert!(
        globs
            .of(&name)
            .is_some_and(|form| form.starts_with("*/777/"))
    );
}

/// What a star stands for, told without the library.
fn matches(form: &[u8], name: &[u8]) -> bool {
    match form.split_first() {
        None => name.is_empty(),
        Some((b'*', rest)) => {
            let most = name
                .iter()
                .position(|one| *one == b'/')
                .unwrap_or(name.len());
            (0..=most).any(|taken| matches(rest, &name[taken..]))
        }
        Some((one, rest)) => name
            .split_first()
            .is_some_and(|(first, name)| first == one && matches(rest, name)),
    }
}

proptest! {
    #[test]
    fn a_form_matches_what_its_stars_can_stand_for(
        form in "([a/\\[?]\\*?){1,6}", name in "[ab/\\[?]{1,8}",
    ) {
        let glob = CallerGlob::parse(&form).expect("no two stars meet");
        let globs = CallerGlobs::new([(glob, ())]).expect("one");
        let caller = CallerId::new(&name).expect("a plain name");
        let expected = matches(form.as_bytes(), name.as_bytes());
        prop_assert_eq!(globs.of(&caller).is_some(), expected, "{} and {}", form, name);
    }

    #[test]
    fn every_form_matches_the_names_it_was_made_of(
        before in "[!-)+-.0-~]{0,20}", middle in "[!-)+-.0-~]{0,20}", after in "[!-)+-.0-~]{0,20}",
    ) {
        let glob = CallerGlob::parse(&format!("{before}*{after}")).expect("one star");
        let globs = CallerGlobs::new([(glob, ())]).expect("one");
        let name = format!("{before}{middle}{after}");
        if let Some(caller) = CallerId::new(&name) {
            prop_assert!(globs.of(&caller).is_some(), "{}", name);
        }
    }
}
