//! `[upstream]`: the AWS that sessions are created at.
//!
//! For example, `region = "us-east-1"` is valid, and `us-east` lacks its number.

use super::kind::{Visibility, time};
use super::section::Section;
use super::sections::{millis, seconds};
use super::text::{checked, parse_url};
use crate::upstream::aws::AwsSettings;

pub(super) fn upstream(section: &mut Section<'_>) -> AwsSettings {
    let region = checked("an AWS region, as in \"us-east-1\"", is_region);
    let region = region.visible(Visibility::Public);
    let endpoint = "an http or https URL with a host and no user, query or fragment, as in \
        \"http://127.0.0.1:9900\"";
    let role = checked(
        "the ARN of an IAM role, as in \"arn:aws:iam::111122223333:role/livegate\"",
        is_role,
    );
    let timeout = &time(millis(10)..=seconds(60));
    AwsSettings {
        region: section.read("region", "us-east-1".to_owned(), &region),
        endpoint_url: section.optional("endpoint_url", &checked(endpoint, is_endpoint)),
        use_fips: section.flag("use_fips", false),
        use_dual_stack: section.flag("use_dual_stack", false),
        role_arn: section.optional("role_arn", &role),
        attempt_timeout: section.read("attempt_timeout", seconds(3), timeout),
    }
}

/// Returns whether `text` is at least two words and a number, as in `us-gov-west-1`.
fn is_region(text: &str) -> bool {
    let Some((words, number)) = text.rsplit_once('-') else {
        return false;
    };
    let is_word =
        |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    (1..=2).contains(&number.len())
        && number.bytes().all(|byte| byte.is_ascii_digit())
        && words.contains('-')
        && words.split('-').all(is_word)
}

fn is_role(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let [_, partition, service, region, account, resource] = parts[..] else {
        return false;
    };
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    let is_arn = text.starts_with("arn:aws") && partition.len() <= 16 && text.len() <= 2048;
    is_arn && (service, region) == ("iam", "") && is_account && resource.starts_with("role/")
}

fn is_endpoint(text: &str) -> bool {
    parse_url(text)
        .is_some_and(|url| ["http", "https"].contains(&url.scheme()) && url.query().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_words_and_a_number() {
        for valid in ["us-east-1", "ap-southeast-2", "us-gov-west-1"] {
            assert!(is_region(valid), "{valid}");
        }
        for invalid in [
            "",
            "us",
            "us-1",
            "us-east",
            "US-EAST-1",
            "us--1",
            "us-east-1a",
            "us-east-100",
        ] {
            assert!(!is_region(invalid), "{invalid}");
        }
    }

    #[test]
    fn an_endpoint_is_an_http_url_with_a_host() {
        for valid in [
            "http://127.0.0.1:9900",
            "https://vpce-1.amazonaws.com",
            "http://[::1]:80/x",
        ] {
            assert!(is_endpoint(valid), "{valid}");
        }
        for invalid in [
            "",
            "/",
            "host:80",
            "127.0.0.1:9900",
            "ftp://host",
            "http://",
            "http://:80",
            "http://h:",
            "http://h:99999",
            "http://me:pass@h",
            "http://h?q",
            "http://h#f",
            "http://h/é",
        ] {
            assert!(!is_endpoint(invalid), "{invalid}");
        }
    }
}
