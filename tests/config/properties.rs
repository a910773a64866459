//! Properties: no input makes the loader panic, and a loaded configuration reads back.

use std::time::Duration;

use livegate::config::{Config, Sources};
use proptest::prelude::*;

use super::{from, sources};

proptest! {
    #[test]
    fn no_text_makes_the_loader_panic(text in "\\PC*|([a-z\\[\\]\"'.={}#\n\r\t0-9-]|quota|callers|default|\u{e9}){0,60}") {
        let _ = Config::from_text(&text).map_err(|errors| errors.to_string());
    }

    #[test]
    fn no_setting_or_variable_makes_the_loader_panic(
        set in proptest::collection::vec("(callers|quota\\.create|grpc)?[.\"'=a-z\\PC\n]{0,20}(=\\PC{0,9})?", 0..4),
        name in "(LIVEGATE_)?[A-Za-z_\\PC]{0,20}",
        value in "\\PC*",
    ) {
        let given = Sources { file: None, environment: vec![(name, value)], set };
        if let Err(errors) = Config::load(&given) {
            prop_assert_eq!(errors.to_string().lines().count(), errors.iter().count());
        }
    }

    #[test]
    fn every_configuration_that_loads_prints_and_reads_back(
        rate in 0.001..10_000.0_f64, burst in 1..=10_000_u32, wait in 0..=180_000_000_u64,
        name in "[!-~]{1,128}", weight in 1..=100_u32,
    ) {
        // `**` is valid only as a whole segment.
        let name = name.replace("**", "*");
        prop_assume!(!name.contains("**"));
        let given = sources(&[], &[
            &format!("quota.create.rate_per_second={rate}"),
            &format!("quota.create.burst={burst}"),
            &format!("quota.create.max_wait={wait}us"),
            &format!("callers.{}.weight={weight}", toml_key(&name)),
        ]);
        let loaded = Config::load(&given).expect("all values are in bounds");
        prop_assert_eq!(&from(&loaded.to_toml()).config, &loaded.config);
        prop_assert_eq!(loaded.config.create_quota.max_wait, Duration::from_micros(wait));
    }
}

fn toml_key(name: &str) -> String {
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}
