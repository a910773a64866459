//! An encoding of several values as bytes, to hash or to sign.

/// Joins `parts`, each prefixed with its length, so that two different lists never give the
/// same bytes.
pub fn length_prefixed<'p>(parts: impl IntoIterator<Item = &'p [u8]>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256);
    for part in parts {
        bytes.extend((part.len() as u64).to_be_bytes());
        bytes.extend(part);
    }
    bytes
}
