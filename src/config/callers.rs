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
use super::profiles::Profiles;
use super::reader::Reader;
use super::section::Section;
use super::sections::rate;
use crate::admission::{CallerLimits, QueueSettings, Weight};
use crate::auth::policy::{Permissions, Policy};
use crate::model::{CallerGlob, CallerGlobs, CallerId, MalformedGlob, PerCaller};

/// The most caller sections: names and patterns together.
const MAX_NAMED: usize = 1000;

/// The upper bound of `max_callers`. Each arriving request looks at every recently
/// seen caller.
const MAX_CALLERS: u32 = 10_000;

/// One section: the limits for admission, and the permissions for the policy.
struct CallerSection {
    limits: CallerLimits,
    permissions: Permissions,
}

/// All sections but `[callers.default]`.
#[derive(Default)]
struct CallerSections {
    named: HashMap<CallerId, CallerSection>,
    globs: Vec<(CallerGlob, CallerSection)>,
}

/// Reads `[admission]` and everything below `[profiles]` and `[callers]`.
pub(super) fn callers(reader: &mut Reader) -> (QueueSettings, Policy) {
    let defaults = QueueSettings::default();
    let admission = &mut Section::of(reader, "admission");
    let max_callers = admission.read("max_callers", defaults.max_callers, &count(MAX_CALLERS));
    let max_waiting = admission.read("max_waiting", defaults.max_waiting, &count(1_000_000));
    let profiles = Profiles::read(reader);
    let default = caller_section(&mut Section::of(reader, "callers.default"), &profiles);
    let sections = named_sections(reader, &profiles);
    let queue = QueueSettings {
        limits: sections.per_caller(default.limits, |caller| caller.limits.clone(), reader),
        max_callers,
        max_waiting,
    };
    let policy = Policy {
        permissions: sections.per_caller(
            default.permissions,
            |caller| caller.permissions.clone(),
            reader,
        ),
        profiles: profiles.settings,
    };
    (queue, policy)
}

impl CallerSections {
    fn add(&mut self, name: &str, section: CallerSection) -> Result<(), MalformedGlob> {
        if CallerGlob::is_glob(name) {
            self.globs.push((CallerGlob::parse(name)?, section));
        } else {
            let caller = CallerId::new(name).ok_or(MalformedGlob::InvalidName)?;
            self.named.insert(caller, section);
        }
        Ok(())
    }

    fn per_caller<T>(
        &self,
        default: T,
        part: impl Fn(&CallerSection) -> T,
        reader: &mut Reader,
    ) -> PerCaller<T> {
        let named = self.named.iter();
        let named = named.map(|(caller, section)| (caller.clone(), part(section)));
        let globs = self.globs.iter();
        let globs = globs.map(|(glob, section)| (glob.clone(), part(section)));
        let globs = CallerGlobs::new(globs).unwrap_or_else(|error| {
            reader.reject_section(&KeyPath::dotted("callers"), &error.to_string());
            CallerGlobs::default()
        });
        PerCaller {
            default,
            named: named.collect(),
            globs,
        }
    }
}

fn named_sections(reader: &mut Reader, profiles: &Profiles) -> CallerSections {
    let callers = KeyPath::dotted("callers");
    let mut names = reader.names_below(&callers);
    names.remove("default");
    if names.len() > MAX_NAMED {
        let problem = format!(
            "has {} caller sections, must be at most {MAX_NAMED}",
            names.len()
        );
        reader.reject_section(&callers, &problem);
    }
    let mut sections = CallerSections::default();
    for name in names {
        let key = callers.child(&name);
        let caller = caller_section(&mut Section::new(reader, key.clone()), profiles);
        if let Err(malformed) = sections.add(&name, caller) {
            reader.reject_section(&key, &malformed.to_string());
        }
    }
    sections
}

fn caller_section(section: &mut Section<'_>, profiles: &Profiles) -> CallerSection {
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
        max_waiting: section.read("max_waiting", defaults.max_waiting, &count(100_000)),
    }
}
