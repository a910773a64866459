//! Values that are valid alone but not together.

use livegate::config::Config;

use super::{JWT, errors_in, errors_of, from, sources};

const TLS: &str =
    "grpc.tls.certificate = \"/c\"\ngrpc.tls.key = \"/k\"\ngrpc.tls.client_ca = \"/r\"";

#[test]
fn a_conflict_is_reported_with_the_sources_of_all_its_settings() {
    let file = "[upstream]\nendpoint_url = \"http://h\"\nuse_fips = true\nuse_dual_stack = true\n";
    assert_eq!(errors_in(file).len(), 2);
    assert_eq!(
        errors_of(&sources(&[("LIVEGATE_RETRY__MAX_DELAY", "50ms")], &[])),
        ["LIVEGATE_RETRY__MAX_DELAY: retry.max_delay = \"50ms\", \
          retry.base_delay = \"100ms\" (default): base_delay must be at most max_delay"]
    );
    for (grpc, admin, valid) in [
        ("127.0.0.1:7", "127.0.0.1:7", false),
        ("[::]:7", "127.0.0.1:7", false),
        ("127.0.0.1:7", "127.0.0.2:7", true),
        ("127.0.0.1:0", "127.0.0.1:0", true),
    ] {
        let text = format!(
            "grpc.listen = \"{grpc}\"\nadmin.listen = \"{admin}\"\ngrpc.allow_plaintext = true\ngrpc.allow_unauthenticated = true"
        );
        assert_eq!(Config::from_text(&text).is_ok(), valid, "{text}");
    }
}

#[test]
fn results_beyond_loopback_require_authentication_or_an_explicit_permission() {
    let text = |listen: &str, allow: bool| {
        format!(
            "results.enabled = true\nresults.allow_unauthenticated = {allow}\n\
             grpc.listen = \"{listen}\"\ngrpc.allow_plaintext = true\ngrpc.allow_unauthenticated = true"
        )
    };
    assert!(Config::from_text(&text("127.0.0.1:1", false)).is_ok());
    assert!(Config::from_text(&text("[::1]:1", false)).is_ok());
    assert!(Config::from_text(&text("0.0.0.0:1", true)).is_ok());
    let authenticated = format!("{}\n{JWT}\nauth.mode = \"jwt\"", text("0.0.0.0:1", false));
    assert!(Config::from_text(&authenticated).is_ok());
    let errors = errors_in(&text("0.0.0.0:1", false));
    assert!(
        errors[0].contains("results contain face images"),
        "{errors:?}"
    );
}

#[test]
fn listening_beyond_loopback_requires_tls_and_authentication_or_explicit_permissions() {
    let errors = errors_in("grpc.listen = \"[::]:1\"");
    assert_eq!(errors.len(), 2);
    for key in ["grpc.listen", "grpc.tls.certificate", "allow_plaintext"] {
        assert!(errors[0].contains(key), "{errors:?}");
    }
    for key in ["grpc.listen", "auth.mode", "allow_unauthenticated"] {
        assert!(errors[1].contains(key), "{errors:?}");
    }
    let error_count = |text: &str| {
        let text = format!("grpc.listen = \"[::]:1\"\n{text}");
        Config::from_text(&text).map_or_else(|errors| errors.iter().count(), |_| 0)
    };
    assert_eq!(
        error_count("grpc.allow_plaintext = true\ngrpc.allow_unauthenticated = true"),
        0
    );
    assert_eq!(error_count(TLS), 1);
    for (mode, with_tls, without_tls) in [
        ("mtls", 0, 2),
        ("jwt", 0, 1),
        ("mtls+jwt", 0, 2),
        ("none", 1, 2),
        ("trusted-header", 1, 2),
        (
            "trusted-header\"\nauth.trusted_proxies = [\"10.0.0.0/8\"]#",
            0,
            1,
        ),
    ] {
        let text = format!("{JWT}\nauth.mode = \"{mode}\"");
        assert_eq!(error_count(&format!("{TLS}\n{text}")), with_tls, "{text}");
        assert_eq!(error_count(&text), without_tls, "{text}");
    }
    for half in ["certificate", "key", "client_ca"] {
        let errors = errors_in(&format!("grpc.tls.{half} = \"/x\""));
        assert!(errors[0].contains("must be set together"), "{errors:?}");
    }
}

#[test]
fn a_mode_with_client_certificates_requires_client_ca() {
    for mode in ["mtls", "mtls+jwt"] {
        let text = format!("{JWT}\nauth.mode = \"{mode}\"");
        let errors = errors_in(&text);
        assert!(errors[0].contains("client_ca"), "{errors:?}");
        let no_client_ca = "grpc.tls.certificate = \"/c\"\ngrpc.tls.key = \"/k\"";
        assert_eq!(errors_in(&format!("{text}\n{no_client_ca}")).len(), 1);
        assert!(Config::from_text(&format!("{text}\n{TLS}")).is_ok());
    }
}

#[test]
fn replicas_that_share_a_store_need_the_same_keys_of_result_tokens() {
    let text = "store.url = \"redis://h\"\nresults.enabled = true\n";
    let [error] = &errors_in(text)[..] else {
        panic!("one conflict");
    };
    assert!(
        error.starts_with("<text>:2: results.enabled = true"),
        "{error}"
    );
    assert!(error.contains("token_key_files"), "{error}");
    for valid in [
        "results.token_key_files = [\"/k\"]\n",
        "results.require_token = false\n",
    ] {
        from(&format!("{text}{valid}"));
    }
    from("results.enabled = true\n");
}

#[test]
fn the_tls_files_of_a_store_need_its_url_and_each_other() {
    let text = "store.url = \"redis://h\"\nstore.ca_file = \"/ca\"\n";
    let errors = errors_in(text);
    assert!(errors[0].contains("rediss://"), "{errors:?}");
    let text = "store.url = \"rediss://h\"\nstore.key = \"/key\"\n";
    let errors = errors_in(text);
    assert!(errors[0].contains("set together"), "{errors:?}");
    from(&format!(
        "{text}store.certificate = \"/c\"\nstore.ca_file = \"/ca\"\n"
    ));
}
