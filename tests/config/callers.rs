//! Callers by their names.

use livegate::config::Config;
use livegate::model::CallerId;

use super::{errors_in, from, in_a_file, sources};

#[test]
fn a_caller_is_named_in_the_file_and_changed_by_variable_and_set() {
    in_a_file(
        "[callers.Payments]\n[callers.\"spiffe://a.b/c\"]\nweight = 2\n",
        |path| {
            let mut given = sources(
                &[("LIVEGATE_CALLERS__PAYMENTS__WEIGHT", "3")],
                &["callers.\"spiffe://a.b/c\".max_rate_per_second=1.5"],
            );
            given.file = Some(path.to_owned());
            let callers = Config::load(&given).expect("right sources").config.callers;
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
fn callers_are_at_most_1000_and_have_printable_names() {
    let text: String = (0..1000).map(|n| format!("[callers.c{n}]\n")).collect();
    assert_eq!(from(&text).config.callers.limits.named.len(), 1000);
    let more = errors_in(&format!("{text}[callers.one-more]"));
    assert!(
        more[0].contains("names 1001 callers, must be at most 1000"),
        "{more:?}"
    );
    assert_eq!(errors_in("[callers.\"a b\"]").len(), 1);
    assert_eq!(errors_in("[callers.\"\"]").len(), 1);
}
