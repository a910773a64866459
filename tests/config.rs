//! The configuration as its users meet it: files, variables and `--set` in, and
//! settings or mistakes out.

#[path = "config/rules.rs"]
mod rules;

use std::path::Path;
use std::time::Duration;

use livegate::config::{Config, Loaded, Sources};
use livegate::session::words::CallerId;
use proptest::prelude::*;

const EXAMPLE: &str = include_str!("../deploy/livegate.example.toml");

const LISTS_OF_ANY_SIZE: [&str; 6] = [
    "callers.default.allow",
    "callers.default.buckets",
    "callers.default.prefixes",
    "callers.default.kms_keys",
    "callers.default.challenge_types",
    "callers.default.profiles",
];

fn sources(environment: &[(&str, &str)], set: &[&str]) -> Sources {
    let variables = environment
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_string()));
    Sources {
        file: None,
        environment: variables.collect(),
        set: set.iter().map(ToString::to_string).collect(),
    }
}

fn mistakes_of(sources: &Sources) -> Vec<String> {
    let mistakes = Config::load(sources).expect_err("these sources have mistakes");
    mistakes.iter().map(ToString::to_string).collect()
}

fn mistakes_in(text: &str) -> Vec<String> {
    let mistakes = Config::from_text(text).expect_err("this text has mistakes");
    mistakes.iter().map(ToString::to_string).collect()
}

fn from(text: &str) -> Loaded {
    Config::from_text(text).expect("a text without mistakes")
}

fn in_a_file(text: impl AsRef<[u8]>, act: impl FnOnce(&Path)) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("livegate.toml");
    std::fs::write(&path, text).expect("a file");
    act(&path);
}

#[test]
fn a_variable_overrides_the_file_and_a_set_overrides_both() {
    in_a_file(
        "[quota.create]\nburst = 7\nheadroom = 0.5\nmax_wait = \"1s\"\n",
        |path| {
            let mut given = sources(
                &[
                    ("LIVEGATE_QUOTA__CREATE__HEADROOM", "0.6"),
                    ("LIVEGATE_quota__Create__max_wait", "2s"),
                ],
                &["quota.create.max_wait=3s", "quota.create.max_wait=4s"],
            );
            given.file = Some(path.to_owned());
            let loaded = Config::load(&given).expect("right sources");
            let quota = &loaded.config.create_quota;
            assert_eq!((quota.burst.get(), quota.headroom), (7, 0.6));
            assert_eq!(quota.max_wait, Duration::from_secs(4));
            let source = |key: &str| {
                let found = loaded
                    .effective
                    .iter()
                    .find(|one| one.key.to_string() == key);
                found.expect("a known key").source.to_string()
            };
            assert_eq!(source("quota.create.rate_per_second"), "default");
            assert_eq!(
                source("quota.create.burst"),
                format!("{}:2", path.display())
            );
            assert_eq!(
                source("quota.create.headroom"),
                "LIVEGATE_QUOTA__CREATE__HEADROOM"
            );
            assert_eq!(source("quota.create.max_wait"), "--set");
        },
    );
}

#[test]
fn every_mistake_of_every_source_is_told_at_once_in_the_order_of_the_places() {
    in_a_file(
        "[quota.create]\nburst = 0\nbrust = 9\n[grpc]\ndefault_deadline = 5\n",
        |path| {
            let mut given = sources(
                &[
                    ("LIVEGATE_RETRY__MAX_ATTEMPTS", "11"),
                    ("LIVEGATE_ADAPTIVE__ENABLE", "no"),
                ],
                &["auth.mode=magic", "nonsense"],
            );
            given.file = Some(path.to_owned());
            let file = path.display();
            let expected = [
                format!("{file}:2: quota.create.burst = 0: must be a whole number from 1 to 10000"),
                format!(
                    "{file}:3: quota.create.brust: no such key; did you mean quota.create.burst?"
                ),
                format!(
                    "{file}:5: grpc.default_deadline = 5: must be a duration from 10ms to 5m; \
                add a unit, as in \"5s\""
                ),
                "LIVEGATE_ADAPTIVE__ENABLE: adaptive.enable: no such key; \
             did you mean LIVEGATE_ADAPTIVE__ENABLED?"
                    .to_owned(),
                "LIVEGATE_RETRY__MAX_ATTEMPTS: retry.max_attempts = \"11\": \
             must be a whole number from 1 to 10"
                    .to_owned(),
                "--set: \"nonsense\": must be KEY=VALUE, as in quota.create.burst=9; \
             a name with dots or slashes stands in quotes"
                    .to_owned(),
                "--set: auth.mode = \"magic\": must be one of \"none\", \"trusted-header\", \"mtls\", \
             \"jwt\", \"mtls+jwt\""
                    .to_owned(),
            ];
            assert_eq!(mistakes_of(&given), expected);
        },
    );
}

