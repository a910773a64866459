//! The rooms, what each may import, and at whose door the libraries stop.

use super::paths::Import;
use super::source::Source;

/// A part of the crate: a module and what is below it, save for rooms within.
struct Room {
    name: &'static str,
    /// Other rooms that it may import.
    may: &'static [&'static str],
}

const fn room(name: &'static str, may: &'static [&'static str]) -> Room {
    Room { name, may }
}

/// Anyone may import the leaves.
const LEAVES: [&str; 2] = ["session::words", "deadline"];

/// The one room that names every other.
const ROOT: &str = "app";

const ROOMS: [Room; 25] = [
    room("main", &["cli"]),
    room("lib", &[]),
    // The commands start the parts that a person asks for by name. `audit`,
    // `auth` and `upstream::aws` are there for the choices that no configuration can
    // make: no audit and optional names in the demonstration, and the simulator's
    // credentials.
    room(
        "cli",
        &[
            "app",
            "config",
            "grpc::client",
            "grpc::v1",
            "simulator",
            "shutdown",
            "telemetry",
            "audit",
            "auth",
            "upstream::aws",
            // `check-config --connect` tries it.
            "store",
        ],
    ),
    room(ROOT, &[]),
    // Each component owns its settings type; the configuration fills them in.
    room(
        "config",
        &[
            "admin",
            "admission",
            "audit",
            "auth",
            "grpc",
            "idempotency",
            "policy",
            "retry",
            "shutdown",
            "store",
            "telemetry",
            "upstream::aws",
        ],
    ),
    room("admin", &["session", "auth"]),
    // Beside its own rooms: the status table matches exhaustively on what
    // admission and the port of AWS can say, and the service is generic over
    // that port.
    // And what a reader presents is a token by its type.
    room(
        "grpc",
        &[
            "grpc::v1",
            "session",
            // A handler leaves a line when it ends, however it ends.
            "audit",
            "auth",
            "admission",
            "upstream",
            "result_token",
            // A call's span is a child of whoever its headers name.
            "telemetry",
        ],
    ),
    room("grpc::client", &["grpc", "grpc::v1", "auth"]),
    room("grpc::v1", &[]),
    // Whose a session is, is the domain's to say: it hands out the tokens, and
    // asks for them before it asks for a slot.
    room(
        "session",
        &[
            "admission",
            "retry",
            "upstream",
            "idempotency",
            "result_token",
            // Who may not is turned away before anything is spent.
            "policy",
        ],
    ),
    room("policy", &[]),
    room("audit", &[]),
    room("result_token", &[]),
    room("session::words", &[]),
    room("deadline", &[]),
    // Replicas meet in the store: for the quota, and for request ids.
    room("admission", &["store"]),
    room("retry", &[]),
    room("upstream", &[]),
    room("upstream::aws", &["upstream"]),
    room("idempotency", &["store"]),
    room("store", &[]),
    room("auth", &[]),
    room("shutdown", &[]),
    room("telemetry", &[]),
    room("simulator", &[]),
];

/// Rooms that import nothing of ours, not even the leaves: the simulator stands
/// behind a socket, or the same mistake would stand on both sides of it.
const STRANGERS: [&str; 5] = [
    "simulator",
    "telemetry",
    "grpc::v1",
    "session::words",
    "deadline",
];

/// Only these import the configuration.
const READERS: [&str; 2] = ["app", "cli"];

/// A library, by the beginning of its crates' names, and the modules it stops at.
struct Library {
    crates: &'static [&'static str],
    homes: &'static [&'static str],
}

const LIBRARIES: [Library; 9] = [
    Library {
        crates: &["opentelemetry", "tracing_opentelemetry"],
        homes: &["telemetry"],
    },
    // What a caller presents is read at one place.
    Library {
        crates: &["jsonwebtoken", "spiffe", "ipnet"],
        homes: &["auth", "config::auth"],
    },
    // Cryptography, not AWS: it seals what lies in the store.
    Library {
        crates: &["aws_lc_rs"],
        homes: &["idempotency::seal"],
    },
    Library {
        crates: &["redis"],
        homes: &["store", "idempotency::redis", "admission::shared"],
    },
    Library {
        crates: &["aws_"],
        homes: &["upstream::aws"],
    },
    Library {
        crates: &["tonic", "prost"],
        homes: &["grpc"],
    },
    Library {
        crates: &["tokio_rustls", "rustls", "hyper_rustls"],
        // The keys of tokens come from elsewhere.
        homes: &["grpc", "auth::fetch"],
    },
    Library {
        crates: &["governor"],
        homes: &["admission::local", "admission::clock"],
    },
    Library {
        crates: &["backon"],
        homes: &["retry"],
    },
];

/// The rules that `source` breaks, one line each.
pub(crate) fn broken(source: &Source) -> Vec<String> {
    let module = source.module();
    let Some(own) = room_of(&module) else {
        return vec![format!(
            "{}:1: {module} has no room in the table",
            source.file
        )];
    };
    let mut broken = Vec::new();
    for import in source.imports() {
        let rule = match &import {
            Import {
                ours: true, path, ..
            } => broken_by_room(own, path),
            Import { path, .. } => broken_by_library(&module, path),
        };
        if let Some(rule) = rule {
            broken.push(format!("{}:{}: {rule}", source.file, import.line));
        }
    }
    broken
}

fn broken_by_room(own: &Room, path: &str) -> Option<String> {
    let Some(target) = room_of(path) else {
        return Some(format!("crate::{path} has no room in the table"));
    };
    let (own, name) = (own, target.name);
    if name == own.name {
        return None;
    }
    if name == "config" && !READERS.contains(&own.name) {
        return Some(format!("only app and cli import config, not {}", own.name));
    }
    if own.name == ROOT && !["main", "lib", "cli"].contains(&name) {
        return None;
    }
    let leaf = LEAVES.contains(&name) && !STRANGERS.contains(&own.name);
    let allowed = leaf || own.may.contains(&name);
    (!allowed).then(|| format!("{} may not import {name} (crate::{path})", own.name))
}

fn broken_by_library(module: &str, path: &str) -> Option<String> {
    let name = path.split("::").next().unwrap_or(path);
    let is_named = |library: &&Library| library.crates.iter().any(|one| name.starts_with(one));
    let library = LIBRARIES.iter().find(is_named)?;
    let at_home = library.homes.iter().any(|home| is_within(module, home));
    (!at_home).then(|| format!("{name} stops at {}, not {module}", library.homes.join(", ")))
}

fn room_of(path: &str) -> Option<&'static Room> {
    let within = ROOMS.iter().filter(|room| is_within(path, room.name));
    within.max_by_key(|room| room.name.len())
}

fn is_within(path: &str, module: &str) -> bool {
    let rest = path.strip_prefix(module);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}
