//! The client, in front of a server on loopback.

#[path = "client/server.rs"]
mod server;

use std::time::Duration;

use livegate_client::v1::{
    CreateSessionRequest, GetSessionResultRequest, SessionStatus, WatchSessionRequest,
};
use livegate_client::{Client, Code};
use tonic::Status;

use server::{Script, Server, refused, session};

const TIMEOUT: Duration = Duration::from_secs(20);
const DELAY: Duration = Duration::from_millis(50);
const HOUR: Duration = Duration::from_secs(3600);

fn client(server: &Server) -> Client {
    let builder = Client::builder(&server.endpoint()).timeout(TIMEOUT);
    builder.max_retries(3).build().expect("a URL")
}

fn request() -> CreateSessionRequest {
    CreateSessionRequest::default()
}

#[tokio::test]
async fn a_call_sends_its_deadline_and_a_request_id_and_reads_the_figures() {
    let server = Server::start(Script::default()).await;
    let client = client(&server).as_caller("payments");
    let response = client.create(request()).await.expect("a session");
    assert_eq!(response.message, session());
    assert_eq!((response.attempts, response.retries), (2, 0));
    assert_eq!(response.waited, Duration::from_millis(40));
    assert_eq!(response.call_id.as_deref(), Some("call-1"));
    let [received] = server.received().try_into().expect("one call");
    assert_eq!(received.caller.as_deref(), Some("payments"));
    assert_eq!(received.authorization, None);
    assert!(received.timeout <= TIMEOUT, "{received:?}");
    assert!(received.timeout > TIMEOUT / 2, "{received:?}");
    let id = uuid::Uuid::parse_str(&received.request_id).expect("a UUID");
    assert_eq!(id.get_version_num(), 7);
}

#[tokio::test]
async fn each_call_has_another_request_id_unless_the_caller_sets_one() {
    let server = Server::start(Script::default()).await;
    let client = client(&server);
    for request_id in ["", "", "0192f3a4-5b6c-7d8e-9fa0-b1c2d3e4f506"] {
        let request_id = request_id.to_owned();
        let request = CreateSessionRequest {
            request_id,
            ..request()
        };
        client.create(request).await.expect("a session");
    }
    let [first, second, third] = server.received().try_into().expect("three calls");
    assert_ne!(first.request_id, second.request_id);
    assert_eq!(third.request_id, "0192f3a4-5b6c-7d8e-9fa0-b1c2d3e4f506");
}

#[tokio::test]
async fn a_retry_waits_for_retry_info_and_repeats_the_request_id() {
    let script = [
        refused(DELAY, None),
        refused(DELAY, Some(50)),
        Ok(session()),
    ];
    let server = Server::start(Script::from(script)).await;
    let response = client(&server).create(request()).await.expect("a session");
    assert_eq!(response.retries, 2);
    let received = server.received();
    assert_eq!(received.len(), 3);
    for pair in received.windows(2) {
        assert_eq!(pair[0].request_id, pair[1].request_id);
        assert!(pair[1].at - pair[0].at >= DELAY, "{pair:?}");
        assert!(pair[1].timeout + DELAY <= pair[0].timeout, "{pair:?}");
    }
}

#[tokio::test]
async fn reading_a_result_is_retried_too() {
    let server = Server::start(Script::from([refused(DELAY, None)])).await;
    let response = client(&server)
        .result(GetSessionResultRequest::default())
        .await;
    assert_eq!(response.expect("a result").retries, 1);
    assert_eq!(server.received().len(), 2);
}

