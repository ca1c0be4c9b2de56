import { isBraked } from '../../archive/rewrite/brake.ts';
import type { Key } from '../../core/attribute.ts';
import { BATCH_GET_KEYS } from '../../core/constants.ts';
import { assert, FormatError } from '../../core/errors.ts';
import { isPrimary } from '../../core/formats/rows.ts';
import { keyOf, keyText } from '../../core/key.ts';
import { RemoteError, whyText } from '../../ports/errors.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { LinkContext } from '../../replicate/context.ts';
import { planResync } from '../../replicate/fanout-plan.ts';
import { retried } from '../../replicate/retry.ts';
import { readSelf } from '../../replicate/self.ts';
import { sendToLanes } from '../../replicate/send.ts';
import { together } from '../../replicate/together.ts';
import { sendEvents } from '../check/told.ts';
import { readLines } from '../lines.ts';
import type { CheckPorts, MemberReach } from '../ports.ts';
import type { DriftFlag } from '../proof/fold.ts';
import { DRIFT_EVENTS_PER_RUN, DRIFT_KEYS_PER_RUN, FRAMES_AT_ONCE, UNREADABLE_LOGGED_MAX } from './limits.ts';
import type { DriftCounts } from './row.ts';
import { readDrift, withDrift, writeDrift } from './row.ts';

/** The job that resyncs of drift name. */
const JOB = 'drift';

/** A flagged key of a member. */
interface Flagged {
  readonly key: Key;
  readonly cause: 'hand-write' | 'hand-delete';
  readonly at: number;
}

/**
 * What becomes of drift: the primary, whose fold has heard the flags of another member's observer, sends a resync of each key down its lane. The lane
 * compares, so a key that a real change has reached meanwhile is left alone. What it overwrites is in the member's log, and listed there as an orphan.
 *
 * The brake: keys that only the member has would be deleted there. More than DELETE_COUNT_FREE of them at a time are held, and told, until a human
 * allows it (`syncline check --repair --allow-deletes`).
 *
 * @param options.repair false: drift is counted and told, and nothing is sent.
 * @param until elapsed time (ms) after which nothing more is begun.
 * @throws RemoteError, when not all could be sent: the caller must hear the flags again. What was sent twice does no harm.
 */
