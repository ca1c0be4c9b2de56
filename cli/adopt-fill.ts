import type { BackfillResult } from '../lib/adopt/backfill.ts';
import { backfill } from '../lib/adopt/backfill.ts';
import type { AdoptFacts } from '../lib/adopt/check.ts';
import type { Estimate } from '../lib/adopt/estimate.ts';
import { estimateBackfill } from '../lib/adopt/estimate.ts';
import { REQUEST_MAX_MS } from '../lib/adopt/limits.ts';
import type { Progress } from '../lib/adopt/ports.ts';
import type { AdoptProof } from '../lib/adopt/proof.ts';
import { proveAdopted } from '../lib/adopt/proof.ts';
import { sampleReplicas } from '../lib/adopt/ready.ts';
import type { AdoptJob } from '../lib/adopt/savepoint.ts';
import { adoptPlace, isScanned } from '../lib/adopt/savepoint.ts';
import type { MemberConfig } from '../lib/core/config.ts';
import { PRICE_DATE, PRICE_REGION_DEFAULT, PRICES, pricesOf } from '../lib/cost/prices.ts';
import { readJob } from '../lib/job/lease.ts';
import type { TablePort } from '../lib/ports/table.ts';
import type { ProveProgress } from '../lib/reconcile/prove/prove.ts';
import { memberContext } from '../lib/replicate/context.ts';
import { initSet } from '../lib/replicate/init.ts';
import { readSelf } from '../lib/replicate/self.ts';
import type { AdoptIo } from './adopt-io.ts';
import { proofWords, showProgress } from './adopt-progress.ts';
import { planText } from './adopt-show.ts';
import { needsYes } from './agreed.ts';
import { announce } from './announce.ts';
import { checkAt } from './check-ports.ts';
import { CliError } from './errors.ts';
import { locatedTable } from './located.ts';
import type { Session } from './session.ts';
import { located } from './session.ts';

/** The backfill of an adopted table: said first, asked, run, and told. */

/** What the user says about it. */
export interface FillOptions {
  readonly rate?: number;
  /** Both sides are compared at the end. */
  readonly prove: boolean;
  readonly restart: boolean;
  readonly yes: boolean;
  readonly replicaNotEmpty: boolean;
}

/** What it will do. */
export interface Plan {
  readonly estimate: Estimate;
  readonly priceDate: string;
  readonly priceRegion: string;
  /** The set has no seats yet: they are given first. */
  readonly init: boolean;
  /** Where an earlier run ended; absent when there is none, or it is begun anew. */
  readonly goesOn?: { readonly keys: number; readonly sent: boolean };
}

/** What became of it. */
export type Filled =
  | { readonly done: 'before'; readonly job: AdoptJob; readonly proof?: AdoptProof }
  | { readonly done: 'declined'; readonly plan: Plan }
  | { readonly done: 'run'; readonly plan: Plan; readonly result: BackfillResult; readonly proof?: AdoptProof };

/**
 * Fills the replicas from an adopted table.
 *
 * @param session of the deployed set, with its deployed configuration.
 * @throws CliError "replica-not-empty", "needs-yes"; and what the flow throws.
 */
