//! Authentication by the metadata key `livegate-caller`.
//!
//! For example, `livegate-caller: payments` from 10.0.0.7 is the caller `payments` if
//! `trusted_proxies` contains `10.0.0.0/8`, and is refused if the list is empty. A peer
//! whose address is unknown is never trusted.

use ipnet::IpNet;

use super::error::NotAuthenticated;
use super::identity::{AuthMethod, Identity};
use super::peer_credentials::{MetadataField, Origin};
use crate::model::CallerId;

/// Returns the claimed caller if the peer is trusted.
pub(super) fn trusted_caller(
    caller: MetadataField<'_>,
    origin: Origin,
    trusted_proxies: &[IpNet],
) -> Result<Identity, NotAuthenticated> {
    if !is_trusted(origin, trusted_proxies) {
        return Err(NotAuthenticated::PeerNotTrusted);
    }
    match caller {
        MetadataField::Absent => Err(NotAuthenticated::CallerMissing),
        MetadataField::Repeated => Err(NotAuthenticated::CallerMalformed),
        MetadataField::Single(name) => identity(name),
    }
}

/// Returns the claimed caller of any peer, or the anonymous one without a claim.
pub(super) fn caller_or_anonymous(caller: MetadataField<'_>) -> Result<Identity, NotAuthenticated> {
    match caller {
        MetadataField::Absent => Ok(Identity::anonymous()),
        MetadataField::Repeated => Err(NotAuthenticated::CallerMalformed),
        MetadataField::Single(name) => identity(name),
    }
}

fn identity(name: &[u8]) -> Result<Identity, NotAuthenticated> {
    let name = std::str::from_utf8(name).ok();
    let caller = name.and_then(CallerId::new);
    let caller = caller.ok_or(NotAuthenticated::CallerMalformed)?;
    Ok(Identity::new(caller, AuthMethod::Header))
}

/// Whether the peer is on loopback, in a listed network, or inside this process.
fn is_trusted(origin: Origin, trusted_proxies: &[IpNet]) -> bool {
    let peer = match origin {
        Origin::Unknown => return false,
        Origin::Pipe => return true,
        Origin::Address(peer) => peer.ip().to_canonical(),
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
        caller_from(Origin::Address((peer, 40_000).into()), trusted)
    }

    fn caller_from(origin: Origin, trusted: &str) -> Result<String, NotAuthenticated> {
        let trusted: Vec<IpNet> = trusted
            .split_whitespace()
            .map(|one| one.parse().unwrap())
            .collect();
        let identity = trusted_caller(MetadataField::Single(b"payments"), origin, &trusted);
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
        assert_eq!(caller_from(Origin::Unknown, ""), refused);
        assert_eq!(caller_from(Origin::default(), "0.0.0.0/0 ::/0"), refused);
        assert_eq!(caller_from(Origin::Pipe, ""), Ok("payments".to_owned()));
    }

    #[test]
    fn the_metadata_key_must_hold_one_valid_name() {
        let trusted = |caller| trusted_caller(caller, Origin::Pipe, &[]);
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
