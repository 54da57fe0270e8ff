//! Objects of the API.

use std::time::Instant;

use anyhow::anyhow;
use stanchion_doctor::{Edited, ObjectError, TriedStep, UndoNotes};
use stanchion_doctor_core::{Facts, Finding, LeftUnrepaired, ObjectStep, Seconds, Target, plan_objects};
use stanchion_machinery::time::format_seconds;

use super::Arguments;
use crate::commands::doctor::sources::Sources;
use crate::error::Failure;
use crate::exit::Exit;
use crate::output;

/// What is done to objects.
#[derive(Debug, Default)]
pub(super) struct Objects {
    /// The edits, tried by the API server.
    pub(super) tried: Vec<TriedStep>,
}

impl Objects {
    /// Plans it, and has the API server try it.
    pub(super) async fn plan(
        sources: &Sources,
        facts: &Facts,
        findings: &[Finding],
        left: &mut Vec<LeftUnrepaired>,
    ) -> Result<Self, Failure> {
        let plan = plan_objects(facts, findings);
        left.extend(plan.left);
        let mut tried = Vec::with_capacity(plan.steps.len());
        if plan.steps.is_empty() {
            return Ok(Self { tried });
        }
        let cluster = sources.cluster().await?;
        for step in plan.steps {
            match cluster.try_step(&step).await {
                Ok(one) => tried.push(one),
                Err(error) => left.push(refused(&step, error)),
            }
        }
        Ok(Self { tried })
    }

    /// Does it, one object after the other, and tells of each; `number` are done before.
    pub(super) async fn carry_out(
        &self,
        arguments: &Arguments,
        now: i64,
        number: usize,
    ) -> Result<(), Failure> {
        if self.tried.is_empty() {
            return Ok(());
        }
        let cluster = arguments.sources.cluster().await?;
        let name = format!("stanchion-undo-{}", format_seconds(now).replace(':', ""));
        let mut notes = UndoNotes::new(arguments.undo_dir.join(name), arguments.sources.kubectl());
        let mut done = 0;
        // All edits of one object are done before it is waited for: its Pods are replaced once.
        for of_one in self.tried.chunk_by(|one, other| one.step.target == other.step.target) {
            let target = &of_one[0].step.target;
            let start = Instant::now();
            for tried in of_one {
                let what = &tried.step.preview.what;
                output::note(&format!("{}. {what} …", number + done + 1));
                let edited = cluster.carry_out(tried, &mut notes).await;
                tell(&edited.map_err(|error| self.stopped(done, target, error, &notes))?);
                done += 1;
            }
            if of_one
                .iter()
                .any(|tried| tried.step.edit.replaces_pods(target.kind) || tried.step.edit.scales())
            {
                let by_hand = cluster.settle(target).await;
                let by_hand = by_hand.map_err(|error| self.stopped(done, target, error, &notes))?;
                let said = by_hand.unwrap_or("its Pods are ready");
                output::note(&format!("   {said} ({})", Seconds(start.elapsed())));
            }
        }
        Ok(())
    }

    fn stopped(&self, done: usize, target: &Target, error: ObjectError, notes: &UndoNotes) -> Failure {
        let all = self.tried.len();
        let error = anyhow!(error)
            .context(format!("stopped at {target}: {done} of {all} changes of objects are done"));
        let failure = Failure::new(Exit::Failure, error);
        match notes.directory() {
            Some(path) => {
                failure.hint(format!("{} says how what was done is undone", path.join("undo.sh").display()))
            }
            None => failure,
        }
    }
}

fn tell(edited: &Edited) {
    if let Some(why) = &edited.untold {
        output::note(&format!("   no Event could be recorded: {why}"));
    }
    if let Some(undo) = &edited.undo {
        output::note(&format!("   undo: {undo}"));
    }
}

fn refused(step: &ObjectStep, error: ObjectError) -> LeftUnrepaired {
    let why = anyhow!(error).chain().map(ToString::to_string).collect::<Vec<_>>().join(": ");
    LeftUnrepaired { check: step.check, subject: step.subject.clone(), why }
}