export async function fill(session: Session, member: MemberConfig, facts: AdoptFacts, own: FillOptions, io: AdoptIo): Promise<Filled> {
  const { config, out, runtime, outside } = session;
  const context = memberContext(config, member);
  const { table, queue } = session.ports(member);
  const target = (region: string): TablePort => session.ports(config.members.find((m) => m.region === region) as MemberConfig).table;
  const at = <T>(run: () => Promise<T>): Promise<T> => located(session, member, run);

  const place = adoptPlace(table, context.tables.control, member.generation);
  const { seat } = await at(() => readSelf(table, place.control));
  const job = await at(() => readJob(place, runtime));
  if (job?.done !== undefined && !own.restart) return { done: 'before', job, ...(own.prove && { proof: await proveFilled(session, member, job, own, io) }) };

  const samples = await at(() => sampleReplicas(context, (link) => target(link.targetRegion), runtime));
  const old = samples.filter((s) => s.old > 0);
  if (old.length > 0 && !own.replicaNotEmpty) {
    throw new CliError(
      'failed',
      'replica-not-empty',
      `${old.map((s) => `${s.target} holds items that Syncline did not write (${s.old} of ${s.looked} that were looked at)`).join('; ')}. What the table does not have would stay there beside its items: nothing here deletes it. Empty the replica's table first, or say that it is as it should be: --replica-not-empty.`,
    );
  }

  const goesOn = job !== undefined && !own.restart ? job : undefined;
  const priceRegion = PRICES[member.region] === undefined ? PRICE_REGION_DEFAULT : member.region;
  const estimate = estimateBackfill(
    {
      items: facts.table.itemCount,
      bytes: facts.more.bytes,
      links: context.links.length,
      lanes: context.lanes,
      prove: own.prove,
      ...(own.rate !== undefined && { ratePerS: own.rate }),
      ...(job !== undefined && job.keys > 0 && job.worked > 0 && { measuredPerS: (job.keys * 1_000) / job.worked }),
    },
    pricesOf(priceRegion, {}),
  );
  const plan: Plan = {
    estimate,
    priceDate: PRICE_DATE,
    priceRegion,
    init: seat === undefined,
    ...(goesOn && { goesOn: { keys: goesOn.keys, sent: isScanned(goesOn) } }),
  };
  const words = planText(config.set, member, facts, plan, own.rate);
  if (!own.yes) {
    if (io.confirm === undefined || out.json) {
      throw needsYes({ plan }, words);
    }
    out.note(words);
    if (!(await io.confirm('Begin?'))) return { done: 'declined', plan };
  } else out.note(words);

  if (seat === undefined) {
    await at(() => initSet(config, member, (m) => locatedTable(session, m), runtime.clock.now()));
    // The deadline of the session may be over by now: a person was asked.
    await announce({ ...session, until: runtime.clock.elapsed() + REQUEST_MAX_MS });
  }

  let stopped = false;
  const takeBack = outside.onStop(() => {
    stopped = true;
  });
  const shown = showProgress(facts.table.itemCount, { stream: io.stream, note: (text) => out.note(text), elapsed: () => runtime.clock.elapsed() });
  const options = {
    generation: member.generation,
    owner: io.owner,
    restart: own.restart,
    ...(own.rate !== undefined && { ratePerS: own.rate }),
  };
  try {
    const watcher = { progress: (now: Progress) => shown.progress(now), stopped: () => stopped };
    const result = await at(() => backfill(context, { table, queue, target }, runtime, options, watcher));
    shown.stop();
    const proof = own.prove && result.job.done !== undefined ? await proveFilled(session, member, result.job, own, io) : undefined;
    return { done: 'run', plan, result, ...(proof && { proof }) };
  } finally {
    shown.stop();
    takeBack();
  }
}

/** Between two lines about the proof (ms). */
const PROOF_LINE_EVERY_MS = 10_000;

/** Compares both sides, and makes equal what differs; it deletes nothing. @throws CliError and what `proveAdopted` throws */
async function proveFilled(session: Session, member: MemberConfig, job: AdoptJob, own: FillOptions, io: AdoptIo): Promise<AdoptProof> {
  const { out, runtime, outside } = session;
  const { ports } = await checkAt(session);
  let stopped = false;
  const takeBack = outside.onStop(() => {
    stopped = true;
  });
  let said = '';
  let saidAt = Number.NEGATIVE_INFINITY;
  const progress = ({ phase, lanes, check }: ProveProgress): void => {
    const step = phase === 'drain' ? 'drain' : (check?.phase ?? '');
    if (step === said && runtime.clock.elapsed() - saidAt < PROOF_LINE_EVERY_MS) return;
    said = step;
    saidAt = runtime.clock.elapsed();
    out.note(proofWords(phase === 'drain' ? lanes : undefined, check));
  };
  try {
    const options = { owner: io.owner, ...(own.rate !== undefined && { itemsPerS: Math.max(1, Math.floor(own.rate)) }) };
    return await located(session, member, () => proveAdopted(ports, runtime, job, options, { progress, stopped: () => stopped }));
  } finally {
    takeBack();
  }
}
