//! What happens to lines that are not written, and where they may not go.

use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use super::*;

/// A line as a handler has it written.
fn record(event: AuditEvent) -> impl FnOnce(&DigestKey) -> AuditRecord {
    move |_| AuditRecord {
        event,
        operation: "CreateSession",
        call_id: String::new(),
        caller: String::new(),
        auth_method: "header",
        subject_digest: None,
        session_digest: None,
        profile: None,
        aws_request_id: None,
        code: None,
        reason: None,
        latency: Duration::ZERO,
        attempts: 1,
    }
}

fn lost(registry: &Registry) -> usize {
    let mut page = String::new();
    encode(&mut page, registry).unwrap();
    let start = "livegate_audit_lines_total{outcome=\"lost\"} ";
    let figure = page.lines().find_map(|line| line.strip_prefix(start));
    figure.unwrap().parse().unwrap()
}

/// What is logged while `scene` plays.
fn logged(scene: impl FnOnce()) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    let lines = std::sync::Mutex::new(file.reopen().unwrap());
    let logs = tracing_subscriber::fmt().with_writer(lines).finish();
    tracing::subscriber::with_default(logs, scene);
    std::fs::read_to_string(file.path()).unwrap()
}

#[test]
fn while_nobody_writes_refusals_take_half_of_the_queue_and_sessions_all_of_it() {
    let mut registry = Registry::default();
    let metrics = AuditMetrics::register(&mut registry);
    let (lines, mut unread) = mpsc::channel(QUEUE);
    let audit = Audit::sending(lines, DigestKey::new(&[1; 32]), metrics);
    let told = logged(|| {
        for _ in 0..QUEUE {
            audit.write(record(AuditEvent::Refused));
        }
        assert_eq!(lost(&registry), QUEUE / 2);
        for _ in 0..QUEUE / 2 {
            audit.write(record(AuditEvent::SessionIssued));
        }
        assert_eq!(lost(&registry), QUEUE / 2, "there was room for sessions");
        audit.write(record(AuditEvent::SessionRead));
        assert_eq!(lost(&registry), QUEUE / 2 + 1, "and no more");
        assert!(unread.try_recv().is_ok());
        audit.write(record(AuditEvent::SessionReplayed));
        assert_eq!(lost(&registry), QUEUE / 2 + 1, "one was written");
        audit.write(record(AuditEvent::Refused));
        assert_eq!(
            lost(&registry),
            QUEUE / 2 + 2,
            "it is more than half full still"
        );
        while unread.try_recv().is_ok() {}
        for _ in 0..=QUEUE / 2 {
            audit.write(record(AuditEvent::Refused));
        }
        assert_eq!(lost(&registry), QUEUE / 2 + 3);
    });
    let told = told.matches("the audit is not written fast enough");
    assert_eq!(told.count(), 2, "once for each time that it begins");
}

#[test]
fn a_path_that_is_no_file_is_an_error_that_names_key_value_and_bound() {
    let output = Output::File(PathBuf::from("/dev/null"));
    let key = DigestKey::new(&[1; 32]);
    let refused = Audit::open(output, key, AuditMetrics::default()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "audit.path = \"/dev/null\": must be a regular file, not a device"
    );
}

#[tokio::test]
async fn the_thread_that_writes_has_a_name() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let output = Output::File(file.path().to_owned());
    let key = DigestKey::new(&[1; 32]);
    let audit = Audit::open(output, key, AuditMetrics::default()).unwrap();
    // It names itself, so it has to have begun.
    audit.flush().await;
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    let mut names = threads.flatten().filter_map(|thread| {
        let name = std::fs::read_to_string(thread.path().join("comm"));
        name.ok()
    });
    assert!(names.any(|name| name.trim_end() == "livegate-audit"));
}
