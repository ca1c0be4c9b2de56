import { archivedBound } from '../../archive/log/until.ts';
import { readArchiveSettings } from '../../archive/settings-row.ts';
import { FormatError } from '../../core/errors.ts';
import { retried } from '../../replicate/retry.ts';
import { LogGapError } from '../segments.ts';
import type { VerdictBatch } from './batch.ts';
import { givenUp, nextRound } from './batch.ts';
import type { RoundFacts } from './judge.ts';
import { factsOf } from './judge.ts';
import { LETTERS_POLL_MS, LETTERS_WAIT_MAX_MS, LOG_POLL_MS, LOG_WAIT_MAX_MS, MOTION_MARGIN_MS } from './limits.ts';
import type { Look, Stepped } from './look.ts';
import { AT_ONCE_MS, linkTo, readReaders } from './look.ts';
import { withImages, withPasts } from './looked-up.ts';
import type { Near } from './near-log.ts';
import { lookNear } from './near-log.ts';
import { behindOf } from './passed.ts';
import type { OpenKey } from './round.ts';
import { imagesWanted, judgeRound, pastsWanted } from './round.ts';

/** The phase `log`: waits until the source's log reaches past the answers, and judges by it. @throws RemoteError, FormatError */
export async function explain(batch: VerdictBatch, look: Look): Promise<Stepped> {
  const { ports, runtime, untilMs, seat } = look;
  const { clock } = runtime;
  const open = batch.keys.flatMap(({ k, said, outcome }, i) => (outcome === undefined && said !== undefined ? [{ i, k, said }] : []));
  const readers = await readReaders(look);
  if (typeof readers === 'string') return { batch: givenUp(batch, readers), waitMs: AT_ONCE_MS };
  const needMs = open.reduce((latest, { said }) => Math.max(latest, said.at), 0) + MOTION_MARGIN_MS;
  const seenHard = behindOf(readers.rows, readers.shards, 'seen', needMs, readers.now) === 'hard';
  if (!seenHard) {
    const { windowMs } = await readArchiveSettings(ports.own.table, ports.own.member.tables.control, runtime, untilMs);
    const bound = archivedBound(readers.rows, readers.shards, readers.now, windowMs);
    if (bound.untilMs < needMs) {
      if (readers.now - (batch.since ?? 0) <= LOG_WAIT_MAX_MS) return { batch, waitMs: LOG_POLL_MS };
      return { batch: givenUp(batch, `The log of the source is behind, so that its changes cannot be told from divergence. ${bound.why}`), waitMs: AT_ONCE_MS };
    }
  }
  const facts = factsOf(batch, seat.since, seenHard);
  let near: readonly Near[] | undefined;
  try {
    near = await lookNear(ports.own, runtime, open, facts.t, untilMs);
  } catch (error) {
    if (!(error instanceof LogGapError || error instanceof FormatError)) throw error;
    return { batch: givenUp(batch, `The log of the source is not whole: ${error.message}`), waitMs: AT_ONCE_MS };
  }
  // Out of time: the next step has its own.
  if (near === undefined) {
    const isLong = readers.now - (batch.since ?? 0) > LOG_WAIT_MAX_MS;
    return { batch: isLong ? givenUp(batch, 'The log of the source could not be read in the time that there is.') : batch, waitMs: AT_ONCE_MS };
  }
  const keys = open.map(({ i, said }, n): OpenKey => ({ i, said, near: near[n] as Near }));
  return endRound(batch, look, facts, keys, clock.now());
}

/** Looks up what is still needed, and judges when all of it is there: what is left goes into the next round. @throws RemoteError */
async function endRound(batch: VerdictBatch, look: Look, facts: RoundFacts, open: readonly OpenKey[], now: number): Promise<Stepped> {
  const pasts = await withPasts(batch, look, pastsWanted(batch, facts, open));
  if (!pasts.done) return { batch: pasts.batch, waitMs: AT_ONCE_MS };
  const known = await withImages(pasts.batch, look, imagesWanted(pasts.batch, facts, open));
  if (!known.done) return { batch: known.batch, waitMs: AT_ONCE_MS };
  const { batch: judged, candidates } = judgeRound(known.batch, facts, open);
  const letters = await hasDeadLetters(look, candidates);
  const since = batch.letters ?? now;
  if (letters && now - since <= LETTERS_WAIT_MAX_MS) return { batch: { ...known.batch, letters: since }, waitMs: LETTERS_POLL_MS };
  return { batch: nextRound(judged), waitMs: AT_ONCE_MS };
}

/** Whether a link with candidates has dead letters: the minute run is about to make resyncs of them. @throws RemoteError */
async function hasDeadLetters(look: Look, targets: ReadonlySet<string>): Promise<boolean> {
  const { ports, runtime, untilMs } = look;
  for (const target of targets) {
    const url = linkTo(look, target)?.dlqUrl;
    if (url === undefined) continue;
    const { visible, inFlight, delayed } = await retried(runtime, untilMs, () => ports.queue.depth(url));
    if (visible + inFlight + delayed > 0) return true;
  }
  return false;
}
