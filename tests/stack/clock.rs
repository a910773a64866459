//! The `Date` header of responses: AWS's corrects the clock, a proxy's does not.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use aws_smithy_types::date_time::{DateTime, Format};
use axum::http::StatusCode;
use axum::http::header::DATE;
use axum::response::{IntoResponse, Response};
use livegate::grpc::v1;
use livegate::model::wall_clock;
use serde_json::json;
use tokio::net::TcpListener;
use tonic::Code;
use uuid::Uuid;

use super::process::{Process, at_once};

/// The sender of a response, whose clock is this many seconds ahead.
#[derive(Clone, Copy)]
enum Sender {
    Aws(u64),
    Proxy(u64),
}

impl IntoResponse for Sender {
    fn into_response(self) -> Response {
        let (Self::Aws(ahead) | Self::Proxy(ahead)) = self;
        let time = DateTime::from(wall_clock() + Duration::from_secs(ahead));
        let date = [(DATE, time.fmt(Format::HttpDate).unwrap())];
        match self {
            Self::Aws(_) => {
                let request_id = [("x-amzn-requestid", Uuid::new_v4().to_string())];
                let body = json!({"SessionId": Uuid::new_v4().to_string()}).to_string();
                (date, request_id, body).into_response()
            }
            Self::Proxy(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, date, "<html>proxy</html>").into_response()
            }
        }
    }
}

/// Starts a Livegate in front of `sender`, which can be replaced.
async fn start(sender: &Arc<Mutex<Sender>>) -> Process {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = listener.local_addr().unwrap();
    let endpoint = format!("upstream.endpoint_url=http://{endpoint}");
    let sender = sender.clone();
    let respond = move || std::future::ready(*sender.lock().unwrap());
    let router = axum::Router::new().fallback(respond);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Process::start(at_once(), &[&endpoint, "retry.max_attempts=1"]).await
}

async fn skew(process: &Process) -> f64 {
    let page = process.get("/metrics").await.unwrap();
    let name = "livegate_clock_skew_seconds{source=\"aws\"} ";
    let skew = page.lines().find_map(|line| line.strip_prefix(name));
    skew.expect("AWS has answered").parse().unwrap()
}

fn expires_in(session: &v1::Session) -> Duration {
    let expire_time = SystemTime::try_from(session.expire_time.unwrap()).unwrap();
    expire_time.duration_since(wall_clock()).unwrap()
}

#[tokio::test]
async fn the_pages_of_a_proxy_with_another_time_refuse_no_request_id() {
    let sender = Arc::new(Mutex::new(Sender::Aws(0)));
    let process = start(&sender).await;
    let caller = process.caller();
    let create = || async { caller.repeat(&Uuid::now_v7().to_string()).await };
    create().await.unwrap();
    *sender.lock().unwrap() = Sender::Proxy(400);
    for _ in 0..3 {
        assert_eq!(create().await.unwrap_err().code, Code::Unavailable);
        assert!(skew(&process).await.abs() < 5.0);
    }
    *sender.lock().unwrap() = Sender::Aws(0);
    create().await.unwrap();
    process.shut_down().await;
}

#[tokio::test]
async fn the_first_session_has_the_time_of_aws() {
    let sender = Arc::new(Mutex::new(Sender::Aws(200)));
    let process = start(&sender).await;
    for _ in 0..3 {
        let issued = process.caller().create().await.unwrap();
        let error = expires_in(&issued.session).abs_diff(Duration::from_secs(380));
        assert!(error < Duration::from_secs(3), "{error:?}");
        assert!((-203.0..-197.0).contains(&skew(&process).await));
    }
    process.shut_down().await;
}
