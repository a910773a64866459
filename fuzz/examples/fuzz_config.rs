//! Any text as a configuration: it is one, and stays the same one when it is written
//! out and read again; or its mistakes are told, each on one line.
#![no_main]

use livegate::config::Config;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    match Config::from_text(text) {
        Ok(loaded) => {
            let again = Config::from_text(&loaded.to_toml()).expect("what it writes, it reads");
            assert_eq!(again.config, loaded.config);
        }
        Err(mistakes) => {
            assert!(mistakes.iter().count() > 0, "refused for no mistake");
            for mistake in mistakes.iter() {
                let told = mistake.to_string();
                assert!(!told.is_empty() && !told.contains('\n'), "{told:?}");
            }
        }
    }
});
