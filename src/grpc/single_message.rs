//! A protobuf codec that accepts one message in each direction.
//!
//! `tonic` reads the messages after the first one of a unary call and discards them. This
//! codec fails such a call before its handler runs.

use prost::Message;
use tonic::Status;
use tonic::codec::{BufferSettings, Codec, DecodeBuf, Decoder};
use tonic_prost::ProstCodec;

/// The codec of a unary call.
pub(crate) struct SingleMessageCodec<T, U>(ProstCodec<T, U>);

/// Decodes one message.
pub(crate) struct SingleMessageDecoder<D> {
    decoder: D,
    is_decoded: bool,
}

impl<T, U> Default for SingleMessageCodec<T, U> {
    fn default() -> Self {
        Self(ProstCodec::default())
    }
}

impl<T, U> Codec for SingleMessageCodec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = <ProstCodec<T, U> as Codec>::Encoder;
    type Decoder = SingleMessageDecoder<<ProstCodec<T, U> as Codec>::Decoder>;

    fn encoder(&mut self) -> Self::Encoder {
        self.0.encoder()
    }

    fn decoder(&mut self) -> Self::Decoder {
        SingleMessageDecoder {
            decoder: self.0.decoder(),
            is_decoded: false,
        }
    }
}

impl<D: Decoder<Error = Status>> Decoder for SingleMessageDecoder<D> {
    type Item = D::Item;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<D::Item>, Status> {
        if std::mem::replace(&mut self.is_decoded, true) {
            // The middleware maps a decoding error to `INVALID_REQUEST`.
            return Err(Status::internal("the call has more than one message"));
        }
        self.decoder.decode(buffer)
    }

    fn buffer_settings(&self) -> BufferSettings {
        self.decoder.buffer_settings()
    }
}
