//! The callers: `[callers.default]` for everyone, `[callers."NAME"]` for one.
//!
//! A named caller takes nothing from `[callers.default]`: what its section
//! leaves out has the default that the example file gives, so the section says
//! all there is to say. An example: `max_waiting = 50` for the default and
//! `weight = 3` for `payments`. Of `payments` 1000 may wait, of others 50 each.

use std::collections::HashMap;

use super::key::Key;
use super::reader::Reader;
use super::section::Section;
use super::sections::{HIGHEST_RATE, LEAST_RATE};
use crate::admission::{CallerPolicies, CallerPolicy, Weight};
use crate::session::words::CallerId;

/// The most callers with a section of their own.
const MOST_NAMED: usize = 1000;

/// The most callers kept apart. Each arrival looks at every caller of late.
const MOST_CALLERS: u32 = 10_000;

/// Reads `[admission]` and everything below `[callers]`.
pub(super) fn policies(reader: &mut Reader) -> CallerPolicies {
    let unset = CallerPolicies::default();
    let mut admission = Section::new(reader, Key::dotted("admission"));
    let max_callers = admission.count("max_callers", unset.max_callers, MOST_CALLERS);
    let max_waiting = admission.count("max_waiting", unset.max_waiting, 1_000_000);
    let default = policy(&mut Section::new(reader, Key::dotted("callers.default")));
    CallerPolicies {
        default,
        named: named(reader),
        max_callers,
        max_waiting,
    }
}

fn named(reader: &mut Reader) -> HashMap<CallerId, CallerPolicy> {
    let callers = Key::dotted("callers");
    let mut names = reader.names_below(&callers);
    names.remove("default");
    if names.len() > MOST_NAMED {
        let problem = format!(
            "names {} callers, must be at most {MOST_NAMED}",
            names.len()
        );
        reader.refuse(&callers, &problem);
    }
    let mut named = HashMap::new();
    for name in names {
        let key = callers.child(&name);
        let policy = policy(&mut Section::new(reader, key.clone()));
        match CallerId::new(&name) {
            Some(caller) => drop(named.insert(caller, policy)),
            None => reader.refuse(
                &key,
                "a caller's name must be 1 to 128 printable ASCII characters, without spaces",
            ),
        }
    }
    named
}

fn policy(at: &mut Section<'_>) -> CallerPolicy {
    let unset = CallerPolicy::default();
    let weight = at.count(
        "weight",
        super::sections::count(unset.weight.get()),
        Weight::MAX,
    );
    CallerPolicy {
        weight: Weight::new(weight.get()).unwrap_or(unset.weight),
        max_rate_per_second: at.optional_number("max_rate_per_second", LEAST_RATE, HIGHEST_RATE),
        max_waiting: at.count("max_waiting", unset.max_waiting, 100_000),
    }
}