#[tokio::test]
async fn a_pushback_of_minus_one_forbids_the_retry() {
    let server = Server::start(Script::from([refused(DELAY, Some(-1))])).await;
    let error = client(&server)
        .create(request())
        .await
        .expect_err("refused");
    assert_eq!(
        (error.code, &*error.reason),
        (Code::ResourceExhausted, "QUOTA_EXHAUSTED")
    );
    assert_eq!(error.retry_after, Some(DELAY));
    assert_eq!(error.call_id.as_deref(), Some("call-1"));
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn a_delay_beyond_the_deadline_is_returned_at_once() {
    let server = Server::start(Script::from([refused(HOUR, None)])).await;
    let error = client(&server)
        .create(request())
        .await
        .expect_err("refused");
    assert_eq!(
        (error.code, error.retry_after),
        (Code::ResourceExhausted, Some(HOUR))
    );
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn a_status_without_retry_info_is_final() {
    let unavailable = Err(Status::unavailable("the connection was closed"));
    let server = Server::start(Script::from([unavailable])).await;
    let error = client(&server)
        .create(request())
        .await
        .expect_err("refused");
    assert_eq!(error.code, Code::Unavailable);
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn retries_are_bounded_and_off_by_default() {
    let refusals = || std::iter::repeat_with(|| refused(Duration::ZERO, None));
    let server = Server::start(refusals().take(10).collect()).await;
    client(&server)
        .create(request())
        .await
        .expect_err("refused");
    assert_eq!(server.received().len(), 4, "one attempt and three retries");
    let client = Client::new(&server.endpoint(), TIMEOUT).expect("a URL");
    client.create(request()).await.expect_err("refused");
    let received = server.received();
    assert_eq!(received.len(), 5, "one attempt alone");
    assert_eq!(received[4].request_id, "", "none is needed");
}

#[tokio::test]
async fn the_token_file_is_read_again_for_each_attempt() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "first\n").expect("a file");
    let server = Server::start(Script::from([refused(DELAY, None)])).await;
    let builder = Client::builder(&server.endpoint()).token_file(file.path());
    let client = builder.max_retries(1).build().expect("a URL");
    let path = file.path().to_owned();
    server.before_response(move || std::fs::write(&path, "second").expect("a file"));
    client.create(request()).await.expect("a session");
    let received = server.received();
    let tokens = received.iter().map(|one| one.authorization.as_deref());
    assert_eq!(
        tokens.collect::<Vec<_>>(),
        [Some("Bearer first"), Some("Bearer second")]
    );

    file.close().expect("it is removed");
    let error = client.create(request()).await.expect_err("no token");
    assert_eq!(error.code, Code::Unauthenticated);
    assert!(error.message.contains("cannot be read"), "{error}");
    assert_eq!(server.received().len(), 2, "nothing was sent");
}

#[tokio::test]
async fn a_call_without_a_response_ends_at_its_deadline() {
    let server = Server::start(Script::silent()).await;
    let builder = Client::builder(&server.endpoint()).timeout(DELAY);
    let client = builder.max_retries(3).build().expect("a URL");
    let call = tokio::spawn(async move { client.create(request()).await });
    let error = call.await.expect("no panic").expect_err("no response");
    assert_eq!(error.code, Code::DeadlineExceeded);
    assert!(server.received().len() <= 1, "no retry");
}

#[tokio::test]
async fn a_server_that_refuses_connections_is_unavailable() {
    let client = Client::new("http://127.0.0.1:1", TIMEOUT).expect("a URL");
    let error = client
        .create(request())
        .await
        .expect_err("port 1 is closed");
    assert_eq!((error.code, &*error.reason), (Code::Unavailable, ""));
    assert_eq!((error.retry_after, error.call_id), (None, None));
}

#[tokio::test]
async fn a_watch_connects_again_after_unavailable_and_ends_with_the_result() {
    let server = Server::start(Script::default()).await;
    let client = client(&server);
    let mut states = client.watch(WatchSessionRequest::default()).await;
    let states = states.as_mut().expect("a watch");
    for expected in [SessionStatus::Created, SessionStatus::Succeeded] {
        let state = states.next().await.expect("no error").expect("a state");
        assert_eq!(state.status(), expected);
    }
    assert_eq!(states.next().await.expect("no error"), None);
    let [first, second] = server.received().try_into().expect("two calls");
    assert!(second.at - first.at >= Duration::from_secs(1));
    assert!(first.timeout > Duration::from_secs(180), "{first:?}");
}

#[tokio::test]
async fn a_watch_that_is_refused_is_not_repeated() {
    let server = Server::start(Script::from([refused(DELAY, None)])).await;
    let error = client(&server).watch(WatchSessionRequest::default()).await;
    let error = error.expect_err("it is refused");
    assert_eq!(error.code, Code::ResourceExhausted);
    assert_eq!(server.received().len(), 1);
}
