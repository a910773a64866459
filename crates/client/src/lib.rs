//! A client of Livegate.

mod client;

pub use client::{Client, ClientError, ClientResponse, ClientTls};

/// The types of the contract, generated from `proto/livegate/v1/session.proto`.
pub mod v1 {
    #![expect(unused_qualifications, reason = "generated")]
    #![expect(clippy::allow_attributes_without_reason, reason = "generated")]
    tonic::include_proto!("livegate.v1");
}
