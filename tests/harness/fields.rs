//! Requests with one field set, to test the field's constraints.

use livegate::grpc::v1;

/// A field, and how to build a request with a value in it.
pub(crate) struct Field {
    pub(crate) path: &'static str,
    pub(crate) with: fn(&str) -> v1::CreateSessionRequest,
}

pub(crate) const REQUEST_ID: Field = Field {
    path: "request_id",
    with: |value| v1::CreateSessionRequest {
        request_id: value.to_owned(),
        ..Default::default()
    },
};

pub(crate) const KMS_KEY: Field = Field {
    path: "kms_key_id",
    with: |value| v1::CreateSessionRequest {
        kms_key_id: value.to_owned(),
        ..Default::default()
    },
};

pub(crate) const BUCKET: Field = Field {
    path: "settings.output_config.s3_bucket",
    with: |value| stored_in(value, ""),
};

pub(crate) const PREFIX: Field = Field {
    path: "settings.output_config.s3_key_prefix",
    with: |value| stored_in("bucket", value),
};

pub(crate) const MINIMUM: Field = Field {
    path: "settings.challenge_preferences[0].versions.minimum",
    with: |value| versions(value, ""),
};

pub(crate) const MAXIMUM: Field = Field {
    path: "settings.challenge_preferences[0].versions.maximum",
    with: |value| versions("", value),
};

fn with_settings(settings: v1::SessionSettings) -> v1::CreateSessionRequest {
    v1::CreateSessionRequest {
        settings: Some(settings),
        ..Default::default()
    }
}

fn stored_in(bucket: &str, prefix: &str) -> v1::CreateSessionRequest {
    with_settings(v1::SessionSettings {
        output_config: Some(v1::OutputConfig {
            s3_bucket: bucket.to_owned(),
            s3_key_prefix: prefix.to_owned(),
        }),
        ..Default::default()
    })
}

pub(crate) fn images(limit: i32) -> v1::CreateSessionRequest {
    with_settings(v1::SessionSettings {
        audit_images_limit: limit,
        ..Default::default()
    })
}

pub(crate) fn challenge(number: i32) -> v1::CreateSessionRequest {
    preferring(number, None)
}

pub(crate) fn versions(minimum: &str, maximum: &str) -> v1::CreateSessionRequest {
    let versions = v1::ChallengeVersions {
        minimum: minimum.to_owned(),
        maximum: maximum.to_owned(),
    };
    preferring(1, Some(versions))
}

fn preferring(number: i32, versions: Option<v1::ChallengeVersions>) -> v1::CreateSessionRequest {
    with_settings(v1::SessionSettings {
        challenge_preferences: vec![v1::ChallengePreference {
            r#type: number,
            versions,
        }],
        ..Default::default()
    })
}
