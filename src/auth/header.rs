//! The caller as a metadata key names it.
//!
//! An example: `livegate-caller: payments` from 10.0.0.7 is `payments` where
//! `trusted_proxies` has `10.0.0.0/8`, and nobody where it has nothing. From a peer
//! whose address nobody knows it is nobody whatever is trusted.

use ipnet::IpNet;

use super::evidence::{MetadataField, Origin};
use super::failure::NotAuthenticated;
use super::identity::{AuthMethod, Identity};
use crate::model::CallerId;

/// Who calls, by the word of a peer that is believed.
pub(super) fn claimed(
    named: MetadataField<'_>,
    origin: Origin,
    trusted: &[IpNet],
) -> Result<Identity, NotAuthenticated> {
    if !is_believed(origin, trusted) {
        return Err(NotAuthenticated::PeerNotTrusted);
    }
    match named {
        MetadataField::Nothing => Err(NotAuthenticated::CallerMissing),
        MetadataField::Repeatedly => Err(NotAuthenticated::CallerMalformed),
        MetadataField::Once(name) => identity(name),
    }
}

/// Who calls, if it says so.
pub(super) fn claimed_or_anonymous(named: MetadataField<'_>) -> Result<Identity, NotAuthenticated> {
    match named {
        MetadataField::Nothing => Ok(Identity::anonymous()),
        MetadataField::Repeatedly => Err(NotAuthenticated::CallerMalformed),
        MetadataField::Once(name) => identity(name),
    }
}

fn identity(name: &[u8]) -> Result<Identity, NotAuthenticated> {
    let name = std::str::from_utf8(name).ok();
    let caller = name.and_then(CallerId::new);
    let caller = caller.ok_or(NotAuthenticated::CallerMalformed)?;
    Ok(Identity::new(caller, AuthMethod::Header))
}

/// A pipe inside the process is nearer than loopback.
fn is_believed(origin: Origin, trusted: &[IpNet]) -> bool {
    let peer = match origin {
        Origin::Unknown => return false,
        Origin::Pipe => return true,
        Origin::Address(peer) => peer.ip().to_canonical(),
    };
    peer.is_loopback() || trusted.iter().any(|network| network.contains(&peer))
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn told(peer: &str, trusted: &str) -> Result<String, NotAuthenticated> {
        let peer: IpAddr = peer.parse().unwrap();
        told_from(Origin::Address((peer, 40_000).into()), trusted)
    }

    fn told_from(origin: Origin, trusted: &str) -> Result<String, NotAuthenticated> {
        let trusted: Vec<IpNet> = trusted
            .split_whitespace()
            .map(|one| one.parse().unwrap())
            .collect();
        let known = claimed(MetadataField::Once(b"payments"), origin, &trusted);
        known.map(|identity| identity.caller.to_string())
    }

    #[test]
    fn only_loopback_and_listed_peers_are_believed() {
        let believed = Ok("payments".to_owned());
        let refused = Err(NotAuthenticated::PeerNotTrusted);
        assert_eq!(told("127.0.0.1", ""), believed);
        assert_eq!(told("::1", ""), believed);
        assert_eq!(told("::ffff:127.0.0.9", ""), believed);
        assert_eq!(told("10.1.2.3", ""), refused);
        assert_eq!(told("10.1.2.3", "10.0.0.0/8"), believed);
        assert_eq!(told("::ffff:10.1.2.3", "10.1.2.3/32"), believed);
        assert_eq!(told("11.1.2.3", "10.0.0.0/8 fd00::/8"), refused);
        assert_eq!(told("fd00::1", "10.0.0.0/8 fd00::/8"), believed);
    }

    #[test]
    fn a_peer_whose_address_nobody_knows_is_not_believed_and_our_own_pipe_is() {
        let refused = Err(NotAuthenticated::PeerNotTrusted);
        assert_eq!(told_from(Origin::Unknown, ""), refused);
        assert_eq!(told_from(Origin::default(), "0.0.0.0/0 ::/0"), refused);
        assert_eq!(told_from(Origin::Pipe, ""), Ok("payments".to_owned()));
    }

    #[test]
    fn a_name_must_be_there_once_and_fit() {
        let claimed = |named| claimed(named, Origin::Pipe, &[]);
        assert_eq!(
            claimed(MetadataField::Nothing),
            Err(NotAuthenticated::CallerMissing)
        );
        for wrong in [
            MetadataField::Once(b""),
            MetadataField::Once(b"a b"),
            MetadataField::Once(b"\xff"),
            MetadataField::Repeatedly,
        ] {
            assert_eq!(claimed(wrong), Err(NotAuthenticated::CallerMalformed));
            let optional = claimed_or_anonymous(wrong);
            assert_eq!(optional, Err(NotAuthenticated::CallerMalformed));
        }
        assert_eq!(
            claimed_or_anonymous(MetadataField::Nothing),
            Ok(Identity::anonymous())
        );
    }
}
