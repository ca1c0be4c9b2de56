import { timeOfSnapshot } from '../core/formats/manifest.ts';
import type { Runtime } from '../ports/runtime.ts';
import { listChecks, readCheck } from '../reconcile/check/job.ts';
import { makeReport } from '../reconcile/check/make-report.ts';
import type { CheckReport } from '../reconcile/check/report.ts';
import { monthOf } from '../reconcile/schedule/row.ts';
import { retried } from '../replicate/retry.ts';
import { readSelf } from '../replicate/self.ts';
import { checkAttention } from '../status/check-attention.ts';
import { checksStatus, linkCheckStatus } from '../status/checks.ts';
import { gatherChecks } from '../status/gather-checks.ts';
import type { CheckListAnswer, ProofAnswer } from './answers-checks.ts';
import { fromArchive } from './archive-problem.ts';
import type { ServeContext } from './context.ts';
import { findingsPage, storedReport } from './findings-page.ts';
import { readOptions } from './options.ts';
import { matchPath } from './path.ts';
import { ProblemError } from './problem.ts';
import { byPrimary, told } from './reporter.ts';
import type { Operation } from './route.ts';

/** The operations that tell of checks and of the standing proof: what the primary has found, and nothing is begun by them. */

/** No read is begun after this (ms). */
const BUDGET_MS = 8_000;

export const CHECK_PATH = '/checks/{id}';
export const FINDINGS_PATH = '/checks/{id}/findings';

const budget = (runtime: Runtime): number => runtime.clock.elapsed() + BUDGET_MS;

/** GET /checks. @throws ProblemError, RemoteError */
export const checks: Operation = async (ctx, runtime, request) => {
  readOptions(request.query, []);
  return byPrimary(ctx, runtime, request, budget(runtime), async () => {
    const jobs = await listChecks(ctx.table, ctx.tables.control, runtime);
    const listed = jobs.map((job) => {
      const { first: _, ...report } = makeReport(job, []);
      return report;
    });
    return told(ctx, { set: ctx.set, source: ctx.member, checks: listed } satisfies CheckListAnswer);
  });
};

/** GET /checks/{id}. @throws ProblemError "unknown-check", …, RemoteError */
export const check: Operation = async (ctx, runtime, request) => {
  readOptions(request.query, []);
  const id = idOf(CHECK_PATH, request.path);
  return byPrimary(ctx, runtime, request, budget(runtime), async () => told(ctx, await reportOf(ctx, runtime, id, budget(runtime))));
};

/** GET /checks/{id}/findings. @throws ProblemError "unknown-check", InputError "invalid-query", "invalid-cursor", …, RemoteError */
export const findings: Operation = async (ctx, runtime, request) => {
  const asked = readOptions(request.query, ['limit', 'cursor']);
  const id = idOf(FINDINGS_PATH, request.path);
  return byPrimary(ctx, runtime, request, budget(runtime), async () => {
    const until = budget(runtime);
    await reportOf(ctx, runtime, id, until);
    return told(ctx, await fromArchive(() => findingsPage(ctx.archive, runtime, id, asked, until)));
  });
};

/** GET /proof. @throws ProblemError, RemoteError */
export const proof: Operation = async (ctx, runtime, request) => {
  readOptions(request.query, []);
  return byPrimary(ctx, runtime, request, budget(runtime), async () => told(ctx, await proofHere(ctx, runtime, budget(runtime))));
};

/** What names a check is part of an object's name, so nothing else may pass. @throws ProblemError "unknown-check" */
function idOf(template: string, path: string): string {
  const id = matchPath(template, path)?.get('id') ?? '';
  if (timeOfSnapshot(id) === undefined) throw unknown(id);
  return id;
}

const unknown = (id: string): ProblemError =>
  new ProblemError('unknown-check', `There is no check ${JSON.stringify(id.slice(0, 80))}. GET /checks lists the newest ones.`);

/** The report as it stands; of a check whose row is forgotten, the stored one. */
async function reportOf(ctx: ServeContext, runtime: Runtime, id: string, until: number): Promise<CheckReport> {
  const job = await readCheck(ctx.table, ctx.tables.control, runtime, id);
  const stored = await fromArchive(() => storedReport(ctx.archive, runtime, id, until));
  // What is under way has gone on since its report was stored.
  if (job !== undefined) return makeReport(job, stored?.first ?? []);
  if (stored === undefined) throw unknown(id);
  return stored;
}

async function proofHere(ctx: ServeContext, runtime: Runtime, until: number): Promise<ProofAnswer> {
  const { control } = ctx.tables;
  const { links } = await retried(runtime, until, () => readSelf(ctx.table, control));
  const facts = await gatherChecks(ctx.table, control, runtime, until, (_, read) => read());
  const now = runtime.clock.now();
  const month = monthOf(now);
  const targets = [...ctx.peers.keys()].map((target) => ({ target, open: links.get(target)?.state === 'open' }));
  const { running, sweeps } = checksStatus(facts, month);
  return {
    set: ctx.set,
    source: ctx.member,
    links: targets.map(({ target }) => {
      const proven = links.get(target)?.proven;
      return { target, ...linkCheckStatus(facts, target, now), ...(proven !== undefined && { proven }) };
    }),
    members: Object.entries(facts.proof?.members ?? {}).map(([member, of]) => ({ member, ...of })),
    running: [...running.map(({ targets: of, ...run }) => ({ ...run, targets: [...of] }))],
    ...(sweeps && { sweeps }),
    attention: checkAttention(ctx.member, facts, targets, now, month),
  };
}
