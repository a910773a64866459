//! The verifier with AWS's published test suite, and with the mistakes of clients.

use http::{HeaderMap, HeaderName, HeaderValue};
use time::macros::datetime;

use super::*;

/// The key pair and service of AWS's test suite.
const SUITE: Verifier = Verifier {
    access_key: "AKIDEXAMPLE",
    secret_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    service: "service",
};
const NOW: OffsetDateTime = datetime!(2015-08-30 12:36:00 UTC);
const VANILLA: &str = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(
            name.parse::<HeaderName>().unwrap(),
            HeaderValue::from_str(value).unwrap(),
        );
    }
    headers
}

fn authorization(scope: &str, signed: &str, signature: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/{scope}, SignedHeaders={signed}, \
         Signature={signature}"
    )
}

fn vanilla(scope: &str, signed: &str, signature: &str) -> HeaderMap {
    headers(&[
        ("host", "example.amazonaws.com"),
        ("x-amz-date", "20150830T123600Z"),
        ("authorization", &authorization(scope, signed, signature)),
    ])
}

fn get(headers: &HeaderMap) -> SignedRequest<'_> {
    SignedRequest {
        method: "GET",
        path: "/",
        query: "",
        headers,
        body: b"",
    }
}

const SCOPE: &str = "20150830/us-east-1/service/aws4_request";
const SIGNED: &str = "host;x-amz-date";

#[test]
fn the_requests_of_the_published_test_suite_are_valid() {
    let plain = |signature| vanilla(SCOPE, SIGNED, signature);
    let request = plain(VANILLA);
    assert_eq!(SUITE.verify(&get(&request), NOW), Ok(()), "get-vanilla");

    let request = plain("5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
    let post = SignedRequest {
        method: "POST",
        ..get(&request)
    };
    assert_eq!(SUITE.verify(&post, NOW), Ok(()), "post-vanilla");

    let request = plain("b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");
    let sorted = SignedRequest {
        query: "Param2=value2&Param1=value1",
        ..get(&request)
    };
    assert_eq!(
        SUITE.verify(&sorted, NOW),
        Ok(()),
        "get-vanilla-query-order-key-case"
    );
}

#[test]
fn the_example_of_the_iam_documentation_is_valid() {
    let signature = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7";
    let scope = "20150830/us-east-1/iam/aws4_request";
    let request = headers(&[
        (
            "content-type",
            "application/x-www-form-urlencoded; charset=utf-8",
        ),
        ("host", "iam.amazonaws.com"),
        ("x-amz-date", "20150830T123600Z"),
        (
            "authorization",
            &authorization(scope, "content-type;host;x-amz-date", signature),
        ),
    ]);
    let listing = SignedRequest {
        query: "Action=ListUsers&Version=2010-05-08",
        ..get(&request)
    };
    let iam = Verifier {
        service: "iam",
        ..SUITE
    };
    assert_eq!(iam.verify(&listing, NOW), Ok(()));
}

#[test]
fn changing_any_signed_part_invalidates_the_signature() {
    let request = vanilla(SCOPE, SIGNED, VANILLA);
    let mut other_host = request.clone();
    other_host.insert("host", HeaderValue::from_static("elsewhere"));
    let region = vanilla("20150830/eu-west-1/service/aws4_request", SIGNED, VANILLA);
    let not_hex = vanilla(SCOPE, SIGNED, "zz");
    let plain = get(&request);
    let with_method = |method| SignedRequest { method, ..plain };
    let with_path = |path| SignedRequest { path, ..plain };
    let with_query = |query| SignedRequest { query, ..plain };
    let with_body = |body| SignedRequest { body, ..plain };
    for (part, changed) in [
        ("method", with_method("PUT")),
        ("path", with_path("/x")),
        ("query", with_query("a=b")),
        ("body", with_body(b"{}")),
        ("header", get(&other_host)),
        ("region", get(&region)),
        ("signature", get(&not_hex)),
    ] {
        assert!(is_mismatch(SUITE.verify(&changed, NOW)), "{part}");
    }
    let other_secret = Verifier {
        secret_key: "other",
        ..SUITE
    };
    assert!(is_mismatch(other_secret.verify(&plain, NOW)), "secret");
}

fn is_mismatch(verified: Result<(), AwsError>) -> bool {
    verified
        .is_err_and(|error| error.code == "InvalidSignatureException" && error.message == MISMATCH)
}

#[test]
fn a_clock_skew_of_more_than_five_minutes_is_an_error() {
    let request = vanilla(SCOPE, SIGNED, VANILLA);
    let at = |now| {
        SUITE
            .verify(&get(&request), now)
            .map_err(|error| error.message)
    };
    assert_eq!(at(NOW + Duration::minutes(5)), Ok(()));
    assert_eq!(at(NOW - Duration::minutes(5)), Ok(()));
    assert_eq!(
        at(NOW + Duration::seconds(301)).unwrap_err(),
        "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z \
         (20150830T124101Z - 5 min.)"
    );
    let early = at(NOW - Duration::seconds(301)).unwrap_err();
    assert!(
        early.starts_with("Signature not yet current: 20150830T123600Z"),
        "{early}"
    );
}

#[test]
fn a_wrong_key_or_scope_has_an_error_of_its_own() {
    let other_key = Verifier {
        access_key: "test",
        ..SUITE
    };
    let request = vanilla(SCOPE, SIGNED, VANILLA);
    let error = other_key.verify(&get(&request), NOW).unwrap_err();
    assert_eq!(error.code, "UnrecognizedClientException");
    for (scope, signed, expected) in [
        (
            "20150829/us-east-1/service/aws4_request",
            SIGNED,
            "'20150829' != '20150830'",
        ),
        (
            "20150830/us-east-1/s3/aws4_request",
            SIGNED,
            "correct service: 'service'",
        ),
        ("20150830/us-east-1/service/aws3", SIGNED, "not 'aws3'"),
        (SCOPE, "x-amz-date", "'Host' must be"),
    ] {
        let request = vanilla(scope, signed, VANILLA);
        let error = SUITE.verify(&get(&request), NOW).unwrap_err();
        assert_eq!(error.code, "InvalidSignatureException", "{scope}");
        assert!(error.message.contains(expected), "{}", error.message);
    }
}

#[test]
fn a_missing_or_malformed_date_is_an_incomplete_signature() {
    let mut request = vanilla(SCOPE, SIGNED, VANILLA);
    for date in [
        Some("Sun, 30 Aug 2015 12:36:00 GMT"),
        Some("2015"),
        Some("äöüß"),
        None,
    ] {
        request.remove("x-amz-date");
        if let Some(date) = date {
            request.insert("x-amz-date", HeaderValue::from_str(date).unwrap());
        }
        let error = SUITE.verify(&get(&request), NOW).unwrap_err();
        assert_eq!(error.code, "IncompleteSignatureException", "{date:?}");
    }
}
