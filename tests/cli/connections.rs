//! Failed connections of the client: the address, the cause, and what to check.

use rcgen::{CertificateParams, DnType};

use super::golden::Session;
use super::pki::{Authority, Files};
use super::servers::Server;

#[test]
fn a_closed_port_and_an_unknown_name_are_reported() {
    let mut session = Session::new();
    session.run(&["create", "--endpoint", "http://127.0.0.1:1"]);
    session.run(&["create", "--endpoint", "http://127.0.0.1:1", "--json"]);
    session.run(&["create", "--endpoint", "http://nohost.invalid:50051"]);
    session.run(&["create", "--endpoint", "127.0.0.1:50051"]);
    session.compare("unreachable.txt");
}

/// The TLS files of a service and of its client, and those of another authority.
struct TlsScene {
    own: Files,
    other: Files,
}

impl TlsScene {
    fn new() -> Self {
        let (authority, other) = (Authority::new(), Authority::new());
        let mut names = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
        names.not_after = rcgen::date_time_ymd(2099, 1, 1);
        names
            .distinguished_name
            .push(DnType::CommonName, "livegate");
        Self {
            own: Files::holding(&authority.sign(&names), &authority.pem()),
            other: Files::holding(&other.issue("payments", 2099), &other.pem()),
        }
    }

    /// Starts a service that requires client certificates, and returns its port.
    fn serve(&self, simulator: &Server) -> (Server, String) {
        let [ca, crt, key] = paths(&self.own);
        let settings = [
            format!("grpc.tls.certificate={crt}"),
            format!("grpc.tls.key={key}"),
            format!("grpc.tls.client_ca={ca}"),
        ];
        let serve = Server::serve(simulator, &settings.each_ref().map(String::as_str));
        let address = serve.address("grpc.listen");
        let port = address.rsplit(':').next().expect("a port").to_owned();
        (serve, port)
    }

    /// Returns a session in which the other authority is that of the system.
    fn session(&self) -> Session {
        let [other_ca, ..] = paths(&self.other);
        Session::new()
            .naming(&self.own.path(""), "DIR/")
            .naming(&self.other.path(""), "OTHER/")
            .with("SSL_CERT_FILE", other_ca)
    }
}

fn paths(files: &Files) -> [String; 3] {
    ["ca.crt", "tls.crt", "tls.key"].map(|name| files.path(name).display().to_string())
}

#[test]
fn the_problem_of_a_tls_connection_is_reported() {
    let scene = TlsScene::new();
    let simulator = Server::simulate(&[]);
    let (_serve, port) = scene.serve(&simulator);
    let ([ca, ..], [_, other_crt, other_key]) = (paths(&scene.own), paths(&scene.other));
    let https = format!("https://localhost:{port}");
    let mut session = scene.session();
    let mut create = |endpoint: &str, arguments: &[&str]| {
        session.run(&[&["create", "--endpoint", endpoint], arguments].concat());
    };
    create(&https.replace("https", "http"), &[]);
    let trusted = ["--tls-ca", &ca];
    create(&https, &trusted);
    create(&https, &[]);
    let identity = ["--tls-cert", &other_crt, "--tls-key", &other_key];
    create(&https, &[&trusted[..], &identity].concat());
    create(&https.replace("localhost", "127.0.0.1"), &trusted);
    create(&simulator.url().replace("http", "https"), &trusted);
    session.compare("tls.txt");
}

#[test]
fn the_problem_of_a_tls_file_is_reported_before_the_call() {
    let scene = TlsScene::new();
    let ([_, crt, key], [_, other_crt, other_key]) = (paths(&scene.own), paths(&scene.other));
    let mut session = scene.session();
    let mut create = |certificate: &str, key: &str| {
        let identity = ["--tls-cert", certificate, "--tls-key", key];
        session.run(
            &[
                &["create", "--endpoint", "https://127.0.0.1:1"],
                &identity[..],
            ]
            .concat(),
        );
    };
    create(&other_crt, &key);
    create(&key, &key);
    create(&crt, &crt);
    create(&crt, "/no/such/file");
    let encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    std::fs::write(&other_key, encrypted).expect("a file");
    create(&crt, &other_key);
    session.compare("tls_files.txt");
}
