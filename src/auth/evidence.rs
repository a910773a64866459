//! What the transport knows of one call: none of it is believed yet.
//!
//! An example: a call over TLS from 10.0.0.7 with one `authorization` is an address, a
//! certificate, `named: MetadataField::Nothing` and `authorization: MetadataField::Once`.

use std::net::SocketAddr;

/// What one call presents.
#[derive(Clone, Copy, Debug, Default)]
pub struct PeerCredentials<'a> {
    /// Where it comes from.
    pub origin: Origin,
    /// The certificate that the peer proved to hold, in DER; its chain was verified.
    pub certificate: Option<&'a [u8]>,
    /// The values of [`super::CALLER_KEY`].
    pub named: MetadataField<'a>,
    /// The values of [`super::AUTHORIZATION_KEY`].
    pub authorization: MetadataField<'a>,
}

/// Where a call comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// Nobody can say: a transport without addresses, or a peer that was gone before
    /// its own was asked for.
    #[default]
    Unknown,
    /// From the peer at this address.
    Address(SocketAddr),
    /// From inside this process: nobody else can have the other end.
    Pipe,
}

/// The values of one metadata key.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum MetadataField<'a> {
    /// It is not there.
    #[default]
    Nothing,
    /// It is there once.
    Once(&'a [u8]),
    /// It is there again and again: where a proxy appends its word to the peer's own,
    /// neither is believed.
    Repeatedly,
}

impl<'a> MetadataField<'a> {
    /// What `values` are.
    pub fn of(mut values: impl Iterator<Item = &'a [u8]>) -> Self {
        match (values.next(), values.next()) {
            (None, _) => Self::Nothing,
            (Some(value), None) => Self::Once(value),
            (Some(_), Some(_)) => Self::Repeatedly,
        }
    }
}

/// A value may be a token.
impl std::fmt::Debug for MetadataField<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Nothing => "Nothing",
            Self::Once(_) => "Once(..)",
            Self::Repeatedly => "Repeatedly",
        })
    }
}
