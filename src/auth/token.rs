//! A token, and whether it counts: a signed JSON Web Token with an issuer, an
//! audience, a subject and its times.
//!
//! First the way it is signed, then the signature, then the claims: whoever cannot
//! sign learns nothing of the claims that we want. An example, with a leeway of 30 s:
//! `exp` is 12:00:00. At 12:00:29 the token counts, at 12:00:30 it has expired.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::Validation;
use jsonwebtoken::errors::{Error, ErrorKind};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::algorithm::TokenAlgorithm;
use super::evidence::MetadataField;
use super::failure::NotAuthenticated;
use super::keys::KeySet;
use super::settings::JwtSettings;
use crate::model::CallerId;

/// The longest token, in bytes.
const MOST_BYTES: usize = 8 * 1024;

const SCHEME: &str = "bearer ";

/// The token in a metadata key.
pub(super) fn presented(authorization: MetadataField<'_>) -> Result<&str, NotAuthenticated> {
    let value = match authorization {
        MetadataField::Nothing => return Err(NotAuthenticated::TokenMissing),
        MetadataField::Repeatedly => return Err(NotAuthenticated::TokenRepeated),
        MetadataField::Once(value) => value,
    };
    if value.len() > SCHEME.len() + MOST_BYTES {
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

/// Which tokens count.
#[derive(Debug)]
pub(super) struct TokenRules {
    pinned: Vec<(TokenAlgorithm, Validation)>,
    leeway: Duration,
}

/// Of a token's header what decides. Whatever it says of keys is not looked at.
#[derive(Deserialize)]
struct Head {
    alg: String,
    kid: Option<String>,
    /// Extensions that must be understood; we understand none.
    crit: Option<IgnoredAny>,
}

/// Of a token's claims what the library does not judge.
#[derive(Deserialize)]
struct Claims {
    exp: Option<f64>,
    nbf: Option<f64>,
    sub: Option<String>,
}

impl TokenRules {
    pub(super) fn new(settings: &JwtSettings) -> Self {
        let rule = |algorithm: &TokenAlgorithm| {
            let mut rule = Validation::new(algorithm.of_library());
            rule.set_issuer(&[&settings.issuer]);
            rule.set_audience(&[&settings.audience]);
            rule.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
            // The library reads a clock of its own: times are ours to judge.
            rule.validate_exp = false;
            rule.validate_nbf = false;
            (*algorithm, rule)
        };
        Self {
            pinned: settings.algorithms.iter().map(rule).collect(),
            leeway: settings.leeway,
        }
    }

    /// Whom `token` names, by `keys` and at `now`.
    pub(super) fn judge(
        &self,
        token: &str,
        keys: Option<&KeySet>,
        now: SystemTime,
    ) -> Result<CallerId, NotAuthenticated> {
        let head = head(token).ok_or(NotAuthenticated::TokenMalformed)?;
        let named = TokenAlgorithm::named(&head.alg);
        let pinned = self.pinned.iter().find(|(one, _)| Some(*one) == named);
        let (algorithm, rule) = pinned.ok_or(NotAuthenticated::TokenAlgorithm)?;
        let keys = keys.ok_or(NotAuthenticated::KeysMissing)?;
        // A name that is missing is not worth a reading of the keys.
        let kid = head.kid.ok_or(NotAuthenticated::TokenSignature)?;
        if !keys.has(&kid) {
            return Err(NotAuthenticated::TokenKeyUnknown);
        }
        let key = keys.find(&kid, *algorithm);
        let key = key.ok_or(NotAuthenticated::TokenAlgorithm)?;
        let decoded = jsonwebtoken::decode::<Claims>(token, &key.verifying, rule);
        let claims = decoded.map_err(|error| failure(&error))?.claims;
        self.judge_times(&claims, now)?;
        let subject = claims.sub.ok_or(NotAuthenticated::TokenIncomplete)?;
        CallerId::new(&subject).ok_or(NotAuthenticated::TokenSubject)
    }

    fn judge_times(&self, claims: &Claims, now: SystemTime) -> Result<(), NotAuthenticated> {
        let (Some(exp), Some(nbf)) = (claims.exp, claims.nbf) else {
            return Err(NotAuthenticated::TokenIncomplete);
        };
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let (now, leeway) = (now.as_secs_f64(), self.leeway.as_secs_f64());
        if now >= exp + leeway {
            return Err(NotAuthenticated::TokenExpired);
        }
        if now + leeway < nbf {
            return Err(NotAuthenticated::TokenNotYetValid);
        }
        Ok(())
    }
}

fn head(token: &str) -> Option<Head> {
    let mut parts = token.split('.');
    let (head, _, _) = (parts.next()?, parts.next()?, parts.next()?);
    let head = BASE64_URL_SAFE_NO_PAD.decode(head).ok()?;
    let head: Head = serde_json::from_slice(&head).ok()?;
    (parts.next().is_none() && head.crit.is_none()).then_some(head)
}

fn failure(error: &Error) -> NotAuthenticated {
    match error.kind() {
        ErrorKind::InvalidIssuer => NotAuthenticated::TokenIssuer,
        ErrorKind::InvalidAudience => NotAuthenticated::TokenAudience,
        ErrorKind::MissingRequiredClaim(_) | ErrorKind::InvalidClaimFormat(_) => {
            NotAuthenticated::TokenIncomplete
        }
        // Only what is signed is read as JSON.
        ErrorKind::Json(_) | ErrorKind::Utf8(_) => NotAuthenticated::TokenIncomplete,
        ErrorKind::InvalidToken | ErrorKind::Base64(_) => NotAuthenticated::TokenMalformed,
        _ => NotAuthenticated::TokenSignature,
    }
}
