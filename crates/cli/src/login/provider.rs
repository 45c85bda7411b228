//! A provider: its endpoints by discovery, tokens by device code (RFC 8628) and by refresh token (RFC 6749, 6).

use charter_domain::Timestamp;
use oauth2::{
    AuthType, ClientId, DeviceAuthorizationUrl, HttpRequest, RefreshToken, RequestTokenError, Scope,
    StandardDeviceAuthorizationResponse, TokenResponse, TokenUrl,
    basic::{BasicClient, BasicTokenResponse},
};
use serde::Deserialize;

use crate::{
    args::Connection,
    clock,
    exit::{Exit, Failure},
    http::{Fault, Http},
};

/// What of its metadata is used (OpenID Connect Discovery 1.0, 3; RFC 8628, 4).
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    token_endpoint: TokenUrl,
    device_authorization_endpoint: Option<DeviceAuthorizationUrl>,
    #[serde(default)]
    acr_values_supported: Vec<String>,
}

pub struct Provider {
    metadata: Metadata,
    http: Http,
}

/// A sign-in that waits for its person.
pub struct Waiting {
    client_id: String,
    device: StandardDeviceAuthorizationResponse,
}

pub struct Granted {
    pub access_token: String,
    pub refresh_token: Option<String>,
    pub expires_at: Option<Timestamp>,
}

impl Provider {
    pub async fn discover(issuer: &str, to: &Connection) -> Result<Self, Failure> {
        let http = Http::new(to)?;
        let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let unusable = |what: &str| {
            let text = format!("the provider `{issuer}` cannot be used: {what}");
            Failure::new(Exit::CannotVerify, text)
        };
        let request = tonic::codegen::http::Request::get(url).header("accept", "application/json");
        let request: HttpRequest = request
            .body(Vec::new())
            .map_err(|_| Failure::usage(format!("`{issuer}` is not an address like `https://host`")))?;
        let answer = http.send(request).await.map_err(|fault| unusable(&fault.to_string()))?;
        if answer.status() != 200 {
            return Err(unusable(&format!("its discovery document is answered with {}", answer.status())));
        }
        let metadata: Metadata = serde_json::from_slice(answer.body())
            .map_err(|_| unusable("its discovery document is not one"))?;
        // Discovery, 4.3: exactly the URL that the document was found under.
        if metadata.issuer != issuer {
            return Err(unusable(&format!("its discovery document is of `{}`", metadata.issuer)));
        }
        Ok(Self { metadata, http })
    }

    /// Levels of sign-in that it says it has.
    pub fn acr_values(&self) -> String {
        self.metadata.acr_values_supported.join(" ")
    }

    fn client(&self, client_id: &str) -> oauth2::basic::BasicClient {
        BasicClient::new(ClientId::new(client_id.to_owned())).set_auth_type(AuthType::RequestBody)
    }

    /// Asks for a code; `acr_values` asks for a level of sign-in.
    pub async fn begin(
        &self,
        client_id: &str,
        scope: &str,
        acr_values: Option<&str>,
    ) -> Result<Waiting, Failure> {
        let url = self.metadata.device_authorization_endpoint.clone().ok_or_else(|| {
            let issuer = &self.metadata.issuer;
            let text = format!("the provider `{issuer}` has no sign-in by device code");
            Failure::new(Exit::CannotVerify, text).hint("get a token by its own means, for --token-file")
        })?;
        let client = self.client(client_id).set_device_authorization_url(url);
        let scopes = scope.split_whitespace().map(|scope| Scope::new(scope.to_owned()));
        let mut request = client.exchange_device_code().add_scopes(scopes);
        if let Some(acr_values) = acr_values {
            request = request.add_extra_param("acr_values", acr_values.to_owned());
        }
        let send = |request| self.http.send(request);
        let device = request.request_async(&send).await.map_err(refused)?;
        Ok(Waiting { client_id: client_id.to_owned(), device })
    }

    /// Asks again and again, as often as the provider allows, until the person has decided or the code expires.
    pub async fn finish(&self, waiting: &Waiting) -> Result<Granted, Failure> {
        let client = self.client(&waiting.client_id).set_token_uri(self.metadata.token_endpoint.clone());
        let send = |request| self.http.send(request);
        let request = client.exchange_device_access_token(&waiting.device);
        let token = request.request_async(&send, tokio::time::sleep, None).await.map_err(refused)?;
        granted(&token)
    }

    pub async fn refresh(&self, client_id: &str, token: String) -> Result<Granted, Failure> {
        let client = self.client(client_id).set_token_uri(self.metadata.token_endpoint.clone());
        let send = |request| self.http.send(request);
        let token = RefreshToken::new(token);
        let token = client.exchange_refresh_token(&token).request_async(&send).await.map_err(refused)?;
        granted(&token)
    }
}

impl Waiting {
    /// Where the code is typed.
    pub fn page(&self) -> &str {
        self.device.verification_uri().as_str()
    }

    /// The page with the code in it, where the provider has one.
    pub fn page_with_code(&self) -> Option<&str> {
        self.device.verification_uri_complete().map(|uri| uri.secret().as_str())
    }

    pub fn code(&self) -> &str {
        self.device.user_code().secret()
    }
}

fn granted(token: &BasicTokenResponse) -> Result<Granted, Failure> {
    if *token.token_type() != oauth2::basic::BasicTokenType::Bearer {
        return Err(Failure::new(Exit::CannotVerify, "the provider gave a token that is no bearer token"));
    }
    Ok(Granted {
        access_token: token.access_token().secret().clone(),
        refresh_token: token.refresh_token().map(|token| token.secret().clone()),
        expires_at: token.expires_in().map(|left| clock::at_or_now(None).plus(left)),
    })
}

/// What the provider said in place of a token. Its answer may hold one, so a part that cannot be read is not shown.
fn refused<T: oauth2::ErrorResponse + std::fmt::Display>(error: RequestTokenError<Fault, T>) -> Failure {
    let unusable = |what: String| {
        let text = format!("the provider cannot be used: {what}");
        Failure::new(Exit::CannotVerify, text)
    };
    match error {
        RequestTokenError::ServerResponse(said) => {
            let text = said.to_string();
            let (text, hint) = match text.split([':', ' ']).next().unwrap_or_default() {
                "access_denied" => ("the sign-in was refused at the provider".to_owned(), None),
                "expired_token" => {
                    ("nobody signed in before the code expired".to_owned(), Some("run `charter login` again"))
                }
                "invalid_client" | "unauthorized_client" => (
                    format!("the provider does not let this client sign in: {text}"),
                    Some("name a public client that it knows with --client-id"),
                ),
                _ => (format!("the provider refuses: {text}"), None),
            };
            let failure = Failure::new(Exit::Denied, text);
            match hint {
                Some(hint) => failure.hint(hint),
                None => failure,
            }
        }
        RequestTokenError::Request(fault) => unusable(fault.to_string()),
        RequestTokenError::Parse(..) => unusable("its answer cannot be read".to_owned()),
        RequestTokenError::Other(what) => unusable(what),
    }
}
