//! Decisions: questions whose answers are known, the same question again, and members that must change nothing.

use charter_domain::Kind;

use crate::conformance::{
    catalogue::Check,
    learn::Learnt,
    probe::{Answered, Probe, decides},
    question::{Expect, Known, Question},
    shape,
    wire::{Ask, Exchange, Reply},
};

pub async fn check(probe: &mut Probe<'_>, known: &Known, learnt: &Learnt) {
    for kind in [Kind::Authorization, Kind::Recognition] {
        answered(probe, kind, &candidates(kind, probe, known, learnt)).await;
    }
    cases(probe, known).await;
    unchanged(probe).await;
}

/// Questions of a kind that the registry should understand, the likeliest first.
fn candidates(kind: Kind, probe: &Probe<'_>, known: &Known, learnt: &Learnt) -> Vec<Question> {
    let cases = known.cases().iter().filter(|case| case.expect != Expect::Unknown);
    let listed = learnt.listed.iter().map(|listed| listed.question.clone());
    let mut all: Vec<Question> = cases.map(|case| case.question(&probe.authority)).chain(listed).collect();
    // The terms of a question of the other kind are terms that it knows, too.
    all.sort_by_key(|question| question.kind != kind);
    all.truncate(5);
    all.into_iter().map(|question| Question { kind, context: Default::default(), ..question }).collect()
}

/// Asks until one is answered with 200.
async fn answered(probe: &mut Probe<'_>, kind: Kind, candidates: &[Question]) {
    let check = match kind {
        Kind::Authorization => Check::AuthorizationAnswered,
        Kind::Recognition => Check::RecognitionAnswered,
    };
    let mut unknown = Exchange::default();
    let fallback = [Question { kind, ..probe.template() }];
    let candidates = if candidates.is_empty() { &fallback[..] } else { candidates };
    for question in candidates {
        let seen = probe.send(&Ask::question(question)).await;
        match seen.reply {
            Ok(reply) if [404, 501].contains(&reply.status) => unknown = seen.exchange,
            Ok(reply) => {
                let decided = shape::decision(kind, &reply);
                if let Ok(decided) = &decided {
                    probe.answered.push(Answered { question: question.clone(), decided: *decided });
                }
                return probe.note(check, decided.map(|_| ()), seen.exchange);
            }
            Err(fault) => return probe.note(check, Err(format!("no answer: {fault}")), seen.exchange),
        }
    }
    let served = !unknown.answer.starts_with("501");
    let reason =
        if served { "no question is known that is answered here: give --known" } else { "it is not served" };
    probe.skip(check, reason);
}

async fn cases(probe: &mut Probe<'_>, known: &Known) {
    if known.cases().is_empty() {
        return probe.skip(Check::Known, "no questions were given: --known");
    }
    for case in known.cases() {
        let question = case.question(&probe.authority);
        let seen = probe.send(&Ask::question(&question)).await;
        let judged =
            seen.reply.map_err(|fault| format!("no answer: {fault}")).and_then(|reply| match case.expect {
                Expect::Yes => decides(question.kind, true)(&reply),
                Expect::No => decides(question.kind, false)(&reply),
                Expect::Unknown => unknown(question.kind, &reply),
            });
        let named = judged.map_err(|fault| format!("`{}`: {fault}", case.name()));
        probe.note(Check::Known, named, seen.exchange);
    }
}

/// 404, or false.
pub fn unknown(kind: Kind, reply: &Reply) -> Result<(), String> {
    if reply.status == 404 { Ok(()) } else { decides(kind, false)(reply) }
}

/// What must not change an answer.
async fn unchanged(probe: &mut Probe<'_>) {
    let checks = [Check::Repeated, Check::ContextUnknown, Check::MembersUnknown];
    let Some(Answered { question, decided }) = probe.some(&checks) else { return };
    let same = decides(question.kind, decided);
    probe.each(Check::Repeated, vec![Ask::question(&question); 2], &same).await;
    let mut more = question.clone();
    more.context.insert("x_conformance".to_owned(), "unknown".to_owned());
    probe.each(Check::ContextUnknown, vec![Ask::question(&more)], &same).await;
    let worded = ["\"unknown\"", "{\"unknown\":[1,true,null]}"]
        .map(|value| Ask::worded(&question, question.with("x_conformance", value)));
    probe.each(Check::MembersUnknown, worded.to_vec(), &same).await;
}