#[test]
fn a_value_out_of_bounds_or_of_the_wrong_type_is_refused_for_every_setting() {
    let defaults = from("");
    for setting in &defaults.effective {
        for wrong in [
            "[]",
            "{}",
            "1979-05-27",
            "-1",
            "99999999999999999999",
            "nan",
            "\"\u{e9}\"",
        ] {
            let text = format!("{} = {wrong}", setting.key);
            // A list of none is what lets nothing be sent.
            let is_list = LISTS_OF_ANY_SIZE.contains(&setting.key.to_string().as_str());
            if is_list && wrong == "[]" {
                assert!(Config::from_text(&text).is_ok(), "{text}");
            } else {
                assert_eq!(mistakes_in(&text).len(), 1, "{text}");
            }
        }
    }
}

#[test]
fn the_first_value_beyond_a_bound_is_refused_and_the_bound_is_not() {
    for (key, inside, outside) in [
        ("grpc.default_deadline", "\"10ms\"", "\"9ms\""),
        ("grpc.default_deadline", "\"5m\"", "\"5m 1ms\""),
        ("grpc.max_connections", "1000000", "1000001"),
        ("grpc.handshake_timeout", "\"100ms\"", "\"99ms\""),
        ("grpc.max_connection_age", "\"7days\"", "\"7days 1s\""),
        ("upstream.attempt_timeout", "\"60s\"", "\"61s\""),
        ("quota.create.rate_per_second", "10000", "10000.1"),
        ("quota.create.rate_per_second", "0.001", "0.000999"),
        ("quota.results.headroom", "1", "1.01"),
        ("quota.results.max_wait", "\"0s\"", "\"181s\""),
        ("retry.budget_ratio", "0", "-0.1"),
        ("shutdown.grace", "\"10m\"", "\"601s\""),
        ("callers.default.weight", "100", "101"),
        ("quota.results.rate_per_second", "0.001", "1e-20"),
        ("callers.\"a.b\".max_rate_per_second", "10000", "0"),
        ("callers.default.max_rate_per_second", "0.001", "1e-20"),
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
            mistakes_in(&format!("{key} = {outside}")).len(),
            1,
            "{key} = {outside}"
        );
    }
}

#[test]
fn a_text_that_is_no_toml_says_line_and_column() {
    let mistakes = mistakes_in("[grpc]\nlisten = = 1\n");
    assert!(
        mistakes[0].starts_with("<text>:2: column 10: not TOML: "),
        "{mistakes:?}"
    );
    let twice = mistakes_in("[grpc]\nlisten = \"[::]:1\"\nlisten = \"[::]:2\"\n");
    assert!(twice[0].starts_with("<text>:3: column 1: "), "{twice:?}");
}

#[test]
fn a_file_that_cannot_be_read_is_named_beside_the_mistakes_of_the_others() {
    let mut given = sources(&[], &["quota.create.burst=0", "results.enabled=true"]);
    given.file = Some("/no/such/livegate.toml".into());
    given.set.push("grpc.listen=0.0.0.0:1".to_owned());
    let mistakes = mistakes_of(&given);
    assert!(
        mistakes[0].starts_with("/no/such/livegate.toml: cannot be read: "),
        "{mistakes:?}"
    );
    assert_eq!(
        mistakes.len(),
        2,
        "the file might allow the results: {mistakes:?}"
    );
    in_a_file(b"[grpc]\n# \xff\n", |path| {
        let given = Sources {
            file: Some(path.to_owned()),
            ..Sources::default()
        };
        let expected = format!(
            "{}: must be UTF-8, and is not from byte 9 on",
            path.display()
        );
        assert_eq!(mistakes_of(&given), [expected]);
    });
}

