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
    let place = "livegate.toml:2: quota.create.rate_per_second\"]";
    assert!(page.contains(place), "{page}");
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

#[tokio::test]
async fn a_changed_password_needs_a_restart_and_is_not_shown() {
    let store = |password: &str| {
        format!("{FAST}[store]\nurl = \"redis://127.0.0.1:1\"\npassword = \"{password}\"\n")
    };
    let map = ConfigMap::holding(&store("hunter1"));
    let service = Process::serve(&map).await;
    map.swap(&store("hunter2"));
    let pending = service.logs("need a restart").await;
    assert!(pending.contains("\"store.password\""), "{pending}");
    assert!(!pending.contains("hunter"), "{pending}");
    let page = service.admin_page("/readyz?verbose").await;
    assert!(
        page.contains("restart pending for store.password"),
        "{page}"
    );
}

#[tokio::test]
async fn a_new_warning_is_logged_once() {
    let jwt = "[auth]\nmode = \"jwt\"\n[auth.jwt]\nissuer = \"i\"\naudience = \"a\"\n\
        jwks_file = \"/no/such/file\"\n[callers.default]\nallow = [\"create\"]\n";
    let map = ConfigMap::holding(jwt);
    let service = Process::start(&map, &[]).await;
    let web = format!("{jwt}[callers.web]\nweight = 2\n");
    map.swap(&web);
    let warning = service.logs("every call is refused").await;
    assert!(warning.contains("\"WARN\""), "{warning}");
    assert!(warning.contains("web"), "{warning}");
    map.swap(&format!("{web}[callers.job]\nweight = 3\n"));
    let lines = service.logs_until("every call is refused").await;
    let last = lines.last().expect("the line itself");
    assert!(last.contains("job") && !last.contains("web"), "{last}");
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
