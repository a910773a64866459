//! Lost records, and paths that are refused.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use super::*;

/// A record of `event`, of a caller of its own.
fn record(event: AuditEvent) -> impl FnOnce(&DigestKey) -> AuditRecord {
    static CALLERS: AtomicUsize = AtomicUsize::new(0);
    let caller = format!("caller-{}", CALLERS.fetch_add(1, Ordering::Relaxed) / 10);
    record_of(caller, event)
}

fn record_of(caller: String, event: AuditEvent) -> impl FnOnce(&DigestKey) -> AuditRecord {
    move |_| AuditRecord {
        event,
        operation: "CreateSession",
        call_id: String::new(),
        caller,
        certificate: None,
        peer: None,
        auth_method: "header",
        subject_digest: None,
        session_digest: None,
        profile: None,
        read: None,
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

/// The log lines that `run` writes.
fn logged(run: impl FnOnce()) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    let lines = std::sync::Mutex::new(file.reopen().unwrap());
    let logs = tracing_subscriber::fmt().with_writer(lines).finish();
    tracing::subscriber::with_default(logs, run);
    std::fs::read_to_string(file.path()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_stalled_writer_leaves_half_of_the_queue_to_refused_calls_and_all_of_it_to_sessions() {
    let mut registry = Registry::default();
    let metrics = AuditMetrics::register(&mut registry);
    let (lines, mut unread) = mpsc::channel(QUEUE_CAPACITY);
    let audit = Audit::with_queue(lines, DigestKey::new(&[1; 32]), metrics);
    let log = logged(|| {
        for _ in 0..QUEUE_CAPACITY {
            audit.write(record(AuditEvent::Refused));
        }
        assert_eq!(lost(&registry), QUEUE_CAPACITY / 2);
        for _ in 0..QUEUE_CAPACITY / 2 {
            audit.write(record(AuditEvent::SessionIssued));
        }
        assert_eq!(
            lost(&registry),
            QUEUE_CAPACITY / 2,
            "sessions use the other half"
        );
        audit.write(record(AuditEvent::SessionRead));
        assert_eq!(lost(&registry), QUEUE_CAPACITY / 2 + 1, "the queue is full");
        assert!(unread.try_recv().is_ok());
        audit.write(record(AuditEvent::SessionReplayed));
        assert_eq!(
            lost(&registry),
            QUEUE_CAPACITY / 2 + 1,
            "one record was taken from the queue"
        );
        audit.write(record(AuditEvent::Refused));
        assert_eq!(
            lost(&registry),
            QUEUE_CAPACITY / 2 + 2,
            "the queue is still more than half full"
        );
        while unread.try_recv().is_ok() {}
        for _ in 0..=QUEUE_CAPACITY / 2 {
            audit.write(record(AuditEvent::Refused));
        }
        assert_eq!(lost(&registry), QUEUE_CAPACITY / 2 + 3);
    });
    let errors = log.matches("audit queue is full");
    assert_eq!(errors.count(), 2, "one for the start of each loss");
}

#[tokio::test(start_paused = true)]
async fn refused_calls_have_ten_lines_a_minute_and_then_one_with_their_number() {
    let (lines, mut written) = mpsc::channel(QUEUE_CAPACITY);
    let key = DigestKey::new(&[1; 32]);
    let audit = Audit::with_queue(lines, key, AuditMetrics::default());
    let mut new_lines = || -> Vec<String> {
        let lines = std::iter::from_fn(|| written.try_recv().ok());
        let text = lines.map(|item| match item {
            QueueItem::Line(line) => String::from_utf8(line).unwrap(),
            QueueItem::Flush(_) => String::new(),
        });
        text.collect()
    };
    for _ in 0..3 {
        for caller in ["a", "b"].repeat(100) {
            audit.write(record_of(caller.to_owned(), AuditEvent::Refused));
        }
        assert_eq!(new_lines().len(), 20);
        tokio::time::sleep(Duration::from_secs(61)).await;
        let summaries = new_lines();
        assert_eq!(summaries.len(), 2, "{summaries:?}");
        for summary in summaries {
            assert!(
                summary.contains("\"event\":\"refusals_omitted\""),
                "{summary}"
            );
            assert!(summary.contains("\"count\":90"), "{summary}");
        }
    }
    audit.write(record_of("a".to_owned(), AuditEvent::SessionIssued));
    assert_eq!(new_lines().len(), 1, "sessions are not bounded");
}

#[test]
fn the_error_for_a_path_names_the_key_the_value_and_the_bound() {
    let output = AuditOutput::File(PathBuf::from("/dev/null"));
    let key = DigestKey::new(&[1; 32]);
    let error = Audit::open(output, key, AuditMetrics::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "audit.path = \"/dev/null\": must be a regular file, not a device"
    );
}

#[tokio::test]
async fn the_writer_thread_has_a_name() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let output = AuditOutput::File(file.path().to_owned());
    let key = DigestKey::new(&[1; 32]);
    let audit = Audit::open(output, key, AuditMetrics::default()).unwrap();
    // The thread sets its name after it starts, so wait until it runs.
    audit.flush().await;
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    let mut names = threads.flatten().filter_map(|thread| {
        let name = std::fs::read_to_string(thread.path().join("comm"));
        name.ok()
    });
    assert!(names.any(|name| name.trim_end() == "livegate-audit"));
}