#[test]
fn settings_that_cannot_stand_together_are_told_with_all_their_sources() {
    let file = "[upstream]\nendpoint_url = \"http://h\"\nuse_fips = true\nuse_dual_stack = true\n";
    assert_eq!(mistakes_in(file).len(), 2);
    assert_eq!(
        mistakes_of(&sources(&[("LIVEGATE_RETRY__MAX_DELAY", "50ms")], &[])),
        ["LIVEGATE_RETRY__MAX_DELAY: retry.max_delay = \"50ms\", \
          retry.base_delay = \"100ms\" (default): base_delay must be at most max_delay"]
    );
    for (grpc, admin, together) in [
        ("127.0.0.1:7", "127.0.0.1:7", false),
        ("[::]:7", "127.0.0.1:7", false),
        ("127.0.0.1:7", "127.0.0.2:7", true),
        ("127.0.0.1:0", "127.0.0.1:0", true),
    ] {
        let text = format!(
            "grpc.listen = \"{grpc}\"\nadmin.listen = \"{admin}\"\ngrpc.allow_insecure = true"
        );
        assert_eq!(Config::from_text(&text).is_ok(), together, "{text}");
    }
}

#[test]
fn results_beyond_loopback_need_a_word_of_consent() {
    let text = |listen: &str, allow: bool| {
        format!(
            "results.enabled = true\nresults.allow_unauthenticated = {allow}\n\
             grpc.listen = \"{listen}\"\ngrpc.allow_insecure = true"
        )
    };
    assert!(Config::from_text(&text("127.0.0.1:1", false)).is_ok());
    assert!(Config::from_text(&text("[::1]:1", false)).is_ok());
    assert!(Config::from_text(&text("0.0.0.0:1", true)).is_ok());
    let proven = format!("{}\n{JWT}\nauth.mode = \"jwt\"", text("0.0.0.0:1", false));
    assert!(Config::from_text(&proven).is_ok());
    let mistakes = mistakes_in(&text("0.0.0.0:1", false));
    assert!(
        mistakes[0].contains("results hold face images"),
        "{mistakes:?}"
    );
}

/// What a mode with tokens needs besides.
const JWT: &str = "auth.jwt.issuer = \"i\"\nauth.jwt.audience = \"a\"\nauth.jwt.jwks_file = \"/j\"";
const TLS: &str =
    "grpc.tls.certificate = \"/c\"\ngrpc.tls.key = \"/k\"\ngrpc.tls.client_ca = \"/r\"";

#[test]
fn beyond_loopback_it_encrypts_and_knows_who_calls_or_has_a_word_of_consent() {
    let mistakes = mistakes_in("grpc.listen = \"[::]:1\"");
    assert_eq!(mistakes.len(), 2);
    for named in ["grpc.listen", "grpc.tls.certificate", "allow_insecure"] {
        assert!(mistakes[0].contains(named), "{mistakes:?}");
    }
    for named in ["grpc.listen", "auth.mode", "allow_insecure"] {
        assert!(mistakes[1].contains(named), "{mistakes:?}");
    }
    let told = |text: &str| {
        let text = format!("grpc.listen = \"[::]:1\"\n{text}");
        Config::from_text(&text).map_or_else(|told| told.iter().count(), |_| 0)
    };
    assert_eq!(told("grpc.allow_insecure = true"), 0);
    assert_eq!(told(TLS), 1);
    for (mode, with_tls, without) in [
        ("mtls", 0, 2),
        ("jwt", 0, 1),
        ("mtls+jwt", 0, 2),
        ("none", 1, 2),
        ("trusted-header", 1, 2),
        (
            "trusted-header\"\nauth.trusted_peers = [\"10.0.0.0/8\"]#",
            0,
            1,
        ),
    ] {
        let text = format!("{JWT}\nauth.mode = \"{mode}\"");
        assert_eq!(told(&format!("{TLS}\n{text}")), with_tls, "{text}");
        assert_eq!(told(&text), without, "{text}");
    }
    for half in ["certificate", "key", "client_ca"] {
        let mistakes = mistakes_in(&format!("grpc.tls.{half} = \"/x\""));
        assert!(mistakes[0].contains("belong together"), "{mistakes:?}");
    }
}

#[test]
fn whoever_wants_certificates_asks_for_them() {
    for mode in ["mtls", "mtls+jwt"] {
        let text = format!("{JWT}\nauth.mode = \"{mode}\"");
        let mistakes = mistakes_in(&text);
        assert!(mistakes[0].contains("client_ca"), "{mistakes:?}");
        let without = "grpc.tls.certificate = \"/c\"\ngrpc.tls.key = \"/k\"";
        assert_eq!(mistakes_in(&format!("{text}\n{without}")).len(), 1);
        assert!(Config::from_text(&format!("{text}\n{TLS}")).is_ok());
    }
}

