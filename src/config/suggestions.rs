//! The suggestion for an unknown key: the known keys that were most likely meant.
//!
//! The last segment decides first: by its words, by a synonym in [`SYNONYMS`], or by its
//! [edit distance](https://en.wikipedia.org/wiki/Damerau%E2%80%93Levenshtein_distance).
//! Keys of the same section come before others. For example, `quota.create.rate` has a
//! word of `quota.create.rate_per_second`, `quota.create.brust` has distance 1 from
//! `quota.create.burst`, and `port` is a synonym of `grpc.listen`.

use strsim::osa_distance;

use super::key_path::KeyPath;

/// Words of other programs, and the names of the keys that have their meaning.
const SYNONYMS: &[(&str, &[&str])] = &[
    (
        "rps qps tps limit rate rate_limit max_rate quota",
        &["rate_per_second"],
    ),
    ("port address addr bind host", &["listen"]),
    ("timeout", &["attempt_timeout", "default_deadline"]),
    ("deadline", &["default_deadline"]),
    ("attempts retries max_retries tries", &["max_attempts"]),
    ("backoff", &["base_delay", "max_delay"]),
    ("headroom utilization", &["target_utilization"]),
    ("queue queue_size max_queue", &["max_waiting"]),
    ("priority share", &["weight"]),
    ("endpoint endpoint_uri", &["endpoint_url"]),
    ("cert tls_cert crt", &["certificate"]),
    ("ca ca_file", &["client_ca"]),
    ("username", &["user"]),
    ("level log_level", &["filter"]),
    ("redis redis_url valkey", &["store.url"]),
    ("max_concurrency concurrency", &["max_concurrent_requests"]),
    ("drain drain_timeout", &["grace"]),
];

/// Returns the keys in `known` that `unknown` most likely meant. `known` is in the order of
/// the example file; of equally likely keys the first one counts.
pub(super) fn suggestions<'k>(unknown: &KeyPath, known: &[&'k KeyPath]) -> Vec<&'k KeyPath> {
    let (name, section) = (last(unknown), unknown.section());
    let siblings = known.iter().copied();
    let siblings: Vec<&KeyPath> = siblings.filter(|key| key.section() == section).collect();
    let same_section = by_meaning(name, &siblings);
    if !same_section.is_empty() {
        return same_section;
    }
    let text = unknown.to_string();
    let typo = if siblings.is_empty() {
        let limit = (text.len() / 4).clamp(1, 4);
        nearest(known, limit, |key| osa_distance(&text, &key.to_string()))
    } else {
        nearest(&siblings, name.len() / 4 + 1, |key| {
            osa_distance(name, last(key))
        })
    };
    typo.map_or_else(|| by_meaning(name, known), |key| vec![key])
}

fn nearest<'k>(
    known: &[&'k KeyPath],
    limit: usize,
    distance: impl Fn(&KeyPath) -> usize,
) -> Option<&'k KeyPath> {
    let distances = known.iter().map(|key| (distance(key), *key));
    let near = distances.filter(|(distance, _)| *distance <= limit);
    near.min_by_key(|(distance, _)| *distance)
        .map(|(_, key)| key)
}

/// Returns the key with the words of `name`, or a key for each of its meanings.
fn by_meaning<'k>(name: &str, known: &[&'k KeyPath]) -> Vec<&'k KeyPath> {
    let is_synonym = |names: &str| {
        names
            .split(' ')
            .any(|synonym| synonym.eq_ignore_ascii_case(name))
    };
    let meanings = SYNONYMS.iter().find(|(names, _)| is_synonym(names));
    let meanings = meanings.map_or(vec![name], |(_, meanings)| meanings.to_vec());
    meanings
        .iter()
        .filter_map(|meaning| by_words(meaning, known))
        .collect()
}

/// Returns the key that has the words of `name` and the fewest others.
fn by_words<'k>(name: &str, known: &[&'k KeyPath]) -> Option<&'k KeyPath> {
    let wanted = words(name);
    let has_words = |key: &&&KeyPath| {
        let text = if name.contains('.') {
            key.to_string()
        } else {
            last(key).to_owned()
        };
        let words = words(&text);
        !name.is_empty() && wanted.iter().all(|word| words.contains(word))
    };
    let named = known.iter().filter(has_words).copied();
    named.min_by_key(|key| words(last(key)).len())
}

/// Splits a name at `_` and `.`, without the plural.
fn words(name: &str) -> Vec<&str> {
    let words = name.split(['_', '.']);
    words
        .map(|word| word.strip_suffix('s').unwrap_or(word))
        .collect()
}

fn last(key: &KeyPath) -> &str {
    key.segments().last().map_or("", String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(unknown: &str) -> Option<String> {
        let known = [
            "grpc.listen",
            "grpc.default_deadline",
            "admin.listen",
            "upstream.attempt_timeout",
            "quota.create.rate_per_second",
            "quota.create.burst",
            "quota.results.rate_per_second",
            "quota.results.burst",
            "retry.max_attempts",
            "store.url",
            "store.timeout",
            "callers.payments.weight",
            "callers.payments.max_rate_per_second",
            "callers.payments.max_rate_mode",
            "profiles.kyc.s3_bucket",
        ]
        .map(KeyPath::dotted);
        let found = suggestions(&KeyPath::dotted(unknown), &known.each_ref());
        let found: Vec<String> = found.into_iter().map(ToString::to_string).collect();
        (!found.is_empty()).then(|| found.join(" or "))
    }

    #[test]
    fn a_misspelled_key_suggests_the_nearest_key() {
        for (unknown, expected) in [
            ("quota.create.brust", "quota.create.burst"),
            ("qouta.results.burst", "quota.results.burst"),
            ("quota_create_burst", "quota.create.burst"),
            ("store.urll", "store.url"),
            ("burst", "quota.create.burst"),
        ] {
            assert_eq!(meant(unknown).as_deref(), Some(expected), "{unknown}");
        }
    }

    #[test]
    fn a_word_or_a_synonym_of_the_last_segment_suggests_its_key() {
        let (create, payments) = ("quota.create.rate_per_second", "callers.payments");
        for (unknown, expected) in [
            ("quota.create.rate", create),
            ("quota.results.rate", "quota.results.rate_per_second"),
            ("rps", create),
            ("limit", create),
            ("rate", create),
            ("port", "grpc.listen"),
            ("admin.port", "admin.listen"),
            (
                "timeout",
                "upstream.attempt_timeout or grpc.default_deadline",
            ),
            ("upstream.timeout", "upstream.attempt_timeout"),
            ("attempts", "retry.max_attempts"),
            ("retry.retries", "retry.max_attempts"),
            ("redis", "store.url"),
            (
                "callers.payments.rate",
                &format!("{payments}.max_rate_per_second"),
            ),
            (
                "callers.payments.rps",
                &format!("{payments}.max_rate_per_second"),
            ),
            ("callers.payments.priority", &format!("{payments}.weight")),
            ("profiles.kyc.buckets", "profiles.kyc.s3_bucket"),
        ] {
            assert_eq!(meant(unknown).as_deref(), Some(expected), "{unknown}");
        }
    }

    #[test]
    fn a_key_unlike_any_other_gives_no_suggestion() {
        assert_eq!(meant("colour"), None);
        assert_eq!(meant("quota.create.colour"), None);
        assert_eq!(meant(""), None);
    }
}
