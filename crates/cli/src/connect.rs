//! The one place that connects: address, timeouts, token, and the clients over it.

use std::{path::Path, time::Duration};

use charter_proto::charter::{
    federation::v1::federation_service_client::FederationServiceClient,
    registry::v1::{
        application_service_client::ApplicationServiceClient, audit_service_client::AuditServiceClient,
        credential_service_client::CredentialServiceClient,
        governance_service_client::GovernanceServiceClient, import_service_client::ImportServiceClient,
        joining_service_client::JoiningServiceClient, key_service_client::KeyServiceClient,
        policy_service_client::PolicyServiceClient, privacy_service_client::PrivacyServiceClient,
        procedure_service_client::ProcedureServiceClient, registry_service_client::RegistryServiceClient,
        schema_service_client::SchemaServiceClient, webhook_service_client::WebhookServiceClient,
        witness_service_client::WitnessServiceClient,
    },
};
use tonic::{
    Request,
    metadata::{Ascii, MetadataValue},
    transport::{Channel, Endpoint, Uri},
};

use crate::{
    args::Connection,
    exit::{Exit, Failure},
    tls,
};

/// Long enough for a connection across a continent and a lost packet.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// A page of 1,000 entities with their statements is larger than tonic's 4 MiB.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// A connected server.
pub struct Server {
    channel: Channel,
    pub timeout: Duration,
}

impl Server {
    pub async fn connect(to: &Connection) -> Result<Self, Failure> {
        let endpoint = endpoint(&to.server)?.connect_timeout(CONNECT_TIMEOUT);
        let connected = match endpoint.uri().scheme_str() {
            Some("https") => endpoint.connect_with_connector(tls::connector(to)?).await,
            _ => endpoint.connect().await,
        };
        let channel = connected.map_err(|error| {
            Failure::new(Exit::CannotVerify, format!("cannot reach `{}`: {}", to.server, root(&error)))
                .hint("is the server running there? --server or CHARTER_SERVER names another")
        })?;
        Ok(Self { channel, timeout: to.timeout.into() })
    }

    pub fn federation(&self) -> FederationServiceClient<Channel> {
        FederationServiceClient::new(self.channel.clone()).max_decoding_message_size(MAX_ANSWER_BYTES)
    }

    pub fn applications(&self) -> ApplicationServiceClient<Channel> {
        ApplicationServiceClient::new(self.channel.clone())
    }

    pub fn joining(&self) -> JoiningServiceClient<Channel> {
        JoiningServiceClient::new(self.channel.clone()).max_decoding_message_size(MAX_ANSWER_BYTES)
    }

    pub fn registry(&self) -> RegistryServiceClient<Channel> {
        RegistryServiceClient::new(self.channel.clone()).max_decoding_message_size(MAX_ANSWER_BYTES)
    }

    pub fn schema(&self) -> SchemaServiceClient<Channel> {
        SchemaServiceClient::new(self.channel.clone()).max_decoding_message_size(MAX_ANSWER_BYTES)
    }

    pub fn webhooks(&self) -> WebhookServiceClient<Channel> {
        WebhookServiceClient::new(self.channel.clone()).max_decoding_message_size(MAX_ANSWER_BYTES)
    }

    pub fn keys(&self) -> KeyServiceClient<Channel> {
        KeyServiceClient::new(self.channel.clone()).max_decoding_message_size(MAX_ANSWER_BYTES)
    }

    pub fn import(&self) -> ImportServiceClient<Channel> {
        ImportServiceClient::new(self.channel.clone()).max_decoding_message_size(MAX_ANSWER_BYTES)
    }

    pub fn credentials(&self) -> CredentialServiceClient<Channel> {
        CredentialServiceClient::new(self.channel.clone()).max_decoding_message_size(MAX_ANSWER_BYTES)
    }

    pub fn governance(&self) -> GovernanceServiceClient<Channel> {
        GovernanceServiceClient::new(self.channel.clone()).max_decoding_message_size(MAX_ANSWER_BYTES)
    }

    pub fn audit(&self) -> AuditServiceClient<Channel> {
        AuditServiceClient::new(self.channel.clone()).max_decoding_message_size(MAX_ANSWER_BYTES)
    }

    pub fn privacy(&self) -> PrivacyServiceClient<Channel> {
        PrivacyServiceClient::new(self.channel.clone()).max_decoding_message_size(MAX_ANSWER_BYTES)
    }

    pub fn procedures(&self) -> ProcedureServiceClient<Channel> {
        ProcedureServiceClient::new(self.channel.clone()).max_decoding_message_size(MAX_ANSWER_BYTES)
    }

    pub fn witness(&self) -> WitnessServiceClient<Channel> {
        WitnessServiceClient::new(self.channel.clone())
    }

    pub fn policy(&self) -> PolicyServiceClient<Channel> {
        PolicyServiceClient::new(self.channel.clone())
    }

    /// A request that gives up after the timeout; the server is told.
    pub fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(self.timeout);
        request
    }
}

fn endpoint(address: &str) -> Result<Endpoint, Failure> {
    let uri: Uri = address
        .parse()
        .map_err(|_| Failure::usage(format!("`{address}` is not an address like `http://host:port`")))?;
    match uri.scheme_str() {
        Some("http" | "https") => Ok(Endpoint::from(uri)),
        _ => Err(Failure::usage(format!("`{address}` is not an address like `http://host:port`"))),
    }
}

/// The first cause: the outer layers only say that there was an error.
fn root(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

/// A bearer token from a file, never from the arguments, where every process could read it.
pub struct Token(MetadataValue<Ascii>);

impl Token {
    pub fn read(path: Option<&Path>) -> Result<Self, Failure> {
        let path = path.ok_or_else(|| {
            Failure::new(Exit::Denied, "this command needs a token")
                .hint("sign in with `charter login`, or name the token's file with --token-file or CHARTER_TOKEN_FILE")
        })?;
        let token = std::fs::read_to_string(path)
            .map_err(|e| Failure::usage(format!("cannot read the token's file `{}`: {e}", path.display())))?;
        let unusable = || Failure::usage(format!("`{}` does not hold a token in one line", path.display()));
        let token = token.trim();
        if token.is_empty() || token.contains(char::is_whitespace) {
            return Err(unusable());
        }
        let mut value = MetadataValue::try_from(format!("Bearer {token}")).map_err(|_| unusable())?;
        // Debug output of the request shows `Sensitive` instead.
        value.set_sensitive(true);
        Ok(Self(value))
    }

    pub fn attach<T>(&self, mut request: Request<T>) -> Request<T> {
        request.metadata_mut().insert("authorization", self.0.clone());
        request
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_needs_a_scheme() {
        assert!(endpoint("http://127.0.0.1:7100").is_ok());
        assert!(endpoint("https://trust.example").is_ok());
        let exit = |address| endpoint(address).expect_err("refused").exit;
        assert_eq!(exit("trust.example:7100"), Exit::Usage);
        assert_eq!(exit("not an address"), Exit::Usage);
    }

    #[test]
    fn a_token_is_one_word_and_never_shown() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("token");
        std::fs::write(&path, "s3cret\n").expect("written");
        let token = Token::read(Some(&path)).expect("a token");
        let request = token.attach(Request::new(()));
        let header = request.metadata().get("authorization").and_then(|v| v.to_str().ok());
        assert_eq!(header, Some("Bearer s3cret"));
        assert!(!format!("{request:?}").contains("s3cret"));
        std::fs::write(&path, "two words").expect("written");
        assert!(Token::read(Some(&path)).is_err());
        assert!(Token::read(None).is_err());
    }
}
