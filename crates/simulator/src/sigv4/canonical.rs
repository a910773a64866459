//! The canonical request of Signature Version 4, which client and server hash.

use sha2::{Digest as _, Sha256};

use super::{SignedRequest, encode_hex};

/// Returns the canonical request: method, path, query, signed headers and body hash.
///
/// The path is URI-encoded a second time, as for every service except S3. Dot segments
/// are not removed, because the server accepts only `/`.
pub(super) fn request(request: &SignedRequest<'_>, signed_headers: &[&str]) -> String {
    let headers: String = signed_headers
        .iter()
        .map(|name| format!("{name}:{}\n", header(request.headers, name)))
        .collect();
    [
        request.method,
        &encode(request.path.as_bytes(), b"/"),
        &query(request.query),
        &headers,
        &signed_headers.join(";"),
        &encode_hex(&Sha256::digest(request.body)),
    ]
    .join("\n")
}

/// Returns the values of a header, joined by commas, with sequential spaces collapsed.
fn header(headers: &http::HeaderMap, name: &str) -> String {
    let values = headers.get_all(name).iter().map(|value| {
        let text = String::from_utf8_lossy(value.as_bytes());
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    });
    values.collect::<Vec<_>>().join(",")
}

/// Returns the encoded parameters in order, without the signature of a presigned URL.
fn query(query: &str) -> String {
    let mut pairs: Vec<_> = pairs(query)
        .map(|(name, value)| (encode(&name, b""), encode(&value, b"")))
        .filter(|(name, _)| name != "X-Amz-Signature")
        .collect();
    pairs.sort();
    let pairs = pairs.iter().map(|(name, value)| format!("{name}={value}"));
    pairs.collect::<Vec<_>>().join("&")
}

/// Returns the decoded parameters of a query.
pub(crate) fn parameters(query: &str) -> Vec<(String, String)> {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    pairs(query)
        .map(|(name, value)| (text(name), text(value)))
        .collect()
}

fn pairs(query: &str) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name), decode(value))
    })
}

fn encode(bytes: &[u8], kept: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) || kept.contains(byte) {
            out.push(char::from(*byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn decode(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        let escaped = after
            .get(..2)
            .filter(|_| *byte == b'%')
            .and_then(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
        rest = if escaped.is_some() {
            &after[2..]
        } else {
            after
        };
        out.push(escaped.unwrap_or(*byte));
    }
    out
}
