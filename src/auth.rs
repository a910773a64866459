//! How a peer becomes a caller, and how sure of it we are. It decides from bytes,
//! certificates and addresses, and knows no transport.
//!
//! The mode says what counts. A `livegate-caller` is a claim, believed of peers on
//! loopback and of those that are listed; a certificate and a token are proofs. Keys
//! that sign tokens come and go, so the ring of them is read again and again, and
//! once more for a token whose key nobody knows. What failed is told in fixed words:
//! nothing of a token, a certificate or a claim is repeated.
//!
//! An example, in the mode `jwt` with a leeway of 30 s: at 12:00:20 a call presents a
//! token that expired at 12:00:00, signed with the key `b`. The ring holds `a`. It
//! is read again, has `b` after 40 ms, the signature fits, and the caller is
//! `system:serviceaccount:shop:payments`. At 12:00:30 the same token is refused with
//! `the token has expired`, and counted under `token_expired`.

mod algorithm;
mod certificate;
mod evidence;
mod failure;
mod fetch;
mod header;
mod identity;
mod keys;
mod metrics;
mod mode;
pub mod policy;
mod ring;
mod settings;
mod source;
mod token;

use std::time::SystemTime;

use ipnet::IpNet;
use tracing::debug;

pub use self::algorithm::TokenAlgorithm;
pub use self::evidence::{MetadataField, Origin, PeerCredentials};
pub use self::failure::NotAuthenticated;
pub use self::identity::{AuthMethod, Identity};
pub use self::metrics::AuthMetrics;
pub use self::mode::AuthMode;
pub use self::settings::{AuthSettings, JwksSource, JwtSettings};

use self::ring::KeyRing;
use self::token::TokenRules;
use crate::model::CallerId;

/// The metadata key that names the caller in the mode `trusted-header`.
pub const CALLER_KEY: &str = "livegate-caller";

/// The metadata key that holds the token in the modes with `jwt`.
pub const AUTHORIZATION_KEY: &str = "authorization";

/// Knows callers by what they present.
#[derive(Debug)]
pub struct Authenticator {
    mode: AuthMode,
    trusted_proxies: Vec<IpNet>,
    tokens: Option<Tokens>,
    metrics: AuthMetrics,
}

/// What tokens are judged by.
#[derive(Debug)]
struct Tokens {
    rules: TokenRules,
    ring: KeyRing,
}

impl Authenticator {
    /// As `settings` have it. Keys of tokens are read by [`Authenticator::watch`].
    #[must_use]
    pub fn new(settings: &AuthSettings, metrics: AuthMetrics) -> Self {
        let tokens = |jwt: &JwtSettings| Tokens {
            rules: TokenRules::new(jwt),
            ring: KeyRing::new(jwt, metrics.clone()),
        };
        let jwt = settings.jwt.as_ref();
        Self {
            mode: settings.mode,
            trusted_proxies: settings.trusted_proxies.clone(),
            tokens: jwt.filter(|_| settings.mode.takes_tokens()).map(tokens),
            metrics,
        }
    }

    /// Whether every caller has proved who it is.
    #[must_use]
    pub fn is_authenticated(&self) -> bool {
        self.mode.is_authenticated()
    }

    /// Keeps the keys of tokens fresh for as long as it is polled; it never returns.
    pub async fn watch(&self) {
        match &self.tokens {
            Some(tokens) => tokens.ring.follow().await,
            None => std::future::pending().await,
        }
    }

    /// Who calls, by what the call presents at `now`. It waits two seconds at most,
    /// for a key that is not known yet. Dropped half way, it leaves nothing behind but, where
    /// there are no keys, its count.
    ///
    /// # Errors
    /// Where the mode asks for more than was presented, or for something else.
    pub async fn identify(
        &self,
        evidence: PeerCredentials<'_>,
        now: SystemTime,
    ) -> Result<Identity, NotAuthenticated> {
        let identity = self.judge(evidence, now).await;
        if let Err(failure) = identity {
            self.metrics.failed(failure);
            debug!(auth.failure = failure.label(), "caller not authenticated");
        }
        identity
    }

    async fn judge(
        &self,
        evidence: PeerCredentials<'_>,
        now: SystemTime,
    ) -> Result<Identity, NotAuthenticated> {
        match self.mode {
            AuthMode::None => Ok(Identity::anonymous()),
            AuthMode::OptionalHeader => header::claimed_or_anonymous(evidence.named),
            AuthMode::TrustedHeader => {
                header::claimed(evidence.named, evidence.origin, &self.trusted_proxies)
            }
            AuthMode::Mtls => {
                let caller = certificate::caller(evidence.certificate, now)?;
                Ok(Identity::new(caller, AuthMethod::Certificate))
            }
            AuthMode::Jwt => {
                let caller = self.by_token(evidence.authorization, now).await?;
                Ok(Identity::new(caller, AuthMethod::Token))
            }
            AuthMode::MtlsJwt => {
                // Whoever has no certificate makes nobody read keys.
                certificate::caller(evidence.certificate, now)?;
                let caller = self.by_token(evidence.authorization, now).await?;
                Ok(Identity::new(caller, AuthMethod::CertificateAndToken))
            }
        }
    }

    async fn by_token(
        &self,
        authorization: MetadataField<'_>,
        now: SystemTime,
    ) -> Result<CallerId, NotAuthenticated> {
        let token = token::presented(authorization)?;
        // Without rules nobody is let in.
        let tokens = self.tokens.as_ref().ok_or(NotAuthenticated::KeysMissing)?;
        let keys = tokens.ring.keys();
        let judged = tokens.rules.judge(token, keys.as_deref(), now);
        if !judged.as_ref().is_err_and(|failure| failure.may_pass()) {
            return judged;
        }
        // Its deadline may end first, or its caller hang up: for want of keys all the same.
        let wait = keys.is_none().then(|| self.metrics.waits_for_keys());
        let newer = tokens.ring.newer_than(keys.as_ref()).await;
        if let Some(wait) = wait {
            wait.over();
        }
        match newer {
            Some(newer) => tokens.rules.judge(token, Some(&newer), now),
            None => judged,
        }
    }
}

#[cfg(test)]
mod tests;
