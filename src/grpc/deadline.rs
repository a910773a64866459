//! The caller's deadline, from the header `grpc-timeout`
//! ([gRPC over HTTP/2](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md)).
//!
//! Livegate's deadline is a margin earlier than the caller's, so that an error with its
//! reason arrives before the caller's own timer fires. For example, `grpc-timeout: 200m`
//! gives 190 ms, and 1 ms gives 0: that call fails at once.
//!
//! Some clients send a longer timeout than they wait, and the margin covers the difference:
//!
//! - gRPC's C core, on which Python and C++ are based, rounds up to [three digits] of
//!   seconds, minutes or hours. It [repeats] a timeout that it has sent on the connection if
//!   the new one is shorter by less than 3 %. For example, it can send `20S` for 19.41 s.
//! - [Node] rounds up to milliseconds, and [Go] to eight digits.
//! - [Java] and `tonic` cut to eight digits.
//!
//! The number of digits tells them apart: `19998m` gives 19.948 s, and `20S` gives 19.15 s.
//!
//! [three digits]: https://github.com/grpc/grpc/blob/master/src/core/lib/transport/timeout_encoding.cc
//! [repeats]: https://github.com/grpc/grpc/blob/master/src/core/ext/transport/chttp2/transport/hpack_encoder.cc
//! [Go]: https://github.com/grpc/grpc-go/blob/master/internal/grpcutil/encode_duration.go
//! [Node]: https://github.com/grpc/grpc-node/blob/master/packages/grpc-js/src/deadline.ts
//! [Java]: https://github.com/grpc/grpc-java/blob/master/core/src/main/java/io/grpc/internal/GrpcUtil.java

use std::time::Duration;

use http::HeaderMap;

/// The header with the caller's timeout.
pub(super) const HEADER: &str = "grpc-timeout";

/// The smallest margin: the resolution of the timers.
const MIN_MARGIN: Duration = MILLISECOND;

/// The largest margin, if the client waits as long as it sent. Between the two it is 5 % of
/// the timeout.
const MAX_MARGIN: Duration = Duration::from_millis(50);

const MILLISECOND: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

/// A caller's timeout, as sent: a number of units.
#[derive(Clone, Copy, Debug)]
pub(super) struct CallerTimeout {
    count: u32,
    unit: Duration,
}

/// Returns the caller's timeout, if there is a valid one.
pub(super) fn timeout(headers: &HeaderMap) -> Option<CallerTimeout> {
    parse(headers.get(HEADER)?.as_bytes())
}

/// Parses a `grpc-timeout`: one to eight digits and a unit.
pub(super) fn parse(value: &[u8]) -> Option<CallerTimeout> {
    let (unit, digits) = value.split_last()?;
    if !(1..=8).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let count = std::str::from_utf8(digits).ok()?.parse().ok()?;
    let unit = match unit {
        b'H' => HOUR,
        b'M' => Duration::from_secs(60),
        b'S' => Duration::from_secs(1),
        b'm' => MILLISECOND,
        b'u' => Duration::from_micros(1),
        b'n' => Duration::from_nanos(1),
        _ => return None,
    };
    Some(CallerTimeout { count, unit })
}

impl CallerTimeout {
    /// Returns the time that was sent.
    pub(super) fn sent(self) -> Duration {
        self.unit * self.count
    }

    /// Returns the timeout without the margin.
    pub(super) fn usable(self) -> Duration {
        let margin = (self.sent() / 20).clamp(MIN_MARGIN, MAX_MARGIN);
        self.sent().saturating_sub(margin + self.largest_excess())
    }

    /// Returns an upper bound on the time by which the client waits less than it sent: 1 % for
    /// three digits, and 3 % for a repeated timeout. Up to a second the C core sends all
    /// digits, and the 5 % of the margin cover the rest.
    fn largest_excess(self) -> Duration {
        let mut digits = self.count;
        while digits >= 1000 && digits.is_multiple_of(10) {
            digits /= 10;
        }
        let may_be_the_c_core = self.unit >= MILLISECOND && digits < 1000;
        if may_be_the_c_core && self.sent() > Duration::from_secs(1) {
            self.sent() / 25
        } else {
            Duration::ZERO
        }
    }
}

