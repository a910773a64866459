//! Results outside the bounds of AWS's service model: none is passed on as it is.

use std::sync::{Arc, Mutex};

use axum::http::header::CONTENT_TYPE;
use livegate::grpc::v1;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tonic::Code;

use super::process::{Process, at_once};
use crate::harness::status::CallStatus;

const ID: &str = "0b5e3a4c-7d57-4f0e-9a51-6b5c1f7f3a10";

/// The body of AWS's next response.
type Body = Arc<Mutex<Value>>;

/// Serves `body` with status 200 for every request, and returns its URL.
async fn aws(body: Body) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = move || {
        let text = body.lock().unwrap().to_string();
        async { ([(CONTENT_TYPE, "application/x-amz-json-1.1")], text) }
    };
    let router = axum::Router::new().fallback(answer);
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// Returns the response for a finished session, with these fields in addition.
fn result(fields: &Value) -> Value {
    let mut result = json!({"SessionId": ID, "Status": "SUCCEEDED", "Confidence": 99.5});
    let fields = fields.as_object().unwrap().clone();
    result.as_object_mut().unwrap().extend(fields);
    result
}

fn image(bytes: usize) -> Value {
    use base64::Engine as _;
    json!({"Bytes": base64::engine::general_purpose::STANDARD.encode(vec![7; bytes])})
}

/// A Livegate in front of an AWS that answers whatever a test says.
struct Scripted {
    process: Process,
    body: Body,
}

impl Scripted {
    async fn start() -> Self {
        let body = Body::default();
        let endpoint = format!("upstream.endpoint_url={}", aws(body.clone()).await);
        let set = [
            &endpoint,
            "results.require_token=false",
            "retry.max_attempts=2",
        ];
        let process = Process::start(at_once(), &set).await;
        Self { process, body }
    }

    async fn read(&self, answer: &Value) -> Result<v1::GetSessionResultResponse, CallStatus> {
        self.body.lock().unwrap().clone_from(answer);
        let request = v1::GetSessionResultRequest {
            session_id: ID.to_owned(),
            include_images: true,
            ..Default::default()
        };
        self.process.caller().result(request).await
    }
}

/// Returns fields of which each alone makes a result invalid.
fn invalid_fields() -> Vec<Value> {
    let boxed = |side: &str, number: Value| json!({"BoundingBox": {side: number}});
    let stored = |field: &str, text: &str| json!({"S3Object": {field: text}});
    let mut fields = vec![
        json!({"SessionId": "0b5e3a4c-7d57-4f0e-9a51-6b5c1f7f3a11"}),
        json!({"SessionId": ""}),
        json!({"ReferenceImage": image(204_801)}),
        json!({"AuditImages": [image(1), image(204_801)]}),
        json!({"ReferenceImage": stored("Bucket", "ab")}),
        json!({"ReferenceImage": stored("Name", &"k".repeat(1025))}),
        json!({"AuditImages": [stored("Version", "")]}),
    ];
    for confidence in [
        json!("NaN"),
        json!("Infinity"),
        json!("-Infinity"),
        json!(1000),
        json!(100.001),
        json!(-1),
        json!(1e300),
    ] {
        fields.push(json!({"Confidence": confidence}));
    }
    for side in ["Width", "Height", "Left", "Top"] {
        fields.push(json!({"ReferenceImage": boxed(side, json!("NaN"))}));
        fields.push(json!({"AuditImages": [boxed(side, json!("-Infinity"))]}));
    }
    fields
}

#[tokio::test]
async fn a_result_outside_of_aws_bounds_is_an_invalid_response() {
    let livegate = Scripted::start().await;
    let answers = invalid_fields();
    for fields in &answers {
        let answer = result(fields);
        let shown: String = fields.to_string().chars().take(200).collect();
        let status = livegate.read(&answer).await.expect_err(&shown);
        assert_eq!(
            status.code_and_reason(),
            (Code::Unavailable, "UPSTREAM_INVALID_RESPONSE"),
            "{shown}"
        );
        assert_eq!(status.metadata["http_status"], "200", "{shown}");
        for secret in ["0b5e3a4c", "BwcH", "1000"] {
            assert!(!status.message.contains(secret), "{status:?}");
        }
    }
    let page = livegate.process.get("/metrics").await.unwrap();
    let counted = page.lines().filter(|line| {
        line.starts_with("livegate_upstream_attempts_total{")
            && line.contains("outcome=\"invalid_response\"")
    });
    let numbers = counted.map(|line| line.rsplit(' ').next().unwrap().parse::<usize>().unwrap());
    let number: usize = numbers.sum();
    assert_eq!(number, 2 * answers.len(), "each was retried once");
    livegate.process.shut_down().await;
}

#[tokio::test]
async fn a_result_at_its_bounds_is_passed_on() {
    for confidence in [0.0, 100.0] {
        // A final result is cached, so each one has a process of its own.
        let livegate = Scripted::start().await;
        let answer = result(&json!({"Confidence": confidence}));
        let read = livegate.read(&answer).await.unwrap();
        assert_eq!(read.confidence, Some(confidence));
        livegate.process.shut_down().await;
    }
    let livegate = Scripted::start().await;
    let side = json!({"Width": 1.5, "Height": 0, "Left": -0.25, "Top": -3});
    let stored = json!({
        "S3Object": {"Bucket": "b".repeat(255), "Name": "k".repeat(1024), "Version": "v"},
        "BoundingBox": side,
    });
    let answer = result(&json!({
        "ReferenceImage": image(204_800),
        "AuditImages": vec![stored; 4],
        "Challenge": {"Type": "BrandNewChallenge", "Version": "999.999.999"},
        "Feedback": vec![json!({"Code": "BRAND_NEW", "Message": "look"}); 10],
        "Metadata": {"SDKType": "web"},
    }));
    let read = livegate.read(&answer).await.unwrap();
    assert_eq!(read.reference_image.unwrap().bytes.len(), 204_800);
    assert_eq!((read.audit_images.len(), read.feedback.len()), (4, 10));
    assert_eq!(read.audit_images[0].bounding_box.unwrap().left, Some(-0.25));
    livegate.process.shut_down().await;
}

#[tokio::test]
async fn lists_and_advice_beyond_their_bounds_are_truncated() {
    let livegate = Scripted::start().await;
    let advice = json!({"Code": "C".repeat(5000), "Message": "m".repeat(5000)});
    let answer = result(&json!({
        "AuditImages": vec![image(1); 5],
        "Challenge": {"Type": "FaceMovementChallenge", "Version": "1".repeat(5000)},
        "Feedback": vec![advice; 11],
        "Metadata": {"SDKType": format!("\n{}", "s".repeat(5000))},
    }));
    let read = livegate.read(&answer).await.unwrap();
    assert_eq!((read.audit_images.len(), read.feedback.len()), (4, 10));
    assert_eq!(read.feedback[9].code, "C".repeat(64));
    assert_eq!(read.feedback[9].message, "m".repeat(512));
    assert_eq!(read.challenge.unwrap().version, "1".repeat(64));
    let sdk_type = read.metadata.unwrap().sdk_type;
    assert_eq!(sdk_type, format!(" {}", "s".repeat(63)));
    livegate.process.shut_down().await;
}