#[test]
fn tokens_need_an_issuer_an_audience_and_one_place_for_their_keys() {
    let mode = "auth.mode = \"jwt\"";
    for lacking in ["auth.jwt.issuer", "auth.jwt.audience", "auth.jwt.jwks_file"] {
        let lines = JWT.lines().filter(|line| !line.starts_with(lacking));
        let text = lines.chain([mode]).collect::<Vec<_>>().join("\n");
        let mistakes = mistakes_in(&text);
        assert_eq!(mistakes.len(), 1, "{mistakes:?}");
        assert!(mistakes[0].contains(lacking), "{mistakes:?}");
    }
    let both = format!("{JWT}\nauth.jwt.jwks_url = \"https://h/k\"");
    assert!(mistakes_in(&both)[0].contains("at one place"));
    for of_url in ["jwks_ca_file", "jwks_token_file"] {
        let mistakes = mistakes_in(&format!("{JWT}\nauth.jwt.{of_url} = \"/x\""));
        assert!(mistakes[0].contains("are for jwks_url"), "{mistakes:?}");
    }
    for secret in ["HS256", "none", "rs256"] {
        let mistakes = mistakes_in(&format!("auth.jwt.algorithms = [\"RS256\", \"{secret}\"]"));
        assert!(
            mistakes[0].contains("must be a list of 1 to 9"),
            "{mistakes:?}"
        );
    }
    let loaded = from(&format!(
        "{mode}\nauth.trusted_peers = [\"10.0.0.7\", \"fd00::/8\"]\nauth.jwt.issuer = \"i\"\n\
         auth.jwt.audience = \"a\"\nauth.jwt.jwks_url = \"https://h/k\"\n\
         auth.jwt.jwks_ca_file = \"/ca\"\nauth.jwt.algorithms = [\"ES256\", \"EdDSA\"]"
    ));
    assert_eq!(from(&loaded.to_toml()).config, loaded.config);
    let given = sources(&[("LIVEGATE_AUTH__JWT__ALGORITHMS", "ES256, EdDSA")], &[]);
    let by_variable = Config::load(&given).expect("a list with a comma");
    let algorithms = by_variable
        .effective
        .iter()
        .find(|one| one.key.to_string() == "auth.jwt.algorithms");
    let written = algorithms.and_then(|one| one.value.as_deref());
    assert_eq!(written, Some("[\"ES256\", \"EdDSA\"]"));
}

#[test]
fn the_keys_of_tokens_are_files_of_which_only_the_paths_show() {
    assert!(from("").config.results.require_token);
    let loaded = from("results.token_key_files = [\"/keys/new\", \"/keys/old\"]");
    let files: Vec<&Path> = loaded
        .config
        .results
        .token_key_files
        .iter()
        .map(|one| one.as_path())
        .collect();
    assert_eq!(files, [Path::new("/keys/new"), Path::new("/keys/old")]);
    assert_eq!(from(&loaded.to_toml()).config, loaded.config);
    let given = sources(
        &[("LIVEGATE_RESULTS__TOKEN_KEY_FILES", "/keys/new, /keys/old")],
        &[],
    );
    let by_variable = Config::load(&given).expect("a list with a comma");
    assert_eq!(by_variable.config, loaded.config);
    for wrong in ["[1]", "[[]]", "\"/keys/new\"", "[\"\"]", "[\"a,b\"]"] {
        let mistakes = mistakes_in(&format!("results.token_key_files = {wrong}"));
        assert!(
            mistakes[0].contains("must be a list of 1 to 8 paths"),
            "{mistakes:?}"
        );
    }
}

#[test]
fn a_value_that_is_wrong_by_itself_is_not_compared_with_others() {
    assert_eq!(
        mistakes_in("retry.base_delay = \"x\"\nretry.max_delay = \"1ms\"").len(),
        1
    );
}

#[test]
fn a_section_that_does_not_exist_or_is_a_value_is_refused() {
    assert_eq!(mistakes_in("[nothing]"), ["<text>:1: nothing: no such key"]);
    assert_eq!(mistakes_in("quota = 5").len(), 1);
    assert_eq!(
        mistakes_in("callers.weight = 5"),
        ["<text>:1: callers.weight = 5: must be a section, with keys of its own"]
    );
    assert_eq!(
        mistakes_in("[qouta.create]\nburst = 1\nheadroom = 1").len(),
        2
    );
}

