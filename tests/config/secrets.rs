//! No error shows a value that could be a secret, whichever key and source it is from.

use std::collections::BTreeSet;

use livegate::config::{Config, ConfigError, ConfigErrors, Loaded, Sources};

use super::{JWT, errors_in, errors_of, from, sources};

const MARKER: &str = "hunter2marker";

/// The keys of text whose invalid values errors show: names and addresses. A value of another
/// key of text is hidden.
const SHOWN: [&str; 20] = [
    "admin.listen",
    "auth.jwt.algorithms",
    "auth.mode",
    "auth.trusted_proxies",
    "callers.web.allow",
    "callers.web.buckets",
    "callers.web.challenge_types",
    "callers.web.kms_keys",
    "callers.web.max_rate_mode",
    "callers.web.prefixes",
    "callers.web.profiles",
    "grpc.listen",
    "log.filter",
    "profiles.kyc.challenge_types",
    "profiles.kyc.kms_key_id",
    "profiles.kyc.s3_bucket",
    "profiles.kyc.s3_key_prefix",
    "simulator.listen",
    "simulator.profile",
    "upstream.region",
];

/// Returns texts with a secret. Each key rejects at least one of them.
fn secrets() -> [String; 7] {
    [
        "redis:me:SECRET@10.0.0.7",
        "redis//me:SECRET@10.0.0.7:6379",
        "redis://10.0.0.7:6379/0?password=SECRET",
        "https://me:SECRET@host/path#SECRET",
        "me:SECRET@host",
        "SECRET SECRET",
        "SECRET\u{e9}",
    ]
    .map(|form| form.replace("SECRET", MARKER))
}

/// Returns every key that a web caller and a profile have, and every section.
fn keys_and_sections() -> (BTreeSet<String>, BTreeSet<String>) {
    let known = from("[callers.web]\n[profiles.kyc]\n").resolved.into_iter();
    let known = known.map(|setting| setting.key);
    let known = known.filter(|key| !key.to_string().starts_with("callers.default."));
    known
        .map(|key| (key.to_string(), key.section().to_string()))
        .unzip()
}

/// Lines with a key and a value, valid or not.
const FORMS: [&str; 8] = [
    "KEY = \"VALUE\"",
    "KEY = [\"VALUE\", 1]",
    "KEY = {a = \"VALUE\"}",
    "KEY = VALUE",
    "KEY = \"VALUE",
    "KEY = \"\\xVALUE\"",
    "KEY \"VALUE\"",
    "KEY = \"VALUE\"\nKEY = \"VALUE\"",
];

/// Returns the results of loading `value` for every key, in each form of each source.
fn loads(value: &str) -> Vec<Result<Loaded, ConfigErrors>> {
    let (keys, sections) = keys_and_sections();
    let file = |form: &&str| {
        let line = |key: &String| form.replace("KEY", key).replace("VALUE", value) + "\n";
        Config::from_text(&keys.iter().map(line).collect::<String>())
    };
    let files = FORMS.iter().map(file);
    let set = |names: &BTreeSet<String>, by: &str| Sources {
        set: names
            .iter()
            .map(|name| format!("{name}{by}{value}"))
            .collect(),
        ..Sources::default()
    };
    let sets = ["=", ":", " ", "= [\"", "=="].map(|by| set(&keys, by));
    let others = [
        set(&sections, "="),
        set(&BTreeSet::from([String::new()]), ""),
    ];
    let lower = |key: &String| format!("LIVEGATE_{}", key.replace('.', "__"));
    let upper = |key: &String| lower(key).to_uppercase();
    let both = keys.iter().flat_map(|key| [upper(key), lower(key)]);
    let of_aws = ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_REKOGNITION"].map(str::to_owned);
    let environments = [
        variables(value, keys.iter().map(upper)),
        variables(value, both),
        variables(value, of_aws),
    ];
    let given = sets.iter().chain(&others).chain(&environments);
    files.chain(given.map(Config::load)).collect()
}

/// Returns an environment in which each of these variables has this value.
fn variables(value: &str, names: impl IntoIterator<Item = String>) -> Sources {
    let variables = names.into_iter().map(|name| (name, value.to_owned()));
    Sources {
        environment: variables.collect(),
        ..Sources::default()
    }
}

fn is_of_number(error: &ConfigError) -> bool {
    let problem = error.problem.strip_prefix("must be ").unwrap_or_default();
    let kinds = ["a whole number", "a number", "a duration", "true or false"];
    kinds.iter().any(|kind| problem.starts_with(kind))
}

#[test]
fn only_names_and_addresses_are_shown_if_they_are_invalid() {
    let (mut shown, mut rejected) = (BTreeSet::new(), BTreeSet::new());
    for value in secrets() {
        for errors in loads(&value).into_iter().filter_map(Result::err) {
            for error in errors.iter() {
                assert!(!error.place().contains(MARKER), "{error}");
                rejected.extend(error.key.clone());
                if error.to_string().contains(MARKER) && !is_of_number(error) {
                    shown.insert(error.key.clone().unwrap_or_else(|| error.to_string()));
                }
            }
        }
    }
    assert!(rejected.is_superset(&keys_and_sections().0));
    assert_eq!(shown, SHOWN.map(str::to_owned).into());
}

#[test]
fn of_a_set_without_a_value_only_a_known_key_is_shown() {
    for (set, shown) in [
        ("store.password:hunter2", "--set: store.password: must be"),
        ("store.passwort hunter2", "--set: store: must be"),
        ("hunter2", "--set: must be"),
    ] {
        let errors = errors_of(&sources(&[], &[set]));
        assert!(errors[0].starts_with(shown), "{errors:?}");
        assert!(!errors[0].contains("hunter2"), "{errors:?}");
    }
}

#[test]
fn a_conflict_shows_no_url() {
    let url = format!("auth.jwt.jwks_url = \"https://h/k?token={MARKER}\"");
    let conflict = "<text>:3: auth.jwt.jwks_file, auth.jwt.jwks_url (<text>:4): set only one of \
        jwks_file and jwks_url";
    assert_eq!(errors_in(&format!("{JWT}\n{url}")), [conflict]);
}
