//! The credentials that the transport presents for one call, not verified yet.
//!
//! For example, a call over TLS from 10.0.0.7 with one `authorization` has an address,
//! a certificate, `caller: MetadataField::Absent` and `authorization:
//! MetadataField::Single`.

use crate::model::PeerAddress;

/// The credentials of one call.
#[derive(Clone, Copy, Debug, Default)]
pub struct PeerCredentials<'a> {
    /// The address of the peer.
    pub address: PeerAddress,
    /// The client certificate in DER. TLS has verified its chain and its private key.
    pub certificate: Option<&'a [u8]>,
    /// The values of [`super::CALLER_KEY`].
    pub caller: MetadataField<'a>,
    /// The values of [`super::AUTHORIZATION_KEY`].
    pub authorization: MetadataField<'a>,
}

/// The values of one metadata key. `Debug` hides the value, which may be a token.
#[derive(Clone, Copy, derive_more::Debug, Default, PartialEq, Eq)]
pub enum MetadataField<'a> {
    /// The key is absent.
    #[default]
    Absent,
    /// The key has one value.
    #[debug("Single(..)")]
    Single(&'a [u8]),
    /// The key has several values. None is trusted: a proxy may have appended its value
    /// to one that the peer sent.
    Repeated,
}

impl<'a> MetadataField<'a> {
    /// Classifies the `values` of one key.
    pub fn of(mut values: impl Iterator<Item = &'a [u8]>) -> Self {
        match (values.next(), values.next()) {
            (None, _) => Self::Absent,
            (Some(value), None) => Self::Single(value),
            (Some(_), Some(_)) => Self::Repeated,
        }
    }
}
