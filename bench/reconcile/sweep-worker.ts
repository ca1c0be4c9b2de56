import { awsClients, objectClient } from '../../lib/adapters/aws/clients.ts';
import { AwsObjectPort } from '../../lib/adapters/aws/object-port.ts';
import { systemChance, systemClock } from '../../lib/adapters/aws/runtime.ts';
import { AwsTablePort } from '../../lib/adapters/aws/table-port.ts';
import { archivePlace } from '../../lib/archive/place.ts';
import type { Key } from '../../lib/core/attribute.ts';
import { setConfigSchema } from '../../lib/core/config.ts';
import { JobLease } from '../../lib/job/lease.ts';
import type { Runtime } from '../../lib/ports/runtime.ts';
import type { TablePort } from '../../lib/ports/table.ts';
import { readBase } from '../../lib/reconcile/scan/base.ts';
import { scanKind } from '../../lib/reconcile/scan/kind.ts';
import type { ScannedMember } from '../../lib/reconcile/scan/reached.ts';
import { freshScan, scanTaskId } from '../../lib/reconcile/scan/task.ts';
import { taskPlace } from '../../lib/reconcile/tasks/task.ts';
import { memberContext } from '../../lib/replicate/context.ts';
import { retried } from '../../lib/replicate/retry.ts';
import { together } from '../../lib/replicate/together.ts';
import type { Answers, Task } from '../workers/protocol.ts';
import { measured, serve } from '../workers/serve.ts';
import { madeUpTable } from './sweep-table.ts';

/** A process that sweeps all members of a set as `syncline check` does: one scan each at the same time, each with the clients of its region. */

const config = setConfigSchema.parse(JSON.parse(process.env['SYNCLINE_CONFIG'] ?? ''));
const endpoints = JSON.parse(process.env['SYNCLINE_ENDPOINTS'] ?? '{}') as Record<string, string>;
/** Tables of so many items that nobody stores; the real ones without. */
const madeUp = Number(process.env['BENCH_MADE_UP'] ?? 0);
/** One page of a bare scan and its repetitions (ms), as a scan has them. */
const PAGE_MAX_MS = 30_000;
/** A sweep (ms). */
const SWEEP_MAX_MS = 15 * 60_000;
/** Nobody writes here, so the log is complete at once. A base waits until that is sure: so much time (ms) is passed over, and not measured. */
const LOG_SURE_MS = 5 * 60_000;

const reaches = config.members.map((one): ScannedMember => {
  const member = memberContext(config, one);
  const access = { region: one.region, endpoint: endpoints[one.region] ?? '' };
  const real = new AwsTablePort(awsClients(access).dynamodb);
  const table: TablePort = madeUp > 0 ? madeUpTable(real, member.tables.items, one.region, madeUp) : real;
  return { member, table, place: archivePlace(member, new AwsObjectPort(objectClient(access).s3)), stream: { shards: async () => [] } };
});

const runtime: Runtime = {
  clock: systemClock,
  chance: systemChance,
  metrics: { count: () => undefined },
  log: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
};
const later: Runtime = {
  ...runtime,
  clock: { now: () => systemClock.now() + LOG_SURE_MS, elapsed: () => systemClock.elapsed(), sleep: (ms) => systemClock.sleep(ms) },
};

/** All tables at the same time, in parts: what it reads is not kept. */
async function bareScans({ segments }: Extract<Task, { kind: 'bare-scans' }>): Promise<Answers['bare-scans']> {
  const part = async ({ table, member }: ScannedMember, index: number): Promise<number> => {
    let found = 0;
    let after: Key | undefined;
    do {
      const request = { table: member.tables.items, segment: { index, of: segments }, ...(after !== undefined && { after }) };
      const page = await retried(runtime, systemClock.elapsed() + PAGE_MAX_MS, () => table.scan(request), ['transient', 'unanswered']);
      found += page.items.length;
      after = page.next;
    } while (after !== undefined);
    return found;
  };
  const { result, ...cost } = await measured(() => together(reaches.flatMap((reach) => Array.from({ length: segments }, (_, i) => part(reach, i)))));
  return { ...cost, items: result.reduce((sum, n) => sum + n, 0) };
}

async function sweep(): Promise<Answers['sweep']> {
  const ids = reaches.map(() => scanTaskId(runtime));
  const leases = await together(
    reaches.map(({ table, member }, i) => {
      const id = ids[i] as string;
      const fresh = freshScan({ id, by: 'the bench', asked: systemClock.now() });
      return JobLease.claim(taskPlace(table, member.tables.control, id, scanKind), runtime, `bench ${process.pid}`, fresh, false);
    }),
  );
  const work = (at: Runtime, until: 'listed' | 'done'): Promise<unknown> =>
    together(
      reaches.map((reach, i) => {
        const lease = leases[i] as (typeof leases)[number];
        const stopped = (): boolean => until === 'listed' && lease.job.listed;
        return scanKind.work(reach, at, lease, systemClock.elapsed() + SWEEP_MAX_MS, { progress: () => undefined, stopped });
      }),
    );
  const { result: _, ...cost } = await measured(async () => {
    await work(runtime, 'listed');
    await work(later, 'done');
  });
  await together(leases.map((lease) => lease.release()));
  const bases = await together(
    reaches.map(({ place }, i) => {
      const { failed, done } = (leases[i] as (typeof leases)[number]).job;
      if (failed !== undefined || done === undefined) throw new Error(`A scan has not ended well: ${failed ?? 'it is not done'}`);
      return readBase(place, runtime, ids[i] as string);
    }),
  );
  return { ...cost, items: bases.map(({ items }) => items), digests: bases.map(({ digest }) => digest.encode().toString('base64')) };
}

serve(async (task) => {
  if (task.kind === 'bare-scans') return bareScans(task);
  if (task.kind === 'sweep') return sweep();
  throw new Error(`This worker does not do "${task.kind}".`);
});
