//! `status`.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use super::golden::{Session, livegate};
use super::servers::Server;

#[test]
fn the_state_of_a_service_is_printed_for_people_and_as_json() {
    let simulator = Server::simulate(&[]);
    let settings = [
        "auth.mode=trusted-header",
        "quota.create.rate_per_second=0.1",
        "quota.create.burst=1",
        "quota.create.max_wait=20s",
        "checks.max_concurrent=75",
    ];
    let serve = Server::serve(&simulator, &settings);
    let endpoint = format!("http://{}", serve.address("grpc.listen"));
    let admin = serve.address("admin.listen");
    let create = |caller: &str, timeout: &str| {
        let call = [
            "create",
            "--endpoint",
            &endpoint,
            "--caller",
            caller,
            "--timeout",
            timeout,
        ];
        Session::new().run(&call);
    };
    // The next token after this one is available 10 s later.
    create("payments", "20s");
    create("payments", "500ms");
    create(
        "system:serviceaccount:onboarding-of-new-customers:onboarding",
        "500ms",
    );
    let mut session = Session::new();
    let screen = session.run(&["status", "--admin", &admin]);
    for line in screen.lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
    let json = Session::new().run(&["status", "--admin", &admin, "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).expect("one JSON object");
    assert_eq!(json["operations"]["create"]["refusals"]["quota"], 2);
    session.compare("status.txt");
}

#[test]
fn watching_shows_the_state_again() {
    let simulator = Server::simulate(&[]);
    let serve = Server::serve(&simulator, &[]);
    let mut watching = livegate(&[
        "status",
        "--watch",
        "--admin",
        &serve.address("admin.listen"),
    ])
    .stdout(Stdio::piped())
    .spawn()
    .expect("the binary starts");
    let output = BufReader::new(watching.stdout.take().expect("it is piped"));
    let lines = output.lines().map_while(Result::ok);
    let screens = lines.filter(|line| line.starts_with("uptime")).take(2);
    assert_eq!(screens.count(), 2);
    watching.kill().expect("it runs until it is interrupted");
    watching.wait().expect("it has ended");
}

#[test]
fn a_port_without_a_status_is_reported() {
    let simulator = Server::simulate(&[]);
    let other = simulator.url().replace("http://", "");
    let mut session = Session::new();
    session.run(&["status", "--admin", "127.0.0.1:1"]);
    session.run(&["status", "--admin", "127.0.0.1:1", "--json"]);
    session.run(&["status", "--admin", "nohost.invalid:9464"]);
    session.run(&["status", "--admin", &other]);
    session.run(&["status", "--admin", "http://127.0.0.1:1"]);
    session.compare("status_unreachable.txt");
}
