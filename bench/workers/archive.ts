import { awsClients, objectClient } from '../../lib/adapters/aws/clients.ts';
import { AwsObjectPort } from '../../lib/adapters/aws/object-port.ts';
import { systemChance, systemClock } from '../../lib/adapters/aws/runtime.ts';
import { AwsTablePort } from '../../lib/adapters/aws/table-port.ts';
import { history } from '../../lib/archive/log/history.ts';
import { rollUp } from '../../lib/archive/log/roll-up.ts';
import type { ArchivePlace } from '../../lib/archive/place.ts';
import { restoreJobId, restorePlace } from '../../lib/archive/restore/job.ts';
import { planRestore } from '../../lib/archive/restore/plan.ts';
import { restoreToTable } from '../../lib/archive/restore/to-table.ts';
import { takeSnapshot } from '../../lib/archive/snapshot/take.ts';
import type { Key } from '../../lib/core/attribute.ts';
import { memberNamed, setConfigSchema } from '../../lib/core/config.ts';
import { streamLabel } from '../../lib/core/formats/archive-names.ts';
import type { Runtime } from '../../lib/ports/runtime.ts';
import { memberContext } from '../../lib/replicate/context.ts';
import { retried } from '../../lib/replicate/retry.ts';
import { together } from '../../lib/replicate/together.ts';
import { MadeUpTable } from '../archive/made-up.ts';
import { madeUpLog } from '../archive/made-up-log.ts';
import { keyOf } from '../items.ts';
import type { Answers, Task } from './protocol.ts';
import { measured, serve } from './serve.ts';

/** A process that runs the archive's flows as the command does: the functions' clients, the real flows, nothing shown. */

const config = setConfigSchema.parse(JSON.parse(process.env['SYNCLINE_CONFIG'] ?? ''));
const member = memberNamed(config, process.env['SYNCLINE_MEMBER'] ?? '');
const endpoint = (JSON.parse(process.env['SYNCLINE_ENDPOINTS'] ?? '{}') as Record<string, string>)[member.region] ?? '';
const access = { region: member.region, endpoint };

const context = memberContext(config, member);
const { items, control } = context.tables;
/** A table of so many items that nobody stores; the real one without. */
const madeUp = Number(process.env['BENCH_MADE_UP'] ?? 0);
const real = new AwsTablePort(awsClients(access).dynamodb);
const made = madeUp > 0 ? new MadeUpTable(real, items, madeUp) : undefined;
const table = made?.port ?? real;
const place: ArchivePlace = {
  objects: new AwsObjectPort(objectClient(access).s3),
  bucket: context.bucket,
  set: config.set,
  member: member.name,
  key: context.key,
};
const runtime: Runtime = {
  clock: systemClock,
  chance: systemChance,
  metrics: { count: () => undefined },
  log: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
};
const owner = `bench ${process.pid}`;
/** Longest time for rolling a log up (ms). */
const ROLL_UP_MAX_MS = 10 * 60_000;
/** One page of a bare scan and its repetitions (ms), as a snapshot has them. */
const PAGE_MAX_MS = 30_000;
/** Changes that `syncline history` shows of a key. */
const HISTORY_LIMIT = 20;
const nobody = { progress: () => undefined, stopped: () => false };

async function scan({ segments }: Extract<Task, { kind: 'scan' }>): Promise<Answers['scan']> {
  const part = async (index: number): Promise<number> => {
    let found = 0;
    let after: Key | undefined;
    do {
      const request = { table: items, segment: { index, of: segments }, ...(after !== undefined && { after }) };
      const page = await retried(runtime, systemClock.elapsed() + PAGE_MAX_MS, () => table.scan(request), ['transient', 'unanswered']);
      found += page.items.length;
      after = page.next;
    } while (after !== undefined);
    return found;
  };
  const { result, ...cost } = await measured(async () => together(Array.from({ length: segments }, (_, i) => part(i))));
  return { ...cost, items: result.reduce((sum, n) => sum + n, 0) };
}

async function snapshot(): Promise<Answers['snapshot']> {
  const { result, ...cost } = await measured(() => takeSnapshot(context, { table, place }, runtime, { owner }, nobody));
  if (result.manifest === undefined) throw new Error(`The snapshot ended before its end: ${result.ended ?? 'nobody knows why'}.`);
  return { ...cost, items: result.manifest.items, files: result.manifest.files.length };
}

async function restore({ table: name }: Extract<Task, { kind: 'restore' }>): Promise<Answers['restore']> {
  const checked = await measured(() => planRestore(place, runtime, { at: 'latest' }));
  const target = { port: table, table: name, job: restorePlace(table, control, restoreJobId(name)) };
  const options = { owner, what: '', keepMeta: false };
  const { result, ...cost } = await measured(() => restoreToTable(place, runtime, checked.result, target, options, nobody));
  if (result.ended !== 'done' || result.job.refused > 0) throw new Error(`The restore ${result.ended}; ${result.job.refused} items were refused.`);
  return { ...cost, items: result.job.items, checkMs: checked.ms, digest: made?.digest ?? '' };
}

async function makeLog({ changes, stream }: Extract<Task, { kind: 'make-log' }>): Promise<Answers['make-log']> {
  let segments = 0;
  let bytes = 0;
  for (const { name, body, sha256 } of madeUpLog({ set: config.set, member: member.name, stream }, changes, Date.now())) {
    const answer = await place.objects.put(place.bucket, name, body, { sha256, ifNoneMatch: '*' });
    if (!answer.ok) throw new Error(`There is a segment ${name} already.`);
    segments += 1;
    bytes += body.length;
  }
  const { made: rollUps, findings } = await rollUp(place, runtime, { until: systemClock.elapsed() + ROLL_UP_MAX_MS, rows: [], label: streamLabel(stream) });
  if (findings.length > 0) throw new Error(`The chain of the made-up log has findings: ${JSON.stringify(findings)}`);
  return { segments, bytes, rollUps };
}

async function historyOf({ item }: Extract<Task, { kind: 'history' }>): Promise<Answers['history']> {
  const { result, ...cost } = await measured(() => history(place, runtime, keyOf(item), { limit: HISTORY_LIMIT }));
  if (result.findings.length > 0) throw new Error(`The history of item ${item} has findings: ${JSON.stringify(result.findings)}`);
  return { ...cost, changes: result.changes.length, ...result.read };
}

serve(async (task) => {
  if (task.kind === 'scan') return scan(task);
  if (task.kind === 'snapshot') return snapshot();
  if (task.kind === 'restore') return restore(task);
  if (task.kind === 'make-log') return makeLog(task);
  if (task.kind === 'history') return historyOf(task);
  throw new Error(`This worker does not do "${task.kind}".`);
});
