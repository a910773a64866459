//! Callers by name.

use livegate::admission::MaxRateMode;
use livegate::config::Config;
use livegate::model::CallerId;

use super::{errors_in, from, in_a_file, sources};

#[test]
fn variables_and_set_override_a_caller_of_the_file() {
    in_a_file(
        "[callers.Payments]\n[callers.\"spiffe://a.b/c\"]\nweight = 2\n",
        |path| {
            let mut sources = sources(
                &[("LIVEGATE_CALLERS__PAYMENTS__WEIGHT", "3")],
                &["callers.\"spiffe://a.b/c\".max_rate_per_second=1.5"],
            );
            sources.file = Some(path.to_owned());
            let callers = Config::load(&sources)
                .expect("valid sources")
                .config
                .callers;
            let of = |name: &str| {
                callers
                    .limits
                    .of(&CallerId::new(name).expect("a name"))
                    .clone()
            };
            assert_eq!(callers.limits.named.len(), 2);
            assert_eq!(of("Payments").weight.get(), 3);
            assert_eq!(of("spiffe://a.b/c").weight.get(), 2);
            assert_eq!(of("spiffe://a.b/c").max_rate_per_second, Some(1.5));
        },
    );
}

#[test]
fn a_rate_limit_is_enforced_unless_its_section_says_shadow() {
    let text = "[callers.default]\nmax_rate_mode = \"shadow\"\n[callers.a]\n\
        [callers.\"b/*\"]\nmax_rate_mode = \"shadow\"\n";
    let limits = from(text).config.callers.limits;
    let mode = |name: &str| {
        limits
            .of(&CallerId::new(name).expect("a name"))
            .max_rate_mode
    };
    let modes = ["a", "b/c", "other"].map(mode);
    let [enforce, shadow] = [MaxRateMode::Enforce, MaxRateMode::Shadow];
    assert_eq!(
        modes,
        [enforce, shadow, shadow],
        "a named section inherits nothing"
    );
}

#[test]
fn there_are_at_most_1000_callers_with_printable_names() {
    let text: String = (0..1000).map(|n| format!("[callers.c{n}]\n")).collect();
    assert_eq!(from(&text).config.callers.limits.named.len(), 1000);
    let errors = errors_in(&format!("{text}[callers.one-more]"));
    assert!(
        errors[0].contains("has 1001 caller sections, must be at most 1000"),
        "{errors:?}"
    );
    assert_eq!(errors_in("[callers.\"a b\"]").len(), 1);
    assert_eq!(errors_in("[callers.\"\"]").len(), 1);
}
