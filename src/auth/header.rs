//! Authentication by the metadata key `livegate-caller`.
//!
//! For example, `livegate-caller: payments` from 10.0.0.7 is the caller `payments` if
//! `trusted_proxies` contains `10.0.0.0/8`, and is refused if the list is empty. A peer
//! whose address is unknown is never trusted.

use ipnet::IpNet;

use super::error::NotAuthenticated;
use super::identity::{AuthMethod, Identity};
use super::peer_credentials::MetadataField;
use crate::model::{CallerId, PeerAddress};

/// Returns the claimed caller if the peer is trusted.
pub(super) fn trusted_caller(
    caller: MetadataField<'_>,
    peer: PeerAddress,
    trusted_proxies: &[IpNet],
) -> Result<Identity, NotAuthenticated> {
    if !is_trusted(peer, trusted_proxies) {
        return Err(NotAuthenticated::PeerNotTrusted);
    }
    claimed(caller)?.ok_or(NotAuthenticated::CallerMissing)
}

/// Returns the claimed caller of any peer, or the anonymous one without a claim.
pub(super) fn caller_or_anonymous(caller: MetadataField<'_>) -> Result<Identity, NotAuthenticated> {
    Ok(claimed(caller)?.unwrap_or_else(Identity::anonymous))
}

fn claimed(caller: MetadataField<'_>) -> Result<Option<Identity>, NotAuthenticated> {
    let name = match caller {
        MetadataField::Absent => return Ok(None),
        MetadataField::Repeated => None,
        MetadataField::Single(name) => std::str::from_utf8(name).ok(),
    };
    let caller = name.and_then(CallerId::new);
    let caller = caller.ok_or(NotAuthenticated::CallerMalformed)?;
    Ok(Some(Identity::new(caller, AuthMethod::Header)))
}

/// Whether the peer is on loopback, in a listed network, or inside this process.
fn is_trusted(peer: PeerAddress, trusted_proxies: &[IpNet]) -> bool {
    let peer = match peer {
        PeerAddress::Unknown => return false,
        PeerAddress::InProcess => return true,
        PeerAddress::Socket(peer) => peer.ip().to_canonical(),
    };
    peer.is_loopback()
        || trusted_proxies
            .iter()
            .any(|network| network.contains(&peer))
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn caller_at(peer: &str, trusted: &str) -> Result<String, NotAuthenticated> {
        let peer: IpAddr = peer.parse().unwrap();
        caller_from(PeerAddress::Socket((peer, 40_000).into()), trusted)
    }

    fn caller_from(peer: PeerAddress, trusted: &str) -> Result<String, NotAuthenticated> {
        let trusted: Vec<IpNet> = trusted
            .split_whitespace()
            .map(|one| one.parse().unwrap())
            .collect();
        let identity = trusted_caller(MetadataField::Single(b"payments"), peer, &trusted);
        identity.map(|identity| identity.caller.to_string())
    }

    #[test]
    fn only_loopback_and_listed_proxies_are_trusted() {
        let accepted = Ok("payments".to_owned());
        let refused = Err(NotAuthenticated::PeerNotTrusted);
        assert_eq!(caller_at("127.0.0.1", ""), accepted);
        assert_eq!(caller_at("::1", ""), accepted);
        assert_eq!(caller_at("::ffff:127.0.0.9", ""), accepted);
        assert_eq!(caller_at("10.1.2.3", ""), refused);
        assert_eq!(caller_at("10.1.2.3", "10.0.0.0/8"), accepted);
        assert_eq!(caller_at("::ffff:10.1.2.3", "10.1.2.3/32"), accepted);
        assert_eq!(caller_at("11.1.2.3", "10.0.0.0/8 fd00::/8"), refused);
        assert_eq!(caller_at("fd00::1", "10.0.0.0/8 fd00::/8"), accepted);
    }

    #[test]
    fn a_peer_with_an_unknown_address_is_not_trusted_and_an_in_memory_pipe_is() {
        let refused = Err(NotAuthenticated::PeerNotTrusted);
        assert_eq!(caller_from(PeerAddress::Unknown, ""), refused);
        assert_eq!(
            caller_from(PeerAddress::default(), "0.0.0.0/0 ::/0"),
            refused
        );
        assert_eq!(
            caller_from(PeerAddress::InProcess, ""),
            Ok("payments".to_owned())
        );
    }

    #[test]
    fn the_metadata_key_must_hold_one_valid_name() {
        let trusted = |caller| trusted_caller(caller, PeerAddress::InProcess, &[]);
        assert_eq!(
            trusted(MetadataField::Absent),
            Err(NotAuthenticated::CallerMissing)
        );
        for invalid in [
            MetadataField::Single(b""),
            MetadataField::Single(b"a b"),
            MetadataField::Single(b"\xff"),
            MetadataField::Repeated,
        ] {
            assert_eq!(trusted(invalid), Err(NotAuthenticated::CallerMalformed));
            let optional = caller_or_anonymous(invalid);
            assert_eq!(optional, Err(NotAuthenticated::CallerMalformed));
        }
        assert_eq!(
            caller_or_anonymous(MetadataField::Absent),
            Ok(Identity::anonymous())
        );
    }
}
