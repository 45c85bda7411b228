//! Options of signing in.

use clap::Args;

use super::{Call, ListFormat};

#[derive(Debug, Args)]
pub struct Login {
    /// The OpenID Connect provider.
    #[arg(long, env = "CHARTER_ISSUER", value_name = "URL")]
    pub issuer: Option<String>,
    /// How this program is known there: a public client with the device code grant.
    #[arg(long, env = "CHARTER_CLIENT_ID", value_name = "ID", default_value = "charter-cli")]
    pub client_id: String,
    /// What is asked for; `offline_access` at many providers gives the means to renew the token.
    #[arg(long, env = "CHARTER_SCOPE", value_name = "SCOPES", default_value = "openid")]
    pub scope: String,
    /// Ask for a stronger sign-in, as approving and other grave calls need it.
    #[arg(long)]
    pub step_up: bool,
    /// The `acr_values` of a stronger sign-in; all that the provider has when absent.
    #[arg(long, env = "CHARTER_ACR_VALUES", value_name = "VALUES")]
    pub acr_values: Option<String>,
}

#[derive(Debug, Args)]
pub struct WhoAmI {
    #[command(flatten)]
    pub call: Call,
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub output: ListFormat,
}
