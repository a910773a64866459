//! Authentication: who calls, and by which proof. It works on bytes, certificates and
//! addresses, and knows no transport.
//!
//! [`AuthMode`] selects the credentials that count. The metadata key `livegate-caller`
//! is a claim, trusted from loopback and from listed proxies; client certificates
//! (mutual TLS) and signed tokens ([JWT, RFC 7519]) are proofs. The keys that verify
//! tokens ([JWKS, RFC 7517]) rotate, so they are refreshed periodically, and once more
//! when a token names an unknown key. Errors are fixed texts that repeat no part of a
//! token, a certificate or a claim.
//!
//! For example, in the mode `jwt` with a leeway of 30 s: at 12:00:20 a call presents a
//! token that expired at 12:00:00, signed with the key `b`. The JWKS cache holds only
//! `a`. It is refreshed, which takes 40 ms and brings `b`; the signature is valid, and
//! the caller is `system:serviceaccount:shop:payments`. At 12:00:30 the same token is
//! refused with `the token has expired`, and counted as `token_expired`.
//!
//! [JWT, RFC 7519]: https://www.rfc-editor.org/rfc/rfc7519
//! [JWKS, RFC 7517]: https://www.rfc-editor.org/rfc/rfc7517

mod algorithm;
mod certificate;
mod error;
mod header;
mod identity;
mod jwks;
mod jwks_fetch;
mod jwks_source;
mod key_set;
mod metrics;
mod mode;
mod peer_credentials;
pub mod policy;
mod settings;
mod token;

use std::time::SystemTime;

use ipnet::IpNet;

pub use self::algorithm::TokenAlgorithm;
pub use self::error::NotAuthenticated;
pub use self::identity::{AuthMethod, Identity};
pub use self::metrics::AuthMetrics;
pub use self::mode::AuthMode;
pub use self::peer_credentials::{MetadataField, PeerCredentials};
pub use self::settings::{AuthSettings, JwksSource, JwtSettings};

use self::jwks::{JwksCache, Refreshed};
use self::token::TokenRules;
use crate::model::CallerId;

/// The metadata key that names the caller in the mode `trusted-header`.
pub const CALLER_KEY: &str = "livegate-caller";

/// The metadata key that holds the token in the modes with `jwt`.
pub const AUTHORIZATION_KEY: &str = "authorization";

/// Identifies callers by their credentials.
#[derive(Debug)]
pub struct Authenticator {
    mode: AuthMode,
    trusted_proxies: Vec<IpNet>,
    tokens: Option<TokenVerifier>,
    metrics: AuthMetrics,
}

#[derive(Debug)]
struct TokenVerifier {
    rules: TokenRules,
    jwks: JwksCache,
}

impl Authenticator {
    /// Returns an authenticator for `settings`. It has no keys for tokens until
    /// [`Authenticator::refresh_jwks`] runs.
    #[must_use]
    pub fn new(settings: &AuthSettings, metrics: AuthMetrics) -> Self {
        let verifier = |jwt: &JwtSettings| TokenVerifier {
            rules: TokenRules::new(jwt),
            jwks: JwksCache::new(jwt, metrics.clone()),
        };
        let jwt = settings.jwt.as_ref();
        Self {
            mode: settings.mode,
            trusted_proxies: settings.trusted_proxies.clone(),
            tokens: jwt.filter(|_| settings.mode.requires_token()).map(verifier),
            metrics,
        }
    }

    /// Whether every caller has proved its identity.
    #[must_use]
    pub fn is_authenticated(&self) -> bool {
        self.mode.is_authenticated()
    }

    /// Loads and refreshes the JWKS for as long as it is polled; it never returns.
    pub async fn refresh_jwks(&self) {
        match &self.tokens {
            Some(tokens) => tokens.jwks.refresh().await,
            None => std::future::pending().await,
        }
    }

    /// Waits until tokens can be verified: the JWKS was read once, if the mode needs it.
    pub async fn ready(&self) {
        if let Some(tokens) = &self.tokens {
            tokens.jwks.first_read().await;
        }
    }

    /// Returns the identity that `credentials` prove at `now`. It waits up to two
    /// seconds for an unknown key. Dropping it has no effect.
    ///
    /// # Errors
    /// If the credentials are missing, invalid, or not those that the mode requires.
    pub async fn authenticate(
        &self,
        credentials: PeerCredentials<'_>,
        now: SystemTime,
    ) -> Result<Identity, NotAuthenticated> {
        let identity = self.verify(credentials, now).await;
        if let Err(error) = identity {
            self.metrics.failed(error);
        }
        identity
    }

    async fn verify(
        &self,
        credentials: PeerCredentials<'_>,
        now: SystemTime,
    ) -> Result<Identity, NotAuthenticated> {
        match self.mode {
            AuthMode::None => Ok(Identity::anonymous()),
            AuthMode::OptionalHeader => header::caller_or_anonymous(credentials.caller),
            AuthMode::TrustedHeader => header::trusted_caller(
                credentials.caller,
                credentials.address,
                &self.trusted_proxies,
            ),
            AuthMode::Mtls => {
                let caller = certificate::caller(credentials.certificate, now)?;
                Ok(Identity::new(caller, AuthMethod::Certificate))
            }
            AuthMode::Jwt => {
                let caller = self.verify_token(credentials.authorization, now).await?;
                Ok(Identity::new(caller, AuthMethod::Token))
            }
            AuthMode::MtlsJwt => {
                // Certificate first: a peer without one must not cause a JWKS refresh.
                let certificate = certificate::caller(credentials.certificate, now)?;
                let caller = self.verify_token(credentials.authorization, now).await?;
                let identity = Identity::new(caller, AuthMethod::CertificateAndToken);
                Ok(Identity {
                    certificate: Some(certificate),
                    ..identity
                })
            }
        }
    }

    async fn verify_token(
        &self,
        authorization: MetadataField<'_>,
        now: SystemTime,
    ) -> Result<CallerId, NotAuthenticated> {
        let token = token::bearer(authorization)?;
        // Without JWT settings every token is refused.
        let tokens = self
            .tokens
            .as_ref()
            .ok_or(NotAuthenticated::JwksUnavailable)?;
        let keys = tokens.jwks.keys();
        let verified = tokens.rules.verify(token, keys.as_deref(), now);
        if !verified.as_ref().is_err_and(|error| error.needs_new_keys()) {
            return verified;
        }
        match tokens.jwks.newer_than(keys.as_ref()).await {
            Refreshed::Newer(newer) => tokens.rules.verify(token, Some(&newer), now),
            Refreshed::Pending(delay) if keys.is_some() => {
                Err(NotAuthenticated::TokenKeyPending(delay))
            }
            Refreshed::Current | Refreshed::Pending(_) => verified,
        }
    }
}

#[cfg(test)]
mod tests;
