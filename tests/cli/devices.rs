//! `device` against `simulate`, with and without `serve` between them.

use super::golden::Session;
use super::servers::Server;

#[test]
fn devices_over_the_limit_receive_the_exception_of_aws() {
    let limits = [
        "--require-streams",
        "--concurrent-checks=2",
        "--latency=0s..0s",
    ];
    let simulator = Server::simulate(&limits);
    let serve = Server::serve(&simulator, &["results.enabled=true"]);
    let endpoint = format!("http://{}", serve.address("grpc.listen"));
    let url = simulator.url();
    let mut session = Session::new();
    let device = [
        "device",
        "--endpoint",
        &endpoint,
        "--simulator",
        &url,
        "--video",
    ];
    // Every check starts within the time of the videos.
    session.run(&[&device[..], &["5s", "--count", "5"]].concat());
    session.run(&[&device[..], &["0s", "--json"]].concat());

    let created = Session::new().run(&["create", "--endpoint", &endpoint]);
    let line = |name: &str| created.lines().find_map(|line| line.strip_prefix(name));
    let id = line("session_id").expect("a session").trim();
    let check = [
        "device",
        "--simulator",
        &url,
        "--video",
        "0s",
        "--session-id",
        id,
    ];
    session.run(&check);
    session.run(&check);
    session.compare("devices.txt");
}

#[test]
fn devices_refuse_what_is_beyond_loopback() {
    let mut session = Session::new();
    session.run(&["device", "--simulator", "http://192.0.2.1:9900"]);
    session.run(&["device", "--endpoint", "https://192.0.2.1:50051"]);
    session.run(&["device", "--simulator", "https://127.0.0.1:9900"]);
    session.run(&["device", "--count", "0"]);
    session.run(&[
        "device",
        "--simulator",
        "http://127.0.0.1:1",
        "--session-id",
        "x",
    ]);
    session.compare("devices_refused.txt");
}
