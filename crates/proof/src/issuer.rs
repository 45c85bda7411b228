//! The party that must have signed the next link down, with everything that its superiors allow it.

use charter_domain::{AuthorityId, HttpsId, Scope, delegation::MAX_DEPTH};
use charter_signing::JwkSet;

use crate::{Anchor, FaultCode, SubordinateStatement, naming::NamingConstraints};

/// An issuer that is trusted so far: the anchor, or whoever a verified link names. Going down a chain is
/// going from issuer to issuer with `descend`; nothing can be gained on the way, only lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    pub entity_id: HttpsId,
    pub authority_id: AuthorityId,
    pub jwks: JwkSet,
    /// What it may speak for; `None` is unrestricted, for an anchor.
    pub scope: Option<Scope>,
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

    /// The issuer that a statement of this one delegates to. Signature, times and force are not looked at:
    /// the caller has verified them, or trusts the statement because it is its own.
    pub fn descend(&self, statement: &SubordinateStatement) -> Result<Self, (FaultCode, String)> {
        let delegated = &statement.metadata.trust_registry;
        self.check_path(statement)?;
        let mut naming = self.naming.clone();
        // OpenID Federation 1.0, 6.2: constraints hold for the subject and for everybody below it.
        naming.extend(statement.constraints.naming_constraints.clone());
        if naming.iter().any(|n| !n.permits(&statement.sub)) {
            let detail = format!("`{}` is a name that the authorities above do not permit", statement.sub);
            return Err((FaultCode::Naming, detail));
        }
        if self.scope.as_ref().is_some_and(|s| !s.may_delegate(&delegated.scope)) {
            let detail = format!("`{}` delegates more than it may pass on", self.authority_id);
            return Err((FaultCode::OutOfScope, detail));
        }
        let left = self.max_path_length.map(|n| n.saturating_sub(1));
        let mut above = self.above.clone();
        above.push(Ancestor { entity_id: self.entity_id.clone(), authority_id: self.authority_id.clone() });
        Ok(Self {
            entity_id: statement.sub.clone(),
            authority_id: delegated.authority_id.clone(),
            jwks: statement.jwks.clone(),
            scope: Some(delegated.scope.clone()),
            max_path_length: [left, statement.constraints.max_path_length].into_iter().flatten().min(),
            naming,
            above,
        })
    }

    fn check_path(&self, statement: &SubordinateStatement) -> Result<(), (FaultCode, String)> {
        if self.max_path_length == Some(0) {
            let detail = format!("`{}` may not delegate further (max_path_length)", self.authority_id);
            return Err((FaultCode::PathTooLong, detail));
        }
        if self.path_used() >= usize::from(MAX_DEPTH) {
            return Err((FaultCode::PathTooLong, format!("more than {MAX_DEPTH} delegations")));
        }
        let authority = &statement.metadata.trust_registry.authority_id;
        let passed = self.entity_id == statement.sub
            || self.above.iter().any(|a| a.entity_id == statement.sub)
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
