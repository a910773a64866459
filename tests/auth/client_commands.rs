//! The client commands, against a service with mutual TLS and tokens.

use std::process::Stdio;

use livegate::auth::AuthMode;
use tokio::process::Command;

use super::issuer::{Key, SUBJECT};
use super::pki::{Authority, Files};
use super::stack::{NAME, Stack};
use super::tokens::{file, settings};

#[tokio::test]
async fn the_client_commands_send_a_token_and_a_certificate_from_files() {
    let (authority, key) = (Authority::new(), Key::new("a"));
    let (_keys, source) = file(&[&key]);
    let mut names = rcgen::CertificateParams::new(vec![NAME.to_owned(), "localhost".to_owned()])
        .expect("names");
    names.not_after = rcgen::date_time_ymd(2099, 1, 1);
    let server = Files::holding(&authority.sign(&names), &authority.pem());
    let stack = Stack::start(settings(AuthMode::MtlsJwt, source), Some(&server)).await;
    let client = Files::holding(&authority.issue("someone", 2099), &authority.pem());
    let token = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(token.path(), format!("{}\n", key.token(|_| {}))).expect("a file");

    let endpoint = format!("https://localhost:{}", stack.grpc.port());
    let mut args = vec!["result", "--json", "--endpoint", &endpoint];
    args.extend(["--session-id", "0b5e3a4c-7d57-4f0e-9a51-6b5c1f7f3a10"]);
    args.extend(["--result-token", "forged"]);
    let paths = ["ca.crt", "tls.crt", "tls.key"].map(|name| client.path(name));
    let paths = paths.each_ref().map(|path| path.to_str().expect("ASCII"));
    args.extend([
        "--tls-ca",
        paths[0],
        "--tls-cert",
        paths[1],
        "--tls-key",
        paths[2],
    ]);
    let (code, output) = run(&args).await;
    assert_eq!(code, Some(16), "unauthenticated without a token: {output}");
    args.extend(["--token-file", token.path().to_str().expect("ASCII")]);
    let (code, output) = run(&args).await;
    assert_eq!(
        code,
        Some(7),
        "authenticated as {SUBJECT}, but the result token is forged: {output}"
    );
    assert!(output.contains("RESULT_TOKEN_INVALID"), "{output}");

    let plain = endpoint.replace("https", "http");
    let refused = run(&["create", "--endpoint", &plain, "--tls-ca", paths[0]]).await;
    assert!(refused.1.contains("https"), "{refused:?}");
}

async fn run(args: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_livegate"));
    command.args(args).stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.expect("the command runs");
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8(text).expect("UTF-8"),
    )
}
