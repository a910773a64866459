//! Values that are right alone and wrong together.

use livegate::config::Config;

use super::{JWT, errors_in, errors_of, sources};

const TLS: &str =
    "grpc.tls.certificate = \"/c\"\ngrpc.tls.key = \"/k\"\ngrpc.tls.client_ca = \"/r\"";

#[test]
fn settings_that_cannot_stand_together_are_told_with_all_their_sources() {
    let file = "[upstream]\nendpoint_url = \"http://h\"\nuse_fips = true\nuse_dual_stack = true\n";
    assert_eq!(errors_in(file).len(), 2);
    assert_eq!(
        errors_of(&sources(&[("LIVEGATE_RETRY__MAX_DELAY", "50ms")], &[])),
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
            "grpc.listen = \"{grpc}\"\nadmin.listen = \"{admin}\"\ngrpc.allow_plaintext = true\ngrpc.allow_unauthenticated = true"
        );
        assert_eq!(Config::from_text(&text).is_ok(), together, "{text}");
    }
}

#[test]
fn results_beyond_loopback_need_a_word_of_consent() {
    let text = |listen: &str, allow: bool| {
        format!(
            "results.enabled = true\nresults.allow_unauthenticated = {allow}\n\
             grpc.listen = \"{listen}\"\ngrpc.allow_plaintext = true\ngrpc.allow_unauthenticated = true"
        )
    };
    assert!(Config::from_text(&text("127.0.0.1:1", false)).is_ok());
    assert!(Config::from_text(&text("[::1]:1", false)).is_ok());
    assert!(Config::from_text(&text("0.0.0.0:1", true)).is_ok());
    let proven = format!("{}\n{JWT}\nauth.mode = \"jwt\"", text("0.0.0.0:1", false));
    assert!(Config::from_text(&proven).is_ok());
    let errors = errors_in(&text("0.0.0.0:1", false));
    assert!(errors[0].contains("results hold face images"), "{errors:?}");
}

#[test]
fn beyond_loopback_it_encrypts_and_knows_who_calls_or_has_a_word_of_consent() {
    let errors = errors_in("grpc.listen = \"[::]:1\"");
    assert_eq!(errors.len(), 2);
    for named in ["grpc.listen", "grpc.tls.certificate", "allow_plaintext"] {
        assert!(errors[0].contains(named), "{errors:?}");
    }
    for named in ["grpc.listen", "auth.mode", "allow_unauthenticated"] {
        assert!(errors[1].contains(named), "{errors:?}");
    }
    let told = |text: &str| {
        let text = format!("grpc.listen = \"[::]:1\"\n{text}");
        Config::from_text(&text).map_or_else(|told| told.iter().count(), |_| 0)
    };
    assert_eq!(
        told("grpc.allow_plaintext = true\ngrpc.allow_unauthenticated = true"),
        0
    );
    assert_eq!(told(TLS), 1);
    for (mode, with_tls, without) in [
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
        assert_eq!(told(&format!("{TLS}\n{text}")), with_tls, "{text}");
        assert_eq!(told(&text), without, "{text}");
    }
    for half in ["certificate", "key", "client_ca"] {
        let errors = errors_in(&format!("grpc.tls.{half} = \"/x\""));
        assert!(errors[0].contains("belong together"), "{errors:?}");
    }
}

#[test]
fn whoever_wants_certificates_asks_for_them() {
    for mode in ["mtls", "mtls+jwt"] {
        let text = format!("{JWT}\nauth.mode = \"{mode}\"");
        let errors = errors_in(&text);
        assert!(errors[0].contains("client_ca"), "{errors:?}");
        let without = "grpc.tls.certificate = \"/c\"\ngrpc.tls.key = \"/k\"";
        assert_eq!(errors_in(&format!("{text}\n{without}")).len(), 1);
        assert!(Config::from_text(&format!("{text}\n{TLS}")).is_ok());
    }
}
