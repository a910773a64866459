//! Checks over `StartFaceLivenessSession`: their sessions, quotas and outcomes.

use std::time::Duration;

use livegate_simulator::{CheckSettings, Device, Settings};

use crate::scene::{Scene, immediate, scene};

/// Sessions that stay CREATED without a stream.
fn streaming() -> Settings {
    Settings {
        checks: CheckSettings {
            require_streams: true,
            ..CheckSettings::default()
        },
        ..immediate()
    }
}

fn device(scene: &Scene) -> Device {
    let authority = scene.simulator.local_addr().to_string();
    Device::new(&authority, "us-east-1", Duration::ZERO)
}

#[tokio::test]
async fn a_check_makes_a_session_succeed() {
    let scene = scene(streaming()).await;
    let id = scene.create("token").await.unwrap();
    assert_eq!(scene.status(&id).await, "CREATED");
    device(&scene).play(&id).await.unwrap();
    assert_eq!(scene.status(&id).await, "SUCCEEDED");
    let stats = scene.simulator.stats();
    assert_eq!((stats.checks_completed, stats.checks_under_way), (1, 0));
}
