//! The printed configuration, and the example file.

use super::from;

const EXAMPLE: &str = include_str!("../../deploy/livegate.example.toml");

#[test]
fn a_printed_configuration_reads_back() {
    let loaded = from(
        "upstream.endpoint_url = \"http://h:1\"\nshutdown.grace = \"61500ms\"\n\
         quota.create.rate_per_second = 1e-3\nauth.mode = \"trusted-header\"\n\
         callers.\"say-\\\"hi\\\"#=\".weight = 3\ncallers.default.max_rate_per_second = 2\n\
         callers.default.max_rate_mode = \"shadow\"",
    );
    assert_eq!(from(&loaded.to_toml()).config, loaded.config);
}

#[test]
fn the_sources_of_a_printed_configuration_are_aligned() {
    let text = from("").to_toml();
    let settings = text.lines().filter(|line| line.contains("# default"));
    let columns: Vec<_> = settings.filter_map(|line| line.find("# default")).collect();
    assert!(
        columns.len() > 30 && columns.iter().all(|column| *column == columns[0]),
        "{text}"
    );
    assert!(
        text.starts_with("[grpc]\nlisten = \"127.0.0.1:50051\" "),
        "{text}"
    );
}

#[test]
fn the_example_file_has_every_setting_at_its_default() {
    let (example, defaults) = (from(EXAMPLE), from(""));
    assert_eq!(example.config, defaults.config);
    for (shown, default) in example.resolved.iter().zip(&defaults.resolved) {
        assert_eq!((&shown.key, &shown.value), (&default.key, &default.value));
        let name = shown.key.to_string();
        let name = name.rsplit('.').next().expect("a name");
        match &shown.value {
            Some(_) => assert_ne!(shown.source.to_string(), "default", "{} is set", shown.key),
            None => assert!(
                EXAMPLE.contains(&format!("\n# {name} = ")),
                "{name} is commented out"
            ),
        }
    }
}

#[test]
fn the_commented_settings_of_the_example_file_are_valid() {
    let is_setting = |line: &str| line.starts_with("# [") || line.contains(" = ");
    let uncommented: String = EXAMPLE
        .lines()
        // The file sets jwks_url, which excludes jwks_file.
        .filter(|line| !line.starts_with("# jwks_file"))
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if is_setting(line) && !rest.contains("Set it") => format!("{rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let loaded = from(&uncommented);
    let callers = &loaded.config.callers;
    assert_eq!(
        (callers.limits.named.len(), callers.limits.globs.len()),
        (1, 1)
    );
    assert_eq!(loaded.config.policy.profiles.len(), 1);
    assert!(loaded.config.upstream.endpoint_url.is_some());
}
