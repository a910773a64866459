//! The audit line of a read: what the caller has received.

use livegate::grpc::v1;
use livegate::model::{LivenessResult, SessionId};
use serde_json::{Value, json};

use super::audit::AuditedLivegate;
use super::read_result::full;
use crate::harness::aws::{created, reads};
use crate::harness::pipes::Setup;

#[tokio::test(start_paused = true)]
async fn the_line_of_a_read_has_its_status_verdict_and_images() {
    let audited = AuditedLivegate::start(Setup::default()).await;
    let payments = audited.livegate.caller().named("payments");
    let session = payments.create().await.unwrap().session;
    // Two images as bytes, and one in S3.
    let succeeded = LivenessResult {
        session_id: SessionId::parse(&session.session_id).unwrap(),
        ..full()
    };
    let started = created(&session.session_id);
    for (result, include_images, minimum, expected) in [
        (started, true, None, json!(["CREATED", null, 0, 0])),
        (
            succeeded.clone(),
            false,
            None,
            json!(["SUCCEEDED", null, 0, 1]),
        ),
        (
            succeeded,
            true,
            Some(90.0),
            json!(["SUCCEEDED", "PASSED", 2, 1]),
        ),
    ] {
        audited.livegate.aws.plan([reads(result)]);
        let request = v1::GetSessionResultRequest {
            session_id: session.session_id.clone(),
            result_token: session.result_token.clone(),
            include_images,
            minimum_confidence: minimum,
            ..Default::default()
        };
        payments.result(request).await.unwrap();
        let line = audited.lines().await.pop().unwrap();
        assert_eq!(line["event"], "session_read");
        let fields = ["status", "verdict", "images", "stored_images"];
        let fields: Vec<Value> = fields.map(|field| line[field].clone()).into();
        assert_eq!(Value::from(fields), expected);
    }
}
