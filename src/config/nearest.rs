//! Which key was meant by one that does not exist.
//!
//! The measure is the number of letters to add, drop or change. An example:
//! `quota.create.brust` is 2 away from `quota.create.burst`, and 2 is within a
//! quarter of its 18 letters, so that key was meant. `burst` alone is 13 away
//! from it, but ends as it does: also meant, unless something is nearer.

use super::key_path::KeyPath;

/// The key of `known` that `unknown` most likely meant.
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

/// The first key in order that has the last segment of `unknown`.
fn same_ending<'k>(
    unknown: &KeyPath,
    known: impl Iterator<Item = &'k KeyPath>,
) -> Option<&'k KeyPath> {
    known
        .filter(|key| key.segments().last() == unknown.segments().last())
        .min()
}

/// The Levenshtein distance of two texts, where it is at most `limit`.
fn distance_within(limit: usize, left: &str, right: &str) -> Option<usize> {
    if left.len().abs_diff(right.len()) > limit {
        return None;
    }
    // `row[i]` is the distance of what was read of `left` from `right[..i]`.
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
    fn a_misspelt_key_finds_the_one_that_was_meant() {
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
    fn nothing_is_guessed_for_a_key_like_no_other() {
        assert_eq!(meant("colour"), None);
        assert_eq!(meant(""), None);
    }

    #[test]
    fn the_distance_counts_letters_added_dropped_or_changed() {
        assert_eq!(distance_within(9, "kitten", "sitting"), Some(3));
        assert_eq!(distance_within(2, "kitten", "sitting"), None);
        assert_eq!(distance_within(0, "same", "same"), Some(0));
    }
}
