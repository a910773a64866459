//! The spans of a call, in the trace of its caller.

use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;

use crate::QUICK;
use crate::call::{Caller, PARENT, SUBJECT, TRACE, traceparent};
use crate::collector::{Collector, attribute, hex, traced};
use crate::process::{ConfigMap, Process};

const THROTTLED_ONCE: &str = "create:ThrottlingException/400";

#[tokio::test]
async fn a_call_is_a_child_of_the_caller_s_span_and_the_parent_of_its_attempts() {
    let collector = Collector::listen().await;
    let service = traced_service(&collector, "").await;
    fault(&service, THROTTLED_ONCE);
    let caller = Caller::of(&service).await;
    let (_, call_id) = caller.create(Some(&traceparent("01"))).await;
    let spans = collector.spans_of(1).await;

    let names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
    let expected = ["admission", "attempt", "admission", "attempt", "call"];
    assert_eq!(names, expected, "in the order of their ends");
    assert!(spans.iter().all(|span| hex(&span.trace_id) == TRACE));
    let (call, children) = spans.split_last().expect("five spans");
    assert_eq!(hex(&call.parent_span_id), PARENT);
    assert!(children.iter().all(|c| c.parent_span_id == call.span_id));
    assert_attributes(
        call,
        &[
            ("rpc.system", "grpc"),
            ("rpc.service", "livegate.v1.SessionService"),
            ("rpc.method", "CreateSession"),
            ("rpc.grpc.status_code", "0"),
            ("call_id", &call_id),
        ],
    );
    assert_eq!(call.kind(), SpanKind::Server);
    assert_ne!(status(call), StatusCode::Error);
}

