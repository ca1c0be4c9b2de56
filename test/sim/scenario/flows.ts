import { archiveMinute } from '../../../lib/archive/minute.ts';
import { APPLY_BATCH_MESSAGES, FUNCTION_TIMEOUT_MS, RECONCILE_TIMEOUT_MS, VISIBILITY_S } from '../../../lib/core/constants.ts';
import { observe } from '../../../lib/observe/observe.ts';
import type { Log, Runtime } from '../../../lib/ports/runtime.ts';
import type { StreamBatch, StreamRecord } from '../../../lib/ports/stream.ts';
import type { MinuteResult } from '../../../lib/reconcile/minute.ts';
import { minuteRun } from '../../../lib/reconcile/minute.ts';
import type { ApplyResult } from '../../../lib/replicate/apply/apply.ts';
import { apply, applySandbox } from '../../../lib/replicate/apply/apply.ts';
import { linkContext, memberContext } from '../../../lib/replicate/context.ts';
import { fanout } from '../../../lib/replicate/fanout.ts';
import { ShardFinder } from '../../../lib/replicate/shards.ts';
import type { SimProcess } from '../process.ts';
import type { SimLink } from '../set.ts';
import type { Received, Stage, Task } from './stage.ts';

/** The production flows as a scenario's commands begin them. What they say is turned into lines. */

/** What a sandbox of fan-out keeps, for as long as it lives. */
const FINDERS = new WeakMap<SimProcess, ShardFinder>();

/** Gives records to fan-out or to the observer. */
export function beginReader(stage: Stage, member: string, fn: 'fanout' | 'observe', batch: StreamBatch, stored: () => void): Task {
  const { records } = batch;
  const { set } = stage.world;
  const context = memberContext(set.config, set.memberConfig(member));
  return stage.invoke(member, fn, async (process) => {
    const ports = set.region(member).ports(process);
    const shards = FINDERS.get(process) ?? new ShardFinder(ports.stream, process.clock);
    FINDERS.set(process, shards);
    const all = { table: ports.table, queue: ports.queue, objects: ports.objects, shards };
    const runtime = stage.world.runtimeOf(process);
    if (fn === 'observe') {
      const { records: archived, doubt } = await observe(batch, context, all, runtime);
      stored();
      const parts = ['seen', ...(archived < records.length ? [`${archived} of them archived now`] : []), ...(doubt === undefined ? [] : [`doubt: ${doubt}`])];
      return [`${spanOf(stage, records)}: ${parts.join(', ')}`];
    }
    const { images, resyncs, skipped, messages, staleLinks } = await fanout({ records: batch.records }, context, all, runtime);
    stored();
    const parts = [count(images, 'image'), count(resyncs, 'resync'), skipped > 0 ? `${skipped} not sent` : ''].filter((part) => part !== '');
    const skippedLinks = staleLinks.length > 0 ? `; stale: ${staleLinks.map((t) => `${member}>${t}`).join(' ')}` : '';
    return [`${spanOf(stage, records)}: ${parts.join(', ')} in ${count(messages, 'message') || 'no message'}${skippedLinks}`];
  });
}

function spanOf(stage: Stage, records: readonly StreamRecord[]): string {
  const name = (record: StreamRecord | undefined): string => (record === undefined ? '' : stage.names.record(record.streamArn, record.sequence));
  return records.length === 1 ? name(records[0]) : `${name(records[0])} to ${name(records.at(-1))}`;
}

const count = (n: number, what: string): string => (n === 0 ? '' : `${n} ${what}${n === 1 ? '' : 's'}`);

/** Receives messages as Lambda's mapping does. */
export function receive(stage: Stage, link: SimLink, max = APPLY_BATCH_MESSAGES): Received {
  const { world } = stage;
  const messages = link.queue.receive(max, VISIBILITY_S, world.nowAt(link.source));
  world.messages.swept(link);
  world.messages.received(link, messages, 'scenario');
  const names = new Map(messages.map((m) => [m.id, world.messages.known(m.id)?.name ?? '?']));
  return { link, messages, names, failures: undefined };
}

