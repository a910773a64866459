//! The file of the audit log, when it is renamed or cannot be written.

use super::audit::AuditedLivegate;
use crate::harness::pipes::Setup;

#[tokio::test(start_paused = true)]
async fn a_renamed_file_is_created_again_with_owner_permissions() {
    use std::os::unix::fs::PermissionsExt as _;

    let audited = AuditedLivegate::start(Setup::default()).await;
    let payments = audited.livegate.caller().named("payments");
    payments.create().await.unwrap();
    audited.audit.flush().await;
    std::fs::rename(audited.path(), audited.directory.path().join("audit.log.1")).unwrap();
    payments.create().await.unwrap();
    assert_eq!(
        audited.lines().await.len(),
        1,
        "the second line is in a new file"
    );
    let mode = std::fs::metadata(audited.path())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test(start_paused = true)]
async fn an_unwritable_file_loses_lines_but_fails_no_call() {
    let audited = AuditedLivegate::start(Setup::default()).await;
    let payments = audited.livegate.caller().named("payments");
    std::fs::remove_file(audited.path()).unwrap();
    let created = std::process::Command::new("mkfifo")
        .arg(audited.path())
        .status();
    assert!(created.unwrap().success());
    for _ in 0..3 {
        payments.create().await.unwrap();
    }
    assert_eq!(
        audited.counter("lost").await,
        3,
        "no call waits for a reader of the fifo"
    );
    assert_eq!(audited.counter("written").await, 0);
    std::fs::remove_file(audited.path()).unwrap();
    payments.create().await.unwrap();
    assert_eq!(audited.lines().await.len(), 1, "the path is a file again");
}
