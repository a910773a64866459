//! The precedence of files, variables and `--set`, and the place of each error.

use std::time::Duration;

use livegate::config::{Config, Sources};

use super::{errors_in, errors_of, in_a_file, sources};

#[test]
fn a_variable_overrides_the_file_and_a_set_overrides_both() {
    in_a_file(
        "[quota.create]\nburst = 7\ntarget_utilization = 0.5\nmax_wait = \"1s\"\n",
        |path| {
            let mut given = sources(
                &[
                    ("LIVEGATE_QUOTA__CREATE__TARGET_UTILIZATION", "0.6"),
                    ("LIVEGATE_quota__Create__max_wait", "2s"),
                ],
                &["quota.create.max_wait=3s", "quota.create.max_wait=4s"],
            );
            given.file = Some(path.to_owned());
            let loaded = Config::load(&given).expect("valid sources");
            let quota = &loaded.config.create_quota;
            assert_eq!((quota.burst.get(), quota.target_utilization), (7, 0.6));
            assert_eq!(quota.max_wait, Duration::from_secs(4));
            let source = |key: &str| {
                let found = loaded
                    .resolved
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
                source("quota.create.target_utilization"),
                "LIVEGATE_QUOTA__CREATE__TARGET_UTILIZATION"
            );
            assert_eq!(source("quota.create.max_wait"), "--set");
        },
    );
}

#[test]
fn all_errors_of_all_sources_are_reported_in_the_order_of_their_places() {
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
                "--set: auth.mode = \"magic\": must be one of \"none\", \"trusted-header\", \"mtls\", \
             \"jwt\", \"mtls+jwt\""
                    .to_owned(),
                "--set: must be KEY=VALUE, as in quota.create.burst=9; \
             quote a name that contains dots or slashes"
                    .to_owned(),
            ];
            assert_eq!(errors_of(&given), expected);
        },
    );
}

#[test]
fn malformed_toml_is_reported_with_line_and_column() {
    let errors = errors_in("[grpc]\nlisten = = 1\n");
    assert!(
        errors[0].starts_with("<text>:2: column 10: invalid TOML: "),
        "{errors:?}"
    );
    let duplicate = errors_in("[grpc]\nlisten = \"[::]:1\"\nlisten = \"[::]:2\"\n");
    assert!(
        duplicate[0].starts_with("<text>:3: column 1: "),
        "{duplicate:?}"
    );
}

#[test]
fn an_unreadable_file_is_reported_beside_the_errors_of_the_other_sources() {
    let mut given = sources(&[], &["quota.create.burst=0", "results.enabled=true"]);
    given.file = Some("/no/such/livegate.toml".into());
    given.set.push("grpc.listen=0.0.0.0:1".to_owned());
    let errors = errors_of(&given);
    assert!(
        errors[0].starts_with("/no/such/livegate.toml: cannot be read: "),
        "{errors:?}"
    );
    assert_eq!(
        errors.len(),
        2,
        "no conflict is reported without the file: {errors:?}"
    );
    in_a_file(b"[grpc]\n# \xff\n", |path| {
        let given = Sources {
            file: Some(path.to_owned()),
            ..Sources::default()
        };
        let expected = format!(
            "{}: must be UTF-8; the first invalid byte is at offset 9",
            path.display()
        );
        assert_eq!(errors_of(&given), [expected]);
    });
}

#[test]
fn foreign_variables_are_ignored_and_unknown_settings_are_rejected() {
    let foreign = [
        ("PATH", "/bin"),
        ("LIVEGATE_LOG", "debug"),
        ("LIVEGATE_BIN", "/x"),
        ("LIVEGATE_PORT", "tcp://10.0.0.1:50051"),
        ("LIVEGATE_SERVICE_HOST", "10.0.0.1"),
    ];
    assert!(Config::load(&sources(&foreign, &[])).is_ok());
    assert_eq!(
        errors_of(&sources(&[("LIVEGATE_GRPC_LISTEN", "secret")], &[])),
        ["LIVEGATE_GRPC_LISTEN: grpc_listen: no such key; did you mean LIVEGATE_GRPC__LISTEN?"]
    );
}

