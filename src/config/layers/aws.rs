//! The variables of AWS's SDKs and tools, with the lowest precedence: the file overrides
//! them. An empty variable counts as unset.
//!
//! For example, EKS sets `AWS_REGION=eu-west-1` in each pod. It sets `upstream.region`
//! unless the file, `LIVEGATE_UPSTREAM__REGION` or `--set` does.
//! Source: <https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html>.

use super::{LayerEntry, Layers};
use crate::config::error::Source;
use crate::config::key_path::KeyPath;

/// The variables and their keys. Of several variables for one key, the last one counts.
const VARIABLES: [(&str, &str); 6] = [
    ("AWS_DEFAULT_REGION", "upstream.region"),
    ("AWS_REGION", "upstream.region"),
    ("AWS_USE_FIPS_ENDPOINT", "upstream.use_fips"),
    ("AWS_USE_DUALSTACK_ENDPOINT", "upstream.use_dual_stack"),
    ("AWS_ENDPOINT_URL", "upstream.endpoint_url"),
    ("AWS_ENDPOINT_URL_REKOGNITION", "upstream.endpoint_url"),
];

/// Adds the settings among `variables` to `layers`.
pub(super) fn read(variables: &[(String, String)], layers: &mut Layers) {
    for (name, key) in VARIABLES {
        let mut given = variables.iter();
        let given = given.find(|(given, value)| given == name && !value.is_empty());
        if let Some((_, value)) = given {
            let source = Source::Variable(name.to_owned());
            layers.push(LayerEntry::untyped(KeyPath::dotted(key), value, source));
        }
    }
}