#[tokio::test]
async fn an_attempt_has_its_outcome_and_aws_s_request_id() {
    let collector = Collector::listen().await;
    let service = traced_service(&collector, "").await;
    fault(&service, THROTTLED_ONCE);
    let caller = Caller::of(&service).await;
    caller.create(None).await;
    let spans = collector.spans_of(1).await;
    let [wait, throttled, _, succeeded, _] = spans.as_slice() else {
        panic!("five spans: {spans:?}")
    };
    assert_attributes(wait, &[("outcome", "admitted")]);
    let method = ("rpc.method", "CreateFaceLivenessSession");
    let failed = [
        ("rpc.system", "aws-api"),
        ("rpc.service", "Rekognition"),
        method,
        ("number", "1"),
        ("outcome", "throttled"),
        ("error.type", "throttled"),
        ("aws.code", "ThrottlingException"),
    ];
    assert_attributes(throttled, &failed);
    assert_eq!(throttled.kind(), SpanKind::Client);
    assert_eq!(status(throttled), StatusCode::Error);
    let success = [method, ("number", "2"), ("outcome", "ok")];
    assert_attributes(succeeded, &success);
    assert_attributes(succeeded, &[("error.type", ""), ("aws.code", "")]);
    let ids = [throttled, succeeded].map(|span| attribute(&span.attributes, "aws.request_id"));
    assert!(ids.iter().all(|id| id.len() == 36), "{ids:?}");
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn no_span_holds_a_session_id_a_token_or_a_subject() {
    let collector = Collector::listen().await;
    let service = traced_service(&collector, "").await;
    let caller = Caller::of(&service).await;
    let (session, _) = caller.create(None).await;
    caller.read(&session).await;
    collector.spans_of(2).await;
    let sent = format!("{:?}", collector.exports());
    assert!(sent.contains("GetFaceLivenessSessionResults"), "{sent}");
    assert!(!session.result_token.is_empty());
    for secret in [&*session.session_id, &*session.result_token, SUBJECT] {
        assert!(!sent.contains(secret), "{secret}: {sent}");
    }
}

#[tokio::test]
async fn an_unknown_method_name_is_no_attribute() {
    let collector = Collector::listen().await;
    let service = traced_service(&collector, "").await;
    let channel = tonic::transport::Endpoint::new(service.endpoint()).expect("a URL");
    let mut grpc = tonic::client::Grpc::new(channel.connect().await.expect("a connection"));
    grpc.ready().await.expect("a ready connection");
    let codec = tonic_prost::ProstCodec::<(), ()>::default();
    let path = http::uri::PathAndQuery::from_static("/made.up.Service/Method");
    let response = grpc.unary(tonic::Request::new(()), path, codec).await;
    response.expect_err("the method does not exist");
    let spans = collector.spans_of(1).await;
    let other = [("rpc.service", "other"), ("rpc.method", "other")];
    assert_attributes(&spans[0], &other);
    assert_eq!(status(&spans[0]), StatusCode::Error);
    assert!(!format!("{:?}", collector.exports()).contains("made.up"));
}

#[tokio::test]
async fn the_sampling_decision_of_the_caller_is_kept() {
    // The sampling ratio, and how many of the calls without a trace are exported. Of the
    // callers' traces only the sampled one is.
    for (ratio, own_calls) in [("1.0", 1), ("0.0", 0)] {
        let collector = Collector::listen().await;
        let ratio = format!("sample_ratio = {ratio}\n");
        let mut service = traced_service(&collector, &ratio).await;
        let caller = Caller::of(&service).await;
        caller.create(None).await;
        caller.create(Some(&traceparent("00"))).await;
        caller.create(Some(&traceparent("01"))).await;
        drop(caller);
        // The process exports the last spans before it ends.
        service.terminate();
        assert!(service.ended().await.success());
        let spans = collector.spans();
        let calls = spans.iter().filter(|span| span.name == "call");
        let (theirs, own): (Vec<_>, Vec<_>) = calls.partition(|c| hex(&c.trace_id) == TRACE);
        assert_eq!((theirs.len(), own.len()), (1, own_calls), "{ratio}");
        assert!(own.iter().all(|call| call.parent_span_id.is_empty()));
    }
}

#[tokio::test]
async fn the_resource_identifies_the_process() {
    let collector = Collector::listen().await;
    let service = traced_service(&collector, "").await;
    Caller::of(&service).await.create(None).await;
    collector.spans_of(1).await;
    let exports = collector.exports();
    let resource = exports[0].resource_spans[0].resource.as_ref();
    let attributes = &resource.expect("always set").attributes;
    assert_eq!(attribute(attributes, "service.name"), "livegate");
    let version = attribute(attributes, "service.version");
    assert_eq!(version, env!("CARGO_PKG_VERSION"));
    assert!(!attribute(attributes, "service.instance.id").is_empty());
}

#[tokio::test]
async fn the_headers_in_a_file_reach_the_collector() {
    let collector = Collector::listen().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("headers");
    std::fs::write(&file, "\nAuthorization: Bearer one\n").expect("a file");
    let headers = format!("headers_file = \"{}\"\n", file.display());
    let service = traced_service(&collector, &headers).await;
    let caller = Caller::of(&service).await;
    caller.create(None).await;
    collector.spans_of(1).await;
    assert!(collector.logins().iter().all(|login| login == "Bearer one"));
    assert!(!collector.logins().is_empty());
}

async fn traced_service(collector: &Collector, extra: &str) -> Process {
    let traces = traced(collector.address());
    Process::serve(&ConfigMap::holding(&format!("{QUICK}{traces}{extra}"))).await
}

fn fault(service: &Process, spec: &str) {
    let fault = spec.parse().expect("a valid fault");
    service.simulator.enqueue([fault]);
}

fn assert_attributes(span: &Span, expected: &[(&str, &str)]) {
    for (key, value) in expected {
        let actual = attribute(&span.attributes, key);
        assert_eq!(&actual, value, "{key} of {}", span.name);
    }
}

fn status(span: &Span) -> StatusCode {
    span.status.clone().unwrap_or_default().code()
}
