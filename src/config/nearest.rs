//! The suggestion for an unknown key: the known key that was most likely meant.
//!
//! The measure is the [Levenshtein distance](https://en.wikipedia.org/wiki/Levenshtein_distance),
//! limited to a quarter of the key's length and to 4. For example, `quota.create.brust` has distance
//! 2 from `quota.create.burst` and a limit of 4. If no key is that close, a key with the
//! same last segment is suggested: `quota.create.burst` for `burst`.

use super::key_path::KeyPath;

/// Returns the key in `known` that `unknown` most likely meant.
pub(super) fn nearest<'k>(
    unknown: &KeyPath,
    known: impl Iterator<Item = &'k KeyPath> + Clone,
) -> Option<&'k KeyPath> {
    let text = unknown.to_string();
    let limit = (text.len() / 4).clamp(1, 4);
    let close = known
        .clone()
        .filter_map(|key| Some((distance_within(limit, &text, &key.to_string())?, key)))
        .min();
    close
        .map(|(_, key)| key)
        .or_else(|| same_ending(unknown, known))
}

/// Returns the first key in order with the same last segment as `unknown`.
fn same_ending<'k>(
    unknown: &KeyPath,
    known: impl Iterator<Item = &'k KeyPath>,
) -> Option<&'k KeyPath> {
    known
        .filter(|key| key.segments().last() == unknown.segments().last())
        .min()
}

/// Returns the Levenshtein distance of two strings, if it is at most `limit`.
fn distance_within(limit: usize, left: &str, right: &str) -> Option<usize> {
    if left.len().abs_diff(right.len()) > limit {
        return None;
    }
    // `row[i]` is the distance between the bytes of `left` read so far and `right[..i]`.
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (read, letter) in left.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = read + 1;
        for (at, other) in right.bytes().enumerate() {
            let changed = diagonal + usize::from(letter != other);
            diagonal = row[at + 1];
            row[at + 1] = changed.min(diagonal + 1).min(row[at] + 1);
        }
    }
    row.last().copied().filter(|distance| *distance <= limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(unknown: &str) -> Option<String> {
        let known =
            ["grpc.listen", "quota.create.burst", "quota.results.burst"].map(KeyPath::dotted);
        nearest(&KeyPath::dotted(unknown), known.iter()).map(ToString::to_string)
    }

    #[test]
    fn a_misspelled_key_suggests_the_nearest_key() {
        assert_eq!(
            meant("quota.create.brust").as_deref(),
            Some("quota.create.burst")
        );
        assert_eq!(
            meant("qouta.results.burst").as_deref(),
            Some("quota.results.burst")
        );
        assert_eq!(
            meant("quota_create_burst").as_deref(),
            Some("quota.create.burst")
        );
        assert_eq!(meant("burst").as_deref(), Some("quota.create.burst"));
    }

    #[test]
    fn a_key_unlike_any_other_gives_no_suggestion() {
        assert_eq!(meant("colour"), None);
        assert_eq!(meant(""), None);
    }

    #[test]
    fn the_distance_counts_added_removed_and_changed_letters() {
        assert_eq!(distance_within(9, "kitten", "sitting"), Some(3));
        assert_eq!(distance_within(2, "kitten", "sitting"), None);
        assert_eq!(distance_within(0, "same", "same"), Some(0));
    }
}
