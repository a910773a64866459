//! The party at fault in the metric `livegate_rpc_errors`, for errors of AWS.

use std::time::Duration;

use livegate::grpc::v1;

use super::error_metrics::{CREATE, assert_counted, counts, failures};
use super::process::{Process, at_once};

#[tokio::test]
async fn errors_of_aws_about_the_access_are_the_fault_of_livegate() {
    let process = Process::start(at_once(), &[]).await;
    let caller = process.caller().within(Duration::from_secs(1));
    let mut failed = Vec::new();
    for (injected, fault) in [
        ("create:AccessDeniedException/400", "livegate"),
        ("create:ExpiredTokenException/400**", "livegate"),
        ("create:BrandNewException/400", "livegate"),
        ("create:InvalidParameterException/400", "livegate"),
        ("create:LimitExceededException/400", "quota"),
        ("create:InternalServerError/500**", "aws"),
        ("create:hang", "aws"),
    ] {
        process.inject(injected);
        failed.push((CREATE, caller.create().await.unwrap_err(), fault));
    }
    assert_counted(&process, failed).await;
    process.shut_down().await;
}

#[tokio::test]
async fn rejected_settings_are_the_fault_of_the_party_that_wrote_them() {
    let process = Process::start(at_once(), &["profiles.kyc.audit_images_limit=1"]).await;
    let caller = process.caller();
    let with_profile = v1::CreateSessionRequest {
        profile: "kyc".to_owned(),
        ..Default::default()
    };
    for (request, fault, inform) in [
        (
            with_profile,
            "livegate",
            "the profile kyc is refused, inform the operators",
        ),
        (
            v1::CreateSessionRequest::default(),
            "livegate",
            "a request without settings is refused, inform the operators",
        ),
        (with_bucket("mine"), "caller", ""),
    ] {
        process.inject("create:InvalidParameterException/400");
        let error = caller.ask(request).await.unwrap_err();
        assert_eq!(error.reason, "UPSTREAM_INVALID_PARAMETER");
        assert_eq!(error.metadata["aws_code"], "InvalidParameterException");
        assert!(error.message.starts_with(inform), "{}", error.message);
        let informs = error.message.contains("inform the operators");
        assert_eq!(informs, fault == "livegate");
    }
    let expected = counts([
        ("CreateSession UPSTREAM_INVALID_PARAMETER caller", 1),
        ("CreateSession UPSTREAM_INVALID_PARAMETER livegate", 2),
    ]);
    assert_eq!(failures(&process).await, expected);
    process.shut_down().await;
}

fn with_bucket(name: &str) -> v1::CreateSessionRequest {
    let output = v1::OutputConfig {
        s3_bucket: name.to_owned(),
        ..Default::default()
    };
    v1::CreateSessionRequest {
        settings: Some(v1::SessionSettings {
            output_config: Some(output),
            ..Default::default()
        }),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_refused_bucket_or_key_is_the_fault_of_the_party_that_named_it() {
    let process = Process::start(at_once(), &["profiles.kyc.s3_bucket=kyc-images"]).await;
    let caller = process.caller();
    let with_profile = v1::CreateSessionRequest {
        profile: "kyc".to_owned(),
        ..Default::default()
    };
    let with_key = v1::CreateSessionRequest {
        kms_key_id: "alias/mine".to_owned(),
        ..Default::default()
    };
    for (request, named) in [
        (with_bucket("not-mine"), true),
        (with_key, true),
        (with_profile, false),
        (v1::CreateSessionRequest::default(), false),
    ] {
        process.inject("create:AccessDeniedException/400");
        let error = caller.ask(request).await.unwrap_err();
        assert_eq!(error.reason, "UPSTREAM_ACCESS_DENIED");
        assert_eq!(error.metadata["aws_code"], "AccessDeniedException");
        let names_it = error.message.contains("check the s3_bucket");
        assert_eq!(names_it, named, "{}", error.message);
    }
    let expected = counts([
        ("CreateSession UPSTREAM_ACCESS_DENIED caller", 2),
        ("CreateSession UPSTREAM_ACCESS_DENIED livegate", 2),
    ]);
    assert_eq!(failures(&process).await, expected);
    process.shut_down().await;
}