export async function pullDrift(
  ports: CheckPorts,
  runtime: Runtime,
  flags: readonly DriftFlag[],
  options: { readonly repair: boolean },
  until: number,
): Promise<void> {
  if (flags.length === 0) return;
  const { member, table } = ports.own;
  const { seat, links } = await retried(runtime, until, () => readSelf(table, member.tables.control));
  // A role that has changed since the fold began: the next primary hears them itself.
  if (seat === undefined || !isPrimary(seat)) return;
  const epoch = seat.own;
  const counts = new Map<string, DriftCounts>();
  const told: { readonly member: string; readonly cause: string; readonly key: Key; readonly at: number }[] = [];
  for (const [name, some] of Map.groupBy(flags, (flag) => flag.member)) {
    const link = member.links.find(({ target }) => target === name);
    const reach = ports.others.get(name);
    // The primary's own log has no drift; and a member that is no more of the set has no lane.
    if (link === undefined || reach === undefined) continue;
    const { flagged, unread } = await keysOf(reach, some.slice(-DRIFT_KEYS_PER_RUN));
    for (const { key, cause, at } of flagged.slice(0, DRIFT_EVENTS_PER_RUN - told.length)) told.push({ member: name, cause, key, at });
    for (const cause of ['hand-write', 'hand-delete'] as const) {
      const found = some.filter(({ entry }) => entry.removed === (cause === 'hand-delete')).length;
      if (found > 0) runtime.metrics.count('DriftFound', found, { member: name, cause });
    }
    const over = unread + Math.max(0, some.length - DRIFT_KEYS_PER_RUN);
    // To a link that is not open nothing is sent: whoever opens it makes its target equal.
    const held = options.repair && links.get(name)?.state === 'open' ? await repair(link, flagged) : undefined;
    counts.set(name, { found: some.length, sent: held === undefined ? 0 : flagged.length - held, held: held ?? 0, over });
  }
  await note();
  await sendEvents(
    ports,
    runtime,
    told.map((detail) => ({ type: 'Syncline Drift Found', detail: { set: member.set, ...detail } })),
  );

  /** The keys of flagged entries, each once, the newest. One whose line is gone or damaged is left to the proof. */
  async function keysOf(reach: MemberReach, some: readonly DriftFlag[]): Promise<{ readonly flagged: readonly Flagged[]; readonly unread: number }> {
    const newest = new Map(some.map((flag) => [flag.entry.keyHash.toString('hex'), flag]));
    const frames = [...Map.groupBy(newest.values(), ({ ref, entry }) => `${ref.name} ${entry.frame}`).values()];
    const flagged: Flagged[] = [];
    let unread = 0;
    for (let at = 0; at < frames.length; at += FRAMES_AT_ONCE) {
      // What is not read in time is left to the proof, as what cannot be read: the other parts of the minute have their turn, too.
      if (runtime.clock.elapsed() >= until) return { flagged, unread: newest.size - flagged.length };
      await together(
        frames.slice(at, at + FRAMES_AT_ONCE).map(async (some) => {
          const { ref, footer } = some[0] as DriftFlag;
          const entries = some.map(({ entry }) => entry);
          try {
            const records = await readLines(reach.place, runtime, ref, footer, entries);
            records.forEach(({ keys }, i) => {
              const { removed, at: made } = entries[i] as DriftFlag['entry'];
              flagged.push({ key: keyOf(keys, member.key), cause: removed ? 'hand-delete' : 'hand-write', at: made });
            });
          } catch (error) {
            if (!(error instanceof FormatError)) throw error;
            unread += entries.length;
            if (unread <= UNREADABLE_LOGGED_MAX) runtime.log.error('Flagged lines of a log cannot be read.', { segment: ref.name, why: whyText(error) });
          }
        }),
      );
    }
    return { flagged, unread };
  }

  /** Sends the resyncs. Returns how many keys are held. */
  async function repair(link: LinkContext, flagged: readonly Flagged[]): Promise<number> {
    const here = await existing(flagged.map(({ key }) => key));
    const extra = flagged.filter(({ key }) => !here.has(keyText(key, member.key)));
    const braked = isBraked(extra.length, 0);
    const due = braked ? flagged.filter(({ key }) => here.has(keyText(key, member.key))) : flagged;
    if (braked)
      runtime.log.error('Items that only a replica has are held: so many deletions a human must allow. See "syncline check --repair --allow-deletes".', {
        member: link.target,
        keys: extra.length,
      });
    const envelope = { set: link.set, epoch, source: link.source, lanes: link.lanes, sent: runtime.clock.now() };
    const sends = planResync(
      due.map(({ key }) => ({ k: key })),
      envelope,
      link.key,
      { job: JOB },
    );
    const { failed } = await sendToLanes(ports.queue, link.queueUrl, sends, () => runtime.chance.nonce());
    const why = failed.values().next().value;
    if (why !== undefined) throw why;
    return braked ? extra.length : 0;
  }

  /** Those of these keys that the primary holds. */
  async function existing(keys: readonly Key[]): Promise<ReadonlySet<string>> {
    const { items } = member.tables;
    const found = new Set<string>();
    let left = [...keys];
    const project = [[member.key.partition.name], ...(member.key.sort === undefined ? [] : [[member.key.sort.name]])];
    // Each call reads at least one key, or throws; so there are at most as many as keys.
    for (let calls = 0; left.length > 0; calls += 1) {
      assert(calls <= keys.length, 'reads of keys that come to no end', { keys: keys.length, left: left.length });
      const some = left.slice(0, BATCH_GET_KEYS);
      const answer = await retried(runtime, until, () => table.batchGet({ tables: [{ table: items, keys: some, project }] }));
      for (const item of answer.items.get(items) ?? []) found.add(keyText(item, member.key));
      const unread = answer.unprocessed.get(items) ?? [];
      if (unread.length === some.length) throw new RemoteError('throttled', 'UnprocessedKeys', 'no key of a batch was read');
      left = [...unread, ...left.slice(BATCH_GET_KEYS)];
    }
    return found;
  }

  /** The numbers for people: a failure here does not send the same repairs again. */
  async function note(): Promise<void> {
    const { control } = member.tables;
    try {
      const row = await readDrift(table, control, runtime, until);
      await writeDrift(table, control, runtime, until, withDrift(row, counts, runtime.clock.now()));
    } catch (error) {
      runtime.log.warn('The row of drift could not be written.', { why: whyText(error) });
    }
  }
}
