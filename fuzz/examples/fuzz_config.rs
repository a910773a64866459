//! Fuzzes the configuration: a valid one is equal after it is written and read again, and
//! every error of an invalid one is a message of one line.
#![no_main]

use livegate::config::Config;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    match Config::from_text(text) {
        Ok(loaded) => {
            let again = Config::from_text(&loaded.to_toml()).expect("valid output");
            assert_eq!(again.config, loaded.config);
        }
        Err(errors) => {
            assert!(errors.iter().count() > 0, "rejected without an error");
            for error in errors.iter() {
                let message = error.to_string();
                assert!(
                    !message.is_empty() && !message.contains('\n'),
                    "{message:?}"
                );
            }
        }
    }
});
