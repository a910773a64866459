//! Each value alone: its type, its bounds, its place.

use livegate::config::Config;

use super::{errors_in, errors_of, from, sources};

const LISTS_THAT_MAY_BE_EMPTY: [&str; 6] = [
    "callers.default.allow",
    "callers.default.buckets",
    "callers.default.prefixes",
    "callers.default.kms_keys",
    "callers.default.challenge_types",
    "callers.default.profiles",
];

#[test]
fn every_setting_rejects_values_out_of_bounds_or_of_the_wrong_type() {
    let defaults = from("");
    for setting in &defaults.resolved {
        for invalid in [
            "[]",
            "{}",
            "1979-05-27",
            "-1",
            "99999999999999999999",
            "nan",
            "\"\u{e9}\"",
        ] {
            let text = format!("{} = {invalid}", setting.key);
            // The empty list permits no values.
            let is_list = LISTS_THAT_MAY_BE_EMPTY.contains(&setting.key.to_string().as_str());
            if is_list && invalid == "[]" {
                assert!(Config::from_text(&text).is_ok(), "{text}");
            } else {
                assert_eq!(errors_in(&text).len(), 1, "{text}");
            }
        }
    }
}

#[test]
fn the_bound_is_accepted_and_the_first_value_beyond_it_is_rejected() {
    for (key, inside, outside) in [
        ("grpc.default_deadline", "\"10ms\"", "\"9ms\""),
        ("grpc.default_deadline", "\"5m\"", "\"5m 1ms\""),
        ("grpc.max_connections", "1000000", "1000001"),
        ("grpc.handshake_timeout", "\"100ms\"", "\"99ms\""),
        ("grpc.max_connection_idle", "\"1s\"", "\"999ms\""),
        ("grpc.max_connection_age", "\"7days\"", "\"7days 1s\""),
        ("upstream.attempt_timeout", "\"60s\"", "\"61s\""),
        ("quota.create.rate_per_second", "10000", "10000.1"),
        ("quota.create.rate_per_second", "0.001", "0.000999"),
        ("quota.results.target_utilization", "1", "1.01"),
        ("quota.results.target_utilization", "0.01", "1e-300"),
        ("quota.create.target_utilization", "0.01", "0.0099"),
        ("quota.results.max_wait", "\"0s\"", "\"181s\""),
        ("retry.budget_ratio", "0", "-0.1"),
        ("shutdown.grace", "\"10m\"", "\"601s\""),
        ("callers.default.weight", "100", "101"),
        ("quota.results.rate_per_second", "0.001", "1e-20"),
        ("callers.\"a.b\".max_rate_per_second", "10000", "0"),
        ("callers.default.max_rate_per_second", "0.001", "1e-20"),
        ("callers.a.max_rate_mode", "\"enforce\"", "\"observe\""),
        ("callers.default.max_rate_mode", "\"shadow\"", "true"),
        ("callers.default.max_audit_images", "0", "5"),
        ("callers.default.max_audit_images", "4", "-1"),
        ("profiles.p.audit_images_limit", "4", "5"),
        ("profiles.p.s3_bucket", "\"abc\"", "\"ab\""),
        ("admission.max_waiting", "1000000", "1000001"),
        ("admission.max_callers", "10000", "10001"),
    ] {
        assert!(
            Config::from_text(&format!("{key} = {inside}")).is_ok(),
            "{key} = {inside}"
        );
        assert_eq!(
            errors_in(&format!("{key} = {outside}")).len(),
            1,
            "{key} = {outside}"
        );
    }
}

#[test]
fn an_invalid_value_causes_no_further_conflict() {
    assert_eq!(
        errors_in("retry.base_delay = \"x\"\nretry.max_delay = \"1ms\"").len(),
        1
    );
}

#[test]
fn an_unknown_section_and_a_value_instead_of_a_section_are_rejected() {
    assert_eq!(errors_in("[nothing]"), ["<text>:1: nothing: no such key"]);
    assert_eq!(errors_in("quota = 5").len(), 1);
    assert_eq!(
        errors_in("callers.weight = 5"),
        ["<text>:1: callers.weight: must be a section, not a value"]
    );
    assert_eq!(
        errors_in("[qouta.create]\nburst = 1\ntarget_utilization = 1").len(),
        2
    );
}

#[test]
fn a_password_in_a_url_is_not_shown() {
    let errors = errors_in("upstream.endpoint_url = \"http://me:hunter2@host\"");
    let expected = "<text>:1: upstream.endpoint_url: must be an http or https URL with a host";
    assert!(
        !errors[0].contains("hunter2") && errors[0].starts_with(expected),
        "{errors:?}"
    );
}

#[test]
fn a_very_deep_key_or_value_is_reported_as_an_error() {
    let deep = 50_000;
    for text in [
        format!("x = {}", "[".repeat(deep)),
        format!("x = {}", "{a=".repeat(deep)),
        format!("{}x = 1", "a.".repeat(deep)),
        format!("[{}x]", "a.".repeat(deep)),
        (0..70)
            .map(|_| format!("[{}x]\n", "a.".repeat(70)))
            .collect(),
    ] {
        assert!(!errors_in(&text).is_empty());
    }
    let name = format!("LIVEGATE_A{}", "__a".repeat(deep));
    let set = format!("{}x=1", "a.".repeat(deep));
    assert_eq!(errors_of(&sources(&[(&name, "1")], &[&set])).len(), 2);
}
