//! Authentication by client certificate.

use std::time::Duration;

use livegate::auth::AuthMode;
use rcgen::{CertificateParams, DistinguishedName, DnType, SanType};
use time::OffsetDateTime;
use tokio::time::timeout;
use tonic::Code;

use super::pki::{Authority, Files};
use super::stack::{NAME, Stack, health, print, whoami};

const ID: &str = "spiffe://shop.example/ns/shop/sa/payments";
const SEVERAL: &str =
    "the client certificate has several names: it must have one SPIFFE ID or one DNS name";
const UNNAMED: &str = "the client certificate has no SPIFFE ID and no DNS name";
const INVALID_ID: &str = "the client certificate's SPIFFE ID must have a trust domain and a path";
const INVALID_NAME: &str =
    "the client certificate's name must be 1 to 128 characters, not a wildcard and not _overflow";

/// The case, the names in the certificate, and the caller or the message.
const CASES: [(&str, &str, Result<&str, &str>); 17] = [
    ("a SPIFFE ID", "uri:ID", Ok(ID)),
    ("a SPIFFE ID beside DNS names", "dns:a uri:ID dns:b", Ok(ID)),
    (
        "a DNS name",
        "dns:Payments.shop.svc",
        Ok("payments.shop.svc"),
    ),
    (
        "a DNS name among others",
        "dns:a uri:https://b ip:10.0.0.7",
        Ok("a"),
    ),
    (
        "two SPIFFE IDs",
        "uri:ID uri:spiffe://shop.example/other",
        Err(SEVERAL),
    ),
    ("the same SPIFFE ID twice", "uri:ID uri:ID", Err(SEVERAL)),
    (
        "a SPIFFE ID and another URI",
        "uri:https://b uri:ID",
        Err(SEVERAL),
    ),
    ("two DNS names", "dns:a dns:b", Err(SEVERAL)),
    ("a common name alone", "", Err(UNNAMED)),
    ("an address alone", "ip:10.0.0.7", Err(UNNAMED)),
    (
        "another URI alone",
        "uri:https://shop.example/payments",
        Err(UNNAMED),
    ),
    (
        "a trust domain without a path",
        "uri:spiffe://shop.example",
        Err(INVALID_ID),
    ),
    (
        "a SPIFFE ID with a query",
        "uri:spiffe://shop.example/a?b",
        Err(INVALID_ID),
    ),
    (
        "a SPIFFE ID with .. in its path",
        "uri:spiffe://shop.example/a/../b",
        Err(INVALID_ID),
    ),
    (
        "a SPIFFE ID with a user, and a DNS name",
        "uri:spiffe://a@b/c dns:a",
        Err(INVALID_ID),
    ),
    (
        "a SPIFFE ID of 129 characters",
        "uri:LONG",
        Err(INVALID_NAME),
    ),
    ("a wildcard", "dns:*.shop.svc", Err(INVALID_NAME)),
];

fn names(text: &str) -> Vec<SanType> {
    let long = format!("spiffe://shop.example/{}", "x".repeat(107));
    let name = |text: &str| {
        let (kind, name) = text.split_once(':').expect("a name type");
        let name = name.replace("ID", ID).replace("LONG", &long);
        match kind {
            "dns" => SanType::DnsName(name.try_into().expect("ASCII")),
            "uri" => SanType::URI(name.try_into().expect("ASCII")),
            _ => SanType::IpAddress(name.parse().expect("an address")),
        }
    };
    text.split_whitespace().map(name).collect()
}

/// A certificate with these names, and a common name, which must be ignored.
fn params(text: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.subject_alt_names = names(text);
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "root");
    params
}

async fn stack(authority: &Authority) -> Stack {
    let files = Files::holding(&authority.issue(NAME, 2099), &authority.pem());
    Stack::start(AuthMode::Mtls.into(), Some(&files)).await
}

#[tokio::test]
async fn a_certificate_names_exactly_one_caller_or_is_refused() {
    let authority = Authority::new();
    let stack = stack(&authority).await;
    for (case, names, expected) in CASES {
        let pair = authority.sign(&params(names));
        let outcome = whoami(stack.tls(&authority, Some(&pair)), &[]).await;
        print(case, &outcome);
        let expected = expected.map(str::to_owned);
        let refused = |message: &str| (Code::Unauthenticated, message.to_owned());
        assert_eq!(outcome, expected.map_err(refused), "{case}");
    }
    let metrics = stack.metrics().await;
    for counted in ["certificate_ambiguous\"} 4", "certificate_unnamed\"} 3"] {
        let line = format!("livegate_auth_failures_total{{reason=\"{counted}");
        assert!(metrics.contains(&line), "{line}: {metrics}");
    }
}

#[tokio::test]
async fn a_connection_needs_a_certificate_of_the_authority() {
    let (authority, other) = (Authority::new(), Authority::new());
    let stack = stack(&authority).await;
    let mut expired = params("uri:ID");
    expired.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let cases = [
        ("no certificate", None),
        (
            "another authority's certificate",
            Some(other.sign(&params("uri:ID"))),
        ),
        ("an expired certificate", Some(authority.sign(&expired))),
    ];
    for (case, pair) in cases {
        let outcome = whoami(stack.tls(&authority, pair.as_ref()), &[]).await;
        print(case, &outcome);
        let (code, _) = outcome.expect_err("the handshake fails");
        assert!(
            matches!(code, Code::Unavailable | Code::Unknown),
            "{case}: {code:?}"
        );
    }
}

#[tokio::test]
async fn a_certificate_that_expires_on_an_open_connection_is_refused() {
    let authority = Authority::new();
    let stack = stack(&authority).await;
    let mut short_lived = params("uri:ID");
    short_lived.not_after = OffsetDateTime::now_utc() + Duration::from_secs(4);
    let channel = stack.tls(&authority, Some(&authority.sign(&short_lived)));
    assert_eq!(whoami(channel.clone(), &[]).await, Ok(ID.to_owned()));
    let refused = async {
        loop {
            match whoami(channel.clone(), &[]).await {
                Ok(caller) => assert_eq!(caller, ID),
                Err(error) => return error,
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let error = timeout(Duration::from_secs(15), refused).await;
    let outcome = Err(error.expect("the certificate expires"));
    print("a certificate that expired while connected", &outcome);
    let expected = "the client certificate has expired or is not valid yet".to_owned();
    assert_eq!(outcome, Err((Code::Unauthenticated, expected)));
    assert!(health(channel).await, "health needs no authentication");
}
