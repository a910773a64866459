//! `create` and `result`.

use super::golden::Session;
use super::servers::Server;

#[test]
fn a_session_and_its_result_are_printed_for_people_and_as_json() {
    let simulator = Server::simulate(&["--in-progress-after=1h", "--finished-after=2h"]);
    let settings = ["auth.mode=trusted-header", "results.enabled=true"];
    let serve = Server::serve(&simulator, &settings);
    let endpoint = format!("http://{}", serve.address("grpc.listen"));
    let mut session = Session::new();
    let common = ["--endpoint", &endpoint, "--caller", "payments"];
    let challenge = ["--challenge", "FaceMovementChallenge@1.0.0.."];
    let created = session.run(&[&["create"], &common[..], &challenge].concat());
    let field = |name: &str| {
        let line = created.lines().find_map(|line| line.strip_prefix(name));
        line.expect("a line").trim().to_owned()
    };
    let (id, token) = (field("session_id"), field("result_token"));
    let proof = ["--session-id", &id, "--result-token", &token];
    session.run(&[&["result"], &common[..], &proof].concat());
    session.run(&[&["result", "--json"], &common[..], &proof].concat());
    session.run(&[&["create", "--json"], &common[..]].concat());
    session.compare("calls.txt");
}

#[test]
fn a_refused_call_states_reason_and_delay_once() {
    let simulator = Server::simulate(&[]);
    let settings = ["quota.create.rate_per_second=0.1", "quota.create.burst=1"];
    let serve = Server::serve(&simulator, &settings);
    let endpoint = format!("http://{}", serve.address("grpc.listen"));
    let mut session = Session::new();
    let create = ["create", "--endpoint", &endpoint, "--timeout", "2s"];
    Session::new().run(&create);
    session.run(&create);
    session.run(&[&create[..], &["--json"]].concat());
    let invalid = ["--audit-images-limit", "9", "--kms-key-id", "/"];
    session.run(&[&create[..], &invalid].concat());
    session.run(&["create", "--challenge", "Blink"]);
    session.compare("refusals.txt");
}

#[test]
fn the_help_shows_no_empty_defaults() {
    let mut session = Session::new();
    session.run(&["create", "--help"]);
    session.run(&["result", "--help"]);
    session.run(&["check-config", "--help"]);
    session.compare("help.txt");
}
