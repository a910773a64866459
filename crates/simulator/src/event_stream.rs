//! The [event stream encoding][spec] of AWS, with the header types that Face Liveness uses.
//!
//! ```text
//! u32 total length | u32 length of the headers | u32 CRC-32 of those 8 bytes
//! headers | payload | u32 CRC-32 of everything before
//!
//! header    u8 length, name | u8 type | value       all integers are big-endian
//! value     6 bytes: u16 length, bytes   7 string: u16 length, bytes   8 timestamp: i64 ms
//! ```
//!
//! [spec]: https://smithy.io/2.0/aws/amazon-eventstream.html

const PRELUDE: usize = 12;
const CHECKSUM: usize = 4;
/// A client of Face Liveness sends at most three headers.
const MAX_HEADERS: usize = 16;
/// The bound of the specification.
const MAX_HEADER_BYTES: usize = 128 * 1024;

/// A message that borrows from the bytes that it was decoded from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EventMessage<'a> {
    headers: Vec<Header<'a>>,
    pub(super) payload: &'a [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Header<'a> {
    name: &'a str,
    value: HeaderValue<'a>,
    /// The header as it was received, which chunk signatures cover.
    encoded: &'a [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HeaderValue<'a> {
    Bytes(&'a [u8]),
    Text(&'a str),
    Timestamp(i64),
}

/// Bytes that are not one complete message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum DecodeError {
    #[error("event stream message of {0} bytes must have at least 16")]
    TooShort(usize),
    #[error("event stream message has {received} bytes, but its total length is {stated}")]
    TotalLength { stated: u32, received: usize },
    #[error("headers of {0} bytes exceed the event stream message, or 131072 bytes")]
    HeaderLength(u32),
    #[error("the checksum of the event stream prelude does not match")]
    PreludeChecksum,
    #[error("the checksum of the event stream message does not match")]
    MessageChecksum,
    #[error("header {0} of the event stream message is cut off or not UTF-8")]
    InvalidHeader(usize),
    #[error("header {number} has type {code}; must be 6 (bytes), 7 (string) or 8 (timestamp)")]
    HeaderType { number: usize, code: u8 },
    #[error("the event stream message has more than 16 headers")]
    TooManyHeaders,
}

impl<'a> EventMessage<'a> {
    /// Decodes a message, which must use all of `bytes`.
    pub(super) fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        if bytes.len() < PRELUDE + CHECKSUM {
            return Err(DecodeError::TooShort(bytes.len()));
        }
        let (stated, header_length) = (u32_at(bytes, 0), u32_at(bytes, 4));
        let body_end = bytes.len() - CHECKSUM;
        if u32_at(bytes, 8) != crc32fast::hash(&bytes[..8]) {
            return Err(DecodeError::PreludeChecksum);
        }
        if usize::try_from(stated) != Ok(bytes.len()) {
            let received = bytes.len();
            return Err(DecodeError::TotalLength { stated, received });
        }
        let header_end = usize::try_from(header_length)
            .ok()
            .filter(|length| *length <= MAX_HEADER_BYTES && *length <= body_end - PRELUDE)
            .map(|length| PRELUDE + length)
            .ok_or(DecodeError::HeaderLength(header_length))?;
        if u32_at(bytes, body_end) != crc32fast::hash(&bytes[..body_end]) {
            return Err(DecodeError::MessageChecksum);
        }
        Ok(Self {
            headers: decode_headers(&bytes[PRELUDE..header_end])?,
            payload: &bytes[header_end..body_end],
        })
    }

    /// Returns the value of a string header.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        match self.header(name)?.value {
            HeaderValue::Text(text) => Some(text),
            HeaderValue::Bytes(_) | HeaderValue::Timestamp(_) => None,
        }
    }

    /// Returns the value of a binary header.
    pub(super) fn bytes(&self, name: &str) -> Option<&'a [u8]> {
        match self.header(name)?.value {
            HeaderValue::Bytes(bytes) => Some(bytes),
            HeaderValue::Text(_) | HeaderValue::Timestamp(_) => None,
        }
    }

    /// Returns the value of a timestamp header in milliseconds, and the encoded header.
    pub(super) fn timestamp(&self, name: &str) -> Option<(i64, &'a [u8])> {
        let header = self.header(name)?;
        match header.value {
            HeaderValue::Timestamp(millis) => Some((millis, header.encoded)),
            HeaderValue::Text(_) | HeaderValue::Bytes(_) => None,
        }
    }

    /// Returns the first header of this name.
    fn header(&self, name: &str) -> Option<&Header<'a>> {
        self.headers.iter().find(|header| header.name == name)
    }
}

/// Encodes a message with string headers.
pub(super) fn encode(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::new();
    for (name, value) in headers {
        let name_length = u8::try_from(name.len()).expect("names are constants below 256 bytes");
        let length = u16::try_from(value.len()).expect("values are constants or short codes");
        encoded.push(name_length);
        encoded.extend_from_slice(name.as_bytes());
        encoded.push(7);
        encoded.extend_from_slice(&length.to_be_bytes());
        encoded.extend_from_slice(value.as_bytes());
    }
    let total = PRELUDE + encoded.len() + payload.len() + CHECKSUM;
    let mut message = Vec::with_capacity(total);
    for length in [total, encoded.len()] {
        let length = u32::try_from(length).expect("messages of the simulator are a few KiB");
        message.extend_from_slice(&length.to_be_bytes());
    }
    message.extend_from_slice(&crc32fast::hash(&message).to_be_bytes());
    message.extend_from_slice(&encoded);
    message.extend_from_slice(payload);
    message.extend_from_slice(&crc32fast::hash(&message).to_be_bytes());
    message
}

fn decode_headers(bytes: &[u8]) -> Result<Vec<Header<'_>>, DecodeError> {
    let (mut cursor, mut headers) = (Cursor(bytes), Vec::new());
    while !cursor.0.is_empty() {
        let number = headers.len() + 1;
        if number > MAX_HEADERS {
            return Err(DecodeError::TooManyHeaders);
        }
        headers.push(cursor.header(number)?);
    }
    Ok(headers)
}

/// The rest of the headers.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn header(&mut self, number: usize) -> Result<Header<'a>, DecodeError> {
        let (start, invalid) = (self.0, DecodeError::InvalidHeader(number));
        let name = self.array().and_then(|[length]| self.text(length.into()));
        let (Some(name), Some([code])) = (name, self.array()) else {
            return Err(invalid);
        };
        let value = match code {
            6 => self
                .length()
                .and_then(|length| self.take(length))
                .map(HeaderValue::Bytes),
            7 => self
                .length()
                .and_then(|length| self.text(length))
                .map(HeaderValue::Text),
            8 => self
                .array()
                .map(i64::from_be_bytes)
                .map(HeaderValue::Timestamp),
            _ => return Err(DecodeError::HeaderType { number, code }),
        };
        let encoded = &start[..start.len() - self.0.len()];
        let header = value.map(|value| Header {
            name,
            value,
            encoded,
        });
        header.ok_or(invalid)
    }

    fn length(&mut self) -> Option<usize> {
        self.array().map(u16::from_be_bytes).map(usize::from)
    }

    fn text(&mut self, length: usize) -> Option<&'a str> {
        std::str::from_utf8(self.take(length)?).ok()
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }
}

fn u32_at(bytes: &[u8], position: usize) -> u32 {
    let word = bytes[position..]
        .first_chunk()
        .expect("the caller checked the length");
    u32::from_be_bytes(*word)
}

#[cfg(test)]
mod tests;
