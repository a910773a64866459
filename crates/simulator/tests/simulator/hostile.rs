//! Hostile clients: each fails alone, within limits of bytes and time.

use std::time::Duration;

use livegate_simulator::{DeviceError, DeviceStream};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::scene::{Scene, scene};
use crate::streams::{device, open, streaming};

fn video() -> Value {
    json!({"VideoChunk": "AAEC", "TimestampMillis": 1_893_499_200_250_u64})
}

/// Opens a stream of a new session.
async fn open_new(scene: &Scene, token: &str) -> DeviceStream {
    let id = scene.create(token).await.expect("a session");
    open(scene, &id).await
}

/// Reads until the stream ends, and returns its exception or close code.
async fn end(stream: &mut DeviceStream) -> String {
    loop {
        match stream.receive().await {
            Ok(_) => {}
            Err(DeviceError::Exception { code, message }) => return format!("{code}: {message}"),
            Err(DeviceError::Closed(code)) => return format!("close {code}"),
            Err(error) => return error.to_string(),
        }
    }
}

#[tokio::test]
async fn a_message_that_is_no_event_stream_breaks_the_check_off() {
    type Change = fn(&mut Vec<u8>);
    let scene = scene(streaming()).await;
    let changes: [(&str, Change, &str); 5] = [
        (
            "checksum",
            |bytes| *bytes.last_mut().unwrap() ^= 1,
            "checksum of the event stream message",
        ),
        (
            "prelude",
            |bytes| bytes[8] ^= 1,
            "checksum of the event stream prelude",
        ),
        (
            "length",
            |bytes| bytes.truncate(bytes.len() - 1),
            "its total length is",
        ),
        ("empty", Vec::clear, "0 bytes must have at least 16"),
        ("zeros", |bytes| *bytes = vec![0; 1000], "checksum"),
    ];
    for (name, change, expected) in changes {
        let mut stream = open_new(&scene, name).await;
        let mut bytes = stream.sign("VideoEvent", &video()).unwrap();
        change(&mut bytes);
        stream.send_bytes(bytes).await.unwrap();
        let end = end(&mut stream).await;
        assert!(
            end.starts_with("ValidationException") && end.contains(expected),
            "{name}: {end}"
        );
    }
    scene.await_no_checks().await;
    assert_eq!(scene.simulator.stats().checks_broken_off, 5);
}

#[tokio::test]
async fn endless_headers_break_the_check_off() {
    let scene = scene(streaming()).await;
    let mut stream = open_new(&scene, "token").await;
    let headers = b"\x01a\x07\x00\x00".repeat(100_000);
    let length = u32::try_from(headers.len()).unwrap();
    let mut bytes = [(length + 16).to_be_bytes(), length.to_be_bytes()].concat();
    bytes.extend(crc32fast::hash(&bytes).to_be_bytes());
    bytes.extend(headers);
    bytes.extend(crc32fast::hash(&bytes).to_be_bytes());
    stream.send_bytes(bytes).await.unwrap();
    let end = end(&mut stream).await;
    assert!(end.contains("headers of 500000 bytes exceed"), "{end}");
}

#[tokio::test]
async fn a_replayed_or_unsigned_message_is_an_invalid_signature() {
    let scene = scene(streaming()).await;
    let mut replaying = open_new(&scene, "a").await;
    let bytes = replaying.sign("VideoEvent", &video()).unwrap();
    replaying.send_bytes(bytes.clone()).await.unwrap();
    replaying.send_bytes(bytes).await.unwrap();
    let mut skipping = open_new(&scene, "b").await;
    skipping.sign("VideoEvent", &video()).unwrap();
    skipping.send("VideoEvent", &video()).await.unwrap();
    let mut borrowing = open_new(&scene, "c").await;
    let bytes = open_new(&scene, "d")
        .await
        .sign("VideoEvent", &video())
        .unwrap();
    borrowing.send_bytes(bytes).await.unwrap();
    for stream in [&mut replaying, &mut skipping, &mut borrowing] {
        let end = end(stream).await;
        assert!(end.starts_with("InvalidSignatureException"), "{end}");
    }
}

