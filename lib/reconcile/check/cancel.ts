import { InputError } from '../../core/errors.ts';
import { JobLease } from '../../job/lease.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { CheckPorts } from '../ports.ts';
import { failCheck } from './engine.ts';
import type { CheckJob } from './job.ts';
import { cancelledText, checkPlace, readCheck } from './job.ts';
import { unknownCheck } from './start.ts';

/**
 * Ends a check that is under way: what it has not verified is unverified, and nothing more of it is repaired. Repairs that are in the lanes already
 * are carried out.
 *
 * @param by who, for people. @param why what the check then says.
 * @throws InputError "unknown-check", "not-under-way", "job-taken" while another run has it, "job-lost" · RemoteError, FormatError
 */
export async function cancelCheck(ports: CheckPorts, runtime: Runtime, id: string, by: string, why = cancelledText(by)): Promise<CheckJob> {
  const { table, member } = ports.own;
  const { control } = member.tables;
  const found = await readCheck(table, control, runtime, id);
  if (found === undefined) throw unknownCheck(id);
  if (found.done !== undefined) throw new InputError('not-under-way', `The check ${id} has come to its end; there is nothing to cancel.`);
  const lease = await JobLease.claim(checkPlace(table, control, id), runtime, by, found, false);
  try {
    const watcher = { progress: () => undefined, stopped: () => false };
    if (lease.job.done === undefined)
      await failCheck({ ports, runtime, lease, untilMs: Number.POSITIVE_INFINITY, endMs: Number.POSITIVE_INFINITY, watcher, drive: false }, why);
  } finally {
    // What failed is thrown; a row that cannot be given up is free when its lease ends.
    await lease.release().catch(() => undefined);
  }
  return lease.job;
}
