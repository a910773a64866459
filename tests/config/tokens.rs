//! The settings of bearer tokens and of result tokens.

use std::path::Path;

use livegate::config::Config;

use super::{JWT, errors_in, from, sources};

#[test]
fn tokens_require_an_issuer_an_audience_and_one_source_of_keys() {
    let mode = "auth.mode = \"jwt\"";
    for missing in ["auth.jwt.issuer", "auth.jwt.audience", "auth.jwt.jwks_file"] {
        let lines = JWT.lines().filter(|line| !line.starts_with(missing));
        let text = lines.chain([mode]).collect::<Vec<_>>().join("\n");
        let errors = errors_in(&text);
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(errors[0].contains(missing), "{errors:?}");
    }
    let both = format!("{JWT}\nauth.jwt.jwks_url = \"https://h/k\"");
    assert!(errors_in(&both)[0].contains("set only one of jwks_file and jwks_url"));
    for key in ["jwks_ca_file", "jwks_token_file"] {
        let errors = errors_in(&format!("{JWT}\nauth.jwt.{key} = \"/x\""));
        assert!(errors[0].contains("require jwks_url"), "{errors:?}");
    }
    for algorithm in ["HS256", "none", "rs256"] {
        let errors = errors_in(&format!(
            "auth.jwt.algorithms = [\"RS256\", \"{algorithm}\"]"
        ));
        assert!(errors[0].contains("must be a list of 1 to 9"), "{errors:?}");
    }
    let loaded = from(&format!(
        "{mode}\nauth.trusted_proxies = [\"10.0.0.7\", \"fd00::/8\"]\nauth.jwt.issuer = \"i\"\n\
         auth.jwt.audience = \"a\"\nauth.jwt.jwks_url = \"https://h/k\"\n\
         auth.jwt.jwks_ca_file = \"/ca\"\nauth.jwt.algorithms = [\"ES256\", \"EdDSA\"]"
    ));
    assert_eq!(from(&loaded.to_toml()).config, loaded.config);
    let given = sources(&[("LIVEGATE_AUTH__JWT__ALGORITHMS", "ES256, EdDSA")], &[]);
    let by_variable = Config::load(&given).expect("a comma-separated list");
    let algorithms = by_variable
        .resolved
        .iter()
        .find(|one| one.key.to_string() == "auth.jwt.algorithms");
    let written = algorithms.and_then(|one| one.value.as_deref());
    assert_eq!(written, Some("[\"ES256\", \"EdDSA\"]"));
}

#[test]
fn the_signing_keys_of_result_tokens_are_a_list_of_paths() {
    assert!(from("").config.results.require_token);
    let loaded = from("results.token_key_files = [\"/keys/new\", \"/keys/old\"]");
    let files: Vec<&Path> = loaded
        .config
        .results
        .token_key_files
        .iter()
        .map(|path| path.as_path())
        .collect();
    assert_eq!(files, [Path::new("/keys/new"), Path::new("/keys/old")]);
    assert_eq!(from(&loaded.to_toml()).config, loaded.config);
    let given = sources(
        &[("LIVEGATE_RESULTS__TOKEN_KEY_FILES", "/keys/new, /keys/old")],
        &[],
    );
    let by_variable = Config::load(&given).expect("a comma-separated list");
    assert_eq!(by_variable.config, loaded.config);
    for invalid in ["[1]", "[[]]", "\"/keys/new\"", "[\"\"]", "[\"a,b\"]"] {
        let errors = errors_in(&format!("results.token_key_files = {invalid}"));
        assert!(
            errors[0].contains("must be a list of 1 to 8 paths"),
            "{errors:?}"
        );
    }
}
