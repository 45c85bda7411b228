//! TLS towards servers and providers: which authorities are believed, and the certificate that is shown.

use std::{path::Path, sync::Arc};

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::{
    ClientConfig, ConfigBuilder, RootCertStore,
    client::WantsClientCert,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

use crate::{args::Connection, exit::Failure};

/// To the server, over HTTP/2.
pub fn connector(to: &Connection) -> Result<HttpsConnector<HttpConnector>, Failure> {
    let builder = trusting(to)?;
    let config = match (&to.client_cert, &to.client_key) {
        (None, None) => builder.with_no_client_auth(),
        (Some(certificate), Some(key)) => {
            let chain = certificates(certificate)?;
            let key = PrivateKeyDer::from_pem_file(key).map_err(|e| unreadable(key, &e))?;
            builder.with_client_auth_cert(chain, key).map_err(|e| unusable(&e))?
        }
        _ => return Err(Failure::usage("--client-cert and --client-key are given together")),
    };
    Ok(HttpsConnectorBuilder::new().with_tls_config(config).https_only().enable_http2().build())
}

/// To a provider, which is shown no certificate.
pub fn provider(to: &Connection) -> Result<HttpsConnector<HttpConnector>, Failure> {
    let config = trusting(to)?.with_no_client_auth();
    Ok(HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1().build())
}

fn trusting(to: &Connection) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, Failure> {
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| unusable(&e))?;
    Ok(builder.with_root_certificates(roots(to.ca_file.as_deref())?))
}

fn unusable(error: &rustls::Error) -> Failure {
    Failure::usage(format!("TLS cannot be set up: {error}"))
}

fn unreadable(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::usage(format!("cannot read `{}` as PEM: {error}", path.display()))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    read.map_err(|e| unreadable(path, &e))
}

fn roots(file: Option<&Path>) -> Result<RootCertStore, Failure> {
    let mut roots = RootCertStore::empty();
    match file {
        None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
        Some(path) => {
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(|e| unreadable(path, &e))?;
            }
        }
    }
    Ok(roots)
}
