//! The limit of watches, and the share of each caller.

use std::time::Duration;

use livegate::auth::AuthMode;
use livegate::model::SessionStatus;
use livegate::session::WatchSettings;
use tonic::Code;

use super::watches::{next, request, request_of, step};
use crate::harness::pipes::{Livegate, Setup};

#[tokio::test(start_paused = true)]
async fn watches_beyond_the_limit_are_refused_until_one_disconnects() {
    let livegate = Livegate::with(Setup {
        watches: WatchSettings {
            max_watchers: 1,
            ..WatchSettings::default()
        },
        ..Setup::default()
    })
    .await;
    livegate
        .aws
        .plan((0..10).map(|_| step(SessionStatus::Created)));
    let mut first = livegate.caller().watch(request()).await.unwrap();
    next(&mut first).await;
    let status = livegate.caller().watch(request()).await.unwrap_err();
    let expected = (Code::ResourceExhausted, "WATCH_LIMIT_EXCEEDED");
    assert_eq!(status.code_and_reason(), expected);
    assert_eq!(status.quotas, ["watchers"]);
    drop(first);
    tokio::time::sleep(Duration::from_millis(10)).await;
    let polls = livegate.aws.reads().len();
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(livegate.aws.reads().len(), polls, "no watch, no poll");
    let mut second = livegate.caller().watch(request()).await.unwrap();
    next(&mut second).await;
}

#[tokio::test(start_paused = true)]
async fn a_caller_with_its_share_of_watches_leaves_room_for_another() {
    let livegate = Livegate::with(Setup {
        auth: AuthMode::TrustedHeader,
        watches: WatchSettings {
            max_watchers: 10,
            ..WatchSettings::default()
        },
        ..Setup::default()
    })
    .await;
    livegate
        .aws
        .plan((0..10).map(|_| step(SessionStatus::Created)));
    let [web, app] = ["web", "app"].map(|name| (livegate.caller().named(name), request_of(name)));
    let mut held = Vec::new();
    for _ in 0..5 {
        held.push(web.0.watch(web.1.clone()).await.unwrap());
    }
    let status = web.0.watch(web.1.clone()).await.unwrap_err();
    let expected = (Code::ResourceExhausted, "WATCH_LIMIT_EXCEEDED");
    assert_eq!(status.code_and_reason(), expected);
    let message = "5 watches of this caller are in progress, its share while 4 more fit";
    assert_eq!(status.message, message);
    assert_eq!(
        (&*status.metadata["limit"], &*status.metadata["free"]),
        ("5", "4")
    );
    assert_eq!(status.quotas, ["watchers"]);
    held.push(app.0.watch(app.1.clone()).await.unwrap());
}
