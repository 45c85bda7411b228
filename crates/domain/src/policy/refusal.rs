//! Why policy or governance said no; each message tells the caller what to do.

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("this needs a credential: send `authorization: Bearer <token>`")]
    Unauthenticated,
    #[error("the credential does not permit this")]
    Denied,
    #[error("the registry is sealed: records change through governance, not by loading")]
    Sealed,
    #[error("the registry is still in BOOTSTRAP: seal it first, or load the records")]
    NotGoverned,
    #[error("another person must decide this: whoever proposed it may only amend or withdraw it")]
    SelfApproval,
    #[error("you have approved this already: another person must approve it too")]
    AlreadyApproved,
    #[error("the proposal is no longer open: propose the change again")]
    NotOpen,
    #[error("the proposal is not the one you approve: read it again and approve the hash it has now")]
    ProposalChanged,
    #[error("it has changed since you read it: read it again")]
    NotAsSeen,
    #[error("name the `etag` of what you read (REST: `If-Match`), so that nothing unseen is changed")]
    Unseen,
    #[error("its subject has changed since it was proposed: withdraw it and propose the change again")]
    TargetChanged,
    #[error("the proposal has expired: propose the change again")]
    ProposalExpired,
    #[error("this needs a recent sign-in with a second factor: sign in again, then repeat it")]
    StepUpNeeded,
    #[error("a service may not decide this: a person with the role must")]
    ServiceMayNotApprove,
    #[error("the proposal is somebody else's: ask them to amend or withdraw it")]
    NotYours,
    #[error("you declared an emergency in the last 30 days: ask somebody else, or propose a suspension")]
    RepeatedEmergency,
    /// A change that the life of its target does not allow; the text says what would be.
    #[error("{0}")]
    Illegal(String),
}

#[cfg(feature = "records")]
impl Refusal {
    pub(crate) fn illegal(text: impl Into<String>) -> Self {
        Self::Illegal(text.into())
    }
}
