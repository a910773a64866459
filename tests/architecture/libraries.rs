//! The libraries that only some modules may use.

use super::modules::is_within;
use super::source::Source;

/// A library, by the prefix of its crates' names, and the modules that may use it.
struct Library {
    crates: &'static [&'static str],
    modules: &'static [&'static str],
}

const LIBRARIES: [Library; 10] = [
    Library {
        crates: &["livegate_simulator"],
        modules: &["cli"],
    },
    Library {
        crates: &["opentelemetry", "tracing_opentelemetry"],
        modules: &["telemetry"],
    },
    Library {
        crates: &["jsonwebtoken", "spiffe", "ipnet"],
        modules: &["auth", "config::auth"],
    },
    // The cryptography library, not the AWS SDK: it seals idempotency records.
    Library {
        crates: &["aws_lc_rs"],
        modules: &["idempotency::seal"],
    },
    Library {
        crates: &["redis"],
        modules: &["store", "idempotency::redis", "admission::shared"],
    },
    Library {
        crates: &["aws_"],
        modules: &["upstream::aws"],
    },
    // `telemetry::traces` sends traces by gRPC.
    Library {
        crates: &["tonic", "prost"],
        modules: &["grpc", "telemetry::traces"],
    },
    // `auth::jwks_fetch` reads JWKS over HTTPS; `cli::target` finds out why a client cannot
    // connect.
    Library {
        crates: &["tokio_rustls", "rustls", "hyper_rustls"],
        modules: &["transport", "auth::jwks_fetch", "cli::target"],
    },
    Library {
        crates: &["governor"],
        modules: &["admission::local"],
    },
    Library {
        crates: &["backon"],
        modules: &["retry"],
    },
];

/// Returns the uses of libraries in `source` that are not allowed there.
pub(crate) fn violations(source: &Source) -> Vec<String> {
    let module = source.module();
    let mut violations = Vec::new();
    for import in source.imports().into_iter().filter(|import| !import.ours) {
        let name = import.path.split("::").next().unwrap_or_default();
        let is_named = |library: &&Library| library.crates.iter().any(|one| name.starts_with(one));
        let Some(library) = LIBRARIES.iter().find(is_named) else {
            continue;
        };
        if !library
            .modules
            .iter()
            .any(|allowed| is_within(&module, allowed))
        {
            let allowed = library.modules.join(", ");
            let (file, line) = (&source.file, import.line);
            violations.push(format!(
                "{file}:{line}: only {allowed} may use {name}, not {module}"
            ));
        }
    }
    violations
}