#[test]
fn variables_of_others_are_left_alone_and_an_unknown_one_of_ours_is_refused() {
    let others = [
        ("PATH", "/bin"),
        ("LIVEGATE_LOG", "debug"),
        ("LIVEGATE_BIN", "/x"),
        ("LIVEGATE_PORT", "tcp://10.0.0.1:50051"),
        ("LIVEGATE_SERVICE_HOST", "10.0.0.1"),
    ];
    assert!(Config::load(&sources(&others, &[])).is_ok());
    assert_eq!(
        mistakes_of(&sources(&[("LIVEGATE_GRPC_LISTEN", "secret")], &[])),
        ["LIVEGATE_GRPC_LISTEN: grpc_listen: no such key; did you mean LIVEGATE_GRPC__LISTEN?"]
    );
}

#[test]
fn two_variables_for_one_key_are_refused() {
    let both = [
        ("LIVEGATE_QUOTA__CREATE__BURST", "1"),
        ("LIVEGATE_quota__create__burst", "2"),
    ];
    assert_eq!(mistakes_of(&sources(&both, &[])).len(), 1);
}

#[test]
fn a_password_in_a_url_does_not_show() {
    let mistakes = mistakes_in("upstream.endpoint_url = \"http://me:hunter2@host\"");
    assert!(
        !mistakes[0].contains("hunter2") && mistakes[0].contains("***@host"),
        "{mistakes:?}"
    );
}

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
            let of = |name: &str| callers.of(&CallerId::new(name).expect("a name")).clone();
            assert_eq!(callers.named.len(), 2);
            assert_eq!(of("Payments").weight.get(), 3);
            assert_eq!(of("spiffe://a.b/c").weight.get(), 2);
            assert_eq!(of("spiffe://a.b/c").max_rate_per_second, Some(1.5));
        },
    );
}

#[test]
fn callers_are_at_most_1000_and_have_printable_names() {
    let text: String = (0..1000).map(|n| format!("[callers.c{n}]\n")).collect();
    assert_eq!(from(&text).config.callers.named.len(), 1000);
    let more = mistakes_in(&format!("{text}[callers.one-more]"));
    assert!(
        more[0].contains("names 1001 callers, must be at most 1000"),
        "{more:?}"
    );
    assert_eq!(mistakes_in("[callers.\"a b\"]").len(), 1);
    assert_eq!(mistakes_in("[callers.\"\"]").len(), 1);
}

#[test]
fn what_is_printed_reads_back_as_the_same_configuration() {
    let loaded = from(
        "upstream.endpoint_url = \"http://h:1\"\nshutdown.grace = \"61500ms\"\n\
         quota.create.rate_per_second = 1e-3\nauth.mode = \"trusted-header\"\n\
         callers.\"say-\\\"hi\\\"#=\".weight = 3\ncallers.default.max_rate_per_second = 2",
    );
    assert_eq!(from(&loaded.to_toml()).config, loaded.config);
}

#[test]
fn the_sources_of_the_printed_configuration_stand_in_one_column() {
    let text = from("").to_toml();
    let settings = text.lines().filter(|line| line.contains("# default"));
    let columns: Vec<_> = settings.filter_map(|line| line.find("# default")).collect();
    assert!(
        columns.len() > 30 && columns.iter().all(|one| *one == columns[0]),
        "{text}"
    );
    assert!(
        text.starts_with("[grpc]\nlisten = \"127.0.0.1:50051\" "),
        "{text}"
    );
}

#[test]
fn reading_the_sources_again_names_the_keys_that_changed() {
    in_a_file("[quota.create]\nburst = 7\n[callers.old]\n", |path| {
        let given = Sources {
            file: Some(path.to_owned()),
            ..Sources::default()
        };
        let before = Config::load(&given).expect("right sources");
        assert_eq!(
            before.changed_keys(&Config::load(&given).expect("the same")),
            []
        );
        // The burst moves to another line, and stays; the wait changes.
        let text = "[quota.create]\nmax_wait = \"1s\"\nburst = 7\n";
        std::fs::write(path, text).expect("a file");
        let after = Config::load(&given).expect("right sources");
        let changed: Vec<String> = before
            .changed_keys(&after)
            .iter()
            .map(ToString::to_string)
            .collect();
        let old = [
            "weight",
            "max_rate_per_second",
            "max_waiting",
            "allow",
            "buckets",
            "prefixes",
            "kms_keys",
            "max_audit_images",
            "challenge_types",
            "profiles",
            "require_profile",
        ];
        let mut expected = vec!["quota.create.max_wait".to_owned()];
        expected.extend(old.map(|name| format!("callers.old.{name}")));
        assert_eq!(changed, expected);
    });
}