/** Gives received messages to apply. */
export function beginApply(stage: Stage, received: Received, remainingMs = FUNCTION_TIMEOUT_MS): Task {
  const { world, sandboxes } = stage;
  const { link, messages } = received;
  const { set } = world;
  const context = linkContext(set.config, set.memberConfig(link.source), set.memberConfig(link.target));
  return stage.invoke(
    link.source,
    `apply>${link.target}`,
    async (process) => {
      world.messages.given(process, messages);
      const own = set.region(link.source).ports(process);
      const reports = { bucket: set.bucketName(link.source), objects: () => own.objects };
      const ports = { source: own.table, target: set.region(link.target).ports(process).table, queue: own.queue, reports };
      const causes = new Map<string, string>();
      const runtime = { ...world.runtimeOf(process), log: giveBackLog(causes) };
      const sandbox = sandboxes.get(process) ?? applySandbox(context, ports, runtime);
      sandboxes.set(process, sandbox);
      const result = await apply(messages, context, ports, runtime, sandbox, remainingMs);
      received.failures = result.failures;
      return applied(received, result, causes);
    },
    remainingMs,
  );
}

const nothing = (): void => undefined;

/** Apply says only in its log why it gave a lane back. */
function giveBackLog(causes: Map<string, string>): Log {
  const warn: Log['warn'] = (message, fields) => {
    if (message === 'A lane was given back.') causes.set(String(fields?.['lane']), String(fields?.['cause']));
  };
  return { debug: nothing, info: nothing, warn, error: nothing };
}

function applied({ messages, names }: Received, { counts, failures }: ApplyResult, causes: ReadonlyMap<string, string>): string[] {
  const parts = [
    counts.applied > 0 ? `${counts.applied} applied` : '',
    counts.superseded > 0 ? `${counts.superseded} superseded` : '',
    counts.resynced > 0 ? `${counts.resynced} resynced` : '',
    counts.refused > 0 ? `${counts.refused} refused` : '',
    counts.olderEpoch > 0 ? `${count(counts.olderEpoch, 'message')} of an older epoch` : '',
  ].filter((part) => part !== '');
  const lines = [parts.join(', ') || 'nothing to do'];
  const lanes = new Map<string, string[]>();
  for (const m of messages) {
    if (!failures.includes(m.id)) continue;
    lanes.set(m.group, [...(lanes.get(m.group) ?? []), names.get(m.id) ?? '?']);
  }
  for (const [lane, left] of lanes) lines.push(`gives back ${left.join(' ')}: ${causes.get(lane) ?? 'does not say why'}`);
  return lines;
}

/** Deletes what apply has finished, as Lambda does after its answer. Gives the names of what could not be deleted. */
export function deleteFinished(
  stage: Stage,
  { link, messages, names, failures }: Received,
): { readonly deleted: readonly string[]; readonly refused: readonly string[] } {
  const { world } = stage;
  const deleted: string[] = [];
  const refused: string[] = [];
  for (const message of messages) {
    if (failures?.includes(message.id) === true) continue;
    const name = names.get(message.id) ?? '?';
    if (link.queue.delete(message.receipt, world.nowAt(link.source)) === undefined) {
      world.messages.deleted(link, message);
      deleted.push(name);
    } else refused.push(name);
  }
  return { deleted, refused };
}

/** The minute run of a member. */
export function beginMinute(stage: Stage, member: string): Task {
  const { world } = stage;
  const { set } = world;
  const context = memberContext(set.config, set.memberConfig(member));
  const work = async (process: SimProcess): Promise<readonly string[]> => {
    const ports = set.region(member).ports(process);
    const runtime: Runtime = world.runtimeOf(process);
    const target = (region: string): typeof ports.table => set.region(region).ports(process).table;
    const result = await minuteRun(context, { table: ports.table, queue: ports.queue, target }, runtime);
    // Snapshots are the scenario's own.
    await archiveMinute(context, { table: ports.table, objects: ports.objects }, {}, runtime, runtime.clock.elapsed() + RECONCILE_TIMEOUT_MS / 2);
    return minuteLines(member, result);
  };
  return stage.invoke(member, 'reconcile', work, RECONCILE_TIMEOUT_MS);
}

function minuteLines(member: string, result: MinuteResult): string[] {
  if (!result.primary) return ['is not primary'];
  return Object.entries(result.links).map(([target, r]) => {
    const letters = r.deadLetters;
    const parts = [
      count(letters?.redriven ?? 0, 'dead letter') && `${count(letters?.redriven ?? 0, 'dead letter')} to resyncs`,
      count(letters?.unreadable ?? 0, 'dead letter') && `${count(letters?.unreadable ?? 0, 'dead letter')} not readable`,
      letters?.stopped === undefined ? '' : `stopped: ${letters.stopped}`,
      r.refusedRetried > 0 ? `${count(r.refusedRetried, 'refused key')} tried again` : '',
      r.stale === undefined ? '' : `stale: ${r.stale}`,
      r.marked ? 'marked' : 'not marked',
    ].filter((part) => part !== '');
    return `${member}>${target}: ${parts.join(', ')}`;
  });
}
