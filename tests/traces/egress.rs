//! Traces to a collector outside of the cluster: over TLS, through a proxy, with a login.

use crate::QUICK;
use crate::call::Caller;
use crate::collector::Collector;
use crate::connect_proxy::ConnectProxy;
use crate::pki::Authority;
use crate::process::{ConfigMap, Process};

#[tokio::test]
async fn traces_reach_a_collector_over_tls_through_the_proxy_with_the_headers_in_a_file() {
    let (authority, proxy) = (Authority::new(), ConnectProxy::start().await);
    let pair = authority.issue("collector.test", 2099);
    let collector = Collector::with_tls(&pair.certificate, &pair.key).await;
    let folder = tempfile::tempdir().expect("a folder");
    let [ca, headers] = ["ca.crt", "headers"].map(|name| folder.path().join(name));
    std::fs::write(&ca, authority.pem()).expect("a file");
    std::fs::write(&headers, "Authorization: Bearer one\n").expect("a file");
    let target = format!("collector.test:{}", collector.address().port());
    let map = ConfigMap::holding(&format!(
        "{QUICK}[traces]\nendpoint = \"https://{target}\"\nheaders_file = {headers:?}\n"
    ));
    let variables = [
        ("HTTPS_PROXY", proxy.url.as_str()),
        ("NO_PROXY", ""),
        ("SSL_CERT_FILE", ca.to_str().expect("ASCII")),
    ];
    let service = Process::serve_with(&map, &variables).await;
    Caller::of(&service).await.create(None).await;
    assert!(!collector.spans_of(1).await.is_empty());
    assert!(proxy.targets().iter().all(|tunnel| *tunnel == target));
    assert!(!proxy.targets().is_empty(), "the collector has no address");
    assert!(collector.logins().iter().all(|login| login == "Bearer one"));
    assert!(!collector.logins().is_empty());
}
