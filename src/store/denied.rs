//! Names the right that the ACL of the store's user lacks.
//!
//! The store reports only the line of a script at which a command was denied. For example,
//! `on @user_script:5` in a script whose line 5 is `redis.call('TIME')` means that the user
//! needs `+time`.

use super::StoreError;

const NO_COMMAND: &str = "can't run this command";
const NO_KEYS: &str = "no permissions to access one of the keys";

/// Returns the error of the script `source`, with the missing right if the store denied one.
#[must_use]
pub fn with_missing_right(error: StoreError, source: &str) -> StoreError {
    let problem = match &error {
        StoreError::Failed(text) if text.contains(NO_COMMAND) => denied_command(text, source)
            .map(|command| format!("{command} is denied: add +{}", command.to_lowercase())),
        StoreError::Failed(text) if text.contains(NO_KEYS) => {
            Some("the keys of store.prefix are denied: add ~PREFIX:*".to_owned())
        }
        StoreError::Failed(_) | StoreError::Down | StoreError::Slow(_) => None,
    };
    problem.map_or(error, |problem| {
        StoreError::Failed(format!("{problem} to the ACL of store.user"))
    })
}

fn denied_command<'s>(text: &str, source: &'s str) -> Option<&'s str> {
    let (_, place) = text.rsplit_once("@user_script:")?;
    let digits = place.find(|letter: char| !letter.is_ascii_digit());
    let number: usize = place[..digits.unwrap_or(place.len())].parse().ok()?;
    let line = source.lines().nth(number.checked_sub(1)?)?;
    let (_, call) = line.split_once("redis.call('")?;
    call.split('\'').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denied_command_is_named_by_its_line() {
        let source = "-- comment\nlocal t = redis.call('TIME')\n";
        let at = |place: &str| {
            let text = format!("The user executing the script can't run this command{place}");
            with_missing_right(StoreError::Failed(text), source).to_string()
        };
        assert_eq!(
            at(" script: a4, on @user_script:2."),
            "store error: TIME is denied: add +time to the ACL of store.user"
        );
        for unknown in [
            "",
            ", on @user_script:0",
            ", on @user_script:1",
            ", on @user_script:9",
        ] {
            assert!(at(unknown).contains("can't run"), "{unknown}");
        }
    }

    #[test]
    fn other_errors_stay_as_they_are() {
        let error = StoreError::Failed("READONLY".to_owned());
        for error in [error, StoreError::Down] {
            assert_eq!(with_missing_right(error.clone(), ""), error);
        }
    }
}
