//! The page at `/`, which shows `/status` and refreshes it every second.
//!
//! Its content security policy permits only its own script and style, by their hashes, and
//! requests to this port. So a name that a caller chose cannot run as a script.

use axum::http::{HeaderName, header};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};

/// The page, which needs no other file.
pub(super) const PAGE: &str = include_str!("page.html");

/// Returns the headers of the page.
pub(super) fn headers() -> [(HeaderName, String); 4] {
    let (script, style) = (hash("script"), hash("style"));
    let policy = format!(
        "default-src 'none'; script-src 'sha256-{script}'; style-src 'sha256-{style}'; \
         connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    );
    [
        (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ]
}

/// Returns the hash of the one inline element with the tag, as a
/// [policy](https://www.w3.org/TR/CSP3/#external-hash) names it.
fn hash(tag: &str) -> String {
    let (start, end) = (format!("<{tag}>"), format!("</{tag}>"));
    let content = PAGE
        .split_once(&start)
        .and_then(|(_, rest)| rest.split_once(&end));
    let (content, _) = content.expect("the page has the element");
    BASE64_STANDARD.encode(Sha256::digest(content))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_small_and_writes_text_only() {
        assert!(PAGE.len() < 40_000, "{} bytes", PAGE.len());
        for unsafe_use in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "://",
        ] {
            assert!(!PAGE.contains(unsafe_use), "{unsafe_use}");
        }
        for tag in ["script", "style"] {
            assert_eq!(PAGE.matches(&format!("<{tag}")).count(), 1, "one <{tag}>");
        }
    }
}
