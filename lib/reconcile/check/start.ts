import type { Key } from '../../core/attribute.ts';
import { InputError } from '../../core/errors.ts';
import { snapshotId } from '../../core/formats/manifest.ts';
import type { Seat } from '../../core/formats/rows.ts';
import { isPrimary } from '../../core/formats/rows.ts';
import { keyText } from '../../core/key.ts';
import { JobLease } from '../../job/lease.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { TablePort } from '../../ports/table.ts';
import type { MemberContext } from '../../replicate/context.ts';
import { retried } from '../../replicate/retry.ts';
import type { Self } from '../../replicate/self.ts';
import { NotInitialisedError, readSelf } from '../../replicate/self.ts';
import type { CheckPorts } from '../ports.ts';
import type { Suspicion } from '../verdict/suspicion.ts';
import { storeSuspicions } from './batches.ts';
import { afterFailure } from './counts.ts';
import type { CheckJob, CheckLink } from './job.ts';
import { checkPlace, isOpen, listChecks, readCheck } from './job.ts';
import { CHECKS_OPEN_MAX, REQUEST_MAX_MS } from './limits.ts';
import type { CheckPhase } from './report.ts';
import type { CheckRequest, SavedRequest } from './request.ts';
import { validRequest } from './request.ts';

/** A link of which nothing is known yet. */
const freshLink = (source: string, target: string, since: number): CheckLink => ({
  source,
  target,
  stage: 'wait',
  since,
  ...{ keys: 0, verified: 0, divergent: 0, unverified: 0, repaired: 0, left: 0, held: 0 },
  ...{ changed: 0, missing: 0, extra: 0, refused: 0, expired: 0, suspicions: 0, judged: 0, bytes: 0 },
  reasons: [],
});

/**
 * The seat of the primary, and its links.
 *
 * @throws InputError "not-primary" · NotInitialisedError, RemoteError, FormatError
 */
export async function readPrimary(member: MemberContext, table: TablePort, runtime: Runtime): Promise<Self & { readonly seat: Seat }> {
  const self = await retried(runtime, runtime.clock.elapsed() + REQUEST_MAX_MS, () => readSelf(table, member.tables.control));
  const { seat } = self;
  if (seat === undefined) throw new NotInitialisedError(member.set, member.member);
  if (!isPrimary(seat)) {
    const who = seat.primary === undefined || seat.primary === member.member ? '' : `; "${seat.primary}" is`;
    throw new InputError('not-primary', `"${member.member}" is not the primary${who}. Checks run at the primary: the others are compared with it.`);
  }
  return { ...self, seat };
}

/**
 * Asks for a check. It is carried out by the minute run of the primary, or by whoever runs it (`runCheck`).
 *
 * @param given its id, of whoever has noted it before the check is there.
 * @throws InputError "not-primary", "unknown-member", "invalid-check", "invalid-key", "too-many-checks" · NotInitialisedError, RemoteError, FormatError
 */
