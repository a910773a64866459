//! Parses the `Authorization` header of a signed request.

use super::{AwsError, incomplete_signature};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The fields of the header.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Authorization<'a> {
    pub(super) access_key: &'a str,
    pub(super) date: &'a str,
    pub(super) region: &'a str,
    pub(super) service: &'a str,
    pub(super) terminator: &'a str,
    pub(super) signed_headers: Vec<&'a str>,
    pub(super) signature: &'a str,
}

impl<'a> Authorization<'a> {
    /// Splits the credential and the signed headers.
    pub(super) fn from_parameters(
        credential: &'a str,
        signed_headers: &'a str,
        signature: &'a str,
    ) -> Result<Self, AwsError> {
        let Ok([access_key, date, region, service, terminator]) =
            <[&str; 5]>::try_from(credential.split('/').collect::<Vec<_>>())
        else {
            return Err(incomplete_signature(format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. \
                 keyid/date/region/service/term, got '{credential}'."
            )));
        };
        Ok(Self {
            access_key,
            date,
            region,
            service,
            terminator,
            signed_headers: signed_headers.split(';').collect(),
            signature,
        })
    }

    pub(super) fn signs(&self, header: &str) -> bool {
        self.signed_headers.contains(&header)
    }

    /// Returns the credential scope.
    pub(super) fn scope(&self) -> String {
        [self.date, self.region, self.service, self.terminator].join("/")
    }
}

/// Parses the header, or returns the error of AWS for a missing part.
pub(super) fn parse(headers: &http::HeaderMap) -> Result<Authorization<'_>, AwsError> {
    let Some(value) = headers.get(http::header::AUTHORIZATION) else {
        return Err(AwsError::new(
            "MissingAuthenticationTokenException",
            "Missing Authentication Token",
        ));
    };
    let value = value
        .to_str()
        .map_err(|_| incomplete_signature("Authorization header is not ASCII."))?;
    let (algorithm, rest) = value.trim().split_once(' ').unwrap_or((value, ""));
    check_algorithm(algorithm)?;
    let [credential, signed_headers, signature] = parameters(rest)?;
    Authorization::from_parameters(credential, signed_headers, signature)
}

pub(super) fn check_algorithm(algorithm: &str) -> Result<(), AwsError> {
    if algorithm == ALGORITHM {
        return Ok(());
    }
    Err(incomplete_signature(format!(
        "Unsupported AWS 'algorithm': '{algorithm}'."
    )))
}

fn parameters(rest: &str) -> Result<[&str; 3], AwsError> {
    let names = ["Credential", "SignedHeaders", "Signature"];
    let pairs: Vec<_> = rest
        .split(',')
        .filter_map(|pair| pair.trim().split_once('='))
        .collect();
    let found = names.map(|name| {
        let pair = pairs
            .iter()
            .find(|(key, value)| *key == name && !value.is_empty());
        pair.map(|(_, value)| *value)
    });
    if let [Some(credential), Some(signed_headers), Some(signature)] = found {
        return Ok([credential, signed_headers, signature]);
    }
    let missing: Vec<_> = names
        .iter()
        .zip(found)
        .filter(|(_, value)| value.is_none())
        .map(|(name, _)| format!("Authorization header requires '{name}' parameter."))
        .collect();
    Err(incomplete_signature(missing.join(" ")))
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header};

    use super::*;

    fn error(value: &'static str) -> (&'static str, String) {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static(value));
        let error = parse(&headers).unwrap_err();
        (error.code, error.message)
    }

    #[test]
    fn a_request_without_the_header_is_a_missing_authentication_token() {
        let error = parse(&HeaderMap::new()).unwrap_err();
        assert_eq!(error.code, "MissingAuthenticationTokenException");
    }

    #[test]
    fn an_incomplete_header_is_an_incomplete_signature_and_names_the_part() {
        for (value, expected) in [
            ("Bearer abc", "'Bearer'"),
            ("AWS4-HMAC-SHA256", "'Credential'"),
            (
                "AWS4-HMAC-SHA256 Credential=a/b/c/d/e, Signature=00",
                "'SignedHeaders'",
            ),
            (
                "AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=host",
                "'Signature'",
            ),
            (
                "AWS4-HMAC-SHA256 Credential=a, SignedHeaders=host, Signature=00",
                "got 'a'",
            ),
        ] {
            let (code, message) = error(value);
            assert_eq!(code, "IncompleteSignatureException", "{value}");
            assert!(message.contains(expected), "{value}: {message}");
        }
    }
}
