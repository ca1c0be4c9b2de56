import { FormatError } from '../../core/errors.ts';
import { numberValue, stringValue } from '../../core/formats/rows.ts';
import { JOB, jobKey } from '../../job/row.ts';
import type { Runtime } from '../../ports/runtime.ts';
import { retried } from '../../replicate/retry.ts';
import { together } from '../../replicate/together.ts';
import type { MemberReach } from '../ports.ts';
import type { CheckJob } from './job.ts';
import { CHECK_PREFIX, decodeCheck } from './job.ts';
import { CHECK_ROW_LIFE_MS, FORGOTTEN_PER_RUN, REQUEST_MAX_MS } from './limits.ts';

/** Drops the row of a check, unless somebody writes it meanwhile. Its report stays as long as the bucket keeps it. @throws RemoteError */
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
