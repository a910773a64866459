//! `check-config`.

use std::path::Path;

use rcgen::CertificateParams;

use super::golden::Session;
use super::pki::{Authority, Files};
use super::servers::{CREDENTIALS, Server};

#[test]
fn an_unknown_key_suggests_the_key_that_was_meant() {
    let unknown = [
        "quota.create.rate",
        "quota.create.brust",
        "rps",
        "limit",
        "port",
        "timeout",
        "attempts",
        "callers.payments.rate",
        "colour",
    ];
    let mut session = Session::new();
    for key in unknown {
        session.run(&["check-config", "--set", &format!("{key}=1")]);
    }
    session.compare("unknown_keys.txt");
}

#[test]
fn the_settings_that_differ_from_the_defaults_are_printed_and_counted() {
    let mut session = Session::new();
    session.run(&["check-config"]);
    session.run(&["check-config", "--set", "quota.create.burst=5"]);
    session.run(&["check-config", "--set", "quota.create.burst=7"]);
    let password = [
        "--set",
        "store.password=hunter2",
        "--set",
        "callers.web.weight=2",
    ];
    session.run(&[&["check-config"], &password[..]].concat());
    session.run(&["check-config", "--set", "retry.max_attempts=0"]);
    session.run(&[
        "check-config",
        "--set",
        "retry.max_delay=5",
        "--set",
        "store.urll=x",
    ]);
    session.run(&["check-config", "--all"]);
    session.compare("settings.txt");
}

#[test]
fn callers_that_may_use_no_method_are_named() {
    let jwt = [
        "auth.mode=jwt",
        "auth.jwt.issuer=https://issuer.example",
        "auth.jwt.audience=livegate",
        "auth.jwt.jwks_file=/keys.json",
        "callers.payments.weight=3",
        "callers.\"web/*\".max_waiting=5",
    ];
    let mut session = Session::new();
    for more in [&[][..], &["callers.web.allow=create"]] {
        let set = jwt
            .iter()
            .chain(more)
            .flat_map(|setting| ["--set", setting]);
        let arguments: Vec<&str> = ["check-config"].into_iter().chain(set).collect();
        session.run(&arguments);
    }
    session.run(&[
        "check-config",
        "--set",
        "auth.mode=JWT",
        "--set",
        "results.enabled=true",
    ]);
    session.compare("warnings.txt");
}

/// Runs `check-config --files` with each group of settings.
fn check_files(session: &mut Session, groups: &[&[String]]) {
    for settings in groups {
        let set = settings.iter().flat_map(|setting| ["--set", setting]);
        let arguments: Vec<&str> = ["check-config", "--files"].into_iter().chain(set).collect();
        session.run(&arguments);
    }
}

#[test]
fn the_tls_files_of_the_configuration_are_checked() {
    let (authority, other) = (Authority::new(), Authority::new());
    let mut names = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    names.not_after = rcgen::date_time_ymd(2099, 1, 1);
    let files = Files::holding(&authority.sign(&names), &authority.pem());
    let expired = Files::holding(&authority.issue("localhost", 2020), &other.pem());
    let encrypted = files.path("encrypted");
    std::fs::write(&encrypted, "-----BEGIN ENCRYPTED PRIVATE KEY-----\n").expect("a file");
    let tls = |certificate: &Files, key: &Path| {
        let certificate = certificate.path("tls.crt");
        [
            format!("grpc.tls.certificate={}", certificate.display()),
            format!("grpc.tls.key={}", key.display()),
        ]
    };
    let mut session = Session::new()
        .naming(&files.path(""), "DIR/")
        .naming(&expired.path(""), "EXPIRED/");
    let groups: [&[String]; 4] = [
        &tls(&files, &files.path("tls.key")),
        &tls(&files, &expired.path("tls.key")),
        &tls(&expired, &expired.path("tls.key")),
        &tls(&files, &encrypted),
    ];
    check_files(&mut session, &groups);
    session.compare("tls_settings.txt");
}

#[test]
fn the_keys_and_secrets_of_the_configuration_are_checked() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).expect("a file");
        path.display().to_string()
    };
    let good = write("good", &[7; 32]);
    let (short, empty) = (write("short", b"hunter2"), write("empty", b"\n"));
    let jwt = ["auth.jwt.issuer=i", "auth.jwt.audience=a"].map(str::to_owned);
    let mut session = Session::new().naming(folder.path(), "DIR");
    let jwks = |path: &str| [&jwt[..], &[format!("auth.jwt.jwks_file={path}")]].concat();
    let groups: [&[String]; 3] = [
        &[
            format!("results.token_key_files={good}"),
            format!("audit.digest_key_file={good}"),
            format!("store.password_file={short}"),
        ],
        &[
            format!("results.token_key_files={good},{good}"),
            format!("audit.digest_key_file={short}"),
            format!("store.password_file={empty}"),
        ],
        &jwks("/no/such/file"),
    ];
    check_files(&mut session, &groups);
    session.compare("key_files.txt");
}

#[test]
fn the_connections_to_store_and_aws_are_checked_without_creating_a_session() {
    let simulator = Server::simulate(&[]);
    let denying = Server::simulate(&["--fault", "results:AccessDeniedException/400*9"]);
    let endpoint = |url: &str| format!("upstream.endpoint_url={url}");
    let mut session = Session::new();
    for (name, value) in CREDENTIALS {
        session = session.with(name, value);
    }
    let check = ["check-config", "--connect", "--set"];
    session.run(&[&check[..], &[&endpoint(&simulator.url())]].concat());
    let denied = endpoint(&denying.url());
    session.run(&[&check[..], &[&denied]].concat());
    session.run(&[&check[..], &[&denied, "--set", "results.enabled=true"]].concat());
    let closed = endpoint("http://127.0.0.1:1");
    let store = ["--set", "store.url=redis://127.0.0.1:1"];
    session.run(&[&check[..], &[&closed], &store].concat());
    session.compare("connections.txt");
    let mut session = Session::new();
    session.run(&[&check[..], &[&endpoint(&simulator.url())]].concat());
    session.compare("no_credentials.txt");
}
