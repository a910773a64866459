//! The callers: `[callers.default]` for all, `[callers."NAME"]` for one caller, and
//! `[callers."PATTERN"]` for the callers whose names match a glob pattern.
//!
//! A named caller inherits nothing from `[callers.default]` or from a pattern: a key
//! that its section leaves out has the default of the example file, so the section is
//! complete in itself. For example, with `max_waiting = 50` in `[callers.default]` and
//! `weight = 3` in `[callers.payments]`, 1000 requests of `payments` may wait, and 50 of
//! each other caller.

use std::collections::HashMap;

use super::key_path::KeyPath;
use super::kind::{count, integer};
use super::permissions::permissions;
use super::profiles::{self, Profiles};
use super::reader::Reader;
use super::section::Section;
use super::sections::rate;
use super::text::choice;
use crate::admission::{CallerLimits, MaxRateMode, QueueSettings, Weight};
use crate::auth::policy::{Permissions, Policy};
use crate::model::{CallerGlob, CallerGlobs, CallerId, MalformedGlob, PerCaller};

/// The most caller sections: names and patterns together.
const MAX_NAMED: usize = 1000;

/// The upper bound of `max_callers`. Each arriving request looks at every recently
/// seen caller.
const MAX_CALLERS: u32 = 10_000;

const MODES: [(&str, MaxRateMode); 2] = [
    ("enforce", MaxRateMode::Enforce),
    ("shadow", MaxRateMode::Shadow),
];

/// One section: the limits for admission, and the permissions for the policy.
struct CallerSection {
    limits: CallerLimits,
    permissions: Permissions,
}

/// Reads `[admission]` and everything below `[profiles]` and `[callers]`.
pub(super) fn callers(reader: &mut Reader) -> (QueueSettings, Policy) {
    let defaults = QueueSettings::default();
    let admission = &mut Section::of(reader, "admission");
    let max_callers = admission.read("max_callers", defaults.max_callers, &count(MAX_CALLERS));
    let max_waiting = admission.read("max_waiting", defaults.max_waiting, &count(1_000_000));
    let profiles = profiles::read(reader);
    let sections = caller_sections(reader, &profiles);
    let queue = QueueSettings {
        limits: sections.map(|section| section.limits.clone()),
        max_callers,
        max_waiting,
    };
    let policy = Policy {
        permissions: sections.map(|section| section.permissions.clone()),
        profiles,
    };
    (queue, policy)
}

fn caller_sections(reader: &mut Reader, profiles: &Profiles) -> PerCaller<CallerSection> {
    let callers = KeyPath::dotted("callers");
    let default = caller_section(reader, &callers.child("default"), profiles);
    let mut names = reader.names_below(&callers);
    names.remove("default");
    reader.limit_names(&callers, &names, MAX_NAMED, "caller sections");
    let (mut named, mut globs) = (HashMap::new(), Vec::new());
    for name in names {
        let key = callers.child(&name);
        let section = caller_section(reader, &key, profiles);
        let added = if CallerGlob::is_glob(&name) {
            CallerGlob::parse(&name).map(|glob| globs.push((glob, section)))
        } else {
            let caller = CallerId::new(&name).ok_or(MalformedGlob::InvalidName);
            caller.map(|caller| drop(named.insert(caller, section)))
        };
        if let Err(malformed) = added {
            reader.reject_section(&key, &malformed.to_string());
        }
    }
    let globs = CallerGlobs::new(globs).unwrap_or_else(|error| {
        reader.reject_section(&callers, &error.to_string());
        CallerGlobs::default()
    });
    PerCaller {
        default,
        named,
        globs,
    }
}

fn caller_section(reader: &mut Reader, key: &KeyPath, profiles: &Profiles) -> CallerSection {
    let section = &mut Section::new(reader, key.clone());
    CallerSection {
        limits: limits(section),
        permissions: permissions(section, profiles),
    }
}

fn limits(section: &mut Section<'_>) -> CallerLimits {
    let defaults = CallerLimits::default();
    let weight = section.read("weight", defaults.weight.get(), &integer(1..=Weight::MAX));
    CallerLimits {
        weight: Weight::new(weight).unwrap_or(defaults.weight),
        max_rate_per_second: section.optional("max_rate_per_second", &rate()),
        max_rate_mode: section.read("max_rate_mode", defaults.max_rate_mode, &choice(&MODES)),
        max_waiting: section.read("max_waiting", defaults.max_waiting, &count(100_000)),
    }
}