#[test]
fn two_variables_for_one_key_are_rejected() {
    let both = [
        ("LIVEGATE_QUOTA__CREATE__BURST", "1"),
        ("LIVEGATE_quota__create__burst", "2"),
    ];
    assert_eq!(
        errors_of(&sources(&both, &[])),
        [
            "LIVEGATE_quota__create__burst: quota.create.burst: is also set by \
             LIVEGATE_QUOTA__CREATE__BURST; unset one of the two variables"
        ]
    );
}

#[test]
fn loading_again_returns_the_changed_keys() {
    in_a_file("[quota.create]\nburst = 7\n[callers.old]\n", |path| {
        let given = Sources {
            file: Some(path.to_owned()),
            ..Sources::default()
        };
        let before = Config::load(&given).expect("valid sources");
        assert_eq!(
            before.changed_keys(&Config::load(&given).expect("the same")),
            []
        );
        // The burst moves to another line but keeps its value; the wait changes.
        let text = "[quota.create]\nmax_wait = \"1s\"\nburst = 7\n";
        std::fs::write(path, text).expect("a file");
        let after = Config::load(&given).expect("valid sources");
        let changed: Vec<String> = before
            .changed_keys(&after)
            .iter()
            .map(ToString::to_string)
            .collect();
        let old = [
            "weight",
            "max_rate_per_second",
            "max_rate_mode",
            "max_waiting",
            "allow",
            "buckets",
            "prefixes",
            "kms_keys",
            "max_audit_images",
            "challenge_types",
            "profiles",
            "require_profile",
            "minimum_confidence",
        ];
        let mut expected = vec!["quota.create.max_wait".to_owned()];
        expected.extend(old.map(|name| format!("callers.old.{name}")));
        assert_eq!(changed, expected);
    });
}

#[test]
fn variables_of_aws_replace_defaults_and_nothing_else() {
    let variables = [
        ("AWS_DEFAULT_REGION", "us-west-2"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_USE_FIPS_ENDPOINT", "true"),
        ("AWS_USE_DUALSTACK_ENDPOINT", "true"),
    ];
    let loaded = Config::load(&sources(&variables, &[])).expect("valid sources");
    let upstream = &loaded.config.upstream;
    assert_eq!(upstream.region, "eu-west-1");
    assert!(upstream.use_fips && upstream.use_dual_stack);
    let text = loaded.to_toml();
    let line = text.lines().find(|line| line.starts_with("region = "));
    assert!(
        line.is_some_and(|line| line.ends_with("# AWS_REGION")),
        "{text}"
    );

    in_a_file("[upstream]\nregion = \"ap-south-1\"\n", |path| {
        let mut given = sources(&variables, &[]);
        given.file = Some(path.to_owned());
        let region = |given: &Sources| {
            let loaded = Config::load(given).expect("valid sources");
            loaded.config.upstream.region
        };
        assert_eq!(region(&given), "ap-south-1");
        let own = ("LIVEGATE_UPSTREAM__REGION", "ca-central-1");
        given.environment.push((own.0.to_owned(), own.1.to_owned()));
        assert_eq!(region(&given), "ca-central-1");
        given.set.push("upstream.region=sa-east-1".to_owned());
        assert_eq!(region(&given), "sa-east-1");
    });
}

#[test]
fn the_endpoint_of_rekognition_overrides_that_of_all_services() {
    let general = ("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
    let special = ("AWS_ENDPOINT_URL_REKOGNITION", "http://127.0.0.1:2");
    for (variables, expected) in [
        (vec![general], Some(general.1)),
        (vec![special, general], Some(special.1)),
        (vec![("AWS_ENDPOINT_URL", "")], None),
    ] {
        let loaded = Config::load(&sources(&variables, &[])).expect("valid sources");
        let endpoint = loaded.config.upstream.endpoint_url;
        assert_eq!(endpoint.as_deref(), expected, "{variables:?}");
    }
    let errors = errors_of(&sources(&[("AWS_REGION", "nowhere")], &[]));
    assert!(
        errors[0].starts_with("AWS_REGION: upstream.region"),
        "{errors:?}"
    );
}
