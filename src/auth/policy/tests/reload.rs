//! A policy that a reload replaces.

use super::*;

#[test]
fn a_new_policy_applies_from_the_next_call_on_and_the_default_permission_stays() {
    let authorizer = Authorizer::new(Policy::default(), DefaultPermission::Deny);
    let clone = authorizer.clone();
    let check = || clone.permissions(&caller("a")).check(Operation::Results);
    let earlier = clone.permissions(&caller("a"));
    assert!(check().is_err());
    let default = Permissions {
        allow: Some(vec![Operation::Results]),
        ..Permissions::default()
    };
    authorizer.apply(Policy {
        permissions: default.into(),
        ..Policy::default()
    });
    assert!(check().is_ok());
    let refused = earlier.check(Operation::Results);
    assert!(refused.is_err(), "a request keeps its permissions");
    authorizer.apply(Policy::default());
    assert!(check().is_err());
}

proptest! {
    #[test]
    fn a_prefix_is_allowed_if_it_begins_with_a_listed_one(
        listed in proptest::collection::vec("[ab/]{1,3}", 1..4), sent in "[ab/]{1,6}",
    ) {
        let prefixes = listed.iter().map(|one| S3KeyPrefix::parse(one).expect("a prefix"));
        let permissions = Permissions { prefixes: Some(prefixes.collect()), ..Permissions::default() };
        let expected = listed.iter().any(|one| sent.starts_with(one.as_str()));
        prop_assert_eq!(refused(&permissions, storing(Some(&sent))).is_empty(), expected);
    }
}
