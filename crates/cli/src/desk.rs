//! A member of staff at the governance of one registry: connection, token and registry for every call.

use charter_proto::charter::registry::v1::{
    audit_service_client::AuditServiceClient, credential_service_client::CredentialServiceClient,
    governance_service_client::GovernanceServiceClient, joining_service_client::JoiningServiceClient,
    privacy_service_client::PrivacyServiceClient, procedure_service_client::ProcedureServiceClient,
    registry_service_client::RegistryServiceClient, webhook_service_client::WebhookServiceClient,
    witness_service_client::WitnessServiceClient,
};
use tonic::{Request, transport::Channel};

use crate::{
    args::{Call, Connection},
    connect::{Server, Token},
    exit::Failure,
};

pub struct Desk {
    server: Server,
    /// Absent where a client certificate says who this is.
    token: Option<Token>,
    registry_id: String,
    request_id: String,
}

impl Desk {
    /// The token is read first: nobody is connected to for somebody who has none.
    pub async fn open(to: &Connection, call: Call) -> Result<Self, Failure> {
        let token = match (&call.token.token_file, &to.client_cert) {
            (None, Some(_)) => None,
            (file, _) => Some(Token::read(file.as_deref())?),
        };
        let server = Server::connect(to).await?;
        let registry_id = call.registry.map_or_else(String::new, Into::into);
        Ok(Self { server, token, registry_id, request_id: call.request_id.unwrap_or_default() })
    }

    /// Empty means the server's own.
    pub fn registry_id(&self) -> String {
        self.registry_id.clone()
    }

    /// Empty where none was given.
    pub fn request_id(&self) -> String {
        self.request_id.clone()
    }

    /// What is public needs no token.
    pub fn registry(&self) -> RegistryServiceClient<Channel> {
        self.server.registry()
    }

    pub fn plain<T>(&self, message: T) -> Request<T> {
        self.server.request(message)
    }

    pub fn credentials(&self) -> CredentialServiceClient<Channel> {
        self.server.credentials()
    }

    pub fn client(&self) -> GovernanceServiceClient<Channel> {
        self.server.governance()
    }

    pub fn joining(&self) -> JoiningServiceClient<Channel> {
        self.server.joining()
    }

    pub fn audit(&self) -> AuditServiceClient<Channel> {
        self.server.audit()
    }

    pub fn privacy(&self) -> PrivacyServiceClient<Channel> {
        self.server.privacy()
    }

    pub fn webhooks(&self) -> WebhookServiceClient<Channel> {
        self.server.webhooks()
    }

    pub fn procedures(&self) -> ProcedureServiceClient<Channel> {
        self.server.procedures()
    }

    pub fn witness(&self) -> WitnessServiceClient<Channel> {
        self.server.witness()
    }

    pub fn request<T>(&self, message: T) -> Request<T> {
        let request = self.server.request(message);
        match &self.token {
            Some(token) => token.attach(request),
            None => request,
        }
    }
}
