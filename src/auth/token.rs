//! Verifies signed JSON Web Tokens ([RFC 7519]).
//!
//! The algorithm is checked first, then the signature, then the claims, so that a token
//! without a valid signature reveals nothing about the accepted claims. For example,
//! with `exp` at 12:00:00 and a leeway of 30 s, a token is valid at 12:00:29 and has
//! expired at 12:00:30.
//!
//! [RFC 7519]: https://www.rfc-editor.org/rfc/rfc7519

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::Validation;
use jsonwebtoken::errors::{Error, ErrorKind};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::algorithm::TokenAlgorithm;
use super::error::NotAuthenticated;
use super::key_set::KeySet;
use super::peer_credentials::MetadataField;
use super::settings::JwtSettings;
use crate::model::{CallerId, unix_time};

/// The size limit of a token, in bytes.
const MAX_TOKEN_BYTES: usize = 8 * 1024;

const SCHEME: &str = "bearer ";

/// Returns the bearer token in the metadata key `authorization` ([RFC 6750], 2.1).
///
/// [RFC 6750]: https://www.rfc-editor.org/rfc/rfc6750
pub(super) fn bearer(authorization: MetadataField<'_>) -> Result<&str, NotAuthenticated> {
    let value = match authorization {
        MetadataField::Absent => return Err(NotAuthenticated::TokenMissing),
        MetadataField::Repeated => return Err(NotAuthenticated::TokenRepeated),
        MetadataField::Single(value) => value,
    };
    if value.len() > SCHEME.len() + MAX_TOKEN_BYTES {
        return Err(NotAuthenticated::TokenTooLong);
    }
    let token = std::str::from_utf8(value).ok().and_then(after_scheme);
    token.ok_or(NotAuthenticated::TokenMalformed)
}

fn after_scheme(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_at_checked(SCHEME.len())?;
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let fits = scheme.eq_ignore_ascii_case(SCHEME) && token.bytes().all(is_token);
    fits.then_some(token)
}

/// Which tokens are accepted.
#[derive(Debug)]
pub(super) struct TokenRules {
    algorithms: Vec<(TokenAlgorithm, Validation)>,
    leeway: Duration,
}

/// The header fields that are used. Keys in the header (`jwk`, `x5c`, `jku`) are ignored.
#[derive(Deserialize)]
struct TokenHeader {
    alg: String,
    kid: Option<String>,
    /// Critical extensions; none is supported.
    crit: Option<IgnoredAny>,
}

/// The claims that the library does not validate.
#[derive(Deserialize)]
struct TokenClaims {
    exp: Option<f64>,
    nbf: Option<f64>,
    sub: Option<String>,
}

impl TokenRules {
    pub(super) fn new(settings: &JwtSettings) -> Self {
        let rule = |algorithm: &TokenAlgorithm| {
            let mut rule = Validation::new(algorithm.to_library());
            rule.set_issuer(&[&settings.issuer]);
            rule.set_audience(&[&settings.audience]);
            rule.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
            // The library would read the clock itself; `verify_times` takes `now`.
            rule.validate_exp = false;
            rule.validate_nbf = false;
            (*algorithm, rule)
        };
        Self {
            algorithms: settings.algorithms.iter().map(rule).collect(),
            leeway: settings.leeway,
        }
    }

    /// Returns the caller that `token` names, if it is signed by one of `keys` and valid
    /// at `now`.
    pub(super) fn verify(
        &self,
        token: &str,
        keys: Option<&KeySet>,
        now: SystemTime,
    ) -> Result<CallerId, NotAuthenticated> {
        let header = header(token).ok_or(NotAuthenticated::TokenMalformed)?;
        let named = TokenAlgorithm::named(&header.alg);
        let accepted = self.algorithms.iter().find(|(one, _)| Some(*one) == named);
        let (algorithm, rule) = accepted.ok_or(NotAuthenticated::TokenAlgorithm)?;
        let keys = keys.ok_or(NotAuthenticated::JwksUnavailable)?;
        // Not `TokenKeyUnknown`: a refresh of the JWKS cannot help without a `kid`.
        let kid = header.kid.ok_or(NotAuthenticated::TokenSignature)?;
        if !keys.contains(&kid) {
            return Err(NotAuthenticated::TokenKeyUnknown);
        }
        let mut claims = Err(NotAuthenticated::TokenAlgorithm);
        for key in keys.find(&kid, *algorithm) {
            let decoded = jsonwebtoken::decode::<TokenClaims>(token, &key.decoding_key, rule);
            claims = decoded.map_err(|error| not_authenticated(&error));
            if !matches!(claims, Err(NotAuthenticated::TokenSignature)) {
                break;
            }
        }
        let claims = claims?.claims;
        self.verify_times(&claims, now)?;
        let subject = claims.sub.ok_or(NotAuthenticated::TokenIncomplete)?;
        CallerId::new(&subject).ok_or(NotAuthenticated::TokenSubject)
    }

    fn verify_times(&self, claims: &TokenClaims, now: SystemTime) -> Result<(), NotAuthenticated> {
        let exp = claims.exp.ok_or(NotAuthenticated::TokenIncomplete)?;
        let (now, leeway) = (unix_time(now).as_secs_f64(), self.leeway.as_secs_f64());
        if now >= exp + leeway {
            return Err(NotAuthenticated::TokenExpired);
        }
        if claims.nbf.is_some_and(|nbf| now + leeway < nbf) {
            return Err(NotAuthenticated::TokenNotYetValid);
        }
        Ok(())
    }
}

fn header(token: &str) -> Option<TokenHeader> {
    let mut parts = token.split('.');
    let (header, _, _) = (parts.next()?, parts.next()?, parts.next()?);
    let header = BASE64_URL_SAFE_NO_PAD.decode(header).ok()?;
    let header: TokenHeader = serde_json::from_slice(&header).ok()?;
    (parts.next().is_none() && header.crit.is_none()).then_some(header)
}

fn not_authenticated(error: &Error) -> NotAuthenticated {
    match error.kind() {
        ErrorKind::InvalidIssuer => NotAuthenticated::TokenIssuer,
        ErrorKind::InvalidAudience => NotAuthenticated::TokenAudience,
        ErrorKind::MissingRequiredClaim(_) | ErrorKind::InvalidClaimFormat(_) => {
            NotAuthenticated::TokenIncomplete
        }
        // The claims are parsed only after the signature is verified.
        ErrorKind::Json(_) | ErrorKind::Utf8(_) => NotAuthenticated::TokenIncomplete,
        ErrorKind::InvalidToken | ErrorKind::Base64(_) => NotAuthenticated::TokenMalformed,
        _ => NotAuthenticated::TokenSignature,
    }
}
