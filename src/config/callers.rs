//! The callers: `[callers.default]` for everyone, `[callers."NAME"]` for one, and
//! `[callers."FORM"]` for those whose names are of a form.
//!
//! A named caller takes nothing from `[callers.default]`, nor from a form: what its
//! section leaves out has the default that the example file gives, so the section
//! says all there is to say. An example: `max_waiting = 50` for the default and
//! `weight = 3` for `payments`. Of `payments` 1000 may wait, of others 50 each.

use std::collections::HashMap;

use super::key_path::KeyPath;
use super::permissions::grant;
use super::profiles::Profiles;
use super::reader::Reader;
use super::section::Section;
use super::sections::{HIGHEST_RATE, LEAST_RATE};
use crate::admission::{CallerLimits, QueueSettings, Weight};
use crate::auth::policy::{Permissions, Policy};
use crate::model::{CallerGlob, CallerGlobs, CallerId, MalformedGlob, PerCaller};

/// The most callers, and forms of names, with a section of their own.
const MOST_NAMED: usize = 1000;

/// The most callers kept apart. Each arrival looks at every caller of late.
const MOST_CALLERS: u32 = 10_000;

/// What one section says: for admission, and for the policy.
type CallerSection = (CallerLimits, Permissions);

/// What the sections with names say.
#[derive(Default)]
struct Sections {
    named: HashMap<CallerId, CallerSection>,
    globs: Vec<(CallerGlob, CallerSection)>,
}

/// Reads `[admission]` and everything below `[profiles]` and `[callers]`.
pub(super) fn callers(reader: &mut Reader) -> (QueueSettings, Policy) {
    let unset = QueueSettings::default();
    let mut admission = Section::new(reader, KeyPath::dotted("admission"));
    let max_callers = admission.count("max_callers", unset.max_callers, MOST_CALLERS);
    let max_waiting = admission.count("max_waiting", unset.max_waiting, 1_000_000);
    let profiles = Profiles::read(reader);
    let default = said(
        &mut Section::new(reader, KeyPath::dotted("callers.default")),
        &profiles,
    );
    let sections = sections(reader, &profiles);
    let queue = QueueSettings {
        limits: sections.per_caller(default.0, |said| said.0.clone(), reader),
        max_callers,
        max_waiting,
    };
    let policy = Policy {
        permissions: sections.per_caller(default.1, |said| said.1.clone(), reader),
        profiles: profiles.settings,
    };
    (queue, policy)
}

impl Sections {
    fn add(&mut self, name: &str, said: CallerSection) -> Result<(), MalformedGlob> {
        if CallerGlob::is_glob(name) {
            self.globs.push((CallerGlob::parse(name)?, said));
        } else {
            let caller = CallerId::new(name).ok_or(MalformedGlob::NoName)?;
            self.named.insert(caller, said);
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
        let named = named.map(|(caller, said)| (caller.clone(), part(said)));
        let globs = self.globs.iter();
        let globs = globs.map(|(glob, said)| (glob.clone(), part(said)));
        let globs = CallerGlobs::new(globs).unwrap_or_else(|error| {
            reader.refuse(&KeyPath::dotted("callers"), &error.to_string());
            CallerGlobs::default()
        });
        PerCaller {
            default,
            named: named.collect(),
            globs,
        }
    }
}

fn sections(reader: &mut Reader, profiles: &Profiles) -> Sections {
    let callers = KeyPath::dotted("callers");
    let mut names = reader.names_below(&callers);
    names.remove("default");
    if names.len() > MOST_NAMED {
        let problem = format!(
            "names {} callers, must be at most {MOST_NAMED}",
            names.len()
        );
        reader.refuse(&callers, &problem);
    }
    let mut sections = Sections::default();
    for name in names {
        let key = callers.child(&name);
        let said = said(&mut Section::new(reader, key.clone()), profiles);
        if let Err(wrong) = sections.add(&name, said) {
            reader.refuse(&key, &wrong.to_string());
        }
    }
    sections
}

fn said(at: &mut Section<'_>, profiles: &Profiles) -> CallerSection {
    (policy(at), grant(at, profiles))
}

fn policy(at: &mut Section<'_>) -> CallerLimits {
    let unset = CallerLimits::default();
    let weight = at.count(
        "weight",
        super::sections::count(unset.weight.get()),
        Weight::MAX,
    );
    CallerLimits {
        weight: Weight::new(weight.get()).unwrap_or(unset.weight),
        max_rate_per_second: at.optional_number("max_rate_per_second", LEAST_RATE, HIGHEST_RATE),
        max_waiting: at.count("max_waiting", unset.max_waiting, 100_000),
    }
}