/// Returns after which time the middleware answers for a handler that has `left` until
/// its deadline: between the handler's deadline and the caller's.
pub(super) fn backstop(left: Duration) -> Duration {
    left + (left / 40).clamp(MIN_MARGIN / 2, MAX_MARGIN / 2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str) -> CallerTimeout {
        parse(text.as_bytes()).expect("a valid timeout")
    }

    #[test]
    fn parses_every_unit_and_nothing_else() {
        for (text, nanos) in [
            ("1H", 3_600_000_000_000_u64),
            ("2M", 120_000_000_000),
            ("3S", 3_000_000_000),
            ("4m", 4_000_000),
            ("5u", 5_000),
            ("99999999n", 99_999_999),
        ] {
            assert_eq!(parsed(text).sent(), Duration::from_nanos(nanos));
        }
        for invalid in [
            "",
            "S",
            "1",
            "1s",
            "-1S",
            "+1S",
            "123456789S",
            "1.5S",
            "1 S",
            "١S",
        ] {
            assert!(parse(invalid.as_bytes()).is_none(), "{invalid:?}");
        }
    }

    #[test]
    fn the_margin_is_5_percent_within_1_to_50_ms_and_what_the_client_adds() {
        for (text, millis) in [
            ("0S", 0),
            ("1m", 0),
            ("9m", 8),
            ("200m", 190),
            ("1S", 950),
            // Three digits: 4 % more.
            ("1250m", 1_150),
            ("5S", 4_750),
            ("10100m", 9_646),
            ("20S", 19_150),
            ("101S", 96_910),
            ("1010S", 969_550),
            ("169M", 9_734_350),
            ("1680M", 96_767_950),
            // More digits than the C core sends, or a unit that it does not use.
            ("1001m", 951),
            ("19998m", 19_948),
            ("20000000u", 19_950),
        ] {
            let usable = Duration::from_millis(millis);
            assert_eq!(parsed(text).usable(), usable, "{text}");
        }
    }

    /// Returns the header of gRPC's C core: the smallest unit in which three significant
    /// digits, rounded up, have at most two zeros behind them. A whole number of the next
    /// unit is sent in that one.
    fn c_core(millis: u64) -> String {
        for (symbol, unit, of_next) in [('m', 1, 1000), ('S', 1000, 60), ('M', 60_000, 60)] {
            let count = millis.div_ceil(unit);
            let step = match count {
                0..1_000 => 1,
                1_000..10_000 => 10,
                10_000..100_000 => 100,
                _ => continue,
            };
            let rounded = count.next_multiple_of(step);
            if !rounded.is_multiple_of(of_next) {
                return format!("{rounded}{symbol}");
            }
        }
        format!("{}H", millis.div_ceil(3_600_000))
    }

    #[test]
    fn the_c_core_rounds_up_to_three_digits() {
        // Seen from grpcio 1.85.1.
        for (millis, text) in [
            (200, "200m"),
            (5_000, "5S"),
            (10_001, "10100m"),
            (60_001, "60100m"),
            (100_001, "101S"),
            (1_001_000, "1010S"),
        ] {
            assert_eq!(c_core(millis), text);
        }
    }

    proptest! {
        #[test]
        fn any_header_is_parsed_or_rejected(value in prop::collection::vec(any::<u8>(), 0..12)) {
            if let Some(timeout) = parse(&value) {
                let (sent, usable) = (timeout.sent(), timeout.usable());
                prop_assert!(usable <= sent);
                prop_assert!(backstop(usable) <= sent.max(MIN_MARGIN));
            }
        }

        #[test]
        fn the_reason_arrives_before_any_deadline_of_the_c_core(
            leading in 1.0_f64..10.0,
            digits in 0..9_i32,
            longer_percent in 0.0_f64..3.0,
        ) {
            let millis = (leading * 10_f64.powi(digits)) as u64;
            let earlier = (millis as f64 * (1.0 + longer_percent / 100.0)) as u64;
            let (fresh, earlier) = (parsed(&c_core(millis)), parsed(&c_core(earlier)));
            let is_close = fresh.sent().as_millis() * 100 > earlier.sent().as_millis() * 97;
            let usable = if is_close { earlier } else { fresh }.usable();
            let deadline = Duration::from_millis(millis);
            prop_assert!(usable <= deadline - (deadline / 50).min(MAX_MARGIN));
            prop_assert!(usable >= deadline.saturating_sub(MAX_MARGIN + deadline / 25));
        }
    }
}
