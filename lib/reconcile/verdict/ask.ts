import { isoSeconds } from '../../core/calendar.ts';
import { RESYNC_KEYS_MAX } from '../../core/constants.ts';
import { keyHash, keyText } from '../../core/key.ts';
import { laneOf } from '../../core/lanes.ts';
import { whyText } from '../../ports/errors.ts';
import { resyncBodies } from '../../replicate/fanout-plan.ts';
import { retried } from '../../replicate/retry.ts';
import { sendToLanes } from '../../replicate/send.ts';
import type { Asked, VerdictBatch } from './batch.ts';
import { givenUp } from './batch.ts';
import { PASS_POLL_MS, PASS_WAIT_MAX_MS, QUEUE_DEPTH_MAX } from './limits.ts';
import type { Look, Stepped } from './look.ts';
import { AT_ONCE_MS, linkTo, readReaders } from './look.ts';
import { behindOf } from './passed.ts';

const minutes = (ms: number): string => `${Math.round(ms / 60_000)} min`;

/** The phase `pass`: waits until everything made before T is in the lanes, and asks. @throws RemoteError, FormatError */
export async function ask(batch: VerdictBatch, look: Look): Promise<Stepped> {
  if (batch.t !== undefined) return askWhenPassed(batch, batch.t, look);
  const why = await foreignSource(look);
  if (why !== undefined) return { batch: givenUp(batch, why), waitMs: AT_ONCE_MS };
  const now = look.runtime.clock.now();
  return askWhenPassed({ ...batch, t: now, since: now, epoch: look.seat.own }, now, look);
}

async function askWhenPassed(batch: VerdictBatch, t: number, look: Look): Promise<Stepped> {
  const { runtime } = look;
  const readers = await readReaders(look);
  if (typeof readers === 'string') return { batch: givenUp(batch, readers), waitMs: AT_ONCE_MS };
  const isLate = readers.now - t > PASS_WAIT_MAX_MS;
  const behind = behindOf(readers.rows, readers.shards, 'sent', t, readers.now);
  if (behind === 'no') {
    const why = `Fan-out has not sent everything that was written before ${isoSeconds(t)} within ${minutes(PASS_WAIT_MAX_MS)}: it is behind, or stands still.`;
    return isLate ? { batch: givenUp(batch, why), waitMs: AT_ONCE_MS } : { batch, waitMs: PASS_POLL_MS };
  }
  const deep = await deepQueues(batch, look);
  if (deep.size > 0) {
    if (!isLate) return { batch, waitMs: PASS_POLL_MS };
    const left = [...deep].reduce(
      (b, [target, depth]) => givenUp(b, `${depth} messages wait for ${target}: its copies are behind, and nothing more is asked of it.`, new Set([target])),
      batch,
    );
    return { batch: left, waitMs: AT_ONCE_MS };
  }
  const sent = Object.fromEntries(readers.rows.flatMap((row) => (row.sent === undefined ? [] : [[row.id, row.sent.sequence]])));
  const { asked, refused } = await send(batch, look);
  if (refused !== undefined) {
    return isLate ? { batch: givenUp(batch, `The queues refuse questions (${refused}).`), waitMs: AT_ONCE_MS } : { batch, waitMs: PASS_POLL_MS };
  }
  return { batch: { ...batch, phase: 'sent', since: runtime.clock.now(), sent, sentHard: behind === 'hard', asked }, waitMs: AT_ONCE_MS };
}

/** Why the source is not the table that is replicated, or undefined. */
async function foreignSource({ ports, runtime, untilMs, seat }: Look): Promise<string | undefined> {
  const { items } = ports.own.member.tables;
  const table = await retried(runtime, untilMs, () => ports.own.table.describe(items));
  if (table.tableId !== seat.tableId) return `The table "${items}" was made anew: it is not the one that is registered.`;
  if (table.streamArn !== seat.stream || !table.streamEnabled)
    return `The stream of the table "${items}" was replaced or disabled: what changes is not seen in order.`;
  return undefined;
}

/** Targets with open keys whose queues are too long to ask. */
async function deepQueues(batch: VerdictBatch, look: Look): Promise<Map<string, number>> {
  const { ports, runtime, untilMs } = look;
  const deep = new Map<string, number>();
  for (const target of new Set(batch.keys.flatMap((key) => (key.outcome === undefined ? [key.target] : [])))) {
    const url = linkTo(look, target)?.queueUrl;
    if (url === undefined) continue;
    const { visible, inFlight, delayed } = await retried(runtime, untilMs, () => ports.queue.depth(url));
    if (visible + inFlight + delayed > QUEUE_DEPTH_MAX) deep.set(target, visible + inFlight + delayed);
  }
  return deep;
}

/** Sends the questions of a round, each with the name of its own answer. */
async function send(batch: VerdictBatch, look: Look): Promise<{ readonly asked: readonly Asked[]; readonly refused?: string }> {
  const { ports, runtime, seat } = look;
  const nonce = runtime.chance.nonce().slice(0, 8);
  const asked: Asked[] = [];
  for (const link of ports.own.member.links) {
    const lanes = new Map<number, number[]>();
    batch.keys.forEach(({ k, target, outcome }, i) => {
      if (target !== link.target || outcome !== undefined) return;
      const lane = laneOf(keyHash(keyText(k, link.key)), link.lanes);
      lanes.set(lane, [...(lanes.get(lane) ?? []), i]);
    });
    const questions = [...lanes].flatMap(([lane, places]) =>
      chunks(places).map((keys, i): Asked => {
        const job = `${batch.check}/${batch.n}-${batch.round}-${nonce}-${link.target}-${i}`;
        return { target: link.target, lane, job, keys, answered: false };
      }),
    );
    const sends = questions.flatMap(({ lane, job, keys }) => {
      const envelope = { set: link.set, epoch: seat.own, source: link.source, lane, lanes: link.lanes, sent: runtime.clock.now() };
      const wanted = keys.map((i) => ({ k: (batch.keys[i] as VerdictBatch['keys'][number]).k }));
      return resyncBodies(envelope, wanted, { mode: 'report', job }).map((body) => ({ lane, body }));
    });
    const { failed } = await sendToLanes(ports.queue, link.queueUrl, sends, () => runtime.chance.nonce());
    const error = failed.values().next().value;
    if (error !== undefined) return { asked: [], refused: whyText(error) };
    asked.push(...questions);
  }
  return { asked };
}

function chunks(places: readonly number[]): number[][] {
  const found: number[][] = [];
  for (let at = 0; at < places.length; at += RESYNC_KEYS_MAX) found.push(places.slice(at, at + RESYNC_KEYS_MAX));
  return found;
}