export async function startCheck(ports: CheckPorts, runtime: Runtime, wanted: CheckRequest, given?: string): Promise<CheckJob> {
  const { member, table, place } = ports.own;
  const { keys, ...request } = validRequest(wanted, member);
  const self = await readPrimary(member, table, runtime);
  const open = (await listChecks(table, member.tables.control, runtime)).filter(isOpen);
  if (open.length >= CHECKS_OPEN_MAX) {
    throw new InputError(
      'too-many-checks',
      `${open.length} checks are under way; at most ${CHECKS_OPEN_MAX} are at a time. Wait until one is done, or run one of them: ${open.map(({ id }) => id).join(', ')}.`,
    );
  }
  const now = runtime.clock.now();
  const id = given ?? snapshotId(now, runtime.chance.nonce());
  const distinct = keys && distinctKeys(keys, member);
  const closed = new Map(request.targets.flatMap((target): [string, string][] => closedWhy(self, target)));
  const asked = request.targets.filter((target) => !closed.has(target));
  const suspicions = (distinct ?? []).flatMap((key) => asked.map((target): Suspicion => ({ key, target })));
  // The batches are stored first: a row without them would be a check that cannot go on.
  const made = await storeSuspicions(place, runtime, id, 0, suspicions, async () => undefined);
  const tasks = request.scansOf === undefined ? [] : await scansOf(ports, runtime, request.scansOf);
  const phase: CheckPhase = request.mode === 'keys' ? 'verdict' : request.mode === 'proof' || request.scansOf !== undefined ? 'compare' : 'scan';
  const saved: SavedRequest = { ...request, ...(distinct && { given: distinct.length }) };
  const links = request.targets.map((target): CheckLink => {
    const link = freshLink(member.member, target, now);
    const why = closed.get(target);
    if (why !== undefined) return afterFailure(link, distinct?.length ?? 0, why);
    if (distinct !== undefined) return { ...link, stage: 'verdict', suspicions: distinct.length };
    return phase === 'compare' ? { ...link, stage: 'compare' } : link;
  });
  const lease = await JobLease.claim<CheckJob>(
    checkPlace(table, member.tables.control, id),
    runtime,
    request.by,
    {
      id,
      set: member.set,
      source: member.member,
      request: saved,
      phase,
      started: now,
      since: now,
      links,
      tasks,
      made,
      ...{ next: 0, active: [], round: 0, findings: 0, parts: 0, told: 0 },
    },
    false,
  );
  await lease.release();
  return lease.job;
}

/** Why nothing travels on a link now: then no key of it can get its verdict. */
function closedWhy({ links }: Self, target: string): [string, string][] {
  const row = links.get(target);
  if (row?.state === 'open') return [];
  if (row === undefined) return [[target, 'there is no such link']];
  return [[target, `the link is ${row.state}${row.why === undefined ? '' : `: ${row.why}`}`]];
}

/** The scans of an earlier check. @throws InputError "unknown-check", "invalid-check" */
async function scansOf({ own }: CheckPorts, runtime: Runtime, id: string): Promise<CheckJob['tasks']> {
  const earlier = await readCheck(own.table, own.member.tables.control, runtime, id);
  if (earlier === undefined) throw unknownCheck(id);
  const tasks = earlier.tasks.filter(({ done, failed }) => done && failed === undefined);
  if (earlier.request.share === undefined && tasks.some(({ member }) => member === own.member.member)) return tasks;
  throw new InputError('invalid-check', `The check ${id} has no scans of whole tables. Begin one of its own.`, 'scansOf');
}

function distinctKeys(keys: readonly Key[], member: MemberContext): readonly Key[] {
  return [...new Map(keys.map((key) => [keyText(key, member.key), key])).values()];
}

/**
 * Lets a check that waits with its preview go on to the repair.
 *
 * @param control name of the primary's `control` table.
 * @throws InputError "unknown-check", "not-waiting", "job-taken", "job-lost" · RemoteError, FormatError
 */
export async function approve(
  table: TablePort,
  control: string,
  runtime: Runtime,
  id: string,
  who: { readonly by: string; readonly allowDeletes?: boolean },
): Promise<CheckJob> {
  const found = await readCheck(table, control, runtime, id);
  if (found === undefined) throw unknownCheck(id);
  refuseNotWaiting(found);
  const lease = await JobLease.claim(checkPlace(table, control, id), runtime, who.by, found, false);
  try {
    refuseNotWaiting(lease.job);
    await lease.save({ approved: { by: who.by, at: runtime.clock.now(), deletes: who.allowDeletes ?? lease.job.request.allowDeletes ?? false } });
  } finally {
    // What failed is thrown; a row that cannot be given up is free when its lease ends.
    await lease.release().catch(() => undefined);
  }
  return lease.job;
}

/** @throws InputError "not-waiting" */
function refuseNotWaiting({ id, done, phase, approved }: CheckJob): void {
  if (done === undefined && phase === 'preview' && approved === undefined) return;
  const why = done !== undefined ? 'it is done' : approved === undefined ? `it is at "${phase}"` : `${approved.by} has approved it`;
  throw new InputError('not-waiting', `The check ${id} does not wait for an approval: ${why}.`);
}

export const unknownCheck = (id: string): InputError =>
  new InputError('unknown-check', `There is no check ${JSON.stringify(id)}. "syncline check --list" shows those there are.`);