#[tokio::test]
async fn a_message_over_1_mib_is_closed_with_1009() {
    let scene = scene(streaming()).await;
    let mut stream = open_new(&scene, "token").await;
    // The simulator stops reading, so the end of the message may find the connection closed.
    let _ = stream.send_bytes(vec![0; 1024 * 1024 + 1]).await;
    let end = end(&mut stream).await;
    assert_eq!(end, "close 1009");
}

#[tokio::test]
async fn a_video_over_10_mib_is_refused() {
    let scene = scene(streaming()).await;
    let mut stream = open_new(&scene, "token").await;
    let piece = json!({"VideoChunk": "A".repeat(1_000_000), "TimestampMillis": 1});
    for _ in 0..14 {
        stream.send("VideoEvent", &piece).await.unwrap();
    }
    let end = end(&mut stream).await;
    assert!(end.contains("the video exceeds 10485760 bytes"), "{end}");
}

#[tokio::test]
async fn an_event_out_of_order_is_refused() {
    let scene = scene(streaming()).await;
    let mut stream = open_new(&scene, "token").await;
    let end_of_video = json!({"VideoChunk": "", "TimestampMillis": 1});
    stream.send("VideoEvent", &end_of_video).await.unwrap();
    let end = end(&mut stream).await;
    let expected = "ValidationException: received the end of the video, expected the initial face";
    assert_eq!(end, expected);
}

#[tokio::test]
async fn silence_after_the_first_message_ends_the_stream_after_30_s() {
    let scene = scene(streaming()).await;
    let mut stream = open_new(&scene, "token").await;
    stream.send("VideoEvent", &video()).await.unwrap();
    while scene.simulator.stats().checks_under_way == 0 {
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    tokio::time::pause();
    let end = end(&mut stream).await;
    assert_eq!(end, "ValidationException: no message received within 30 s");
}

#[tokio::test]
async fn a_stream_without_a_valid_signature_receives_an_exception_and_is_closed() {
    let scene = scene(streaming()).await;
    let mut socket = TcpStream::connect(scene.simulator.local_addr())
        .await
        .unwrap();
    socket
        .write_all(handshake("session-id=x").as_bytes())
        .await
        .unwrap();
    let mut answer = Vec::new();
    // A client that never confirms the close is disconnected after 5 s.
    socket.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    assert!(answer.contains("IncompleteSignatureException"), "{answer}");
    assert_eq!(scene.simulator.stats().refused_signatures, 1);
}

#[tokio::test]
async fn a_request_that_is_no_handshake_is_refused_with_426() {
    let scene = scene(streaming()).await;
    let path = "GET /start-face-liveness-session-websocket?session-id=x";
    let (status, body) = scene.control(path, "").await;
    assert!(status.contains("426"), "{status}");
    assert!(body.contains("needs a WebSocket handshake"), "{body}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_open_sockets_and_slow_frames_leave_an_honest_check_unharmed() {
    let scene = scene(streaming()).await;
    let address = scene.simulator.local_addr();
    let mut sockets = Vec::new();
    for number in 0..980 {
        let mut socket = TcpStream::connect(address).await.unwrap();
        // Some send nothing, some half a request, and some a stream that is refused.
        let bytes = match number % 3 {
            0 => String::new(),
            1 => "GET /start-face-liveness".to_owned(),
            _ => handshake("session-id=x"),
        };
        socket.write_all(bytes.as_bytes()).await.unwrap();
        sockets.push(socket);
    }
    let mut slow = Vec::new();
    for number in 0..20 {
        let mut stream = open_new(&scene, &format!("slow-{number}")).await;
        // The first bytes of a frame that never ends.
        stream
            .get_mut()
            .write_all(&[0x82, 0xfe, 0xff])
            .await
            .unwrap();
        slow.push(stream);
    }
    let id = scene.create("honest").await.unwrap();
    device(&scene).play(&id).await.unwrap();
    assert_eq!(scene.status(&id).await, "SUCCEEDED");
    let stats = scene.simulator.stats();
    assert_eq!((stats.checks_completed, stats.checks_under_way), (1, 20));
}

/// Returns a handshake of a stream with this query, which is not signed.
fn handshake(query: &str) -> String {
    format!(
        "GET /start-face-liveness-session-websocket?{query} HTTP/1.1\r\nhost: simulator\r\n\
         connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}
