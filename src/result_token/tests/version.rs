//! Tokens of this format version stay valid in later releases; those of others are rejected.

use super::*;

/// Another program computed the token in the file from the module's description.
#[test]
fn the_token_format_is_stable_between_releases() {
    let file = format!("tests/compat/result-token-{VERSION}.txt");
    let golden = std::fs::read_to_string(file).expect("the file of this version");
    let golden = ResultToken::presented(golden.trim_end());
    assert_eq!(verify(&golden, &valid_parts()), Ok(()));
    assert_eq!(issued().expose(), golden.expose());
}

#[test]
fn an_authentic_token_of_another_version_is_rejected() {
    let parts = valid_parts();
    for (version, expected) in [(VERSION, Ok(())), (VERSION + 1, Err(TokenRejected))] {
        let mut head = head(key(1).id(), ISSUED + 180);
        head[0] = version;
        let tag = key(1).tag(&parts.binding().encode(&head));
        let bytes = [head.as_slice(), tag.as_slice()].concat();
        let token = ResultToken(BASE64_URL_SAFE_NO_PAD.encode(bytes));
        assert_eq!(verify(&token, &parts), expected, "{version}");
    }
}
