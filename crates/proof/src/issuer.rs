//! The party that must have signed the next link down, with everything that its superiors allow it.

use charter_domain::{AuthorityId, HttpsId, NamingConstraints, Scope, delegation::MAX_DEPTH};
use charter_signing::JwkSet;

use crate::{Anchor, FaultCode, RecognitionStatement, SubordinateStatement};

/// An issuer that is trusted so far: the anchor, or whoever a verified link names. Going down a chain is
/// going from issuer to issuer with `descend`; nothing can be gained on the way, only lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    pub entity_id: HttpsId,
    pub authority_id: AuthorityId,
    pub jwks: JwkSet,
    /// What it may speak for; `None` is unrestricted, for an anchor.
    pub scope: Option<Scope>,
    /// Where a recognition led here: what the peer was recognised for. It bounds what is said, and lets nobody be
    /// recognised further on.
    pub recognised: Option<Scope>,
    /// How many subordinate statements may still follow; `None` is unrestricted.
    pub max_path_length: Option<u8>,
    /// Constraints set above; all of them hold for every name below.
    pub naming: Vec<NamingConstraints>,
    /// The authorities passed on the way here, anchor first: they count for depth, loops and the question.
    pub above: Vec<Ancestor>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ancestor {
    pub entity_id: HttpsId,
    pub authority_id: AuthorityId,
}

impl Issuer {
    /// Trusted by itself and without limits, as an anchor is.
    pub fn new(entity_id: HttpsId, authority_id: AuthorityId, jwks: JwkSet) -> Self {
        Self {
            entity_id,
            authority_id,
            jwks,
            scope: None,
            recognised: None,
            max_path_length: None,
            naming: Vec::new(),
            above: Vec::new(),
        }
    }

    /// Delegations between the anchor and this issuer.
    pub fn path_used(&self) -> usize {
        self.above.len()
    }

    /// It is, or stands under, that authority.
    pub fn stands_under(&self, authority: &AuthorityId) -> bool {
        self.authority_id == *authority || self.above.iter().any(|a| a.authority_id == *authority)
    }

    /// What it says must lie inside each of these.
    pub fn scopes(&self) -> impl Iterator<Item = &Scope> {
        self.scope.iter().chain(&self.recognised)
    }

    /// The issuer that a statement of this one delegates to. Signature, times and force are not looked at:
    /// the caller has verified them, or trusts the statement because it is its own.
    pub fn descend(&self, statement: &SubordinateStatement) -> Result<Self, (FaultCode, String)> {
        let delegated = &statement.metadata.trust_registry;
        // OpenID Federation 1.0, 6.2: constraints hold for the subject and for everybody below it.
        let naming = statement.constraints.naming_constraints.clone();
        let below = self.next((&statement.sub, &delegated.authority_id), &delegated.scope, naming)?;
        Ok(Self {
            jwks: statement.jwks.clone(),
            scope: Some(delegated.scope.clone()),
            max_path_length: [below.max_path_length, statement.constraints.max_path_length]
                .into_iter()
                .flatten()
                .min(),
            ..below
        })
    }

    /// The peer that a statement of this one recognises: it delegates in its own federation as it likes, and what is
    /// said there counts inside what it was recognised for. One hop: nobody is recognised further on. As for `descend`,
    /// signature, times and force are not looked at.
    pub fn recognise(&self, statement: &RecognitionStatement) -> Result<Self, (FaultCode, String)> {
        if self.recognised.is_some() {
            let detail = format!("`{}` is recognised itself: recognition is one hop", self.authority_id);
            return Err((FaultCode::PathTooLong, detail));
        }
        if !statement.may_follow {
            let detail = format!("`{}` lets nobody follow its recognition", self.authority_id);
            return Err((FaultCode::OutOfScope, detail));
        }
        if statement.authority_id != self.authority_id {
            let detail =
                format!("it speaks as `{}`, expected `{}`", statement.authority_id, self.authority_id);
            return Err((FaultCode::Mismatch, detail));
        }
        let peer = self.next((&statement.sub, &statement.peer_id), &statement.scope, None)?;
        let (jwks, recognised) = (statement.jwks.clone(), Some(statement.scope.clone()));
        Ok(Self { jwks, scope: None, recognised, ..peer })
    }

    /// Whoever comes after this one on the way down, with nothing gained; keys and scope are the caller's to set.
    fn next(
        &self,
        (entity, authority): (&HttpsId, &AuthorityId),
        scope: &Scope,
        constraint: Option<NamingConstraints>,
    ) -> Result<Self, (FaultCode, String)> {
        self.check_path(entity, authority)?;
        let mut naming = self.naming.clone();
        naming.extend(constraint);
        if naming.iter().any(|n| !n.permits(entity)) {
            let detail = format!("`{entity}` is a name that the authorities above do not permit");
            return Err((FaultCode::Naming, detail));
        }
        if self.scope.as_ref().is_some_and(|s| !s.may_delegate(scope)) {
            let detail = format!("`{}` delegates more than it may pass on", self.authority_id);
            return Err((FaultCode::OutOfScope, detail));
        }
        let mut above = self.above.clone();
        above.push(Ancestor { entity_id: self.entity_id.clone(), authority_id: self.authority_id.clone() });
        Ok(Self {
            entity_id: entity.clone(),
            authority_id: authority.clone(),
            max_path_length: self.max_path_length.map(|n| n.saturating_sub(1)),
            naming,
            above,
            ..self.clone()
        })
    }

    fn check_path(&self, entity: &HttpsId, authority: &AuthorityId) -> Result<(), (FaultCode, String)> {
        if self.max_path_length == Some(0) {
            let detail = format!("`{}` may not delegate further (max_path_length)", self.authority_id);
            return Err((FaultCode::PathTooLong, detail));
        }
        if self.path_used() >= usize::from(MAX_DEPTH) {
            return Err((FaultCode::PathTooLong, format!("more than {MAX_DEPTH} delegations")));
        }
        let passed = self.entity_id == *entity
            || self.above.iter().any(|a| a.entity_id == *entity)
            || self.stands_under(authority);
        if passed {
            return Err((FaultCode::Loop, format!("the chain comes back to `{authority}`")));
        }
        Ok(())
    }
}

impl From<&Anchor> for Issuer {
    fn from(anchor: &Anchor) -> Self {
        Self::new(anchor.entity_id.clone(), anchor.authority_id.clone(), anchor.jwks.clone())
    }
}