#[test]
fn the_example_file_names_every_setting_at_its_default() {
    let (example, defaults) = (from(EXAMPLE), from(""));
    assert_eq!(example.config, defaults.config);
    for (shown, default) in example.effective.iter().zip(&defaults.effective) {
        assert_eq!((&shown.key, &shown.value), (&default.key, &default.value));
        let name = shown.key.to_string();
        let name = name.rsplit('.').next().expect("a name");
        match &shown.value {
            Some(_) => assert_ne!(
                shown.source.to_string(),
                "default",
                "{} is there",
                shown.key
            ),
            None => assert!(
                EXAMPLE.contains(&format!("\n# {name} = ")),
                "{name} is commented"
            ),
        }
    }
}

#[test]
fn the_commented_settings_of_the_example_file_are_right_too() {
    let is_setting = |line: &str| line.starts_with("# [") || line.contains(" = ");
    let uncommented: String = EXAMPLE
        .lines()
        // The keys of tokens are at one place: here at the url.
        .filter(|line| !line.starts_with("# jwks_file"))
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if is_setting(line) && !rest.contains("Set it") => format!("{rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let loaded = from(&uncommented);
    let callers = &loaded.config.callers;
    assert_eq!((callers.named.len(), callers.globs.len()), (1, 1));
    assert_eq!(loaded.config.rules.profiles.len(), 1);
    assert!(loaded.config.upstream.endpoint_url.is_some());
}

#[test]
fn a_key_or_a_value_of_absurd_depth_is_a_mistake_like_any_other() {
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
        assert!(!mistakes_in(&text).is_empty());
    }
    let name = format!("LIVEGATE_A{}", "__a".repeat(deep));
    let set = format!("{}x=1", "a.".repeat(deep));
    assert_eq!(mistakes_of(&sources(&[(&name, "1")], &[&set])).len(), 2);
}

proptest! {
    #[test]
    fn no_text_makes_the_loader_panic(text in "\\PC*|([a-z\\[\\]\"'.={}#\n\r\t0-9-]|quota|callers|default|\u{e9}){0,60}") {
        let _ = Config::from_text(&text).map_err(|mistakes| mistakes.to_string());
    }

    #[test]
    fn no_setting_or_variable_makes_the_loader_panic(
        set in proptest::collection::vec("(callers|quota\\.create|grpc)?[.\"'=a-z\\PC\n]{0,20}(=\\PC{0,9})?", 0..4),
        name in "(LIVEGATE_)?[A-Za-z_\\PC]{0,20}",
        value in "\\PC*",
    ) {
        let given = Sources { file: None, environment: vec![(name, value)], set };
        if let Err(mistakes) = Config::load(&given) {
            prop_assert_eq!(mistakes.to_string().lines().count(), mistakes.iter().count());
        }
    }

    #[test]
    fn every_configuration_that_loads_prints_and_reads_back(
        rate in 0.001..10_000.0_f64, burst in 1..=10_000_u32, wait in 0..=180_000_000_u64,
        name in "[!-~]{1,128}", weight in 1..=100_u32,
    ) {
        // Two stars have a place of their own.
        let name = name.replace("**", "*");
        prop_assume!(!name.contains("**"));
        let given = sources(&[], &[
            &format!("quota.create.rate_per_second={rate}"),
            &format!("quota.create.burst={burst}"),
            &format!("quota.create.max_wait={wait}us"),
            &format!("callers.{}.weight={weight}", toml_key(&name)),
        ]);
        let loaded = Config::load(&given).expect("all in bounds");
        prop_assert_eq!(&from(&loaded.to_toml()).config, &loaded.config);
        prop_assert_eq!(loaded.config.create_quota.max_wait, Duration::from_micros(wait));
    }
}

fn toml_key(name: &str) -> String {
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}
