//! The state of the configuration in metrics and `/readyz?verbose`.

use livegate_client::v1::CreateSessionRequest;
use livegate_client::{Client, Code};

use super::process::{ConfigMap, Process};
use super::{FAST, SLOW};

const SUCCESSFUL: &str = "livegate_config_last_reload_successful";
const PENDING: &str = "livegate_config_restart_pending";

#[tokio::test]
async fn a_rejected_file_is_reported_until_it_is_fixed() {
    let map = ConfigMap::holding(FAST);
    let service = Process::serve(&map).await;
    assert_eq!(value(&service, SUCCESSFUL).await, "1");
    let applied = "livegate_config_last_reload_success_timestamp_seconds";
    let first = value(&service, applied).await;
    map.swap("[quota.create]\nrate_per_second = -1.0\n");
    service.logs("configuration rejected").await;
    assert_eq!(value(&service, SUCCESSFUL).await, "0");
    assert_eq!(value(&service, applied).await, first);
    let page = service.admin_page("/readyz?verbose").await;
    assert!(page.contains("last reload rejected"), "{page}");
    let page = service.admin_page("/status").await;
    assert!(page.contains("\"last_reload_successful\":false"), "{page}");
    assert!(
        page.contains("quota.create.rate_per_second = -1.0: must be"),
        "{page}"
    );
    map.swap(SLOW);
    service.logs("configuration reloaded").await;
    assert_eq!(value(&service, SUCCESSFUL).await, "1");
    assert_ne!(value(&service, applied).await, first);
    let page = service.admin_page("/readyz?verbose").await;
    assert!(!page.contains("configuration"), "{page}");
}

#[tokio::test]
async fn an_emptied_file_is_rejected_and_every_permission_stays() {
    let map = ConfigMap::holding("[callers.default]\nrequire_profile = true\n");
    let service = Process::serve(&map).await;
    for emptied in ["", "# no settings\n"] {
        map.swap(emptied);
        service.hang_up();
        let rejected = service.logs("configuration").await;
        assert!(rejected.contains("no settings"), "{rejected}");
        assert!(rejected.contains("\"ERROR\""), "{rejected}");
    }
    let client = Client::new(&service.endpoint(), std::time::Duration::from_secs(5));
    let created = client
        .expect("a URL")
        .create(CreateSessionRequest::default())
        .await;
    let refused = created.expect_err("a profile is required");
    assert_eq!(refused.code, Code::PermissionDenied);
}

#[tokio::test]
async fn a_change_that_needs_a_restart_is_pending_and_leaves_the_hash() {
    let map = ConfigMap::holding(FAST);
    let service = Process::serve(&map).await;
    let first = hash(&service).await;
    assert_eq!(value(&service, PENDING).await, "0");
    map.swap(&format!("{FAST}[grpc]\ndefault_deadline = \"1s\"\n"));
    service.logs("need a restart").await;
    assert_eq!(value(&service, PENDING).await, "1");
    assert_eq!(hash(&service).await, first, "it is not in effect");
    let page = service.admin_page("/readyz?verbose").await;
    assert!(
        page.contains("restart pending for grpc.default_deadline"),
        "{page}"
    );
    let page = service.admin_page("/status").await;
    let pending = "\"restart_pending\":[\"grpc.default_deadline\"]";
    assert!(page.contains(pending), "{page}");
    map.swap(SLOW);
    service.logs("configuration reloaded").await;
    assert_eq!(value(&service, PENDING).await, "0");
    assert_ne!(hash(&service).await, first);
}

/// Returns the value of a metric without labels.
async fn value(service: &Process, metric: &str) -> String {
    let page = service.metrics().await;
    let line = page.lines().find_map(|line| line.strip_prefix(metric));
    let value = line.and_then(|rest| rest.strip_prefix(' '));
    value
        .unwrap_or_else(|| panic!("{metric} in {page}"))
        .to_owned()
}

async fn hash(service: &Process) -> String {
    let page = service.metrics().await;
    let mut lines = page.lines();
    let line = lines.find(|line| line.starts_with("livegate_config_info{hash="));
    line.expect("the metric").to_owned()
}
