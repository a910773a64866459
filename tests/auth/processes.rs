//! `livegate serve` as a process that reads its JWKS from a URL.

use std::time::Duration;

use livegate_client::Client;
use livegate_client::v1::CreateSessionRequest;
use tokio::time::{sleep, timeout};

use super::connect_proxy::ConnectProxy;
use super::issuer::{AUDIENCE, ISSUER, Key, set};
use super::jwks::tls;
use super::jwks_server::{JwksServer, broken, ok};
use super::pki::Authority;
use super::process::{ConfigMap, Process};

const TIMEOUT: Duration = Duration::from_secs(20);

/// The configuration of a service that fetches its JWKS from `jwks_url`. It ends in the
/// section `auth.jwt`.
pub(crate) fn configuration(jwks_url: &str) -> String {
    format!(
        "[quota.create]\nrate_per_second = 1000.0\nburst = 1000\n\
         [shutdown]\nlameduck = \"1s\"\ngrace = \"5s\"\n\
         [callers.default]\nallow = [\"create\"]\n\
         [auth]\nmode = \"jwt\"\n\
         [auth.jwt]\nissuer = \"{ISSUER}\"\naudience = \"{AUDIENCE}\"\nalgorithms = [\"ES256\"]\n\
         refresh_interval = \"10s\"\njwks_url = \"{jwks_url}\"\n"
    )
}

/// Returns a client of `service` that sends `token`.
pub(crate) fn client(service: &Process, token: &str) -> Client {
    let client = Client::builder(&service.endpoint()).token(token);
    client.build().expect("a URL")
}

#[tokio::test]
async fn a_jwks_is_fetched_over_tls_through_the_proxy() {
    let (authority, key) = (Authority::new(), Key::new("a"));
    let tls = tls(&authority, "issuer.test");
    let server = JwksServer::start(ok(set(&[&key])), Some(tls)).await;
    let proxy = ConnectProxy::start().await;
    let ca = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(ca.path(), authority.pem()).expect("a file");
    let port = server.address.port();
    let text = configuration(&format!("https://issuer.test:{port}/jwks"));
    let map = ConfigMap::holding(&format!("{text}jwks_ca_file = {:?}\n", ca.path()));
    let variables = [("HTTPS_PROXY", proxy.url.as_str()), ("NO_PROXY", "")];
    let service = Process::serve_with(&map, &variables).await;
    let client = client(&service, &key.token(|_| {}));
    let created = client.create(CreateSessionRequest::default()).await;
    created.expect("the key of the token is known");
    assert_eq!(proxy.targets(), [format!("issuer.test:{port}")]);
}

#[tokio::test]
async fn credentials_are_renewed_in_the_background_while_the_jwks_was_never_read() {
    let jwks = JwksServer::start(broken(), None).await;
    // The keys have expired, so they are renewed after the shortest delay.
    let keys = "{\"AccessKeyId\": \"test\", \"SecretAccessKey\": \"test\", \"Token\": \"a\", \
        \"Expiration\": \"2020-01-01T00:00:00Z\"}";
    let agent = JwksServer::start(ok(keys.to_owned()), None).await;
    let map = ConfigMap::holding(&configuration(&format!("http://{}/jwks", jwks.address)));
    let agent_url = format!("http://{}/keys", agent.address);
    let variables = [
        ("AWS_ACCESS_KEY_ID", ""),
        ("AWS_SECRET_ACCESS_KEY", ""),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &agent_url),
    ];
    let service = Process::start(&map, &variables).await;
    let renewed = async {
        while agent.requests().len() < 2 {
            sleep(Duration::from_millis(50)).await;
        }
    };
    let in_time = timeout(TIMEOUT, renewed).await;
    in_time.expect("no call is made, and the credentials are renewed");
    let probe = service.admin_page("/readyz?verbose").await;
    assert!(probe.contains("JWKS: not read yet"), "{probe}");
}
