import { FormatError } from '../../core/errors.ts';
import { numberValue, stringValue } from '../../core/formats/rows.ts';
import { JOB, jobKey } from '../../job/row.ts';
import type { Runtime } from '../../ports/runtime.ts';
import { retried } from '../../replicate/retry.ts';
import { together } from '../../replicate/together.ts';
import type { MemberReach } from '../ports.ts';
import type { CheckJob } from './job.ts';
import { allChecks, CHECK_PREFIX, decodeCheck, isOpen } from './job.ts';
import { CHECK_ROW_LIFE_MS, FORGOTTEN_PER_RUN, PROOF_CHECKS_KEPT, REQUEST_MAX_MS } from './limits.ts';
import { BY_PROOF } from './request.ts';

/**
 * Drops the row of a check, unless somebody writes it meanwhile.
 *
 * Its objects, `reports/<check>/…`, stay: the bucket's own rule deletes whatever is under `reports/` after 90 days, which costs no request.
 *
 * @returns whether it did. @throws RemoteError
 */
export async function forgetCheck({ table, member }: MemberReach, runtime: Runtime, { id, v }: Pick<CheckJob, 'id' | 'v'>): Promise<boolean> {
  const { ok } = await retried(runtime, runtime.clock.elapsed() + REQUEST_MAX_MS, () =>
    table.delete(member.tables.control, jobKey(`${CHECK_PREFIX}${id}`), { op: '=', path: ['v'], value: numberValue(v) }),
  );
  return ok;
}

/** Drops the rows of checks that were done long ago: a few of the oldest. Returns how many. @throws RemoteError */
export async function forgetOldChecks(reach: MemberReach, runtime: Runtime): Promise<number> {
  const { table, member } = reach;
  const now = runtime.clock.now();
  const { items } = await retried(runtime, runtime.clock.elapsed() + REQUEST_MAX_MS, () =>
    table.query({
      table: member.tables.control,
      partition: { name: 'pk', value: stringValue(JOB) },
      sort: { name: 'sk', prefix: CHECK_PREFIX },
      limit: FORGOTTEN_PER_RUN,
    }),
  );
  const over = items.flatMap((row) => {
    try {
      const job = decodeCheck(row);
      return job.done !== undefined && now - job.done > CHECK_ROW_LIFE_MS ? [job] : [];
    } catch (error) {
      // Of another version: that one will know when it is over.
      if (error instanceof FormatError) return [];
      throw error;
    }
  });
  return (await together(over.map((job) => forgetCheck(reach, runtime, job)))).filter(Boolean).length;
}

/**
 * Drops the rows of older checks of the standing proof at the same targets, when one of them has ended: PROOF_CHECKS_KEPT stay. What they
 * found is what the newest ones found, or is mended. Returns how many. @throws RemoteError
 */
export async function forgetRepeated(reach: MemberReach, runtime: Runtime, ended: Pick<CheckJob, 'request'>): Promise<number> {
  const { table, member } = reach;
  if (ended.request.by !== BY_PROOF) return 0;
  const targets = ended.request.targets.join();
  const same = (await allChecks(table, member.tables.control, runtime)).filter(
    (job) => !isOpen(job) && job.request.by === BY_PROOF && job.request.targets.join() === targets,
  );
  const over = same.slice(PROOF_CHECKS_KEPT).slice(-FORGOTTEN_PER_RUN);
  return (await together(over.map((job) => forgetCheck(reach, runtime, job)))).filter(Boolean).length;
}
