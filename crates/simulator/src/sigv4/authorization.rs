//! Reads the `Authorization` header of a signed request.

use super::{Refusal, incomplete};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// What the header claims.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Authorization<'a> {
    pub(super) access_key: &'a str,
    pub(super) date: &'a str,
    region: &'a str,
    pub(super) service: &'a str,
    pub(super) terminator: &'a str,
    pub(super) signed_headers: Vec<&'a str>,
    pub(super) signature: &'a str,
}

impl Authorization<'_> {
    pub(super) fn signs(&self, header: &str) -> bool {
        self.signed_headers.contains(&header)
    }

    /// The credential without its key.
    pub(super) fn scope(&self) -> String {
        [self.date, self.region, self.service, self.terminator].join("/")
    }
}

/// Reads the header, or says as AWS does what it lacks.
pub(super) fn read(headers: &http::HeaderMap) -> Result<Authorization<'_>, Refusal> {
    let Some(value) = headers.get(http::header::AUTHORIZATION) else {
        return Err(Refusal::new(
            "MissingAuthenticationTokenException",
            "Missing Authentication Token",
        ));
    };
    let value = value
        .to_str()
        .map_err(|_| incomplete("Authorization header is not ASCII."))?;
    let (algorithm, rest) = value.trim().split_once(' ').unwrap_or((value, ""));
    if algorithm != ALGORITHM {
        return Err(incomplete(format!(
            "Unsupported AWS 'algorithm': '{algorithm}'."
        )));
    }
    let [credential, signed_headers, signature] = parameters(rest)?;
    let Ok([access_key, date, region, service, terminator]) =
        <[&str; 5]>::try_from(credential.split('/').collect::<Vec<_>>())
    else {
        return Err(incomplete(format!(
            "Credential must have exactly 5 slash-delimited elements, e.g. \
             keyid/date/region/service/term, got '{credential}'."
        )));
    };
    let signed_headers = signed_headers.split(';').collect();
    Ok(Authorization {
        access_key,
        date,
        region,
        service,
        terminator,
        signed_headers,
        signature,
    })
}

fn parameters(rest: &str) -> Result<[&str; 3], Refusal> {
    let names = ["Credential", "SignedHeaders", "Signature"];
    let given: Vec<_> = rest
        .split(',')
        .filter_map(|pair| pair.trim().split_once('='))
        .collect();
    let found = names.map(|name| {
        let pair = given
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
    Err(incomplete(missing.join(" ")))
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header};

    use super::*;

    fn refused(value: &'static str) -> (&'static str, String) {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static(value));
        let refusal = read(&headers).unwrap_err();
        (refusal.code, refusal.message)
    }

    #[test]
    fn a_request_without_the_header_has_no_authentication_token() {
        let refusal = read(&HeaderMap::new()).unwrap_err();
        assert_eq!(refusal.code, "MissingAuthenticationTokenException");
    }

    #[test]
    fn a_header_that_lacks_something_is_an_incomplete_signature_naming_it() {
        for (value, named) in [
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
            let (code, message) = refused(value);
            assert_eq!(code, "IncompleteSignatureException", "{value}");
            assert!(message.contains(named), "{value}: {message}");
        }
    }
}
