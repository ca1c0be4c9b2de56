import { FormatError } from '../../core/errors.ts';
import type { LaneReport } from '../../core/formats/report.ts';
import { decodeReport, reportName } from '../../core/formats/report.ts';
import { keyText } from '../../core/key.ts';
import { whyText } from '../../ports/errors.ts';
import { retried } from '../../replicate/retry.ts';
import { together } from '../../replicate/together.ts';
import type { Asked, BatchKey, Outcome, Said, VerdictBatch } from './batch.ts';
import { decided, nextRound } from './batch.ts';
import { divergent, judgeAnswer } from './judge.ts';
import { REPORT_POLL_MS, REPORT_WAIT_MAX_MS, REPORTS_AT_ONCE } from './limits.ts';
import type { Look, Stepped } from './look.ts';
import { AT_ONCE_MS, linkTo } from './look.ts';

/** The phase `sent`: waits for the answers, and says what they say by themselves. @throws RemoteError */
export async function collect(batch: VerdictBatch, look: Look): Promise<Stepped> {
  const { clock } = look.runtime;
  const since = batch.since ?? 0;
  const open = batch.asked.filter(({ answered }) => !answered).slice(0, REPORTS_AT_ONCE);
  const answers = await together(open.map((asked) => readAnswer(asked, look)));
  let left = batch;
  for (const [i, answer] of answers.entries()) if (answer !== undefined) left = taken(left, open[i] as Asked, answer, look);
  const got = answers.some((answer) => answer !== undefined);
  const missing = left.asked.filter(({ answered }) => !answered);
  if (missing.length > 0) {
    const waited = clock.now() - since;
    // While answers come, the rest is asked for at once.
    if (got && waited <= REPORT_WAIT_MAX_MS) return { batch: left, waitMs: AT_ONCE_MS };
    // The ones that were not looked at now get their turn.
    const turned = { ...left, asked: [...left.asked.filter((asked) => !open.includes(asked)), ...left.asked.filter((asked) => open.includes(asked))] };
    if (waited <= REPORT_WAIT_MAX_MS) return { batch: turned, waitMs: Math.min(Math.max(REPORT_POLL_MS.first, waited / 4), REPORT_POLL_MS.max) };
    for (const asked of missing) left = await silent(left, asked, look);
  }
  const judged = withAnswers(left);
  const differs = judged.keys.some(({ outcome, said }) => outcome === undefined && said !== undefined);
  return differs ? { batch: { ...judged, phase: 'log', since: clock.now() }, waitMs: AT_ONCE_MS } : { batch: nextRound(judged), waitMs: AT_ONCE_MS };
}

/** An answer, why there will be none, or nothing yet. */
async function readAnswer({ job, lane }: Asked, { ports, runtime, untilMs }: Look): Promise<LaneReport | string | undefined> {
  const { objects, bucket } = ports.own.place;
  const name = reportName(job, lane);
  const read = await retried(runtime, untilMs, () => objects.get(bucket, name));
  if (read === undefined) return undefined;
  try {
    return decodeReport(read.body, name);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return error.message;
  }
}

/** The batch with an answer in it. */
function taken(batch: VerdictBatch, asked: Asked, answer: LaneReport | string, { ports }: Look): VerdictBatch {
  const at = batch.asked.indexOf(asked);
  const done = { ...batch, asked: batch.asked.map((one, i) => (i === at ? { ...one, answered: true } : one)) };
  const problem = typeof answer === 'string' ? answer : answer.target === asked.target && answer.epoch === batch.epoch ? undefined : 'of another link or epoch';
  if (typeof answer === 'string' || problem !== undefined) {
    return decided(done, new Map(asked.keys.map((i) => [i, { verdict: 'unverified', why: `The answer to a question cannot be used: ${problem}.` }])));
  }
  const schema = ports.own.member.key;
  const said = new Map(answer.keys.map(({ k, ...rest }): [string, Said] => [keyText(k, schema), { ...rest, at: answer.at }]));
  const wanted = new Set(asked.keys);
  return {
    ...done,
    keys: done.keys.map((key, i) => {
      const found = wanted.has(i) && key.outcome === undefined ? said.get(keyText(key.k, schema)) : undefined;
      return found === undefined ? key : { ...key, said: found };
    }),
  };
}

/** Gives up what was not answered. */
async function silent(batch: VerdictBatch, asked: Asked, look: Look): Promise<VerdictBatch> {
  const failing = look.links.get(asked.target)?.failing;
  const waiting = failing === undefined ? await waitingWhy(asked, look) : `the target does not take writes (${failing.why})`;
  const why = `The lane to ${asked.target} did not answer within ${Math.round(REPORT_WAIT_MAX_MS / 60_000)} min: ${waiting}.`;
  return decided(
    { ...batch, asked: batch.asked.map((one) => (one === asked ? { ...one, answered: true } : one)) },
    new Map(asked.keys.map((i) => [i, { verdict: 'unverified', why }])),
  );
}

async function waitingWhy(asked: Asked, look: Look): Promise<string> {
  const url = linkTo(look, asked.target)?.queueUrl;
  if (url === undefined) return 'it is there no more';
  try {
    const { visible, inFlight } = await look.ports.queue.depth(url);
    return `about ${visible + inFlight} messages are in its queue`;
  } catch (error) {
    return whyText(error);
  }
}

/** Gives outcomes to the keys whose answer needs no log. Pure. */
export function withAnswers(batch: VerdictBatch): VerdictBatch {
  const outcomes = new Map<number, Outcome>();
  const keys = batch.keys.map((key, i): BatchKey => {
    const { said, candidate, ...rest } = key;
    if (key.outcome !== undefined || said === undefined) return key;
    const outcome = judgeAnswer(said) ?? (candidate !== undefined && isSame(candidate, said) ? divergent(said) : undefined);
    if (outcome !== undefined) outcomes.set(i, outcome);
    // What was seen before is not what is there now: it is judged anew.
    return { ...rest, said };
  });
  return decided({ ...batch, keys }, outcomes);
}

const isSame = (candidate: { readonly s?: string; readonly t?: string }, said: Said): boolean => candidate.s === said.s && candidate.t === said.t;
