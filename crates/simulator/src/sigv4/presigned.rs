//! Verification of a presigned URL: [Signature Version 4][sigv4] in the query.
//!
//! The signed host is the `Host` header with or without its port, or one of AWS's names for
//! the streaming service: the AWS SDK for JavaScript omits the port, and a page that knows
//! no simulator signs the host of AWS, wherever its connection leads.
//!
//! For example, a URL with `X-Amz-Date=20300101T120000Z` and `X-Amz-Expires=299` is valid
//! from 11:55:00 to 12:04:59.
//!
//! [sigv4]: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html

use http::HeaderValue;
use http::header::HOST;
use time::{Duration, OffsetDateTime};

use super::authorization::{self, Authorization};
use super::chunk::ChunkVerifier;
use super::{
    AwsError, SignedRequest, TOLERANCE, Verifier, canonical, format_basic, incomplete_signature,
    invalid_signature, parse_timestamp,
};

/// The longest validity of a presigned URL at AWS: seven days.
const MAX_EXPIRES: i64 = 7 * 24 * 60 * 60;

impl Verifier {
    /// Verifies the presigned URL of `request` at `now`. Returns the verifier of the event
    /// stream messages that follow.
    pub(crate) fn verify_presigned(
        &self,
        request: &SignedRequest<'_>,
        now: OffsetDateTime,
    ) -> Result<ChunkVerifier, AwsError> {
        let parameters = canonical::parameters(request.query);
        let value = |name: &str| required(&parameters, name);
        let stamp = value("X-Amz-Date")?;
        let signed_at = parse_timestamp(stamp)?;
        let expires = expires(value("X-Amz-Expires")?)?;
        authorization::check_algorithm(value("X-Amz-Algorithm")?)?;
        let authorization = Authorization::from_parameters(
            value("X-Amz-Credential")?,
            value("X-Amz-SignedHeaders")?,
            value("X-Amz-Signature")?,
        )?;
        self.check_access_key(&authorization)?;
        self.check_scope(&authorization, stamp)?;
        check_validity(signed_at, expires, now)?;
        for host in candidate_hosts(request, authorization.region) {
            let mut headers = request.headers.clone();
            headers.insert(HOST, host);
            let request = SignedRequest {
                headers: &headers,
                ..*request
            };
            if self
                .check_signature(&authorization, stamp, &request)
                .is_ok()
            {
                let key = self.signing_key(&authorization.scope());
                return Ok(ChunkVerifier::new(&key, &authorization));
            }
        }
        Err(invalid_signature(super::MISMATCH))
    }
}

fn required<'a>(parameters: &'a [(String, String)], name: &str) -> Result<&'a str, AwsError> {
    let parameter = parameters.iter().find(|(key, _)| key == name);
    let value = parameter
        .map(|(_, value)| value.as_str())
        .filter(|value| !value.is_empty());
    value.ok_or_else(|| incomplete_signature(format!("Query string requires '{name}' parameter.")))
}

fn expires(text: &str) -> Result<Duration, AwsError> {
    let seconds = text
        .parse()
        .ok()
        .filter(|seconds| (1..=MAX_EXPIRES).contains(seconds));
    seconds.map(Duration::seconds).ok_or_else(|| {
        incomplete_signature(format!(
            "X-Amz-Expires must be a number of seconds from 1 to {MAX_EXPIRES}. Got '{text}'."
        ))
    })
}

fn check_validity(
    signed_at: OffsetDateTime,
    expires: Duration,
    now: OffsetDateTime,
) -> Result<(), AwsError> {
    let (earliest, latest) = (signed_at - TOLERANCE, signed_at + expires);
    let [signed, at, end] = [signed_at, now, latest].map(format_basic);
    if now > latest {
        return Err(invalid_signature(format!(
            "Signature expired: {end} is now earlier than {at}"
        )));
    }
    if now < earliest {
        return Err(invalid_signature(format!(
            "Signature not yet current: {signed} is still later than {at} + 5 min."
        )));
    }
    Ok(())
}

/// Returns the hosts that a client may have signed.
fn candidate_hosts(request: &SignedRequest<'_>, region: &str) -> Vec<HeaderValue> {
    let received = request
        .headers
        .get(HOST)
        .and_then(|host| host.to_str().ok());
    let received = received.unwrap_or_default();
    let without_port = match received.rsplit_once(':') {
        // The last group of an IPv6 address is followed by a bracket.
        Some((host, port)) if !port.ends_with(']') => host,
        _ => received,
    };
    let mut hosts = vec![received.to_owned(), without_port.to_owned()];
    for variant in ["", "-fips"] {
        for domain in ["amazonaws.com", "api.aws"] {
            hosts.push(format!("streaming-rekognition{variant}.{region}.{domain}"));
        }
    }
    hosts
        .iter()
        .filter_map(|host| HeaderValue::from_str(host).ok())
        .collect()
}

#[cfg(test)]
mod tests;
