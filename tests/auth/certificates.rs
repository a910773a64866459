//! Callers as their certificates name them.

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
const NOBODY: &str = "the client certificate has no SPIFFE ID and no DNS name";
const NO_ID: &str = "the client certificate's SPIFFE ID must have a trust domain and a path";
const NO_NAME: &str =
    "the client certificate's name must be 1 to 128 characters and not a wildcard";

/// What it is, its names, and who that is.
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
    ("a common name alone", "", Err(NOBODY)),
    ("an address alone", "ip:10.0.0.7", Err(NOBODY)),
    (
        "another URI alone",
        "uri:https://shop.example/payments",
        Err(NOBODY),
    ),
    (
        "a trust domain without a path",
        "uri:spiffe://shop.example",
        Err(NO_ID),
    ),
    (
        "a SPIFFE ID with a query",
        "uri:spiffe://shop.example/a?b",
        Err(NO_ID),
    ),
    (
        "a SPIFFE ID that climbs",
        "uri:spiffe://shop.example/a/../b",
        Err(NO_ID),
    ),
    (
        "a SPIFFE ID with a user, a DNS name",
        "uri:spiffe://a@b/c dns:a",
        Err(NO_ID),
    ),
    ("a SPIFFE ID of 129 characters", "uri:LONG", Err(NO_NAME)),
    ("a wildcard", "dns:*.shop.svc", Err(NO_NAME)),
];

fn names(text: &str) -> Vec<SanType> {
    let long = format!("spiffe://shop.example/{}", "x".repeat(107));
    let name = |text: &str| {
        let (kind, name) = text.split_once(':').expect("a kind");
        let name = name.replace("ID", ID).replace("LONG", &long);
        match kind {
            "dns" => SanType::DnsName(name.try_into().expect("ASCII")),
            "uri" => SanType::URI(name.try_into().expect("ASCII")),
            _ => SanType::IpAddress(name.parse().expect("an address")),
        }
    };
    text.split_whitespace().map(name).collect()
}

/// Also a common name, which never counts.
fn params(text: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.subject_alt_names = names(text);
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "root");
    params
}

async fn stack(authority: &Authority) -> Stack {
    let files = Files::holding(&authority.issue(NAME, 2099), &authority.pem());
    Stack::up(AuthMode::Mtls.into(), Some(&files)).await
}

#[tokio::test]
async fn a_certificate_is_one_caller_or_nobody() {
    let authority = Authority::new();
    let stack = stack(&authority).await;
    for (what, names, expected) in CASES {
        let pair = authority.sign(&params(names));
        let told = whoami(stack.tls(&authority, Some(&pair)), &[]).await;
        print(what, &told);
        let expected = expected.map(str::to_owned);
        let expected = expected.map_err(|told: &str| (Code::Unauthenticated, told.to_owned()));
        assert_eq!(told, expected, "{what}");
    }
    let metrics = stack.metrics().await;
    for counted in ["certificate_ambiguous\"} 4", "certificate_unnamed\"} 3"] {
        let line = format!("livegate_auth_failures_total{{reason=\"{counted}");
        assert!(metrics.contains(&line), "{line}: {metrics}");
    }
}

#[tokio::test]
async fn without_a_certificate_of_the_authority_there_is_no_connection() {
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
    for (what, pair) in cases {
        let told = whoami(stack.tls(&authority, pair.as_ref()), &[]).await;
        print(what, &told);
        let (code, _) = told.expect_err("nobody gets in");
        assert!(
            matches!(code, Code::Unavailable | Code::Unknown),
            "{what}: {code:?}"
        );
    }
}

#[tokio::test]
async fn a_certificate_that_expires_under_a_connection_counts_no_more() {
    let authority = Authority::new();
    let stack = stack(&authority).await;
    let mut brief = params("uri:ID");
    brief.not_after = OffsetDateTime::now_utc() + Duration::from_secs(4);
    let channel = stack.tls(&authority, Some(&authority.sign(&brief)));
    assert_eq!(whoami(channel.clone(), &[]).await, Ok(ID.to_owned()));
    let refused = async {
        loop {
            match whoami(channel.clone(), &[]).await {
                Ok(caller) => assert_eq!(caller, ID),
                Err(told) => return told,
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let told = timeout(Duration::from_secs(15), refused).await;
    let told = Err(told.expect("it expires"));
    print("a certificate that expired since", &told);
    let expected = "the client certificate has expired or is not valid yet".to_owned();
    assert_eq!(told, Err((Code::Unauthenticated, expected)));
    assert!(health(channel).await, "health is told to anyone");
}
