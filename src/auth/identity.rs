//! Who calls, and what says so.
//!
//! An example: `system:serviceaccount:shop:payments`, by a token. An anonymous
//! caller is known by nothing.

use crate::model::CallerId;

/// A caller that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its name.
    pub caller: CallerId,
    /// What says so.
    pub auth_method: AuthMethod,
}

/// What says who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthMethod {
    /// Nothing: it was not asked.
    None,
    /// A metadata key, which was believed.
    Header,
    /// A client certificate.
    Certificate,
    /// A signed token.
    Token,
    /// A signed token; a client certificate besides.
    CertificateAndToken,
}

impl Identity {
    pub(super) fn new(caller: CallerId, auth_method: AuthMethod) -> Self {
        Self {
            caller,
            auth_method,
        }
    }

    /// The one caller of a Livegate that does not ask who calls.
    #[must_use]
    pub fn anonymous() -> Self {
        Self::new(CallerId::anonymous(), AuthMethod::None)
    }
}

impl AuthMethod {
    /// Its name in logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Header => "header",
            Self::Certificate => "certificate",
            Self::Token => "token",
            Self::CertificateAndToken => "certificate+token",
        }
    }
}
