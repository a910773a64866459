//! Files that cannot be configurations, and values that must not be shown.

use std::process::Command;

use super::SLOW;
use super::process::{ConfigMap, Process};

#[tokio::test]
async fn a_path_that_could_block_is_rejected_until_it_is_a_file_again() {
    let map = ConfigMap::holding("");
    let service = Process::serve(&map).await;
    map.swap(SLOW);
    service.logs("configuration reloaded").await;
    map.swap_for(|path| {
        let made = Command::new("mkfifo").arg(path).status();
        assert!(made.expect("mkfifo is installed").success());
    });
    let rejected = service.logs("configuration rejected").await;
    assert!(rejected.contains("must be a regular file"), "{rejected}");
    service.hang_up();
    service.logs("configuration rejected").await;
    map.swap_for(|path| std::fs::create_dir(path).expect("a folder"));
    service.hang_up();
    let rejected = service.logs("configuration rejected").await;
    assert!(rejected.contains("must be a regular file"), "{rejected}");
    map.swap(&"#".repeat((4 << 20) + 1));
    service.hang_up();
    let rejected = service.logs("configuration rejected").await;
    assert!(rejected.contains("at most 4194304 bytes"), "{rejected}");
    map.swap(SLOW);
    service.hang_up();
    service.logs("configuration unchanged").await;
}

#[tokio::test]
async fn an_invalid_value_that_could_be_a_secret_is_nowhere_in_the_output() {
    let secrets = "[store]\nurl = \"redis:me:hunter2@10.0.0.7\"\nuser = \"hunter2 \"\n\
        password = \"hunter2 \"\n[traces]\nendpoint = \"me:hunter2@host\"\n\
        [auth.jwt]\njwks_url = \"http://host/?token=hunter2\"\n";
    let map = ConfigMap::holding(SLOW);
    let service = Process::serve(&map).await;
    map.swap(secrets);
    for key in [
        "store.url",
        "store.user",
        "store.password",
        "traces.endpoint",
        "auth.jwt.jwks_url",
    ] {
        let lines = service
            .logs_until("configuration rejected")
            .await
            .join("\n");
        assert!(lines.contains(key), "{lines}");
        assert!(!lines.contains("hunter2"), "{lines}");
    }
    let page = service.admin_page("/status").await;
    assert!(page.contains("livegate.toml:2: store.url\""), "{page}");
    assert!(!page.contains("hunter2"), "{page}");
    let check = Command::new(env!("CARGO_BIN_EXE_livegate"))
        .args(["check-config", "--config"])
        .arg(map.path())
        .output()
        .expect("the binary starts");
    let printed = [check.stdout, check.stderr].concat();
    let printed = String::from_utf8(printed).expect("text");
    assert!(printed.contains("5 errors"), "{printed}");
    assert!(!printed.contains("hunter2"), "{printed}");
}
