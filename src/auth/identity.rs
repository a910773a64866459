//! The identity of an authenticated caller.
//!
//! For example, `system:serviceaccount:shop:payments` by [`AuthMethod::Token`].

use crate::model::CallerId;

/// A caller, and how it was authenticated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The caller's name.
    pub caller: CallerId,
    /// How the caller was authenticated.
    pub auth_method: AuthMethod,
    /// The name in the client certificate, if the caller is named by its token.
    pub certificate: Option<CallerId>,
}

/// How a caller was authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum AuthMethod {
    /// Not at all.
    None,
    /// By a trusted metadata key.
    Header,
    /// By a client certificate.
    Certificate,
    /// By a signed token.
    Token,
    /// By a signed token and a client certificate.
    #[strum(serialize = "certificate+token")]
    CertificateAndToken,
}

impl Identity {
    pub(super) fn new(caller: CallerId, auth_method: AuthMethod) -> Self {
        Self {
            caller,
            auth_method,
            certificate: None,
        }
    }

    /// Returns the one caller of a service without authentication.
    #[must_use]
    pub fn anonymous() -> Self {
        Self::new(CallerId::anonymous(), AuthMethod::None)
    }
}

impl AuthMethod {
    /// Returns the name in logs, traces and audit records.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}
